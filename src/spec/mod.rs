//! What a run is: [`ModelSpec`], its limits, and the one table of [`properties`](PROPERTIES) through which the
//! address bar, the controls, `seqlab.set` and the tests read, write and validate it.

mod choices;
mod properties;

pub use choices::{
    Architecture, Attention, BackendKind, Baseline, Choice, Discretisation, Feedback, Objective, OptimiserKind,
    Positions, Reward, Scan, Schedule, Task,
};
pub use properties::{Control, PROPERTIES, Property, property};

use std::fmt;

use crate::engine::cell::Cell;
use crate::wire::wire_struct;

/// Everything that decides a run, besides its text. The same spec, text and seed give the same losses. What a field means
/// and takes: its row of [`PROPERTIES`].
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// What is trained.
    pub model: Architecture,
    /// What it learns.
    pub task: Task,
    /// The recurrent cell.
    pub cell: Cell,
    /// Stacked layers or blocks.
    pub layers: usize,
    /// Units of the hidden state; the width of a Transformer, an S4D or a Mamba model.
    pub hidden: usize,
    /// Whether a second network reads from the end.
    pub bidirectional: bool,
    /// Width of the embedding; 0 feeds tokens one-hot.
    pub embedding: usize,
    /// Share of activations between layers that is left out.
    pub dropout: f32,
    /// How a decoder looks back.
    pub attention: Attention,
    /// Attention heads of a Transformer.
    pub heads: usize,
    /// Position encoding of a Transformer.
    pub positions: Positions,
    /// Numbers of state in a channel of a state-space layer.
    pub state_size: usize,
    /// From continuous time to steps.
    pub discretisation: Discretisation,
    /// How S4D is computed while training.
    pub scan: Scan,
    /// Timesteps T of one training sequence; the longest of the made strings.
    pub sequence_length: usize,
    /// Different symbols of made strings.
    pub symbols: usize,
    /// Sequences B in one step.
    pub batch: usize,
    /// What a decoder's training raises.
    pub objective: Objective,
    /// Probability of feeding the truth once the schedule is over.
    pub teacher_forcing: f32,
    /// The way there.
    pub schedule: Schedule,
    /// Steps of the way.
    pub schedule_steps: usize,
    /// What is fed instead of the truth.
    pub feedback: Feedback,
    /// REINFORCE: the reward.
    pub reward: Reward,
    /// REINFORCE: what it is compared with.
    pub baseline: Baseline,
    /// REINFORCE: weight of the entropy.
    pub entropy: f32,
    /// REINFORCE: steps of teacher forcing before it.
    pub pretraining: usize,
    /// REINFORCE: its learning rate, as a share of that of the teacher forcing before it.
    pub policy_rate: f32,
    /// The optimiser.
    pub optimiser: OptimiserKind,
    /// Its learning rate.
    pub learning_rate: f32,
    /// Largest total gradient norm (`clip_grad_norm_`); `None` does not clip.
    pub clip: Option<f32>,
    /// Seed of initialisation, batches and sampling.
    pub seed: u32,
    /// CPU or GPU.
    pub backend: BackendKind,
    /// LSTM only: the sum of the two forget gate biases at the start; `None` keeps PyTorch's initialisation.
    pub forget_bias: Option<f32>,
    /// Rescale every recurrent matrix to this spectral radius at the start; `None` keeps PyTorch's.
    pub spectral_radius: Option<f32>,
}

wire_struct!(ModelSpec {
    model,
    task,
    cell,
    layers,
    hidden,
    bidirectional,
    embedding,
    dropout,
    attention,
    heads,
    positions,
    state_size,
    discretisation,
    scan,
    sequence_length,
    symbols,
    batch,
    objective,
    teacher_forcing,
    schedule,
    schedule_steps,
    feedback,
    reward,
    baseline,
    entropy,
    pretraining,
    policy_rate,
    optimiser,
    learning_rate,
    clip,
    seed,
    backend,
    forget_bias,
    spectral_radius,
});

