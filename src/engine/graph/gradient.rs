//! Reverse-mode differentiation as a graph transform: each op has one rule that adds the nodes of its gradient.
//!
//! What the uses of a value add to its gradient is summed at the earliest use, when all are known ([`Share`]): the
//! products that a weight gets from every timestep of an unrolled recurrence become one product over all timesteps.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::*;
use crate::engine::cell::Cell;
use crate::engine::kernels::binary::Binary;
use crate::order;

/// What [`Graph::gradients`] found.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    by_value: HashMap<ValueId, ValueId>,
    pub(super) total: HashMap<ValueId, ValueId>,
}

impl Gradients {
    /// dL/d`value`; `None` where the loss does not depend on it. For the states inside a recurrent layer or a scan this
    /// is only the part that comes from outside it: see [`Gradients::total`].
    pub fn of(&self, value: ValueId) -> Option<ValueId> {
        self.by_value.get(&value).copied()
    }

    /// The total derivative dL/dh_t (or dL/dc_t, dL/dx_t) of the states of a recurrent layer (T, B, H) or a scan
    /// (T, B, H, N), through this and all later steps.
    pub fn total(&self, states: ValueId) -> Option<ValueId> {
        self.total.get(&states).copied()
    }
}

/// What one use of a value adds to its gradient.
#[derive(Clone, Debug)]
pub(super) enum Share {
    /// Nothing.
    None,
    /// A tensor.
    Tensor(ValueId),
    /// A product of two tensors that is summed over their first axis, and perhaps others.
    Product(Op, [ValueId; 2]),
    /// The sum of a tensor over all but the last axes, so many.
    Rows(ValueId, usize),
    /// The gradient of a part of the value: along an axis, from a place on.
    Part(ValueId, usize, usize),
}

impl From<Option<ValueId>> for Share {
    fn from(gradient: Option<ValueId>) -> Self {
        gradient.map_or(Share::None, Share::Tensor)
    }
}

/// The gradient of each input of a node, in order.
pub(super) type InputGradients = Result<Vec<Share>, EngineError>;

