//! Softmax and its relatives over the rows of x [N, F].

use super::lanes::{Lanes, each, map, map2};
use super::real::Real;
use super::reduce::sum;

/// y = exp(x - max) / sum, row by row. Where `mask` [N, F] is 0, y is exactly 0 and x does not count;
/// a row without anything to count is all zeros.
pub fn softmax<R: Real>(width: usize, x: &[R], mask: Option<&[R]>, y: &mut [R]) {
    let zero = R::Lanes::splat(R::ZERO);
    for (row, (x, y)) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).enumerate() {
        match mask.map(|mask| &mask[row * width..(row + 1) * width]) {
            None => {
                let top = R::Lanes::splat(largest(x));
                map(x, y, |x| (x - top).exp());
            }
            Some(mask) => {
                let kept = x.iter().zip(mask).filter(|(_, mask)| **mask > R::ZERO);
                let top = R::Lanes::splat(kept.fold(-R::INFINITY, |top, (x, _)| x.max(top)));
                map2(x, mask, y, |x, mask| zero.if_less(mask, (x - top).exp(), zero));
            }
        }
        let total = sum(y);
        let scale = R::Lanes::splat(if total == R::ZERO { R::ZERO } else { R::ONE / total });
        each(width, |i| i.put(y, i.get(y) * scale));
    }
}

/// dx = y (dy - sum(y dy)), row by row.
pub fn softmax_grad<R: Real>(width: usize, y: &[R], dy: &[R], dx: &mut [R]) {
    let rows = y.chunks_exact(width).zip(dy.chunks_exact(width));
    for ((y, dy), dx) in rows.zip(dx.chunks_exact_mut(width)) {
        map2(y, dy, dx, |y, dy| y * dy);
        let mean = R::Lanes::splat(sum(dx));
        map2(y, dy, dx, |y, dy| y * (dy - mean));
    }
}

/// y = x - ln sum exp(x), row by row.
pub fn log_softmax<R: Real>(width: usize, x: &[R], y: &mut [R]) {
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        let top = R::Lanes::splat(largest(x));
        let rest = R::Lanes::splat(sum_exp(x, y).ln());
        map(x, y, |x| x - top - rest);
    }
}

/// dx = dy - exp(y) sum(dy), row by row.
pub fn log_softmax_grad<R: Real>(width: usize, y: &[R], dy: &[R], dx: &mut [R]) {
    let rows = y.chunks_exact(width).zip(dy.chunks_exact(width));
    for ((y, dy), dx) in rows.zip(dx.chunks_exact_mut(width)) {
        let total = R::Lanes::splat(sum(dy));
        map2(y, dy, dx, |y, dy| dy - y.exp() * total);
    }
}

/// y [N] = ln sum exp(x), row by row. Scratch: `width` numbers.
pub fn logsumexp<R: Real>(width: usize, x: &[R], y: &mut [R], scratch: &mut [R]) {
    for (x, y) in x.chunks_exact(width).zip(y) {
        *y = largest(x) + sum_exp(x, &mut scratch[..width]).ln();
    }
}

/// The largest number of a row; NaN if there is one.
#[inline(always)]
pub(super) fn largest<R: Real>(x: &[R]) -> R {
    x.iter().fold(-R::INFINITY, |top, x| x.max(top))
}

/// Sum of exp(x - largest); `terms` receives the summands.
#[inline(always)]
pub(super) fn sum_exp<R: Real>(x: &[R], terms: &mut [R]) -> R {
    let top = R::Lanes::splat(largest(x));
    map(x, terms, |x| (x - top).exp());
    sum(terms)
}