impl Default for ModelSpec {
    fn default() -> Self {
        ModelSpec {
            model: Architecture::Recurrent,
            task: Task::Text,
            cell: Cell::Lstm,
            layers: 1,
            hidden: 64,
            bidirectional: false,
            embedding: 0,
            dropout: 0.0,
            attention: Attention::None,
            heads: 4,
            positions: Positions::Learned,
            state_size: 16,
            discretisation: Discretisation::ZeroOrderHold,
            scan: Scan::Recurrence,
            sequence_length: 48,
            symbols: 8,
            batch: 16,
            objective: Objective::CrossEntropy,
            teacher_forcing: 1.0,
            schedule: Schedule::Constant,
            schedule_steps: 1000,
            feedback: Feedback::Argmax,
            reward: Reward::TokenAccuracy,
            baseline: Baseline::Moving,
            entropy: 0.0,
            pretraining: 0,
            policy_rate: 1.0,
            optimiser: OptimiserKind::Adam,
            learning_rate: 0.005,
            clip: Some(1.0),
            seed: 1,
            backend: BackendKind::Cpu,
            forget_bias: None,
            spectral_radius: None,
        }
    }
}

/// The limits, stated once; the controls, the address and the worker all check against these.
pub mod limits {
    use std::ops::RangeInclusive;
    /// Stacked layers.
    pub const LAYERS: RangeInclusive<usize> = 1..=4;
    /// Hidden units.
    pub const HIDDEN: RangeInclusive<usize> = 8..=256;
    /// Timesteps of a training sequence.
    pub const SEQUENCE_LENGTH: RangeInclusive<usize> = 2..=512;
    /// Sequences in a step.
    pub const BATCH: RangeInclusive<usize> = 1..=128;
    /// Width of an embedding; 0 feeds tokens one-hot.
    pub const EMBEDDING: RangeInclusive<usize> = 0..=256;
    /// Share of activations that dropout leaves out.
    pub const DROPOUT: RangeInclusive<f32> = 0.0..=0.9;
    /// Attention heads; the hidden size is a multiple of them.
    pub const HEADS: RangeInclusive<usize> = 1..=16;
    /// Numbers of state in a channel of a state-space layer.
    pub const STATE_SIZE: RangeInclusive<usize> = 1..=64;
    /// Different symbols in made examples.
    pub const SYMBOLS: RangeInclusive<usize> = 2..=26;
    /// Symbols of the longest made example: what a decoder has to go through step by step.
    pub const STRING_LENGTH: RangeInclusive<usize> = 2..=64;
    /// Accents a vowel can have.
    pub const ACCENTS: usize = 8;
    /// Letters that are to be picked out of blanks; there are at least as many blanks.
    pub const COPIED: usize = 4;
    /// Layers of a feed-forward network.
    pub const DEPTH: usize = 128;
    /// Teacher forcing.
    pub const RATIO: RangeInclusive<f32> = 0.0..=1.0;
    /// Steps of a schedule.
    pub const SCHEDULE_STEPS: RangeInclusive<usize> = 1..=1_000_000;
    /// Steps of teacher forcing before REINFORCE.
    pub const PRETRAINING: RangeInclusive<usize> = 0..=1_000_000;
    /// A learning rate as a share of another.
    pub const POLICY_RATE: RangeInclusive<f32> = 0.001..=1.0;
    /// Weight of the entropy.
    pub const ENTROPY: RangeInclusive<f32> = 0.0..=1.0;
    /// Learning rate.
    pub const LEARNING_RATE: RangeInclusive<f32> = 1e-6..=10.0;
    /// Largest gradient norm.
    pub const CLIP: RangeInclusive<f32> = 1e-3..=1000.0;
    /// Forget gate bias.
    pub const FORGET_BIAS: RangeInclusive<f32> = -10.0..=10.0;
    /// Spectral radius of the recurrent matrices.
    pub const SPECTRAL_RADIUS: RangeInclusive<f32> = 0.01..=5.0;
    /// Bytes of a text.
    pub const TEXT_BYTES: usize = 1_000_000;
    /// Bytes of a table of labelled texts.
    pub const TABLE_BYTES: usize = 5_000_000;
    /// Different labels of a table.
    pub const LABELS: RangeInclusive<usize> = 2..=20;
    /// Characters of a label.
    pub const LABEL_CHARACTERS: usize = 40;
    /// Different texts that each label needs at least.
    pub const TEXTS_PER_LABEL: usize = 5;
    /// Symbols of a vocabulary, the "other" symbol included.
    pub const VOCABULARY: usize = 256;
    /// Characters of the probe text.
    pub const PROBE_CHARACTERS: RangeInclusive<usize> = 1..=128;
    /// Edits that are made to a model at once.
    pub const EDITS: usize = 64;
    /// Sampling temperature.
    pub const TEMPERATURE: RangeInclusive<f32> = 0.05..=5.0;
}

