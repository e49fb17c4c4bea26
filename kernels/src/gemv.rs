//! One row times a matrix, without laying the matrix out first: single sequences, one step at a time.
//!
//! The order of the sums is [`gemm`](super::gemm::gemm)'s.

use super::gemm::Mat;
use super::lanes::{At, Lanes, WIDTH, each};
use super::real::Real;

/// Groups of four columns summed at once, to hide the latency of the additions.
const GROUPS: usize = 4;
const COLUMNS: usize = GROUPS * WIDTH;

/// c [n] += a (1, k) B (k, n).
pub(super) fn add<R: Real>(n: usize, k: usize, a: Mat<'_, R>, b: Mat<'_, R>, c: &mut [R]) {
    let c = &mut c[..n];
    if b.col == 1 {
        add_rows(k, a, b, c);
    } else if b.row == 1 {
        add_columns(k, a, b, c);
    } else {
        for (j, c) in c.iter_mut().enumerate() {
            for p in 0..k {
                *c += a.data[p * a.col] * b.data[p * b.row + j * b.col];
            }
        }
    }
}

/// B row-major: each row of B, times its number of A, is added to C.
fn add_rows<R: Real>(k: usize, a: Mat<'_, R>, b: Mat<'_, R>, c: &mut [R]) {
    let mut blocks = c.chunks_exact_mut(COLUMNS);
    let mut left = 0;
    for c in &mut blocks {
        let mut sums: [R::Lanes; GROUPS] = std::array::from_fn(|g| R::Lanes::load(&c[g * WIDTH..]));
        for p in 0..k {
            let (a, b) = (R::Lanes::splat(a.data[p * a.col]), &b.data[p * b.row + left..][..COLUMNS]);
            for (g, sum) in sums.iter_mut().enumerate() {
                *sum = *sum + a * R::Lanes::load(&b[g * WIDTH..]);
            }
        }
        for (c, sum) in c.chunks_exact_mut(WIDTH).zip(sums) {
            sum.store(c);
        }
        left += COLUMNS;
    }
    let rest = blocks.into_remainder();
    each!(rest.len(), |at| {
        let mut sum = at.get(rest);
        for p in 0..k {
            sum = sum + R::Lanes::splat(a.data[p * a.col]) * at.get(&b.data[p * b.row + left..]);
        }
        at.put(rest, sum);
    });
}

/// B column-major (a weight (n, k) applied to a vector): squares of 4 x 4 are turned in registers.
fn add_columns<R: Real>(k: usize, a: Mat<'_, R>, b: Mat<'_, R>, c: &mut [R]) {
    let column = |j: usize| &b.data[j * b.col..][..k];
    let mut pairs = c.chunks_exact_mut(2 * WIDTH);
    let mut left = 0;
    for c in &mut pairs {
        let columns = std::array::from_fn(|j| column(left + j));
        let [first, second] = add_eight(k, a, columns, [R::Lanes::load(c), R::Lanes::load(&c[WIDTH..])]);
        first.store(c);
        second.store(&mut c[WIDTH..]);
        left += 2 * WIDTH;
    }
    let rest = pairs.into_remainder();
    each!(rest.len(), |at| {
        let columns = std::array::from_fn(|j| column(left + (at.range().start + j % WIDTH).min(rest.len() - 1)));
        let [sum, _] = add_eight(k, a, columns, [at.get(rest); 2]);
        at.put(rest, sum);
    });
}

/// Two times four sums and their products with eight columns of B.
#[inline(always)]
fn add_eight<R: Real>(k: usize, a: Mat<'_, R>, columns: [&[R]; 8], sums: [R::Lanes; 2]) -> [R::Lanes; 2] {
    let [mut first, mut second] = sums;
    let [c0, c1, c2, c3, c4, c5, c6, c7] = columns;
    each!(k, |at| {
        let left = R::Lanes::transpose([at.get(c0), at.get(c1), at.get(c2), at.get(c3)]);
        let right = R::Lanes::transpose([at.get(c4), at.get(c5), at.get(c6), at.get(c7)]);
        for (i, p) in at.range().enumerate() {
            let a = R::Lanes::splat(a.data[p * a.col]);
            first = first + a * left[i];
            second = second + a * right[i];
        }
    });
    [first, second]
}
