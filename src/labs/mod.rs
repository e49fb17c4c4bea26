//! The labs: each is one file with its question, story, models, views and claim, and one line in [`ALL`]. The page draws
//! them, `tests/claims.rs` holds them to what they claim.

mod attention;
mod bidirectional;
mod exposure_bias;
mod gru_vs_lstm;
mod lstm_gates;
pub mod pictures;
mod playground;
mod rnn_cell;
mod seq2seq;
mod state_space;
mod text_classification;
mod transformers_vs_rnns;
mod vanishing_gradients;
mod variable_lengths;

use std::fmt;

pub use playground::PLAYGROUND;

use crate::spec::{ModelSpec, SpecError, property};

/// Every lab, in the order of the twelve questions.
pub const ALL: &[&Lesson] = &[
    &rnn_cell::LESSON,
    &vanishing_gradients::LESSON,
    &lstm_gates::LESSON,
    &gru_vs_lstm::LESSON,
    &bidirectional::LESSON,
    &seq2seq::LESSON,
    &attention::LESSON,
    &exposure_bias::LESSON,
    &variable_lengths::LESSON,
    &transformers_vs_rnns::LESSON,
    &state_space::LESSON,
    &text_classification::LESSON,
];

/// A lab as its author writes it.
pub struct Lesson {
    /// Its name in the address: `lab=gru-vs-lstm`.
    pub slug: &'static str,
    /// Its place among the twelve questions, from 1; 0 is the playground.
    pub number: u8,
    /// Its heading.
    pub title: &'static str,
    /// The question it answers.
    pub question: &'static str,
    /// What one sees in it, in one sentence.
    pub summary: &'static str,
    /// What there is to know, above and beside the instrument.
    pub story: &'static [Block],
    /// What to guess before one looks.
    pub prediction: Prediction,
    /// Properties in which its models differ from [`ModelSpec::default`], as in the address.
    pub set: &'static [(&'static str, &'static str)],
    /// The models, trained side by side from the same seed and data.
    pub runs: &'static [Run],
    /// What is seen, in order; in the playground what the model has, see [`Lesson::views_of`].
    pub views: &'static [View],
    /// What must come out.
    pub claims: &'static [Claim],
    /// Steps after which every run must have shown it, from the default seed.
    pub steps: u64,
    /// Properties whose controls are in front; the others are folded away.
    pub controls: &'static [&'static str],
    /// The probe text; empty where the task makes its own.
    pub probe: &'static str,
}

impl PartialEq for Lesson {
    fn eq(&self, other: &Lesson) -> bool {
        self.slug == other.slug
    }
}

impl fmt::Debug for Lesson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug)
    }
}

/// A part of the story.
pub enum Block {
    /// A paragraph. `*word*` is emphasised.
    Text(&'static str),
    /// An equation in MathML, without the outer `math` element.
    Equation(&'static str),
}

/// A question before the run, and what the run says to it.
pub struct Prediction {
    /// The question.
    pub asks: &'static str,
    /// Possible answers.
    pub answers: &'static [&'static str],
    /// The answer that the measured run supports, and why, once the claims hold.
    pub right: usize,
    /// What was seen, in a sentence.
    pub because: &'static str,
}

/// One of the models side by side.
pub struct Run {
    /// Its name beside its curves.
    pub name: &'static str,
    /// Properties in which it differs from the lab's others.
    pub set: &'static [(&'static str, &'static str)],
}

impl Run {
    fn sets(&self, key: &str) -> bool {
        self.set.iter().any(|(set, _)| *set == key)
    }
}

/// A picture of the runs. How each is drawn is `ui::views`'s business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Loss and accuracy against step, and against seconds.
    Learning,
    /// Gates and states over the probe text.
    Signals,
    /// dL/dh_t against t.
    Gradients,
    /// What the model writes.
    Writing,
    /// Accuracy against the lag of what is recalled.
    Recall,
    /// Right and wrong tags over a sequence.
    Tagging,
    /// One string, and what every model answers, forced and free.
    Answers,
    /// Exact match against the length of strings.
    Lengths,
    /// Context vectors along their principal components.
    Contexts,
    /// Attention weights, how they come about, and what forcing one does.
    Attention,
    /// Errors against the step of the answer, forced and free.
    Exposure,
    /// The reward of free answers against step.
    Rewards,
    /// The tree of a beam search.
    Beam,
    /// A ragged batch, packed, padded and one by one.
    Ragged,
    /// What a classifier takes for what, among held-out examples.
    Confusion,
    /// A text that the learner types, labelled as it is typed.
    Typing,
    /// Every tensor of the probe text, by name.
    Tensors,
    /// Parameters of the runs, matrix by matrix.
    Parameters,
    /// The held-out loss as it is, and with each gate of every layer clamped to 0 and to 1 (`clamp/f/0/evaluation/loss`).
    Clamping,
    /// The way from what answers a question to the question, in every model, and what comes through (`reach/..`).
    Reach,
    /// The attention of every head of a Transformer.
    Heads,
    /// Time and memory of the models, measured on request.
    Cost,
    /// Poles and kernel of a channel of S4D, and what they would be (`system/..`).
    Poles,
    /// S4D as a recurrence and as a convolution (`modes/..`).
    Modes,
    /// Step lengths of Mamba over the tokens.
    Selection,
}

