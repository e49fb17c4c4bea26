//! Transcendental functions of four `f32` lanes, within about 2 units in the last place.
//!
//! Made of IEEE additions, multiplications, divisions, comparisons and bit patterns, so that every machine gives
//! the same bits. The polynomials and rationals are minimax fits of the relative error (Remez exchange in 40
//! digits); the largest error of each fit, before rounding, stands beside it.

use std::f32::consts::{FRAC_2_PI, FRAC_2_SQRT_PI, LOG2_E};

use bytemuck::cast;
use wide::{f32x4, i32x4};

use super::lanes::{F32x4, Lanes};

/// 1.5 * 2^23: a number added to it is rounded to an integer, found in the low bits of the sum.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts: the first has 16 bits, so that products with exponents are exact.
const LN2: [f32; 2] = [0.693_145_75, 1.428_606_8e-6];
/// Bounds of arguments whose e^x is a normal number.
const EXP_BOUNDS: [f32; 2] = [-87.336, 88.722];
/// pi / 2 in three parts: the first two have 8 and 11 bits, so that products with up to 2^13 are exact.
const HALF_PI: [f32; 3] = [1.570_312_5, 4.837_513e-4, 7.549_79e-8];

/// A constant in every lane.
macro_rules! all {
    ($value:expr) => {
        read(&const { F32x4(f32x4::splat($value)) })
    };
}

/// Constants, each in every lane.
const fn constants<const N: usize>(values: [f32; N]) -> [F32x4; N] {
    let mut lanes = [F32x4(f32x4::splat(0.0)); N];
    let mut i = 0;
    while i < N {
        lanes[i] = F32x4(f32x4::splat(values[i]));
        i += 1;
    }
    lanes
}

/// A constant as the machine gets it soonest. WebAssembly has SIMD constants, but V8 puts them together by three
/// instructions wherever they are used, and these functions are made of constants: there it is a load from memory, which
/// must be volatile lest LLVM make a constant of it.
#[inline(always)]
fn read(constant: &'static F32x4) -> F32x4 {
    if cfg!(target_arch = "wasm32") {
        // SAFETY: a reference can be read.
        unsafe { std::ptr::read_volatile(constant) }
    } else {
        *constant
    }
}

/// c[0] + c[1] x + c[2] x^2 + ... by Horner's rule.
#[inline(always)]
fn polynomial<const N: usize>(x: F32x4, c: &'static [F32x4; N]) -> F32x4 {
    let mut sum = read(&c[N - 1]);
    for c in c[..N - 1].iter().rev() {
        sum = sum * x + read(c);
    }
    sum
}

/// Roundings may carry a quotient one unit beyond 1.
#[inline(always)]
fn one_at_most(x: F32x4) -> F32x4 {
    x.max(all!(-1.0)).min(all!(1.0))
}

/// c[0] + c[1] x + ... + c[4] x^4, the terms in pairs: a shorter chain of dependent operations than Horner's.
#[inline(always)]
fn quartic(x: F32x4, square: F32x4, c: &'static [F32x4; 5]) -> F32x4 {
    let high = read(&c[2]) + x * read(&c[3]) + square * read(&c[4]);
    read(&c[0]) + x * read(&c[1]) + square * high
}

/// e^x: 0 below -87.336; stays at 3.4e38 above 88.722.
#[inline(always)]
pub fn exp(x: F32x4) -> F32x4 {
    x.if_less(all!(EXP_BOUNDS[0]), all!(0.0), exp_bounded(x))
}

/// e^x for x brought into the bounds.
#[inline(always)]
fn exp_bounded(x: F32x4) -> F32x4 {
    let (exponent, rest) = exp_parts(x.max(all!(EXP_BOUNDS[0])).min(all!(EXP_BOUNDS[1])));
    times_power_of_two(all!(1.0) + rest, exponent)
}

/// e^x - 1 without cancellation near 0: with e^x = 2^n (1 + q) it is 2^n q + (2^n - 1). Stays at 1.7e38 above 88.
#[inline(always)]
pub fn exp_m1(x: F32x4) -> F32x4 {
    let (exponent, rest) = exp_parts(x.max(all!(EXP_BOUNDS[0])).min(all!(88.0)));
    let scale = times_power_of_two(all!(1.0), exponent);
    scale * rest + (scale - all!(1.0))
}

