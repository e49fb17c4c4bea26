//! A recurrent layer over a whole sequence, forward and backward through time.
//!
//! This file owns what all cells share: the loop over time, the products with the recurrent weights (laid out once
//! a call), and the state handed from step to step. A cell is one file with a [`Recurrence`]: how many blocks of
//! weights it has and what happens to one step's numbers.
//!
//! Sequences are [T, B, F], each with its own length and zeros beyond. A step works on the rows of the sequences that
//! have it, where they lie, one stretch of neighbours after the other; only for the product with the recurrent weights
//! are several stretches copied together. So padding costs nothing, in whatever order the sequences are.
//!
//! Weights are PyTorch's: `weight_hh` (G*H, H), the gates' blocks of rows in the cell's order. Gradients of the weights
//! are not computed here: they are products over all T*B rows of what [`backward`] returns.

pub use super::cell::Cell;
use super::cell::{Described, cells};
use super::gemm::{self, Mat, Size, Start};
use super::ragged::Sequences;
use super::real::Real;
use super::{gru, gru_textbook, lstm, rnn};

/// Calls a generic function with the cell's [`Recurrence`].
macro_rules! with_cell {
    ($cell:expr, $function:ident $arguments:tt) => {
        cells!(dispatch($cell, $function, $arguments))
    };
}

