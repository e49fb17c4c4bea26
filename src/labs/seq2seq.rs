//! Question 6: what does an encoder-decoder do, and what does its bottleneck cost?

use super::{Block, Bound, Claim, Lesson, Prediction, Run, View, longest, short};

/// The task and the data of this lab and of `attention`: what fails through the one vector succeeds with a look back.
pub const COPYING: &[(&str, &str)] = &[
    ("model", "encoder-decoder"),
    ("task", "copy"),
    ("cell", "gru"),
    ("embedding", "16"),
    ("hidden", "64"),
    ("symbols", "8"),
    ("length", "16"),
    ("batch", "32"),
    ("lr", "0.003"),
];

/// The lab.
pub const LESSON: Lesson = Lesson {
    slug: "seq2seq",
    number: 6,
    title: "Encoder and decoder, and the bottleneck between them",
    question: "Explain the sequence-to-sequence (encoder-decoder) architecture.",
    summary: "A string goes through a single vector of 64 numbers and is to come out again. Short ones do; long ones do not.",
    story: &[
        Block::Text(
            "An *encoder* reads the source symbol by symbol. What is left when it has read the last one, its final hidden state, \
             is the *context vector*. A *decoder*, a second recurrent network with weights of its own, starts from that vector \
             and writes the target, one symbol at a time, each time reading the symbol it wrote before, until it writes the end.",
        ),
        Block::Equation(
            "<mrow><mi>c</mi><mo>=</mo><msubsup><mi>h</mi><mi>S</mi><mi>enc</mi></msubsup><mo>,</mo><mspace width=\"1em\"/><msub><mi>s</mi><mi>t</mi></msub><mo>=</mo><mi>GRU</mi><mo>(</mo><msub><mi>y</mi><mrow><mi>t</mi><mo>\u{2212}</mo><mn>1</mn></mrow></msub><mo>,</mo><msub><mi>s</mi><mrow><mi>t</mi><mo>\u{2212}</mo><mn>1</mn></mrow></msub><mo>)</mo><mo>,</mo><mspace width=\"1em\"/><msub><mi>s</mi><mn>0</mn></msub><mo>=</mo><mi>c</mi></mrow>",
        ),
        Block::Text(
            "Source and target need not be of equal length, nor of one alphabet: that is why translation was done this way. The \
             task here is the plainest there is, to write the same string again, because it needs every symbol of the source and \
             nothing else. Whatever is lost was lost on the way through c.",
        ),
        Block::Text(
            "And it is lost. A string of 16 symbols out of 8 holds 48 bits, which 64 numbers could carry with ease; but the encoder \
             has to *learn* a code that keeps 16 places apart, through a recurrence that rewrites its state at every step. Look at the map of contexts and at the \
             numbers below it: what the first symbol was, which the decoder has to write first, says a good deal about the vector; what \
             the last was, though the encoder has just read it, says little. The code serves the writer; what it is asked for \
             late is what it keeps worst.",
        ),
        Block::Text(
            "Longer training, a larger hidden state and an LSTM move the limit; none of them removes it, for the vector stays as \
             large as it is while strings grow. (Sutskever and others got far with a deep LSTM of a thousand units a layer, and by \
             reading the source *backwards*, which brings its beginning near to the target\u{2019}s. Choose \u{201c}Reverse\u{201d} \
             and see why that helps.)",
        ),
        Block::Text(
            "The other model has the same encoder and the same hidden size, and one thing more: at every step its decoder looks at \
             *all* states of the encoder, not only at the last. Type a string of sixteen letters and see both write it. How it looks \
             is the next lab.",
        ),
    ],
    prediction: Prediction {
        asks: "The model writes strings of six symbols without fault. Given strings of sixteen, out of the same alphabet, how many \
               will it write right to the end?",
        answers: &["Nearly all: it has learnt to copy", "About half", "Hardly any"],
        right: 2,
        because: "One vector of fixed size has to hold them all. With a look at every state of the encoder the same network writes them.",
    },
    set: COPYING,
    runs: &[
        Run { name: "Context vector only", set: &[("attention", "none")] },
        Run { name: "With attention", set: &[("attention", "bahdanau")] },
    ],
    views: &[View::Lengths, View::Answers, View::Contexts, View::Learning],
    claims: &[
        Claim {
            says: "Context vector only: strings of up to 6 symbols written right to the end",
            reads: &[(0, "evaluation/exact_match")],
            number: short,
            bound: Bound::AtLeast(0.95),
        },
        Claim {
            says: "Context vector only: the longest strings written right to the end",
            reads: &[(0, "evaluation/exact_match")],
            number: longest,
            bound: Bound::AtMost(0.5),
        },
        Claim {
            says: "With attention, the same hidden size: the longest strings",
            reads: &[(1, "evaluation/exact_match")],
            number: longest,
            bound: Bound::AtLeast(0.8),
        },
    ],
    steps: 3000,
    controls: &["task", "cell", "hidden", "length", "symbols", "lr", "seed"],
    probe: "abcdefghabcdefgh",
};