/// x = n ln 2 + r, e^r = 1 + r + r^2 P(r) (3.1e-9): n in the exponent's place of the bits, and e^r - 1.
#[inline(always)]
fn exp_parts(x: F32x4) -> (i32x4, F32x4) {
    const P: &[F32x4; 5] = &constants([0.499_999_94, 0.166_665_21, 0.041_668_39, 0.008_368_745, 0.001_381_453_8]);
    let shifted = x * all!(LOG2_E) + all!(ROUNDER);
    let n = shifted - all!(ROUNDER);
    let r = x - n * all!(LN2[0]) - n * all!(LN2[1]);
    let square = r * r;
    (cast::<f32x4, i32x4>(shifted.0) << 23u32, r + square * quartic(r, square, P))
}

/// x 2^n by adding n to the exponent's bits.
#[inline(always)]
fn times_power_of_two(x: F32x4, exponent: i32x4) -> F32x4 {
    F32x4(cast(cast::<f32x4, i32x4>(x.0) + exponent))
}

/// sin x and cos x, exact to rounding for |x| up to 8192; beyond it a number between -1 and 1.
/// x = n pi/2 + r with |r| <= pi/4: sin r = r + r^3 P(r^2) (3.9e-9), cos r = 1 - r^2/2 + r^4 Q(r^2) (1.2e-10), exchanged
/// where n is odd, with the signs of the quadrant.
#[inline(always)]
pub fn sin_cos(x: F32x4) -> [F32x4; 2] {
    const P: &[F32x4; 3] = &constants([-0.166_666_54, 0.008_332_151, -0.000_195_139_8]);
    const Q: &[F32x4; 3] = &constants([0.041_666_646, -0.001_388_730_3, 2.443_166_8e-5]);
    let shifted = x * all!(FRAC_2_PI) + all!(ROUNDER);
    let n = shifted - all!(ROUNDER);
    let r = x - n * all!(HALF_PI[0]) - n * all!(HALF_PI[1]) - n * all!(HALF_PI[2]);
    let r = r.max(all!(-0.8)).min(all!(0.8));
    let square = r * r;
    let sin = r + r * square * polynomial(square, P);
    let cos = all!(1.0) - (all!(0.5) * square - square * square * polynomial(square, Q));
    let quadrant = cast::<f32x4, i32x4>(shifted.0);
    let odd = F32x4(f32x4::from_i32x4(quadrant & i32x4::splat(1)));
    let half = all!(0.5);
    let negated = |value: F32x4, bits: i32x4| F32x4(cast(cast::<f32x4, i32x4>(value.0) ^ bits));
    let sign = |quadrant: i32x4| (quadrant & i32x4::splat(2)) << 30u32;
    [
        negated(half.if_less(odd, cos, sin), sign(quadrant)),
        negated(half.if_less(odd, sin, cos), sign(quadrant + i32x4::splat(1))),
    ]
}

/// 1 / (1 + e^-x); not below 1.6e-39.
#[inline(always)]
pub fn sigmoid(x: F32x4) -> F32x4 {
    all!(1.0) / (all!(1.0) + exp_bounded(-x))
}

/// x P(x^2) / Q(x^2) (2.1e-8) on [-9.02, 9.02], beyond which tanh rounds to 1.
#[inline(always)]
pub fn tanh(x: F32x4) -> F32x4 {
    const P: &[F32x4; 5] = &constants([1.0, 0.133_797_15, 0.003_494_030_3, 2.058_343e-5, 1.331_898_5e-8]);
    const Q: &[F32x4; 5] = &constants([1.0, 0.467_130_33, 0.025_871_057, 0.000_328_308_7, 7.761_989_3e-7]);
    let x = x.max(all!(-9.1)).min(all!(9.1));
    let square = x * x;
    let fourth = square * square;
    one_at_most(x * quartic(square, fourth, P) / quartic(square, fourth, Q))
}

/// x P(x^2) / Q(x^2) (1.9e-8) on [-3.93, 3.93], beyond which erf rounds to 1.
#[inline(always)]
pub fn erf(x: F32x4) -> F32x4 {
    const P: &[F32x4; 6] =
        &constants([FRAC_2_SQRT_PI, 0.190_784, 0.052_790_295, 0.003_779_613, 0.000_284_808_08, 2.041_961_8e-6]);
    const Q: &[F32x4; 6] =
        &constants([1.0, 0.502_410_65, 0.114_257_58, 0.014_997_446, 0.001_165_212_4, 3.800_395_3e-5]);
    let x = x.max(all!(-4.0)).min(all!(4.0));
    let square = x * x;
    one_at_most(x * polynomial(square, P) / polynomial(square, Q))
}

