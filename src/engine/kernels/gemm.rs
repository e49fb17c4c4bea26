//! C = start + A B, for every matrix product of the engine.
//!
//! Every element is summed in one order: c = start; for p in 0..k: c = c + a[i,p] * b[p,j], each product rounded,
//! then each sum. Tiles, blocks and the special case of one row change nothing in it, so a result does not depend
//! on how many rows or columns are computed with it, nor on the machine.

use super::real::Real;

/// A matrix somewhere in a slice: element (i, j) is `data[i * row + j * col]`.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, R> {
    /// The numbers.
    pub data: &'a [R],
    /// Distance between rows.
    pub row: usize,
    /// Distance between columns.
    pub col: usize,
}

impl<'a, R> Mat<'a, R> {
    /// Row-major, `width` numbers from row to row.
    pub fn rows(data: &'a [R], width: usize) -> Self {
        Self { data, row: width, col: 1 }
    }
    /// The transpose of a row-major matrix of `width` numbers from row to row.
    pub fn transposed(data: &'a [R], width: usize) -> Self {
        Self { data, row: 1, col: width }
    }
}

/// What the product is added to.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a, R> {
    /// Zero: C = A B.
    Zero,
    /// What C holds: C += A B.
    Keep,
    /// One row for all rows of C (a bias of n numbers): C = 1 row + A B.
    Row(&'a [R]),
}

/// Rows, columns and summands: A is (m, k), B is (k, n), C is (m, n).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A, rows of B.
    pub k: usize,
}

/// Numbers of scratch memory for [`gemm`].
pub fn gemm_scratch(_size: Size) -> usize {
    0
}

/// C = start + A B; C is row-major with `ldc` numbers from row to row.
pub fn gemm<R: Real>(
    size: Size,
    a: Mat<'_, R>,
    b: Mat<'_, R>,
    c: &mut [R],
    ldc: usize,
    start: Start<'_, R>,
    _scratch: &mut [R],
) {
    for i in 0..size.m {
        let c = &mut c[i * ldc..i * ldc + size.n];
        begin(c, start);
        for p in 0..size.k {
            let a = a.data[i * a.row + p * a.col];
            for (j, c) in c.iter_mut().enumerate() {
                *c += a * b.data[p * b.row + j * b.col];
            }
        }
    }
}

/// Numbers [`pack_b`] writes.
pub fn packed_b_len(n: usize, k: usize) -> usize {
    n * k
}

/// Lays B (k, n) out for [`gemm_prepacked`].
pub fn pack_b<R: Real>(n: usize, k: usize, b: Mat<'_, R>, packed: &mut [R]) {
    for p in 0..k {
        for j in 0..n {
            packed[p * n + j] = b.data[p * b.row + j * b.col];
        }
    }
}

/// Numbers of scratch memory for [`gemm_prepacked`].
pub fn gemm_prepacked_scratch(_size: Size) -> usize {
    0
}

/// [`gemm`] with a B that [`pack_b`] laid out.
pub fn gemm_prepacked<R: Real>(
    size: Size,
    a: Mat<'_, R>,
    packed: &[R],
    c: &mut [R],
    ldc: usize,
    start: Start<'_, R>,
    scratch: &mut [R],
) {
    gemm(size, a, Mat::rows(packed, size.n), c, ldc, start, scratch);
}

/// Puts the start into a row of C.
fn begin<R: Real>(c: &mut [R], start: Start<'_, R>) {
    match start {
        Start::Zero => c.fill(R::ZERO),
        Start::Keep => {}
        Start::Row(row) => c.copy_from_slice(row),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{cast, numbers, unset};
    use super::*;

    const SHAPES: [(usize, usize, usize); 16] = [
        (1, 1, 1),
        (1, 7, 33),
        (1, 130, 7),
        (7, 1, 33),
        (33, 1, 130),
        (2, 2, 0),
        (3, 5, 1),
        (4, 8, 4),
        (5, 9, 5),
        (7, 33, 130),
        (33, 130, 7),
        (130, 7, 33),
        (32, 64, 16),
        (16, 16, 600),
        (1, 64, 600),
        (9, 300, 530),
    ];

    /// The product as its definition says, in the documented order.
    fn plain<R: Real>(size: Size, a: Mat<'_, R>, b: Mat<'_, R>, start: impl Fn(usize, usize) -> R) -> Vec<R> {
        let mut c = Vec::new();
        for (i, j) in (0..size.m).flat_map(|i| (0..size.n).map(move |j| (i, j))) {
            let product = |p: usize| a.data[i * a.row + p * a.col] * b.data[p * b.row + j * b.col];
            c.push((0..size.k).fold(start(i, j), |sum, p| sum + product(p)));
        }
        c
    }

    fn check<R: Real>() {
        for (m, n, k) in SHAPES {
            let size = Size { m, n, k };
            let (a, b): (Vec<R>, Vec<R>) = (cast(&numbers(1, m * k)), cast(&numbers(2, k * n)));
            let (bias, old): (Vec<R>, Vec<R>) = (cast(&numbers(3, n)), cast(&numbers(4, m * n)));
            for a in [Mat::rows(&a, k), Mat::transposed(&a, m)] {
                for b in [Mat::rows(&b, n), Mat::transposed(&b, k)] {
                    let expected = plain(size, a, b, |_, _| R::ZERO);
                    assert_eq!(product(size, a, b, n, Start::Zero, None), expected, "{size:?} zero");
                    let expected = plain(size, a, b, |_, j| bias[j]);
                    assert_eq!(product(size, a, b, n + 3, Start::Row(&bias), None), expected, "{size:?} row");
                    let expected = plain(size, a, b, |i, j| old[i * n + j]);
                    assert_eq!(product(size, a, b, n + 1, Start::Keep, Some(&old)), expected, "{size:?} keep");
                }
            }
        }
    }

    /// The result of [`gemm`], which [`gemm_prepacked`] must share; C has rows of `ldc` numbers.
    fn product<R: Real>(
        size: Size,
        a: Mat<'_, R>,
        b: Mat<'_, R>,
        ldc: usize,
        start: Start<'_, R>,
        old: Option<&[R]>,
    ) -> Vec<R> {
        let mut c = vec![R::from_f64(77.0); size.m * ldc];
        for (i, c) in c.chunks_mut(ldc).enumerate() {
            c[..size.n].copy_from_slice(&old.map_or(unset(size.n), |old| old[i * size.n..(i + 1) * size.n].to_vec()));
        }
        let mut again = c.clone();
        gemm(size, a, b, &mut c, ldc, start, &mut unset(gemm_scratch(size)));
        let mut packed = unset(packed_b_len(size.n, size.k));
        pack_b(size.n, size.k, b, &mut packed);
        gemm_prepacked(size, a, &packed, &mut again, ldc, start, &mut unset(gemm_prepacked_scratch(size)));
        assert_eq!(c, again, "{size:?} prepacked");
        assert!(c.chunks(ldc).all(|c| c[size.n..].iter().all(|&c| c == R::from_f64(77.0))), "{size:?} beyond");
        c.chunks(ldc).flat_map(|c| &c[..size.n]).copied().collect()
    }

    #[test]
    fn every_shape_sums_in_the_documented_order() {
        check::<f32>();
        check::<f64>();
    }
}