/// A value that cannot be taken, and what could: shown beside the control named `key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// The property's key; `text` and `probe` for the two texts.
    pub key: String,
    /// A sentence for the learner.
    pub message: String,
}

wire_struct!(SpecError { key, message });

impl SpecError {
    /// An error of the control `key`.
    pub fn new(key: &str, message: impl Into<String>) -> Self {
        SpecError { key: key.to_owned(), message: message.into() }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.key, self.message)
    }
}

impl std::error::Error for SpecError {}

impl ModelSpec {
    /// Every property as the address writes it: `model=recurrent&cell=lstm&...`.
    pub fn to_text(&self) -> String {
        let pairs: Vec<String> = PROPERTIES.iter().map(|row| format!("{}={}", row.key, row.read(self))).collect();
        pairs.join("&")
    }

    /// The inverse of [`ModelSpec::to_text`]; a property that is left out has its default. `None` for what no spec is.
    pub fn from_text(text: &str) -> Option<ModelSpec> {
        let mut spec = ModelSpec::default();
        for pair in text.split('&') {
            let (key, value) = pair.split_once('=')?;
            property(key)?.write(&mut spec, value).ok()?;
        }
        Some(spec)
    }

    /// The learning rate of a training step, counted from 0.
    pub fn rate(&self, step: u64) -> f32 {
        let rewarded =
            self.objective == Objective::Reinforce && self.pretraining > 0 && step >= self.pretraining as u64;
        self.learning_rate * if rewarded { self.policy_rate } else { 1.0 }
    }

    /// Whether the first half of the engine's program can train it ([`crate::late`]): a recurrent or feed-forward network on the
    /// CPU.
    pub fn is_basic(&self) -> bool {
        matches!(self.model, Architecture::Recurrent | Architecture::FeedForward) && self.backend == BackendKind::Cpu
    }

