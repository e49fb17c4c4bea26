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

/// Rows and columns of the tile of C that is held in registers: 8 of 16 SIMD registers for the sums, 4 for B, the
/// others for A and the products.
const ROWS: usize = 2;
const COLUMNS: usize = LINE * WIDTH;
/// Registers to a row of the tile, and to a row of a narrow tile at the right edge.
const LINE: usize = 4;
const NARROW: usize = 2;
/// Summands worked on at a time: a panel of B (16 x 256 numbers) stays in the first-level cache.
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
        let panels = Panels { data: packed, from: 0, total: depth };
        add_blocks(Size { m, n, k: depth }, a.right_of(from), panels, c, ldc, start, scratch);
    }
}

/// Numbers [`pack_b`] writes.
pub fn packed_b_len(n: usize, k: usize) -> usize {
    n.next_multiple_of(NARROW * WIDTH) * k
}

/// Lays B (k, n) out for [`gemm_prepacked`]: panels of 16 columns, [n / 16, k, 16], the last filled up with zeros
/// to 16 or, if that is enough, to 8.
pub fn pack_b<R: Real>(n: usize, k: usize, b: Mat<'_, R>, packed: &mut [R]) {
    for left in (0..n).step_by(COLUMNS) {
        let (columns, b) = (COLUMNS.min(n - left), b.right_of(left).transpose());
        let packed = &mut packed[left * k..];
        if is_narrow(columns) {
            interleave::<R, { NARROW * WIDTH }>(columns, k, b, packed);
        } else {
            interleave::<R, COLUMNS>(columns, k, b, packed);
        }
    }
}

/// Whether so many columns fit a narrow panel.
fn is_narrow(columns: usize) -> bool {
    columns <= NARROW * WIDTH
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
        let panels = Panels { data: packed, from, total: k };
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

/// B laid out by [`pack_b`] with `total` summands, of which those from `from` on are wanted.
#[derive(Clone, Copy)]
struct Panels<'a, R> {
    data: &'a [R],
    from: usize,
    total: usize,
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
        pack_a(height, k, a.below(top), packed);
        for left in (0..n).step_by(COLUMNS) {
            let columns = COLUMNS.min(n - left);
            let width = if is_narrow(columns) { NARROW * WIDTH } else { COLUMNS };
            let tile = Tile {
                b: &b.data[left * b.total + b.from * width..][..k * width],
                ldc,
                columns,
                start: match start {
                    Start::Row(row) => Start::Row(&row[left..left + columns]),
                    other => other,
                },
                zero: std::hint::black_box(0),
            };
            for (strip, a) in packed.chunks_exact(ROWS * k).enumerate() {
                let c = &mut c[(top + strip * ROWS) * ldc + left..];
                match (strip * ROWS + ROWS <= height, columns == COLUMNS) {
                    (true, true) => tile.run::<ROWS, LINE, true>(a, c),
                    (all_rows, _) => tile.run_at_edge(all_rows, a, c),
                }
            }
        }
    }
}

/// Lays `m` rows of A (m, k) out in strips of two rows, [m / 2, k, 2], the last filled up with zeros.
fn pack_a<R: Real>(m: usize, k: usize, a: Mat<'_, R>, packed: &mut [R]) {
    let whole = if a.row == 1 { m / PAIR * PAIR } else { 0 };
    let (columns, rows) = packed.split_at_mut(whole * k);
    pack_columns(k, a, columns);
    for (strip, packed) in rows.chunks_exact_mut(ROWS * k).enumerate() {
        let above = whole + strip * ROWS;
        interleave::<R, ROWS>(ROWS.min(m - above), k, a.below(above), packed);
    }
}

/// Rows of a pair of strips.
const PAIR: usize = 2 * ROWS;

/// [`pack_a`] for whole pairs of strips of a column-major A: a few columns at a time, so that they stay in the cache.
fn pack_columns<R: Real>(k: usize, a: Mat<'_, R>, packed: &mut [R]) {
    const NEAR: usize = 16;
    for from in (0..k).step_by(NEAR) {
        let range = from * ROWS..(from + NEAR).min(k) * ROWS;
        for (pair, packed) in packed.chunks_exact_mut(PAIR * k).enumerate() {
            let (upper, lower) = packed.split_at_mut(ROWS * k);
            let lines = upper[range.clone()].chunks_exact_mut(ROWS).zip(lower[range.clone()].chunks_exact_mut(ROWS));
            for (p, (upper, lower)) in lines.enumerate() {
                let column = &a.data[(from + p) * a.col + pair * PAIR..][..PAIR];
                upper.copy_from_slice(&column[..ROWS]);
                lower.copy_from_slice(&column[ROWS..]);
            }
        }
    }
}

/// What the tiles of one panel of B share.
struct Tile<'a, R> {
    /// [k, 16] or, narrow, [k, 8].
    b: &'a [R],
    ldc: usize,
    columns: usize,
    start: Start<'a, R>,
    /// 0, which the compiler must not know: see [`add_products`].
    zero: usize,
}

