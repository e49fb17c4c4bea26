//! The one table of properties: a row for every field of [`ModelSpec`], with its key, control, limits and meaning.

use std::ops::RangeInclusive;

use super::choices::Choice;
use super::{Architecture, ModelSpec, Objective, Schedule, SpecError, limits};
use crate::engine::cell::Cell;

/// What kind of control a property is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    /// One of some `(value, label)`s.
    Choice(&'static [(&'static str, &'static str)]),
    /// A whole number of a range.
    Integer(usize, usize),
    /// A number of a range.
    Number(f32, f32),
    /// A number of a range, or `off`.
    OptionalNumber(f32, f32),
}

/// One property of a [`ModelSpec`].
pub struct Property {
    /// Its key in the address and in `seqlab.set`.
    pub key: &'static str,
    /// The same for the second model of the playground: `b.` and the key.
    pub second_key: &'static str,
    /// What the learner reads beside the control.
    pub label: &'static str,
    /// One sentence of help.
    pub help: &'static str,
    /// The control that fits it.
    pub control: Control,
    /// Whether a change takes effect in the run that is going on; otherwise a new model is built.
    pub live: bool,
    /// Whether it changes anything in a model of this spec.
    pub applies: fn(&ModelSpec) -> bool,
    read: fn(&ModelSpec) -> String,
    write: fn(&mut ModelSpec, &str) -> Result<(), String>,
}

impl Property {
    /// The property's value as it stands in the address.
    pub fn read(&self, spec: &ModelSpec) -> String {
        (self.read)(spec)
    }

    /// Sets the property from text. On an error `spec` is untouched.
    pub fn write(&self, spec: &mut ModelSpec, text: &str) -> Result<(), SpecError> {
        (self.write)(spec, text.trim()).map_err(|message| SpecError::new(self.key, message))
    }

    const fn live(mut self) -> Property {
        self.live = true;
        self
    }

    const fn when(mut self, applies: fn(&ModelSpec) -> bool) -> Property {
        self.applies = applies;
        self
    }
}

/// The property named `key`.
pub fn property(key: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.key == key)
}

/// The kinds of values: how each is read from text, and written.
mod kinds {
    use super::*;
    use crate::number;

    pub fn choice<T: Choice>(text: &str) -> Result<T, String> {
        let found = T::NAMES.iter().position(|(value, _)| value.eq_ignore_ascii_case(text));
        found.map(|at| T::ALL[at]).ok_or_else(|| {
            let known: Vec<&str> = T::NAMES.iter().map(|(value, _)| *value).collect();
            format!("\u{201c}{}\u{201d} is not one of {}.", shortened(text), known.join(", "))
        })
    }

    pub fn integer(text: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
        let (low, high) = (*range.start(), *range.end());
        match number::parse(text) {
            Some(number) if number.fract() == 0.0 && (low as f64..=high as f64).contains(&number) => {
                Ok(number as usize)
            }
            Some(_) => Err(format!("{} is not a whole number from {low} to {high}.", shortened(text))),
            None => Err(format!(
                "\u{201c}{}\u{201d} is not a number. A whole number from {low} to {high} is.",
                shortened(text)
            )),
        }
    }

    pub fn number(text: &str, range: RangeInclusive<f32>) -> Result<f32, String> {
        let (low, high) = (*range.start(), *range.end());
        match number::parse(text).map(|number| number as f32) {
            Some(number) if range.contains(&number) => Ok(number),
            Some(_) => Err(format!("{} is outside {} to {}.", shortened(text), number::show(low), number::show(high))),
            None => Err(format!(
                "\u{201c}{}\u{201d} is not a number. Any from {} to {} is.",
                shortened(text),
                number::show(low),
                number::show(high)
            )),
        }
    }

    pub fn optional(text: &str, range: RangeInclusive<f32>) -> Result<Option<f32>, String> {
        match text {
            "" | "off" | "none" => Ok(None),
            _ => self::number(text, range).map(Some),
        }
    }

    pub fn show_optional(value: Option<f32>) -> String {
        value.map_or_else(|| "off".to_owned(), number::show)
    }

    fn shortened(text: &str) -> String {
        let short: String = text.chars().take(24).collect();
        if short.len() < text.len() { short + "\u{2026}" } else { short }
    }
}

