//! Functions of two numbers, scaling, filling.

use super::lanes::{Lanes, map, map2};
use super::real::Real;

/// A function of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// a + b.
    Add,
    /// a - b.
    Sub,
    /// a * b.
    Mul,
    /// a / b.
    Div,
}

impl Binary {
    /// Every function.
    pub const ALL: [Self; 4] = [Self::Add, Self::Sub, Self::Mul, Self::Div];

    /// A short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::Div => "div",
        }
    }
}

/// y[i] = f(a[i], b[i % b.len()]): b repeats over the leading axes (a bias over rows).
pub fn binary<R: Real>(kind: Binary, a: &[R], b: &[R], y: &mut [R]) {
    match kind {
        Binary::Add => repeat(a, b, y, |a, b| a + b),
        Binary::Sub => repeat(a, b, y, |a, b| a - b),
        Binary::Mul => repeat(a, b, y, |a, b| a * b),
        Binary::Div => repeat(a, b, y, |a, b| a / b),
    }
}

#[inline(always)]
fn repeat<R: Real>(a: &[R], b: &[R], y: &mut [R], f: impl Fn(R::Lanes, R::Lanes) -> R::Lanes) {
    if let &[b] = b {
        return map(a, y, |a| f(a, R::Lanes::splat(b)));
    }
    if a.is_empty() {
        return;
    }
    assert!(a.len().is_multiple_of(b.len()), "{} numbers do not repeat to {}", b.len(), a.len());
    for (a, y) in a.chunks_exact(b.len()).zip(y.chunks_exact_mut(b.len())) {
        map2(a, b, y, &f);
    }
}

/// y = scale x + shift.
pub fn affine<R: Real>(scale: R, shift: R, x: &[R], y: &mut [R]) {
    let (scale, shift) = (R::Lanes::splat(scale), R::Lanes::splat(shift));
    map(x, y, |x| scale * x + shift);
}

/// y = value.
pub fn fill<R: Real>(value: R, y: &mut [R]) {
    y.fill(value);
}
