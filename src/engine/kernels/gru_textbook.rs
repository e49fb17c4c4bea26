//! The gated recurrent unit of the textbooks (Cho et al. 2014): the reset gate acts before the product.
//!
//! r, z = sigmoid(x + b_ih + W_hh h + b_hh); s = r h; n = tanh(x_n + b_in + W_hn s + b_hn); h' = (1 - z) h + z n.
//! Rows r, z, n. The trace is r, z, n, s, [B, 4H] a step.

use super::gemm::{Mat, Start};
use super::lanes::{Lanes, each};
use super::real::Real;
use super::recurrent::{BackwardStep, ForwardStep, Recurrence};

pub(super) struct GruTextbook;

impl<R: Real> Recurrence<R> for GruTextbook {
    const GATES: usize = 3;
    const FIRST: usize = 2;
    const TRACE: usize = 4;

    fn forward(step: ForwardStep<'_, R>) {
        let w = step.hidden;
        let batch = step.h.len() / w;
        let one = R::Lanes::splat(R::ONE);
        let sum = |b: usize, gate: usize, product: &[R], at: super::lanes::At| {
            let (block, column) = ((b * 3 + gate) * w..(b * 3 + gate + 1) * w, gate * w..(gate + 1) * w);
            at.get(&step.x_proj[block.clone()]) + at.get(&step.bias_ih[column]) + at.get(&product[block])
        };
        for b in 0..batch {
            let (gates, h_prev) = (&mut step.gates[b * 4 * w..][..4 * w], &step.h_prev[b * w..][..w]);
            each(w, |at| {
                let r = sum(b, 0, step.product, at).sigmoid();
                at.put(&mut gates[..w], r);
                at.put(&mut gates[w..2 * w], sum(b, 1, step.product, at).sigmoid());
                at.put(&mut gates[3 * w..], r * at.get(h_prev));
            });
        }
        let reset = Mat::rows(&step.gates[3 * w..], 4 * w);
        let start = Start::Row(&step.bias_hh[2 * w..]);
        step.second.multiply(batch, reset, &mut step.product[2 * w..], 3 * w, start, step.scratch);
        for b in 0..batch {
            let gates = &mut step.gates[b * 4 * w..][..4 * w];
            let (h, h_prev) = (&mut step.h[b * w..][..w], &step.h_prev[b * w..][..w]);
            each(w, |at| {
                let n = sum(b, 2, step.product, at).tanh();
                let z = at.get(&gates[w..2 * w]);
                at.put(&mut gates[2 * w..3 * w], n);
                at.put(h, (one - z) * at.get(h_prev) + z * n);
            });
        }
    }

    /// d_n = dh z (1-n^2); d_z = dh (n - h_prev) z(1-z); ds = d_n W_n; d_r = ds h_prev r(1-r);
    /// dh_prev += dh (1-z) + ds r (+ [d_r d_z] W_rz, the driver's).
    fn backward(step: BackwardStep<'_, R>) {
        let w = step.hidden;
        let batch = step.h.len() / w;
        let one = R::Lanes::splat(R::ONE);
        for b in 0..batch {
            let gates = &step.gates[b * 4 * w..][..4 * w];
            let d_x = &mut step.d_x[b * 3 * w..][..3 * w];
            let row = b * w..(b + 1) * w;
            let (h_prev, dh, dh_prev) = (&step.h_prev[row.clone()], &step.dh[row.clone()], &mut step.dh_prev[row]);
            each(w, |at| {
                let (z, n) = (at.get(&gates[w..2 * w]), at.get(&gates[2 * w..3 * w]));
                let d = at.get(dh);
                at.put(&mut d_x[2 * w..], d * z * (one - n * n));
                at.put(&mut d_x[w..2 * w], d * (n - at.get(h_prev)) * (z * (one - z)));
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
            each(w, |at| {
                let (r, ds) = (at.get(r), at.get(ds));
                at.put(d_r, ds * at.get(h_prev) * (r * (one - r)));
                at.put(dh_prev, at.get(dh_prev) + ds * r);
            });
        }
    }
}
