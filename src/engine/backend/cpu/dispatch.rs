//! Which kernel runs a step, and the scratch memory it needs.

use crate::engine::cell::Cell;
use crate::engine::graph::{Graph, Kind, Node, Op, Shape, ValueId};
use crate::engine::kernels::conv::ConvDims;
use crate::engine::kernels::gemm::{Mat, Size, Start};
use crate::engine::kernels::layout::Range;
use crate::engine::kernels::ragged::Sequences;
use crate::engine::kernels::real::Real;
use crate::engine::kernels::recurrent::{Backward, Course, Dims, Forward};
use crate::engine::kernels::*;
use crate::engine::optimiser::Optimiser;
use crate::engine::plan::Plan;

use super::{MOST_OUTPUTS, doors, scans};

/// The operands a step reads.
pub(super) struct Operands<'a, R> {
    pub plan: &'a Plan,
    pub step: &'a Node,
    pub floats: &'a [Vec<R>],
    pub ids: &'a [Vec<u32>],
}

impl<'a, R> Operands<'a, R> {
    pub(super) fn input(&self, at: usize) -> &'a [R] {
        let location = self.plan.placed(self.step.inputs[at]);
        &self.floats[location.slot][location.offset..location.offset + location.len]
    }

    fn ids(&self, at: usize) -> &'a [u32] {
        let location = self.plan.placed(self.step.inputs[at]);
        &self.ids[location.slot][..location.len]
    }

    pub(super) fn shape(&self, at: usize) -> &Shape {
        self.plan.graph().shape(self.step.inputs[at])
    }

    /// Whether anybody sees an output.
    pub(super) fn is_seen(&self, output: usize) -> bool {
        self.plan.is_seen(self.step.outputs[output])
    }

    pub(super) fn count(&self) -> usize {
        self.step.inputs.len()
    }

    /// The operand `lengths` of ops that take one; empty without.
    fn lengths(&self) -> &'a [u32] {
        if has_lengths(self.plan.graph(), self.step) { self.ids(self.count() - 1) } else { &[] }
    }

    fn sequences(&self, steps: usize, batch: usize) -> Sequences<'a> {
        Sequences { steps, batch, lengths: self.lengths() }
    }
}

/// Whether a step of an op that takes lengths, all other operands being floats, has some.
fn has_lengths(graph: &Graph, step: &Node) -> bool {
    step.inputs.last().is_some_and(|last| graph.value(*last).kind == Kind::Ids)
}

/// Elements of scratch memory a step needs.
pub(super) fn scratch(graph: &Graph, step: &Node) -> usize {
    let shape = |id: ValueId| graph.shape(id);
    match &step.op {
        Op::MatMul { transpose_a, transpose_b } => {
            let size = matmul_size(*transpose_a, *transpose_b, shape(step.inputs[0]), shape(step.inputs[1]));
            match (has_lengths(graph, step), *transpose_a) {
                (false, _) => gemm::gemm_scratch(size),
                (true, false) => ragged::matmul_scratch(size),
                (true, true) => ragged::outer_scratch(size),
            }
        }
        Op::Einsum(einsum) => einsum::einsum_scratch(&einsum.loops()),
        Op::Recurrent { cell, .. } => {
            recurrent::forward_scratch(*cell, sequence_dims(shape(step.outputs[0])), has_lengths(graph, step))
        }
        Op::RecurrentBackward { cell, .. } => {
            let h = 1 + usize::from(cell.recorded() > 0);
            recurrent::backward_scratch(*cell, sequence_dims(shape(step.inputs[h])), has_lengths(graph, step))
        }
        Op::DiagonalScan | Op::DiagonalScanGrad | Op::SelectiveScanGrad => scans::scratch(graph, step),
        Op::LogSumExp | Op::CrossEntropy { .. } | Op::LayerNormGrad { .. } | Op::SampleToken => {
            shape(step.inputs[0]).last()
        }
        Op::Conv1dCausal => conv::conv1d_scratch(conv_dims(shape(step.inputs[0]), shape(step.inputs[1]).last())),
        Op::Conv1dCausalGradInput => {
            conv::conv1d_scratch(conv_dims(shape(step.inputs[1]), shape(step.inputs[0]).last()))
        }
        Op::Conv1dCausalGradWeight { taps } => conv::conv1d_scratch(conv_dims(shape(step.inputs[0]), *taps)),
        _ => 0,
    }
}

fn sequence_dims(h: &Shape) -> Dims {
    Dims { steps: h.0[0], batch: h.0[1], hidden: h.0[2] }
}

fn conv_dims(x: &Shape, taps: usize) -> ConvDims {
    ConvDims { steps: x.0[0], batch: x.0[1], channels: x.0[2], taps }
}

