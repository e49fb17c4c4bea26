//! Complex numbers, four at a time. In tensors they end in an axis (re, im) of 2, as `torch.view_as_real` has them;
//! the hot loops work on copies in which four real parts are followed by their four imaginary parts.

use std::ops::{Add, Mul, Sub};

use super::lanes::{At, Lanes, WIDTH, each};
use super::real::Real;

/// Four complex numbers.
#[derive(Clone, Copy, Debug)]
pub struct Complex<R: Real> {
    /// Real parts.
    pub re: R::Lanes,
    /// Imaginary parts.
    pub im: R::Lanes,
}

impl<R: Real> Add for Complex<R> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Complex { re: self.re + other.re, im: self.im + other.im }
    }
}

impl<R: Real> Sub for Complex<R> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Complex { re: self.re - other.re, im: self.im - other.im }
    }
}

impl<R: Real> Mul for Complex<R> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Complex { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }
}

impl<R: Real> Complex<R> {
    /// The same real number four times.
    #[inline(always)]
    pub fn real(value: f64) -> Self {
        Complex { re: R::Lanes::constant(value), im: R::Lanes::splat(R::ZERO) }
    }

    /// re - i im.
    #[inline(always)]
    pub fn conjugate(self) -> Self {
        Complex { re: self.re, im: -self.im }
    }

    /// Times real numbers.
    #[inline(always)]
    pub fn scale(self, factor: R::Lanes) -> Self {
        Complex { re: self.re * factor, im: self.im * factor }
    }

    /// Re(self other).
    #[inline(always)]
    pub fn real_product(self, other: Self) -> R::Lanes {
        self.re * other.re - self.im * other.im
    }

    /// |z|^2.
    #[inline(always)]
    pub fn square(self) -> R::Lanes {
        self.re * self.re + self.im * self.im
    }

    /// 1 / z.
    #[inline(always)]
    pub fn reciprocal(self) -> Self {
        self.conjugate().scale(R::Lanes::splat(R::ONE) / self.square())
    }

    /// `yes` where a < b, else `no`.
    #[inline(always)]
    pub fn if_less(a: R::Lanes, b: R::Lanes, yes: Self, no: Self) -> Self {
        Complex { re: a.if_less(b, yes.re, no.re), im: a.if_less(b, yes.im, no.im) }
    }

    /// The numbers at these places of a tensor (.., 2); zeros beyond the end.
    #[inline(always)]
    pub fn get(at: impl At, from: &[R]) -> Self {
        let [a, b] = at.get_pairs(from);
        let [a, b] = a.zip(b);
        let [re, im] = a.zip(b);
        Complex { re, im }
    }

    /// Writes these places of a tensor (.., 2).
    #[inline(always)]
    pub fn put(self, at: impl At, to: &mut [R]) {
        at.put_pairs(to, self.re.zip(self.im));
    }

    /// The `at`th four of memory that holds four real parts, then their imaginary parts.
    #[inline(always)]
    pub fn load(from: &[R], at: usize) -> Self {
        let fours = from.as_chunks().0;
        Complex { re: R::Lanes::from_array(fours[2 * at]), im: R::Lanes::from_array(fours[2 * at + 1]) }
    }

    /// Writes the `at`th four of such memory.
    #[inline(always)]
    pub fn store(self, to: &mut [R], at: usize) {
        let fours = to.as_chunks_mut().0;
        fours[2 * at] = self.re.to_array();
        fours[2 * at + 1] = self.im.to_array();
    }
}

/// Numbers of one four.
pub const FOUR: usize = 2 * WIDTH;

/// Where copies of several tensors (rows, modes, 2) lie side by side: every row in fours, four real parts before their
/// imaginary parts, and the fours of all tensors one after the other, so that a loop over them has one place to look at.
#[derive(Clone, Copy, Debug)]
pub struct SideBySide {
    /// Modes of a row.
    pub modes: usize,
    /// Tensors.
    pub tensors: usize,
}

impl SideBySide {
    /// Numbers of so many rows.
    pub fn len(self, rows: usize) -> usize {
        rows * self.modes.div_ceil(WIDTH) * self.tensors * FOUR
    }

    /// Copies a tensor to its place; zeros beyond the end of a row.
    pub fn spread<R: Real>(self, tensor: usize, from: &[R], to: &mut [R]) {
        for (from, to) in from.chunks_exact(2 * self.modes).zip(to.chunks_exact_mut(self.len(1))) {
            each!(self.modes, |i| Complex::get(i, from).store(to, i.range().start / WIDTH * self.tensors + tensor));
        }
    }

    /// The way back.
    pub fn gather<R: Real>(self, tensor: usize, from: &[R], to: &mut [R]) {
        for (from, to) in from.chunks_exact(self.len(1)).zip(to.chunks_exact_mut(2 * self.modes)) {
            each!(self.modes, |i| Complex::load(from, i.range().start / WIDTH * self.tensors + tensor).put(i, to));
        }
    }

    /// Sets a tensor to zero.
    pub fn clear<R: Real>(self, tensor: usize, to: &mut [R]) {
        to.chunks_exact_mut(FOUR).skip(tensor).step_by(self.tensors).for_each(|four| four.fill(R::ZERO));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{cast, numbers, unset};
    use super::*;

    #[test]
    fn spread_and_gathered_again() {
        for (rows, modes) in [(1, 1), (3, 3), (2, 4), (5, 9)] {
            let [x, y]: [Vec<f32>; 2] = [1, 2].map(|seed| cast(&numbers(seed, rows * modes * 2)));
            let layout = SideBySide { modes, tensors: 3 };
            let mut wide = unset::<f32>(layout.len(rows));
            layout.spread(0, &x, &mut wide);
            layout.spread(2, &y, &mut wide);
            layout.clear(1, &mut wide);
            assert_eq!((wide[0], wide[WIDTH], wide[FOUR], wide[2 * FOUR]), (x[0], x[1], 0.0, y[0]));
            for (tensor, want) in [(0, x), (1, vec![0.0; y.len()]), (2, y)] {
                let mut back = unset::<f32>(want.len());
                layout.gather(tensor, &wide, &mut back);
                assert_eq!(want, back);
            }
        }
    }
}
