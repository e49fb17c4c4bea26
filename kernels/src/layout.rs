//! Kernels that only move numbers.

use super::lanes::{Lanes, WIDTH};
use super::real::Real;

/// y [N, width] repeats each number of x [N] along a row.
pub fn expand_last<R: Real>(x: &[R], width: usize, y: &mut [R]) {
    for (&x, y) in x.iter().zip(y.chunks_exact_mut(width)) {
        y.fill(x);
    }
}

/// y [N, F] repeats x [F] in each row.
pub fn expand_leading<R: Real>(x: &[R], y: &mut [R]) {
    if let [x] = x {
        return y.fill(*x);
    }
    for y in y.chunks_exact_mut(x.len()) {
        y.copy_from_slice(x);
    }
}

/// y [N, M] is the transpose of x [M, N].
pub fn transpose<R: Real>(rows: usize, columns: usize, x: &[R], y: &mut [R]) {
    transpose_between(rows, columns, (x, columns), (y, rows));
}

/// [`transpose`] between parts of wider matrices: each with the distance of its rows.
pub fn transpose_between<R: Real>(
    rows: usize,
    columns: usize,
    (x, x_row): (&[R], usize),
    (y, y_row): (&mut [R], usize),
) {
    /// Columns of x at a time: their rows of y, and the lines of x, stay in the first-level cache.
    const NEAR: usize = 16;
    if rows == 0 || columns == 0 {
        return;
    }
    let (x, y) = (&x[..(rows - 1) * x_row + columns], &mut y[..(columns - 1) * y_row + rows]);
    let (whole_rows, whole_columns) = (rows / WIDTH * WIDTH, columns / WIDTH * WIDTH);
    for left in (0..whole_columns).step_by(NEAR) {
        for i in (0..whole_rows).step_by(WIDTH) {
            for j in (left..whole_columns.min(left + NEAR)).step_by(WIDTH) {
                // SAFETY: i + 4 <= rows and j + 4 <= columns, so that the last of the square's numbers lie within the
                // slices as they are cut above. Sixteen bounds checks would cost more than the square.
                unsafe {
                    let line = |n: usize| x.as_ptr().add((i + n) * x_row + j).cast::<[R; WIDTH]>();
                    let square = std::array::from_fn(|n| R::Lanes::from_array(*line(n)));
                    for (n, column) in R::Lanes::transpose(square).into_iter().enumerate() {
                        *y.as_mut_ptr().add((j + n) * y_row + i).cast::<[R; WIDTH]>() = column.to_array();
                    }
                }
            }
        }
    }
    for i in 0..rows {
        for j in (if i < whole_rows { whole_columns } else { 0 })..columns {
            y[j * y_row + i] = x[i * x_row + j];
        }
    }
}

/// A range of one axis of a tensor [outer, axis, inner].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Product of the axes before.
    pub outer: usize,
    /// Length of the axis.
    pub axis: usize,
    /// Product of the axes after.
    pub inner: usize,
    /// First index.
    pub start: usize,
    /// Number of indices.
    pub len: usize,
}

/// y [outer, len, inner] = x [outer, start..start+len, inner].
pub fn slice<T: Copy>(range: Range, x: &[T], y: &mut [T]) {
    let (row, part) = (range.axis * range.inner, range.len * range.inner);
    for i in 0..range.outer {
        y[i * part..][..part].copy_from_slice(&x[i * row + range.start * range.inner..][..part]);
    }
}

/// y [outer, axis, inner] holds x [outer, len, inner] in the range and zero elsewhere: the adjoint of [`slice`].
pub fn pad<R: Real>(range: Range, x: &[R], y: &mut [R]) {
    let (row, part) = (range.axis * range.inner, range.len * range.inner);
    let before = range.start * range.inner;
    for i in 0..range.outer {
        let y = &mut y[i * row..][..row];
        y[..before].fill(R::ZERO);
        y[before..before + part].copy_from_slice(&x[i * part..][..part]);
        y[before + part..].fill(R::ZERO);
    }
}

/// Writes x [outer, len, inner] into the range of y [outer, axis, inner]: one operand of a concatenation.
pub fn place<T: Copy>(range: Range, x: &[T], y: &mut [T]) {
    let (row, part) = (range.axis * range.inner, range.len * range.inner);
    for i in 0..range.outer {
        y[i * row + range.start * range.inner..][..part].copy_from_slice(&x[i * part..][..part]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{numbers, probe, unset};
    use super::*;

    #[test]
    fn expansions() {
        let mut y = unset::<f64>(6);
        expand_last(&[1.0, 2.0], 3, &mut y);
        assert_eq!(y, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        expand_leading(&[1.0, 2.0, 3.0], &mut y);
        assert_eq!(y, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn transposing_twice_is_nothing() {
        for (m, n) in [(1, 1), (1, 7), (7, 33), (33, 130)] {
            let x = numbers(1, m * n);
            let (mut y, mut back) = (unset(m * n), unset(m * n));
            transpose(m, n, &x, &mut y);
            assert!((0..m * n).all(|i| y[i % n * m + i / n] == x[i]));
            transpose(n, m, &y, &mut back);
            assert_eq!(x, back);
        }
    }

    #[test]
    fn pad_is_the_adjoint_of_slice() {
        let range = Range { outer: 3, axis: 7, inner: 2, start: 2, len: 4 };
        let (x, dy) = (numbers(1, 42), numbers(2, 24));
        let (mut y, mut dx) = (unset(24), unset(42));
        slice(range, &x, &mut y);
        assert_eq!(y[..4], x[4..8]);
        pad(range, &dy, &mut dx);
        assert!((probe(&y, &dy) - probe(&x, &dx)).abs() < 1e-14);
    }
}
