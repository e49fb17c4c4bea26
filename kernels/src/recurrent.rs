//! A recurrent layer over a whole sequence, forward and backward through time.
//!
//! This file owns what all cells share: the loop over time, the products with the recurrent weights (laid out once
//! a call), and the state handed from step to step. A cell is one file with a [`Recurrence`]: how many blocks of
//! weights it has and what happens to one step's numbers.
//!
//! Sequences are [T, B, F], each with its own length and zeros beyond. A step works on the rows of the sequences that
//! have it: where they are the first ones of the batch, as they are when it is sorted by length, on the tensors
//! themselves, else on copies of these rows, so that padding costs nothing.
//!
//! Weights are PyTorch's: `weight_hh` (G*H, H), the gates' blocks of rows in the cell's order. Gradients of the weights
//! are not computed here: they are products over all T*B rows of what [`backward`] returns.

pub use super::cell::Cell;
use super::gemm::{self, Mat, Size, Start};
use super::ragged::Sequences;
use super::real::Real;
use super::{gru, gru_textbook, lstm, rnn};

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

/// The way through time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Course<'a> {
    /// From each sequence's last step to its first.
    pub reverse: bool,
    /// [B] steps of each sequence, T at most; empty when all have T.
    pub lengths: &'a [u32],
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

/// Numbers of scratch memory for [`forward`]; `ragged` if there are lengths.
pub fn forward_scratch(cell: Cell, dims: Dims, ragged: bool) -> usize {
    type R = f32;
    with_cell!(cell, forward_scratch_of(dims, ragged))
}

fn forward_scratch_of<R: Real, C: Recurrence<R>>(dims: Dims, ragged: bool) -> usize {
    let (h, first, second) = (dims.hidden, C::FIRST * dims.hidden, (C::GATES - C::FIRST) * dims.hidden);
    let product = gemm::gemm_prepacked_scratch(Size { m: dims.batch, n: C::GATES * h, k: h });
    let copies = if ragged { FORWARD_STATES + C::GATES + C::TRACE } else { 0 };
    gemm::packed_b_len(first, h) + gemm::packed_b_len(second, h) + (C::GATES + copies) * dims.state() + product
}

/// Numbers of scratch memory for [`backward`]; `ragged` if there are lengths.
pub fn backward_scratch(cell: Cell, dims: Dims, ragged: bool) -> usize {
    type R = f32;
    with_cell!(cell, backward_scratch_of(dims, ragged))
}

fn backward_scratch_of<R: Real, C: Recurrence<R>>(dims: Dims, ragged: bool) -> usize {
    let (h, first, second) = (dims.hidden, C::FIRST * dims.hidden, (C::GATES - C::FIRST) * dims.hidden);
    let product = gemm::gemm_prepacked_scratch(Size { m: dims.batch, n: h, k: C::GATES * h });
    let copies = if ragged { BACKWARD_STATES + C::TRACE + 2 * C::GATES } else { 0 };
    gemm::packed_b_len(h, first) + gemm::packed_b_len(h, second) + (1 + copies) * dims.state() + product
}

/// Runs the layer over all steps. Formulas: the cells' files.
pub fn forward<R: Real>(cell: Cell, dims: Dims, course: Course<'_>, io: Forward<'_, R>, scratch: &mut [R]) {
    with_cell!(cell, forward_of(dims, course, io, scratch));
}

/// Back-propagation through time over all steps, each sequence's last processed first.
pub fn backward<R: Real>(cell: Cell, dims: Dims, course: Course<'_>, io: Backward<'_, R>, scratch: &mut [R]) {
    with_cell!(cell, backward_of(dims, course, io, scratch));
}

/// Copies of h_prev, c_prev, h, c for a step on some rows.
const FORWARD_STATES: usize = 4;
/// Copies of h, h_prev, c, c_prev, dh, dc, dh_prev, dc_prev.
const BACKWARD_STATES: usize = 8;

