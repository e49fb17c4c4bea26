//! Sums, norms and means.
//!
//! The order of every sum is fixed: [`sum`] halves long slices; inside a block, eight running sums take the
//! numbers in turn and are then added as ((0+4)+(2+6)) + ((1+5)+(3+7)).

use super::lanes::{At, Four, Lanes, WIDTH, each};
use super::real::Real;

/// Longest slice summed without halving.
const BLOCK: usize = 512;

/// Sum of f over the elements, four at a time.
#[inline(always)]
fn sum_of<R: Real>(x: &[R], f: &impl Fn(R::Lanes) -> R::Lanes) -> R {
    if x.len() <= BLOCK { block(x, f) } else { sum_of_halves(x, f) }
}

fn sum_of_halves<R: Real>(x: &[R], f: &impl Fn(R::Lanes) -> R::Lanes) -> R {
    let (left, right) = x.split_at((x.len() / 2).next_multiple_of(2 * WIDTH));
    sum_of(left, f) + sum_of(right, f)
}

#[inline(always)]
fn block<R: Real>(x: &[R], f: &impl Fn(R::Lanes) -> R::Lanes) -> R {
    let mut sums = [R::Lanes::splat(R::ZERO); 2];
    let mut pairs = x.chunks_exact(2 * WIDTH);
    for pair in &mut pairs {
        sums[0] = sums[0] + f(R::Lanes::load(pair));
        sums[1] = sums[1] + f(R::Lanes::load(&pair[WIDTH..]));
    }
    for (sum, part) in sums.iter_mut().zip(pairs.remainder().chunks(WIDTH)) {
        // f(0) = 0 for every f here, so the lanes beyond the end add nothing.
        *sum = *sum + f(R::Lanes::load_part(part));
    }
    (sums[0] + sums[1]).sum()
}

/// Sum of a slice.
pub fn sum<R: Real>(x: &[R]) -> R {
    sum_of(x, &|x| x)
}

/// Sum of squares of a slice.
pub fn sum_squares<R: Real>(x: &[R]) -> R {
    sum_of(x, &|x| x * x)
}

/// Sum of a[i] b[i]; four running sums take the products in turn.
pub fn dot<R: Real>(a: &[R], b: &[R]) -> R {
    let mut sum = R::Lanes::splat(R::ZERO);
    each!(a.len(), |i| sum = sum + i.get(a) * i.get(b));
    sum.sum()
}

/// y [1] = sum of x.
pub fn sum_all<R: Real>(x: &[R], y: &mut [R]) {
    y[0] = sum(x);
}

/// y [N] = sums of the rows of x [N, F].
pub fn sum_last<R: Real>(x: &[R], y: &mut [R]) {
    let width = x.len() / y.len().max(1);
    for (i, y) in y.iter_mut().enumerate() {
        *y = sum(&x[i * width..(i + 1) * width]);
    }
}

/// y [F] = sums of the columns of x [N, F], row after row.
pub fn sum_leading<R: Real>(x: &[R], y: &mut [R]) {
    const GROUPS: usize = 4;
    let width = y.len();
    let mut done = 0;
    while done + GROUPS * WIDTH <= width {
        sum_columns::<R, GROUPS>(x, width, done, y);
        done += GROUPS * WIDTH;
    }
    while done + WIDTH <= width {
        sum_columns::<R, 1>(x, width, done, y);
        done += WIDTH;
    }
    for (j, y) in y.iter_mut().enumerate().skip(done) {
        *y = x[j.min(x.len())..].iter().step_by(width).fold(R::ZERO, |sum, x| sum + *x);
    }
}

/// [`sum_leading`] for 4 GROUPS columns, the sums in registers.
#[inline(always)]
fn sum_columns<R: Real, const GROUPS: usize>(x: &[R], width: usize, from: usize, y: &mut [R]) {
    let mut sums = [R::Lanes::splat(R::ZERO); GROUPS];
    for row in x.chunks_exact(width) {
        let row = &row[from..][..GROUPS * WIDTH];
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = *sum + Four(i).get(row);
        }
    }
    for (i, sum) in sums.into_iter().enumerate() {
        Four(i).put(&mut y[from..][..GROUPS * WIDTH], sum);
    }
}

