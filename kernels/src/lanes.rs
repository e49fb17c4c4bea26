//! Four numbers worked on together: 128 bit SIMD for `f32` (through the `wide` crate), plain arrays for `f64`.
//!
//! Only IEEE additions, multiplications, divisions, square roots, comparisons and bit patterns are used, so an
//! element's result is the same on every machine and does not depend on the lane it sits in.

use std::ops::{Add, Div, Mul, Neg, Sub};

use wide::f32x4;

use super::math;
use super::real::Real;

/// Numbers in one [`Lanes`].
pub const WIDTH: usize = 4;

/// Four numbers `R`; arithmetic is lane by lane.
pub trait Lanes<R: Real>:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The same number four times.
    fn splat(value: R) -> Self;
    /// Four numbers.
    fn from_array(values: [R; WIDTH]) -> Self;
    /// The four numbers.
    fn to_array(self) -> [R; WIDTH];
    /// `yes` where `self < other`, else `no` (also where they cannot be compared).
    fn if_less(self, other: Self, yes: Self, no: Self) -> Self;
    /// Lane i of result j is lane j of `rows[i]`.
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH];
    /// The lanes of two in turn: a0 b0 a1 b1, a2 b2 a3 b3.
    fn zip(self, other: Self) -> [Self; 2];
    /// Absolute value.
    fn abs(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// e^x; 0 below about -87.3, the largest values above the range (f32: 3.4e38): never NaN for a number.
    fn exp(self) -> Self;
    /// e^x - 1 without cancellation near 0; stays large above the range as [`Lanes::exp`] does.
    fn exp_m1(self) -> Self;
    /// [sin x, cos x]; f32: exact to rounding for |x| up to 8192.
    fn sin_cos(self) -> [Self; 2];
    /// Natural logarithm; -inf at 0, NaN below.
    fn ln(self) -> Self;
    /// ln(1 + x) without cancellation near 0.
    fn ln_1p(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// 1 / (1 + e^-x).
    fn sigmoid(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;

    /// The larger; `self` where the two cannot be compared, so a NaN in `self` stays.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.if_less(other, other, self)
    }
    /// The smaller; `self` where the two cannot be compared, so a NaN in `self` stays.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        other.if_less(self, other, self)
    }
    /// The first four numbers of a slice.
    #[inline(always)]
    fn load(from: &[R]) -> Self {
        Self::from_array([from[0], from[1], from[2], from[3]])
    }
    /// Writes the first four numbers of a slice.
    #[inline(always)]
    fn store(self, to: &mut [R]) {
        to[..WIDTH].copy_from_slice(&self.to_array());
    }
    /// Up to four numbers of a slice, then zeros.
    #[inline(always)]
    fn load_part(from: &[R]) -> Self {
        let mut values = [R::ZERO; WIDTH];
        values[..from.len()].copy_from_slice(from);
        Self::from_array(values)
    }
    /// Writes as many lanes as the slice has numbers, at most four.
    #[inline(always)]
    fn store_part(self, to: &mut [R]) {
        let count = to.len();
        to.copy_from_slice(&self.to_array()[..count]);
    }
    /// (0 + 2) + (1 + 3).
    #[inline(always)]
    fn sum(self) -> R {
        let [a, b, c, d] = self.to_array();
        (a + c) + (b + d)
    }
    /// The largest lane. A comparison of single numbers would be a branch in the browser, and none to be foreseen.
    #[inline(always)]
    fn largest(self) -> R {
        let [low, high] = self.zip(self);
        let pair = low.max(high);
        let [low, high] = pair.zip(pair);
        low.max(high).to_array()[0]
    }
    /// A small constant in every lane.
    #[inline(always)]
    fn constant(value: f64) -> Self {
        Self::splat(R::from_f64(value))
    }
}

/// Four `f32` in one SIMD register.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct F32x4(pub(super) f32x4);

/// Four `f64`.
#[derive(Clone, Copy, Debug)]
pub struct F64x4([f64; WIDTH]);

impl F64x4 {
    fn each(self, f: impl Fn(f64) -> f64) -> Self {
        Self(self.0.map(f))
    }
}

macro_rules! operators {
    ($($operator:ident $method:ident),*) => {$(
        impl $operator for F32x4 {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(self.0.$method(other.0))
            }
        }
        impl $operator for F64x4 {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i].$method(other.0[i])))
            }
        }
    )*};
}
operators!(Add add, Sub sub, Mul mul, Div div);

impl Neg for F32x4 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Neg for F64x4 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.each(|x| -x)
    }
}

