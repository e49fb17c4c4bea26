//! The gated recurrent unit as PyTorch has it (`torch.nn.GRU`): the reset gate acts after the product.
//!
//! r, z = sigmoid(x + b_ih + W_hh h + b_hh); q = W_hn h + b_hn; n = tanh(x_n + b_in + r q); h' = (1 - z) n + z h.
//! Rows r, z, n. The trace is r, z, n, q, [B, 4H] a step.

use crate::cell::{Described, Description, Signal};

use super::lanes::{At, Lanes, each};
use super::real::Real;
use super::recurrent::{BackwardStep, ForwardStep, Recurrence, blocks, blocks_mut};

pub(crate) struct Gru;

impl Described for Gru {
    const DESCRIPTION: Description = Description {
        name: "GRU",
        key: "gru",
        module: "gru",
        gates: 3,
        reads_state: 3,
        products_differ: true,
        has_cell_state: false,
        recorded: &["r", "z", "n", "q"],
        signals: &[
            Signal::gate("r", "reset gate"),
            Signal::gate("z", "update gate"),
            Signal::state("n", "candidate"),
            Signal::state("h", "hidden state"),
        ],
        shaders: ["gru_forward", "gru_backward"],
        constants: &[],
    };
}

impl<R: Real> Recurrence<R> for Gru {
    #[inline(never)]
    fn forward(step: ForwardStep<'_, R>) {
        let w = step.hidden;
        let one = R::Lanes::splat(R::ONE);
        let [bias_r, bias_z, bias_n] = blocks(step.bias_ih, w);
        for b in 0..step.h.len() / w {
            let [x_r, x_z, x_n] = blocks(&step.x_proj[b * 3 * w..], w);
            let [p_r, p_z, p_n] = blocks(&step.product[b * 3 * w..], w);
            let [gate_r, gate_z, gate_n, gate_q] = blocks_mut(&mut step.gates[b * 4 * w..], w);
            let (h, h_prev) = (&mut step.h[b * w..][..w], &step.h_prev[b * w..][..w]);
            each!(w, |at| {
                let r = (at.get(x_r) + at.get(bias_r) + at.get(p_r)).sigmoid();
                let z = (at.get(x_z) + at.get(bias_z) + at.get(p_z)).sigmoid();
                let q = at.get(p_n);
                let n = (at.get(x_n) + at.get(bias_n) + r * q).tanh();
                at.put(gate_r, r);
                at.put(gate_z, z);
                at.put(gate_n, n);
                at.put(gate_q, q);
                at.put(h, (one - z) * n + z * at.get(h_prev));
            });
        }
    }

    /// d_n = dh (1-z) (1-n^2); d_z = dh (h_prev - n) z(1-z); d_r = d_n q r(1-r); d_h is the same but d_n r;
    /// dh_prev += dh z (+ d_h W, the driver's).
    #[inline(never)]
    fn backward(step: BackwardStep<'_, R>) {
        let w = step.hidden;
        let one = R::Lanes::splat(R::ONE);
        for b in 0..step.h.len() / w {
            let [r, z, n, q] = blocks(&step.gates[b * 4 * w..], w);
            let [x_r, x_z, x_n] = blocks_mut(&mut step.d_x[b * 3 * w..], w);
            let [h_r, h_z, h_n] = blocks_mut(&mut step.d_h[b * 3 * w..], w);
            let row = b * w..(b + 1) * w;
            let (h_prev, dh, dh_prev) = (&step.h_prev[row.clone()], &step.dh[row.clone()], &mut step.dh_prev[row]);
            each!(w, |at| {
                let (r, z, n, q) = (at.get(r), at.get(z), at.get(n), at.get(q));
                let d = at.get(dh);
                let d_n = d * (one - z) * (one - n * n);
                let d_z = d * (at.get(h_prev) - n) * (z * (one - z));
                let d_r = d_n * q * (r * (one - r));
                at.put(dh_prev, at.get(dh_prev) + d * z);
                at.put(x_r, d_r);
                at.put(h_r, d_r);
                at.put(x_z, d_z);
                at.put(h_z, d_z);
                at.put(x_n, d_n);
                at.put(h_n, d_n * r);
            });
        }
    }
}
