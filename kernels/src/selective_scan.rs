//! The selective scan (Mamba, Gu and Dao 2023, algorithm 2), N real modes a channel:
//! x_t = exp(delta_t A) x_{t-1} + delta_t B_t u_t, y_t = sum over n of C_t x_t.
//!
//! u, delta, y (T, B, D); A (D, N); B, C (T, B, N); states (T, B, D, N), x0 (B, D, N). delta is positive, A negative.

use super::diagonal_scan::ScanDims;
use super::lanes::{At, Lanes, each};
use super::real::Real;

/// Operands of [`selective_scan`].
pub struct Forward<'a, R> {
    /// (T, B, D).
    pub u: &'a [R],
    /// (T, B, D).
    pub delta: &'a [R],
    /// A (D, N).
    pub a: &'a [R],
    /// B (T, B, N).
    pub b: &'a [R],
    /// C (T, B, N).
    pub c: &'a [R],
    /// (B, D, N).
    pub x0: &'a [R],
    /// (T, B, D).
    pub y: &'a mut [R],
    /// (T, B, D, N).
    pub states: &'a mut [R],
}

/// Operands of [`selective_scan_grad`].
pub struct Backward<'a, R> {
    /// (T, B, D).
    pub u: &'a [R],
    /// (T, B, D).
    pub delta: &'a [R],
    /// A (D, N).
    pub a: &'a [R],
    /// B (T, B, N).
    pub b: &'a [R],
    /// C (T, B, N).
    pub c: &'a [R],
    /// (B, D, N).
    pub x0: &'a [R],
    /// (T, B, D, N).
    pub states: &'a [R],
    /// (T, B, D).
    pub dy: &'a [R],
    /// dL/dx_t from outside the scan (T, B, D, N).
    pub outside: Option<&'a [R]>,
    /// (T, B, D).
    pub du: &'a mut [R],
    /// (T, B, D).
    pub d_delta: &'a mut [R],
    /// (D, N).
    pub d_a: &'a mut [R],
    /// (T, B, N).
    pub d_b: &'a mut [R],
    /// (T, B, N).
    pub d_c: &'a mut [R],
    /// (B, D, N).
    pub d_x0: &'a mut [R],
    /// Total dL/dx_t, through this and all later steps (T, B, D, N).
    pub total: &'a mut [R],
}

/// Runs the system, one sequence after the other, so that the state before is in the nearest cache.
pub fn selective_scan<R: Real>(dims: ScanDims, io: Forward<'_, R>) {
    let ScanDims { channels, modes, batch, .. } = dims;
    let state = channels * modes;
    for sequence in 0..batch {
        for row in dims.rows(sequence) {
            let (earlier, rest) = io.states.split_at_mut(row * state);
            let before = match row.checked_sub(batch) {
                Some(before) => &earlier[before * state..(before + 1) * state],
                None => &io.x0[sequence * state..(sequence + 1) * state],
            };
            let (b, c) = (&io.b[row * modes..][..modes], &io.c[row * modes..][..modes]);
            let own = row * channels..(row + 1) * channels;
            let (u, delta) = (&io.u[own.clone()], &io.delta[own.clone()]);
            let by_channel = io.a.chunks_exact(modes).zip(before.chunks_exact(modes)).zip(rest.chunks_exact_mut(modes));
            for ((y, (u, delta)), ((a, before), x)) in io.y[own].iter_mut().zip(u.iter().zip(delta)).zip(by_channel) {
                let (input, delta) = (R::Lanes::splat(*delta * *u), R::Lanes::splat(*delta));
                let mut sum = R::Lanes::splat(R::ZERO);
                each!(modes, |i| {
                    let next = (delta * i.get(a)).exp() * i.get(before) + input * i.get(b);
                    i.put(x, next);
                    sum = sum + i.get(c) * next;
                });
                *y = sum.sum();
            }
        }
    }
}

/// Numbers of scratch memory for [`selective_scan_grad`].
pub fn grad_scratch(dims: ScanDims) -> usize {
    dims.channels * dims.modes
}

