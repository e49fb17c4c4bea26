//! What a square matrix does to the lengths of vectors: singular values and spectral radius. For Jacobians and
//! recurrent weights, which are small.

use super::kernels::gemm::{self, Mat, Size, Start};
use super::kernels::real::Real;
use crate::order;

/// The singular values of a row-major (rows, columns) matrix, largest first, min(rows, columns) of them.
///
/// One-sided Jacobi (Hestenes 1958; Demmel & Veselic 1992): the longer side is rotated pair by pair until its vectors are
/// orthogonal, whose lengths are then the singular values. Small ones are as exact as the large ones allow.
pub fn singular_values(matrix: &[f64], columns: usize) -> Vec<f64> {
    let rows = matrix.len() / columns.max(1);
    // The vectors to be made orthogonal: the shorter side counts them.
    let mut vectors: Vec<Vec<f64>> = if rows <= columns {
        matrix.chunks_exact(columns.max(1)).map(<[f64]>::to_vec).collect()
    } else {
        (0..columns).map(|j| (0..rows).map(|i| matrix[i * columns + j]).collect()).collect()
    };
    /// Enough for any matrix; a dozen is usual.
    const MOST_SWEEPS: usize = 60;
    for _ in 0..MOST_SWEEPS {
        if !sweep(&mut vectors) {
            break;
        }
    }
    let mut values: Vec<f64> = vectors.iter().map(|vector| dot(vector, vector).sqrt()).collect();
    order::sort_by(&mut values, |a, b| b.total_cmp(a));
    values
}

/// Makes every pair of vectors orthogonal once; whether any was not.
fn sweep(vectors: &mut [Vec<f64>]) -> bool {
    /// Cosine below which two vectors count as orthogonal.
    const ORTHOGONAL: f64 = 1e-15;
    let mut turned = false;
    for second in 1..vectors.len() {
        let (before, rest) = vectors.split_at_mut(second);
        let b = &mut rest[0];
        for a in before {
            let (aa, bb, ab) = (dot(a, a), dot(b, b), dot(a, b));
            if ab.is_finite() && ab.abs() > ORTHOGONAL * aa.sqrt() * bb.sqrt() {
                turn(a, b, (bb - aa) / (2.0 * ab));
                turned = true;
            }
        }
    }
    turned
}

