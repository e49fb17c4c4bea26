//! The Mamba block (Gu and Dao 2023, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces"), with the
//! parameter names of the authors' `mamba_ssm.Mamba`: [x; z] = in_proj(u); x = silu(causal depthwise conv1d(x));
//! [dt; B; C] = x_proj(x); delta = softplus(dt_proj(dt)); out_proj(selective scan(x, delta, -exp(A_log), B, C, D) silu(z)).

use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Initial, Op, SelectiveInput, ValueId};
use crate::engine::kernels::binary::Binary;
use crate::engine::kernels::real::Real;
use crate::engine::kernels::unary::Unary;

use super::s4d::skip;

/// Step lengths at the start: their logarithms are uniform between those of these.
const STEP_LENGTHS: [f32; 2] = [0.001, 0.1];

/// The block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mamba {
    /// Width of the model (`d_model`).
    pub model: usize,
    /// Channels of the scan D (`d_inner`).
    pub inner: usize,
    /// Numbers of state N of a channel (`d_state`).
    pub state: usize,
    /// Numbers that the step lengths are made from (`dt_rank`).
    pub rank: usize,
    /// Taps K of the convolution (`d_conv`), at least 1.
    pub taps: usize,
}

/// The block's parameters.
#[derive(Clone, Copy, Debug)]
pub struct MambaParameters {
    /// (2 D, model).
    pub in_proj: ValueId,
    /// (D, 1, K); tap K-1 acts on the current step.
    pub conv_weight: ValueId,
    /// (D).
    pub conv_bias: ValueId,
    /// (rank + 2 N, D).
    pub x_proj: ValueId,
    /// (D, rank).
    pub dt_weight: ValueId,
    /// (D).
    pub dt_bias: ValueId,
    /// ln of minus A (D, N).
    pub a_log: ValueId,
    /// (D).
    pub d: ValueId,
    /// (model, D).
    pub out_proj: ValueId,
}

/// What a block computes.
#[derive(Clone, Debug)]
pub struct MambaOutput {
    /// (T, B, model).
    pub y: ValueId,
    /// The scan's input after convolution and silu (T, B, D).
    pub conv: ValueId,
    /// The gate before its silu (T, B, D).
    pub z: ValueId,
    /// Step lengths (T, B, D).
    pub delta: ValueId,
    /// A = -exp(A_log) (D, N).
    pub a: ValueId,
    /// (T, B, N).
    pub b: ValueId,
    /// (T, B, N).
    pub c: ValueId,
    /// (T, B, D, N).
    pub states: ValueId,
    /// The scan's output with D and gate (T, B, D).
    pub scan: ValueId,
    /// The last K-1 inputs of the convolution, earliest first, (1, B, D) each.
    pub window: Vec<ValueId>,
}

impl Mamba {
    /// The authors' sizes for a width of the model: twice as many channels, four taps, rank model / 16 rounded up.
    pub fn of_width(model: usize, state: usize) -> Mamba {
        Mamba { model, inner: 2 * model, state, rank: model.div_ceil(16), taps: 4 }
    }

    /// Adds the parameters, each named after `prefix`, initialised as the authors do: A_log = ln(1..N), D = 1, step
    /// lengths from 0.001 to 0.1 through dt_proj.bias, the rest as `nn.Linear` and `nn.Conv1d`.
    pub fn parameters(&self, graph: &mut Graph, prefix: &str) -> MambaParameters {
        let Mamba { model, inner, state, rank, taps } = *self;
        let mut parameter = |name: &str, shape: &[usize], initial: Initial| {
            let value = graph.parameter(format!("{prefix}{name}"), shape);
            graph.start(value, initial);
            value
        };
        let logs = (0..inner * state).map(|at| Real::ln((at % state + 1) as f32)).collect();
        let [shortest, longest] = STEP_LENGTHS;
        MambaParameters {
            a_log: parameter("A_log", &[inner, state], Initial::Listed(logs)),
            d: parameter("D", &[inner], Initial::Constant(1.0)),
            in_proj: parameter("in_proj.weight", &[2 * inner, model], Initial::torch(model)),
            conv_weight: parameter("conv1d.weight", &[inner, 1, taps], Initial::torch(taps)),
            conv_bias: parameter("conv1d.bias", &[inner], Initial::torch(taps)),
            x_proj: parameter("x_proj.weight", &[rank + 2 * state, inner], Initial::torch(inner)),
            dt_weight: parameter("dt_proj.weight", &[inner, rank], Initial::torch(rank)),
            dt_bias: parameter("dt_proj.bias", &[inner], Initial::SoftplusOf(shortest, longest)),
            out_proj: parameter("out_proj.weight", &[model, inner], Initial::torch(inner)),
        }
    }

    /// Runs over u (T, B, model) from the state x0 (B, D, N). `window` holds the K-1 inputs of the convolution before
    /// the first step, earliest first, (1, B, D) each; empty stands for zeros.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the operands do not fit.
    pub fn forward(
        &self,
        graph: &mut Graph,
        parameters: &MambaParameters,
        u: ValueId,
        x0: ValueId,
        window: &[ValueId],
    ) -> Result<MambaOutput, EngineError> {
        let Mamba { inner, state, rank, .. } = *self;
        let [x, z] = [0, inner].map(|start| {
            let rows = graph.slice(parameters.in_proj, 0, start, inner)?;
            graph.matmul(u, rows, false, true)
        });
        let (x, z) = (x?, z?);
        let (convolved, window) = self.convolve(graph, parameters, x, window)?;
        let biased = graph.binary(Binary::Add, convolved, parameters.conv_bias)?;
        let conv = graph.unary(Unary::Silu, biased)?;
        let projected = graph.matmul(conv, parameters.x_proj, false, true)?;
        let step = graph.slice(projected, 2, 0, rank)?;
        let b = graph.slice(projected, 2, rank, state)?;
        let c = graph.slice(projected, 2, rank + state, state)?;
        let raw = graph.linear(step, parameters.dt_weight, Some(parameters.dt_bias))?;
        let delta = graph.unary(Unary::Softplus, raw)?;
        let speed = graph.unary(Unary::Exp, parameters.a_log)?;
        let a = graph.affine(speed, -1.0, 0.0)?;
        let scan = graph.selective_scan(&SelectiveInput { u: conv, delta, a, b, c, x0 })?;
        let y = skip(graph, scan.y, conv, parameters.d)?;
        let gate = graph.unary(Unary::Silu, z)?;
        let gated = graph.binary(Binary::Mul, y, gate)?;
        let y = graph.matmul(gated, parameters.out_proj, false, true)?;
        Ok(MambaOutput { y, conv, z, delta, a, b, c, states: scan.states, scan: gated, window })
    }

    /// The causal convolution of x (T, B, D) after the steps in `window`, and the window after the last step.
    fn convolve(
        &self,
        graph: &mut Graph,
        parameters: &MambaParameters,
        x: ValueId,
        window: &[ValueId],
    ) -> Result<(ValueId, Vec<ValueId>), EngineError> {
        let (steps, before) = (graph.shape(x).0[0], self.taps - 1);
        if window.is_empty() || before == 0 {
            return Ok((graph.apply(Op::Conv1dCausal, &[x, parameters.conv_weight])?[0], Vec::new()));
        }
        let whole = graph.concat(&[window, &[x]].concat(), 0)?;
        let convolved = graph.apply(Op::Conv1dCausal, &[whole, parameters.conv_weight])?[0];
        let after = (0..before).map(|at| graph.slice(whole, 0, steps + at, 1)).collect::<Result<_, _>>()?;
        Ok((graph.slice(convolved, 0, before, steps)?, after))
    }
}