fn matmul_size(transpose_a: bool, transpose_b: bool, a: &Shape, b: &Shape) -> Size {
    if transpose_a {
        return Size { m: a.last(), n: b.last(), k: a.rows() };
    }
    let n = if transpose_b { b.0[0] } else { b.0[1] };
    Size { m: a.rows(), n, k: a.last() }
}

/// Runs the kernel of a step.
pub(super) fn run<R: Real>(x: &Operands<'_, R>, outputs: [&mut [R]; MOST_OUTPUTS], scratch: &mut [R]) {
    match &x.step.op {
        Op::Recurrent { cell, reverse } => return recurrent_forward(*cell, *reverse, x, outputs, scratch),
        Op::RecurrentBackward { cell, reverse } => return recurrent_backward(*cell, *reverse, x, outputs, scratch),
        Op::Optimise(optimiser) => return optimise(optimiser, x, outputs),
        Op::AdditiveEnergy | Op::AdditiveEnergyGrad | Op::CachedAttention { .. } => {
            return doors::attention(x, outputs);
        }
        op if scans::is_one(op) => return doors::scan(x, outputs, scratch),
        _ => {}
    }
    let [y, ..] = outputs;
    let number = |value: f32| R::from_f64(f64::from(value));
    match &x.step.op {
        Op::Unary(kind) => R::unary(*kind, x.input(0), y),
        Op::UnaryGrad(kind) => R::unary_grad(*kind, x.input(0), x.input(1), y),
        Op::Binary(kind) => R::binary(*kind, x.input(0), x.input(1), y),
        Op::Affine { scale, shift } => R::affine(number(*scale), number(*shift), x.input(0), y),
        Op::Fill { value, .. } => binary::fill(number(*value), y),
        Op::MatMul { transpose_a, transpose_b } => matmul(*transpose_a, *transpose_b, x, y, scratch),
        Op::Einsum(einsum) => R::einsum(&einsum.loops(), x.input(0), x.input(1), y, scratch),
        Op::Transpose => R::transpose(x.shape(0).0[0], x.shape(0).0[1], x.input(0), y),
        Op::Slice { axis, start, len } => layout::slice(range(x.shape(0), *axis, *start, *len), x.input(0), y),
        Op::Pad { axis, start, total } => {
            let part = range(x.shape(0), *axis, *start, x.shape(0).0[*axis]);
            layout::pad(Range { axis: *total, ..part }, x.input(0), y);
        }
        Op::Concat { axis } => concat(*axis, x, |at| x.input(at), y),
        Op::ExpandLast { width } => R::expand_last(x.input(0), *width, y),
        Op::ExpandLeading { .. } => layout::expand_leading(x.input(0), y),
        Op::SumLast => R::sum_last(x.input(0), y),
        Op::SumLeading { .. } => R::sum_leading(x.input(0), y),
        Op::RowNorm => R::row_norm(x.input(0), y),
        Op::Softmax => {
            let mask = (x.count() == 2).then(|| x.input(1));
            R::softmax(x.shape(0).last(), x.input(0), mask, y);
        }
        Op::CausalSoftmax => {
            let shape = x.shape(0);
            R::causal_softmax(shape.0[shape.0.len() - 2], shape.last(), x.input(0), y);
        }
        Op::SoftmaxGrad => R::softmax_grad(x.shape(0).last(), x.input(0), x.input(1), y),
        Op::LogSoftmax => R::log_softmax(x.shape(0).last(), x.input(0), y),
        Op::LogSoftmaxGrad => R::log_softmax_grad(x.shape(0).last(), x.input(0), x.input(1), y),
        Op::LogSumExp => R::logsumexp(x.shape(0).last(), x.input(0), y, scratch),
        Op::CrossEntropy { ignore } => R::cross_entropy(x.input(0), x.ids(1), *ignore, y, scratch),
        Op::CrossEntropyGrad { ignore } => {
            R::cross_entropy_grad(x.input(0), x.ids(1), *ignore, x.input(2), y);
        }
        Op::ArgmaxEquals => R::argmax_equals(x.input(0), x.ids(1), y),
        Op::NotEqual { value } => cross_entropy::not_equal(x.ids(0), *value, y),
        Op::LengthMask { steps } => attention::length_mask(x.ids(0), *steps, y),
        Op::WeightedMean => R::weighted_mean(x.input(0), x.input(1), y),
        Op::WeightedMeanGrad => R::weighted_mean_grad(x.input(0), x.input(1), y),
        Op::Embedding { .. } => embedding::embedding(x.shape(1).last(), x.ids(0), x.input(1), y),
        Op::EmbeddingGrad { padding, .. } => {
            R::embedding_grad(x.shape(1).last(), x.ids(0), x.input(1), *padding, y);
        }
        Op::LayerNorm { eps } => R::layer_norm(x.shape(0).last(), f64::from(*eps), x.input(0), y),
        Op::LayerNormGrad { eps } => {
            R::layer_norm_grad(x.shape(0).last(), f64::from(*eps), x.input(0), x.input(1), y, scratch);
        }
        Op::Conv1dCausal => {
            let dims = conv_dims(x.shape(0), x.shape(1).last());
            R::conv1d_causal(dims, x.input(0), x.input(1), y, scratch);
        }
        Op::Conv1dCausalGradInput => {
            let dims = conv_dims(x.shape(1), x.shape(0).last());
            R::conv1d_causal_grad_x(dims, x.input(1), x.input(0), y, scratch);
        }
        Op::Conv1dCausalGradWeight { taps } => {
            R::conv1d_causal_grad_weight(conv_dims(x.shape(0), *taps), x.input(0), x.input(1), y, scratch);
        }
        Op::Previous { reverse } => {
            let [steps, batch] = leading(x.shape(0));
            ragged::previous(x.sequences(steps, batch), *reverse, x.input(0), x.input(1), y);
        }
        Op::FinalState { reverse } => {
            let [steps, batch] = leading(x.shape(0));
            ragged::final_state(x.sequences(steps, batch), *reverse, x.input(0), y);
        }
        Op::FinalStateGrad { reverse, steps } => {
            let batch = x.shape(0).0[0];
            ragged::final_state_grad(x.sequences(*steps, batch), *reverse, x.input(0), y);
        }
        Op::Dropout { p, stream } => R::dropout(*p, *stream, x.ids(1), x.input(0), y),
        Op::GroupNorms { groups } => R::group_norms(x.input(0), groups, y),
        Op::CacheWrite => attention::cache_write(x.input(0), x.ids(1), y),
        Op::Copy => y.copy_from_slice(x.input(0)),
        op => unreachable!("{} is handled above or computes ids", op.name()),
    }
}

