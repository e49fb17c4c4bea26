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
