//! Question 10: why did Transformers replace RNNs, and what do RNNs still have?

use super::{Block, Bound, Claim, Lesson, Prediction, Run, View};

/// The lab.
pub const LESSON: Lesson = Lesson {
    slug: "transformers-vs-rnns",
    number: 10,
    title: "Why Transformers won, and what RNNs keep",
    question: "Why have Transformers largely replaced RNNs? What advantages do RNNs still have?",
    summary: "An RNN, an LSTM and a small Transformer, as large as each other, look up what they read up to ninety steps ago.",
    story: &[
        Block::Text(
            "Five vowels appear once each with one of eight accents, scattered among blanks; whenever a vowel comes back without \
             an accent, the model has to name the one it had. The three models see the same sequences and have about as many \
             parameters each. A right answer at a distance of n steps has to travel these n steps, by whatever way the model has.",
        ),
        Block::Text(
            "In a recurrent network it travels through the state, one timestep after the other: n products, as in lab 2. In a \
             Transformer the query of the asking token meets the key of *every* earlier token at once, and the softmax picks the \
             value that is read:",
        ),
        Block::Equation(
            "<mrow><msub><mi>y</mi><mi>t</mi></msub><mo>=</mo><munder><mo>\u{2211}</mo><mrow><mi>s</mi><mo>\u{2264}</mo><mi>t</mi></mrow></munder><mi>softmax</mi><msub><mrow><mo>(</mo><msub><mi>q</mi><mi>t</mi></msub><mo>\u{b7}</mo><msub><mi>k</mi><mi>s</mi></msub><mo>/</mo><msqrt><mi>d</mi></msqrt><mo>)</mo></mrow><mi>s</mi></msub><msub><mi>v</mi><mi>s</mi></msub></mrow>",
        ),
        Block::Text(
            "The way is one step long whatever the distance, so it learns near and far facts together, within two hundred training \
             steps. The RNN stays at chance for all but the nearest: nothing arrives from far. The LSTM needs two or three times as many \
             steps (on one core no more seconds: draw the curves per second). Its way is as long as the RNN\u{2019}s, but through open \
             gates what arrives does not fade. Yet it has to keep all five facts in a state of fixed size, needed or not; what it lets \
             go it cannot look up.",
        ),
        Block::Text(
            "The second reason is speed, and this page can show only half of it. Over a training sequence a Transformer needs no \
             state of the step before, so all T positions are computed at once; an RNN needs T steps in turn. On a graphics card \
             that is worth orders of magnitude. One processor core does everything in turn anyway: measured here, the RNN is the \
             cheaper one, and the work of attention, which grows with T\u{b2}, shows at the right of the first curve. At the sizes \
             of this page fixed costs count too; read off how the curves *grow*, not who is ahead.",
        ),
        Block::Text(
            "What RNNs keep: a token costs them the same at place 10 and at place 4,000, and they carry one state. A Transformer \
             that writes compares with all tokens before, and keeps their keys and values (the KV cache): both grow with the \
             place. Streams without end, and devices with little memory, are where states are at home; lab 11 is about \
             models that train in parallel *and* carry a state. That larger Transformers go on gaining where larger RNNs stop, the \
             third reason, no browser can show.",
        ),
    ],
    prediction: Prediction {
        asks: "The same data, about 14,000 parameters each. Who is the first, in training steps, to be right at forty steps and more?",
        answers: &["All three at about the same step", "The LSTM, it was built for this", "The Transformer"],
        right: 2,
        because: "It is above nine in ten at every distance before the LSTM is anywhere near; the RNN still guesses, one in eight.",
    },
    set: &[
        ("task", "lookup"),
        ("symbols", "8"),
        ("length", "96"),
        ("embedding", "32"),
        ("heads", "2"),
        ("positions", "sinusoidal"),
        ("batch", "16"),
    ],
    runs: &[
        Run { name: "RNN", set: &[("cell", "rnn"), ("hidden", "88"), ("lr", "0.002")] },
        Run { name: "LSTM", set: &[("cell", "lstm"), ("hidden", "40"), ("forget", "1"), ("lr", "0.01")] },
        Run { name: "Transformer", set: &[("model", "transformer"), ("hidden", "32"), ("lr", "0.005")] },
    ],
    views: &[View::Recall, View::Reach, View::Heads, View::Cost, View::Learning, View::Signals],
    claims: &[
        Claim {
            says: "The Transformer\u{2019}s accuracy at distances of 40 steps and more",
            reads: &[(2, LAGS), (2, SHARES)],
            number: far,
            bound: Bound::AtLeast(0.9),
        },
        Claim {
            says: "How far the RNN\u{2019}s accuracy there is from chance",
            reads: &[(0, LAGS), (0, SHARES), (0, "evaluation/chance")],
            number: far_from_chance,
            bound: Bound::AtMost(0.1),
        },
        Claim {
            says: "The most parameters of a model, as a multiple of the fewest",
            reads: &[(0, COUNT), (1, COUNT), (2, COUNT)],
            number: spread,
            bound: Bound::AtMost(1.2),
        },
        Claim {
            says: "The Transformer: derivative that arrives from 40 steps and more, as a share of that from less than 20",
            reads: &[(2, QUESTIONS), (2, INFLUENCE)],
            number: kept,
            bound: Bound::AtLeast(0.3),
        },
        Claim {
            says: "The same of the RNN",
            reads: &[(0, QUESTIONS), (0, INFLUENCE)],
            number: kept,
            bound: Bound::AtMost(0.01),
        },
    ],
    steps: 300,
    controls: &["length", "symbols", "heads", "layers", "seed"],
    probe: "",
};

const LAGS: &str = "evaluation/lags";
const SHARES: &str = "evaluation/lag_accuracy";
const COUNT: &str = "count/parameters";
const QUESTIONS: &str = "reach/questions";
const INFLUENCE: &str = "reach/influence";

/// A distance from which on a fact counts as far, and below which as near.
const FAR: f32 = 40.0;
const NEAR: f32 = 20.0;

fn mean(numbers: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = numbers.fold((0.0, 0.0), |(sum, count), number| (sum + number, count + 1.0));
    sum / count
}

/// The mean accuracy at far lags.
fn far(values: &[&[f32]]) -> f32 {
    let [lags, accuracy, ..] = values else { return f32::NAN };
    mean(lags.iter().zip(*accuracy).filter(|(lag, _)| **lag >= FAR).map(|(_, share)| *share))
}

fn far_from_chance(values: &[&[f32]]) -> f32 {
    let Some([chance]) = values.get(2) else { return f32::NAN };
    (far(values) - chance).abs()
}

/// The largest of single numbers over the smallest.
fn spread(values: &[&[f32]]) -> f32 {
    let numbers = || values.iter().filter_map(|value| value.first().copied());
    numbers().fold(0.0, f32::max) / numbers().fold(f32::INFINITY, f32::min)
}

/// The mean derivative that arrives from far facts over that from near ones.
fn kept(values: &[&[f32]]) -> f32 {
    let [questions, influence] = values else { return f32::NAN };
    let count = questions.len() / 2;
    let steps = influence.len() / count.max(1);
    let arrives = |within: fn(f32) -> bool| {
        let places = questions.chunks_exact(2).enumerate().filter(move |(_, pair)| within(pair[0] - pair[1]));
        mean(places.map(|(at, pair)| influence[at * steps + pair[1] as usize]))
    };
    arrives(|distance| distance >= FAR) / arrives(|distance| distance < NEAR)
}
