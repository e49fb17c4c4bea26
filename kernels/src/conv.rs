//! Causal depthwise convolution over time (`torch.nn.Conv1d(D, D, K, groups=D, padding=K-1)`, cut to T steps).
//!
//! y[t, b, d] = sum over k of w[d, k] x[t - (K-1) + k, b, d]; steps before the first are zero. Tap K-1 acts on the
//! current step. Sequences are [T, B, D], the weight is (D, 1, K).

use super::lanes::{At, each};
use super::real::Real;

/// Steps, sequences, channels and taps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvDims {
    /// T.
    pub steps: usize,
    /// B.
    pub batch: usize,
    /// D.
    pub channels: usize,
    /// K.
    pub taps: usize,
}

impl ConvDims {
    /// Calls `f(t, step of x, k)` for every tap that meets the sequence.
    fn each_tap(self, mut f: impl FnMut(usize, usize, usize)) {
        for t in 0..self.steps {
            for k in 0..self.taps {
                if t + k + 1 >= self.taps {
                    f(t, t + k + 1 - self.taps, k);
                }
            }
        }
    }
    /// Numbers in one step.
    fn step(self) -> usize {
        self.batch * self.channels
    }
}

/// Numbers of scratch memory for each of the three kernels.
pub fn conv1d_scratch(dims: ConvDims) -> usize {
    dims.channels * dims.taps
}

/// y [T, B, D].
pub fn conv1d_causal<R: Real>(dims: ConvDims, x: &[R], weight: &[R], y: &mut [R], scratch: &mut [R]) {
    let taps = by_tap(dims, weight, scratch);
    y.fill(R::ZERO);
    dims.each_tap(|t, from, k| add_products(dims, (x, from), &taps[k * dims.channels..], (y, t)));
}

/// dx [T, B, D] from dy [T, B, D].
pub fn conv1d_causal_grad_x<R: Real>(dims: ConvDims, dy: &[R], weight: &[R], dx: &mut [R], scratch: &mut [R]) {
    let taps = by_tap(dims, weight, scratch);
    dx.fill(R::ZERO);
    dims.each_tap(|t, to, k| add_products(dims, (dy, t), &taps[k * dims.channels..], (dx, to)));
}

/// dweight (D, 1, K) from x and dy [T, B, D], summed over t, then b.
pub fn conv1d_causal_grad_weight<R: Real>(dims: ConvDims, x: &[R], dy: &[R], dweight: &mut [R], scratch: &mut [R]) {
    let (channels, step) = (dims.channels, dims.step());
    let sums = &mut scratch[..channels * dims.taps];
    sums.fill(R::ZERO);
    dims.each_tap(|t, from, k| {
        let sum = &mut sums[k * channels..(k + 1) * channels];
        let (x, dy) = (&x[from * step..(from + 1) * step], &dy[t * step..(t + 1) * step]);
        for (x, dy) in x.chunks_exact(channels).zip(dy.chunks_exact(channels)) {
            each!(channels, |i| i.put(sum, i.get(sum) + i.get(x) * i.get(dy)));
        }
    });
    super::layout::transpose(dims.taps, channels, sums, dweight);
}

/// The weight as [K, D].
fn by_tap<'a, R: Real>(dims: ConvDims, weight: &[R], scratch: &'a mut [R]) -> &'a [R] {
    let taps = &mut scratch[..dims.channels * dims.taps];
    super::layout::transpose(dims.channels, dims.taps, weight, taps);
    taps
}

/// y at step `to` += x at step `from` times the tap [D], for every sequence.
fn add_products<R: Real>(dims: ConvDims, (x, from): (&[R], usize), tap: &[R], (y, to): (&mut [R], usize)) {
    let (channels, step) = (dims.channels, dims.step());
    let (x, y) = (&x[from * step..(from + 1) * step], &mut y[to * step..(to + 1) * step]);
    for (x, y) in x.chunks_exact(channels).zip(y.chunks_exact_mut(channels)) {
        each!(channels, |i| i.put(y, i.get(y) + i.get(x) * i.get(tap)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, assert_gradient, cast, numbers, probe, unset, widen};
    use super::*;

    fn value<R: Real>(dims: ConvDims, x: &[f64], weight: &[f64]) -> Vec<f64> {
        let (mut y, mut scratch) = (unset::<R>(x.len()), unset::<R>(conv1d_scratch(dims)));
        conv1d_causal(dims, &cast(x), &cast(weight), &mut y, &mut scratch);
        widen(&y)
    }

    #[test]
    fn single_and_double_precision_agree() {
        for (steps, batch, channels, taps) in [(1, 1, 1, 1), (2, 3, 7, 4), (9, 2, 33, 4)] {
            let dims = ConvDims { steps, batch, channels, taps };
            let (x, weight) = (numbers(1, steps * dims.step()), numbers(2, channels * taps));
            assert_close(&value::<f32>(dims, &x, &weight), &value::<f64>(dims, &x, &weight), 1e-6);
        }
    }

    #[test]
    fn the_last_tap_is_now() {
        let dims = ConvDims { steps: 3, batch: 1, channels: 1, taps: 2 };
        assert_eq!(value::<f64>(dims, &[1.0, 2.0, 3.0], &[10.0, 1.0]), [1.0, 12.0, 23.0]);
    }

    #[test]
    fn gradients_match_differences() {
        let dims = ConvDims { steps: 5, batch: 2, channels: 3, taps: 4 };
        let (x, weight, dy) = (numbers(1, 30), numbers(2, 12), numbers(3, 30));
        let (mut dx, mut dweight, mut scratch) = (unset(30), unset(12), unset(12));
        conv1d_causal_grad_x(dims, &dy, &weight, &mut dx, &mut scratch);
        assert_gradient(&x, &dx, |x| probe(&value::<f64>(dims, x, &weight), &dy));
        conv1d_causal_grad_weight(dims, &x, &dy, &mut dweight, &mut scratch);
        assert_gradient(&weight, &dweight, |weight| probe(&value::<f64>(dims, &x, weight), &dy));
    }
}