/// A row of the table: kind, field, key, label, help.
macro_rules! row {
    (@ $key:literal, $label:literal, $help:literal, $control:expr, $read:expr, $write:expr) => {
        Property {
            key: $key,
            second_key: concat!("b.", $key),
            label: $label,
            help: $help,
            control: $control,
            live: false,
            applies: |_| true,
            read: $read,
            write: $write,
        }
    };
    (choice $type:ty, $field:ident, $key:literal, $label:literal, $help:literal) => {
        row!(
            @ $key, $label, $help, Control::Choice(<$type as Choice>::NAMES),
            |spec| spec.$field.key().to_owned(),
            |spec, text| kinds::choice::<$type>(text).map(|value| spec.$field = value)
        )
    };
    (integer $range:expr, $field:ident, $key:literal, $label:literal, $help:literal) => {
        row!(
            @ $key, $label, $help, Control::Integer(*$range.start(), *$range.end()),
            |spec| spec.$field.to_string(),
            |spec, text| kinds::integer(text, $range).map(|value| spec.$field = value)
        )
    };
    (number $range:expr, $field:ident, $key:literal, $label:literal, $help:literal) => {
        row!(
            @ $key, $label, $help, Control::Number(*$range.start(), *$range.end()),
            |spec| crate::number::show(spec.$field),
            |spec, text| kinds::number(text, $range).map(|value| spec.$field = value)
        )
    };
    (optional $range:expr, $field:ident, $key:literal, $label:literal, $help:literal) => {
        row!(
            @ $key, $label, $help, Control::OptionalNumber(*$range.start(), *$range.end()),
            |spec| kinds::show_optional(spec.$field),
            |spec, text| kinds::optional(text, $range).map(|value| spec.$field = value)
        )
    };
}

fn recurrent(spec: &ModelSpec) -> bool {
    matches!(spec.model, Architecture::Recurrent | Architecture::EncoderDecoder | Architecture::Classifier)
}

/// Whether it reads symbols, not numbers.
fn reads_symbols(spec: &ModelSpec) -> bool {
    spec.task != super::Task::Adding
}

fn decodes(spec: &ModelSpec) -> bool {
    spec.model == Architecture::EncoderDecoder
}

fn reinforces(spec: &ModelSpec) -> bool {
    decodes(spec) && spec.objective == Objective::Reinforce
}

fn scheduled(spec: &ModelSpec) -> bool {
    decodes(spec) && spec.objective == Objective::CrossEntropy && spec.schedule != Schedule::Constant
}

