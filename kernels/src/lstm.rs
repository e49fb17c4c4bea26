//! Long short-term memory (Hochreiter & Schmidhuber 1997, forget gate of Gers et al. 2000; `torch.nn.LSTM`).
//!
//! [i f g o] = x + b_ih + W_hh h + b_hh; i, f, o through the sigmoid, g through tanh;
//! c' = f c + i g; h' = o tanh(c'). The trace is the four activated gates, [B, 4H] a step.

use std::ops::Range;

use crate::cell::{Described, Description, Signal};

use super::lanes::{At, Lanes, each, map};
use super::real::Real;
use super::recurrent::{BackwardStep, ForwardStep, Recurrence, blocks, blocks_mut};

pub(crate) struct Lstm;

impl Described for Lstm {
    const DESCRIPTION: Description = Description {
        name: "LSTM",
        key: "lstm",
        module: "lstm",
        gates: 4,
        reads_state: 4,
        products_differ: false,
        has_cell_state: true,
        recorded: &["i", "f", "g", "o"],
        signals: &[
            Signal::gate("i", "input gate"),
            Signal::gate("f", "forget gate"),
            Signal::state("g", "candidate"),
            Signal::gate("o", "output gate"),
            Signal::state("c", "cell state"),
            Signal::state("h", "hidden state"),
        ],
        shaders: ["lstm_forward", "lstm_backward"],
        constants: &[],
    };
}

impl<R: Real> Recurrence<R> for Lstm {
    #[inline(never)]
    fn forward(step: ForwardStep<'_, R>) {
        let n = step.hidden;
        for b in 0..step.h.len() / n {
            let row = b * 4 * n..(b + 1) * 4 * n;
            let (x, p) = (&step.x_proj[row.clone()], &step.product[row.clone()]);
            let gates = &mut step.gates[row];
            activate(0..2 * n, x, step.bias_ih, p, gates, R::Lanes::sigmoid);
            activate(2 * n..3 * n, x, step.bias_ih, p, gates, R::Lanes::tanh);
            activate(3 * n..4 * n, x, step.bias_ih, p, gates, R::Lanes::sigmoid);
            let [i, f, g, o] = blocks(gates, n);
            let (h, c) = (&mut step.h[b * n..][..n], &mut step.c[b * n..][..n]);
            let c_prev = &step.c_prev[b * n..][..n];
            each!(n, |at| {
                let state = at.get(f) * at.get(c_prev) + at.get(i) * at.get(g);
                at.put(c, state);
                at.put(h, at.get(o) * state.tanh());
            });
        }
    }

    /// dc += dh o (1 - tanh^2 c); d[i f g o] = dc g i(1-i), dc c_prev f(1-f), dc i (1-g^2), dh tanh(c) o(1-o);
    /// dc_prev += dc f.
    #[inline(never)]
    fn backward(step: BackwardStep<'_, R>) {
        let n = step.hidden;
        let one = R::Lanes::splat(R::ONE);
        map(step.c, step.work, R::Lanes::tanh);
        for b in 0..step.h.len() / n {
            let [i, f, g, o] = blocks(&step.gates[b * 4 * n..], n);
            let [d_i, d_f, d_g, d_o] = blocks_mut(&mut step.d_x[b * 4 * n..], n);
            let row = b * n..(b + 1) * n;
            let (squashed, c_prev, dh) = (&step.work[row.clone()], &step.c_prev[row.clone()], &step.dh[row.clone()]);
            let (dc, dc_prev) = (&mut step.dc[row.clone()], &mut step.dc_prev[row]);
            each!(n, |at| {
                let (i, f, g, o) = (at.get(i), at.get(f), at.get(g), at.get(o));
                let (squashed, d_h) = (at.get(squashed), at.get(dh));
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

/// gates = f(x + bias + p) for some of a row's gates. One function at a time: chains of dependent operations as long as
/// these keep a processor waiting, unless it can look ahead to those of the next numbers.
#[inline(always)]
fn activate<R: Real>(
    part: Range<usize>,
    x: &[R],
    bias: &[R],
    p: &[R],
    gates: &mut [R],
    f: impl Fn(R::Lanes) -> R::Lanes,
) {
    let (x, bias, p, gates) = (&x[part.clone()], &bias[part.clone()], &p[part.clone()], &mut gates[part.clone()]);
    each!(part.len(), |at| at.put(gates, f(at.get(x) + at.get(bias) + at.get(p))));
}
