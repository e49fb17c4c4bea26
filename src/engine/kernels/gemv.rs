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
    let mut blocks = c.chunks_exact_mut(COLUMNS);
    let mut left = 0;
    for c in &mut blocks {
        let mut sums: [R::Lanes; GROUPS] = std::array::from_fn(|g| R::Lanes::load(&c[g * WIDTH..]));
        add_groups(k, a, std::array::from_fn(|g| std::array::from_fn(|j| column(left + g * WIDTH + j))), &mut sums);
        for (c, sum) in c.chunks_exact_mut(WIDTH).zip(sums) {
            sum.store(c);
        }
        left += COLUMNS;
    }
    for c in blocks.into_remainder().chunks_mut(WIDTH) {
        let mut sums = [R::Lanes::load_part(c)];
        add_groups(k, a, [std::array::from_fn(|j| column(left + j.min(c.len() - 1)))], &mut sums);
        sums[0].store_part(c);
        left += WIDTH;
    }
}

/// Adds the products with N groups of four columns of B to N times four sums.
#[inline(always)]
fn add_groups<R: Real, const N: usize>(k: usize, a: Mat<'_, R>, columns: [[&[R]; WIDTH]; N], sums: &mut [R::Lanes; N]) {
    each!(k, |at| {
        for (sum, columns) in sums.iter_mut().zip(columns) {
            let rows = R::Lanes::transpose(columns.map(|column| at.get(column)));
            for (p, row) in at.range().zip(rows) {
                *sum = *sum + R::Lanes::splat(a.data[p * a.col]) * row;
            }
        }
    });
}