/// Runs the kernel of a step that computes ids.
pub(super) fn run_ids<R: Real>(x: &Operands<'_, R>, y: &mut [u32], scratch: &mut [R]) {
    match &x.step.op {
        Op::Argmax => R::argmax_rows(x.input(0), y),
        Op::SampleToken => R::sample_token(x.input(0), x.input(1), y, scratch),
        Op::SelectIds => tokens::select_ids(x.input(0), x.ids(1), x.ids(2), y),
        Op::Slice { axis, start, len } => layout::slice(range(x.shape(0), *axis, *start, *len), x.ids(0), y),
        Op::Concat { axis } => concat(*axis, x, |at| x.ids(at), y),
        op => unreachable!("{} computes floats", op.name()),
    }
}

/// The first two axes.
fn leading(shape: &Shape) -> [usize; 2] {
    [shape.0[0], shape.0[1]]
}

fn range(shape: &Shape, axis: usize, start: usize, len: usize) -> Range {
    let outer = shape.0[..axis].iter().product();
    let inner = shape.0[axis + 1..].iter().product();
    Range { outer, axis: shape.0[axis], inner, start, len }
}

fn concat<'a, R, T: Copy + 'a>(axis: usize, x: &Operands<'_, R>, input: impl Fn(usize) -> &'a [T], y: &mut [T]) {
    let whole = x.plan.graph().shape(x.step.outputs[0]);
    let mut start = 0;
    for at in 0..x.count() {
        let len = x.shape(at).0[axis];
        layout::place(range(whole, axis, start, len), input(at), y);
        start += len;
    }
}

fn matmul<R: Real>(transpose_a: bool, transpose_b: bool, x: &Operands<'_, R>, y: &mut [R], scratch: &mut [R]) {
    let size = matmul_size(transpose_a, transpose_b, x.shape(0), x.shape(1));
    let a = if transpose_a { Mat::transposed(x.input(0), size.m) } else { Mat::rows(x.input(0), size.k) };
    let b = if transpose_b { Mat::transposed(x.input(1), size.k) } else { Mat::rows(x.input(1), size.n) };
    if !x.lengths().is_empty() {
        let [steps, batch] = leading(x.shape(0));
        let sequences = x.sequences(steps, batch);
        return match transpose_a {
            true => R::outer(size, sequences, x.input(0), x.input(1), y, scratch),
            false => R::matmul(size, sequences, x.input(0), b, y, scratch),
        };
    }
    R::gemm(size, a, b, y, size.n, Start::Zero, scratch);
}