    /// Checks every property against its limits, and those that depend on each other.
    ///
    /// # Errors
    /// All values that are outside, each with its control's key.
    pub fn validate(&self) -> Result<(), Vec<SpecError>> {
        let mut copy = self.clone();
        let mut errors: Vec<SpecError> =
            PROPERTIES.iter().filter_map(|property| property.write(&mut copy, &property.read(self)).err()).collect();
        errors.extend(self.contradictions());
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Changes as little as need be for all to go with the value that was just set under `key`, where that is the model, the
    /// task or what a model asks of its sizes. Says whether anything changed.
    pub fn settle(&mut self, key: &str) -> bool {
        let before = self.clone();
        if !self.model.learns(self.task) {
            let (model, task) = (self.model, self.task);
            if key == "task" {
                self.model = Architecture::ALL.iter().copied().find(|other| other.learns(task)).unwrap_or(model);
            } else {
                self.task = Task::ALL.iter().copied().find(|other| model.learns(*other)).unwrap_or(task);
            }
        }
        if self.embedding == 0 && matches!(self.model, Architecture::Classifier | Architecture::EncoderDecoder) {
            self.embedding = 32;
        }
        if self.task.makes_strings() {
            self.sequence_length = self.sequence_length.min(16);
        }
        if self.model == Architecture::FeedForward {
            self.sequence_length = self.sequence_length.min(limits::DEPTH);
        }
        if self.model == Architecture::Transformer {
            // Every whole number is a multiple of 1.
            while !self.hidden.is_multiple_of(self.heads.max(1)) {
                self.heads -= 1;
            }
        }
        *self != before
    }

    /// Values that are each within their limits, and do not go together.
    fn contradictions(&self) -> Vec<SpecError> {
        let mut errors = Vec::new();
        if !self.model.learns(self.task) {
            let known: Vec<&str> =
                Task::ALL.iter().filter(|task| self.model.learns(**task)).map(|task| task.key()).collect();
            let message = format!(
                "This model learns {}; \u{201c}{}\u{201d} is for another.",
                known.join(" or "),
                self.task.key()
            );
            errors.push(SpecError::new("task", message));
        }
        if self.task.makes_strings() && self.sequence_length > *limits::STRING_LENGTH.end() {
            let most = limits::STRING_LENGTH.end();
            errors.push(SpecError::new("length", format!("Strings that are made have at most {most} symbols.")));
        }
        if self.task == Task::Lookup && self.symbols > limits::ACCENTS {
            errors.push(SpecError::new("symbols", format!("There are {} accents.", limits::ACCENTS)));
        }
        let shortest = match self.task {
            Task::Lookup => 16,
            Task::SelectiveCopy => 3 * limits::COPIED,
            _ => 0,
        };
        if self.sequence_length < shortest {
            let message = format!("This task needs sequences of {shortest} symbols at least.");
            errors.push(SpecError::new("length", message));
        }
        if self.model == Architecture::FeedForward && self.sequence_length > limits::DEPTH {
            let message = format!("This network is as deep as its sequences are long: {} at most.", limits::DEPTH);
            errors.push(SpecError::new("length", message));
        }
        if self.model == Architecture::Transformer && !self.hidden.is_multiple_of(self.heads.max(1)) {
            let message = format!("{} heads cannot share {} units equally.", self.heads, self.hidden);
            errors.push(SpecError::new("heads", message));
        }
        let reinforces = self.model == Architecture::EncoderDecoder && self.objective == Objective::Reinforce;
        if reinforces && self.pretraining > 0 && self.baseline == Baseline::Learned {
            let message =
                "A learned baseline has nothing to learn from while the teacher forces: take the moving average.";
            errors.push(SpecError::new("pretraining", message));
        }
        if self.model == Architecture::Classifier && self.embedding == 0 {
            errors.push(SpecError::new("embedding", "A classifier reads embedded tokens: give the embedding a width."));
        }
        if self.model == Architecture::EncoderDecoder && self.embedding == 0 {
            errors.push(SpecError::new(
                "embedding",
                "An encoder-decoder reads embedded tokens: give the embedding a width.",
            ));
        }
        errors
    }
}

impl Task {
    /// Whether its examples are in a text that the learner can give.
    pub fn reads_text(self) -> bool {
        matches!(self, Task::Text | Task::Labels)
    }

    /// Whether its examples are made strings of various lengths: see [`crate::data::strings`].
    pub fn makes_strings(self) -> bool {
        matches!(self, Task::Copy | Task::Reverse | Task::Chain | Task::Dates | Task::Majority)
    }

    /// Whether its examples are made sequences of one length: see [`crate::data::sequences`].
    pub fn makes_sequences(self) -> bool {
        matches!(self, Task::Recall | Task::Adding | Task::Ahead | Task::Lookup | Task::SelectiveCopy)
    }
}

impl Architecture {
    /// Whether this kind of model can be given this task.
    pub fn learns(self, task: Task) -> bool {
        match self {
            Architecture::Recurrent => task == Task::Text || task.makes_sequences(),
            // What comes later they cannot know, and they read tokens.
            Architecture::Transformer | Architecture::S4d | Architecture::Mamba => {
                matches!(task, Task::Text | Task::Recall | Task::Lookup | Task::SelectiveCopy)
            }
            Architecture::FeedForward => task == Task::Adding,
            Architecture::EncoderDecoder => task.makes_strings() && task != Task::Majority,
            Architecture::Classifier => matches!(task, Task::Majority | Task::Labels),
        }
    }
}
