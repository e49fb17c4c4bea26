//! Question 8: what is teacher forcing, and what does it cost?

use super::{Block, Bound, Claim, Lesson, Prediction, Run, View, difference};

/// The lab.
pub const LESSON: Lesson = Lesson {
    slug: "exposure-bias",
    number: 8,
    title: "Teacher forcing and exposure bias",
    question: "What is teacher forcing? What problems does it cause?",
    summary: "One decoder in two worlds: with the truth before each step, and with what it wrote itself. The gap, and three ways at it.",
    story: &[
        Block::Text(
            "A decoder writes each symbol after the one before. While it learns, which one before? *Teacher forcing* gives it the \
             right one, whatever it would have written. Every step then has a clean target, and all steps are trained at once; from \
             its own early scribble it would learn next to nothing.",
        ),
        Block::Equation(
            "<mrow><mtext>trained:</mtext><mspace width=\"0.4em\"/><mi>p</mi><mo>(</mo><msub><mi>y</mi><mi>t</mi></msub><mo>|</mo><msub><mi>y</mi><mrow><mo>&lt;</mo><mi>t</mi></mrow></msub><mo>,</mo><mi>x</mi><mo>)</mo><mspace width=\"1.5em\"/><mtext>used:</mtext><mspace width=\"0.4em\"/><mi>p</mi><mo>(</mo><msub><mi>y</mi><mi>t</mi></msub><mo>|</mo><msub><mover><mi>y</mi><mo>^</mo></mover><mrow><mo>&lt;</mo><mi>t</mi></mrow></msub><mo>,</mo><mi>x</mi><mo>)</mo></mrow>",
        ),
        Block::Text(
            "In use there is no teacher. The model reads its own symbols, and after the first wrong one it is in a place \
             where it has never been: that is *exposure bias*. One error brings the next. Below, each model answers the same strings \
             twice; the error that only its own symbols bring is the distance between the pale curve and the full one, and it is 0 \
             at the first step, where nothing has been written yet.",
        ),
        Block::Text(
            "*Scheduled sampling* takes the teacher away by and by: at every step a coin decides whether the truth is fed or the \
             model\u{2019}s own symbol, and the coin falls from always to a quarter. The gap shrinks. It is no free gain: the \
             target stays that of the untouched string, so after an own error the model is taught a symbol that no longer follows. \
             Choose \u{201c}Reverse a string of neighbours\u{201d}, where each letter mostly determines the next: there the gap stays as \
             wide, and on the average of several seeds the model errs more on its own, not less. One seed may be luck; try others.",
        ),
        Block::Text(
            "*REINFORCE* drops the teacher. The model writes whole strings by its own probabilities, each string gets a reward, and \
             what it wrote becomes more probable by as much as the reward was better than expected. The reward may be anything that \
             can be counted, an edit distance or BLEU, though none of these has a gradient. Its estimate is noisy, so it begins here \
             where teacher forcing has already led; from nothing it would hardly be rewarded once.",
        ),
        Block::Text(
            "*Beam search* changes nothing in the model: it keeps several beginnings instead of one, and can drop a beginning that looked \
             best. What it finds is nearly always at least as probable as the greedy answer (a wide beam may, rarely, prune the way to it); \
             more probable is not always better, and longer answers have lower sums, hence the length normalisation.",
        ),
    ],
    prediction: Prediction {
        asks: "A decoder trained with teacher forcing answers strings of ten. Where is the difference between its error with the truth \
               before it and its error on its own?",
        answers: &["The same at every step", "None at the first step, and growing", "Largest at the first step"],
        right: 1,
        because: "Before the first step nothing is written yet. From then on every own error makes the next one likelier.",
    },
    set: &[
        ("model", "encoder-decoder"),
        ("task", "reverse"),
        ("cell", "gru"),
        ("embedding", "16"),
        ("hidden", "64"),
        ("symbols", "8"),
        ("length", "10"),
        ("batch", "32"),
        ("lr", "0.003"),
        ("schedule", "linear"),
        ("forcing", "0.25"),
        ("over", "1000"),
        ("reward", "edit-distance"),
        ("pretraining", "1500"),
        ("policy-rate", "0.1"),
    ],
    runs: &[
        Run { name: "Teacher forcing", set: &[("schedule", "constant"), ("forcing", "1")] },
        Run { name: "Scheduled sampling", set: &[] },
        Run { name: "REINFORCE", set: &[("objective", "reinforce"), ("forcing", "1"), ("schedule", "constant")] },
    ],
    views: &[View::Exposure, View::Answers, View::Rewards, View::Beam],
    claims: &[
        Claim {
            says: "Teacher forcing: by how much the gap of the second half exceeds that of the first three steps",
            reads: &[(0, FREE), (0, FORCED)],
            number: growth,
            bound: Bound::AtLeast(0.02),
        },
        Claim {
            says: "Scheduled sampling: its mean gap, as a share of that of teacher forcing",
            reads: &[(1, FREE), (1, FORCED), (0, FREE), (0, FORCED)],
            number: shares,
            bound: Bound::AtMost(0.7),
        },
        Claim {
            says: "REINFORCE: what the reward has gained since it took over",
            reads: &[(2, "reward/now"), (2, "reward/before")],
            number: difference,
            bound: Bound::AtLeast(0.02),
        },
        Claim {
            says: "Strings of which a beam of 5 finds an answer at least as probable as the greedy one (share)",
            reads: &[(0, "beam/5/none/greedy")],
            number: at_least_greedy,
            bound: Bound::AtLeast(1.0),
        },
    ],
    steps: 3000,
    controls: &["task", "forcing", "schedule", "over", "reward", "pretraining", "length", "seed"],
    probe: "hgfedcbaab",
};

const FREE: &str = "evaluation/free_error";
const FORCED: &str = "evaluation/forced_error";
/// Steps at the beginning, where few own symbols have been read.
const FIRST: usize = 3;
/// Nats by which two sums of the same log-probabilities may differ.
const ROUNDING: f32 = 1e-3;

fn mean(numbers: &[f32]) -> f32 {
    numbers.iter().sum::<f32>() / numbers.len() as f32
}

/// Free minus forced at each step.
fn gaps(free: Option<&&[f32]>, forced: Option<&&[f32]>) -> Vec<f32> {
    let (free, forced) = (free.copied().unwrap_or_default(), forced.copied().unwrap_or_default());
    free.iter().zip(forced).map(|(free, forced)| free - forced).collect()
}

fn growth(values: &[&[f32]]) -> f32 {
    let gaps = gaps(values.first(), values.get(1));
    let half = gaps.len() / 2;
    mean(&gaps[half..]) - mean(&gaps[..FIRST.min(gaps.len())])
}

fn shares(values: &[&[f32]]) -> f32 {
    mean(&gaps(values.first(), values.get(1))) / mean(&gaps(values.get(2), values.get(3)))
}

fn at_least_greedy(values: &[&[f32]]) -> f32 {
    let Some((greedy, beam)) = values.first().map(|values| values.split_at(values.len() / 2)) else { return f32::NAN };
    let at_least = greedy.iter().zip(beam).filter(|(greedy, beam)| **beam >= **greedy - ROUNDING).count();
    at_least as f32 / greedy.len() as f32
}
