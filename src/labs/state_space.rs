//! Question 11: what are state-space models, and how do they relate to RNNs?

use super::{Block, Bound, Claim, Lesson, Prediction, Run, View, single};

/// The lab.
pub const LESSON: Lesson = Lesson {
    slug: "state-space",
    number: 11,
    title: "State-space models, from S4 to Mamba",
    question: "What are state-space models (Mamba, S4) and how do they relate to RNNs?",
    summary: "S4D, Mamba and a GRU pick four letters out of blanks: a system that does not change, one that chooses, one with gates.",
    story: &[
        Block::Text(
            "A state-space layer is a recurrent layer without a nonlinearity inside: a linear system in continuous time, made \
             discrete with a step length \u{394}. S4D keeps A diagonal, so each number of its state is a damped oscillation of its own; \
             the first S4 adds a low-rank part to the diagonal, for the same end.",
        ),
        Block::Equation(
            "<mrow><mfrac><mrow><mi>d</mi><mi>x</mi></mrow><mrow><mi>d</mi><mi>t</mi></mrow></mfrac><mo>=</mo><mi>A</mi><mi>x</mi><mo>+</mo><mi>B</mi><mi>u</mi><mspace width=\"2em\"></mspace><msub><mi>x</mi><mi>t</mi></msub><mo>=</mo><msup><mi>e</mi><mrow><mi>\u{394}</mi><mi>A</mi></mrow></msup><msub><mi>x</mi><mrow><mi>t</mi><mo>\u{2212}</mo><mn>1</mn></mrow></msub><mo>+</mo><mover><mi>B</mi><mo>\u{af}</mo></mover><msub><mi>u</mi><mi>t</mi></msub></mrow>",
        ),
        Block::Text(
            "Because nothing in it depends on the input, the whole layer is *one* convolution with a fixed kernel: that is how it \
             is trained in parallel, while it writes as a recurrence, with a state of fixed size. Both ways are computed below \
             from the same parameters. (In between lies a third, the associative scan, which is what Mamba uses on a GPU; on \
             this page its scan runs step by step.)",
        ),
        Block::Text(
            "The price shows in the task. Four letters stand at random places among blanks and are to be written at the end, in \
             order. A fixed kernel weighs a token by how long ago it was, never by what it is: it cannot pass over the blanks. \
             Mamba makes \u{394}, B and C *from the token*. A large \u{394} writes the token into the state, a \u{394} near 0 leaves the state \
             alone: a gate, as in a GRU, found from the other side. (How the work is shared between \u{394}, B and C is learnt, and \
             differs from run to run: some channels step far at blanks, to forget, and take letters in through B. Look at the map.) For one number of state with A = \u{2212}1 and B = 1, zero-order \
             hold gives exactly x = (1 \u{2212} g) x + g u with g = sigmoid of what \u{394} is made from. (For the second factor Mamba\u{2019}s \
             authors take the simpler \u{394} B, and so does this page.)",
        ),
        Block::Text(
            "What is claimed is a claim about *when*: as Mamba is right, the plain S4D of the same width and depth is still far from it. It \
             is not incapable. Let the run go on and it improves, for between its linear layers there is a nonlinearity; wider and deeper ones \
             get further, and gates and short convolutions, which are usually put around S4 layers, were left out here on purpose. The \
             GRU, which selects by its gates, learns the task too: what Mamba has over it is training that need not go step by step.",
        ),
    ],
    prediction: Prediction {
        asks: "Which of the three cannot ignore the blanks by construction, and lags behind?",
        answers: &[
            "S4D, whose system is the same at every token",
            "Mamba, whose state is linear",
            "The GRU, the oldest",
        ],
        right: 0,
        because: "S4D weighs tokens by their age only; Mamba and the GRU decide by what they read.",
    },
    set: &[
        ("task", "selective-copy"),
        ("symbols", "24"),
        ("length", "40"),
        ("hidden", "16"),
        ("layers", "2"),
        ("state", "8"),
        ("batch", "32"),
        ("lr", "0.01"),
    ],
    runs: &[
        Run { name: "S4D", set: &[("model", "s4d")] },
        Run { name: "Mamba", set: &[("model", "mamba")] },
        Run { name: "GRU", set: &[("cell", "gru"), ("layers", "1"), ("hidden", "32"), ("embedding", "16")] },
    ],
    views: &[View::Learning, View::Selection, View::Poles, View::Modes, View::Signals],
    claims: &[
        Claim {
            says: "Mamba\u{2019}s accuracy on the letters",
            reads: &[(1, "evaluation/accuracy")],
            number: single,
            bound: Bound::AtLeast(0.95),
        },
        Claim {
            says: "That of S4D of the same width and depth, after no fewer steps",
            reads: &[(0, "evaluation/accuracy")],
            number: single,
            bound: Bound::AtMost(0.6),
        },
        Claim {
            says: "S4D as a recurrence and as a convolution: the largest difference",
            reads: &[(0, "modes/difference")],
            number: single,
            bound: Bound::AtMost(1e-4),
        },
        Claim {
            says: "Mamba\u{2019}s \u{394}: the largest factor, up or down, between a channel\u{2019}s mean at letters and at blanks",
            reads: &[(1, "reach/questions"), (1, "probe/layers/0/delta"), (1, "probe/layers/1/delta")],
            number: selected,
            bound: Bound::AtLeast(2.0),
        },
    ],
    steps: 1250,
    controls: &["symbols", "state", "discretisation", "scan", "seed"],
    probe: "",
};

/// Of the step lengths (T, 1, D) of some layers, the largest factor in a channel between the mean at the steps that show an
/// answer and the mean at all others before the first question.
fn selected(values: &[&[f32]]) -> f32 {
    let [questions, layers @ ..] = values else { return f32::NAN };
    let pairs = || questions.chunks_exact(2);
    let body = pairs().map(|pair| pair[0] as usize).min().unwrap_or(0);
    // The questions are the last steps.
    let steps = (body + pairs().count()).max(1);
    let factor = |lengths: &[f32], channel: usize| {
        let mean = |shown: bool| {
            let chosen = (0..body).filter(|t| pairs().any(|pair| pair[1] as usize == *t) == shown);
            let of = |t: usize| lengths[t * (lengths.len() / steps) + channel];
            let (sum, count) = chosen.fold((0.0, 0.0), |(sum, count), t| (sum + of(t), count + 1.0));
            sum / count
        };
        let ratio: f32 = mean(true) / mean(false);
        ratio.max(1.0 / ratio)
    };
    let of_layer =
        |lengths: &&[f32]| (0..lengths.len() / steps).map(|channel| factor(lengths, channel)).fold(f32::NAN, f32::max);
    layers.iter().map(of_layer).fold(f32::NAN, f32::max)
}