fn forward_of<R: Real, C: Recurrence<R>>(dims: Dims, course: Course<'_>, io: Forward<'_, R>, scratch: &mut [R]) {
    let (hidden, state) = (dims.hidden, dims.state());
    let (width, trace) = (C::GATES * hidden, C::TRACE * hidden);
    let cell = if io.c.is_empty() { 0 } else { hidden };
    let columns = C::FIRST * hidden;
    let walk = Walk::new(dims, course);
    let rows = dims.steps * dims.batch;
    let (upper, lower) = io.weight_hh.split_at(columns * hidden);
    let (first, scratch) = Weights::new(columns, hidden, Mat::transposed(upper, hidden), rows, scratch);
    let (second, scratch) = Weights::new(width - columns, hidden, Mat::transposed(lower, hidden), rows, scratch);
    let (product, scratch) = scratch.split_at_mut(C::GATES * state);
    let copies = if course.lengths.is_empty() { 0 } else { dims.batch };
    let widths = [width, hidden, cell, hidden, cell, trace];
    let ([x_copy, h_prev_copy, c_prev_copy, h_copy, c_copy, gates_copy], scratch) = parts(scratch, copies, widths);
    for (width, padded) in [(hidden, &mut *io.h), (cell, &mut *io.c), (trace, &mut *io.gates)] {
        walk.sequences.clear_padding(width, padded);
    }
    let mut step = |rows: usize, x_proj: &[R], [h_prev, c_prev]: [&[R]; 2], [h, c, gates]: [&mut [R]; 3]| {
        let start = Start::Row(&io.bias_hh[..columns]);
        first.multiply(rows, Mat::rows(h_prev, hidden), product, width, start, scratch);
        let (bias_ih, bias_hh) = (io.bias_ih, io.bias_hh);
        let product = &mut product[..rows * width];
        C::forward(ForwardStep {
            hidden,
            x_proj,
            bias_ih,
            bias_hh,
            second,
            product,
            h_prev,
            c_prev,
            h,
            c,
            gates,
            scratch,
        });
    };
    for place in 0..dims.steps {
        let t = if course.reverse { dims.steps - 1 - place } else { place };
        if let Some(Front { rows, before }) = walk.front(t) {
            let (h_prev, h) = now_and_before(io.h, io.h0, t, before, state);
            let (c_prev, c) = now_and_before(io.c, io.c0, t, before, dims.batch * cell);
            let x_proj = &io.x_proj[t * dims.batch * width..][..rows * width];
            let gates = &mut io.gates[t * dims.batch * trace..][..rows * trace];
            let states = [&h_prev[..rows * hidden], &c_prev[..rows * cell]];
            step(rows, x_proj, states, [&mut h[..rows * hidden], &mut c[..rows * cell], gates]);
            continue;
        }
        let rows = walk.sequences.at(t).count();
        if rows == 0 {
            continue;
        }
        walk.gather(t, width, io.x_proj, x_copy);
        walk.gather_before(t, hidden, io.h, io.h0, h_prev_copy);
        walk.gather_before(t, cell, io.c, io.c0, c_prev_copy);
        let states = [&h_prev_copy[..rows * hidden], &c_prev_copy[..rows * cell]];
        let [h, c, gates] = [(&mut *h_copy, hidden), (&mut *c_copy, cell), (&mut *gates_copy, trace)]
            .map(|(copy, width)| &mut copy[..rows * width]);
        step(rows, &x_copy[..rows * width], states, [h, c, gates]);
        walk.scatter(t, hidden, h_copy, io.h);
        walk.scatter(t, cell, c_copy, io.c);
        walk.scatter(t, trace, gates_copy, io.gates);
    }
}

/// What a step backward reads: gates, h, h_prev, c, c_prev, dh.
type Reads<'a, R> = [&'a [R]; 6];
/// What it writes: dc, d_x, d_h, dh_prev, dc_prev.
type Writes<'a, R> = [&'a mut [R]; 5];

