//! Sequences of unequal length side by side in padded tensors [T, B, F]: what lies beyond a sequence's end costs
//! nothing but the zeros written there.
//!
//! `torch.nn.utils.rnn.pack_padded_sequence` moves the rows together instead; here they stay where they are, so that
//! step t of sequence b is at [t, b] for everybody. Products take the real rows where they lie if enough of them lie one
//! after the other, else copies of a block of them.

use super::gemm::{self, Mat, Size, Start};
use super::layout::transpose_between;
use super::real::Real;

/// Rows gathered for one product.
const BLOCK: usize = 128;
/// So many rows one after the other are multiplied where they lie: as rows of a product ...
const ROWS_IN_PLACE: usize = 6;
/// ... and as its summands, for each block of which the whole result is read and written.
const SUMMANDS_IN_PLACE: usize = 64;

/// B sequences of at most T steps.
#[derive(Clone, Copy, Debug)]
pub struct Sequences<'a> {
    /// T: steps of the tensors.
    pub steps: usize,
    /// B: sequences side by side.
    pub batch: usize,
    /// [B] steps of each sequence, T at most; empty when all have T.
    pub lengths: &'a [u32],
}

impl Sequences<'_> {
    /// Steps of a sequence.
    pub fn length(&self, sequence: usize) -> usize {
        self.lengths.get(sequence).map_or(self.steps, |length| self.steps.min(*length as usize))
    }

    /// The sequences that have a step t, in order.
    pub fn at(self, t: usize) -> impl Iterator<Item = usize> + Clone {
        (0..self.batch).filter(move |sequence| t < self.length(*sequence))
    }

    /// The rows of a tensor [T * B, F] that are no padding, in order.
    pub fn rows(self) -> impl Iterator<Item = usize> + Clone {
        (0..self.steps).flat_map(move |t| self.at(t).map(move |sequence| t * self.batch + sequence))
    }

    /// Writes zeros to the padding of y [T, B, width].
    pub fn clear_padding<R: Real>(&self, width: usize, y: &mut [R]) {
        if self.lengths.is_empty() {
            return;
        }
        let mut from = 0;
        for row in self.rows().chain([self.steps * self.batch]) {
            y[from * width..row * width].fill(R::ZERO);
            from = row + 1;
        }
    }

    /// y [T, B, width] = x, zero in the padding.
    pub fn copy<R: Real>(&self, width: usize, x: &[R], y: &mut [R]) {
        if self.lengths.is_empty() {
            return y.copy_from_slice(x);
        }
        for row in self.rows() {
            y[row * width..][..width].copy_from_slice(&x[row * width..][..width]);
        }
        self.clear_padding(width, y);
    }

    /// The step a sequence's step t follows in this direction; `None` for its first.
    pub fn before(&self, reverse: bool, t: usize, sequence: usize) -> Option<usize> {
        if reverse { Some(t + 1).filter(|later| *later < self.length(sequence)) } else { t.checked_sub(1) }
    }

    /// The last step of a sequence in this direction; `None` where it has no step.
    pub fn last(&self, reverse: bool, sequence: usize) -> Option<usize> {
        let last = self.length(sequence).checked_sub(1);
        if reverse { last.map(|_| 0) } else { last }
    }
}

/// y [T * B, N] = a [T * B, K] B, zero in the padding. Scratch: [`matmul_scratch`].
pub fn matmul<R: Real>(size: Size, sequences: Sequences<'_>, a: &[R], b: Mat<'_, R>, y: &mut [R], scratch: &mut [R]) {
    let Size { m, n, k } = size;
    if n == 0 || k == 0 {
        return y.fill(R::ZERO);
    }
    let (packed, scratch) = scratch.split_at_mut(gemm::packed_b_len(n, k));
    let (rows, scratch) = scratch.split_at_mut(BLOCK.min(m) * k);
    let (product, scratch) = scratch.split_at_mut(BLOCK.min(m) * n);
    gemm::pack_b(n, k, b, packed);
    sequences.clear_padding(n, y);
    let mut left = sequences.rows();
    loop {
        if let Some((first, count)) = take_stretch(ROWS_IN_PLACE, &mut left) {
            let (a, y) = (Mat::rows(&a[first * k..], k), &mut y[first * n..]);
            gemm::gemm_prepacked(Size { m: count, n, k }, a, packed, y, n, Start::Zero, scratch);
            continue;
        }
        let block = left.clone();
        let count = gather(k, a, left.by_ref(), rows);
        if count == 0 {
            return;
        }
        let size = Size { m: count, n, k };
        gemm::gemm_prepacked(size, Mat::rows(rows, k), packed, product, n, Start::Zero, scratch);
        for (row, product) in block.zip(product.chunks_exact(n).take(count)) {
            y[row * n..][..n].copy_from_slice(product);
        }
    }
}

