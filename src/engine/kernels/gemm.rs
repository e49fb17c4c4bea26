//! C = start + A B, for every matrix product of the engine.
//!
//! Every element is summed in one order: c = start; for p in 0..k: c = c + a[i,p] * b[p,j], each product rounded,
//! then each sum. Tiles, blocks and the special case of one row change nothing in it, so a result does not depend
//! on how many rows or columns are computed with it, nor on the machine.

use super::gemv;
use super::lanes::{At, Four, Lanes, WIDTH};
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
    /// Without the first `count` rows.
    fn below(self, count: usize) -> Self {
        Self { data: &self.data[(count * self.row).min(self.data.len())..], ..self }
    }
    /// Without the first `count` columns.
    fn right_of(self, count: usize) -> Self {
        Self { data: &self.data[(count * self.col).min(self.data.len())..], ..self }
    }
    /// The transpose.
    pub fn transpose(self) -> Self {
        Self { data: self.data, row: self.col, col: self.row }
    }
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

/// Rows and columns of the tile of C that is held in registers: 8 of 16 SIMD registers for the sums, 2 for B, the
/// others for A and the products.
const ROWS: usize = 4;
const COLUMNS: usize = 2 * WIDTH;
/// Summands worked on at a time: a panel of B (8 x 256 numbers) stays in the first-level cache.
const DEPTH: usize = 256;
/// Rows of A laid out at a time.
const HEIGHT: usize = 128;

/// Numbers of scratch memory for [`gemm`].
pub fn gemm_scratch(size: Size) -> usize {
    packed_b_len(size.n, size.k.min(DEPTH)) + gemm_prepacked_scratch(size)
}

/// C = start + A B; C is row-major with `ldc` numbers from row to row.
pub fn gemm<R: Real>(
    size: Size,
    a: Mat<'_, R>,
    b: Mat<'_, R>,
    c: &mut [R],
    ldc: usize,
    start: Start<'_, R>,
    scratch: &mut [R],
) {
    let Size { m, n, k } = size;
    if m == 1 || (n == 1 && ldc == 1) || k == 0 {
        begin(size, c, ldc, start);
        match (m, k) {
            (_, 0) => {}
            (1, _) => gemv::add(n, k, a, b, c),
            _ => gemv::add(m, k, b.transpose(), a.transpose(), c),
        }
        return;
    }
    let (packed, scratch) = scratch.split_at_mut(packed_b_len(n, k.min(DEPTH)));
    for from in (0..k).step_by(DEPTH) {
        let depth = DEPTH.min(k - from);
        pack_b(n, depth, b.below(from), packed);
        let start = if from == 0 { start } else { Start::Keep };
        let panels = Panels { data: packed, stride: depth * COLUMNS };
        add_blocks(Size { m, n, k: depth }, a.right_of(from), panels, c, ldc, start, scratch);
    }
}

/// Numbers [`pack_b`] writes.
pub fn packed_b_len(n: usize, k: usize) -> usize {
    n.next_multiple_of(COLUMNS) * k
}

/// Lays B (k, n) out for [`gemm_prepacked`]: panels of 8 columns, [n / 8, k, 8], the last filled up with zeros.
pub fn pack_b<R: Real>(n: usize, k: usize, b: Mat<'_, R>, packed: &mut [R]) {
    if k == 0 {
        return;
    }
    for (panel, packed) in packed[..packed_b_len(n, k)].chunks_exact_mut(k * COLUMNS).enumerate() {
        let b = b.right_of(panel * COLUMNS).transpose();
        interleave::<R, COLUMNS>(COLUMNS.min(n - panel * COLUMNS), k, b, packed);
    }
}

/// Numbers of scratch memory for [`gemm_prepacked`].
pub fn gemm_prepacked_scratch(size: Size) -> usize {
    size.m.min(HEIGHT).next_multiple_of(ROWS) * size.k.min(DEPTH)
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
    let Size { m, n, k } = size;
    if k == 0 {
        return begin(size, c, ldc, start);
    }
    for from in (0..k).step_by(DEPTH) {
        let depth = DEPTH.min(k - from);
        let start = if from == 0 { start } else { Start::Keep };
        let panels = Panels { data: &packed[from * COLUMNS..], stride: k * COLUMNS };
        add_blocks(Size { m, n, k: depth }, a.right_of(from), panels, c, ldc, start, scratch);
    }
}

/// Puts the start into C.
fn begin<R: Real>(size: Size, c: &mut [R], ldc: usize, start: Start<'_, R>) {
    for i in 0..size.m {
        let c = &mut c[i * ldc..][..size.n];
        match start {
            Start::Zero => c.fill(R::ZERO),
            Start::Keep => {}
            Start::Row(row) => c.copy_from_slice(&row[..size.n]),
        }
    }
}

/// B laid out: panel j is `data[j * stride..]`, 8 numbers for each of the k summands.
#[derive(Clone, Copy)]
struct Panels<'a, R> {
    data: &'a [R],
    stride: usize,
}

