//! Layer normalisation without scale and shift (`torch.nn.LayerNorm(elementwise_affine=False)`).

use super::lanes::{At, Lanes, each, map, map2};
use super::real::Real;
use super::reduce::{dot, sum, sum_squares};

/// y = (x - mean) / sqrt(var + eps), row by row of x [N, width]; var is the biased variance about the mean.
pub fn layer_norm<R: Real>(width: usize, eps: f64, x: &[R], y: &mut [R]) {
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        normalise(eps, x, y);
    }
}

/// dx = (dy - mean(dy) - y mean(dy y)) / sqrt(var + eps), row by row.
/// Scratch: `width` numbers.
pub fn layer_norm_grad<R: Real>(width: usize, eps: f64, x: &[R], dy: &[R], dx: &mut [R], scratch: &mut [R]) {
    let y = &mut scratch[..width];
    let count = R::from_f64(width as f64);
    let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
    for ((x, dy), dx) in rows.zip(dx.chunks_exact_mut(width)) {
        let scale = R::Lanes::splat(normalise(eps, x, y));
        let mean = R::Lanes::splat(sum(dy) / count);
        let along = R::Lanes::splat(dot(dy, y) / count);
        map2(dy, y, dx, |dy, y| (dy - mean - y * along) * scale);
    }
}

/// Writes y and returns 1 / sqrt(var + eps).
fn normalise<R: Real>(eps: f64, x: &[R], y: &mut [R]) -> R {
    let count = R::from_f64(x.len() as f64);
    let mean = R::Lanes::splat(sum(x) / count);
    map(x, y, |x| x - mean);
    let scale = R::ONE / (sum_squares(y) / count + R::from_f64(eps)).sqrt();
    let factor = R::Lanes::splat(scale);
    each!(y.len(), |i| i.put(y, i.get(y) * factor));
    scale
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, assert_gradient, cast, numbers, probe, unset, widen};
    use super::*;

    fn value<R: Real>(width: usize, x: &[f64]) -> Vec<f64> {
        let mut y = unset::<R>(x.len());
        layer_norm(width, 1e-5, &cast(x), &mut y);
        widen(&y)
    }

    fn gradient<R: Real>(width: usize, x: &[f64], dy: &[f64]) -> Vec<f64> {
        let (mut dx, mut scratch) = (unset::<R>(x.len()), unset::<R>(width));
        layer_norm_grad(width, 1e-5, &cast(x), &cast(dy), &mut dx, &mut scratch);
        widen(&dx)
    }

    #[test]
    fn single_and_double_precision_agree() {
        for (rows, width) in [(3, 7), (2, 33), (2, 130)] {
            let (x, dy) = (numbers(1, rows * width), numbers(2, rows * width));
            assert_close(&value::<f32>(width, &x), &value::<f64>(width, &x), 2e-6);
            assert_close(&gradient::<f32>(width, &x, &dy), &gradient::<f64>(width, &x, &dy), 2e-6);
        }
        assert_eq!(value::<f32>(1, &[3.0]), [0.0]);
    }

    #[test]
    fn gradient_matches_differences() {
        let (x, dy) = (numbers(1, 21), numbers(2, 21));
        assert_gradient(&x, &gradient::<f64>(7, &x, &dy), |x| probe(&value::<f64>(7, x), &dy));
    }
}
