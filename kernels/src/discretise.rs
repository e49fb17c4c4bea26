//! From a continuous diagonal system x' = A x + B u to steps of length dt: x_t = dA x_{t-1} + dB u_t, with z = dt A.
//!
//! Zero-order hold: dA = e^z, dB = dt phi B with phi = (e^z - 1) / z. Bilinear: dA = (1 + z/2) / (1 - z/2),
//! dB = dt phi B with phi = 1 / (1 - z/2). (S4D, Gu et al. 2022, section 3.) dt is (H), A and B are complex (H, N, 2).

use super::complex::Complex;
use super::lanes::{Lanes, each};
use super::real::Real;

/// How a continuous system becomes a discrete one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Discretisation {
    /// The input is held over a step.
    ZeroOrderHold,
    /// The trapezoidal rule (Tustin).
    Bilinear,
}

impl Discretisation {
    /// Every rule.
    pub const ALL: [Self; 2] = [Self::ZeroOrderHold, Self::Bilinear];
}

/// The rule at z, and its derivatives in z. For both rules d(dt phi)/d dt = d dA/dz.
struct Step<R: Real> {
    decay: Complex<R>,
    phi: Complex<R>,
    decay_slope: Complex<R>,
    phi_slope: Complex<R>,
}

/// dA, dB (H, N, 2).
pub fn discretise<R: Real>(rule: Discretisation, dt: &[R], a: &[R], b: &[R], decay: &mut [R], input: &mut [R]) {
    let width = a.len() / dt.len().max(1);
    for (h, dt) in dt.iter().enumerate() {
        let row = h * width..(h + 1) * width;
        let (a, b) = (&a[row.clone()], &b[row.clone()]);
        let (decay, input) = (&mut decay[row.clone()], &mut input[row]);
        let dt = R::Lanes::splat(*dt);
        each!(width / 2, |i| {
            let step = step(rule, Complex::<R>::get(i, a).scale(dt));
            step.decay.put(i, decay);
            (step.phi.scale(dt) * Complex::get(i, b)).put(i, input);
        });
    }
}

/// The gradients of dt by mode (H, N), A and B (H, N, 2) from those of dA and dB. A complex number's gradient is
/// (dL/dre, dL/dim).
pub fn discretise_grad<R: Real>(
    rule: Discretisation,
    [dt, a, b]: [&[R]; 3],
    [grad_decay, grad_input]: [&[R]; 2],
    [d_dt, d_a, d_b]: [&mut [R]; 3],
) {
    let width = a.len() / dt.len().max(1);
    for (h, dt) in dt.iter().enumerate() {
        let row = h * width..(h + 1) * width;
        let (a, b, grad_decay, grad_input) =
            (&a[row.clone()], &b[row.clone()], &grad_decay[row.clone()], &grad_input[row.clone()]);
        let (d_dt, d_a, d_b) = (&mut d_dt[row.start / 2..row.end / 2], &mut d_a[row.clone()], &mut d_b[row]);
        let dt = R::Lanes::splat(*dt);
        each!(width / 2, |i| {
            let (a, b) = (Complex::<R>::get(i, a), Complex::get(i, b));
            let (on_decay, on_input) = (Complex::get(i, grad_decay), Complex::get(i, grad_input));
            let step = step(rule, a.scale(dt));
            let slope = step.decay_slope;
            let on_dt = (a * slope).conjugate().real_product(on_decay) + (b * slope).conjugate().real_product(on_input);
            super::lanes::At::put(i, d_dt, on_dt);
            let through_input = (b * step.phi_slope).scale(dt * dt).conjugate() * on_input;
            (slope.scale(dt).conjugate() * on_decay + through_input).put(i, d_a);
            (step.phi.scale(dt).conjugate() * on_input).put(i, d_b);
        });
    }
}

#[inline(always)]
fn step<R: Real>(rule: Discretisation, z: Complex<R>) -> Step<R> {
    match rule {
        Discretisation::ZeroOrderHold => hold(z),
        Discretisation::Bilinear => bilinear(z),
    }
}

#[inline(always)]
fn bilinear<R: Real>(z: Complex<R>) -> Step<R> {
    let (one, half) = (Complex::real(1.0), R::Lanes::constant(0.5));
    let phi = (one - z.scale(half)).reciprocal();
    let slope = phi * phi;
    Step { decay: (one + z.scale(half)) * phi, phi, decay_slope: slope, phi_slope: slope.scale(half) }
}

#[inline(always)]
fn hold<R: Real>(z: Complex<R>) -> Step<R> {
    let power_less_one = exp_m1(z);
    let one = Complex::real(1.0);
    let decay = power_less_one + one;
    let inverse = z.reciprocal();
    let square = z.square();
    // Where |z|^2 underflows, phi is 1 to rounding.
    let phi = Complex::if_less(square, R::Lanes::constant(1e-30), one, power_less_one * inverse);
    // (e^z - phi) / z cancels near 0.
    let far = (decay - phi) * inverse;
    let phi_slope = Complex::if_less(square, R::Lanes::constant(0.25), phi_slope_series(z), far);
    Step { decay, phi, decay_slope: decay, phi_slope }
}