macro_rules! dispatch {
    (
        ($which:expr, $function:ident, $arguments:tt)
        $($(#[$doc:meta])* $cell:ident => $file:ident::$equations:ident;)*
    ) => {
        match $which { $(Cell::$cell => $function::<R, $file::$equations> $arguments,)* }
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
pub(super) trait Recurrence<R: Real>: Described {
    /// G: blocks of H rows of `weight_hh`.
    const GATES: usize = Self::DESCRIPTION.gates;
    /// The first so many blocks are multiplied with the previous state by the driver; the cell itself multiplies the
    /// others (`second`).
    const FIRST: usize = Self::DESCRIPTION.reads_state;
    /// Blocks of H numbers kept of each step.
    const TRACE: usize = Self::DESCRIPTION.recorded.len();
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
    let copies = usize::from(ragged);
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
    let copies = if ragged { C::FIRST + 1 } else { 0 };
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
    let (together, scratch) = scratch.split_at_mut(if course.lengths.is_empty() { 0 } else { state });
    for (width, padded) in [(hidden, &mut *io.h), (cell, &mut *io.c), (trace, &mut *io.gates)] {
        walk.sequences.clear_padding(width, padded);
    }
    for place in 0..dims.steps {
        let t = if course.reverse { dims.steps - 1 - place } else { place };
        let Some((run, more)) = walk.first_run(t) else { continue };
        let (states, rows) = match more {
            false => (run.at(hidden, at_before(io.h, io.h0, run.before, state)), run.rows),
            true => {
                let rows = walk.gather_before(t, hidden, io.h, io.h0, together);
                (&*together, rows)
            }
        };
        let start = Start::Row(&io.bias_hh[..columns]);
        first.multiply(rows, Mat::rows(states, hidden), product, width, start, scratch);
        let mut product = &mut *product;
        for run in walk.runs(t) {
            let (h_prev, h) = now_and_before(io.h, io.h0, t, run.before, state);
            let (c_prev, c) = now_and_before(io.c, io.c0, t, run.before, dims.batch * cell);
            let (part, rest) = product.split_at_mut(run.rows * width);
            product = rest;
            C::forward(ForwardStep {
                hidden,
                x_proj: run.at(width, &io.x_proj[t * dims.batch * width..]),
                bias_ih: io.bias_ih,
                bias_hh: io.bias_hh,
                second,
                product: part,
                h_prev: run.at(hidden, h_prev),
                c_prev: run.at(cell, c_prev),
                h: run.at_mut(hidden, h),
                c: run.at_mut(cell, c),
                gates: run.at_mut(trace, &mut io.gates[t * dims.batch * trace..]),
                scratch,
            });
        }
    }
}

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
    let (gradients, scratch) = scratch.split_at_mut(copies * columns);
    let (together, scratch) = scratch.split_at_mut(copies * hidden);
    walk.sequences.copy(hidden, io.grad_output, io.grad_h);
    match io.grad_cell {
        Some(outside) => walk.sequences.copy(cell, outside, io.grad_c),
        None => io.grad_c.fill(R::ZERO),
    }
    io.dh0.fill(R::ZERO);
    io.dc0.fill(R::ZERO);
    walk.sequences.clear_padding(width, io.d_x_proj);
    walk.sequences.clear_padding(d_h_width, io.d_h_proj);
    for place in 0..dims.steps {
        let t = if course.reverse { place } else { dims.steps - 1 - place };
        let Some((run, more)) = walk.first_run(t) else { continue };
        for run in walk.runs(t) {
            let (dh_prev, dh) = now_and_before_mut(io.grad_h, io.dh0, t, run.before, state);
            let (dc_prev, dc) = now_and_before_mut(io.grad_c, io.dc0, t, run.before, batch * cell);
            C::backward(BackwardStep {
                hidden,
                second,
                gates: run.at(trace, &io.gates[t * batch * trace..]),
                h: run.at(hidden, &io.h[t * state..]),
                h_prev: run.at(hidden, at_before(io.h, io.h0, run.before, state)),
                c: run.at(cell, &io.c[t * batch * cell..]),
                c_prev: run.at(cell, at_before(io.c, io.c0, run.before, batch * cell)),
                dh: run.at(hidden, dh),
                dc: run.at_mut(cell, dc),
                d_x: run.at_mut(width, &mut io.d_x_proj[t * batch * width..]),
                d_h: run.at_mut(d_h_width, &mut io.d_h_proj[t * batch * d_h_width..]),
                dh_prev: run.at_mut(hidden, dh_prev),
                dc_prev: run.at_mut(cell, dc_prev),
                work: &mut work[..run.rows * hidden],
                scratch,
            });
        }
        let gradient = &(if io.d_h_proj.is_empty() { &*io.d_x_proj } else { &*io.d_h_proj })[t * batch * width..];
        if !more {
            let (dh_prev, _) = now_and_before_mut(io.grad_h, io.dh0, t, run.before, state);
            let (gradient, dh_prev) = (run.at(width, gradient), run.at_mut(hidden, dh_prev));
            first.multiply(run.rows, Mat::rows(gradient, width), dh_prev, hidden, Start::Keep, scratch);
            continue;
        }
        for (sequence, to) in walk.sequences.at(t).zip(gradients.chunks_exact_mut(columns.max(1))) {
            to.copy_from_slice(&gradient[sequence * width..][..columns]);
        }
        let rows = walk.gather_before(t, hidden, io.grad_h, io.dh0, together);
        first.multiply(rows, Mat::rows(gradients, columns), together, hidden, Start::Keep, scratch);
        walk.scatter_before(t, hidden, together, io.grad_h, io.dh0);
    }
}

/// Which rows a step works on.
#[derive(Clone, Copy)]
struct Walk<'a> {
    sequences: Sequences<'a>,
    reverse: bool,
}

/// Neighbours in the batch that have a step, and whose step before is the same.
#[derive(Clone, Copy)]
struct Run {
    /// The first of them.
    sequence: usize,
    rows: usize,
    /// Their step before; `None` at the start.
    before: Option<usize>,
}

impl Run {
    /// Their rows of a step's [B, width].
    fn at<R>(self, width: usize, step: &[R]) -> &[R] {
        &step[self.sequence * width..][..self.rows * width]
    }

    /// As [`Run::at`], to be written.
    fn at_mut<R>(self, width: usize, step: &mut [R]) -> &mut [R] {
        &mut step[self.sequence * width..][..self.rows * width]
    }
}

impl<'a> Walk<'a> {
    fn new(dims: Dims, course: Course<'a>) -> Self {
        let sequences = Sequences { steps: dims.steps, batch: dims.batch, lengths: course.lengths };
        Walk { sequences, reverse: course.reverse }
    }

    fn before(&self, t: usize, sequence: usize) -> Option<usize> {
        self.sequences.before(self.reverse, t, sequence)
    }

    /// The sequences that have step t.
    fn runs(self, t: usize) -> impl Iterator<Item = Run> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let Sequences { batch, lengths, .. } = self.sequences;
            let has_step = |sequence: &usize| t < self.sequences.length(*sequence);
            let sequence = (from..batch).find(has_step)?;
            let before = self.before(t, sequence);
            let is_next = |next: &usize| has_step(next) && self.before(t, *next) == before;
            let rows = match lengths {
                [] => batch,
                _ => (sequence..batch).take_while(is_next).count(),
            };
            from = sequence + rows;
            Some(Run { sequence, rows, before })
        })
    }

    /// The first of [`Walk::runs`], and whether there are more.
    fn first_run(self, t: usize) -> Option<(Run, bool)> {
        let mut runs = self.runs(t);
        Some((runs.next()?, runs.next().is_some()))
    }

    /// to = the rows of the states before step t, one after the other; says how many. `first` [B, width] has those
    /// before the start.
    fn gather_before<R: Real>(&self, t: usize, width: usize, states: &[R], first: &[R], to: &mut [R]) -> usize {
        let mut rows = 0;
        for sequence in self.sequences.at(t) {
            let from = match self.before(t, sequence) {
                Some(before) => &states[(before * self.sequences.batch + sequence) * width..],
                None => &first[sequence * width..],
            };
            to[rows * width..][..width].copy_from_slice(&from[..width]);
            rows += 1;
        }
        rows
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