impl<R: Real> Tile<'_, R> {
    /// A tile that lacks rows or columns.
    #[inline(never)]
    fn run_at_edge(&self, all_rows: bool, a: &[R], c: &mut [R]) {
        match (all_rows, is_narrow(self.columns)) {
            (true, true) => self.run::<ROWS, NARROW, false>(a, c),
            (true, false) => self.run::<ROWS, LINE, false>(a, c),
            (false, true) => self.run::<1, NARROW, false>(a, c),
            (false, false) => self.run::<1, LINE, false>(a, c),
        }
    }

    /// The first HIGH rows of C: c = start + A B, sums in registers. A is [k, ROWS]; FULL if no column lacks.
    #[inline(always)]
    fn run<const HIGH: usize, const WIDE: usize, const FULL: bool>(&self, a: &[R], c: &mut [R]) {
        let columns = if FULL { WIDE * WIDTH } else { self.columns };
        let mut sums: [[R::Lanes; WIDE]; HIGH] = std::array::from_fn(|i| match self.start {
            Start::Zero => [R::Lanes::splat(R::ZERO); WIDE],
            Start::Keep => load_line(&c[i * self.ldc..][..columns]),
            Start::Row(row) => load_line(&row[..columns]),
        });
        add_products(a, self.b, self.zero, &mut sums);
        for (i, sums) in sums.into_iter().enumerate() {
            store_line(sums, &mut c[i * self.ldc..][..columns]);
        }
    }
}

/// sums += A B, for A [k, ROWS] and B [k, WIDE * 4]: the heart of every product.
///
/// Four steps a turn, each with its own way out, over pointers that move on by a number the compiler does not know:
/// otherwise LLVM (loop strength reduction) computes every address anew, where WebAssembly's loads could add a
/// constant for nothing, and V8 spends a tenth of the time on it.
#[inline(always)]
fn add_products<R: Real, const HIGH: usize, const WIDE: usize>(
    a: &[R],
    b: &[R],
    zero: usize,
    sums: &mut [[R::Lanes; WIDE]; HIGH],
) {
    const TURN: usize = 4;
    let mut left = a.len() / ROWS;
    assert!(HIGH <= ROWS && b.len() == left * WIDE * WIDTH);
    let (mut a, mut b) = (a.as_ptr().cast::<[R; ROWS]>(), b.as_ptr().cast::<[[R; WIDTH]; WIDE]>());
    while left > 0 {
        for step in 0..TURN {
            // SAFETY: `left` > 0 steps remain from `a + step` and `b + step` on, by the lengths above.
            let (a, b) = unsafe { (*a.add(step), *b.add(step)) };
            let b = b.map(R::Lanes::from_array);
            for (sums, a) in sums.iter_mut().zip(a) {
                let a = R::Lanes::splat(a);
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = *sum + a * b;
                }
            }
            left -= 1;
            if left == 0 {
                return;
            }
        }
        // SAFETY: more than TURN steps remained before this turn.
        (a, b) = unsafe { (a.add(TURN + (left & zero)), b.add(TURN + (left & zero))) };
    }
}

/// One line of a tile; zeros beyond its end.
#[inline(always)]
fn load_line<R: Real, const WIDE: usize>(line: &[R]) -> [R::Lanes; WIDE] {
    std::array::from_fn(|i| match line.get(i * WIDTH..(i + 1) * WIDTH) {
        Some(four) => R::Lanes::load(four),
        None => R::Lanes::load_part(line.get(i * WIDTH..).unwrap_or(&[])),
    })
}

/// Writes one line of a tile.
#[inline(always)]
fn store_line<R: Real, const WIDE: usize>(sums: [R::Lanes; WIDE], line: &mut [R]) {
    for (part, sum) in line.chunks_mut(WIDTH).zip(sums) {
        if part.len() == WIDTH { sum.store(part) } else { sum.store_part(part) }
    }
}

/// packed [k, N] = the transpose of `rows` rows of A (rows, k), with zeros for the rows up to N.
fn interleave<R: Real, const N: usize>(rows: usize, k: usize, a: Mat<'_, R>, packed: &mut [R]) {
    let packed = &mut packed[..k * N];
    if rows == N && a.row == 1 {
        packed.chunks_exact_mut(N).enumerate().for_each(|(p, line)| line.copy_from_slice(&a.data[p * a.col..][..N]));
    } else if rows == N && a.col == 1 {
        interleave_rows::<R, N>(std::array::from_fn(|i| &a.data[i * a.row..][..k]), packed);
    } else {
        for (p, line) in packed.chunks_exact_mut(N).enumerate() {
            let (filled, rest) = line.split_at_mut(rows);
            filled.iter_mut().enumerate().for_each(|(i, x)| *x = a.data[i * a.row + p * a.col]);
            rest.fill(R::ZERO);
        }
    }
}

/// [`interleave`] for N contiguous rows, four numbers of each at a time.
fn interleave_rows<R: Real, const N: usize>(rows: [&[R]; N], packed: &mut [R]) {
    let whole = packed.len() / (WIDTH * N) * WIDTH;
    let (front, back) = packed.split_at_mut(whole * N);
    for (at, block) in front.chunks_exact_mut(WIDTH * N).enumerate() {
        let at = Four(at);
        if N == 2 {
            let [low, high] = at.get(rows[0]).zip(at.get(rows[1]));
            low.store(block);
            high.store(&mut block[WIDTH..]);
            continue;
        }
        for i in (0..N).step_by(WIDTH) {
            let square = std::array::from_fn(|j| at.get(rows[i + j]));
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