/// e^z - 1 without cancellation, neither near 0 nor near multiples of 2 pi i: with s = sin(im / 2)
/// it is (e^re - 1) cos im - 2 s^2 + i e^re sin im.
#[inline(always)]
fn exp_m1<R: Real>(z: Complex<R>) -> Complex<R> {
    let one = R::Lanes::splat(R::ONE);
    let [s, c] = (z.im * R::Lanes::constant(0.5)).sin_cos();
    let (twice, grown) = (s + s, z.re.exp_m1());
    Complex { re: grown * (one - twice * s) - twice * s, im: (grown + one) * (twice * c) }
}

/// phi' = sum of (k + 1) z^k / (k + 2)!, for |z| <= 1/2: the first term left out is 4e-14.
#[inline(always)]
fn phi_slope_series<R: Real>(z: Complex<R>) -> Complex<R> {
    const TERMS: u32 = 12;
    let mut factorial = 1.0;
    let mut coefficients = [0.0; TERMS as usize];
    for (k, coefficient) in (0..TERMS).zip(&mut coefficients) {
        factorial *= f64::from(k + 2);
        *coefficient = f64::from(k + 1) / factorial;
    }
    coefficients.iter().rev().fold(Complex::real(0.0), |sum, coefficient| sum * z + Complex::real(*coefficient))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, assert_gradient, cast, numbers, probe, unset, widen};
    use super::*;

    fn value<R: Real>(rule: Discretisation, dt: &[f64], a: &[f64], b: &[f64]) -> Vec<f64> {
        let (mut decay, mut input) = (unset::<R>(a.len()), unset::<R>(a.len()));
        discretise(rule, &cast::<R>(dt), &cast(a), &cast(b), &mut decay, &mut input);
        [widen(&decay), widen(&input)].concat()
    }

    /// Poles with negative real parts, some of them tiny, and step lengths.
    fn poles(channels: usize, modes: usize) -> [Vec<f64>; 3] {
        let dt = numbers(1, channels).iter().map(|x| f64::from((0.3 * x.abs() + 0.0009765625) as f32)).collect();
        let part = |(at, x): (usize, &f64)| match at % 4 {
            0 => -x.abs() - 0.0625,
            1 => 40.0 * x,
            2 => -x.abs() * 9.5367431640625e-7,
            _ => 0.0,
        };
        [dt, numbers(2, channels * modes * 2).iter().enumerate().map(part).collect(), numbers(3, channels * modes * 2)]
    }

    #[test]
    fn single_and_double_precision_agree() {
        for rule in Discretisation::ALL {
            for (channels, modes) in [(1, 1), (7, 3), (5, 16)] {
                let [dt, a, b] = poles(channels, modes);
                assert_close(&value::<f32>(rule, &dt, &a, &b), &value::<f64>(rule, &dt, &a, &b), 2e-6);
            }
        }
    }

    #[test]
    fn a_power_less_one_loses_no_digits() {
        let lanes = |x: f32| <f32 as Real>::Lanes::splat(x);
        for (re, im) in [(-1e-6_f32, 1e-6_f32), (0.0, 1e-20), (-1e-5, std::f32::consts::TAU), (-1e-3, -0.01)] {
            let got = exp_m1::<f32>(Complex { re: lanes(re), im: lanes(im) });
            let (re, im) = (f64::from(re), f64::from(im));
            let want = [re.exp_m1() * im.cos() - 2.0 * (im / 2.0).sin().powi(2), re.exp() * im.sin()];
            for (got, want) in [got.re, got.im].iter().zip(want) {
                assert!(
                    (f64::from(got.to_array()[0]) - want).abs() <= 2e-6 * want.abs() + 1e-38,
                    "{got:?}, not {want:e}"
                );
            }
        }
    }

    #[test]
    fn gradients_match_differences() {
        for rule in Discretisation::ALL {
            let (channels, modes) = (3, 5);
            let [dt, mut a, b] = poles(channels, modes);
            // Differences of large steps on fast poles are inexact.
            a.iter_mut().for_each(|x| *x = x.clamp(-3.0, 3.0));
            let weights = numbers(4, 4 * channels * modes);
            let loss = |dt: &[f64], a: &[f64], b: &[f64]| probe(&value::<f64>(rule, dt, a, b), &weights);
            let (mut d_dt, mut d_a, mut d_b) = (unset(channels * modes), unset(a.len()), unset(a.len()));
            let (on_decay, on_input) = weights.split_at(a.len());
            discretise_grad(rule, [&dt, &a, &b], [on_decay, on_input], [&mut d_dt, &mut d_a, &mut d_b]);
            let by_channel: Vec<f64> = d_dt.chunks(modes).map(|row| row.iter().sum()).collect();
            assert_gradient(&dt, &by_channel, |dt| loss(dt, &a, &b));
            assert_gradient(&a, &d_a, |a| loss(&dt, a, &b));
            assert_gradient(&b, &d_b, |b| loss(&dt, &a, b));
        }
    }
}
