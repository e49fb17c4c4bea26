//! A recurrent layer over a whole sequence, forward and backward through time.
//!
//! This file owns what all cells share: the loop over time, the products with the recurrent weights (laid out once
//! a call), and the state handed from step to step. A cell is one file with a [`Recurrence`]: how many blocks of
//! weights it has and what happens to one step's numbers.
//!
//! Sequences are [T, B, F]. Weights are PyTorch's: `weight_hh` (G*H, H), the gates' blocks of rows in the cell's
//! order. Gradients of the weights are not computed here: they are products over all T*B rows of what
//! [`backward`] returns.

use super::gemm::{self, Mat, Size, Start};
use super::real::Real;
use super::{gru, gru_textbook, lstm, rnn};
pub use crate::engine::cell::Cell;

/// Calls a generic function with the cell's [`Recurrence`].
macro_rules! with_cell {
    ($cell:expr, $function:ident $arguments:tt) => {
        match $cell {
            Cell::Rnn => $function::<R, rnn::Tanh> $arguments,
            Cell::RnnRelu => $function::<R, rnn::Relu> $arguments,
            Cell::Lstm => $function::<R, lstm::Lstm> $arguments,
            Cell::Gru => $function::<R, gru::Gru> $arguments,
            Cell::GruTextbook => $function::<R, gru_textbook::GruTextbook> $arguments,
        }
    };
}

/// Steps, sequences and units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    /// T: steps.
    pub steps: usize,
    /// B: sequences side by side.
    pub batch: usize,
    /// H: units.
    pub hidden: usize,
}

impl Dims {
    /// B * H: numbers in a state.
    pub fn state(self) -> usize {
        self.batch * self.hidden
    }
}

/// Arguments of [`forward`]. `c`, `c0` are empty without a second state, `gates` without a trace.
#[derive(Debug)]
pub struct Forward<'a, R> {
    /// [T, B, G*H] W_ih x, without biases.
    pub x_proj: &'a [R],
    /// [G*H, H].
    pub weight_hh: &'a [R],
    /// [G*H].
    pub bias_ih: &'a [R],
    /// [G*H].
    pub bias_hh: &'a [R],
    /// [B, H] state before the first step.
    pub h0: &'a [R],
    /// [B, H] second state before the first step.
    pub c0: &'a [R],
    /// Output [T, B, H].
    pub h: &'a mut [R],
    /// Output [T, B, H].
    pub c: &'a mut [R],
    /// Output [T, B, trace*H]: what the cell keeps for the backward pass and for the views.
    pub gates: &'a mut [R],
}

/// Arguments of [`backward`]. What the cell does not have is empty, as in [`Forward`].
#[derive(Debug)]
pub struct Backward<'a, R> {
    /// [G*H, H].
    pub weight_hh: &'a [R],
    /// [T, B, trace*H] from [`forward`].
    pub gates: &'a [R],
    /// [T, B, H] from [`forward`].
    pub h: &'a [R],
    /// [T, B, H] from [`forward`].
    pub c: &'a [R],
    /// [B, H].
    pub h0: &'a [R],
    /// [B, H].
    pub c0: &'a [R],
    /// [T, B, H] dL/dh_t from outside the layer.
    pub grad_output: &'a [R],
    /// [T, B, H] dL/dc_t from outside the layer, if anything uses c.
    pub grad_cell: Option<&'a [R]>,
    /// Output [T, B, G*H]: gradient of `x_proj` (and of b_ih's sum).
    pub d_x_proj: &'a mut [R],
    /// Output [T, B, G*H]: gradient of W_hh h + b_hh where it differs from `d_x_proj` (`nn.GRU`).
    pub d_h_proj: &'a mut [R],
    /// Output [T, B, H]: total derivative dL/dh_t, from outside and through all later steps.
    pub grad_h: &'a mut [R],
    /// Output [T, B, H]: total derivative dL/dc_t.
    pub grad_c: &'a mut [R],
    /// Output [B, H].
    pub dh0: &'a mut [R],
    /// Output [B, H].
    pub dc0: &'a mut [R],
}

