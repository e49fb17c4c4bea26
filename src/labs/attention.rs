//! Question 7: how does attention work in recurrent networks?

use super::seq2seq::COPYING;
use super::{Block, Bound, Claim, Lesson, Prediction, Run, View, longest, single};

/// The lab.
pub const LESSON: Lesson = Lesson {
    slug: "attention",
    number: 7,
    title: "Attention: looking instead of remembering",
    question: "What is the attention mechanism in the context of RNNs? How does Bahdanau attention work?",
    summary: "The strings that did not fit through one vector, written without fault; and at every symbol you see where it looks.",
    story: &[
        Block::Text(
            "The encoder leaves a hidden state at every place of the source, and an encoder-decoder throws all but the last away. \
             *Attention* keeps them. At each step i the decoder\u{2019}s state s compares itself with every state h of the source; \
             the comparison is a number, the *alignment energy*. A softmax over the places makes *weights* of the energies, and the \
             weighted sum of the states is this step\u{2019}s own *context vector*.",
        ),
        Block::Equation(
            "<mrow><msub><mi>e</mi><mrow><mi>i</mi><mi>j</mi></mrow></msub><mo>=</mo><msup><mi>v</mi><mi>T</mi></msup><mi>tanh</mi><mo>(</mo><msub><mi>W</mi><mn>1</mn></msub><msub><mi>s</mi><mi>i</mi></msub><mo>+</mo><msub><mi>W</mi><mn>2</mn></msub><msub><mi>h</mi><mi>j</mi></msub><mo>)</mo></mrow>",
        ),
        Block::Equation(
            "<mrow><msub><mi>\u{3b1}</mi><mrow><mi>i</mi><mi>j</mi></mrow></msub><mo>=</mo><msub><mi>softmax</mi><mi>j</mi></msub><msub><mi>e</mi><mrow><mi>i</mi><mi>j</mi></mrow></msub><mo>,</mo><mspace width=\"0.7em\"/><msub><mi>c</mi><mi>i</mi></msub><mo>=</mo><munder><mo>\u{2211}</mo><mi>j</mi></munder><msub><mi>\u{3b1}</mi><mrow><mi>i</mi><mi>j</mi></mrow></msub><msub><mi>h</mi><mi>j</mi></msub></mrow>",
        ),
        Block::Text(
            "That energy is Bahdanau\u{2019}s, *additive*: a small network with one hidden layer. Luong\u{2019}s is the *dot product* of \
             s and h, which needs no parameters and both to be of one size. All of it is differentiable, so where to look is learnt \
             by the same gradient as everything else: nobody tells the model which symbol belongs to which.",
        ),
        Block::Text(
            "One detail that summaries pass over: in Bahdanau\u{2019}s paper the state *before* the step asks, and the context goes \
             into the cell; in Luong\u{2019}s the state *after* it asks, and the context joins at the prediction. The first run here \
             has the additive energy with the current state; the settings have the other order too.",
        ),
        Block::Text(
            "Copying, the map becomes a diagonal. Is the map an explanation? Not always. Set the task to \u{201c}Reverse\u{201d}: answers are as good, \
             but the weights often sit *beside* the symbol that is written, because a recurrent state carries its neighbours too, \
             and the model may read a symbol off the state next door. Force a weight and see what the answer really hangs on.",
        ),
        Block::Text(
            "A Transformer\u{2019}s attention is the same weighted sum, with two changes: the energies are scaled dot products of learnt \
             projections, and the places that are looked at belong to the same sequence.",
        ),
        Block::Text(
            "For something less plain set the task to dates, and type one: \u{201c}5 march 1998\u{201d}, \u{201c}mar 5, 1998\u{201d}, \
             \u{201c}5.3.1998\u{201d}, \u{201c}1998/3/5\u{201d}. The target has another order than the source, and the map shows who waits for whom.",
        ),
    ],
    prediction: Prediction {
        asks: "The decoder copies a string. While it writes the fourth symbol, where will most of its attention be?",
        answers: &["On the last symbol of the source", "Evenly on all of them", "On the fourth symbol of the source"],
        right: 2,
        because: "Nobody told it: looking at the symbol that is due is what makes the loss fall.",
    },
    set: COPYING,
    runs: &[
        Run { name: "Bahdanau", set: &[("attention", "bahdanau")] },
        Run { name: "Luong, dot", set: &[("attention", "luong-dot")] },
        Run { name: "No attention", set: &[("attention", "none")] },
    ],
    views: &[View::Attention, View::Answers, View::Lengths, View::Learning],
    claims: &[
        Claim {
            says: "Bahdanau: the longest strings written right to the end",
            reads: &[(0, "evaluation/exact_match")],
            number: longest,
            bound: Bound::AtLeast(0.95),
        },
        Claim {
            says: "Bahdanau: attention on the symbol that is due, on the average",
            reads: &[(0, "evaluation/aligned")],
            number: single,
            bound: Bound::AtLeast(0.8),
        },
        Claim {
            says: "No attention: the longest strings written right to the end",
            reads: &[(2, "evaluation/exact_match")],
            number: longest,
            bound: Bound::AtMost(0.5),
        },
    ],
    steps: 3000,
    controls: &["task", "cell", "hidden", "length", "symbols", "lr", "seed"],
    probe: "abcdefghhgfedcba",
};
