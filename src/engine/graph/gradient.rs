//! Reverse-mode differentiation as a graph transform: each op has one rule that adds the nodes of its gradient.

use std::collections::HashMap;

use super::*;
use crate::engine::cell::Cell;
use crate::engine::kernels::binary::Binary;

/// What [`Graph::gradients`] found.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    by_value: HashMap<ValueId, ValueId>,
    total: HashMap<ValueId, ValueId>,
}

impl Gradients {
    /// dL/d`value`; `None` where the loss does not depend on it. For the states inside a recurrent layer this is only
    /// the part that comes from outside the layer: see [`Gradients::total`].
    pub fn of(&self, value: ValueId) -> Option<ValueId> {
        self.by_value.get(&value).copied()
    }

    /// The total derivative dL/dh_t (or dL/dc_t) of a recurrent layer's states (T, B, H), through this and all later
    /// steps.
    pub fn total(&self, states: ValueId) -> Option<ValueId> {
        self.total.get(&states).copied()
    }
}

/// The gradient of each input of a node, in order.
type InputGradients = Result<Vec<Option<ValueId>>, EngineError>;

impl Graph {
    /// Adds the nodes that compute the derivatives of the scalar `loss`, within the current program.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when `loss` is not a scalar, or as [`Graph::apply`].
    pub fn gradients(&mut self, loss: ValueId) -> Result<Gradients, EngineError> {
        if self.shape(loss).len() != 1 {
            let detail = format!("a loss is one number, not {}", self.shape(loss));
            return Err(EngineError::Shape { op: "gradients", detail });
        }
        let mut gradients = Gradients::default();
        let seed = self.fill(1.0, self.shape(loss).clone())?;
        gradients.by_value.insert(loss, seed);
        let first = self.programs.last().map_or(0, |program| program.start);
        let Source::Node(last) = self.value(loss).source else { return Ok(gradients) };
        for at in (first..=last).rev() {
            let node = self.nodes[at].clone();
            let outputs: Vec<Option<ValueId>> = node.outputs.iter().map(|id| gradients.of(*id)).collect();
            if outputs.iter().all(Option::is_none) {
                continue;
            }
            let inputs = self.rule(&node, &outputs, &mut gradients)?;
            for (input, gradient) in node.inputs.iter().zip(inputs) {
                self.accumulate(&mut gradients, *input, gradient)?;
            }
        }
        Ok(gradients)
    }

    fn accumulate(
        &mut self,
        gradients: &mut Gradients,
        value: ValueId,
        gradient: Option<ValueId>,
    ) -> Result<(), EngineError> {
        let Some(gradient) = gradient else { return Ok(()) };
        let sum = match gradients.of(value) {
            Some(earlier) => self.binary(Binary::Add, earlier, gradient)?,
            None => gradient,
        };
        gradients.by_value.insert(value, sum);
        Ok(())
    }

