//! The plain recurrent cell (Elman 1990; `torch.nn.RNN`): h = act(x + b_ih + W_hh h + b_hh), one block of weights.

use crate::cell::{Described, Description, Signal};

use super::lanes::{At, Lanes, each};
use super::real::Real;
use super::recurrent::{BackwardStep, ForwardStep, Recurrence};

/// act = tanh.
pub(crate) struct Tanh;
/// act = max(0, .).
pub(crate) struct Relu;

impl Described for Tanh {
    const DESCRIPTION: Description = Description {
        name: "RNN",
        key: "rnn",
        module: "rnn",
        gates: 1,
        reads_state: 1,
        products_differ: false,
        has_cell_state: false,
        recorded: &[],
        signals: &[Signal::state("h", "hidden state")],
        shaders: ["rnn_forward", "rnn_backward"],
        constants: &[("RELU", 0)],
    };
}

impl Described for Relu {
    const DESCRIPTION: Description =
        Description { name: "RNN (ReLU)", key: "rnn-relu", constants: &[("RELU", 1)], ..Tanh::DESCRIPTION };
}

impl<R: Real> Recurrence<R> for Tanh {
    #[inline(never)]
    fn forward(step: ForwardStep<'_, R>) {
        forward(step, |x| x.tanh());
    }
    #[inline(never)]
    fn backward(step: BackwardStep<'_, R>) {
        backward(step, |h, dh| dh * (R::Lanes::splat(R::ONE) - h * h));
    }
}

impl<R: Real> Recurrence<R> for Relu {
    #[inline(never)]
    fn forward(step: ForwardStep<'_, R>) {
        forward(step, |x| x.max(R::Lanes::splat(R::ZERO)));
    }
    #[inline(never)]
    fn backward(step: BackwardStep<'_, R>) {
        let zero = R::Lanes::splat(R::ZERO);
        backward(step, |h, dh| zero.if_less(h, dh, zero));
    }
}

/// h [B, H] = act(x + b_ih + product).
#[inline(always)]
fn forward<R: Real>(step: ForwardStep<'_, R>, act: impl Fn(R::Lanes) -> R::Lanes) {
    let hidden = step.hidden;
    let bias = &step.bias_ih[..hidden];
    let rows = step.h.chunks_exact_mut(hidden).zip(step.x_proj.chunks_exact(hidden));
    for ((h, x), product) in rows.zip(step.product.chunks_exact(hidden)) {
        each!(hidden, |i| i.put(h, act(i.get(x) + i.get(bias) + i.get(product))));
    }
}

/// d_x [B, H] = act'(h) dh.
#[inline(always)]
fn backward<R: Real>(step: BackwardStep<'_, R>, derivative: impl Fn(R::Lanes, R::Lanes) -> R::Lanes) {
    each!(step.h.len(), |i| i.put(step.d_x, derivative(i.get(step.h), i.get(step.dh))));
}
