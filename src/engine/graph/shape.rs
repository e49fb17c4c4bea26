//! Shape inference: what an op's outputs look like, or why its operands do not fit.

use super::{Kind, Op, Shape, Value};
use crate::engine::cell::Cell;
use crate::engine::error::EngineError;

/// The shapes of `op`'s outputs.
///
/// # Errors
/// [`EngineError::Shape`] naming the op and the operands.
pub(super) fn infer(op: &Op, inputs: &[&Value]) -> Result<Vec<Shape>, EngineError> {
    let (inputs, lengths) = match (takes_lengths(op), inputs.split_last()) {
        (true, Some((last, others))) if last.kind == Kind::Ids => (others, Some(&last.shape)),
        _ => (inputs, None),
    };
    let check = Check { op, inputs, lengths };
    check.kinds()?;
    let one = |shape: Shape| Ok(vec![shape]);
    match op {
        Op::Fill { shape, .. } => {
            check.count(0)?;
            one(shape.clone())
        }
        Op::Unary(_) | Op::Affine { .. } | Op::LogSoftmax | Op::LayerNorm { .. } => {
            check.count(1)?;
            one(check.shape(0))
        }
        Op::UnaryGrad(_) | Op::SoftmaxGrad | Op::LogSoftmaxGrad | Op::LayerNormGrad { .. } => {
            check.count(2)?;
            check.same(0, 1)?;
            one(check.shape(0))
        }
        Op::Softmax => {
            if inputs.len() == 2 {
                check.that(!check.shape(1).0.is_empty() && check.shape(0).0.ends_with(&check.shape(1).0))?;
            } else {
                check.count(1)?;
            }
            one(check.shape(0))
        }
        Op::CausalSoftmax => {
            check.count(1)?;
            let rank = check.shape(0).0.len();
            check.that(rank >= 2 && check.axis(0, rank - 2) <= check.axis(0, rank - 1))?;
            one(check.shape(0))
        }
        Op::Binary(_) => {
            check.count(2)?;
            check.that(check.shape(0).0.ends_with(&check.shape(1).0))?;
            one(check.shape(0))
        }
        Op::MatMul { transpose_a, transpose_b } => check.matmul(*transpose_a, *transpose_b),
        Op::Einsum(einsum) => {
            check.count(2)?;
            check.that(einsum.fits(&check.shape(0).0, &check.shape(1).0))?;
            one(Shape(einsum.result()))
        }
        Op::Transpose => {
            check.count(1)?;
            check.rank(0, 2)?;
            one(Shape::from([check.axis(0, 1), check.axis(0, 0)]))
        }
        Op::Slice { axis, start, len } => {
            check.count(1)?;
            check.that(*axis < check.shape(0).0.len() && start + len <= check.axis(0, *axis))?;
            one(check.with_axis(0, *axis, *len))
        }
        Op::Pad { axis, start, total } => {
            check.count(1)?;
            check.that(*axis < check.shape(0).0.len() && start + check.axis(0, *axis) <= *total)?;
            one(check.with_axis(0, *axis, *total))
        }
        Op::Concat { axis } => check.concat(*axis),
        Op::ExpandLast { width } => {
            check.count(1)?;
            one(check.append(0, *width))
        }
        Op::ExpandLeading { shape } => {
            check.count(1)?;
            check.that(shape.0.ends_with(&check.shape(0).0))?;
            one(shape.clone())
        }
        Op::SumLast | Op::LogSumExp => {
            check.count(1)?;
            one(check.without_last(0))
        }
        Op::SumLeading { keep } => {
            check.count(1)?;
            let shape = check.shape(0);
            check.that(*keep <= shape.0.len())?;
            one(Shape::from(&shape.0[shape.0.len() - keep..]))
        }
        Op::RowNorm => {
            check.count(1)?;
            check.that(!check.shape(0).0.is_empty())?;
            one(Shape::from([check.axis(0, 0)]))
        }
        Op::CrossEntropy { .. } | Op::ArgmaxEquals => {
            check.count(2)?;
            check.that(check.without_last(0) == check.shape(1))?;
            one(check.shape(1))
        }
        Op::CrossEntropyGrad { .. } => {
            check.count(3)?;
            check.that(check.without_last(0) == check.shape(1))?;
            check.same(1, 2)?;
            one(check.shape(0))
        }
        Op::Argmax => {
            check.count(1)?;
            check.that(check.shape(0).last() > 0)?;
            one(check.without_last(0))
        }
        Op::SampleToken => {
            check.count(2)?;
            check.that(check.shape(0).last() > 0 && check.without_last(0) == check.shape(1))?;
            one(check.shape(1))
        }
        Op::SelectIds => {
            check.count(3)?;
            check.same(0, 1)?;
            check.same(0, 2)?;
            one(check.shape(0))
        }
        Op::NotEqual { .. } | Op::Copy => {
            check.count(1)?;
            one(check.shape(0))
        }
        Op::LengthMask { steps } => {
            check.count(1)?;
            check.rank(0, 1)?;
            one(check.append(0, *steps))
        }
        Op::WeightedMean => {
            check.count(2)?;
            check.same(0, 1)?;
            one(Shape::default())
        }
        Op::WeightedMeanGrad => {
            check.count(2)?;
            one(check.shape(0))
        }
        Op::Embedding { .. } => {
            check.count(2)?;
            check.rank(1, 2)?;
            one(check.append(0, check.axis(1, 1)))
        }
        Op::EmbeddingGrad { rows, .. } => {
            check.count(2)?;
            check.that(check.without_last(1) == check.shape(0))?;
            one(Shape::from([*rows, check.shape(1).last()]))
        }
        Op::Conv1dCausal | Op::Conv1dCausalGradInput => {
            check.count(2)?;
            let (x, weight) = if matches!(op, Op::Conv1dCausal) { (0, 1) } else { (1, 0) };
            check.rank(x, 3)?;
            check.rank(weight, 3)?;
            check.that(check.axis(weight, 0) == check.axis(x, 2) && check.axis(weight, 1) == 1)?;
            one(check.shape(x))
        }
        Op::Conv1dCausalGradWeight { taps } => {
            check.count(2)?;
            check.rank(0, 3)?;
            check.same(0, 1)?;
            one(Shape::from([check.axis(0, 2), 1, *taps]))
        }
        Op::Recurrent { cell, .. } => check.recurrent(*cell),
        Op::RecurrentBackward { cell, .. } => check.recurrent_backward(*cell),
        Op::AdditiveEnergy => {
            check.count(3)?;
            check.rank(0, 3)?;
            check.rank(1, 3)?;
            let (queries, batch, width) = (check.axis(0, 0), check.axis(0, 1), check.axis(0, 2));
            let keys = check.axis(1, 0);
            check.is(1, &[keys, batch, width])?;
            check.is(2, &[width])?;
            Ok(vec![Shape::from([queries, batch, keys]), Shape::from([queries, batch, keys, width])])
        }
        Op::AdditiveEnergyGrad => {
            check.count(3)?;
            check.rank(0, 4)?;
            let &[queries, batch, keys, width] = &check.shape(0).0[..] else { return check.fail() };
            check.is(1, &[width])?;
            check.is(2, &[queries, batch, keys])?;
            let sequence = |steps: usize| Shape::from([steps, batch, width]);
            Ok(vec![sequence(queries), sequence(keys), check.shape(1)])
        }
        Op::CachedAttention { heads } => {
            check.count(4)?;
            check.rank(1, 3)?;
            let &[longest, batch, width] = &check.shape(1).0[..] else { return check.fail() };
            check.is(0, &[1, batch, width])?;
            check.same(1, 2)?;
            check.is(3, &[1, batch])?;
            check.that(*heads > 0 && width.is_multiple_of(*heads) && longest > 0)?;
            Ok(vec![Shape::from([1, batch, width]), Shape::from([batch, *heads, longest])])
        }
        Op::Previous { .. } => {
            check.count(2)?;
            check.rank(0, 3)?;
            check.state(1, &check.shape(0).0[1..])?;
            check.lengths(check.axis(0, 1))?;
            one(check.shape(0))
        }
        Op::FinalState { .. } => {
            check.count(1)?;
            check.rank(0, 3)?;
            check.that(check.axis(0, 0) > 0)?;
            check.lengths(check.axis(0, 1))?;
            one(Shape::from(&check.shape(0).0[1..]))
        }
        Op::FinalStateGrad { steps, .. } => {
            check.count(1)?;
            check.rank(0, 2)?;
            check.lengths(check.axis(0, 0))?;
            one(Shape::from([*steps, check.axis(0, 0), check.axis(0, 1)]))
        }
        Op::Dropout { p, .. } => {
            check.count(2)?;
            check.is(1, &[2])?;
            check.that((0.0..1.0).contains(p))?;
            one(check.shape(0))
        }
        Op::Discretise(_) | Op::DiscretiseGrad(_) => check.discretise(),
        Op::DiagonalScan | Op::DiagonalScanGrad => check.diagonal_scan(),
        Op::LongConv | Op::LongConvGradInput | Op::LongConvGradKernel => check.long_conv(),
        Op::SelectiveScan | Op::SelectiveScanGrad => check.selective_scan(),
        Op::GroupNorms { groups } => {
            check.count(1)?;
            check.that(groups.iter().all(|(offset, len)| offset + len <= check.shape(0).len()))?;
            one(Shape::from([groups.len()]))
        }
        Op::Optimise(_) | Op::CacheWrite => check.fail(),
    }
}