    /// The one rule table. `dy` has the gradient of each output; at least one is there.
    fn rule(&mut self, node: &Node, dy: &[Option<ValueId>], gradients: &mut Gradients) -> InputGradients {
        let Some(first) = dy[0] else { return self.recurrent_rule_or_none(node, dy, gradients) };
        let x = |at: usize| node.inputs[at];
        let y = node.outputs[0];
        match &node.op {
            Op::Unary(kind) => Ok(vec![Some(self.apply_first(Op::UnaryGrad(*kind), &[x(0), first])?)]),
            Op::Binary(kind) => self.binary_rule(*kind, x(0), x(1), first),
            Op::Affine { scale, .. } => Ok(vec![Some(self.affine(first, *scale, 0.0)?)]),
            Op::MatMul { transpose_a, transpose_b } => self.matmul_rule(*transpose_a, *transpose_b, x(0), x(1), first),
            Op::Transpose => Ok(vec![Some(self.transpose(first)?)]),
            Op::Slice { axis, start, .. } => {
                let total = self.shape(x(0)).0[*axis];
                Ok(vec![Some(self.apply_first(Op::Pad { axis: *axis, start: *start, total }, &[first])?)])
            }
            Op::Pad { axis, start, .. } => {
                let len = self.shape(x(0)).0[*axis];
                Ok(vec![Some(self.slice(first, *axis, *start, len)?)])
            }
            Op::Concat { axis } => self.concat_rule(*axis, &node.inputs, first),
            Op::ExpandLast { .. } => Ok(vec![Some(self.apply_first(Op::SumLast, &[first])?)]),
            Op::ExpandLeading { .. } => {
                let keep = self.shape(x(0)).0.len();
                Ok(vec![Some(self.sum_leading(first, keep)?)])
            }
            Op::SumLast => {
                let width = self.shape(x(0)).last();
                Ok(vec![Some(self.apply_first(Op::ExpandLast { width }, &[first])?)])
            }
            Op::SumLeading { .. } => {
                let shape = self.shape(x(0)).clone();
                Ok(vec![Some(self.apply_first(Op::ExpandLeading { shape }, &[first])?)])
            }
            Op::RowNorm => self.row_norm_rule(x(0), y, first),
            Op::Softmax => {
                let gradient = self.apply_first(Op::SoftmaxGrad, &[y, first])?;
                Ok(vec![Some(gradient), None])
            }
            Op::LogSoftmax => Ok(vec![Some(self.apply_first(Op::LogSoftmaxGrad, &[y, first])?)]),
            Op::LogSumExp => {
                let softmax = self.apply_first(Op::Softmax, &[x(0)])?;
                let width = self.shape(x(0)).last();
                let wide = self.apply_first(Op::ExpandLast { width }, &[first])?;
                Ok(vec![Some(self.binary(Binary::Mul, softmax, wide)?)])
            }
            Op::CrossEntropy { ignore } => {
                let gradient = self.apply_first(Op::CrossEntropyGrad { ignore: *ignore }, &[x(0), x(1), first])?;
                Ok(vec![Some(gradient), None])
            }
            Op::WeightedMean => Ok(vec![Some(self.apply_first(Op::WeightedMeanGrad, &[x(1), first])?), None]),
            Op::Embedding { padding } => {
                let rows = self.shape(x(1)).0[0];
                let op = Op::EmbeddingGrad { padding: *padding, rows };
                Ok(vec![None, Some(self.apply_first(op, &[x(0), first])?)])
            }
            Op::LayerNorm { eps } => Ok(vec![Some(self.apply_first(Op::LayerNormGrad { eps: *eps }, &[x(0), first])?)]),
            Op::Conv1dCausal => {
                let taps = self.shape(x(1)).last();
                let input = self.apply_first(Op::Conv1dCausalGradInput, &[x(1), first])?;
                let weight = self.apply_first(Op::Conv1dCausalGradWeight { taps }, &[x(0), first])?;
                Ok(vec![Some(input), Some(weight)])
            }
            Op::Recurrent(_) => self.recurrent_rule_or_none(node, dy, gradients),
            Op::UnaryGrad(_)
            | Op::Fill { .. }
            | Op::SoftmaxGrad
            | Op::LogSoftmaxGrad
            | Op::CrossEntropyGrad { .. }
            | Op::ArgmaxEquals
            | Op::NotEqual { .. }
            | Op::WeightedMeanGrad
            | Op::EmbeddingGrad { .. }
            | Op::LayerNormGrad { .. }
            | Op::Conv1dCausalGradInput
            | Op::Conv1dCausalGradWeight { .. }
            | Op::RecurrentBackward(_)
            | Op::Previous
            | Op::GroupNorms { .. }
            | Op::Optimise(_)
            | Op::Copy => Ok(vec![None; node.inputs.len()]),
        }
    }

