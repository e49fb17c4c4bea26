//! Question 3: how does the LSTM solve it, gate by gate?

use super::{Block, Bound, Claim, Lesson, Prediction, Run, View, ratio, single};

/// The lab.
pub const LESSON: Lesson = Lesson {
    slug: "lstm-gates",
    number: 3,
    title: "The gates of an LSTM",
    question: "How does LSTM solve the vanishing gradient problem? Walk through all the gates.",
    summary: "An LSTM learns to add two marked numbers sixty steps apart; an RNN of the same size does not. Then clamp a gate.",
    story: &[
        Block::Text(
            "An LSTM adds a second vector, the cell state c. From step to step it is only scaled and added to: the *forget* \
             gate f says how much of it stays, the *input* gate i how much of the *candidate* g comes in. The *output* gate o \
             says how much of it is shown, as h = o \u{2299} tanh(c), to the next step and to the layer above.",
        ),
        Block::Equation(
            "<mrow><msub><mi>c</mi><mi>t</mi></msub><mo>=</mo><msub><mi>f</mi><mi>t</mi></msub><mo>\u{2299}</mo><msub><mi>c</mi><mrow><mi>t</mi><mo>\u{2212}</mo><mn>1</mn></mrow></msub><mo>+</mo><msub><mi>i</mi><mi>t</mi></msub><mo>\u{2299}</mo><msub><mi>g</mi><mi>t</mi></msub></mrow>",
        ),
        Block::Text(
            "Along c the gradient of one step is f itself: no matrix, no tanh\u{2019}. Where f is near 1 it passes unharmed; where f \
             closes it is gone, on purpose, because what was forgotten no longer matters. So an LSTM\u{2019}s gradients *do* vanish \
             where its forget gates close, and they may still explode through the gates. (The path along c is exact only when \
             one leaves out that the gates themselves depend on h: that second path has matrices in it.)",
        ),
        Block::Text(
            "The task is Hochreiter and Schmidhuber\u{2019}s: a number between 0 and 1 at every step, two of them marked; say \
             their sum at the end. Who always says 1 has a mean squared error of 1/6, and that is where both networks sit at \
             first. Look at the gates when the LSTM has got it: the input gate reacts to marks, the forget gate of the \
             units that count stays open, and c climbs in two steps.",
        ),
        Block::Text(
            "Then operate. Clamp every forget gate to 0 and each step starts from nothing: the error is back at guessing or \
             worse. Clamp them to 1 and memory stays almost as good as it was, because on this task nothing needs to be \
             forgotten; on a text, where old sentences must go, it would not. Clamp the input gate open, and every unmarked \
             number is added too.",
        ),
        Block::Text(
            "The RNN beside it has as many parameters, spread over twice the units. That it fails is no law: with an \
             orthogonal or identity start a plain RNN can learn this task. What gates give is that nothing of the kind has to \
             be tuned.",
        ),
    ],
    prediction: Prediction {
        asks: "The trained LSTM\u{2019}s forget gates are clamped to 1: it can never forget. Its error will be ...",
        answers: &["That of guessing", "Almost as small as before", "Much larger than that of guessing"],
        right: 1,
        because: "Nothing here must be forgotten. Clamped to 0 instead, it cannot remember, and is as bad as guessing.",
    },
    set: &[("task", "adding"), ("length", "60"), ("batch", "16"), ("hidden", "32")],
    runs: &[
        Run { name: "LSTM", set: &[("cell", "lstm"), ("lr", "0.02"), ("forget", "1")] },
        Run { name: "RNN of equal size", set: &[("cell", "rnn"), ("hidden", "66"), ("lr", "0.002")] },
    ],
    views: &[View::Learning, View::Signals, View::Clamping, View::Gradients, View::Parameters],
    claims: &[
        Claim {
            says: "The LSTM\u{2019}s squared error",
            reads: &[(0, "evaluation/loss")],
            number: single,
            bound: Bound::AtMost(0.02),
        },
        Claim {
            says: "The RNN\u{2019}s squared error, as a share of that of who always says 1",
            reads: &[(1, "evaluation/loss"), (1, "evaluation/chance_loss")],
            number: ratio,
            bound: Bound::AtLeast(0.9),
        },
        Claim {
            says: "The RNN\u{2019}s parameters, as a share of the LSTM\u{2019}s",
            reads: &[(1, "count/parameters"), (0, "count/parameters")],
            number: ratio,
            bound: Bound::Between(0.95, 1.05),
        },
        Claim {
            says: "The LSTM\u{2019}s with every forget gate clamped to 0, as a share of the same",
            reads: &[(0, "clamp/f/0/evaluation/loss"), (0, "evaluation/chance_loss")],
            number: ratio,
            bound: Bound::AtLeast(0.8),
        },
        Claim {
            says: "The LSTM\u{2019}s squared error with every forget gate clamped to 1",
            reads: &[(0, "clamp/f/1/evaluation/loss")],
            number: single,
            bound: Bound::AtMost(0.05),
        },
    ],
    steps: 2000,
    controls: &["length", "layers", "dropout", "batch", "seed"],
    probe: "",
};
