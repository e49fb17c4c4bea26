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

#[cfg(test)]
mod tests {
    use super::super::testing::{numbers, unset, widen};
    use super::*;

    #[test]
    fn the_second_operand_repeats() {
        for (rows, width) in [(1, 1), (5, 1), (3, 7), (2, 33), (4, 130)] {
            let a = numbers(1, rows * width);
            let b: Vec<f64> = numbers(2, width).iter().map(|b| b + 3.0).collect();
            for kind in Binary::ALL {
                let mut y = unset::<f64>(a.len());
                binary(kind, &a, &b, &mut y);
                for (i, &y) in y.iter().enumerate() {
                    let (a, b) = (a[i], b[i % width]);
                    let expected = match kind {
                        Binary::Add => a + b,
                        Binary::Sub => a - b,
                        Binary::Mul => a * b,
                        Binary::Div => a / b,
                    };
                    assert_eq!(y, expected, "{}", kind.name());
                }
            }
        }
    }

    #[test]
    fn affine_and_fill() {
        let mut y = unset::<f32>(7);
        affine(2.0, 1.0, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], &mut y);
        assert_eq!(widen(&y), [3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0]);
        fill(2.5, &mut y);
        assert_eq!(y, [2.5; 7]);
    }
}