fn recurrent_forward<R: Real>(
    cell: Cell,
    reverse: bool,
    x: &Operands<'_, R>,
    outputs: [&mut [R]; MOST_OUTPUTS],
    scratch: &mut [R],
) {
    let dims = sequence_dims(x.plan.graph().shape(x.step.outputs[0]));
    let [h, second, third, ..] = outputs;
    let (c, gates) = if cell.has_cell_state() { (second, third) } else { (third, second) };
    let c0 = if cell.has_cell_state() { x.input(5) } else { &[] };
    let io = Forward {
        x_proj: x.input(0),
        weight_hh: x.input(1),
        bias_ih: x.input(2),
        bias_hh: x.input(3),
        h0: x.input(4),
        c0,
        h,
        c,
        gates,
    };
    R::forward(cell, dims, Course { reverse, lengths: x.lengths() }, io, scratch);
}

fn recurrent_backward<R: Real>(
    cell: Cell,
    reverse: bool,
    x: &Operands<'_, R>,
    outputs: [&mut [R]; MOST_OUTPUTS],
    scratch: &mut [R],
) {
    let (has_c, recorded) = (cell.has_cell_state(), usize::from(cell.recorded() > 0));
    let cells = usize::from(has_c);
    let h = 1 + recorded;
    let outside = h + 2 + 2 * cells;
    let dims = sequence_dims(x.shape(h));
    let [d_x_proj, a, b, c, d, e, ..] = outputs;
    let none: &mut [R] = &mut [];
    let none2: &mut [R] = &mut [];
    let (d_h_proj, grad_h, grad_c, dh0, dc0) = match (cell.description().products_differ, has_c) {
        (true, true) => (a, b, c, d, e),
        (true, false) => (a, b, none, c, d),
        (false, true) => (none, a, b, c, d),
        (false, false) => (none, a, none2, b, d),
    };
    let io = Backward {
        weight_hh: x.input(0),
        gates: if recorded == 1 { x.input(1) } else { &[] },
        h: x.input(h),
        c: if has_c { x.input(h + 1) } else { &[] },
        h0: x.input(h + 1 + cells),
        c0: if has_c { x.input(h + 3) } else { &[] },
        grad_output: x.input(outside),
        grad_cell: (x.count() - usize::from(!x.lengths().is_empty()) > outside + 1).then(|| x.input(outside + 1)),
        d_x_proj,
        d_h_proj,
        grad_h,
        grad_c,
        dh0,
        dc0,
    };
    R::backward(cell, dims, Course { reverse, lengths: x.lengths() }, io, scratch);
}

pub(super) fn attention<R: Real>(x: &Operands<'_, R>, outputs: [&mut [R]; MOST_OUTPUTS]) {
    let [first, second, third, ..] = outputs;
    let operands = [x.input(0), x.input(1), x.input(2)];
    let energies = |shape: &Shape| attention::Energies {
        queries: shape.0[0],
        batch: shape.0[1],
        keys: shape.0[2],
        width: shape.0[3],
    };
    match &x.step.op {
        Op::AdditiveEnergy => {
            let dims = energies(x.plan.graph().shape(x.step.outputs[1]));
            R::additive_energy(dims, operands, first, second);
        }
        Op::AdditiveEnergyGrad => {
            R::additive_energy_grad(energies(x.shape(0)), operands, [first, second, third]);
        }
        Op::CachedAttention { heads } => R::cached_attention(*heads, operands, x.ids(3), first, second),
        _ => unreachable!("no op of attention"),
    }
}

fn optimise<R: Real>(optimiser: &Optimiser, x: &Operands<'_, R>, outputs: [&mut [R]; MOST_OUTPUTS]) {
    let (gradient, norms, hyper) = (x.input(0), x.input(1), x.input(2));
    let [parameters, first, second, third, ..] = outputs;
    let lr = hyper[0].to_f64();
    let (_, factor) = optim::clip_factor(norms, hyper[1]);
    match *optimiser {
        Optimiser::Sgd { momentum, dampening, nesterov, weight_decay } => {
            let options = optim::Sgd { lr, momentum, dampening, nesterov, weight_decay };
            R::sgd(&options, hyper[4] == R::ONE, factor, gradient, parameters, first);
        }
        Optimiser::RmsProp { alpha, eps, momentum, centered, weight_decay } => {
            let options = optim::RmsProp { lr, alpha, eps, momentum, centered, weight_decay };
            let (velocity, mean) = if momentum != 0.0 { (second, third) } else { (third, second) };
            R::rmsprop(&options, factor, gradient, parameters, optim::RmsPropState { square: first, mean, velocity });
        }
        Optimiser::Adam { beta1, beta2, eps, weight_decay, decoupled } => {
            let (correction1, root2) = (hyper[2].to_f64(), hyper[3].to_f64());
            let correction2 = root2 * root2;
            let options = optim::Adam { lr, beta1, beta2, eps, weight_decay, decoupled, correction1, correction2 };
            R::adam(&options, factor, gradient, parameters, first, second);
        }
    }
}