/// Shares that wait for the others of the same value, and what was already made of some.
#[derive(Default)]
struct Waiting {
    shares: HashMap<ValueId, Vec<Share>>,
    made: Vec<(Op, Vec<ValueId>, ValueId)>,
}

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
        let earliest = self.earliest_uses(first..=last);
        let mut waiting = Waiting::default();
        for at in (first..=last).rev() {
            let node = self.nodes[at].clone();
            let outputs: Vec<Option<ValueId>> = node.outputs.iter().map(|id| gradients.of(*id)).collect();
            if outputs.iter().any(Option::is_some) {
                let inputs = self.rule(&node, &outputs, &mut gradients)?;
                for (input, share) in node.inputs.iter().zip(inputs) {
                    match share {
                        Share::None => {}
                        Share::Tensor(gradient) => self.accumulate(&mut gradients, *input, gradient)?,
                        later => waiting.shares.entry(*input).or_default().push(later),
                    }
                }
            }
            for input in node.inputs.iter().filter(|input| earliest[input.index()] == at) {
                self.settle(*input, &mut waiting, &mut gradients)?;
            }
        }
        Ok(gradients)
    }

    /// By value, the first of these nodes that reads it.
    fn earliest_uses(&self, nodes: RangeInclusive<usize>) -> Vec<usize> {
        let mut earliest = vec![usize::MAX; self.values.len()];
        for at in nodes.rev() {
            self.nodes[at].inputs.iter().for_each(|input| earliest[input.index()] = at);
        }
        earliest
    }

    fn accumulate(&mut self, gradients: &mut Gradients, value: ValueId, gradient: ValueId) -> Result<(), EngineError> {
        let sum = match gradients.of(value) {
            Some(earlier) => self.binary(Binary::Add, earlier, gradient)?,
            None => gradient,
        };
        gradients.by_value.insert(value, sum);
        Ok(())
    }

    /// Adds up the shares that waited for a value's earliest use, those of one kind at once where they can be.
    fn settle(&mut self, value: ValueId, waiting: &mut Waiting, gradients: &mut Gradients) -> Result<(), EngineError> {
        // The latest use came first.
        let mut shares = waiting.shares.remove(&value).unwrap_or_default();
        shares.reverse();
        while !shares.is_empty() {
            let first = shares.remove(0);
            let (mut same, others): (Vec<Share>, _) = shares.into_iter().partition(|share| self.joins(&first, share));
            shares = others;
            same.insert(0, first.clone());
            for sum in self.join(value, &first, same, waiting)? {
                self.accumulate(gradients, value, sum)?;
            }
        }
        Ok(())
    }

    /// Whether two shares may be summed by one op.
    fn joins(&self, a: &Share, b: &Share) -> bool {
        let stacks = |a: ValueId, b: ValueId| {
            let (a, b) = (&self.shape(a).0, &self.shape(b).0);
            a.len() == b.len() && a.len() > 1 && a[1..] == b[1..]
        };
        match (a, b) {
            (Share::Product(op, a), Share::Product(other, b)) => {
                op == other && stacks(a[0], b[0]) && stacks(a[1], b[1])
            }
            (Share::Rows(a, keep), Share::Rows(b, other)) => {
                keep == other && stacks(*a, *b) && *keep < self.shape(*a).0.len()
            }
            (Share::Part(_, axis, _), Share::Part(_, other, _)) => axis == other,
            _ => false,
        }
    }

    /// Shares of one kind as few tensors.
    fn join(
        &mut self,
        value: ValueId,
        kind: &Share,
        shares: Vec<Share>,
        waiting: &mut Waiting,
    ) -> Result<Vec<ValueId>, EngineError> {
        match kind {
            Share::Product(op, _) => {
                let [left, right] = [0, 1].map(|side| {
                    let operand =
                        |share: &Share| if let Share::Product(_, both) = share { Some(both[side]) } else { None };
                    shares.iter().filter_map(operand).collect::<Vec<ValueId>>()
                });
                let longer = match op {
                    Op::Einsum(einsum) => einsum.longer(left.len()).map(Op::Einsum),
                    op => Some(op.clone()),
                };
                match longer {
                    Some(op) => {
                        let both = [self.stacked(left, waiting)?, self.stacked(right, waiting)?];
                        Ok(vec![self.once(op, &both, waiting)?])
                    }
                    None => (0..left.len()).map(|at| self.once(op.clone(), &[left[at], right[at]], waiting)).collect(),
                }
            }
            Share::Rows(_, keep) => {
                let rows =
                    shares.iter().filter_map(|share| if let Share::Rows(x, _) = share { Some(*x) } else { None });
                let all = self.stacked(rows.collect(), waiting)?;
                Ok(vec![self.once(Op::SumLeading { keep: *keep }, &[all], waiting)?])
            }
            Share::Part(_, axis, _) => self.whole(value, *axis, shares, waiting),
            Share::None | Share::Tensor(_) => Ok(Vec::new()),
        }
    }

    /// Parts along an axis as the whole: side by side where they cover it, else each with zeros around it.
    fn whole(
        &mut self,
        value: ValueId,
        axis: usize,
        shares: Vec<Share>,
        waiting: &mut Waiting,
    ) -> Result<Vec<ValueId>, EngineError> {
        let total = self.shape(value).0[axis];
        let part = |share: Share| if let Share::Part(x, _, start) = share { Some((start, x)) } else { None };
        let mut parts: Vec<(usize, ValueId)> = shares.into_iter().filter_map(part).collect();
        order::sort_by(&mut parts, |a, b| a.0.cmp(&b.0));
        let mut end = 0;
        let adjoin = parts.iter().all(|(start, part)| {
            let fits = *start == end;
            end = start + self.shape(*part).0[axis];
            fits
        });
        if adjoin && end == total {
            let parts: Vec<ValueId> = parts.into_iter().map(|(_, part)| part).collect();
            return Ok(vec![self.side_by_side(parts, axis, waiting)?]);
        }
        let padded = |(start, part): (usize, ValueId)| self.once(Op::Pad { axis, start, total }, &[part], waiting);
        parts.into_iter().map(padded).collect()
    }

    /// Tensors one after the other along their first axis.
    fn stacked(&mut self, tensors: Vec<ValueId>, waiting: &mut Waiting) -> Result<ValueId, EngineError> {
        self.side_by_side(tensors, 0, waiting)
    }

    fn side_by_side(
        &mut self,
        tensors: Vec<ValueId>,
        axis: usize,
        waiting: &mut Waiting,
    ) -> Result<ValueId, EngineError> {
        if let [only] = tensors[..] { Ok(only) } else { self.once(Op::Concat { axis }, &tensors, waiting) }
    }

    /// An op on these operands, applied once however many ask for it.
    fn once(&mut self, op: Op, inputs: &[ValueId], waiting: &mut Waiting) -> Result<ValueId, EngineError> {
        let known = waiting.made.iter().find(|(made, from, _)| *made == op && from == inputs);
        if let Some((_, _, id)) = known {
            return Ok(*id);
        }
        let id = self.apply_first(op.clone(), inputs)?;
        waiting.made.push((op, inputs.to_vec(), id));
        Ok(id)
    }

    /// The one rule table. `dy` has the gradient of each output; at least one is there.
    fn rule(&mut self, node: &Node, dy: &[Option<ValueId>], gradients: &mut Gradients) -> InputGradients {
        let Some(first) = dy[0] else { return self.rule_of_many_outputs(node, dy, gradients) };
        let x = |at: usize| node.inputs[at];
        let y = node.outputs[0];
        match &node.op {
            Op::Unary(kind) => Ok(vec![Share::Tensor(self.apply_first(Op::UnaryGrad(*kind), &[x(0), first])?)]),
            Op::Binary(kind) => self.binary_rule(*kind, x(0), x(1), first),
            Op::Affine { scale, .. } => Ok(vec![Share::Tensor(self.affine(first, *scale, 0.0)?)]),
            Op::MatMul { transpose_a, transpose_b } => {
                self.matmul_rule(*transpose_a, *transpose_b, &node.inputs, first)
            }
            Op::Transpose => Ok(vec![Share::Tensor(self.transpose(first)?)]),
            Op::Slice { axis, start, .. } => Ok(vec![Share::Part(first, *axis, *start)]),
            Op::Einsum(einsum) => {
                let shares = [(0, x(1)), (1, x(0))]
                    .map(|(of, other)| Share::Product(Op::Einsum(einsum.gradient(of)), [first, other]));
                Ok(shares.into())
            }
            Op::Pad { axis, start, .. } => {
                let len = self.shape(x(0)).0[*axis];
                Ok(vec![Share::Tensor(self.slice(first, *axis, *start, len)?)])
            }
            Op::Concat { axis } => self.concat_rule(*axis, &node.inputs, first),
            Op::ExpandLast { .. } => Ok(vec![Share::Tensor(self.apply_first(Op::SumLast, &[first])?)]),
            Op::ExpandLeading { .. } => {
                let keep = self.shape(x(0)).0.len();
                Ok(vec![Share::Rows(first, keep)])
            }
            Op::SumLast => {
                let width = self.shape(x(0)).last();
                Ok(vec![Share::Tensor(self.apply_first(Op::ExpandLast { width }, &[first])?)])
            }
            Op::SumLeading { .. } => {
                let shape = self.shape(x(0)).clone();
                Ok(vec![Share::Tensor(self.apply_first(Op::ExpandLeading { shape }, &[first])?)])
            }
            Op::RowNorm => self.row_norm_rule(x(0), y, first),
            Op::Softmax | Op::CausalSoftmax => {
                let gradient = self.apply_first(Op::SoftmaxGrad, &[y, first])?;
                Ok(vec![Share::Tensor(gradient), Share::None])
            }
            Op::LogSoftmax => Ok(vec![Share::Tensor(self.apply_first(Op::LogSoftmaxGrad, &[y, first])?)]),
            Op::LogSumExp => {
                let softmax = self.apply_first(Op::Softmax, &[x(0)])?;
                let width = self.shape(x(0)).last();
                let wide = self.apply_first(Op::ExpandLast { width }, &[first])?;
                Ok(vec![Share::Tensor(self.binary(Binary::Mul, softmax, wide)?)])
            }
            Op::CrossEntropy { ignore } => {
                let gradient = self.apply_first(Op::CrossEntropyGrad { ignore: *ignore }, &[x(0), x(1), first])?;
                Ok(vec![Share::Tensor(gradient), Share::None])
            }
            Op::WeightedMean => {
                Ok(vec![Share::Tensor(self.apply_first(Op::WeightedMeanGrad, &[x(1), first])?), Share::None])
            }
            Op::Embedding { padding } => {
                let rows = self.shape(x(1)).0[0];
                let op = Op::EmbeddingGrad { padding: *padding, rows };
                Ok(vec![Share::None, Share::Tensor(self.apply_first(op, &[x(0), first])?)])
            }
            Op::LayerNorm { eps } => {
                Ok(vec![Share::Tensor(self.apply_first(Op::LayerNormGrad { eps: *eps }, &[x(0), first])?)])
            }
            Op::Conv1dCausal => {
                let taps = self.shape(x(1)).last();
                let input = self.apply_first(Op::Conv1dCausalGradInput, &[x(1), first])?;
                let weight = self.apply_first(Op::Conv1dCausalGradWeight { taps }, &[x(0), first])?;
                Ok(vec![Share::Tensor(input), Share::Tensor(weight)])
            }
            Op::LongConv => {
                let input = self.apply_first(Op::LongConvGradInput, &[x(1), first])?;
                let kernel = self.apply_first(Op::LongConvGradKernel, &[x(0), first])?;
                Ok(vec![Share::Tensor(input), Share::Tensor(kernel)])
            }
            Op::AdditiveEnergy => self.additive_energy_rule(node, dy, first),
            Op::FinalState { reverse } => {
                let op = Op::FinalStateGrad { reverse: *reverse, steps: self.shape(x(0)).0[0] };
                let inputs: Vec<ValueId> = [first].into_iter().chain(node.inputs.get(1).copied()).collect();
                Ok(vec![Share::Tensor(self.apply_first(op, &inputs)?), Share::None])
            }
            Op::Dropout { p, stream } => Ok(vec![Share::Tensor(self.dropout(first, *p, *stream, x(1))?), Share::None]),
            Op::Recurrent { .. } | Op::Discretise(_) | Op::DiagonalScan | Op::SelectiveScan => {
                self.rule_of_many_outputs(node, dy, gradients)
            }
            Op::UnaryGrad(_)
            | Op::Fill { .. }
            | Op::SoftmaxGrad
            | Op::LogSoftmaxGrad
            | Op::CrossEntropyGrad { .. }
            | Op::ArgmaxEquals
            | Op::Argmax
            | Op::SampleToken
            | Op::SelectIds
            | Op::NotEqual { .. }
            | Op::LengthMask { .. }
            | Op::WeightedMeanGrad
            | Op::EmbeddingGrad { .. }
            | Op::LayerNormGrad { .. }
            | Op::Conv1dCausalGradInput
            | Op::Conv1dCausalGradWeight { .. }
            | Op::RecurrentBackward { .. }
            | Op::Previous { .. }
            | Op::FinalStateGrad { .. }
            | Op::AdditiveEnergyGrad
            | Op::CachedAttention { .. }
            | Op::CacheWrite
            | Op::DiscretiseGrad(_)
            | Op::DiagonalScanGrad
            | Op::LongConvGradInput
            | Op::LongConvGradKernel
            | Op::SelectiveScanGrad
            | Op::GroupNorms { .. }
            | Op::Optimise(_)
            | Op::Copy => Ok(vec![Share::None; node.inputs.len()]),
        }
    }

    pub(super) fn apply_first(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId, EngineError> {
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
        let db = if self.shape(a) == self.shape(b) { Share::Tensor(db) } else { Share::Rows(db, keep) };
        Ok(vec![Share::Tensor(da), db])
    }

    fn concat_rule(&mut self, axis: usize, parts: &[ValueId], dy: ValueId) -> InputGradients {
        let mut start = 0;
        let mut part = |x: &ValueId| {
            let len = self.shape(*x).0[axis];
            start += len;
            Ok(Share::Tensor(self.slice(dy, axis, start - len, len)?))
        };
        parts.iter().map(&mut part).collect()
    }

    /// Rows beyond a sequence's end take no part here either.
    fn matmul_rule(&mut self, ta: bool, tb: bool, inputs: &[ValueId], dy: ValueId) -> InputGradients {
        let (a, b, lengths) = (inputs[0], inputs[1], inputs.get(2).copied());
        let (da, db) = match (ta, tb) {
            (false, false) => (self.matmul_ragged(dy, b, false, true, lengths)?, self.over_rows(a, dy, lengths)?),
            (false, true) => (self.matmul_ragged(dy, b, false, false, lengths)?, self.over_rows(dy, a, lengths)?),
            (true, _) => {
                let db = self.matmul_ragged(a, dy, false, false, lengths)?;
                (self.matmul_ragged(b, dy, false, true, lengths)?, Share::Tensor(db))
            }
        };
        Ok(vec![Share::Tensor(da), db, Share::None])
    }

    /// a^T b over all rows; what other uses add can join only where no rows are left out.
    fn over_rows(&mut self, a: ValueId, b: ValueId, lengths: Option<ValueId>) -> Result<Share, EngineError> {
        match lengths {
            None => Ok(Share::Product(Op::MatMul { transpose_a: true, transpose_b: false }, [a, b])),
            some => Ok(Share::Tensor(self.matmul_ragged(a, b, true, false, some)?)),
        }
    }

    /// d|x| = x / |x| of each row; 0/0 at the origin is avoided by a smallest norm of 1e-30.
    fn row_norm_rule(&mut self, x: ValueId, norm: ValueId, dy: ValueId) -> InputGradients {
        let floor = self.affine(norm, 1.0, 1e-30)?;
        let mut wide = self.binary(Binary::Div, dy, floor)?;
        let shape = self.shape(x).clone();
        for width in &shape.0[1..] {
            wide = self.apply_first(Op::ExpandLast { width: *width }, &[wide])?;
        }
        Ok(vec![Share::Tensor(self.binary(Binary::Mul, x, wide)?)])
    }

    fn rule_of_many_outputs(
        &mut self,
        node: &Node,
        dy: &[Option<ValueId>],
        gradients: &mut Gradients,
    ) -> InputGradients {
        match node.op {
            Op::Recurrent { cell, reverse } => self.recurrent_rule(cell, reverse, node, dy, gradients),
            Op::AdditiveEnergy => self.additive_energy_rule(node, dy, node.outputs[0]),
            Op::Discretise(rule) => self.discretise_rule(rule, node, dy),
            Op::DiagonalScan => self.scan_rule(Op::DiagonalScanGrad, node, dy, gradients),
            Op::SelectiveScan => self.scan_rule(Op::SelectiveScanGrad, node, dy, gradients),
            _ => Ok(vec![Share::None; node.inputs.len()]),
        }
    }

    fn additive_energy_rule(&mut self, node: &Node, dy: &[Option<ValueId>], first: ValueId) -> InputGradients {
        if dy[1].is_some() {
            return Err(only_for_looking_at(&node.op, "tanh"));
        }
        let outputs = self.apply(Op::AdditiveEnergyGrad, &[node.outputs[1], node.inputs[2], first])?;
        Ok(outputs.into_iter().map(Share::Tensor).collect())
    }

    /// BPTT in one op; the weights' gradients are products over all T * B rows at once.
    fn recurrent_rule(
        &mut self,
        cell: Cell,
        reverse: bool,
        node: &Node,
        dy: &[Option<ValueId>],
        gradients: &mut Gradients,
    ) -> InputGradients {
        let states = 1 + usize::from(cell.has_cell_state());
        if dy[states..].iter().any(Option::is_some) {
            return Err(only_for_looking_at(&node.op, "gates"));
        }
        let (weight_hh, h, h0) = (node.inputs[1], node.outputs[0], node.inputs[4]);
        let lengths = node.inputs.get(4 + states).copied();
        let gates = (cell.recorded() > 0).then(|| node.outputs[states]);
        let outside_h = match dy[0] {
            Some(gradient) => gradient,
            None => self.fill(0.0, self.shape(h).clone())?,
        };
        let mut inputs = vec![weight_hh];
        inputs.extend(gates);
        inputs.extend(&node.outputs[..states]);
        inputs.extend(&node.inputs[4..4 + states]);
        inputs.push(outside_h);
        inputs.extend(if states == 2 { dy[1] } else { None });
        inputs.extend(lengths);
        let outputs = self.apply(Op::RecurrentBackward { cell, reverse }, &inputs)?;

        let projections = 1 + usize::from(cell.description().products_differ);
        let (d_x_proj, d_h_proj) = (outputs[0], outputs[projections - 1]);
        for state in 0..states {
            gradients.total.insert(node.outputs[state], outputs[projections + state]);
        }
        // What a single step started from is h0 itself.
        let is_previous = self.shape(h) == self.shape(h0);
        let inputs: Vec<ValueId> = [h, h0].into_iter().chain(lengths).collect();
        let previous = if is_previous { h0 } else { self.apply_first(Op::Previous { reverse }, &inputs)? };
        let d_weight = match gates.filter(|_| cell.description().reads_state < cell.gates()) {
            Some(gates) => Share::Tensor(self.split_weight_gradient(cell, d_h_proj, [previous, gates], lengths)?),
            None => self.over_rows(d_h_proj, previous, lengths)?,
        };
        let mut shares = vec![Share::Tensor(d_x_proj), d_weight, Share::Rows(d_x_proj, 1), Share::Rows(d_h_proj, 1)];
        shares.extend(outputs[projections + states..].iter().map(|id| Share::Tensor(*id)));
        Ok(shares)
    }

    /// Where only the first blocks of weight_hh read the state before: the others read the last recorded block.
    fn split_weight_gradient(
        &mut self,
        cell: Cell,
        d_proj: ValueId,
        [previous, gates]: [ValueId; 2],
        lengths: Option<ValueId>,
    ) -> Result<ValueId, EngineError> {
        let hidden = self.shape(previous).last();
        let (total, first) = (cell.gates() * hidden, cell.description().reads_state * hidden);
        let d_upper = self.slice(d_proj, 2, 0, first)?;
        let d_lower = self.slice(d_proj, 2, first, total - first)?;
        let read = self.slice(gates, 2, (cell.recorded() - 1) * hidden, hidden)?;
        let upper = self.matmul_ragged(d_upper, previous, true, false, lengths)?;
        let lower = self.matmul_ragged(d_lower, read, true, false, lengths)?;
        let upper = self.apply_first(Op::Pad { axis: 0, start: 0, total }, &[upper])?;
        let lower = self.apply_first(Op::Pad { axis: 0, start: first, total }, &[lower])?;
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
                | Op::Einsum(_)
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
                | Op::CausalSoftmax
                | Op::LogSoftmax
                | Op::LogSumExp
                | Op::CrossEntropy { .. }
                | Op::WeightedMean
                | Op::Embedding { .. }
                | Op::LayerNorm { .. }
                | Op::Conv1dCausal
                | Op::AdditiveEnergy
                | Op::Recurrent { .. }
                | Op::FinalState { .. }
                | Op::Dropout { .. }
                | Op::Discretise(_)
                | Op::DiagonalScan
                | Op::LongConv
                | Op::SelectiveScan
        )
    }
}

fn only_for_looking_at(op: &Op, what: &str) -> EngineError {
    let detail = format!("the recorded {what} are for looking at: no gradient flows through them");
    EngineError::Shape { op: op.name(), detail }
}
