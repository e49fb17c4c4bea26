//! Question 12: how is a text classified with an LSTM?

use super::{Block, Bound, Claim, Lesson, Prediction, Run, View, difference, ratio, single};

/// The lab.
pub const LESSON: Lesson = Lesson {
    slug: "text-classification",
    number: 12,
    title: "Classify a text with an LSTM",
    question: "How do you classify text with an LSTM?",
    summary: "Reads a family name letter by letter and says which language it sounds like. Type your own.",
    story: &[
        Block::Text(
            "The recipe: every letter becomes a vector (an *embedding*), two LSTM layers read the name in both directions, \
             and a small perceptron turns their final states into one number for each language. The softmax makes \
             probabilities of these, and cross entropy trains all of it at once.",
        ),
        Block::Equation(
            "<mrow><mi>p</mi><mo>=</mo><mi>softmax</mi><mo>(</mo><msub><mi>W</mi><mn>2</mn></msub><mi>relu</mi><mo>(</mo><msub><mi>W</mi><mn>1</mn></msub><mo>[</mo><msub><mover><mi>h</mi><mo>\u{2192}</mo></mover><mi>T</mi></msub><mo>;</mo><msub><mover><mi>h</mi><mo>\u{2190}</mo></mover><mn>1</mn></msub><mo>]</mo><mo>)</mo><mo>)</mo></mrow>",
        ),
        Block::Text(
            "Which state is *final* is where most such programs go wrong. Reading forwards it is the one after the last real \
             letter, not after the padding that fills up the batch; packing takes care of that. Reading backwards it is the \
             one at the *first* letter, where that direction ends. output[:, -1] has neither: for most names it is padding, \
             and even for the longest its backward half has read a single letter. h_n[-2] and h_n[-1] are the right ones.",
        ),
        Block::Text(
            "The network learns from four fifths of the names and is judged by the rest, which it never sees. The matrix \
             shows what it takes for what, and the mistakes below it are often ones you would make: a name can be at home \
             in several languages. (These are 220 romanised family names a language, stereotypes, and no census.)",
        ),
        Block::Text(
            "Two models, one difference. With *dropout* half of the numbers between the layers are left out at random in \
             every training step. Without it the network soon knows all of its own names by heart. It names new ones right \
             about as often, and yet its held-out loss is clearly worse, because it has become sure of everything, of its \
             mistakes too. Accuracy alone does not show that.",
        ),
        Block::Text(
            "Type a name and see what each letter contributes: its colour is |gradient \u{00D7} input|, the size of what the \
             favourite\u{2019}s score would lose, to first order, if that letter\u{2019}s vector shrank. It points at endings like \
             -ov and -ini; it is a hint at what the network uses, and no proof.",
        ),
    ],
    prediction: Prediction {
        asks: "Without dropout it ends up naming every name right that it was trained on. How many of those it has never seen?",
        answers: &["Nearly all of them, too", "About nine in ten", "One in five: it has only learnt by heart"],
        right: 1,
        because: "It has learnt the sound of the languages and, beyond that, its own names: the gap is the overfitting.",
    },
    set: &[
        ("model", "classifier"),
        ("task", "labels"),
        ("cell", "lstm"),
        ("layers", "2"),
        ("bidirectional", "on"),
        ("embedding", "16"),
        ("hidden", "32"),
        ("length", "16"),
        ("batch", "32"),
        ("lr", "0.005"),
    ],
    runs: &[
        Run { name: "Dropout 0.5", set: &[("dropout", "0.5")] },
        Run { name: "No dropout", set: &[("dropout", "0")] },
    ],
    views: &[View::Typing, View::Confusion, View::Learning],
    claims: &[
        Claim {
            says: "Share of held-out names whose language it names",
            reads: &[(0, "evaluation/accuracy")],
            number: single,
            bound: Bound::AtLeast(0.85),
        },
        Claim {
            says: "The same of always guessing the most frequent language",
            reads: &[(0, "evaluation/chance")],
            number: single,
            bound: Bound::AtMost(0.25),
        },
        Claim {
            says: "Without dropout: how much better it does on its own names than on held-out ones",
            reads: &[(1, "evaluation/training_accuracy"), (1, "evaluation/accuracy")],
            number: difference,
            bound: Bound::AtLeast(0.05),
        },
        Claim {
            says: "Held-out loss without dropout, in multiples of the loss with it",
            reads: &[(1, "evaluation/loss"), (0, "evaluation/loss")],
            number: ratio,
            bound: Bound::AtLeast(1.2),
        },
    ],
    steps: 1500,
    controls: &["text", "cell", "bidirectional", "hidden", "layers", "embedding", "lr", "seed"],
    probe: "Takahashi",
};