/// Takes the rows that lie one after the other, if there are at least so many: the first, and how many.
fn take_stretch(least: usize, left: &mut (impl Iterator<Item = usize> + Clone)) -> Option<(usize, usize)> {
    let first = left.clone().next()?;
    let count = left.clone().zip(first..).take_while(|(row, next)| row == next).count();
    (count >= least).then(|| left.nth(count - 1)).map(|_| (first, count))
}

/// Numbers of scratch memory for [`matmul`].
pub fn matmul_scratch(size: Size) -> usize {
    let Size { n, k, .. } = size;
    let m = BLOCK.min(size.m);
    gemm::packed_b_len(n, k) + m * (k + n) + gemm::gemm_prepacked_scratch(size)
}

/// y [M, N] = the sum of a[row]^T b[row] over the rows of a [T * B, M] and b [T * B, N] that are no padding. Scratch:
/// [`outer_scratch`].
pub fn outer<R: Real>(size: Size, sequences: Sequences<'_>, a: &[R], b: &[R], y: &mut [R], scratch: &mut [R]) {
    let Size { m, n, k } = size;
    if m <= n {
        return add_outer(size, sequences, a, b, y, scratch);
    }
    // The first operand has to be turned into rows: the smaller one.
    let (turned, scratch) = scratch.split_at_mut(m * n);
    add_outer(Size { m: n, n: m, k }, sequences, b, a, turned, scratch);
    transpose_between(n, m, (turned, m), (y, n));
}

fn add_outer<R: Real>(size: Size, sequences: Sequences<'_>, a: &[R], b: &[R], y: &mut [R], scratch: &mut [R]) {
    let Size { m, n, k } = size;
    y.fill(R::ZERO);
    if m == 0 || n == 0 {
        return;
    }
    let (rows_a, scratch) = scratch.split_at_mut(BLOCK.min(k) * m);
    let (rows_b, scratch) = scratch.split_at_mut(BLOCK.min(k) * n);
    let mut left = sequences.rows();
    loop {
        if let Some((first, count)) = take_stretch(SUMMANDS_IN_PLACE, &mut left) {
            let (a, b) = (Mat::transposed(&a[first * m..], m), Mat::rows(&b[first * n..], n));
            gemm::gemm(Size { m, n, k: count }, a, b, y, n, Start::Keep, scratch);
            continue;
        }
        gather(n, b, left.clone(), rows_b);
        let count = gather(m, a, left.by_ref(), rows_a);
        if count == 0 {
            return;
        }
        let size = Size { m, n, k: count };
        gemm::gemm(size, Mat::transposed(rows_a, m), Mat::rows(rows_b, n), y, n, Start::Keep, scratch);
    }
}

/// Numbers of scratch memory for [`outer`].
pub fn outer_scratch(size: Size) -> usize {
    let Size { m, n, k } = size;
    let turned = if m <= n { 0 } else { m * n };
    turned + BLOCK.min(k) * (m + n) + gemm::gemm_scratch(Size { m: m.min(n), n: m.max(n), k })
}

/// Copies rows of `from` one after the other until `to` is full; says how many.
fn gather<R: Real>(width: usize, from: &[R], mut rows: impl Iterator<Item = usize>, to: &mut [R]) -> usize {
    let mut count = 0;
    for to in to.chunks_exact_mut(width) {
        let Some(row) = rows.next() else { break };
        to.copy_from_slice(&from[row * width..][..width]);
        count += 1;
    }
    count
}

/// y [T, B, H]: the state each step of h [T, B, H] started from, h0 [B, H] for a sequence's first; zero in the padding.
pub fn previous<R: Real>(sequences: Sequences<'_>, reverse: bool, h: &[R], h0: &[R], y: &mut [R]) {
    if sequences.lengths.is_empty() {
        let (start, rest) = if reverse { (y.len() - h0.len(), 0) } else { (0, h0.len()) };
        y[start..][..h0.len()].copy_from_slice(h0);
        let states = &h[h0.len() - rest..][..h.len() - h0.len()];
        return y[rest..][..states.len()].copy_from_slice(states);
    }
    let width = h0.len() / sequences.batch.max(1);
    for t in 0..sequences.steps {
        for sequence in sequences.at(t) {
            let from = match sequences.before(reverse, t, sequence) {
                Some(before) => &h[(before * sequences.batch + sequence) * width..][..width],
                None => &h0[sequence * width..][..width],
            };
            y[(t * sequences.batch + sequence) * width..][..width].copy_from_slice(from);
        }
    }
    sequences.clear_padding(width, y);
}

/// y [B, H] = the state of h [T, B, H] after a sequence's last step in this direction, zero without steps.
pub fn final_state<R: Real>(sequences: Sequences<'_>, reverse: bool, h: &[R], y: &mut [R]) {
    let width = y.len() / sequences.batch.max(1);
    for sequence in 0..sequences.batch {
        let y = &mut y[sequence * width..][..width];
        match sequences.last(reverse, sequence) {
            Some(t) => y.copy_from_slice(&h[(t * sequences.batch + sequence) * width..][..width]),
            None => y.fill(R::ZERO),
        }
    }
}