/// ln x: x = 2^n (1 + f) with 1 + f in [sqrt(1/2), sqrt 2), ln(1 + f) = f - f^2/2 + f^3 P(f) (5.8e-9).
#[inline(always)]
pub fn ln(x: F32x4) -> F32x4 {
    const P: &[F32x4; 8] = &constants([
        0.333_333_3,
        -0.250_008_2,
        0.200_012_28,
        -0.166_233_58,
        0.142_017_45,
        -0.131_601_6,
        0.127_616_5,
        -0.076_346_36,
    ]);
    /// The bits of sqrt(1/2).
    const LOWEST: i32 = 0x3f35_04f3;
    let tiny = all!(f32::MIN_POSITIVE);
    let normal = x.if_less(tiny, x * all!(33_554_432.0), x);
    let bits = cast::<f32x4, i32x4>(normal.0);
    let exponent = (bits - i32x4::splat(LOWEST)) >> 23u32;
    let n = F32x4(f32x4::from_i32x4(exponent)) - x.if_less(tiny, all!(25.0), all!(0.0));
    let f = F32x4(cast(bits - (exponent << 23u32))) - all!(1.0);
    let square = f * f;
    let rest = f * square * polynomial(f, P) - all!(0.5) * square + n * all!(LN2[1]);
    let result = rest + f + n * all!(LN2[0]);
    let result = all!(0.0).if_less(x, result, all!(f32::NEG_INFINITY));
    let result = x.if_less(all!(0.0), all!(f32::NAN), result);
    x.if_less(all!(f32::INFINITY), result, x)
}

/// ln(1 + x): with u = 1 + x as rounded, ln u + (x - (u - 1)) / u.
#[inline(always)]
pub fn ln_1p(x: F32x4) -> F32x4 {
    let u = all!(1.0) + x;
    ln(u) + (x - (u - all!(1.0))) / u
}