/// The same backwards, with g_t = dL/dx_t = C_t dy_t + exp(delta_{t+1} A) g_{t+1} + outside_t.
pub fn selective_scan_grad<R: Real>(dims: ScanDims, io: Backward<'_, R>, scratch: &mut [R]) {
    let ScanDims { channels, modes, batch, .. } = dims;
    let state = channels * modes;
    let carry = &mut scratch[..state];
    io.d_a.fill(R::ZERO);
    for sequence in 0..batch {
        carry.fill(R::ZERO);
        for row in dims.rows(sequence).rev() {
            let before = match row.checked_sub(batch) {
                Some(before) => &io.states[before * state..(before + 1) * state],
                None => &io.x0[sequence * state..(sequence + 1) * state],
            };
            let (b, c) = (&io.b[row * modes..][..modes], &io.c[row * modes..][..modes]);
            let (d_b, d_c) = (&mut io.d_b[row * modes..][..modes], &mut io.d_c[row * modes..][..modes]);
            d_b.fill(R::ZERO);
            d_c.fill(R::ZERO);
            for channel in 0..channels {
                let at = row * channels + channel;
                // Cut to one length, so that the loop over it needs no checks.
                let (here, there) = (channel * modes, at * modes);
                let (a, before, x) = (&io.a[here..][..modes], &before[here..][..modes], &io.states[there..][..modes]);
                let (d_a, carry) = (&mut io.d_a[here..][..modes], &mut carry[here..][..modes]);
                let outside = io.outside.map(|outside| &outside[there..][..modes]);
                let total = &mut io.total[there..][..modes];
                let (u, delta) = (io.u[at], io.delta[at]);
                let (input, step, dy) =
                    (R::Lanes::splat(delta * u), R::Lanes::splat(delta), R::Lanes::splat(io.dy[at]));
                let mut on_input = R::Lanes::splat(R::ZERO);
                let mut on_decay = R::Lanes::splat(R::ZERO);
                each!(modes, |i| {
                    let mut g = i.get(carry) + i.get(c) * dy;
                    if let Some(outside) = outside {
                        g = g + i.get(outside);
                    }
                    i.put(total, g);
                    let pole = i.get(a);
                    let decayed = (step * pole).exp() * g;
                    i.put(carry, decayed);
                    let along = decayed * i.get(before);
                    on_decay = on_decay + pole * along;
                    on_input = on_input + i.get(b) * g;
                    i.put(d_a, i.get(d_a) + step * along);
                    i.put(d_b, i.get(d_b) + input * g);
                    i.put(d_c, i.get(d_c) + dy * i.get(x));
                });
                let on_input = on_input.sum();
                io.du[at] = delta * on_input;
                io.d_delta[at] = on_decay.sum() + u * on_input;
            }
        }
        io.d_x0[sequence * state..(sequence + 1) * state].copy_from_slice(carry);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, cast, numbers, unset, widen};
    use super::*;

    fn value<R: Real>(dims: ScanDims) -> Vec<f64> {
        let ScanDims { steps, batch, channels, modes } = dims;
        let rows = steps * batch;
        let operand = |seed, len| cast::<R>(&numbers(seed, len));
        let positive = |seed, len| cast::<R>(&numbers(seed, len).iter().map(|x| x.abs()).collect::<Vec<f64>>());
        let negative: Vec<R> = positive(3, channels * modes).into_iter().map(|x| -x).collect();
        let (mut y, mut states) = (unset(rows * channels), unset(rows * channels * modes));
        let io = Forward {
            u: &operand(1, rows * channels),
            delta: &positive(2, rows * channels),
            a: &negative,
            b: &operand(4, rows * modes),
            c: &operand(5, rows * modes),
            x0: &operand(6, batch * channels * modes),
            y: &mut y,
            states: &mut states,
        };
        selective_scan(dims, io);
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
    fn a_step_of_length_zero_keeps_the_state() {
        let dims = ScanDims { steps: 1, batch: 1, channels: 1, modes: 2 };
        let (mut y, mut states) = (unset(1), unset(2));
        let io = Forward {
            u: &[5.0],
            delta: &[0.0],
            a: &[-1.0, -2.0],
            b: &[1.0, 1.0],
            c: &[1.0, 10.0],
            x0: &[3.0, 4.0],
            y: &mut y,
            states: &mut states,
        };
        selective_scan::<f64>(dims, io);
        assert_eq!((states, y), (vec![3.0, 4.0], vec![43.0]));
    }
}