/// C = start + A B for at most DEPTH summands.
fn add_blocks<R: Real>(
    size: Size,
    a: Mat<'_, R>,
    b: Panels<'_, R>,
    c: &mut [R],
    ldc: usize,
    start: Start<'_, R>,
    scratch: &mut [R],
) {
    let Size { m, n, k } = size;
    for top in (0..m).step_by(HEIGHT) {
        let height = HEIGHT.min(m - top);
        let packed = &mut scratch[..height.next_multiple_of(ROWS) * k];
        for (strip, packed) in packed.chunks_exact_mut(ROWS * k).enumerate() {
            interleave::<R, ROWS>(ROWS.min(height - strip * ROWS), k, a.below(top + strip * ROWS), packed);
        }
        for (panel, left) in (0..n).step_by(COLUMNS).enumerate() {
            let columns = COLUMNS.min(n - left);
            let b = &b.data[panel * b.stride..][..k * COLUMNS];
            let start = match start {
                Start::Row(row) => Start::Row(&row[left..left + columns]),
                other => other,
            };
            for (strip, a) in packed.chunks_exact(ROWS * k).enumerate() {
                let rows = ROWS.min(height - strip * ROWS);
                let c = &mut c[(top + strip * ROWS) * ldc + left..];
                if rows == ROWS {
                    tile::<R, ROWS>(a, b, c, ldc, columns, start);
                } else {
                    short_tile(rows, a, b, c, ldc, columns, start);
                }
            }
        }
    }
}

/// A tile of fewer rows than [`ROWS`].
#[cold]
fn short_tile<R: Real>(rows: usize, a: &[R], b: &[R], c: &mut [R], ldc: usize, columns: usize, start: Start<'_, R>) {
    match rows {
        1 => tile::<R, 1>(a, b, c, ldc, columns, start),
        2 => tile::<R, 2>(a, b, c, ldc, columns, start),
        _ => tile::<R, 3>(a, b, c, ldc, columns, start),
    }
}

/// The first HIGH rows of a tile of C: c = start + A B, sums in registers. A is [k, ROWS], B is [k, COLUMNS].
#[inline(always)]
fn tile<R: Real, const HIGH: usize>(a: &[R], b: &[R], c: &mut [R], ldc: usize, columns: usize, start: Start<'_, R>) {
    let mut sums: [[R::Lanes; 2]; HIGH] = std::array::from_fn(|i| match start {
        Start::Zero => [R::Lanes::splat(R::ZERO); 2],
        Start::Keep => load_line(&c[i * ldc..][..columns]),
        Start::Row(row) => load_line(row),
    });
    for (a, b) in a.chunks_exact(ROWS).zip(b.chunks_exact(COLUMNS)) {
        let b = [R::Lanes::load(b), R::Lanes::load(&b[WIDTH..])];
        for (sums, &a) in sums.iter_mut().zip(a) {
            let a = R::Lanes::splat(a);
            sums[0] = sums[0] + a * b[0];
            sums[1] = sums[1] + a * b[1];
        }
    }
    for (i, sums) in sums.into_iter().enumerate() {
        store_line(sums, &mut c[i * ldc..][..columns]);
    }
}

/// One line of a tile, at most [`COLUMNS`] numbers.
#[inline(always)]
fn load_line<R: Real>(line: &[R]) -> [R::Lanes; 2] {
    if line.len() == COLUMNS {
        return [R::Lanes::load(line), R::Lanes::load(&line[WIDTH..])];
    }
    let (first, second) = line.split_at(line.len().min(WIDTH));
    [R::Lanes::load_part(first), R::Lanes::load_part(second)]
}

/// Writes one line of a tile.
#[inline(always)]
fn store_line<R: Real>([first, second]: [R::Lanes; 2], line: &mut [R]) {
    if line.len() == COLUMNS {
        first.store(line);
        second.store(&mut line[WIDTH..]);
        return;
    }
    let (left, right) = line.split_at_mut(line.len().min(WIDTH));
    first.store_part(left);
    second.store_part(right);
}

/// packed [k, N] = the transpose of `rows` rows of A (rows, k), with zeros for the rows up to N.
fn interleave<R: Real, const N: usize>(rows: usize, k: usize, a: Mat<'_, R>, packed: &mut [R]) {
    let lines = packed.chunks_exact_mut(N).take(k).enumerate();
    if rows == N && a.row == 1 {
        lines.for_each(|(p, packed)| packed.copy_from_slice(&a.data[p * a.col..][..N]));
    } else if rows == N && a.col == 1 {
        interleave_rows::<R, N>(k, a, packed);
    } else {
        for (p, packed) in lines {
            let (filled, rest) = packed.split_at_mut(rows);
            filled.iter_mut().enumerate().for_each(|(i, x)| *x = a.data[i * a.row + p * a.col]);
            rest.fill(R::ZERO);
        }
    }
}

/// [`interleave`] for N contiguous rows, by squares of 4 x 4.
fn interleave_rows<R: Real, const N: usize>(k: usize, a: Mat<'_, R>, packed: &mut [R]) {
    let rows: [&[R]; N] = std::array::from_fn(|i| &a.data[i * a.row..][..k]);
    let whole = k / WIDTH * WIDTH;
    let (front, back) = packed[..k * N].split_at_mut(whole * N);
    for (p, block) in front.chunks_exact_mut(WIDTH * N).enumerate() {
        for i in (0..N).step_by(WIDTH) {
            let square = std::array::from_fn(|j| Four(p * WIDTH).get(rows[i + j]));
            for (line, column) in block.chunks_exact_mut(N).zip(R::Lanes::transpose(square)) {
                column.store(&mut line[i..]);
            }
        }
    }
    for (p, line) in back.chunks_exact_mut(N).enumerate() {
        line.iter_mut().zip(rows).for_each(|(x, row)| *x = row[whole + p]);
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