fn backward_of<R: Real, C: Recurrence<R>>(dims: Dims, course: Course<'_>, io: Backward<'_, R>, scratch: &mut [R]) {
    let (hidden, batch, state) = (dims.hidden, dims.batch, dims.state());
    let (width, trace) = (C::GATES * hidden, C::TRACE * hidden);
    let cell = if io.c.is_empty() { 0 } else { hidden };
    let d_h_width = if io.d_h_proj.is_empty() { 0 } else { width };
    let columns = C::FIRST * hidden;
    let walk = Walk::new(dims, course);
    let rows = dims.steps * batch;
    let (upper, lower) = io.weight_hh.split_at(columns * hidden);
    let (first, scratch) = Weights::new(hidden, columns, Mat::rows(upper, hidden), rows, scratch);
    let (second, scratch) = Weights::new(hidden, width - columns, Mat::rows(lower, hidden), rows, scratch);
    let (work, scratch) = scratch.split_at_mut(state);
    let copies = if course.lengths.is_empty() { 0 } else { batch };
    let widths = [trace, hidden, hidden, cell, cell, hidden];
    let ([gates_copy, h_copy, h_prev_copy, c_copy, c_prev_copy, dh_copy], scratch) = parts(scratch, copies, widths);
    let widths = [cell, width, d_h_width, hidden, cell];
    let ([dc_copy, d_x_copy, d_h_copy, dh_prev_copy, dc_prev_copy], scratch) = parts(scratch, copies, widths);
    walk.sequences.copy(hidden, io.grad_output, io.grad_h);
    match io.grad_cell {
        Some(outside) => walk.sequences.copy(cell, outside, io.grad_c),
        None => io.grad_c.fill(R::ZERO),
    }
    io.dh0.fill(R::ZERO);
    io.dc0.fill(R::ZERO);
    walk.sequences.clear_padding(width, io.d_x_proj);
    walk.sequences.clear_padding(d_h_width, io.d_h_proj);
    let mut step = |rows: usize, reads: Reads<'_, R>, writes: Writes<'_, R>| {
        let ([gates, h, h_prev, c, c_prev, dh], [dc, d_x, d_h, dh_prev, dc_prev]) = (reads, writes);
        C::backward(BackwardStep {
            hidden,
            second,
            gates,
            h,
            h_prev,
            c,
            c_prev,
            dh,
            dc,
            d_x,
            d_h,
            dh_prev,
            dc_prev,
            work: &mut work[..rows * hidden],
            scratch,
        });
        let gradient = if d_h.is_empty() { &*d_x } else { &*d_h };
        first.multiply(rows, Mat::rows(gradient, width), dh_prev, hidden, Start::Keep, scratch);
    };
    for place in 0..dims.steps {
        let t = if course.reverse { place } else { dims.steps - 1 - place };
        if let Some(Front { rows, before }) = walk.front(t) {
            let (dh_prev, dh) = now_and_before_mut(io.grad_h, io.dh0, t, before, state);
            let (dc_prev, dc) = now_and_before_mut(io.grad_c, io.dc0, t, before, batch * cell);
            let reads = [
                &io.gates[t * batch * trace..][..rows * trace],
                &io.h[t * state..][..rows * hidden],
                &at_before(io.h, io.h0, before, state)[..rows * hidden],
                &io.c[t * batch * cell..][..rows * cell],
                &at_before(io.c, io.c0, before, batch * cell)[..rows * cell],
                &dh[..rows * hidden],
            ];
            let writes = [
                &mut dc[..rows * cell],
                &mut io.d_x_proj[t * batch * width..][..rows * width],
                &mut io.d_h_proj[t * batch * d_h_width..][..rows * d_h_width],
                &mut dh_prev[..rows * hidden],
                &mut dc_prev[..rows * cell],
            ];
            step(rows, reads, writes);
            continue;
        }
        let rows = walk.sequences.at(t).count();
        if rows == 0 {
            continue;
        }
        walk.gather(t, trace, io.gates, gates_copy);
        walk.gather(t, hidden, io.h, h_copy);
        walk.gather_before(t, hidden, io.h, io.h0, h_prev_copy);
        walk.gather(t, cell, io.c, c_copy);
        walk.gather_before(t, cell, io.c, io.c0, c_prev_copy);
        walk.gather(t, hidden, io.grad_h, dh_copy);
        walk.gather(t, cell, io.grad_c, dc_copy);
        walk.gather_before(t, hidden, io.grad_h, io.dh0, dh_prev_copy);
        walk.gather_before(t, cell, io.grad_c, io.dc0, dc_prev_copy);
        let reads = [
            &gates_copy[..rows * trace],
            &h_copy[..rows * hidden],
            &h_prev_copy[..rows * hidden],
            &c_copy[..rows * cell],
            &c_prev_copy[..rows * cell],
            &dh_copy[..rows * hidden],
        ];
        let writes = [
            &mut dc_copy[..rows * cell],
            &mut d_x_copy[..rows * width],
            &mut d_h_copy[..rows * d_h_width],
            &mut dh_prev_copy[..rows * hidden],
            &mut dc_prev_copy[..rows * cell],
        ];
        step(rows, reads, writes);
        walk.scatter(t, cell, dc_copy, io.grad_c);
        walk.scatter(t, width, d_x_copy, io.d_x_proj);
        walk.scatter(t, d_h_width, d_h_copy, io.d_h_proj);
        walk.scatter_before(t, hidden, dh_prev_copy, io.grad_h, io.dh0);
        walk.scatter_before(t, cell, dc_prev_copy, io.grad_c, io.dc0);
    }
}

/// Which rows a step works on.
#[derive(Clone, Copy)]
struct Walk<'a> {
    sequences: Sequences<'a>,
    reverse: bool,
}

/// A step of the first sequences of the batch, all of which come from the same place.
#[derive(Clone, Copy)]
struct Front {
    /// How many sequences.
    rows: usize,
    /// Their step before; `None` at the start.
    before: Option<usize>,
}

