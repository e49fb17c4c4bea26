//! A diagonal linear system run over a sequence, N complex modes a channel (the recurrent mode of S4D, Gu et al. 2022):
//! x_t = dA x_{t-1} + dB u_t, y_t = 2 Re(sum over n of C x_t). The 2 Re stands for the conjugate half of the modes.
//!
//! u, y (T, B, H); dA, dB, C (H, N, 2); states (T, B, H, N, 2), x0 (B, H, N, 2).

use super::complex::{Complex, gather, spread, spread_len};
use super::lanes::{At, Lanes, each};
use super::real::Real;

/// Sizes of a scan, also of the selective one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanDims {
    /// T.
    pub steps: usize,
    /// B.
    pub batch: usize,
    /// H.
    pub channels: usize,
    /// N: modes of a channel, each a number of the state.
    pub modes: usize,
}

impl ScanDims {
    fn spread(self) -> usize {
        spread_len(self.channels, self.modes)
    }

    /// Rows of (T, B) of one sequence, in the order of time.
    pub(super) fn rows(self, sequence: usize) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.steps).map(move |t| t * self.batch + sequence)
    }
}

/// Operands of [`diagonal_scan`].
pub struct Forward<'a, R> {
    /// (T, B, H).
    pub u: &'a [R],
    /// dA (H, N, 2).
    pub decay: &'a [R],
    /// dB (H, N, 2).
    pub input: &'a [R],
    /// C (H, N, 2).
    pub output: &'a [R],
    /// (B, H, N, 2).
    pub x0: &'a [R],
    /// (T, B, H).
    pub y: &'a mut [R],
    /// (T, B, H, N, 2).
    pub states: &'a mut [R],
}

/// Operands of [`diagonal_scan_grad`].
pub struct Backward<'a, R> {
    /// (T, B, H).
    pub u: &'a [R],
    /// dA (H, N, 2).
    pub decay: &'a [R],
    /// dB (H, N, 2).
    pub input: &'a [R],
    /// C (H, N, 2).
    pub output: &'a [R],
    /// (B, H, N, 2).
    pub x0: &'a [R],
    /// (T, B, H, N, 2).
    pub states: &'a [R],
    /// (T, B, H).
    pub dy: &'a [R],
    /// dL/dx_t from outside the scan (T, B, H, N, 2).
    pub outside: Option<&'a [R]>,
    /// (T, B, H).
    pub du: &'a mut [R],
    /// (H, N, 2).
    pub d_decay: &'a mut [R],
    /// (H, N, 2).
    pub d_input: &'a mut [R],
    /// (H, N, 2).
    pub d_output: &'a mut [R],
    /// (B, H, N, 2).
    pub d_x0: &'a mut [R],
    /// Total dL/dx_t, through this and all later steps (T, B, H, N, 2).
    pub total: &'a mut [R],
}

/// Numbers of scratch memory for [`diagonal_scan`].
pub fn scan_scratch(dims: ScanDims) -> usize {
    4 * dims.spread()
}

/// Numbers of scratch memory for [`diagonal_scan_grad`].
pub fn grad_scratch(dims: ScanDims) -> usize {
    7 * dims.spread()
}

/// Runs the system, one sequence after the other, so that its state stays in the nearest cache.
pub fn diagonal_scan<R: Real>(dims: ScanDims, io: Forward<'_, R>, scratch: &mut [R]) {
    let ScanDims { channels, modes, .. } = dims;
    let (decay, rest) = scratch.split_at_mut(dims.spread());
    let (input, rest) = rest.split_at_mut(dims.spread());
    let (output, rest) = rest.split_at_mut(dims.spread());
    let x = &mut rest[..dims.spread()];
    spread(modes, io.decay, decay);
    spread(modes, io.input, input);
    spread(modes, io.output, output);
    let (state, group) = (2 * channels * modes, spread_len(1, modes));
    for sequence in 0..dims.batch {
        spread(modes, &io.x0[sequence * state..(sequence + 1) * state], x);
        for row in dims.rows(sequence) {
            let states = &mut io.states[row * state..(row + 1) * state];
            for channel in 0..channels {
                let part = channel * group..(channel + 1) * group;
                let (decay, input, output) = (&decay[part.clone()], &input[part.clone()], &output[part.clone()]);
                let x = &mut x[part];
                let states = &mut states[2 * channel * modes..2 * (channel + 1) * modes];
                let u = R::Lanes::splat(io.u[row * channels + channel]);
                let mut sum = R::Lanes::splat(R::ZERO);
                each!(modes, |i| {
                    let at = i.range().start / 4;
                    let next = Complex::load(decay, at) * Complex::load(x, at) + Complex::load(input, at).scale(u);
                    next.store(x, at);
                    next.put(i, states);
                    sum = sum + Complex::<R>::load(output, at).real_product(next);
                });
                let sum = sum.sum();
                io.y[row * channels + channel] = sum + sum;
            }
        }
    }
}

