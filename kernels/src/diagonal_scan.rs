//! A diagonal linear system run over a sequence, N complex modes a channel (the recurrent mode of S4D, Gu et al. 2022):
//! x_t = dA x_{t-1} + dB u_t, y_t = 2 Re(sum over n of C x_t). The 2 Re stands for the conjugate half of the modes.
//!
//! u, y (T, B, H); dA, dB, C (H, N, 2); states (T, B, H, N, 2), x0 (B, H, N, 2).

use std::ops::Range;

use super::complex::{Complex, SideBySide};
use super::lanes::{At, Lanes, WIDTH, each};
use super::real::Real;

/// Channels that go through all steps together: their weights, states and gradients fit into the nearest cache, and what
/// they read and write of a step lies side by side.
const TILE: usize = 16;

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
    /// The channels, tile by tile.
    fn tiles(self) -> impl Iterator<Item = Range<usize>> {
        (0..self.channels).step_by(TILE).map(move |first| first..self.channels.min(first + TILE))
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
    /// Total dL/dx_t, through this and all later steps (T, B, H, N, 2), if anybody sees it: as much memory as the states.
    pub total: Option<&'a mut [R]>,
}

/// Numbers of scratch memory for [`diagonal_scan`].
pub fn scan_scratch(dims: ScanDims) -> usize {
    SideBySide { modes: dims.modes, tensors: 4 }.len(TILE.min(dims.channels))
}

/// Numbers of scratch memory for [`diagonal_scan_grad`].
pub fn grad_scratch(dims: ScanDims) -> usize {
    SideBySide { modes: dims.modes, tensors: 7 }.len(TILE.min(dims.channels))
}

/// Runs the system, tile by tile, one sequence after the other.
pub fn diagonal_scan<R: Real>(dims: ScanDims, io: Forward<'_, R>, scratch: &mut [R]) {
    // What a loop over modes works on.
    const DECAY: usize = 0;
    const INPUT: usize = 1;
    const OUTPUT: usize = 2;
    const STATE: usize = 3;
    let ScanDims { channels, modes, .. } = dims;
    let layout = SideBySide { modes, tensors: 4 };
    let scratch = &mut scratch[..scan_scratch(dims)];
    let (size, state) = (2 * modes, 2 * channels * modes);
    for tile in dims.tiles() {
        let own = tile.start * size..tile.end * size;
        layout.spread(DECAY, &io.decay[own.clone()], scratch);
        layout.spread(INPUT, &io.input[own.clone()], scratch);
        layout.spread(OUTPUT, &io.output[own.clone()], scratch);
        for sequence in 0..dims.batch {
            layout.spread(STATE, &io.x0[sequence * state..][own.clone()], scratch);
            for row in dims.rows(sequence) {
                for (channel, work) in tile.clone().zip(scratch.chunks_exact_mut(layout.len(1))) {
                    let states = &mut io.states[row * state + channel * size..][..size];
                    let u = R::Lanes::splat(io.u[row * channels + channel]);
                    let mut sum = R::Lanes::splat(R::ZERO);
                    each!(modes, |i| {
                        let at = layout.tensors * (i.range().start / WIDTH);
                        let x = Complex::load(work, at + DECAY) * Complex::load(work, at + STATE)
                            + Complex::load(work, at + INPUT).scale(u);
                        x.store(work, at + STATE);
                        x.put(i, states);
                        sum = sum + Complex::<R>::load(work, at + OUTPUT).real_product(x);
                    });
                    let sum = sum.sum();
                    io.y[row * channels + channel] = sum + sum;
                }
            }
        }
    }
}

/// The same backwards. With g_t = dL/dx_t as (dL/dre, dL/dim): g_t = 2 conj(C) dy_t + conj(dA) g_{t+1} + outside_t.
pub fn diagonal_scan_grad<R: Real>(dims: ScanDims, mut io: Backward<'_, R>, scratch: &mut [R]) {
    // What a loop over modes works on; the carry is conj(dA) g of the step after.
    const DECAY: usize = 0;
    const INPUT: usize = 1;
    const OUTPUT: usize = 2;
    const CARRY: usize = 3;
    const D_DECAY: usize = 4;
    const D_INPUT: usize = 5;
    const D_OUTPUT: usize = 6;
    let ScanDims { channels, modes, .. } = dims;
    let layout = SideBySide { modes, tensors: 7 };
    let scratch = &mut scratch[..grad_scratch(dims)];
    let (size, state) = (2 * modes, 2 * channels * modes);
    for tile in dims.tiles() {
        let own = tile.start * size..tile.end * size;
        layout.spread(DECAY, &io.decay[own.clone()], scratch);
        layout.spread(INPUT, &io.input[own.clone()], scratch);
        layout.spread(OUTPUT, &io.output[own.clone()], scratch);
        [D_DECAY, D_INPUT, D_OUTPUT].into_iter().for_each(|gradient| layout.clear(gradient, scratch));
        for sequence in 0..dims.batch {
            layout.clear(CARRY, scratch);
            for row in dims.rows(sequence).rev() {
                let before = match row.checked_sub(dims.batch) {
                    Some(before) => &io.states[before * state..][..state],
                    None => &io.x0[sequence * state..][..state],
                };
                for (channel, work) in tile.clone().zip(scratch.chunks_exact_mut(layout.len(1))) {
                    let (here, there) = (channel * size, row * state + channel * size);
                    let (x, before) = (&io.states[there..][..size], &before[here..][..size]);
                    let outside = io.outside.map(|outside| &outside[there..][..size]);
                    let mut total = io.total.as_deref_mut().map(|total| &mut total[there..][..size]);
                    let (u, dy) = (io.u[row * channels + channel], io.dy[row * channels + channel]);
                    let (u, dy) = (R::Lanes::splat(u), R::Lanes::splat(dy + dy));
                    let mut du = R::Lanes::splat(R::ZERO);
                    each!(modes, |i| {
                        let at = layout.tensors * (i.range().start / WIDTH);
                        // Loaded before anything is written: a large buffer often lies at the same place in its page.
                        let (x, before) = (Complex::get(i, x), Complex::get(i, before));
                        let mut g =
                            Complex::load(work, at + CARRY) + Complex::load(work, at + OUTPUT).conjugate().scale(dy);
                        if let Some(outside) = outside {
                            g = g + Complex::get(i, outside);
                        }
                        if let Some(total) = &mut total {
                            g.put(i, total);
                        }
                        (Complex::load(work, at + DECAY).conjugate() * g).store(work, at + CARRY);
                        du = du + Complex::load(work, at + INPUT).conjugate().real_product(g);
                        (Complex::load(work, at + D_DECAY) + before.conjugate() * g).store(work, at + D_DECAY);
                        (Complex::load(work, at + D_INPUT) + g.scale(u)).store(work, at + D_INPUT);
                        (Complex::load(work, at + D_OUTPUT) + x.conjugate().scale(dy)).store(work, at + D_OUTPUT);
                    });
                    io.du[row * channels + channel] = du.sum();
                }
            }
            layout.gather(CARRY, scratch, &mut io.d_x0[sequence * state..][own.clone()]);
        }
        layout.gather(D_DECAY, scratch, &mut io.d_decay[own.clone()]);
        layout.gather(D_INPUT, scratch, &mut io.d_input[own.clone()]);
        layout.gather(D_OUTPUT, scratch, &mut io.d_output[own]);
    }
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
