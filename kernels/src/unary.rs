//! Functions of one number: y = f(x), and dx = dy f'(x).

use super::lanes::{Lanes, map, map2};
use super::real::Real;

/// A function of one number, as in PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// -x.
    Neg,
    /// e^x.
    Exp,
    /// Natural logarithm.
    Ln,
    /// Square root.
    Sqrt,
    /// x^2.
    Square,
    /// 1 / x.
    Reciprocal,
    /// s(x) = 1 / (1 + e^-x).
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// max(x, 0).
    Relu,
    /// x s(x).
    Silu,
    /// x (1 + erf(x / sqrt 2)) / 2.
    Gelu,
    /// x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2.
    GeluTanh,
    /// ln(1 + e^x), x itself above 20.
    Softplus,
    /// ln s(x).
    LogSigmoid,
}

impl Unary {
    /// Every function.
    pub const ALL: [Self; 14] = [
        Self::Neg,
        Self::Exp,
        Self::Ln,
        Self::Sqrt,
        Self::Square,
        Self::Reciprocal,
        Self::Sigmoid,
        Self::Tanh,
        Self::Relu,
        Self::Silu,
        Self::Gelu,
        Self::GeluTanh,
        Self::Softplus,
        Self::LogSigmoid,
    ];

    /// A short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Neg => "neg",
            Self::Exp => "exp",
            Self::Ln => "ln",
            Self::Sqrt => "sqrt",
            Self::Square => "square",
            Self::Reciprocal => "reciprocal",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Relu => "relu",
            Self::Silu => "silu",
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_tanh",
            Self::Softplus => "softplus",
            Self::LogSigmoid => "log_sigmoid",
        }
    }
}

/// y[i] = f(x[i]).
pub fn unary<R: Real>(kind: Unary, x: &[R], y: &mut [R]) {
    let zero = R::Lanes::splat(R::ZERO);
    let one = R::Lanes::splat(R::ONE);
    match kind {
        Unary::Neg => map(x, y, |x| -x),
        Unary::Exp => map(x, y, Lanes::exp),
        Unary::Ln => map(x, y, Lanes::ln),
        Unary::Sqrt => map(x, y, Lanes::sqrt),
        Unary::Square => map(x, y, |x| x * x),
        Unary::Reciprocal => map(x, y, |x| one / x),
        Unary::Sigmoid => map(x, y, Lanes::sigmoid),
        Unary::Tanh => map(x, y, Lanes::tanh),
        Unary::Relu => map(x, y, |x| x.max(zero)),
        Unary::Silu => map(x, y, |x| x * x.sigmoid()),
        Unary::Gelu => map(x, y, |x| x * normal_cdf::<R>(x)),
        Unary::GeluTanh => map(x, y, |x| half::<R>() * x * (one + gelu_inner::<R>(x).tanh())),
        Unary::Softplus => map(x, y, softplus::<R>),
        Unary::LogSigmoid => map(x, y, |x| x.min(zero) - (-x.abs()).exp().ln_1p()),
    }
}

/// dx[i] = dy[i] f'(x[i]).
pub fn unary_grad<R: Real>(kind: Unary, x: &[R], dy: &[R], dx: &mut [R]) {
    let zero = R::Lanes::splat(R::ZERO);
    let one = R::Lanes::splat(R::ONE);
    match kind {
        Unary::Neg => map(dy, dx, |d| -d),
        Unary::Exp => map2(x, dy, dx, |x, d| d * x.exp()),
        Unary::Ln => map2(x, dy, dx, |x, d| d / x),
        Unary::Sqrt => map2(x, dy, dx, |x, d| d * half::<R>() / x.sqrt()),
        Unary::Square => map2(x, dy, dx, |x, d| d * (x + x)),
        Unary::Reciprocal => map2(x, dy, dx, |x, d| -d / x / x),
        Unary::Sigmoid => map2(x, dy, dx, |x, d| {
            let y = x.sigmoid();
            d * (y * (one - y))
        }),
        Unary::Tanh => map2(x, dy, dx, |x, d| {
            let y = x.tanh();
            d * (one - y * y)
        }),
        Unary::Relu => map2(x, dy, dx, |x, d| zero.if_less(x, d, zero)),
        Unary::Silu => map2(x, dy, dx, |x, d| {
            let s = x.sigmoid();
            d * (s * (one + x * (one - s)))
        }),
        Unary::Gelu => map2(x, dy, dx, |x, d| d * (normal_cdf::<R>(x) + x * normal_density::<R>(x))),
        Unary::GeluTanh => map2(x, dy, dx, |x, d| d * gelu_tanh_slope::<R>(x)),
        Unary::Softplus => map2(x, dy, dx, |x, d| {
            let limit = R::Lanes::constant(20.0);
            d * limit.if_less(x, one, x.sigmoid())
        }),
        Unary::LogSigmoid => map2(x, dy, dx, |x, d| d * (-x).sigmoid()),
    }
}

#[inline(always)]
fn half<R: Real>() -> R::Lanes {
    R::Lanes::constant(0.5)
}

