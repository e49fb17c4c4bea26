//! The gated recurrent unit as PyTorch has it (`torch.nn.GRU`): the reset gate acts after the product.
//!
//! r, z = sigmoid(x + b_ih + W_hh h + b_hh); q = W_hn h + b_hn; n = tanh(x_n + b_in + r q); h' = (1 - z) n + z h.
//! Rows r, z, n. The trace is r, z, n, q, [B, 4H] a step.

use super::lanes::{Lanes, each};
use super::real::Real;
use super::recurrent::{BackwardStep, ForwardStep, Recurrence};

pub(super) struct Gru;

impl<R: Real> Recurrence<R> for Gru {
    const GATES: usize = 3;
    const TRACE: usize = 4;

    fn forward(step: ForwardStep<'_, R>) {
        let w = step.hidden;
        let one = R::Lanes::splat(R::ONE);
        for b in 0..step.h.len() / w {
            let (x, product) = (&step.x_proj[b * 3 * w..][..3 * w], &step.product[b * 3 * w..][..3 * w]);
            let gates = &mut step.gates[b * 4 * w..][..4 * w];
            let (h, h_prev) = (&mut step.h[b * w..][..w], &step.h_prev[b * w..][..w]);
            each(w, |at| {
                let input = |gate: usize| {
                    at.get(&x[gate * w..(gate + 1) * w]) + at.get(&step.bias_ih[gate * w..(gate + 1) * w])
                };
                let recurrent = |gate: usize| at.get(&product[gate * w..(gate + 1) * w]);
                let r = (input(0) + recurrent(0)).sigmoid();
                let z = (input(1) + recurrent(1)).sigmoid();
                let q = recurrent(2);
                let n = (input(2) + r * q).tanh();
                at.put(h, (one - z) * n + z * at.get(h_prev));
                for (gate, value) in [r, z, n, q].into_iter().enumerate() {
                    at.put(&mut gates[gate * w..(gate + 1) * w], value);
                }
            });
        }
    }

    /// d_n = dh (1-z) (1-n^2); d_z = dh (h_prev - n) z(1-z); d_r = d_n q r(1-r); d_h is the same but d_n r;
    /// dh_prev += dh z (+ d_h W, the driver's).
    fn backward(step: BackwardStep<'_, R>) {
        let w = step.hidden;
        let one = R::Lanes::splat(R::ONE);
        for b in 0..step.h.len() / w {
            let gates = &step.gates[b * 4 * w..][..4 * w];
            let (d_x, d_h) = (&mut step.d_x[b * 3 * w..][..3 * w], &mut step.d_h[b * 3 * w..][..3 * w]);
            let row = b * w..(b + 1) * w;
            let (h_prev, dh, dh_prev) = (&step.h_prev[row.clone()], &step.dh[row.clone()], &mut step.dh_prev[row]);
            each(w, |at| {
                let gate = |index: usize| at.get(&gates[index * w..(index + 1) * w]);
                let (r, z, n, q) = (gate(0), gate(1), gate(2), gate(3));
                let d = at.get(dh);
                let d_n = d * (one - z) * (one - n * n);
                let d_z = d * (at.get(h_prev) - n) * (z * (one - z));
                let d_r = d_n * q * (r * (one - r));
                at.put(dh_prev, at.get(dh_prev) + d * z);
                for (gate, value) in [d_r, d_z, d_n].into_iter().enumerate() {
                    at.put(&mut d_x[gate * w..(gate + 1) * w], value);
                }
                for (gate, value) in [d_r, d_z, d_n * r].into_iter().enumerate() {
                    at.put(&mut d_h[gate * w..(gate + 1) * w], value);
                }
            });
        }
    }
}
