//! Complex numbers, four at a time. In tensors they end in an axis (re, im) of 2, as `torch.view_as_real` has them;
//! the hot loops work on copies in which four real parts are followed by their four imaginary parts.

use std::ops::{Add, Mul, Sub};

use super::lanes::{At, Lanes, WIDTH};
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
        let range = at.range();
        let mut pairs = [R::ZERO; 2 * WIDTH];
        pairs[..2 * range.len()].copy_from_slice(&from[2 * range.start..2 * range.end]);
        let [a, b] = R::Lanes::load(&pairs).zip(R::Lanes::load(&pairs[WIDTH..]));
        let [re, im] = a.zip(b);
        Complex { re, im }
    }

    /// Writes these places of a tensor (.., 2).
    #[inline(always)]
    pub fn put(self, at: impl At, to: &mut [R]) {
        let range = at.range();
        let [a, b] = self.re.zip(self.im);
        let mut pairs = [R::ZERO; 2 * WIDTH];
        a.store(&mut pairs);
        b.store(&mut pairs[WIDTH..]);
        to[2 * range.start..2 * range.end].copy_from_slice(&pairs[..2 * range.len()]);
    }

    /// The `group`th four of a copy made by [`spread`].
    #[inline(always)]
    pub fn load(from: &[R], group: usize) -> Self {
        let eight = &from.as_chunks::<{ 2 * WIDTH }>().0[group];
        Complex { re: R::Lanes::load(eight), im: R::Lanes::load(&eight[WIDTH..]) }
    }

    /// Writes the `group`th four of such a copy.
    #[inline(always)]
    pub fn store(self, to: &mut [R], group: usize) {
        let eight = &mut to.as_chunks_mut::<{ 2 * WIDTH }>().0[group];
        self.re.store(eight);
        self.im.store(&mut eight[WIDTH..]);
    }
}

/// Numbers of a copy of (rows, modes, 2) made by [`spread`].
pub fn spread_len(rows: usize, modes: usize) -> usize {
    rows * modes.div_ceil(WIDTH) * 2 * WIDTH
}

/// Copies (rows, modes, 2): every row in fours, four real parts before their imaginary parts, zeros beyond its end.
pub fn spread<R: Real>(modes: usize, from: &[R], to: &mut [R]) {
    let groups = modes.div_ceil(WIDTH);
    for (from, to) in from.chunks_exact(2 * modes).zip(to.chunks_exact_mut(groups * 2 * WIDTH)) {
        super::lanes::each!(modes, |i| Complex::get(i, from).store(to, i.range().start / WIDTH));
    }
}

/// The way back.
pub fn gather<R: Real>(modes: usize, from: &[R], to: &mut [R]) {
    let groups = modes.div_ceil(WIDTH);
    for (from, to) in from.chunks_exact(groups * 2 * WIDTH).zip(to.chunks_exact_mut(2 * modes)) {
        super::lanes::each!(modes, |i| Complex::load(from, i.range().start / WIDTH).put(i, to));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{cast, numbers, unset};
    use super::*;

    #[test]
    fn spread_and_gathered_again() {
        for (rows, modes) in [(1, 1), (3, 3), (2, 4), (5, 9)] {
            let x: Vec<f32> = cast(&numbers(1, rows * modes * 2));
            let (mut wide, mut back) = (unset::<f32>(spread_len(rows, modes)), unset::<f32>(x.len()));
            spread(modes, &x, &mut wide);
            assert_eq!((wide[0], wide[4]), (x[0], x[1]));
            gather(modes, &wide, &mut back);
            assert_eq!(x, back);
        }
    }
}