/// The same backwards. With g_t = dL/dx_t as (dL/dre, dL/dim): g_t = 2 conj(C) dy_t + conj(dA) g_{t+1} + outside_t.
pub fn diagonal_scan_grad<R: Real>(dims: ScanDims, io: Backward<'_, R>, scratch: &mut [R]) {
    let ScanDims { channels, modes, .. } = dims;
    let mut parts = scratch.chunks_exact_mut(dims.spread());
    let mut next = || parts.next().expect("the scratch memory has seven parts");
    let (decay, input, output, carry) = (next(), next(), next(), next());
    let (d_decay, d_input, d_output) = (next(), next(), next());
    spread(modes, io.decay, decay);
    spread(modes, io.input, input);
    spread(modes, io.output, output);
    d_decay.fill(R::ZERO);
    d_input.fill(R::ZERO);
    d_output.fill(R::ZERO);
    let (state, group) = (2 * channels * modes, spread_len(1, modes));
    for sequence in 0..dims.batch {
        carry.fill(R::ZERO);
        for row in dims.rows(sequence).rev() {
            let before = match row.checked_sub(dims.batch) {
                Some(before) => &io.states[before * state..(before + 1) * state],
                None => &io.x0[sequence * state..(sequence + 1) * state],
            };
            for channel in 0..channels {
                let part = channel * group..(channel + 1) * group;
                let own = 2 * channel * modes..2 * (channel + 1) * modes;
                let there = row * state + own.start..row * state + own.end;
                let (decay, input, output) = (&decay[part.clone()], &input[part.clone()], &output[part.clone()]);
                let (d_decay, d_input) = (&mut d_decay[part.clone()], &mut d_input[part.clone()]);
                let (d_output, carry) = (&mut d_output[part.clone()], &mut carry[part]);
                let (x, before) = (&io.states[there.clone()], &before[own]);
                let outside = io.outside.map(|outside| &outside[there.clone()]);
                let total = &mut io.total[there];
                let dy = io.dy[row * channels + channel];
                let (u, dy) = (R::Lanes::splat(io.u[row * channels + channel]), R::Lanes::splat(dy + dy));
                let mut du = R::Lanes::splat(R::ZERO);
                each!(modes, |i| {
                    let at = i.range().start / 4;
                    let mut g = Complex::load(carry, at) + Complex::load(output, at).conjugate().scale(dy);
                    if let Some(outside) = outside {
                        g = g + Complex::get(i, outside);
                    }
                    g.put(i, total);
                    (Complex::load(decay, at).conjugate() * g).store(carry, at);
                    du = du + Complex::load(input, at).conjugate().real_product(g);
                    (Complex::load(d_decay, at) + Complex::get(i, before).conjugate() * g).store(d_decay, at);
                    (Complex::load(d_input, at) + g.scale(u)).store(d_input, at);
                    (Complex::load(d_output, at) + Complex::get(i, x).conjugate().scale(dy)).store(d_output, at);
                });
                io.du[row * channels + channel] = du.sum();
            }
        }
        gather(modes, carry, &mut io.d_x0[sequence * state..(sequence + 1) * state]);
    }
    gather(modes, d_decay, io.d_decay);
    gather(modes, d_input, io.d_input);
    gather(modes, d_output, io.d_output);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, cast, numbers, unset, widen};
    use super::*;

    fn value<R: Real>(dims: ScanDims) -> Vec<f64> {
        let ScanDims { steps, batch, channels, modes } = dims;
        let weights = 2 * channels * modes;
        let operand = |seed, len| cast::<R>(&numbers(seed, len).iter().map(|x| 0.7 * x).collect::<Vec<f64>>());
        let (mut y, mut states) = (unset(steps * batch * channels), unset(steps * batch * weights));
        let io = Forward {
            u: &operand(1, steps * batch * channels),
            decay: &operand(2, weights),
            input: &operand(3, weights),
            output: &operand(4, weights),
            x0: &operand(5, batch * weights),
            y: &mut y,
            states: &mut states,
        };
        diagonal_scan(dims, io, &mut unset(scan_scratch(dims)));
        [widen(&y), widen(&states)].concat()
    }

    #[test]
    fn single_and_double_precision_agree() {
        for (steps, batch, channels, modes) in [(1, 1, 1, 1), (2, 3, 7, 3), (37, 2, 5, 16)] {
            let dims = ScanDims { steps, batch, channels, modes };
            assert_close(&value::<f32>(dims), &value::<f64>(dims), 2e-6);
        }
    }

    #[test]
    fn two_steps_by_hand() {
        let dims = ScanDims { steps: 2, batch: 1, channels: 1, modes: 1 };
        let (mut y, mut states) = (unset(2), unset(4));
        let io = Forward {
            u: &[1.0, 2.0],
            decay: &[0.0, 0.5],
            input: &[1.0, 1.0],
            output: &[1.0, -1.0],
            x0: &[2.0, 0.0],
            y: &mut y,
            states: &mut states,
        };
        diagonal_scan(dims, io, &mut unset::<f64>(scan_scratch(dims)));
        // x_1 = 0.5i 2 + (1 + i) = 1 + 2i; x_2 = 0.5i (1 + 2i) + 2 + 2i = 1 + 2.5i.
        assert_eq!((states, y), (vec![1.0, 2.0, 1.0, 2.5], vec![6.0, 7.0]));
    }
}