/// Euclidean norm of a slice, for numbers of any magnitude (down to 1e-38 and below, up to 1e38).
pub fn norm<R: Real>(x: &[R]) -> R {
    let squares = sum_squares(x);
    let (low, high) = (R::from_f64(1e-20), R::from_f64(1e30));
    if squares > low && squares < high {
        return squares.sqrt();
    }
    let largest = x.iter().fold(R::ZERO, |largest, x| largest.max(x.abs()));
    if largest == R::ZERO || largest == R::INFINITY {
        return largest + squares;
    }
    let scale = R::Lanes::splat(largest);
    largest * sum_of(x, &|x| (x / scale) * (x / scale)).sqrt()
}

/// y [N] = Euclidean norms of the rows of x [N, F].
pub fn row_norm<R: Real>(x: &[R], y: &mut [R]) {
    let width = x.len() / y.len().max(1);
    for (i, y) in y.iter_mut().enumerate() {
        *y = norm(&x[i * width..(i + 1) * width]);
    }
}

/// y [1] = sum(values weights) / sum(weights); 0 if the weights' sum is 0.
pub fn weighted_mean<R: Real>(values: &[R], weights: &[R], y: &mut [R]) {
    let bottom = sum(weights);
    y[0] = if bottom == R::ZERO { R::ZERO } else { dot(values, weights) / bottom };
}

/// dvalues [N] = weights dy / sum(weights).
pub fn weighted_mean_grad<R: Real>(weights: &[R], dy: &[R], dvalues: &mut [R]) {
    let total = sum(weights);
    let scale = if total == R::ZERO { R::ZERO } else { dy[0] / total };
    super::binary::affine(scale, R::ZERO, weights, dvalues);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, assert_gradient, cast, numbers, unset, widen};
    use super::*;

    #[test]
    fn sums_agree_with_double_precision() {
        for len in [0, 1, 7, 33, 130, 513, 4097, 100_000] {
            let x = numbers(1, len);
            let expected: f64 = x.iter().sum();
            assert!((f64::from(sum(&cast::<f32>(&x))) - expected).abs() < 3e-7 * (len as f64).sqrt().max(1.0));
            assert!((sum(&x) - expected).abs() <= 1e-12 * len as f64);
        }
    }

    #[test]
    fn rows_and_columns() {
        for (rows, width) in [(1, 1), (7, 1), (1, 7), (33, 130), (3, 1030)] {
            let x = numbers(1, rows * width);
            let (mut last, mut leading) = (unset::<f32>(rows), unset::<f32>(width));
            sum_last(&cast(&x), &mut last);
            sum_leading(&cast(&x), &mut leading);
            let by_row: Vec<f64> = x.chunks(width).map(|row| row.iter().sum()).collect();
            let by_column: Vec<f64> = (0..width).map(|j| (0..rows).map(|i| x[i * width + j]).sum()).collect();
            assert_close(&widen(&last), &by_row, 1e-6);
            assert_close(&widen(&leading), &by_column, 1e-6);
        }
    }

    #[test]
    fn norms_of_any_magnitude() {
        for scale in [1e-42, 1e-38, 1e-30, 1e-19, 1.0, 1e15, 1e25, 1e37] {
            let x: Vec<f32> = numbers(1, 33).iter().map(|x| (x * scale) as f32).collect();
            let expected = x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            let mut y = unset::<f32>(1);
            row_norm(&x, &mut y);
            let tolerance = 1e-6 * expected + 1e-45;
            assert!((f64::from(y[0]) - expected).abs() <= tolerance, "{scale:e}: {} {expected:e}", y[0]);
        }
        assert_eq!(norm(&[0.0f32; 5]), 0.0);
        assert_eq!(norm::<f32>(&[]), 0.0);
        assert_eq!(norm(&[f32::INFINITY, 1.0]), f32::INFINITY);
        assert!(norm(&[f32::NAN, 1.0]).is_nan());
        assert!(norm(&[0.0, f32::NAN]).is_nan());
    }

    #[test]
    fn weighted_means() {
        let (values, weights) = (numbers(1, 7), [0.0, 1.0, 1.0, 0.0, 1.0, 0.5, 2.0]);
        let mean = |values: &[f64]| {
            let mut y = unset(1);
            weighted_mean(values, &weights, &mut y);
            y[0]
        };
        let mut gradient = unset(7);
        weighted_mean_grad(&weights, &[1.5], &mut gradient);
        assert_gradient(&values, &gradient, |values| 1.5 * mean(values));
        let mut y = unset(1);
        weighted_mean(&values, &[0.0; 7], &mut y);
        assert_eq!(y, [0.0]);
        weighted_mean_grad(&[0.0; 7], &[1.0], &mut gradient);
        assert_eq!(gradient, [0.0; 7]);
    }
}
