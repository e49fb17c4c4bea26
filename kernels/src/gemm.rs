//! C = start + A B, for every matrix product of the engine.
//!
//! Every element is summed in one order: c = start; for p in 0..k: c = c + a[i,p] * b[p,j], each product rounded,
//! then each sum. Tiles, blocks and the special case of one row change nothing in it, so a result does not depend
//! on how many rows or columns are computed with it, nor on the machine.

use std::ops::Range;

use super::gemv;
use super::lanes::{Lanes, WIDTH};
use super::layout::transpose_between;
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
const HEIGHT: usize = 32;

/// Numbers of scratch memory for [`gemm`].
pub fn gemm_scratch(size: Size) -> usize {
    let Size { m, n, k } = size;
    let straight = |size: Size| packed_b_len(size.n, k.min(DEPTH)) + gemm_prepacked_scratch(size);
    straight(size).max(m * n + straight(Size { m: n, n: m, k }))
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
    if is_turned_with_less(size, a, b) && matches!(start, Start::Zero) {
        let (turned, scratch) = scratch.split_at_mut(m * n);
        gemm(Size { m: n, n: m, k }, b.transpose(), a.transpose(), turned, m, Start::Zero, scratch);
        return transpose_between(n, m, (turned, m), (c, ldc));
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

/// Whether C^T = B^T A^T moves fewer numbers: A has to be turned into rows, B lies in them, and B is smaller. So do the
/// gradients of most weights.
fn is_turned_with_less<R>(size: Size, a: Mat<'_, R>, b: Mat<'_, R>) -> bool {
    a.col != 1 && b.col == 1 && size.n < size.m
}

/// Numbers [`pack_b`] writes.
pub fn packed_b_len(n: usize, k: usize) -> usize {
    n.next_multiple_of(NARROW * WIDTH) * k
}

/// Lays B (k, n) out for [`gemm_prepacked`]: panels of 16 columns, [n / 16, k, 16], the last filled up with zeros
/// to 16 or, if that is enough, to 8.
pub fn pack_b<R: Real>(n: usize, k: usize, b: Mat<'_, R>, packed: &mut [R]) {
    for left in (0..n).step_by(COLUMNS) {
        let (columns, b) = (COLUMNS.min(n - left), b.right_of(left));
        let packed = &mut packed[left * k..];
        if is_narrow(columns) {
            pack_panel::<R, { NARROW * WIDTH }>(columns, k, b, packed);
        } else {
            pack_panel::<R, COLUMNS>(columns, k, b, packed);
        }
    }
}

/// A panel [k, N] of the first columns of B, at most N, and zeros.
fn pack_panel<R: Real, const N: usize>(columns: usize, k: usize, b: Mat<'_, R>, packed: &mut [R]) {
    let packed = &mut packed[..k * N];
    if columns == N && b.col == 1 {
        packed.chunks_exact_mut(N).enumerate().for_each(|(p, line)| line.copy_from_slice(&b.data[p * b.row..][..N]));
    } else if columns == N && b.row == 1 {
        transpose_between(N, k, (b.data, b.col), (packed, N));
    } else {
        for (p, line) in packed.chunks_exact_mut(N).enumerate() {
            let (filled, rest) = line.split_at_mut(columns);
            filled.iter_mut().enumerate().for_each(|(j, x)| *x = b.data[p * b.row + j * b.col]);
            rest.fill(R::ZERO);
        }
    }
}

/// Whether so many columns fit a narrow panel.
fn is_narrow(columns: usize) -> bool {
    columns <= NARROW * WIDTH
}

/// Numbers of scratch memory for [`gemm_prepacked`].
pub fn gemm_prepacked_scratch(size: Size) -> usize {
    size.m.min(HEIGHT) * size.k.min(DEPTH)
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
    let zeros = [R::ZERO; COLUMNS];
    let panel = |left: usize| {
        let columns = COLUMNS.min(n - left);
        let width = if is_narrow(columns) { NARROW * WIDTH } else { COLUMNS };
        Panel {
            b: &b.data[left * b.total + b.from * width..][..k * width],
            columns,
            ldc,
            start: match start {
                Start::Zero => Some(&zeros),
                Start::Row(row) => Some(&row[left..left + columns]),
                Start::Keep => None,
            },
            zero: std::hint::black_box(0),
        }
    };
    for top in (0..m).step_by(HEIGHT) {
        let height = HEIGHT.min(m - top);
        let a = in_rows(height, k, a.below(top), scratch);
        let c = &mut c[top * ldc..];
        let last = height - 1;
        let in_pairs = if height % ROWS == 0 { 0 } else { n - n % (2 * COLUMNS) };
        for left in (0..n).step_by(COLUMNS) {
            panel(left).multiply(if left < in_pairs { last } else { height }, a, &mut c[left..]);
        }
        for left in (0..in_pairs).step_by(2 * COLUMNS) {
            multiply_pair(
                &a.data[last * a.row..][..k],
                [panel(left), panel(left + COLUMNS)],
                &mut c[last * ldc + left..],
            );
        }
    }
}

/// A row without another to share a tile with, times two full panels: as many sums at once as in a tile, which hide the
/// latency of the additions.
#[inline(never)]
fn multiply_pair<R: Real>(a: &[R], panels: [Panel<'_, R>; 2], c: &mut [R]) {
    let [mut left, mut right]: [[R::Lanes; LINE]; 2] = std::array::from_fn(|i| {
        let line = panels[i].start.unwrap_or(&c[i * COLUMNS..]);
        load_line(&line[..COLUMNS])
    });
    let lines = panels.map(|panel| panel.b.as_chunks::<WIDTH>().0.as_chunks::<LINE>().0);
    for ((a, b_left), b_right) in a.iter().zip(lines[0]).zip(lines[1]) {
        let a = R::Lanes::splat(*a);
        for i in 0..LINE {
            left[i] = left[i] + a * R::Lanes::from_array(b_left[i]);
            right[i] = right[i] + a * R::Lanes::from_array(b_right[i]);
        }
    }
    let (c_left, c_right) = c[..2 * COLUMNS].split_at_mut(COLUMNS);
    store_line(left, c_left);
    store_line(right, c_right);
}

/// `m` rows of A (m, k), each contiguous: A itself, or a copy in `memory`.
fn in_rows<'a, R: Real>(m: usize, k: usize, a: Mat<'a, R>, memory: &'a mut [R]) -> Mat<'a, R> {
    if a.col == 1 {
        return a;
    }
    let memory = &mut memory[..m * k];
    if a.row == 1 {
        transpose_between(k, m, (a.data, a.col), (memory, k));
    } else {
        let places = (0..m).flat_map(|i| (0..k).map(move |p| i * a.row + p * a.col));
        memory.iter_mut().zip(places).for_each(|(x, place)| *x = a.data[place]);
    }
    Mat::rows(memory, k)
}

/// Some columns of B and of C.
struct Panel<'a, R> {
    /// [k, 16] or, narrow, [k, 8].
    b: &'a [R],
    /// At most 16, or, narrow, 8.
    columns: usize,
    ldc: usize,
    /// The same line for every row of C; without one, what C holds.
    start: Option<&'a [R]>,
    /// 0, which the compiler must not know: see [`add_products`].
    zero: usize,
}

impl<R: Real> Panel<'_, R> {
    /// `height` rows of C.
    fn multiply(&self, height: usize, a: Mat<'_, R>, c: &mut [R]) {
        let whole = height / ROWS * ROWS;
        match (self.columns, is_narrow(self.columns)) {
            (COLUMNS, _) => self.strips::<ROWS, LINE, true>(0..whole, a, c),
            (_, true) => self.strips::<ROWS, NARROW, false>(0..whole, a, c),
            (_, false) => self.strips::<ROWS, LINE, false>(0..whole, a, c),
        }
        match is_narrow(self.columns) {
            true => self.strips::<1, NARROW, false>(whole..height, a, c),
            false => self.strips::<1, LINE, false>(whole..height, a, c),
        }
    }

    /// These rows of C, HIGH at a time, the sums in registers. Rows of A are contiguous; FULL if no column lacks.
    /// Not inlined, so that a browser's compiler has all its registers for this.
    #[inline(never)]
    fn strips<const HIGH: usize, const WIDE: usize, const FULL: bool>(
        &self,
        rows: Range<usize>,
        a: Mat<'_, R>,
        c: &mut [R],
    ) {
        let k = self.b.len() / (WIDE * WIDTH);
        let columns = if FULL { WIDE * WIDTH } else { self.columns };
        for top in rows.step_by(HIGH) {
            let a: [&[R]; HIGH] = std::array::from_fn(|i| &a.data[(top + i) * a.row..][..k]);
            let c = &mut c[top * self.ldc..];
            let mut sums: [[R::Lanes; WIDE]; HIGH] = std::array::from_fn(|i| {
                let line = self.start.unwrap_or(&c[i * self.ldc..]);
                load_line(&line[..columns])
            });
            add_products(a, self.b, self.zero, &mut sums);
            for (i, sums) in sums.into_iter().enumerate() {
                store_line(sums, &mut c[i * self.ldc..][..columns]);
            }
        }
    }
}

/// sums += A B, for rows of A of k numbers and B [k, WIDE * 4]: the heart of every product.
///
/// Four steps a turn, each with its own way out, over pointers that move on by a number the compiler does not know:
/// otherwise LLVM (loop strength reduction) computes every address anew, where WebAssembly's loads could add a
/// constant for nothing, and V8 spends a tenth of the time on it.
#[inline(always)]
fn add_products<R: Real, const HIGH: usize, const WIDE: usize>(
    a: [&[R]; HIGH],
    b: &[R],
    zero: usize,
    sums: &mut [[R::Lanes; WIDE]; HIGH],
) {
    const TURN: usize = 4;
    let mut left = b.len() / (WIDE * WIDTH);
    assert!((1..=ROWS).contains(&HIGH) && a.iter().all(|row| row.len() == left));
    let (mut upper, mut lower) = (a[0].as_ptr(), a[HIGH - 1].as_ptr());
    let mut b = b.as_ptr().cast::<[[R; WIDTH]; WIDE]>();
    while left > 0 {
        for step in 0..TURN {
            // SAFETY: `left` > 0 steps remain from each pointer + `step` on, by the lengths above.
            let (a, b) = unsafe { ([*upper.add(step), *lower.add(step)], *b.add(step)) };
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
        let next = TURN + (left & zero);
        // SAFETY: more than TURN steps remained before this turn.
        (upper, lower, b) = unsafe { (upper.add(next), lower.add(next), b.add(next)) };
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
