//! Causal convolution with a kernel as long as the sequence (the convolution mode of a state-space layer), channel by
//! channel: y_t = sum over s <= t of k_{t-s} u_s.
//!
//! u, y (T, B, H), k (T, 1, H) by lag. Four neighbouring steps are summed together: a number of u is loaded once for
//! the four, and each needs only one new number of k. The order of every sum is that of s.

use super::lanes::{At, Lanes, each};
use super::real::Real;

/// Steps summed together.
const TILE: usize = 4;

/// Steps T, sequences B, channels H.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongConvDims {
    /// T.
    pub steps: usize,
    /// B.
    pub batch: usize,
    /// H.
    pub channels: usize,
}

/// y (T, B, H).
pub fn long_conv<R: Real>(dims: LongConvDims, u: &[R], kernel: &[R], y: &mut [R]) {
    convolve(dims, |t| t, u, kernel, y);
}

/// du (T, B, H) from dy: the same convolution from the end backwards.
pub fn long_conv_grad_input<R: Real>(dims: LongConvDims, kernel: &[R], dy: &[R], du: &mut [R]) {
    convolve(dims, |t| dims.steps - 1 - t, dy, kernel, du);
}

/// dk (T, 1, H) from u and dy, summed over b, then t.
pub fn long_conv_grad_kernel<R: Real>(dims: LongConvDims, u: &[R], dy: &[R], d_kernel: &mut [R]) {
    let LongConvDims { steps, batch, channels } = dims;
    let zero = R::Lanes::splat(R::ZERO);
    each!(channels, |i| {
        let at = |x: &[R], t: usize, b: usize| i.get(&x[(t * batch + b) * channels..(t * batch + b + 1) * channels]);
        for first in (0..steps).step_by(TILE) {
            let mut sums = [zero; TILE];
            for b in 0..batch {
                let mut window = [zero; TILE];
                for t in first..steps {
                    window = [at(u, t - first, b), window[0], window[1], window[2]];
                    let dy = at(dy, t, b);
                    sums = std::array::from_fn(|j| sums[j] + window[j] * dy);
                }
            }
            for (lag, sum) in (first..steps).zip(sums) {
                i.put(&mut d_kernel[lag * channels..(lag + 1) * channels], sum);
            }
        }
    });
}

/// The convolution of u in the order of `place(0)`, `place(1)`, ...
#[inline(always)]
fn convolve<R: Real>(dims: LongConvDims, place: impl Fn(usize) -> usize, u: &[R], kernel: &[R], y: &mut [R]) {
    let LongConvDims { steps, batch, channels } = dims;
    let zero = R::Lanes::splat(R::ZERO);
    each!(channels, |i| {
        let lag = |lag: usize| match lag < steps {
            true => i.get(&kernel[lag * channels..(lag + 1) * channels]),
            false => zero,
        };
        for b in 0..batch {
            let row = |t: usize| (place(t) * batch + b) * channels..(place(t) * batch + b + 1) * channels;
            for first in (0..steps).step_by(TILE) {
                let mut sums = [zero; TILE];
                let mut window: [R::Lanes; TILE] = std::array::from_fn(|j| lag(first + j));
                let end = steps.min(first + TILE);
                for s in 0..end {
                    let u = i.get(&u[row(s)]);
                    sums = std::array::from_fn(|j| sums[j] + window[j] * u);
                    let next = if s < first { lag(first - 1 - s) } else { zero };
                    window = [next, window[0], window[1], window[2]];
                }
                for (t, sum) in (first..end).zip(sums) {
                    i.put(&mut y[row(t)], sum);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, assert_gradient, cast, numbers, probe, unset, widen};
    use super::*;

    fn value<R: Real>(dims: LongConvDims, u: &[f64], kernel: &[f64]) -> Vec<f64> {
        let mut y = unset::<R>(u.len());
        long_conv(dims, &cast(u), &cast(kernel), &mut y);
        widen(&y)
    }

    #[test]
    fn it_is_the_sum_it_says() {
        for (steps, batch, channels) in [(1, 1, 1), (2, 3, 7), (37, 2, 5)] {
            let dims = LongConvDims { steps, batch, channels };
            let (u, kernel) = (numbers(1, steps * batch * channels), numbers(2, steps * channels));
            let element = |at: usize| {
                let (t, place) = (at / (batch * channels), at % (batch * channels));
                let term = |s: usize| kernel[(t - s) * channels + at % channels] * u[s * batch * channels + place];
                (0..=t).map(term).sum()
            };
            let want: Vec<f64> = (0..u.len()).map(element).collect();
            assert_close(&value::<f64>(dims, &u, &kernel), &want, 1e-12);
            assert_close(&value::<f32>(dims, &u, &kernel), &want, 2e-6);
        }
    }

    #[test]
    fn gradients_match_differences() {
        let dims = LongConvDims { steps: 6, batch: 2, channels: 5 };
        let (u, kernel, dy) = (numbers(1, 60), numbers(2, 30), numbers(3, 60));
        let (mut du, mut d_kernel) = (unset(60), unset(30));
        long_conv_grad_input(dims, &kernel, &dy, &mut du);
        assert_gradient(&u, &du, |u| probe(&value::<f64>(dims, u, &kernel), &dy));
        long_conv_grad_kernel(dims, &u, &dy, &mut d_kernel);
        assert_gradient(&kernel, &d_kernel, |kernel| probe(&value::<f64>(dims, &u, kernel), &dy));
    }
}