/// Whether lengths may be the last operand.
fn takes_lengths(op: &Op) -> bool {
    matches!(
        op,
        Op::MatMul { .. }
            | Op::Recurrent { .. }
            | Op::RecurrentBackward { .. }
            | Op::Previous { .. }
            | Op::FinalState { .. }
            | Op::FinalStateGrad { .. }
    )
}

/// The operands under inspection.
struct Check<'a> {
    op: &'a Op,
    /// Without the lengths.
    inputs: &'a [&'a Value],
    lengths: Option<&'a Shape>,
}

impl Check<'_> {
    fn fail<T>(&self) -> Result<T, EngineError> {
        let shapes: Vec<String> = self.inputs.iter().map(|value| value.shape.to_string()).collect();
        Err(EngineError::Shape { op: self.op.name(), detail: format!("operands {} do not fit", shapes.join(" ")) })
    }

    fn that(&self, holds: bool) -> Result<(), EngineError> {
        if holds { Ok(()) } else { self.fail() }
    }

    /// Lengths, if there are any, are one for each sequence.
    fn lengths(&self, batch: usize) -> Result<(), EngineError> {
        self.that(self.lengths.is_none_or(|lengths| lengths.0 == [batch]))
    }

    fn count(&self, count: usize) -> Result<(), EngineError> {
        self.that(self.inputs.len() == count)
    }

    fn kinds(&self) -> Result<(), EngineError> {
        let ids: &[usize] = match self.op {
            Op::CrossEntropy { .. } | Op::CrossEntropyGrad { .. } | Op::ArgmaxEquals => &[1],
            Op::Dropout { .. } => &[1],
            Op::NotEqual { .. } | Op::Embedding { .. } | Op::EmbeddingGrad { .. } | Op::LengthMask { .. } => &[0],
            Op::CachedAttention { .. } => &[3],
            Op::SelectIds => &[1, 2],
            // Of either kind.
            Op::Slice { .. } | Op::Concat { .. } => {
                return self.that(self.inputs.iter().all(|value| value.kind == self.inputs[0].kind));
            }
            _ => &[],
        };
        let fits = |(at, value): (usize, &&Value)| (value.kind == Kind::Ids) == ids.contains(&at);
        self.that(self.inputs.iter().enumerate().all(fits))
    }

    fn shape(&self, at: usize) -> Shape {
        self.inputs[at].shape.clone()
    }

    fn axis(&self, at: usize, axis: usize) -> usize {
        self.inputs[at].shape.0[axis]
    }

    fn rank(&self, at: usize, rank: usize) -> Result<(), EngineError> {
        self.that(self.inputs[at].shape.0.len() == rank)
    }

    fn same(&self, a: usize, b: usize) -> Result<(), EngineError> {
        self.that(self.inputs[a].shape == self.inputs[b].shape)
    }

    fn is(&self, at: usize, axes: &[usize]) -> Result<(), EngineError> {
        self.that(self.inputs[at].shape.0 == axes)
    }

    /// A state (B, H), or (1, B, H) as PyTorch has it.
    fn state(&self, at: usize, axes: &[usize]) -> Result<(), EngineError> {
        let shape = &self.inputs[at].shape.0;
        self.that(shape.as_slice() == axes || (shape.first() == Some(&1) && &shape[1..] == axes))
    }

    fn without_last(&self, at: usize) -> Shape {
        let axes = &self.inputs[at].shape.0;
        Shape::from(&axes[..axes.len().saturating_sub(1)])
    }

    fn append(&self, at: usize, width: usize) -> Shape {
        let mut shape = self.shape(at);
        shape.0.push(width);
        shape
    }

    fn with_axis(&self, at: usize, axis: usize, len: usize) -> Shape {
        let mut shape = self.shape(at);
        shape.0[axis] = len;
        shape
    }

    fn concat(&self, axis: usize) -> Result<Vec<Shape>, EngineError> {
        self.that(!self.inputs.is_empty() && axis < self.shape(0).0.len())?;
        let mut total = 0;
        for at in 0..self.inputs.len() {
            self.that(self.inputs[at].shape.0.len() == self.shape(0).0.len())?;
            self.that(self.with_axis(at, axis, 0) == self.with_axis(0, axis, 0))?;
            total += self.axis(at, axis);
        }
        Ok(vec![self.with_axis(0, axis, total)])
    }

    fn matmul(&self, transpose_a: bool, transpose_b: bool) -> Result<Vec<Shape>, EngineError> {
        self.count(2)?;
        let (a, b) = (&self.inputs[0].shape, &self.inputs[1].shape);
        self.that(!a.0.is_empty() && !b.0.is_empty())?;
        self.that(self.lengths.is_none_or(|lengths| a.0.len() == 3 && lengths.0 == [a.0[1]]))?;
        if transpose_a {
            self.that(!transpose_b && a.rows() == b.rows())?;
            return Ok(vec![Shape::from([a.last(), b.last()])]);
        }
        self.rank(1, 2)?;
        let (k, n) = if transpose_b { (b.0[1], b.0[0]) } else { (b.0[0], b.0[1]) };
        self.that(a.last() == k)?;
        let mut shape = self.without_last(0);
        shape.0.push(n);
        Ok(vec![shape])
    }

    fn recurrent(&self, cell: Cell) -> Result<Vec<Shape>, EngineError> {
        self.count(5 + usize::from(cell.has_cell_state()))?;
        self.rank(0, 3)?;
        self.rank(1, 2)?;
        let (time, batch, hidden) = (self.axis(0, 0), self.axis(0, 1), self.axis(1, 1));
        self.lengths(batch)?;
        let gates = cell.gates() * hidden;
        self.is(0, &[time, batch, gates])?;
        self.is(1, &[gates, hidden])?;
        self.is(2, &[gates])?;
        self.is(3, &[gates])?;
        for state in 4..self.inputs.len() {
            self.state(state, &[batch, hidden])?;
        }
        let mut shapes = vec![Shape::from([time, batch, hidden]); 1 + usize::from(cell.has_cell_state())];
        if cell.recorded() > 0 {
            shapes.push(Shape::from([time, batch, cell.recorded() * hidden]));
        }
        Ok(shapes)
    }

    fn recurrent_backward(&self, cell: Cell) -> Result<Vec<Shape>, EngineError> {
        let (cells, recorded) = (usize::from(cell.has_cell_state()), usize::from(cell.recorded() > 0));
        let least = 4 + recorded + 2 * cells;
        self.that(self.inputs.len() == least || (cells == 1 && self.inputs.len() == least + 1))?;
        let h = 1 + recorded;
        self.rank(h, 3)?;
        let (time, batch, hidden) = (self.axis(h, 0), self.axis(h, 1), self.axis(h, 2));
        self.lengths(batch)?;
        self.is(0, &[cell.gates() * hidden, hidden])?;
        self.that(recorded == 0 || self.inputs[1].shape.0 == [time, batch, cell.recorded() * hidden])?;
        let (states, outside) = (h + 1 + cells, h + 2 + 2 * cells);
        for sequence in (h + 1..states).chain(outside..self.inputs.len()) {
            self.is(sequence, &[time, batch, hidden])?;
        }
        for state in states..outside {
            self.state(state, &[batch, hidden])?;
        }
        let projections = 1 + usize::from(cell.description().products_differ);
        let mut shapes = vec![Shape::from([time, batch, cell.gates() * hidden]); projections];
        shapes.extend(vec![Shape::from([time, batch, hidden]); 1 + cells]);
        shapes.extend((states..outside).map(|state| self.shape(state)));
        Ok(shapes)
    }

    fn discretise(&self) -> Result<Vec<Shape>, EngineError> {
        let grad = matches!(self.op, Op::DiscretiseGrad(_));
        self.count(if grad { 5 } else { 3 })?;
        self.rank(0, 1)?;
        self.rank(1, 3)?;
        self.that(self.axis(1, 0) == self.axis(0, 0) && self.axis(1, 2) == 2)?;
        for other in 2..self.inputs.len() {
            self.same(1, other)?;
        }
        let (by_mode, complex) = (Shape::from([self.axis(1, 0), self.axis(1, 1)]), self.shape(1));
        Ok(if grad { vec![by_mode, complex.clone(), complex] } else { vec![complex.clone(), complex] })
    }

    fn diagonal_scan(&self) -> Result<Vec<Shape>, EngineError> {
        let grad = *self.op == Op::DiagonalScanGrad;
        self.scan_operands(if grad { 7 } else { 5 }, grad)?;
        self.rank(1, 3)?;
        let (time, batch, channels, modes) = (self.axis(0, 0), self.axis(0, 1), self.axis(0, 2), self.axis(1, 1));
        for weight in 1..4 {
            self.is(weight, &[channels, modes, 2])?;
        }
        self.is(4, &[batch, channels, modes, 2])?;
        let states = [time, batch, channels, modes, 2];
        if !grad {
            return Ok(vec![self.shape(0), Shape::from(states)]);
        }
        self.is(5, &states)?;
        self.same(6, 0)?;
        self.that(self.inputs.len() == 7 || self.inputs[7].shape.0 == states)?;
        Ok((0..5).map(|at| self.shape(at)).chain([Shape::from(states)]).collect())
    }

    fn selective_scan(&self) -> Result<Vec<Shape>, EngineError> {
        let grad = *self.op == Op::SelectiveScanGrad;
        self.scan_operands(if grad { 8 } else { 6 }, grad)?;
        self.rank(2, 2)?;
        let (time, batch, channels, modes) = (self.axis(0, 0), self.axis(0, 1), self.axis(0, 2), self.axis(2, 1));
        self.same(1, 0)?;
        self.is(2, &[channels, modes])?;
        self.is(3, &[time, batch, modes])?;
        self.is(4, &[time, batch, modes])?;
        self.is(5, &[batch, channels, modes])?;
        let states = [time, batch, channels, modes];
        if !grad {
            return Ok(vec![self.shape(0), Shape::from(states)]);
        }
        self.is(6, &states)?;
        self.same(7, 0)?;
        self.that(self.inputs.len() == 8 || self.inputs[8].shape.0 == states)?;
        Ok((0..6).map(|at| self.shape(at)).chain([Shape::from(states)]).collect())
    }

    /// So many operands, the first of them a sequence; a gradient may have one more.
    fn scan_operands(&self, count: usize, grad: bool) -> Result<(), EngineError> {
        self.that(self.inputs.len() == count || (grad && self.inputs.len() == count + 1))?;
        self.rank(0, 3)
    }

    fn long_conv(&self) -> Result<Vec<Shape>, EngineError> {
        self.count(2)?;
        let (sequence, other) = if *self.op == Op::LongConvGradInput { (1, 0) } else { (0, 1) };
        self.rank(sequence, 3)?;
        let kernel = [self.axis(sequence, 0), 1, self.axis(sequence, 2)];
        if *self.op == Op::LongConvGradKernel {
            self.same(0, 1)?;
            return Ok(vec![Shape::from(kernel)]);
        }
        self.is(other, &kernel)?;
        Ok(vec![self.shape(sequence)])
    }
}
