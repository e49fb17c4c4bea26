//! The gated recurrent unit of the textbooks (Cho et al. 2014): the reset gate acts before the product.
//!
//! r, z = sigmoid(x + b_ih + W_hh h + b_hh); s = r h; n = tanh(x_n + b_in + W_hn s + b_hn); h' = (1 - z) h + z n.
//! Rows r, z, n. The trace is r, z, n, s, [B, 4H] a step.

use super::gemm::{Mat, Start};
use crate::cell::{Described, Description, Signal};

use super::lanes::{At, Lanes, each};
use super::real::Real;
use super::recurrent::{BackwardStep, ForwardStep, Recurrence, blocks, blocks_mut};

pub(crate) struct GruTextbook;

impl Described for GruTextbook {
    const DESCRIPTION: Description = Description {
        name: "GRU (reset before)",
        key: "gru-textbook",
        module: "gru",
        gates: 3,
        reads_state: 2,
        products_differ: false,
        has_cell_state: false,
        recorded: &["r", "z", "n", "s"],
        signals: &[
            Signal::gate("r", "reset gate"),
            Signal::gate("z", "update gate"),
            Signal::state("n", "candidate"),
            Signal::state("h", "hidden state"),
        ],
        shaders: ["gru_textbook_forward", "gru_textbook_backward"],
        constants: &[],
    };
}

impl<R: Real> Recurrence<R> for GruTextbook {
    #[inline(never)]
    fn forward(step: ForwardStep<'_, R>) {
        let w = step.hidden;
        let batch = step.h.len() / w;
        let one = R::Lanes::splat(R::ONE);
        let [bias_r, bias_z, bias_n] = blocks(step.bias_ih, w);
        for b in 0..batch {
            let [x_r, x_z] = blocks(&step.x_proj[b * 3 * w..], w);
            let [p_r, p_z] = blocks(&step.product[b * 3 * w..], w);
            let [gate_r, gate_z, _, gate_s] = blocks_mut(&mut step.gates[b * 4 * w..], w);
            let h_prev = &step.h_prev[b * w..][..w];
            each!(w, |at| {
                let r = (at.get(x_r) + at.get(bias_r) + at.get(p_r)).sigmoid();
                at.put(gate_r, r);
                at.put(gate_z, (at.get(x_z) + at.get(bias_z) + at.get(p_z)).sigmoid());
                at.put(gate_s, r * at.get(h_prev));
            });
        }
        let reset = Mat::rows(&step.gates[3 * w..], 4 * w);
        let start = Start::Row(&step.bias_hh[2 * w..]);
        step.second.multiply(batch, reset, &mut step.product[2 * w..], 3 * w, start, step.scratch);
        for b in 0..batch {
            let block = (b * 3 + 2) * w..(b * 3 + 3) * w;
            let (x, product) = (&step.x_proj[block.clone()], &step.product[block]);
            let [_, gate_z, gate_n, _] = blocks_mut(&mut step.gates[b * 4 * w..], w);
            let (h, h_prev) = (&mut step.h[b * w..][..w], &step.h_prev[b * w..][..w]);
            each!(w, |at| {
                let n = (at.get(x) + at.get(bias_n) + at.get(product)).tanh();
                let z = at.get(gate_z);
                at.put(gate_n, n);
                at.put(h, (one - z) * at.get(h_prev) + z * n);
            });
        }
    }

    /// d_n = dh z (1-n^2); d_z = dh (n - h_prev) z(1-z); ds = d_n W_n; d_r = ds h_prev r(1-r);
    /// dh_prev += dh (1-z) + ds r (+ [d_r d_z] W_rz, the driver's).
    #[inline(never)]
    fn backward(step: BackwardStep<'_, R>) {
        let w = step.hidden;
        let batch = step.h.len() / w;
        let one = R::Lanes::splat(R::ONE);
        for b in 0..batch {
            let [_, z, n, _] = blocks(&step.gates[b * 4 * w..], w);
            let [_, d_z, d_n] = blocks_mut(&mut step.d_x[b * 3 * w..], w);
            let row = b * w..(b + 1) * w;
            let (h_prev, dh, dh_prev) = (&step.h_prev[row.clone()], &step.dh[row.clone()], &mut step.dh_prev[row]);
            each!(w, |at| {
                let (z, n, d) = (at.get(z), at.get(n), at.get(dh));
                at.put(d_n, d * z * (one - n * n));
                at.put(d_z, d * (n - at.get(h_prev)) * (z * (one - z)));
                at.put(dh_prev, at.get(dh_prev) + d * (one - z));
            });
        }
        let d_n = Mat::rows(&step.d_x[2 * w..], 3 * w);
        step.second.multiply(batch, d_n, step.work, w, Start::Zero, step.scratch);
        for b in 0..batch {
            let r = &step.gates[b * 4 * w..][..w];
            let d_r = &mut step.d_x[b * 3 * w..][..w];
            let row = b * w..(b + 1) * w;
            let (h_prev, ds, dh_prev) = (&step.h_prev[row.clone()], &step.work[row.clone()], &mut step.dh_prev[row]);
            each!(w, |at| {
                let (r, ds) = (at.get(r), at.get(ds));
                at.put(d_r, ds * at.get(h_prev) * (r * (one - r)));
                at.put(dh_prev, at.get(dh_prev) + ds * r);
            });
        }
    }
}
