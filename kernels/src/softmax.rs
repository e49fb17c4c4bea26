//! Softmax and its relatives over the rows of x [N, F].

use super::lanes::{At, Lanes, each, map, map2};
use super::real::Real;
use super::reduce::sum;

/// y = exp(x - max) / sum, row by row. Where `mask` is 0, y is exactly 0 and x does not count; a row without anything
/// to count is all zeros. The mask's rows are those of x, or fewer, repeated.
pub fn softmax<R: Real>(width: usize, x: &[R], mask: Option<&[R]>, y: &mut [R]) {
    let zero = R::Lanes::splat(R::ZERO);
    for (row, (x, y)) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).enumerate() {
        match mask.map(|mask| &mask[row * width % mask.len()..][..width]) {
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
        normalise(y);
    }
}

/// [`softmax`] of x [N, I, J] where row i sees the columns 0 ..= i + J - I; y is exactly 0 elsewhere.
pub fn causal_softmax<R: Real>(rows: usize, columns: usize, x: &[R], y: &mut [R]) {
    for (row, (x, y)) in x.chunks_exact(columns).zip(y.chunks_exact_mut(columns)).enumerate() {
        let (seen, later) = y.split_at_mut(row % rows + 1 + columns - rows);
        seen.copy_from_slice(&x[..seen.len()]);
        softmax_in_place(seen);
        later.fill(R::ZERO);
    }
}

/// [`softmax`] of one row, in place.
pub(super) fn softmax_in_place<R: Real>(row: &mut [R]) {
    let top = R::Lanes::splat(largest(row));
    each!(row.len(), |at| at.put(row, (at.get(row) - top).exp()));
    normalise(row);
}

/// A row divided by its sum; zeros stay.
#[inline(always)]
fn normalise<R: Real>(row: &mut [R]) {
    let total = sum(row);
    let scale = R::Lanes::splat(if total == R::ZERO { R::ZERO } else { R::ONE / total });
    each!(row.len(), |at| at.put(row, at.get(row) * scale));
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
        let (top, total) = exponentials(x, y);
        let (top, rest) = (R::Lanes::splat(top), R::Lanes::splat(total.ln()));
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
        let (top, total) = exponentials(x, &mut scratch[..width]);
        *y = top + total.ln();
    }
}

/// The largest number of a row.
#[inline(always)]
fn largest<R: Real>(x: &[R]) -> R {
    let lowest = R::Lanes::splat(-R::INFINITY);
    let (fours, rest) = x.as_chunks();
    let top = fours.iter().fold(lowest, |top, x| R::Lanes::from_array(*x).max(top)).largest();
    rest.iter().fold(top, |top, x| x.max(top))
}

/// The largest number of a row and the sum of exp(x - largest), whose summands go to `terms`.
#[inline(always)]
pub(super) fn exponentials<R: Real>(x: &[R], terms: &mut [R]) -> (R, R) {
    let top = largest(x);
    let lanes = R::Lanes::splat(top);
    map(x, terms, |x| (x - lanes).exp());
    (top, sum(terms))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, assert_gradient, cast, numbers, probe, unset, widen};
    use super::*;

    fn value<R: Real>(width: usize, x: &[f64], mask: Option<&[f64]>) -> Vec<f64> {
        let mut y = unset::<R>(x.len());
        softmax(width, &cast(x), mask.map(cast).as_deref(), &mut y);
        widen(&y)
    }

    fn log_value<R: Real>(width: usize, x: &[f64]) -> Vec<f64> {
        let mut y = unset::<R>(x.len());
        log_softmax(width, &cast(x), &mut y);
        widen(&y)
    }

    #[test]
    fn single_and_double_precision_agree() {
        for (rows, width) in [(1, 1), (3, 7), (2, 33), (2, 130)] {
            let x: Vec<f64> = numbers(1, rows * width).iter().map(|x| 16.0 * x).collect();
            assert_close(&value::<f32>(width, &x, None), &value::<f64>(width, &x, None), 1e-6);
            assert_close(&log_value::<f32>(width, &x), &log_value::<f64>(width, &x), 1e-6);
            for row in value::<f32>(width, &x, None).chunks(width) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-6);
            }
            let (mut y, mut scratch) = (unset::<f32>(rows), unset::<f32>(width));
            logsumexp(width, &cast(&x), &mut y, &mut scratch);
            let expected: Vec<f64> = x.chunks(width).map(|x| x.iter().map(|x| x.exp()).sum::<f64>().ln()).collect();
            assert_close(&widen(&y), &expected, 1e-6);
        }
    }

    #[test]
    fn gradients_match_differences() {
        let (x, dy) = (numbers(1, 21), numbers(2, 21));
        let mut dx = unset(21);
        softmax_grad(7, &value::<f64>(7, &x, None), &dy, &mut dx);
        assert_gradient(&x, &dx, |x| probe(&value::<f64>(7, x, None), &dy));
        log_softmax_grad(7, &log_value::<f64>(7, &x), &dy, &mut dx);
        assert_gradient(&x, &dx, |x| probe(&log_value::<f64>(7, x), &dy));
    }

    #[test]
    fn masked_places_get_nothing() {
        let x = [1e4, 1.0, 2.0, 5.0, 6.0, 7.0];
        let y = value::<f32>(3, &x, Some(&[0.0, 1.0, 1.0, 0.0, 0.0, 0.0]));
        assert_close(&y[1..3], &value::<f64>(2, &[1.0, 2.0], None), 1e-6);
        assert_eq!((y[0], &y[3..]), (0.0, &[0.0; 3][..]));
    }

    #[test]
    fn a_mask_repeats_over_the_rows() {
        let x = numbers(1, 12);
        let (few, all) = ([1.0, 0.0, 1.0, 0.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0, 1.0, 1.0].repeat(2));
        assert_eq!(value::<f64>(3, &x, Some(&few)), value::<f64>(3, &x, Some(&all)));
    }

    #[test]
    fn what_is_later_counts_nothing() {
        let x = numbers(1, 2 * 3 * 5);
        let mask: Vec<f64> = (0..30).map(|at| f64::from(u8::from(at % 5 <= at / 5 % 3 + 2))).collect();
        let mut y = unset::<f64>(30);
        causal_softmax(3, 5, &x, &mut y);
        assert_close(&y, &value::<f64>(5, &x, Some(&mask)), 1e-14);
        assert_eq!(y[3..5], [0.0; 2]);
    }

    #[test]
    fn large_logits_stay_finite() {
        for x in [[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4]] {
            assert_close(&value::<f32>(3, &x, None), &value::<f64>(3, &x, None), 1e-6);
            assert_close(&log_value::<f32>(3, &x), &log_value::<f64>(3, &x), 1e-6);
        }
    }
}