    fn apply_first(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId, EngineError> {
        Ok(self.apply(op, inputs)?[0])
    }

    /// d(a op b); b's gradient is summed over the axes it was repeated along.
    fn binary_rule(&mut self, kind: Binary, a: ValueId, b: ValueId, dy: ValueId) -> InputGradients {
        let (da, db) = match kind {
            Binary::Add => (dy, dy),
            Binary::Sub => (dy, self.affine(dy, -1.0, 0.0)?),
            Binary::Mul => (self.binary(Binary::Mul, dy, b)?, self.binary(Binary::Mul, dy, a)?),
            Binary::Div => {
                let da = self.binary(Binary::Div, dy, b)?;
                let product = self.binary(Binary::Mul, da, a)?;
                let quotient = self.binary(Binary::Div, product, b)?;
                (da, self.affine(quotient, -1.0, 0.0)?)
            }
        };
        let keep = self.shape(b).0.len();
        let db = if self.shape(a) == self.shape(b) { db } else { self.sum_leading(db, keep)? };
        Ok(vec![Some(da), Some(db)])
    }

    fn concat_rule(&mut self, axis: usize, parts: &[ValueId], dy: ValueId) -> InputGradients {
        let mut start = 0;
        let mut part = |x: &ValueId| {
            let len = self.shape(*x).0[axis];
            start += len;
            Ok(Some(self.slice(dy, axis, start - len, len)?))
        };
        parts.iter().map(&mut part).collect()
    }

    fn matmul_rule(&mut self, ta: bool, tb: bool, a: ValueId, b: ValueId, dy: ValueId) -> InputGradients {
        let (da, db) = match (ta, tb) {
            (false, false) => (self.matmul(dy, b, false, true)?, self.matmul(a, dy, true, false)?),
            (false, true) => (self.matmul(dy, b, false, false)?, self.matmul(dy, a, true, false)?),
            (true, _) => (self.matmul(b, dy, false, true)?, self.matmul(a, dy, false, false)?),
        };
        Ok(vec![Some(da), Some(db)])
    }

    /// d|x| = x / |x| of each row; 0/0 at the origin is avoided by a smallest norm of 1e-30.
    fn row_norm_rule(&mut self, x: ValueId, norm: ValueId, dy: ValueId) -> InputGradients {
        let floor = self.affine(norm, 1.0, 1e-30)?;
        let mut wide = self.binary(Binary::Div, dy, floor)?;
        let shape = self.shape(x).clone();
        for width in &shape.0[1..] {
            wide = self.apply_first(Op::ExpandLast { width: *width }, &[wide])?;
        }
        Ok(vec![Some(self.binary(Binary::Mul, x, wide)?)])
    }

    fn recurrent_rule_or_none(
        &mut self,
        node: &Node,
        dy: &[Option<ValueId>],
        gradients: &mut Gradients,
    ) -> InputGradients {
        match node.op {
            Op::Recurrent(cell) => self.recurrent_rule(cell, node, dy, gradients),
            _ => Ok(vec![None; node.inputs.len()]),
        }
    }

    /// BPTT in one op; the weights' gradients are products over all T * B rows at once.
    fn recurrent_rule(
        &mut self,
        cell: Cell,
        node: &Node,
        dy: &[Option<ValueId>],
        gradients: &mut Gradients,
    ) -> InputGradients {
        let states = 1 + usize::from(cell.has_cell_state());
        if dy[states..].iter().any(Option::is_some) {
            let detail = "the recorded gates are for looking at: no gradient flows through them".to_owned();
            return Err(EngineError::Shape { op: node.op.name(), detail });
        }
        let (weight_hh, h, h0) = (node.inputs[1], node.outputs[0], node.inputs[4]);
        let gates = (cell.recorded() > 0).then(|| node.outputs[states]);
        let outside_h = match dy[0] {
            Some(gradient) => gradient,
            None => self.fill(0.0, self.shape(h).clone())?,
        };
        let mut inputs = vec![weight_hh];
        inputs.extend(gates);
        inputs.extend(&node.outputs[..states]);
        inputs.extend(&node.inputs[4..]);
        inputs.push(outside_h);
        inputs.extend(if states == 2 { dy[1] } else { None });
        let outputs = self.apply(Op::RecurrentBackward(cell), &inputs)?;

        let projections = 1 + usize::from(cell == Cell::Gru);
        let (d_x_proj, d_h_proj) = (outputs[0], outputs[projections - 1]);
        for state in 0..states {
            gradients.total.insert(node.outputs[state], outputs[projections + state]);
        }
        let previous = self.apply_first(Op::Previous, &[h, h0])?;
        let d_weight = match (cell, gates) {
            (Cell::GruTextbook, Some(gates)) => self.textbook_weight_gradient(d_h_proj, previous, gates)?,
            _ => self.matmul(d_h_proj, previous, true, false)?,
        };
        let mut result = vec![Some(d_x_proj), Some(d_weight)];
        let d_bias_ih = self.sum_leading(d_x_proj, 1)?;
        let d_bias_hh = if d_h_proj == d_x_proj { d_bias_ih } else { self.sum_leading(d_h_proj, 1)? };
        result.extend([Some(d_bias_ih), Some(d_bias_hh)]);
        result.extend(outputs[projections + states..].iter().map(|id| Some(*id)));
        Ok(result)
    }

    /// In the textbook GRU the candidate's rows of weight_hh read s = r * h, recorded as the fourth gate.
    fn textbook_weight_gradient(
        &mut self,
        d_proj: ValueId,
        previous: ValueId,
        gates: ValueId,
    ) -> Result<ValueId, EngineError> {
        let hidden = self.shape(previous).last();
        let d_gates = self.slice(d_proj, 2, 0, 2 * hidden)?;
        let d_candidate = self.slice(d_proj, 2, 2 * hidden, hidden)?;
        let reset_state = self.slice(gates, 2, 3 * hidden, hidden)?;
        let upper = self.matmul(d_gates, previous, true, false)?;
        let lower = self.matmul(d_candidate, reset_state, true, false)?;
        let total = 3 * hidden;
        let upper = self.apply_first(Op::Pad { axis: 0, start: 0, total }, &[upper])?;
        let lower = self.apply_first(Op::Pad { axis: 0, start: 2 * hidden, total }, &[lower])?;
        self.binary(Binary::Add, upper, lower)
    }

    /// Whether [`Graph::gradients`] has a rule for `op`; the gradient checks go through all that have.
    pub fn differentiable(op: &Op) -> bool {
        matches!(
            op,
            Op::Unary(_)
                | Op::Binary(_)
                | Op::Affine { .. }
                | Op::MatMul { .. }
                | Op::Transpose
                | Op::Slice { .. }
                | Op::Pad { .. }
                | Op::Concat { .. }
                | Op::ExpandLast { .. }
                | Op::ExpandLeading { .. }
                | Op::SumLast
                | Op::SumLeading { .. }
                | Op::RowNorm
                | Op::Softmax
                | Op::LogSoftmax
                | Op::LogSumExp
                | Op::CrossEntropy { .. }
                | Op::WeightedMean
                | Op::Embedding { .. }
                | Op::LayerNorm { .. }
                | Op::Conv1dCausal
                | Op::Recurrent(_)
        )
    }
}
