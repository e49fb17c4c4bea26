//! The number type the CPU kernels run in.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

use super::entries::Kernels;
use super::lanes::{F32x4, F64x4, Lanes};

/// A floating point type the CPU kernels are written for.
///
/// `f32` is the product: its transcendental functions are the project's own, built from IEEE additions
/// and multiplications only, so that they give the same bits natively and in the browser.
/// `f64` is the oracle of the gradient checks; its functions are the standard library's.
///
/// The functions here are lane 0 of [`Lanes`]' functions of the same name, which say what they promise.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Sum
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Kernels
    + 'static
{
    /// Four of these, worked on together.
    type Lanes: Lanes<Self>;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Infinity.
    const INFINITY: Self;
    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// This value, exactly.
    fn to_f64(self) -> f64;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;

    /// The larger of two numbers; `self` if the two cannot be compared.
    fn max(self, other: Self) -> Self {
        if self < other { other } else { self }
    }
    /// The smaller of two numbers; `self` if the two cannot be compared.
    fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }
    /// e^x.
    fn exp(self) -> Self {
        lane0(self, Lanes::exp)
    }
    /// e^x - 1.
    fn exp_m1(self) -> Self {
        lane0(self, Lanes::exp_m1)
    }
    /// Natural logarithm.
    fn ln(self) -> Self {
        lane0(self, Lanes::ln)
    }
    /// ln(1 + x).
    fn ln_1p(self) -> Self {
        lane0(self, Lanes::ln_1p)
    }
    /// Hyperbolic tangent.
    fn tanh(self) -> Self {
        lane0(self, Lanes::tanh)
    }
    /// 1 / (1 + e^-x).
    fn sigmoid(self) -> Self {
        lane0(self, Lanes::sigmoid)
    }
    /// The error function.
    fn erf(self) -> Self {
        lane0(self, Lanes::erf)
    }
}

/// A function of four lanes, for one number.
fn lane0<R: Real>(x: R, f: impl Fn(R::Lanes) -> R::Lanes) -> R {
    f(R::Lanes::splat(x)).to_array()[0]
}

impl Real for f32 {
    type Lanes = F32x4;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = f32::INFINITY;
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    fn abs(self) -> Self {
        f32::abs(self)
    }
}

impl Real for f64 {
    type Lanes = F64x4;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = f64::INFINITY;
    fn from_f64(value: f64) -> Self {
        value
    }
    fn to_f64(self) -> f64 {
        self
    }
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    fn abs(self) -> Self {
        f64::abs(self)
    }
}