impl Lanes<f32> for F32x4 {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(f32x4::splat(value))
    }
    #[inline(always)]
    fn from_array(values: [f32; WIDTH]) -> Self {
        Self(f32x4::new(values))
    }
    #[inline(always)]
    fn to_array(self) -> [f32; WIDTH] {
        self.0.to_array()
    }
    #[inline(always)]
    fn if_less(self, other: Self, yes: Self, no: Self) -> Self {
        Self(self.0.simd_lt(other.0).select(yes.0, no.0))
    }
    #[inline(always)]
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH] {
        f32x4::transpose(rows.map(|row| row.0)).map(Self)
    }
    #[inline(always)]
    fn zip(self, other: Self) -> [Self; 2] {
        [Self(self.0.unpack_lo(other.0)), Self(self.0.unpack_hi(other.0))]
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // maxps(a, b) is a > b ? a : b: exactly this trait's max with the operands exchanged.
        Self(other.0.fast_max(self.0))
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(other.0.fast_min(self.0))
    }
    #[cfg(target_arch = "wasm32")]
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // f32x4.pmax(a, b) is a < b ? b : a.
        Self(self.0.fast_max(other.0))
    }
    #[cfg(target_arch = "wasm32")]
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(self.0.fast_min(other.0))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.abs())
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.sqrt())
    }
    #[inline(always)]
    fn exp(self) -> Self {
        math::exp(self)
    }
    #[inline(always)]
    fn exp_m1(self) -> Self {
        math::exp_m1(self)
    }
    #[inline(always)]
    fn sin_cos(self) -> [Self; 2] {
        math::sin_cos(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        math::ln(self)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        math::ln_1p(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        math::tanh(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        math::sigmoid(self)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        math::erf(self)
    }
}

impl Lanes<f64> for F64x4 {
    fn splat(value: f64) -> Self {
        Self([value; WIDTH])
    }
    fn from_array(values: [f64; WIDTH]) -> Self {
        Self(values)
    }
    fn to_array(self) -> [f64; WIDTH] {
        self.0
    }
    fn if_less(self, other: Self, yes: Self, no: Self) -> Self {
        Self(std::array::from_fn(|i| if self.0[i] < other.0[i] { yes.0[i] } else { no.0[i] }))
    }
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH] {
        std::array::from_fn(|j| Self(std::array::from_fn(|i| rows[i].0[j])))
    }
    fn zip(self, other: Self) -> [Self; 2] {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        [Self([a, e, b, f]), Self([c, g, d, h])]
    }
    fn abs(self) -> Self {
        self.each(f64::abs)
    }
    fn sqrt(self) -> Self {
        self.each(f64::sqrt)
    }
    fn exp(self) -> Self {
        self.each(|x| f64::exp(if x > 709.0 { 709.0 } else { x }))
    }
    fn exp_m1(self) -> Self {
        self.each(|x| f64::exp_m1(if x > 709.0 { 709.0 } else { x }))
    }
    fn sin_cos(self) -> [Self; 2] {
        [self.each(f64::sin), self.each(f64::cos)]
    }
    fn ln(self) -> Self {
        self.each(f64::ln)
    }
    fn ln_1p(self) -> Self {
        self.each(f64::ln_1p)
    }
    fn tanh(self) -> Self {
        self.each(f64::tanh)
    }
    fn sigmoid(self) -> Self {
        self.each(|x| 1.0 / (1.0 + (-x).exp()))
    }
    fn erf(self) -> Self {
        self.each(math::erf_f64)
    }
}

/// y[i] = f(x[i]).
#[inline(always)]
pub fn map<R: Real>(x: &[R], y: &mut [R], f: impl Fn(R::Lanes) -> R::Lanes) {
    assert_eq!(x.len(), y.len());
    let (mut xs, mut ys) = (x.chunks_exact(WIDTH), y.chunks_exact_mut(WIDTH));
    for (x, y) in (&mut xs).zip(&mut ys) {
        f(R::Lanes::load(x)).store(y);
    }
    let (x, y) = (xs.remainder(), ys.into_remainder());
    if !x.is_empty() {
        f(R::Lanes::load_part(x)).store_part(y);
    }
}

/// y[i] = f(a[i], b[i]).
#[inline(always)]
pub fn map2<R: Real>(a: &[R], b: &[R], y: &mut [R], f: impl Fn(R::Lanes, R::Lanes) -> R::Lanes) {
    assert!(a.len() == y.len() && b.len() == y.len());
    let (mut left, mut bs, mut ys) = (a.chunks_exact(WIDTH), b.chunks_exact(WIDTH), y.chunks_exact_mut(WIDTH));
    for ((a, b), y) in (&mut left).zip(&mut bs).zip(&mut ys) {
        f(R::Lanes::load(a), R::Lanes::load(b)).store(y);
    }
    let (a, b, y) = (left.remainder(), bs.remainder(), ys.into_remainder());
    if !a.is_empty() {
        f(R::Lanes::load_part(a), R::Lanes::load_part(b)).store_part(y);
    }
}

/// Where up to four neighbouring elements are.
pub trait At: Copy {
    /// The elements' range.
    fn range(self) -> std::ops::Range<usize>;
    /// These elements of `from`; zeros beyond the end.
    fn get<R: Real>(self, from: &[R]) -> R::Lanes;
    /// Writes these elements of `to`.
    fn put<R: Real>(self, to: &mut [R], value: R::Lanes);
    /// These pairs of neighbouring elements of `from`, in their order; zeros beyond the end.
    fn get_pairs<R: Real>(self, from: &[R]) -> [R::Lanes; 2];
    /// Writes these pairs of neighbouring elements of `to`.
    fn put_pairs<R: Real>(self, to: &mut [R], pairs: [R::Lanes; 2]);
}

/// The four elements from 4 i on.
#[derive(Clone, Copy)]
pub struct Four(pub usize);

/// Fewer than four elements from a place on.
#[derive(Clone, Copy)]
pub struct Fewer(pub usize, pub usize);

impl At for Four {
    #[inline(always)]
    fn range(self) -> std::ops::Range<usize> {
        self.0 * WIDTH..(self.0 + 1) * WIDTH
    }
    #[inline(always)]
    fn get<R: Real>(self, from: &[R]) -> R::Lanes {
        R::Lanes::from_array(from.as_chunks().0[self.0])
    }
    #[inline(always)]
    fn put<R: Real>(self, to: &mut [R], value: R::Lanes) {
        to.as_chunks_mut().0[self.0] = value.to_array();
    }
    #[inline(always)]
    fn get_pairs<R: Real>(self, from: &[R]) -> [R::Lanes; 2] {
        // As whole arrays: number by number the compiler makes scalar loads of what is then shuffled.
        let fours = from.as_chunks().0;
        [R::Lanes::from_array(fours[2 * self.0]), R::Lanes::from_array(fours[2 * self.0 + 1])]
    }
    #[inline(always)]
    fn put_pairs<R: Real>(self, to: &mut [R], [a, b]: [R::Lanes; 2]) {
        let fours = to.as_chunks_mut().0;
        fours[2 * self.0] = a.to_array();
        fours[2 * self.0 + 1] = b.to_array();
    }
}

impl At for Fewer {
    #[inline(always)]
    fn range(self) -> std::ops::Range<usize> {
        self.0..self.0 + self.1
    }
    #[inline(always)]
    fn get<R: Real>(self, from: &[R]) -> R::Lanes {
        R::Lanes::load_part(&from[self.range()])
    }
    #[inline(always)]
    fn put<R: Real>(self, to: &mut [R], value: R::Lanes) {
        value.store_part(&mut to[self.range()]);
    }
    #[inline(always)]
    fn get_pairs<R: Real>(self, from: &[R]) -> [R::Lanes; 2] {
        let mut eight = [R::ZERO; 2 * WIDTH];
        eight[..2 * self.1].copy_from_slice(&from[2 * self.0..2 * (self.0 + self.1)]);
        [R::Lanes::load(&eight), R::Lanes::load(&eight[WIDTH..])]
    }
    #[inline(always)]
    fn put_pairs<R: Real>(self, to: &mut [R], [a, b]: [R::Lanes; 2]) {
        let mut eight = [R::ZERO; 2 * WIDTH];
        a.store(&mut eight);
        b.store(&mut eight[WIDTH..]);
        to[2 * self.0..2 * (self.0 + self.1)].copy_from_slice(&eight[..2 * self.1]);
    }
}

/// `each!(len, |at| body)`: the body for all elements 0..len, four at a time ([`Four`]), then for the rest
/// ([`Fewer`]). A macro, so that the body is compiled for each and the full ones carry no tests; slices cut to the
/// same length before need no bounds checks either.
macro_rules! each {
    ($len:expr, |$at:ident| $body:expr) => {{
        let len = $len;
        let fours = len / super::lanes::WIDTH;
        for i in 0..fours {
            let $at = super::lanes::Four(i);
            $body;
        }
        let start = fours * super::lanes::WIDTH;
        if start < len {
            let $at = super::lanes::Fewer(start, len - start);
            $body;
        }
    }};
}
pub(crate) use each;