/// Every property, in the order of the controls.
pub const PROPERTIES: &[Property] = &[
    row!(choice Architecture, model, "model", "Model", "What is trained; each kind has tasks of its own."),
    row!(choice super::Task, task, "task", "Task", "What it learns: from your text, or from examples made as it trains."),
    row!(choice Cell, cell, "cell", "Cell", "The recurrence that is repeated at every timestep.").when(recurrent),
    row!(choice super::BackendKind, backend, "backend", "Runs on", "The processor, or the graphics card through WebGPU."),
    row!(integer limits::LAYERS, layers, "layers", "Layers", "Layers, each reading the hidden states of the one below.")
        .when(|spec| !decodes(spec) && spec.model != Architecture::FeedForward),
    row!(integer limits::HIDDEN, hidden, "hidden", "Hidden size", "Units of the hidden state."),
    row!(choice bool, bidirectional, "bidirectional", "Bidirectional", "A second network reads each sequence from its end; the two are concatenated.")
        .when(|spec| matches!(spec.model, Architecture::Recurrent | Architecture::Classifier)),
    row!(integer limits::EMBEDDING, embedding, "embedding", "Embedding", "Numbers that stand for a token; 0 feeds tokens one-hot.")
        .when(|spec| recurrent(spec) && reads_symbols(spec)),
    row!(number limits::DROPOUT, dropout, "dropout", "Dropout", "The share of activations between layers that a training step leaves out.")
        .when(|spec| matches!(spec.model, Architecture::Recurrent | Architecture::Classifier)),
    row!(choice super::Attention, attention, "attention", "Attention", "How the decoder looks at the encoder\u{2019}s states; without it, it has only their last.")
        .when(decodes),
    row!(integer limits::HEADS, heads, "heads", "Heads", "Attentions side by side, each on its share of the hidden size.")
        .when(|spec| spec.model == Architecture::Transformer),
    row!(choice super::Positions, positions, "positions", "Positions", "How a Transformer knows where a token stands.")
        .when(|spec| spec.model == Architecture::Transformer),
    row!(integer limits::STATE_SIZE, state_size, "state", "State size", "Numbers of memory in each channel of a state-space layer.")
        .when(|spec| matches!(spec.model, Architecture::S4d | Architecture::Mamba)),
    row!(choice super::Discretisation, discretisation, "discretisation", "Discretisation", "From the continuous system to timesteps.")
        .when(|spec| spec.model == Architecture::S4d),
    row!(choice super::Scan, scan, "scan", "Computed as", "The same linear system, step by step or as one convolution.")
        .when(|spec| spec.model == Architecture::S4d),
    row!(integer limits::SEQUENCE_LENGTH, sequence_length, "length", "Sequence length", "Characters the gradient travels through: the T of backpropagation through time."),
    row!(integer limits::SYMBOLS, symbols, "symbols", "Symbols", "Different symbols in the examples that are made.")
        .when(|spec| !spec.task.reads_text() && reads_symbols(spec)),
    row!(integer limits::BATCH, batch, "batch", "Batch", "Sequences whose gradients are averaged in one step."),
    row!(choice Objective, objective, "objective", "Objective", "The likelihood of the target, or a reward for what the model writes by itself.")
        .when(decodes),
    row!(number limits::RATIO, teacher_forcing, "forcing", "Teacher forcing", "How often the decoder reads the true last symbol instead of its own, at the end of the schedule.")
        .when(|spec| decodes(spec) && spec.objective == Objective::CrossEntropy),
    row!(choice Schedule, schedule, "schedule", "Schedule", "How teacher forcing goes from always to the ratio.")
        .when(|spec| decodes(spec) && spec.objective == Objective::CrossEntropy),
    row!(integer limits::SCHEDULE_STEPS, schedule_steps, "over", "Schedule steps", "Training steps the schedule takes.").when(scheduled),
    row!(choice super::Feedback, feedback, "feedback", "Feedback", "Which of its own symbols a decoder reads: the most probable, or one drawn by its probabilities.")
        .when(|spec| decodes(spec) && spec.objective == Objective::CrossEntropy),
    row!(choice super::Reward, reward, "reward", "Reward", "What a written sequence is worth beside the right one.").when(reinforces),
    row!(choice super::Baseline, baseline, "baseline", "Baseline", "What a reward is compared with, so that its gradient varies less.").when(reinforces),
    row!(number limits::ENTROPY, entropy, "entropy", "Entropy bonus", "Rewards a decoder that stays undecided, so that it goes on exploring.").when(reinforces),
    row!(integer limits::PRETRAINING, pretraining, "pretraining", "Teacher forcing first", "Steps of teacher forcing before the reward takes over: who writes nothing right is never rewarded.")
        .when(reinforces),
    row!(number limits::POLICY_RATE, policy_rate, "policy-rate", "Rate of REINFORCE", "Its learning rate, as a share of the other: its gradient is noisy, and a large step undoes what the teacher taught.")
        .when(|spec| reinforces(spec) && spec.pretraining > 0),
    row!(choice super::OptimiserKind, optimiser, "optimiser", "Optimiser", "How a gradient becomes a change of the parameters."),
    row!(number limits::LEARNING_RATE, learning_rate, "lr", "Learning rate", "The size of a step. It may be changed while the model trains.")
        .live(),
    row!(optional limits::CLIP, clip, "clip", "Clip gradient norm", "The largest total gradient norm; \u{201c}off\u{201d} lets it explode. It may be changed while the model trains.")
        .live(),
    row!(optional limits::FORGET_BIAS, forget_bias, "forget", "Forget gate bias", "LSTM only: where the forget gates start; \u{201c}off\u{201d} is PyTorch\u{2019}s initialisation, 1 keeps memory open.")
        .when(|spec| recurrent(spec) && spec.cell == Cell::Lstm),
    row!(optional limits::SPECTRAL_RADIUS, spectral_radius, "radius", "Spectral radius", "The largest eigenvalue, in absolute value, of each recurrent matrix at the start; \u{201c}off\u{201d} is PyTorch\u{2019}s.")
        .when(recurrent),
    row!(
        @ "seed", "Seed", "The same seed, settings and text give the same run, to the last bit on the CPU.",
        Control::Integer(0, u32::MAX as usize),
        |spec| spec.seed.to_string(),
        |spec, text| kinds::integer(text, 0..=u32::MAX as usize).map(|value| spec.seed = value as u32)
    ),
];
