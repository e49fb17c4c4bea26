//! Products of two tensors over any of their axes: a matrix product for each place of a batch, read where it lies.

use super::gemm::{self, Mat, Size, Start};
use super::notation::Loops;
use super::real::Real;

/// Numbers of scratch memory for [`einsum`].
pub fn einsum_scratch(loops: &Loops) -> usize {
    gemm::gemm_scratch(product(loops).0)
}

/// The matrix product of one place, and whether it is of the transposes: the result's rows must be contiguous.
fn product(loops: &Loops) -> (Size, bool) {
    let Loops { row, column, summed, .. } = loops;
    let transposed = column.strides[2] != 1 && row.strides[2] == 1;
    let (m, n) = if transposed { (column.len, row.len) } else { (row.len, column.len) };
    (Size { m, n, k: summed.len }, transposed)
}

/// y = a b, as the loops say.
pub fn einsum<R: Real>(loops: &Loops, a: &[R], b: &[R], y: &mut [R], scratch: &mut [R]) {
    let (size, transposed) = product(loops);
    let Loops { batch: [outer, inner], row, column, summed } = loops;
    let ldc = if transposed { column.strides[2] } else { row.strides[2] };
    for (at, place) in (0..outer.len).flat_map(|at| (0..inner.len).map(move |place| (at, place))) {
        let [a_start, b_start, start] = [0, 1, 2].map(|term| at * outer.strides[term] + place * inner.strides[term]);
        let a = Mat { data: &a[a_start..], row: row.strides[0], col: summed.strides[0] };
        let b = Mat { data: &b[b_start..], row: summed.strides[1], col: column.strides[1] };
        let (left, right) = if transposed { (b.transpose(), a.transpose()) } else { (a, b) };
        gemm::gemm(size, left, right, &mut y[start..], ldc, Start::Zero, scratch);
    }
}

#[cfg(test)]
mod tests {
    use super::super::notation::Einsum;
    use super::super::testing::{assert_close, cast, numbers, unset, widen};
    use super::*;

    /// The sum as its definition says.
    fn plain(loops: &Loops, a: &[f64], b: &[f64], len: usize) -> Vec<f64> {
        let mut y = vec![0.0; len];
        let Loops { batch: [outer, inner], row, column, summed } = *loops;
        let all = [outer, inner, row, column, summed];
        for at in 0..all.iter().map(|each| each.len).product() {
            let mut rest = at;
            let mut offsets = [0; 3];
            for each in all {
                (0..3).for_each(|term| offsets[term] += rest % each.len * each.strides[term]);
                rest /= each.len;
            }
            y[offsets[2]] += a[offsets[0]] * b[offsets[1]];
        }
        y
    }

    fn check<R: Real>(equation: &str, known: &[(char, usize)], a: &[usize], b: &[usize], tolerance: f64) {
        let einsum = Einsum::new(equation, known, a, b).expect("it fits");
        let (x, z) = (numbers(1, a.iter().product()), numbers(2, b.iter().product()));
        let loops = einsum.loops();
        let mut y = unset::<R>(einsum.result().iter().product());
        super::einsum(&loops, &cast(&x), &cast(&z), &mut y, &mut unset(einsum_scratch(&loops)));
        assert_close(&widen(&y), &plain(&loops, &x, &z, y.len()), tolerance);
    }

    #[test]
    fn every_kind_of_product() {
        for (heads, i, j, batch, width) in [(1, 1, 1, 1, 1), (2, 5, 7, 3, 4), (3, 1, 33, 2, 7), (4, 33, 5, 1, 16)] {
            let (d, known) = (heads * width, [('h', heads)]);
            let (q, k, s) = ([i, batch, d], [j, batch, d], [batch, heads, i, j]);
            check::<f32>("i b (h d), j b (h d) -> b h i j", &known, &q, &k, 1e-5);
            check::<f64>("b h i j, j b (h d) -> i b (h d)", &known, &s, &k, 1e-13);
            check::<f64>("b h i j, i b (h d) -> j b (h d)", &known, &s, &q, 1e-13);
            check::<f64>("i b d, j b d -> i b j", &[], &q, &k, 1e-13);
            check::<f64>("i b d, j b d -> b j i", &[], &q, &k, 1e-13);
        }
        check::<f64>("i k, j k -> i j", &[], &[3, 5], &[4, 5], 1e-13);
        check::<f64>("i, j -> i j", &[], &[3], &[4], 1e-13);
        check::<f64>("b d, j b d -> b j", &[], &[3, 4], &[5, 3, 4], 1e-13);
    }
}
