//! Long short-term memory (Hochreiter & Schmidhuber 1997, forget gate of Gers et al. 2000; `torch.nn.LSTM`).
//!
//! [i f g o] = x + b_ih + W_hh h + b_hh; i, f, o through the sigmoid, g through tanh;
//! c' = f c + i g; h' = o tanh(c'). The trace is the four activated gates, [B, 4H] a step.

use super::lanes::{At, Lanes, each};
use super::real::Real;
use super::recurrent::{BackwardStep, ForwardStep, Recurrence, blocks, blocks_mut};

pub(super) struct Lstm;

impl<R: Real> Recurrence<R> for Lstm {
    const GATES: usize = 4;
    const TRACE: usize = 4;

    #[inline(never)]
    fn forward(step: ForwardStep<'_, R>) {
        let n = step.hidden;
        let [bias_i, bias_f, bias_g, bias_o] = blocks(step.bias_ih, n);
        for b in 0..step.h.len() / n {
            let [x_i, x_f, x_g, x_o] = blocks(&step.x_proj[b * 4 * n..], n);
            let [p_i, p_f, p_g, p_o] = blocks(&step.product[b * 4 * n..], n);
            let [gate_i, gate_f, gate_g, gate_o] = blocks_mut(&mut step.gates[b * 4 * n..], n);
            let (h, c) = (&mut step.h[b * n..][..n], &mut step.c[b * n..][..n]);
            let c_prev = &step.c_prev[b * n..][..n];
            each!(n, |at| {
                let i = (at.get(x_i) + at.get(bias_i) + at.get(p_i)).sigmoid();
                let f = (at.get(x_f) + at.get(bias_f) + at.get(p_f)).sigmoid();
                let g = (at.get(x_g) + at.get(bias_g) + at.get(p_g)).tanh();
                let o = (at.get(x_o) + at.get(bias_o) + at.get(p_o)).sigmoid();
                let state = f * at.get(c_prev) + i * g;
                at.put(gate_i, i);
                at.put(gate_f, f);
                at.put(gate_g, g);
                at.put(gate_o, o);
                at.put(c, state);
                at.put(h, o * state.tanh());
            });
        }
    }

    /// dc += dh o (1 - tanh^2 c); d[i f g o] = dc g i(1-i), dc c_prev f(1-f), dc i (1-g^2), dh tanh(c) o(1-o);
    /// dc_prev += dc f.
    #[inline(never)]
    fn backward(step: BackwardStep<'_, R>) {
        let n = step.hidden;
        let one = R::Lanes::splat(R::ONE);
        for b in 0..step.h.len() / n {
            let [i, f, g, o] = blocks(&step.gates[b * 4 * n..], n);
            let [d_i, d_f, d_g, d_o] = blocks_mut(&mut step.d_x[b * 4 * n..], n);
            let row = b * n..(b + 1) * n;
            let (c, c_prev, dh) = (&step.c[row.clone()], &step.c_prev[row.clone()], &step.dh[row.clone()]);
            let (dc, dc_prev) = (&mut step.dc[row.clone()], &mut step.dc_prev[row]);
            each!(n, |at| {
                let (i, f, g, o) = (at.get(i), at.get(f), at.get(g), at.get(o));
                let (squashed, d_h) = (at.get(c).tanh(), at.get(dh));
                let d_c = at.get(dc) + d_h * o * (one - squashed * squashed);
                at.put(dc, d_c);
                at.put(dc_prev, at.get(dc_prev) + d_c * f);
                at.put(d_i, d_c * g * (i * (one - i)));
                at.put(d_f, d_c * at.get(c_prev) * (f * (one - f)));
                at.put(d_g, d_c * i * (one - g * g));
                at.put(d_o, d_h * squashed * (o * (one - o)));
            });
        }
    }
}
