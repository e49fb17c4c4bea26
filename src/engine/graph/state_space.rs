//! State-space ops: what builds them, and their gradient rules.

use super::gradient::{InputGradients, Share};
use super::*;
use crate::engine::kernels::discretise::Discretisation;

/// What a scan computes.
#[derive(Clone, Copy, Debug)]
pub struct ScanOutput {
    /// (T, B, H).
    pub y: ValueId,
    /// The state after every step: (T, B, H, N, 2) of a diagonal scan, (T, B, D, N) of a selective one.
    pub states: ValueId,
}

/// Operands of a diagonal scan; see [`Op::DiagonalScan`].
#[derive(Clone, Copy, Debug)]
pub struct DiagonalInput {
    /// (T, B, H).
    pub u: ValueId,
    /// dA (H, N, 2).
    pub decay: ValueId,
    /// dB (H, N, 2).
    pub input: ValueId,
    /// C (H, N, 2).
    pub output: ValueId,
    /// (B, H, N, 2).
    pub x0: ValueId,
}

/// Operands of a selective scan; see [`Op::SelectiveScan`].
#[derive(Clone, Copy, Debug)]
pub struct SelectiveInput {
    /// (T, B, D).
    pub u: ValueId,
    /// Step lengths (T, B, D), positive.
    pub delta: ValueId,
    /// (D, N), negative.
    pub a: ValueId,
    /// (T, B, N).
    pub b: ValueId,
    /// (T, B, N).
    pub c: ValueId,
    /// (B, D, N).
    pub x0: ValueId,
}

impl Graph {
    /// dA and dB (H, N, 2) of a continuous system; see [`Op::Discretise`].
    ///
    /// # Errors
    /// As [`Graph::apply`].
    pub fn discretise(
        &mut self,
        rule: Discretisation,
        dt: ValueId,
        a: ValueId,
        b: ValueId,
    ) -> Result<[ValueId; 2], EngineError> {
        let outputs = self.apply(Op::Discretise(rule), &[dt, a, b])?;
        Ok([outputs[0], outputs[1]])
    }

    /// A diagonal state-space layer step by step.
    ///
    /// # Errors
    /// As [`Graph::apply`].
    pub fn diagonal_scan(&mut self, operands: &DiagonalInput) -> Result<ScanOutput, EngineError> {
        let DiagonalInput { u, decay, input, output, x0 } = *operands;
        let outputs = self.apply(Op::DiagonalScan, &[u, decay, input, output, x0])?;
        Ok(ScanOutput { y: outputs[0], states: outputs[1] })
    }

    /// Mamba's scan.
    ///
    /// # Errors
    /// As [`Graph::apply`].
    pub fn selective_scan(&mut self, operands: &SelectiveInput) -> Result<ScanOutput, EngineError> {
        let SelectiveInput { u, delta, a, b, c, x0 } = *operands;
        let outputs = self.apply(Op::SelectiveScan, &[u, delta, a, b, c, x0])?;
        Ok(ScanOutput { y: outputs[0], states: outputs[1] })
    }

    pub(super) fn discretise_rule(
        &mut self,
        rule: Discretisation,
        node: &Node,
        dy: &[Option<ValueId>],
    ) -> InputGradients {
        let mut operands = node.inputs.clone();
        for (output, gradient) in node.outputs.iter().zip(dy) {
            operands.push(self.or_zeros(*gradient, *output)?);
        }
        let outputs = self.apply(Op::DiscretiseGrad(rule), &operands)?;
        let dt = self.apply_first(Op::SumLast, &[outputs[0]])?;
        Ok([dt, outputs[1], outputs[2]].map(Share::Tensor).into())
    }

    /// Backpropagation through a scan in one op. Its outputs are the gradients of the scan's operands in order, then
    /// the total derivatives in the states.
    pub(super) fn scan_rule(
        &mut self,
        backward: Op,
        node: &Node,
        dy: &[Option<ValueId>],
        gradients: &mut Gradients,
    ) -> InputGradients {
        let (y, states) = (node.outputs[0], node.outputs[1]);
        let mut operands = node.inputs.clone();
        operands.extend([states, self.or_zeros(dy[0], y)?]);
        operands.extend(dy[1]);
        let mut outputs = self.apply(backward, &operands)?;
        let total = outputs.pop().expect("the last output is the total derivative");
        gradients.total.insert(states, total);
        Ok(outputs.into_iter().map(Share::Tensor).collect())
    }

    fn or_zeros(&mut self, gradient: Option<ValueId>, like: ValueId) -> Result<ValueId, EngineError> {
        match gradient {
            Some(gradient) => Ok(gradient),
            None => self.fill(0.0, self.shape(like).clone()),
        }
    }
}