/// What makes a cell. All step slices are row-major over the B sequences.
pub(super) trait Recurrence<R: Real> {
    /// G: blocks of H rows of `weight_hh`.
    const GATES: usize;
    /// The first so many blocks are multiplied with the previous state by the driver (`Weights::first`); the cell
    /// itself multiplies the others (`Weights::second`).
    const FIRST: usize = Self::GATES;
    /// Blocks of H numbers kept of each step.
    const TRACE: usize;
    /// From the products to the state.
    fn forward(step: ForwardStep<'_, R>);
    /// From the gradient of the state to the gradients of the products and of the previous state.
    fn backward(step: BackwardStep<'_, R>);
}

/// One step forward.
pub(super) struct ForwardStep<'a, R: Real> {
    /// H.
    pub hidden: usize,
    /// [B, G*H].
    pub x_proj: &'a [R],
    /// [G*H].
    pub bias_ih: &'a [R],
    /// [G*H].
    pub bias_hh: &'a [R],
    /// The weights the driver has not used yet.
    pub second: Weights<'a, R>,
    /// [B, G*H] W_hh h + b_hh in the first blocks; the others are the cell's to fill.
    pub product: &'a mut [R],
    /// [B, H].
    pub h_prev: &'a [R],
    /// [B, H] or empty.
    pub c_prev: &'a [R],
    /// Output [B, H].
    pub h: &'a mut [R],
    /// Output [B, H] or empty.
    pub c: &'a mut [R],
    /// Output [B, trace*H].
    pub gates: &'a mut [R],
    /// For `second`.
    pub scratch: &'a mut [R],
}

/// One step backward.
pub(super) struct BackwardStep<'a, R: Real> {
    /// H.
    pub hidden: usize,
    /// The weights the driver will not use.
    pub second: Weights<'a, R>,
    /// [B, trace*H].
    pub gates: &'a [R],
    /// [B, H].
    pub h: &'a [R],
    /// [B, H].
    pub h_prev: &'a [R],
    /// [B, H] or empty.
    pub c: &'a [R],
    /// [B, H] or empty.
    pub c_prev: &'a [R],
    /// [B, H] total dL/dh_t.
    pub dh: &'a [R],
    /// [B, H] dL/dc_t, from outside and from step t+1; the cell adds what comes through h_t.
    pub dc: &'a mut [R],
    /// Output [B, G*H].
    pub d_x: &'a mut [R],
    /// Output [B, G*H] or empty.
    pub d_h: &'a mut [R],
    /// [B, H] holds dL/dh_{t-1} from outside; the cell adds all but the first product.
    pub dh_prev: &'a mut [R],
    /// [B, H] holds dL/dc_{t-1} from outside; the cell adds its own.
    pub dc_prev: &'a mut [R],
    /// [B, H] for the cell.
    pub work: &'a mut [R],
    /// For `second`.
    pub scratch: &'a mut [R],
}

/// The right side of one of a step's products.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a, R> {
    n: usize,
    k: usize,
    layout: Layout<'a, R>,
}

