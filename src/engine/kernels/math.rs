//! Transcendental functions of four `f32` lanes.

use super::lanes::{F32x4, Lanes};

fn through_f64(x: F32x4, f: impl Fn(f64) -> f64) -> F32x4 {
    F32x4::from_array(x.to_array().map(|x| f(f64::from(x)) as f32))
}

/// e^x.
pub fn exp(x: F32x4) -> F32x4 {
    through_f64(x, |x| f64::exp(if x > 88.72 { 88.72 } else { x }))
}
/// ln x.
pub fn ln(x: F32x4) -> F32x4 {
    through_f64(x, f64::ln)
}
/// ln (1 + x).
pub fn ln_1p(x: F32x4) -> F32x4 {
    through_f64(x, f64::ln_1p)
}
/// tanh x.
pub fn tanh(x: F32x4) -> F32x4 {
    through_f64(x, f64::tanh)
}
/// 1 / (1 + e^-x).
pub fn sigmoid(x: F32x4) -> F32x4 {
    through_f64(x, |x| 1.0 / (1.0 + (-x).exp()))
}
/// erf x.
pub fn erf(x: F32x4) -> F32x4 {
    through_f64(x, erf_f64)
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