impl<'a> Walk<'a> {
    fn new(dims: Dims, course: Course<'a>) -> Self {
        let sequences = Sequences { steps: dims.steps, batch: dims.batch, lengths: course.lengths };
        Walk { sequences, reverse: course.reverse }
    }

    fn before(&self, t: usize, sequence: usize) -> Option<usize> {
        self.sequences.before(self.reverse, t, sequence)
    }

    /// Whether step t can work on the tensors as they lie.
    fn front(&self, t: usize) -> Option<Front> {
        let before = self.before(t, 0);
        if self.sequences.lengths.is_empty() {
            return Some(Front { rows: self.sequences.batch, before });
        }
        let fits = |(place, sequence): (usize, usize)| place == sequence && self.before(t, sequence) == before;
        let rows = self.sequences.at(t).count();
        (rows > 0 && self.sequences.at(t).enumerate().all(fits)).then_some(Front { rows, before })
    }

    /// to = the rows of step t of `from` [T, B, width], one after the other.
    fn gather<R: Real>(&self, t: usize, width: usize, from: &[R], to: &mut [R]) {
        for (at, sequence) in self.sequences.at(t).enumerate() {
            let row = (t * self.sequences.batch + sequence) * width;
            to[at * width..][..width].copy_from_slice(&from[row..][..width]);
        }
    }

    /// The inverse of [`Walk::gather`].
    fn scatter<R: Real>(&self, t: usize, width: usize, from: &[R], to: &mut [R]) {
        for (at, sequence) in self.sequences.at(t).enumerate() {
            let row = (t * self.sequences.batch + sequence) * width;
            to[row..][..width].copy_from_slice(&from[at * width..][..width]);
        }
    }

    /// As [`Walk::gather`], of the states before step t; `first` [B, width] has those before the start.
    fn gather_before<R: Real>(&self, t: usize, width: usize, states: &[R], first: &[R], to: &mut [R]) {
        for (at, sequence) in self.sequences.at(t).enumerate() {
            let from = match self.before(t, sequence) {
                Some(before) => &states[(before * self.sequences.batch + sequence) * width..],
                None => &first[sequence * width..],
            };
            to[at * width..][..width].copy_from_slice(&from[..width]);
        }
    }

    /// The inverse of [`Walk::gather_before`].
    fn scatter_before<R: Real>(&self, t: usize, width: usize, from: &[R], states: &mut [R], first: &mut [R]) {
        for (at, sequence) in self.sequences.at(t).enumerate() {
            let to = match self.before(t, sequence) {
                Some(before) => &mut states[(before * self.sequences.batch + sequence) * width..],
                None => &mut first[sequence * width..],
            };
            to[..width].copy_from_slice(&from[at * width..][..width]);
        }
    }
}

/// The front of `memory` as N blocks of `rows` rows of these widths, and the rest.
fn parts<R, const N: usize>(mut memory: &mut [R], rows: usize, widths: [usize; N]) -> ([&mut [R]; N], &mut [R]) {
    let parts = widths.map(|width| {
        let (part, rest) = std::mem::take(&mut memory).split_at_mut(rows * width);
        memory = rest;
        part
    });
    (parts, memory)
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

/// The states of a step, or `first` before the start.
fn at_before<'a, R>(states: &'a [R], first: &'a [R], before: Option<usize>, len: usize) -> &'a [R] {
    before.map_or(first, |before| &states[before * len..][..len])
}

/// The states of the step before t and those of step t.
fn now_and_before<'a, R>(
    states: &'a mut [R],
    first: &'a [R],
    t: usize,
    before: Option<usize>,
    len: usize,
) -> (&'a [R], &'a mut [R]) {
    match before {
        None => (first, &mut states[t * len..][..len]),
        Some(before) => {
            let (before, now) = two(states, before, t, len);
            (before, now)
        }
    }
}

/// As [`now_and_before`], both to be written.
fn now_and_before_mut<'a, R>(
    states: &'a mut [R],
    first: &'a mut [R],
    t: usize,
    before: Option<usize>,
    len: usize,
) -> (&'a mut [R], &'a mut [R]) {
    match before {
        None => (first, &mut states[t * len..][..len]),
        Some(before) => two(states, before, t, len),
    }
}

/// Blocks a and b, which differ, of `len` numbers each.
fn two<R>(states: &mut [R], a: usize, b: usize, len: usize) -> (&mut [R], &mut [R]) {
    let (front, back) = states.split_at_mut(a.max(b) * len);
    let (front, back) = (&mut front[a.min(b) * len..][..len], &mut back[..len]);
    if a < b { (front, back) } else { (back, front) }
}