/// The error function in double precision: 2/sqrt(pi) e^(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!, all terms positive.
pub fn erf_f64(x: f64) -> f64 {
    let a = x.abs();
    if a > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (a, a, 1.0);
    while term > 1e-17 * sum {
        term *= 2.0 * a * a / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    (sum * (-a * a).exp() * std::f64::consts::FRAC_2_SQRT_PI).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest relative error over the arguments; also, that lanes do not matter.
    fn worst(f: fn(F32x4) -> F32x4, truth: fn(f64) -> f64, arguments: impl Iterator<Item = f32>) -> f64 {
        let mut worst = (0.0, 0.0);
        for x in arguments {
            let lanes = f(F32x4::from_array([x, 0.5, -x, x])).to_array();
            assert_eq!(lanes[0].to_bits(), f(F32x4::splat(x)).to_array()[2].to_bits(), "lanes differ at {x:e}");
            let (y, expected) = (f64::from(lanes[0]), truth(f64::from(x)));
            let error = if expected == 0.0 { y.abs() } else { (y / expected - 1.0).abs() };
            assert!(!error.is_nan(), "{y} at {x:e}");
            if error > worst.0 {
                worst = (error, x);
            }
        }
        println!("error {:.2e} at {:e}", worst.0, worst.1);
        worst.0
    }

    /// Equally spaced.
    fn linear(from: f32, to: f32) -> impl Iterator<Item = f32> {
        (0..=400_000).map(move |i| (f64::from(from) + f64::from(to - from) * f64::from(i) / 4e5) as f32)
    }

    /// Equally spaced logarithms, both signs.
    fn logarithmic(from: f64, to: f64) -> impl Iterator<Item = f32> {
        let step = (to / from).ln() / 1e5;
        (0..=100_000).flat_map(move |i| {
            let x = (from * (step * f64::from(i)).exp()) as f32;
            [x, -x]
        })
    }

    fn sigmoid_f64(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    #[test]
    fn accuracy() {
        assert!(worst(exp, f64::exp, linear(-87.3, 88.72)) < 2.4e-7);
        assert!(worst(exp, f64::exp, logarithmic(1e-30, 1.0)) < 2.4e-7);
        assert!(worst(sigmoid, sigmoid_f64, linear(-87.3, 100.0)) < 3e-7);
        assert!(worst(sigmoid, sigmoid_f64, logarithmic(1e-30, 1.0)) < 3e-7);
        assert!(worst(tanh, f64::tanh, linear(-12.0, 12.0)) < 3.5e-7);
        assert!(worst(tanh, f64::tanh, logarithmic(1e-37, 1e4)) < 3e-7);
        assert!(worst(erf, erf_f64, linear(-5.0, 5.0)) < 3.5e-7);
        assert!(worst(erf, erf_f64, logarithmic(1e-37, 1e4)) < 3.5e-7);
        assert!(worst(ln, f64::ln, linear(0.3, 3.0)) < 2.4e-7);
        assert!(worst(ln, f64::ln, logarithmic(1e-44, 1e38).filter(|x| *x > 0.0)) < 2.4e-7);
        assert!(worst(ln_1p, f64::ln_1p, linear(-0.9, 3.0)) < 3e-7);
        assert!(worst(ln_1p, f64::ln_1p, logarithmic(1e-37, 0.9)) < 3e-7);
    }

    /// The largest absolute error of sin and cos, and the largest relative one of e^x - 1.
    #[test]
    fn accuracy_of_circular_functions() {
        let sin = |x| sin_cos(x)[0];
        let cos = |x| sin_cos(x)[1];
        let absolute = |f: &dyn Fn(F32x4) -> F32x4, truth: fn(f64) -> f64, arguments: &mut dyn Iterator<Item = f32>| {
            arguments.fold(0.0_f64, |worst, x| {
                worst.max((f64::from(f(F32x4::splat(x)).to_array()[0]) - truth(f64::from(x))).abs())
            })
        };
        for range in [1.0_f32, 20.0, 400.0, 8192.0] {
            assert!(absolute(&sin, f64::sin, &mut linear(-range, range)) < 1.2e-7, "sin to {range}");
            assert!(absolute(&cos, f64::cos, &mut linear(-range, range)) < 1.2e-7, "cos to {range}");
        }
        assert!(worst(|x| sin_cos(x)[0], f64::sin, logarithmic(1e-37, 3.0)) < 3e-7);
        assert!(worst(exp_m1, f64::exp_m1, linear(-20.0, 87.9)) < 3e-7);
        assert!(worst(exp_m1, f64::exp_m1, logarithmic(1e-37, 1.0)) < 3e-7);
        for x in [1e5_f32, -1e7, 1e12, f32::MAX, f32::INFINITY] {
            assert!(sin_cos(F32x4::splat(x)).iter().all(|y| y.to_array()[0].abs() <= 1.0 || x.is_infinite()));
        }
        assert!(sin_cos(F32x4::splat(f32::NAN)).iter().all(|y| y.to_array()[0].is_nan()));
        assert_eq!(exp_m1(F32x4::splat(-1e4)).to_array()[0], -1.0);
        assert!(
            exp_m1(F32x4::splat(1e4)).to_array()[0] > 1.6e38 && exp_m1(F32x4::splat(f32::NAN)).to_array()[0].is_nan()
        );
    }

    #[test]
    fn limits() {
        for (f, low, high) in [(tanh as fn(F32x4) -> F32x4, -1.0, 1.0), (erf, -1.0, 1.0), (sigmoid, 0.0, 1.0)] {
            let at = |x: f32| f(F32x4::splat(x)).to_array()[0];
            assert!(linear(-20.0, 20.0).all(|x| at(x) >= low && at(x) <= high));
            assert_eq!((at(1e4), at(f32::INFINITY)), (high, high));
            assert!((at(-1e4) - low).abs() < 1e-37 && (at(f32::NEG_INFINITY) - low).abs() < 1e-37);
            assert!(at(f32::NAN).is_nan());
        }
        let at = |f: fn(F32x4) -> F32x4, x: f32| f(F32x4::splat(x)).to_array()[0];
        assert_eq!((at(exp, -1e4), at(exp, 0.0), at(exp, f32::NEG_INFINITY)), (0.0, 1.0, 0.0));
        assert!(at(exp, 1e4) > 3.3e38 && at(exp, 1e4).is_finite() && at(exp, f32::NAN).is_nan());
        assert_eq!((at(ln, 0.0), at(ln, 1.0), at(ln, f32::INFINITY)), (f32::NEG_INFINITY, 0.0, f32::INFINITY));
        assert!(at(ln, -1.0).is_nan() && at(ln, f32::NAN).is_nan());
        assert_eq!(at(tanh, 1e-30), 1e-30);
    }

    /// The same bits on every machine: a checksum over many arguments, made once.
    #[test]
    fn bits_are_pinned() {
        let functions: [fn(F32x4) -> F32x4; 6] = [exp, sigmoid, tanh, erf, ln, ln_1p];
        let mut sum = 0u32;
        for f in functions {
            for x in linear(-30.0, 30.0).step_by(7) {
                let y = f(F32x4::splat(x)).to_array()[0];
                sum = sum.rotate_left(5) ^ if y.is_nan() { 1 } else { y.to_bits() };
            }
        }
        assert_eq!(sum, 2_243_994_839);
        let mut sum = 0u32;
        for f in [exp_m1 as fn(F32x4) -> F32x4, |x| sin_cos(x)[0], |x| sin_cos(x)[1]] {
            for x in linear(-30.0, 30.0).step_by(7) {
                sum = sum.rotate_left(5) ^ f(F32x4::splat(x)).to_array()[0].to_bits();
            }
        }
        assert_eq!(sum, 793_123_652);
    }
}