/// The standard normal distribution below x.
#[inline(always)]
fn normal_cdf<R: Real>(x: R::Lanes) -> R::Lanes {
    half::<R>() * (R::Lanes::splat(R::ONE) + (x * R::Lanes::constant(std::f64::consts::FRAC_1_SQRT_2)).erf())
}

/// The standard normal density at x.
#[inline(always)]
fn normal_density<R: Real>(x: R::Lanes) -> R::Lanes {
    (-half::<R>() * x * x).exp() * R::Lanes::constant(0.398_942_280_401_432_7)
}

const GELU_CUBIC: f64 = 0.044715;
/// sqrt(2 / pi).
const GELU_SCALE: f64 = 0.797_884_560_802_865_4;

/// sqrt(2/pi) (x + 0.044715 x^3).
#[inline(always)]
fn gelu_inner<R: Real>(x: R::Lanes) -> R::Lanes {
    R::Lanes::constant(GELU_SCALE) * (x + R::Lanes::constant(GELU_CUBIC) * x * x * x)
}

/// With u the inner function and t = tanh u: (1 + t) / 2 + x (1 - t^2) u' / 2.
#[inline(always)]
fn gelu_tanh_slope<R: Real>(x: R::Lanes) -> R::Lanes {
    let one = R::Lanes::splat(R::ONE);
    let t = gelu_inner::<R>(x).tanh();
    let inner = R::Lanes::constant(GELU_SCALE) * (one + R::Lanes::constant(3.0 * GELU_CUBIC) * x * x);
    half::<R>() * (one + t) + half::<R>() * x * (one - t * t) * inner
}

/// max(x, 0) + ln(1 + e^-|x|), and x itself above 20.
#[inline(always)]
fn softplus<R: Real>(x: R::Lanes) -> R::Lanes {
    let smooth = x.max(R::Lanes::splat(R::ZERO)) + (-x.abs()).exp().ln_1p();
    R::Lanes::constant(20.0).if_less(x, x, smooth)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, assert_gradient, cast, numbers, probe, unset, widen};
    use super::*;

    fn value<R: Real>(kind: Unary, x: &[f64]) -> Vec<f64> {
        let mut y = unset::<R>(x.len());
        unary(kind, &cast(x), &mut y);
        widen(&y)
    }

    fn gradient<R: Real>(kind: Unary, x: &[f64], dy: &[f64]) -> Vec<f64> {
        let mut dx = unset::<R>(x.len());
        unary_grad(kind, &cast(x), &cast(dy), &mut dx);
        widen(&dx)
    }

    /// Arguments where the function is smooth, of every sign it takes.
    fn arguments(kind: Unary, len: usize) -> Vec<f64> {
        let positive = matches!(kind, Unary::Ln | Unary::Sqrt | Unary::Reciprocal);
        numbers(1, len).iter().map(|x| if positive { x.abs() + 0.125 } else { 4.0 * x + 0.015625 }).collect()
    }

    #[test]
    fn single_and_double_precision_agree() {
        for kind in Unary::ALL {
            for len in [1, 7, 33, 130] {
                let (x, dy) = (arguments(kind, len), numbers(2, len));
                assert_close(&value::<f32>(kind, &x), &value::<f64>(kind, &x), 1e-6);
                assert_close(&gradient::<f32>(kind, &x, &dy), &gradient::<f64>(kind, &x, &dy), 2e-6);
            }
        }
    }

    #[test]
    fn gradients_match_differences() {
        for kind in Unary::ALL {
            let (x, dy) = (arguments(kind, 7), numbers(2, 7));
            assert_gradient(&x, &gradient::<f64>(kind, &x, &dy), |x| probe(&value::<f64>(kind, x), &dy));
        }
    }

    #[test]
    fn large_arguments_stay_finite_and_right() {
        for x in [-1e4, -100.0, -25.0, 0.0, 25.0, 100.0, 1e4] {
            for kind in Unary::ALL {
                let bounded = match kind {
                    Unary::Ln | Unary::Sqrt => x > 0.0,
                    Unary::Reciprocal => x != 0.0,
                    Unary::Exp => x < 80.0,
                    _ => true,
                };
                if bounded {
                    let (a, b) = (value::<f32>(kind, &[x])[0], value::<f64>(kind, &[x])[0]);
                    assert!((a - b).abs() <= 1e-6 * b.abs() + 1e-34, "{kind:?}({x}): {a:e}, {b:e}");
                    let (a, b) = (gradient::<f32>(kind, &[x], &[1.0])[0], gradient::<f64>(kind, &[x], &[1.0])[0]);
                    assert!((a - b).abs() <= 2e-6 * b.abs() + 1e-10, "{kind:?}'({x}): {a:e}, {b:e}");
                }
            }
        }
    }

    #[test]
    fn nan_stays_nan() {
        for kind in Unary::ALL {
            assert!(value::<f32>(kind, &[f64::NAN])[0].is_nan(), "{kind:?}");
        }
    }

    #[test]
    fn place_in_the_slice_does_not_matter() {
        for kind in Unary::ALL {
            let x = arguments(kind, 130);
            let whole = value::<f32>(kind, &x);
            for (i, &x) in x.iter().enumerate() {
                assert_eq!(value::<f32>(kind, &[x])[0].to_bits(), whole[i].to_bits(), "{kind:?}({x})");
            }
        }
    }
}