#[derive(Clone, Copy)]
enum Layout<'a, R> {
    /// By [`gemm::pack_b`], for calls that use it often.
    Packed(&'a [R]),
    /// As it lies, for a single row.
    Plain(Mat<'a, R>),
}

impl<'a, R: Real> Weights<'a, R> {
    /// Packs B (k, n) into the front of `memory`, unless a call of so many rows is better off without.
    fn new(n: usize, k: usize, b: Mat<'a, R>, rows: usize, memory: &'a mut [R]) -> (Self, &'a mut [R]) {
        let (packed, rest) = memory.split_at_mut(gemm::packed_b_len(n, k));
        if rows == 1 {
            return (Self { n, k, layout: Layout::Plain(b) }, rest);
        }
        gemm::pack_b(n, k, b, packed);
        (Self { n, k, layout: Layout::Packed(packed) }, rest)
    }
    /// c (rows, n) = start + a (rows, k) B.
    pub fn multiply(self, rows: usize, a: Mat<'_, R>, c: &mut [R], ldc: usize, start: Start<'_, R>, scratch: &mut [R]) {
        let size = Size { m: rows, n: self.n, k: self.k };
        match self.layout {
            Layout::Packed(packed) => gemm::gemm_prepacked(size, a, packed, c, ldc, start, scratch),
            Layout::Plain(b) => gemm::gemm(size, a, b, c, ldc, start, scratch),
        }
    }
}

/// Numbers of scratch memory for [`forward`].
pub fn forward_scratch(cell: Cell, dims: Dims) -> usize {
    type R = f32;
    with_cell!(cell, forward_scratch_of(dims))
}

fn forward_scratch_of<R: Real, C: Recurrence<R>>(dims: Dims) -> usize {
    let (h, first, second) = (dims.hidden, C::FIRST * dims.hidden, (C::GATES - C::FIRST) * dims.hidden);
    let product = gemm::gemm_prepacked_scratch(Size { m: dims.batch, n: C::GATES * h, k: h });
    gemm::packed_b_len(first, h) + gemm::packed_b_len(second, h) + C::GATES * dims.state() + product
}

/// Numbers of scratch memory for [`backward`].
pub fn backward_scratch(cell: Cell, dims: Dims) -> usize {
    type R = f32;
    with_cell!(cell, backward_scratch_of(dims))
}

fn backward_scratch_of<R: Real, C: Recurrence<R>>(dims: Dims) -> usize {
    let (h, first, second) = (dims.hidden, C::FIRST * dims.hidden, (C::GATES - C::FIRST) * dims.hidden);
    let product = gemm::gemm_prepacked_scratch(Size { m: dims.batch, n: h, k: C::GATES * h });
    gemm::packed_b_len(h, first) + gemm::packed_b_len(h, second) + dims.state() + product
}

/// Runs the layer over all steps. Formulas: the cells' files.
pub fn forward<R: Real>(cell: Cell, dims: Dims, io: Forward<'_, R>, scratch: &mut [R]) {
    with_cell!(cell, forward_of(dims, io, scratch));
}

/// Back-propagation through time over all steps, from the last to the first.
pub fn backward<R: Real>(cell: Cell, dims: Dims, io: Backward<'_, R>, scratch: &mut [R]) {
    with_cell!(cell, backward_of(dims, io, scratch));
}

fn forward_of<R: Real, C: Recurrence<R>>(dims: Dims, io: Forward<'_, R>, scratch: &mut [R]) {
    let (hidden, state) = (dims.hidden, dims.state());
    let (width, trace) = (C::GATES * hidden, C::TRACE * state);
    let split = C::FIRST * hidden * hidden;
    let columns = C::FIRST * hidden;
    let rows = dims.steps * dims.batch;
    let (upper, lower) = io.weight_hh.split_at(split);
    let (first, scratch) = Weights::new(columns, hidden, Mat::transposed(upper, hidden), rows, scratch);
    let (second, scratch) = Weights::new(width - columns, hidden, Mat::transposed(lower, hidden), rows, scratch);
    let (product, scratch) = scratch.split_at_mut(C::GATES * state);
    let has_c = !io.c.is_empty();
    for t in 0..dims.steps {
        let (h_prev, h) = now_and_before(io.h, io.h0, t, state);
        let (c_prev, c) = now_and_before(io.c, io.c0, t, if has_c { state } else { 0 });
        let start = Start::Row(&io.bias_hh[..columns]);
        first.multiply(dims.batch, Mat::rows(h_prev, hidden), product, width, start, scratch);
        C::forward(ForwardStep {
            hidden,
            x_proj: &io.x_proj[t * C::GATES * state..][..C::GATES * state],
            bias_ih: io.bias_ih,
            bias_hh: io.bias_hh,
            second,
            product,
            h_prev,
            c_prev,
            h,
            c,
            gates: &mut io.gates[t * trace..][..trace],
            scratch,
        });
    }
}

fn backward_of<R: Real, C: Recurrence<R>>(dims: Dims, io: Backward<'_, R>, scratch: &mut [R]) {
    let (hidden, state) = (dims.hidden, dims.state());
    let (width, trace) = (C::GATES * hidden, C::TRACE * state);
    let split = C::FIRST * hidden * hidden;
    let columns = C::FIRST * hidden;
    let rows = dims.steps * dims.batch;
    let (upper, lower) = io.weight_hh.split_at(split);
    let (first, scratch) = Weights::new(hidden, columns, Mat::rows(upper, hidden), rows, scratch);
    let (second, scratch) = Weights::new(hidden, width - columns, Mat::rows(lower, hidden), rows, scratch);
    let (work, scratch) = scratch.split_at_mut(state);
    let c_len = if io.c.is_empty() { 0 } else { state };
    let d_h_len = if io.d_h_proj.is_empty() { 0 } else { C::GATES * state };
    io.grad_h.copy_from_slice(io.grad_output);
    match io.grad_cell {
        Some(outside) => io.grad_c.copy_from_slice(outside),
        None => io.grad_c.fill(R::ZERO),
    }
    io.dh0.fill(R::ZERO);
    io.dc0.fill(R::ZERO);
    for t in (0..dims.steps).rev() {
        let (dh_prev, dh) = now_and_before_mut(io.grad_h, io.dh0, t, state);
        let (dc_prev, dc) = now_and_before_mut(io.grad_c, io.dc0, t, c_len);
        let d_x = &mut io.d_x_proj[t * C::GATES * state..][..C::GATES * state];
        let d_h = &mut io.d_h_proj[t * d_h_len..][..d_h_len];
        C::backward(BackwardStep {
            hidden,
            second,
            gates: &io.gates[t * trace..][..trace],
            h: &io.h[t * state..][..state],
            h_prev: before(io.h, io.h0, t, state),
            c: &io.c[t * c_len..][..c_len],
            c_prev: before(io.c, io.c0, t, c_len),
            dh,
            dc,
            d_x,
            d_h,
            dh_prev,
            dc_prev,
            work,
            scratch,
        });
        let gradient = if d_h_len == 0 { &*d_x } else { &*d_h };
        first.multiply(dims.batch, Mat::rows(gradient, width), dh_prev, hidden, Start::Keep, scratch);
    }
}

/// The first N blocks of `width` numbers of a row.
#[inline(always)]
pub(super) fn blocks<R, const N: usize>(row: &[R], width: usize) -> [&[R]; N] {
    std::array::from_fn(|i| &row[i * width..][..width])
}

/// As [`blocks`], to be written.
#[inline(always)]
pub(super) fn blocks_mut<R, const N: usize>(mut row: &mut [R], width: usize) -> [&mut [R]; N] {
    std::array::from_fn(|_| {
        let (block, rest) = std::mem::take(&mut row).split_at_mut(width);
        row = rest;
        block
    })
}

/// The state before step t: `first` for t = 0.
fn before<'a, R>(states: &'a [R], first: &'a [R], t: usize, len: usize) -> &'a [R] {
    if t == 0 { first } else { &states[(t - 1) * len..t * len] }
}

/// The state before step t and the one of step t.
fn now_and_before<'a, R>(states: &'a mut [R], first: &'a [R], t: usize, len: usize) -> (&'a [R], &'a mut [R]) {
    let (past, now) = states.split_at_mut(t * len);
    (before(past, first, t, len), &mut now[..len])
}

/// As [`now_and_before`], both to be written.
fn now_and_before_mut<'a, R>(
    states: &'a mut [R],
    first: &'a mut [R],
    t: usize,
    len: usize,
) -> (&'a mut [R], &'a mut [R]) {
    let (past, now) = states.split_at_mut(t * len);
    (if t == 0 { first } else { &mut past[(t - 1) * len..] }, &mut now[..len])
}