/// dh [T, B, H]: dy [B, H] at each sequence's last step, else zero.
pub fn final_state_grad<R: Real>(sequences: Sequences<'_>, reverse: bool, dy: &[R], dh: &mut [R]) {
    let width = dy.len() / sequences.batch.max(1);
    dh.fill(R::ZERO);
    for sequence in 0..sequences.batch {
        if let Some(t) = sequences.last(reverse, sequence) {
            let dy = &dy[sequence * width..][..width];
            dh[(t * sequences.batch + sequence) * width..][..width].copy_from_slice(dy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{numbers, probe, unset};
    use super::*;

    const LENGTHS: [u32; 5] = [3, 0, 7, 1, 9];

    /// The last sequence is longer than the tensor: it ends with it.
    fn sequences() -> Sequences<'static> {
        Sequences { steps: 7, batch: 5, lengths: &LENGTHS }
    }

    fn is_real(row: usize) -> bool {
        row / 5 < [3, 0, 7, 1, 7][row % 5]
    }

    #[test]
    fn rows_are_those_before_the_ends() {
        assert!(sequences().rows().eq((0..35).filter(|row| is_real(*row))));
        let full = Sequences { steps: 3, batch: 2, lengths: &[] };
        assert!(full.rows().eq(0..6));
    }

    /// Bit for bit what the products over all rows are, the padding being zero.
    #[test]
    fn products_leave_the_padding_out() {
        for (n, k) in [(1, 1), (7, 3), (33, 130), (8, 300)] {
            let zeroed = |seed, width: usize| {
                let mut x = numbers(seed, 35 * width);
                x.iter_mut().enumerate().for_each(|(at, x)| *x = if is_real(at / width) { *x } else { 0.0 });
                x
            };
            let (a, b, dy) = (zeroed(1, k), numbers(2, k * n), zeroed(3, n));
            let size = Size { m: 35, n, k };
            let (mut y, mut want) = (unset::<f64>(35 * n), unset::<f64>(35 * n));
            let noisy: Vec<f64> = (0..35 * k).map(|at| if is_real(at / k) { a[at] } else { f64::NAN }).collect();
            matmul(size, sequences(), &noisy, Mat::rows(&b, n), &mut y, &mut unset(matmul_scratch(size)));
            let scratch = &mut unset(gemm::gemm_scratch(size));
            gemm::gemm(size, Mat::rows(&a, k), Mat::rows(&b, n), &mut want, n, Start::Zero, scratch);
            assert_eq!(y, want);

            let size = Size { m: k, n, k: 35 };
            let (mut y, mut want) = (unset::<f64>(k * n), unset::<f64>(k * n));
            outer(size, sequences(), &noisy, &dy, &mut y, &mut unset(outer_scratch(size)));
            let scratch = &mut unset(gemm::gemm_scratch(size));
            gemm::gemm(size, Mat::transposed(&a, k), Mat::rows(&dy, n), &mut want, n, Start::Zero, scratch);
            assert_eq!(y, want);
        }
    }

    #[test]
    fn states_before_and_after() {
        let sequences = Sequences { steps: 3, batch: 2, lengths: &[2, 3] };
        let (h, h0) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [8.0, 9.0]);
        let mut y = unset::<f64>(6);
        previous(sequences, false, &h, &h0, &mut y);
        assert_eq!(y, [8.0, 9.0, 1.0, 2.0, 0.0, 4.0]);
        previous(sequences, true, &h, &h0, &mut y);
        assert_eq!(y, [3.0, 4.0, 8.0, 6.0, 0.0, 9.0]);
        for reverse in [false, true] {
            let mut equal = unset::<f64>(6);
            previous(Sequences { lengths: &[3, 3], ..sequences }, reverse, &h, &h0, &mut y);
            previous(Sequences { lengths: &[], ..sequences }, reverse, &h, &h0, &mut equal);
            assert_eq!(y, equal);
        }
        let mut last = unset::<f64>(2);
        final_state(sequences, false, &h, &mut last);
        assert_eq!(last, [3.0, 6.0]);
        final_state(sequences, true, &h, &mut last);
        assert_eq!(last, [1.0, 2.0]);
    }

    #[test]
    fn the_gradient_of_the_final_state_is_its_adjoint() {
        for reverse in [false, true] {
            let (h, dy) = (numbers(1, 35 * 3), numbers(2, 5 * 3));
            let (mut y, mut dh) = (unset(15), unset(105));
            final_state(sequences(), reverse, &h, &mut y);
            final_state_grad(sequences(), reverse, &dy, &mut dh);
            assert!((probe(&y, &dy) - probe(&h, &dh)).abs() < 1e-14);
        }
    }
}