/// A measured number that must come out.
pub struct Claim {
    /// What it says, as a sentence without the number.
    pub says: &'static str,
    /// The tensors it is computed from: which run, and which path of `Session::view`.
    pub reads: &'static [(usize, &'static str)],
    /// The number, of the tensors' values in the order of `reads`.
    pub number: fn(&[&[f32]]) -> f32,
    /// Where it must lie.
    pub bound: Bound,
}

/// Where a number must lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// At or above.
    AtLeast(f32),
    /// At or below.
    AtMost(f32),
    /// From the first to the second.
    Between(f32, f32),
}

impl Bound {
    /// Whether a number lies there; one that is not a number does not.
    pub fn holds(self, number: f32) -> bool {
        match self {
            Bound::AtLeast(low) => number >= low,
            Bound::AtMost(high) => number <= high,
            Bound::Between(low, high) => (low..=high).contains(&number),
        }
    }

    /// The limit.
    pub fn limit(self) -> f32 {
        let (Bound::AtLeast(limit) | Bound::AtMost(limit) | Bound::Between(_, limit)) = self;
        limit
    }
}

impl Lesson {
    /// The spec its controls start from.
    pub fn spec(&self) -> ModelSpec {
        let mut spec = ModelSpec::default();
        write(&mut spec, self.set).expect("tests/claims.rs reads the settings of every lab");
        spec
    }

    /// The spec of a run, for what the controls say. A run of its own where the lab has none.
    ///
    /// # Errors
    /// What the run's settings make of values they do not go with.
    pub fn run_spec(&self, run: usize, chosen: &ModelSpec) -> Result<ModelSpec, SpecError> {
        let mut spec = chosen.clone();
        write(&mut spec, self.runs.get(run).map_or(&[], |run| run.set))?;
        Ok(spec)
    }

    /// Whether runs have values of their own for this property and the lab does not put its control in front: then no
    /// control sets it.
    pub fn keeps(&self, key: &str) -> bool {
        !self.controls.contains(&key) && self.runs.iter().any(|run| run.sets(key))
    }

    /// The runs that follow a property's control, where some do and some do not.
    pub fn followers(&self, key: &str) -> Vec<&'static str> {
        let followers: Vec<&str> = self.runs.iter().filter(|run| !run.sets(key)).map(|run| run.name).collect();
        if followers.len() < self.runs.len() { followers } else { Vec::new() }
    }

    /// Whether it is no question's lab but the one where everything can be set.
    pub fn is_playground(&self) -> bool {
        self.number == PLAYGROUND.number
    }

    /// What is seen of a model of this spec.
    pub fn views_of(&self, spec: &ModelSpec) -> &'static [View] {
        if self.is_playground() { playground::views(spec) } else { self.views }
    }
}

/// The lab of this name; the playground too.
pub fn find(slug: &str) -> Option<&'static Lesson> {
    ALL.iter().copied().chain([&PLAYGROUND]).find(|lesson| lesson.slug == slug)
}

fn write(spec: &mut ModelSpec, set: &[(&str, &str)]) -> Result<(), SpecError> {
    set.iter().try_for_each(|(key, value)| {
        let property = property(key).ok_or_else(|| SpecError::new(key, "There is no property of this name."))?;
        property.write(spec, value)
    })
}

/// The first number of the first tensor.
pub fn single(values: &[&[f32]]) -> f32 {
    values.first().and_then(|values| values.first()).copied().unwrap_or(f32::NAN)
}

/// The first number of the first tensor minus that of the second.
pub fn difference(values: &[&[f32]]) -> f32 {
    single(values) - values.get(1).map_or(f32::NAN, |second| single(&[second]))
}

/// The mean of the first six numbers of the first tensor: of a measure by length, that of short strings.
pub fn short(values: &[&[f32]]) -> f32 {
    let first = values.first().map_or(&[][..], |values| &values[..values.len().min(6)]);
    first.iter().sum::<f32>() / first.len() as f32
}

/// The last number of the first tensor: of a measure by length, that of the longest strings.
pub fn longest(values: &[&[f32]]) -> f32 {
    values.first().and_then(|values| values.last()).copied().unwrap_or(f32::NAN)
}

/// The first number of the first tensor over that of the second.
pub fn ratio(values: &[&[f32]]) -> f32 {
    single(values) / values.get(1).map_or(f32::NAN, |second| single(&[second]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lab_builds_its_runs_and_has_a_name_of_its_own() {
        for (at, lesson) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|other| other.slug != lesson.slug && other.number < lesson.number));
            assert_eq!(find(lesson.slug).map(|found| found.number), Some(lesson.number));
            assert!((2..=8).contains(&lesson.story.len()), "{}", lesson.slug);
            assert!(lesson.prediction.right < lesson.prediction.answers.len());
            for run in 0..lesson.runs.len() {
                let spec = lesson.run_spec(run, &lesson.spec()).expect("its settings are properties");
                assert_eq!(spec.validate(), Ok(()), "{} {}", lesson.slug, lesson.runs[run].name);
            }
            let known = |key: &&str| property(key).is_some() || ["text", "probe"].contains(key);
            assert!(lesson.controls.iter().all(known), "{}", lesson.slug);
            assert!(lesson.claims.iter().flat_map(|claim| claim.reads).all(|(run, _)| *run < lesson.runs.len()));
        }
    }
}
