//! Question 1: how does a vanilla RNN work?

use super::{Block, Bound, Claim, Lesson, Prediction, Run, View};

/// The lab.
pub const LESSON: Lesson = Lesson {
    slug: "rnn-cell",
    number: 1,
    title: "A vanilla RNN and how far it remembers",
    question: "How does a vanilla RNN work? What is the fundamental equation?",
    summary: "A single tanh layer, repeated at every step, learns to say what it saw one, two, ... fifty-six steps ago.",
    story: &[
        Block::Text(
            "A recurrent network reads a sequence one step at a time and carries one vector along: its hidden state h. At \
             every step it mixes what it reads with what it carries, and squashes the sum into \u{2212}1 .. 1. Click any cell \
             of the heat map to see this equation with that cell\u{2019}s own numbers.",
        ),
        Block::Equation(
            "<mrow><msub><mi>h</mi><mi>t</mi></msub><mo>=</mo><mi>tanh</mi><mo>(</mo><msub><mi>W</mi><mrow><mi>i</mi><mi>h</mi></mrow></msub><msub><mi>x</mi><mi>t</mi></msub><mo>+</mo><msub><mi>b</mi><mrow><mi>i</mi><mi>h</mi></mrow></msub><mo>+</mo><msub><mi>W</mi><mrow><mi>h</mi><mi>h</mi></mrow></msub><msub><mi>h</mi><mrow><mi>t</mi><mo>\u{2212}</mo><mn>1</mn></mrow></msub><mo>+</mo><msub><mi>b</mi><mrow><mi>h</mi><mi>h</mi></mrow></msub><mo>)</mo></mrow>",
        ),
        Block::Text(
            "The matrices are the *same* at every step. That is why a network of fixed size reads sequences of any length, \
             and why unrolling it in time gives a deep network whose layers all share their weights. (PyTorch keeps two \
             biases where textbooks write one; only their sum matters here.)",
        ),
        Block::Text(
            "Whatever the network will need later has to fit into h and survive there. The task makes that visible: random \
             letters come in, and at every step a linear layer on h has to name the letter seen k steps before, for twelve \
             different k at once. The letters are independent, so nothing can be guessed: a right answer was remembered.",
        ),
        Block::Text(
            "Read the memory span off the curve. Near lags are soon perfect, far ones stay at chance, and the edge between \
             them moves outwards slowly as training goes on. The edge has two causes: the state has only so much room, and \
             the gradient that would teach a longer memory fades on its way back in time. The next lab is about that.",
        ),
    ],
    prediction: Prediction {
        asks: "64 units, four letters. How far back will it name letters reliably after a few hundred steps of training?",
        answers: &["1 or 2 steps", "About 10 steps", "About 50 steps, as far as it is asked"],
        right: 1,
        because: "It is almost perfect up to a lag of about ten, and guesses at forty: one letter in four.",
    },
    set: &[
        ("cell", "rnn"),
        ("task", "recall"),
        ("symbols", "4"),
        ("length", "64"),
        ("hidden", "64"),
        ("batch", "16"),
        ("lr", "0.003"),
    ],
    runs: &[Run { name: "RNN", set: &[] }],
    views: &[View::Recall, View::Signals, View::Learning, View::Gradients],
    claims: &[
        Claim {
            says: "Accuracy at its worst lag of up to 5 steps",
            reads: &[(0, "evaluation/lags"), (0, "evaluation/lag_accuracy")],
            number: worst_near,
            bound: Bound::AtLeast(0.95),
        },
        Claim {
            says: "How far accuracy is from chance at any lag of 40 steps or more",
            reads: &[(0, "evaluation/lags"), (0, "evaluation/lag_accuracy"), (0, "evaluation/chance")],
            number: furthest_from_chance,
            bound: Bound::AtMost(0.1),
        },
    ],
    steps: 400,
    controls: &["cell", "hidden", "symbols", "length", "lr", "seed"],
    probe: "",
};

/// The lowest accuracy at lags up to 5.
fn worst_near(values: &[&[f32]]) -> f32 {
    let [lags, accuracy] = values else { return f32::NAN };
    let near = lags.iter().zip(*accuracy).filter(|(lag, _)| **lag <= 5.0);
    near.map(|(_, accuracy)| *accuracy).reduce(f32::min).unwrap_or(f32::NAN)
}

/// The largest distance of the accuracy from chance at lags from 40 on.
fn furthest_from_chance(values: &[&[f32]]) -> f32 {
    let [lags, accuracy, [chance]] = values else { return f32::NAN };
    let far = lags.iter().zip(*accuracy).filter(|(lag, _)| **lag >= 40.0);
    far.map(|(_, accuracy)| (accuracy - chance).abs()).reduce(f32::max).unwrap_or(f32::NAN)
}
