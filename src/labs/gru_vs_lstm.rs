//! Question 4: how does a GRU differ from an LSTM, and when would one prefer which?

use super::{Block, Bound, Claim, Lesson, Prediction, Run, View, ratio, single};

/// The lab.
pub const LESSON: Lesson = Lesson {
    slug: "gru-vs-lstm",
    number: 4,
    title: "GRU or LSTM?",
    question: "How does GRU differ from LSTM? When would you prefer one over the other?",
    summary: "Both learn the same text from the same seed: compare what they cost and what they reach.",
    story: &[
        Block::Text(
            "An LSTM keeps two vectors from step to step, a cell state and a hidden state, and has three gates to look \
             after them. A GRU keeps *one* vector and has two gates. Its update gate does the work of two: what it does \
             not keep of the old state it takes from the candidate, so forgetting and writing are one decision.",
        ),
        Block::Equation(
            "<mrow><msub><mi>h</mi><mi>t</mi></msub><mo>=</mo><mo>(</mo><mn>1</mn><mo>\u{2212}</mo><msub><mi>z</mi><mi>t</mi></msub><mo>)</mo><mo>\u{2299}</mo><msub><mi>n</mi><mi>t</mi></msub><mo>+</mo><msub><mi>z</mi><mi>t</mi></msub><mo>\u{2299}</mo><msub><mi>h</mi><mrow><mi>t</mi><mo>\u{2212}</mo><mn>1</mn></mrow></msub></mrow>",
        ),
        Block::Text(
            "Three blocks of weights instead of four: at equal hidden size the GRU\u{2019}s recurrent layer has exactly \
             three quarters of the LSTM\u{2019}s parameters, and a step costs less. What it lacks is a state that no output \
             gate has to show: an LSTM can remember something without saying it.",
        ),
        Block::Text(
            "Beware of two conventions. PyTorch\u{2019}s z = 1 *keeps* the old state; many textbooks write the mirror image, \
             where z = 1 *replaces* it. And PyTorch applies the reset gate after the matrix product, the original paper \
             before it. Both are here: switch the cell to \u{201c}GRU (reset before)\u{201d} to see that little changes.",
        ),
        Block::Text(
            "Watch both curves twice: against steps, and against seconds, where the GRU\u{2019}s cheaper steps count too. On \
             this short text the GRU is ahead in the first few hundred steps, from each seed the tests try; that is a statement about \
             this text, these sizes and PyTorch\u{2019}s initialisation, which starts the LSTM\u{2019}s forget gates half closed. Set the \
             forget gate bias to 1, or take a text of your own, and look again before you prefer one.",
        ),
    ],
    prediction: Prediction {
        asks: "Same hidden size, same text, same seed. How many recurrent parameters does the GRU have?",
        answers: &["Half of the LSTM\u{2019}s", "Three quarters of the LSTM\u{2019}s", "As many as the LSTM"],
        right: 1,
        because: "Three blocks of rows (r, z, n) against four (i, f, g, o): three quarters, to the last parameter.",
    },
    set: &[("hidden", "64"), ("length", "48"), ("batch", "16")],
    runs: &[Run { name: "GRU", set: &[("cell", "gru")] }, Run { name: "LSTM", set: &[("cell", "lstm")] }],
    views: &[View::Learning, View::Parameters, View::Signals, View::Writing],
    claims: &[
        Claim {
            says: "Recurrent parameters of the GRU, as a share of the LSTM\u{2019}s",
            reads: &[(0, "count/recurrent"), (1, "count/recurrent")],
            number: ratio,
            bound: Bound::Between(0.75, 0.75),
        },
        Claim {
            says: "The GRU\u{2019}s loss on the text, in nats per character",
            reads: &[(0, "evaluation/loss")],
            number: single,
            bound: Bound::AtMost(0.4),
        },
        Claim {
            says: "The LSTM\u{2019}s loss on the text, in nats per character",
            reads: &[(1, "evaluation/loss")],
            number: single,
            bound: Bound::AtMost(0.7),
        },
    ],
    steps: 400,
    controls: &["text", "hidden", "layers", "forget", "lr", "seed"],
    probe: "",
};
