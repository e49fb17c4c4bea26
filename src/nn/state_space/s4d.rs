//! S4D, the diagonal state-space layer (Gu, Gupta, Goel and Ré 2022, "On the Parameterization and Initialization of
//! Diagonal State Space Models"): every channel is a linear system x' = A x + B u, y = 2 Re(C x) + D u of its own with N
//! complex modes, the conjugate half of them implied.

use crate::engine::error::EngineError;
use crate::engine::graph::{DiagonalInput, Graph, Initial, Op, ScanOutput, ValueId};
use crate::engine::kernels::binary::Binary;
use crate::engine::kernels::discretise::Discretisation;
use crate::engine::kernels::real::Real;
use crate::engine::kernels::unary::Unary;

/// Step lengths at the start: their logarithms are uniform between those of these.
const STEP_LENGTHS: [f32; 2] = [0.001, 0.1];

/// The layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct S4d {
    /// Channels H.
    pub channels: usize,
    /// Complex modes N of a channel.
    pub modes: usize,
    /// From continuous time to steps.
    pub discretisation: Discretisation,
}

/// The layer's parameters.
#[derive(Clone, Copy, Debug)]
pub struct S4dParameters {
    /// ln of the step length (H).
    pub log_dt: ValueId,
    /// ln of minus the poles' real parts (H, N).
    pub log_a_real: ValueId,
    /// The poles' imaginary parts (H, N).
    pub a_imag: ValueId,
    /// (H, N, 2).
    pub b: ValueId,
    /// (H, N, 2).
    pub c: ValueId,
    /// (H).
    pub d: ValueId,
}

/// What follows from the parameters alone.
#[derive(Clone, Copy, Debug)]
pub struct S4dSystem {
    /// Step lengths (H).
    pub dt: ValueId,
    /// A = -exp(log_A_real) + i A_imag (H, N, 2).
    pub poles: ValueId,
    /// dA (H, N, 2).
    pub decay: ValueId,
    /// dB (H, N, 2).
    pub input: ValueId,
}

impl S4d {
    /// Adds the parameters `{prefix}log_dt`, `log_A_real`, `A_imag`, `B`, `C`, `D`, initialised as S4D-Lin: A_n = -1/2 +
    /// i pi n, B = 1, C and D normal, step lengths from 0.001 to 0.1.
    pub fn parameters(&self, graph: &mut Graph, prefix: &str) -> S4dParameters {
        let (channels, modes) = (self.channels, self.modes);
        let mut parameter = |name: &str, shape: &[usize], initial: Initial| {
            let value = graph.parameter(format!("{prefix}{name}"), shape);
            graph.start(value, initial);
            value
        };
        let [shortest, longest] = STEP_LENGTHS.map(Real::ln);
        let frequencies = (0..channels * modes).map(|at| std::f32::consts::PI * (at % modes) as f32).collect();
        let ones = (0..2 * channels * modes).map(|at| if at % 2 == 0 { 1.0 } else { 0.0 }).collect();
        S4dParameters {
            log_dt: parameter("log_dt", &[channels], Initial::Between(shortest, longest)),
            log_a_real: parameter("log_A_real", &[channels, modes], Initial::Constant(-std::f32::consts::LN_2)),
            a_imag: parameter("A_imag", &[channels, modes], Initial::Listed(frequencies)),
            b: parameter("B", &[channels, modes, 2], Initial::Listed(ones)),
            c: parameter("C", &[channels, modes, 2], Initial::Normal(std::f32::consts::FRAC_1_SQRT_2)),
            d: parameter("D", &[channels], Initial::Normal(1.0)),
        }
    }

    /// Poles, step lengths, and the discrete system.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for parameters of other sizes; so do the other methods.
    pub fn system(&self, graph: &mut Graph, parameters: &S4dParameters) -> Result<S4dSystem, EngineError> {
        let dt = graph.unary(Unary::Exp, parameters.log_dt)?;
        let speed = graph.unary(Unary::Exp, parameters.log_a_real)?;
        let real = graph.affine(speed, -1.0, 0.0)?;
        let mut parts = Vec::new();
        for part in [real, parameters.a_imag] {
            parts.push(graph.apply(Op::ExpandLast { width: 1 }, &[part])?[0]);
        }
        let poles = graph.concat(&parts, 2)?;
        let [decay, input] = graph.discretise(self.discretisation, dt, poles, parameters.b)?;
        Ok(S4dSystem { dt, poles, decay, input })
    }

    /// Step by step from x0 (B, H, N, 2): y (T, B, H) for u (T, B, H), and every state.
    ///
    /// # Errors
    /// As [`S4d::system`].
    pub fn recurrence(
        &self,
        graph: &mut Graph,
        parameters: &S4dParameters,
        system: &S4dSystem,
        u: ValueId,
        x0: ValueId,
    ) -> Result<ScanOutput, EngineError> {
        let S4dSystem { decay, input, .. } = *system;
        let scan = graph.diagonal_scan(&DiagonalInput { u, decay, input, output: parameters.c, x0 })?;
        Ok(ScanOutput { y: skip(graph, scan.y, u, parameters.d)?, ..scan })
    }

    /// The convolution kernel K (T, 1, H) by lag: what the system answers to an input that is 1 and then 0.
    /// K_l = 2 Re(sum over n of C dB dA^l).
    ///
    /// # Errors
    /// As [`S4d::system`].
    pub fn kernel(
        &self,
        graph: &mut Graph,
        parameters: &S4dParameters,
        system: &S4dSystem,
        steps: usize,
    ) -> Result<ValueId, EngineError> {
        let one = graph.fill(1.0, [1, 1, self.channels])?;
        let u = graph.apply(Op::Pad { axis: 0, start: 0, total: steps }, &[one])?[0];
        let x0 = graph.fill(0.0, [1, self.channels, self.modes, 2])?;
        let S4dSystem { decay, input, .. } = *system;
        Ok(graph.diagonal_scan(&DiagonalInput { u, decay, input, output: parameters.c, x0 })?.y)
    }

    /// The same as the recurrence from zero states, as one convolution with the kernel.
    ///
    /// # Errors
    /// As [`S4d::system`].
    pub fn convolution(
        &self,
        graph: &mut Graph,
        parameters: &S4dParameters,
        kernel: ValueId,
        u: ValueId,
    ) -> Result<ValueId, EngineError> {
        let y = graph.apply(Op::LongConv, &[u, kernel])?[0];
        skip(graph, y, u, parameters.d)
    }
}

/// y + D u.
pub(super) fn skip(graph: &mut Graph, y: ValueId, u: ValueId, d: ValueId) -> Result<ValueId, EngineError> {
    let direct = graph.binary(Binary::Mul, u, d)?;
    graph.binary(Binary::Add, y, direct)
}
