//! Question 2: why do gradients vanish, and why are recurrent networks said to suffer more?

use super::{Block, Bound, Claim, Lesson, Prediction, Run, View, single};

/// The lab.
pub const LESSON: Lesson = Lesson {
    slug: "vanishing-gradients",
    number: 2,
    title: "Why gradients vanish",
    question: "Explain the vanishing gradient problem in RNNs. Why is it worse for RNNs than for feedforward networks?",
    summary: "Five networks learn the same sum over 100 steps: watch how much of the gradient reaches the first one.",
    story: &[
        Block::Text(
            "The answer is asked for after the last step, but it hangs on two numbers seen up to a hundred steps earlier. To \
             learn that, the network must be told how the loss depends on an early state; backpropagation multiplies its \
             way back there, one Jacobian a step.",
        ),
        Block::Equation(
            "<mrow><mfrac><mrow><mo>\u{2202}</mo><msub><mi>h</mi><mi>T</mi></msub></mrow><mrow><mo>\u{2202}</mo><msub><mi>h</mi><mi>t</mi></msub></mrow></mfrac><mo>=</mo><munderover><mo>\u{220F}</mo><mrow><mi>k</mi><mo>=</mo><mi>t</mi><mo>+</mo><mn>1</mn></mrow><mi>T</mi></munderover><mi>diag</mi><mo>(</mo><mn>1</mn><mo>\u{2212}</mo><msubsup><mi>h</mi><mi>k</mi><mn>2</mn></msubsup><mo>)</mo><msub><mi>W</mi><mrow><mi>h</mi><mi>h</mi></mrow></msub></mrow>",
        ),
        Block::Text(
            "It is this *product* that counts, tanh\u{2019} = 1 \u{2212} h\u{b2} included, not the largest eigenvalue of W alone. If the \
             matrix\u{2019}s spectral radius is below 1 the product dies out in the long run, since tanh\u{2019} is never above 1. Above 1 \
             it *may* grow, but tanh\u{2019} works against it: at 1.5 the gradient hardly grows here, at 3 it explodes to a \
             billion. Saturated units (h near \u{b1}1) can make it vanish whatever W is.",
        ),
        Block::Text(
            "Is a feed-forward network better off? The fourth run is one of the same depth, a hundred tanh layers with \
             PyTorch\u{2019}s own initialisation: it loses the gradient just as thoroughly. The true difference is that its hundred \
             matrices are *different*. One can be large where another is small, initialisation can be tuned to depth, \
             connections can skip. A recurrent network multiplies by the same matrix each time, so a factor of 0.9 stays 0.9, \
             and its depth is the length of the text: nobody chooses it to be small.",
        ),
        Block::Text(
            "Now watch the LSTM. At first its gradient fades too, by about 0.73 a step, where its forget gates start. \
             Nothing seems to happen for a thousand steps; then the gates it needs open, the gradient arrives, and the loss \
             falls. A gated network does not begin with a gradient that lasts: it is able to *learn* one.",
        ),
        Block::Text(
            "The last run starts with a spectral radius of 3: the gradient at the first step is a billion times the one at \
             the last. Clipping cuts the *length* of the total gradient to 1 and keeps its direction. That holds the weights in \
             place; it does not give them anything good to learn from, and it can do nothing against vanishing.",
        ),
    ],
    prediction: Prediction {
        asks: "The RNN is trained for a while. What happens to the gradient that reaches its first step?",
        answers: &["It recovers as the network learns", "It stays a millionth or less of the last", "It explodes"],
        right: 1,
        because: "It stays far below a millionth, so nothing tells the RNN about early steps, and it never begins to learn.",
    },
    set: &[("task", "adding"), ("length", "100"), ("hidden", "32"), ("batch", "16"), ("lr", "0.02"), ("forget", "1")],
    runs: &[
        Run { name: "RNN", set: &[("cell", "rnn"), ("lr", "0.002")] },
        Run { name: "LSTM", set: &[("cell", "lstm")] },
        Run { name: "GRU", set: &[("cell", "gru")] },
        Run { name: "Feed-forward, 100 layers", set: &[("model", "feed-forward"), ("lr", "0.002")] },
        Run {
            name: "RNN, spectral radius 3, clipped",
            set: &[("cell", "rnn"), ("radius", "3"), ("optimiser", "sgd"), ("lr", "0.001")],
        },
    ],
    views: &[View::Gradients, View::Learning, View::Signals],
    claims: &[
        Claim {
            says: "The RNN: powers of ten by which dL/dh falls from the last step to the first",
            reads: &[(0, NORMS)],
            number: fall,
            bound: Bound::AtLeast(6.0),
        },
        Claim {
            says: "The LSTM, the same, once it has learnt the task",
            reads: &[(1, NORMS)],
            number: fall,
            bound: Bound::AtMost(3.0),
        },
        Claim {
            says: "The LSTM\u{2019}s squared error",
            reads: &[(1, "evaluation/loss")],
            number: single,
            bound: Bound::AtMost(0.02),
        },
        Claim {
            says: "The GRU\u{2019}s fall, in powers of ten",
            reads: &[(2, NORMS)],
            number: fall,
            bound: Bound::AtMost(3.0),
        },
        Claim {
            says: "The feed-forward network\u{2019}s fall from its last layer to its first",
            reads: &[(3, NORMS)],
            number: fall,
            bound: Bound::AtLeast(6.0),
        },
        Claim {
            says: "Spectral radius 3: powers of ten by which dL/dh *grows* from the last step to the first",
            reads: &[(4, NORMS)],
            number: growth,
            bound: Bound::AtLeast(3.0),
        },
        Claim {
            says: "Its squared error while clipping holds it",
            reads: &[(4, "evaluation/loss")],
            number: single,
            bound: Bound::AtMost(10.0),
        },
    ],
    steps: 2500,
    controls: &["length", "hidden", "forget", "clip", "seed"],
    probe: "",
};

const NORMS: &str = "layers/0/grad_h_norm";

/// log10 of the last norm over the first. A norm too small for f32 counts as the smallest that is not.
fn fall(values: &[&[f32]]) -> f32 {
    let Some([first, .., last]) = values.first() else { return f32::NAN };
    last.max(f32::MIN_POSITIVE).log10() - first.max(f32::MIN_POSITIVE).log10()
}

/// The opposite of a fall.
fn growth(values: &[&[f32]]) -> f32 {
    -fall(values)
}