/// Rotates a and b in their plane so that they become orthogonal; `zeta` is the cotangent of twice the angle.
fn turn(a: &mut [f64], b: &mut [f64], zeta: f64) {
    let tangent = 1.0_f64.copysign(zeta) / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    let sine = cosine * tangent;
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The largest singular value: how much the matrix stretches a vector at most.
pub fn spectral_norm(matrix: &[f64], columns: usize) -> f64 {
    singular_values(matrix, columns).first().copied().unwrap_or(0.0)
}

/// The root of the sum of squares.
pub fn frobenius_norm(matrix: &[f64]) -> f64 {
    dot(matrix, matrix).sqrt()
}

/// The largest |eigenvalue| of a (size, size) matrix: Gelfand's formula |A^k|^(1/k) at k = 2^`squarings` by repeated
/// squaring, which complex pairs do not disturb as they do power iteration. Roots are taken by `sqrt`, the same
/// everywhere. The error is about ln(size) / 2^`squarings`, and that of the products: [`SQUARINGS`] in f64 gives all but
/// a few digits.
pub fn spectral_radius<R: Real>(matrix: &[R], size: usize, squarings: u32) -> f64 {
    let mut current = matrix.to_vec();
    let mut next = vec![R::ZERO; size * size];
    let product = Size { m: size, n: size, k: size };
    let mut scratch = vec![R::ZERO; gemm::gemm_scratch(product)];
    let mut radius = 1.0_f64;
    for squaring in 0..=squarings {
        let norm = current.iter().map(|x| x.to_f64() * x.to_f64()).sum::<f64>().sqrt();
        if norm == 0.0 {
            return 0.0;
        }
        radius *= (0..squaring).fold(norm, |root, _| root.sqrt());
        current.iter_mut().for_each(|x| *x = R::from_f64(x.to_f64() / norm));
        let (a, b) = (Mat::rows(&current, size), Mat::rows(&current, size));
        R::gemm(product, a, b, &mut next, size, Start::Zero, &mut scratch);
        std::mem::swap(&mut current, &mut next);
    }
    radius
}

/// Squarings after which [`spectral_radius`] in f64 is exact to about 1e-9.
pub const SQUARINGS: u32 = 34;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rng::{Rng, Stream};

    fn random(count: usize, seed: u32) -> Vec<f64> {
        let rng = Rng::new(seed, Stream::Task);
        (0..count as u64).map(|at| f64::from(rng.normal(at))).collect()
    }

    #[test]
    fn the_spectral_radius_of_a_scaled_rotation_is_its_scale() {
        let (cos, sin) = (0.6 * 0.9, 0.8 * 0.9);
        assert!((spectral_radius(&[cos, -sin, sin, cos], 2, 16) - 0.9).abs() < 1e-4);
        assert!((spectral_radius(&[cos, -sin, sin, cos], 2, SQUARINGS) - 0.9).abs() < 1e-9);
        assert!((spectral_radius(&[0.5_f32, 3.0, 0.0, -0.7], 2, 16) - 0.7).abs() < 1e-3);
        assert!((spectral_radius(&[0.5, 3.0, 0.0, -0.7], 2, SQUARINGS) - 0.7).abs() < 1e-9);
        assert_eq!(spectral_radius(&[0.0, 1.0, 0.0, 0.0], 2, 16), 0.0);
    }

    #[test]
    fn singular_values_of_known_matrices() {
        // [3 0; 4 5]: the squares are 45 and 5.
        let values = singular_values(&[3.0, 0.0, 4.0, 5.0], 2);
        assert!((values[0] - 45.0_f64.sqrt()).abs() < 1e-14 && (values[1] - 5.0_f64.sqrt()).abs() < 1e-14);
        assert_eq!(singular_values(&[0.0, -2.0, 0.0, 0.0, 0.0, 7.0], 3), [7.0, 2.0]);
        assert_eq!(singular_values(&[0.0, -2.0, 0.0, 0.0, 0.0, 7.0], 2).len(), 2);
        assert_eq!(singular_values(&[0.0; 9], 3), [0.0; 3]);
        assert!(singular_values(&[], 0).is_empty());
    }

    /// Their squares sum to the squared Frobenius norm, and their fourth powers to that of A A^T.
    #[test]
    fn singular_values_keep_the_invariants() {
        for (rows, columns) in [(1, 1), (7, 7), (33, 5), (5, 33), (40, 40)] {
            let a = random(rows * columns, 3);
            let values = singular_values(&a, columns);
            let power = |exponent: i32| values.iter().map(|value| value.powi(exponent)).sum::<f64>();
            let gram: Vec<f64> = (0..rows * rows)
                .map(|at| dot(&a[at / rows * columns..][..columns], &a[at % rows * columns..][..columns]))
                .collect();
            assert!((power(2).sqrt() / frobenius_norm(&a) - 1.0).abs() < 1e-12);
            assert!((power(4).sqrt() / frobenius_norm(&gram) - 1.0).abs() < 1e-12);
            assert!(values.is_sorted_by(|a, b| a >= b) && spectral_norm(&a, columns) == values[0]);
        }
    }

    /// A singular value fourteen decades below the largest is found to several digits.
    #[test]
    fn tiny_singular_values_are_found() {
        let (large, small) = (1e3, 1e-11);
        let (cosine, sine) = (0.6, 0.8);
        let matrix = [large * cosine, large * sine, -small * sine, small * cosine];
        let values = singular_values(&matrix, 2);
        assert!((values[0] / large - 1.0).abs() < 1e-14 && (values[1] / small - 1.0).abs() < 1e-3, "{values:?}");
    }

    #[test]
    fn the_radius_is_at_most_the_norm() {
        let a = random(30 * 30, 5);
        assert!(spectral_radius(&a, 30, SQUARINGS) <= spectral_norm(&a, 30));
    }
}
