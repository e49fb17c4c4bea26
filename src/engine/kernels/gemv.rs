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
    each(rest.len(), |at| {
        let mut sum = at.get(rest);
        for p in 0..k {
            sum = sum + R::Lanes::splat(a.data[p * a.col]) * at.get(&b.data[p * b.row + left..]);
        }
        at.put(rest, sum);
    });
}

/// B column-major (a weight (n, k) applied to a vector): squares of 4 x 4 are turned in registers.
fn add_columns<R: Real>(k: usize, a: Mat<'_, R>, b: Mat<'_, R>, c: &mut [R]) {
    let columns = c.len();
    let mut left = 0;
    while left + COLUMNS <= columns {
        add_groups::<R, GROUPS>(k, a, |j| &b.data[(left + j) * b.col..][..k], At::full, &mut c[left..]);
        left += COLUMNS;
    }
    while left < columns {
        let count = WIDTH.min(columns - left);
        let row = |j: usize| &b.data[(left + j.min(count - 1)) * b.col..][..k];
        add_groups::<R, 1>(k, a, row, |_| At::parts(count)[0], &mut c[left..]);
        left += count;
    }
}

/// N groups of four columns of B, `column(j)` being column j; group g's sums are at `place(4 g)` in C.
#[inline(always)]
fn add_groups<'a, R: Real, const N: usize>(
    k: usize,
    a: Mat<'_, R>,
    column: impl Fn(usize) -> &'a [R],
    place: impl Fn(usize) -> At,
    c: &mut [R],
) {
    let columns: [[&[R]; WIDTH]; N] = std::array::from_fn(|g| std::array::from_fn(|j| column(g * WIDTH + j)));
    let mut sums: [R::Lanes; N] = std::array::from_fn(|g| place(g * WIDTH).get(c));
    each(k, |at| {
        for (sum, columns) in sums.iter_mut().zip(columns) {
            let rows = R::Lanes::transpose(columns.map(|column| at.get(column)));
            for (p, row) in at.range().zip(rows) {
                *sum = *sum + R::Lanes::splat(a.data[p * a.col]) * row;
            }
        }
    });
    for (g, sum) in sums.into_iter().enumerate() {
        place(g * WIDTH).put(c, sum);
    }
}
