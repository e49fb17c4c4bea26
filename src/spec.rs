//! What a run is: [`ModelSpec`], its limits, and the one table of [`properties`](PROPERTIES) through which the
//! address bar, the controls, `seqlab.set` and the tests read, write and validate it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::engine::cell::Cell;

/// Where the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendKind {
    /// The WebAssembly SIMD engine.
    Cpu,
    /// WebGPU; falls back to the CPU, saying so, where there is no adapter.
    Gpu,
}

/// The optimiser; formulas as in `torch.optim`, with its default coefficients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimiserKind {
    /// Plain stochastic gradient descent.
    Sgd,
    /// SGD with momentum 0.9.
    Momentum,
    /// RMSprop, alpha 0.99, eps 1e-8.
    RmsProp,
    /// Adam (Kingma & Ba 2015), betas 0.9 and 0.999, eps 1e-8.
    Adam,
    /// AdamW (Loshchilov & Hutter 2019), weight decay 0.01.
    AdamW,
}

/// Everything that decides a run, besides its text. The same spec, text and seed give the same losses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// The recurrent cell.
    pub cell: Cell,
    /// Stacked layers.
    pub layers: usize,
    /// Units of the hidden state.
    pub hidden: usize,
    /// Timesteps T of one training sequence.
    pub sequence_length: usize,
    /// Sequences B in one step.
    pub batch: usize,
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

impl Default for ModelSpec {
    fn default() -> Self {
        ModelSpec {
            cell: Cell::Lstm,
            layers: 1,
            hidden: 64,
            sequence_length: 48,
            batch: 16,
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
    pub const LAYERS: RangeInclusive<usize> = 1..=2;
    /// Hidden units.
    pub const HIDDEN: RangeInclusive<usize> = 8..=256;
    /// Timesteps of a training sequence.
    pub const SEQUENCE_LENGTH: RangeInclusive<usize> = 2..=512;
    /// Sequences in a step.
    pub const BATCH: RangeInclusive<usize> = 1..=128;
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
    /// Symbols of a vocabulary, the "other" symbol included.
    pub const VOCABULARY: usize = 256;
    /// Characters of the probe text.
    pub const PROBE_CHARACTERS: RangeInclusive<usize> = 1..=128;
    /// Sampling temperature.
    pub const TEMPERATURE: RangeInclusive<f32> = 0.05..=5.0;
}

/// A value that cannot be taken, and what could: shown beside the control named `key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecError {
    /// The property's key; `text` and `probe` for the two texts.
    pub key: String,
    /// A sentence for the learner.
    pub message: String,
}

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
    /// What the learner reads beside the control.
    pub label: &'static str,
    /// One sentence of help.
    pub help: &'static str,
    /// The control that fits it.
    pub control: Control,
    /// Whether a change takes effect in the run that is going on; otherwise a new model is built.
    pub live: bool,
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
}

/// The property named `key`.
pub fn property(key: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.key == key)
}

fn parse_choice<T: Copy>(text: &str, choices: &[(&str, &str)], values: &[T]) -> Result<T, String> {
    let found = choices.iter().position(|(value, _)| value.eq_ignore_ascii_case(text));
    found.map(|at| values[at]).ok_or_else(|| {
        let known: Vec<&str> = choices.iter().map(|(value, _)| *value).collect();
        format!("\u{201c}{}\u{201d} is not one of {}.", shortened(text), known.join(", "))
    })
}

fn parse_integer(text: &str, low: usize, high: usize) -> Result<usize, String> {
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && (low as f64..=high as f64).contains(&number) => Ok(number as usize),
        Ok(_) => Err(format!("{} is not a whole number from {low} to {high}.", shortened(text))),
        Err(_) => {
            Err(format!("\u{201c}{}\u{201d} is not a number. A whole number from {low} to {high} is.", shortened(text)))
        }
    }
}

fn parse_number(text: &str, low: f32, high: f32) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
        Ok(_) => Err(format!("{} is outside {low} to {high}.", shortened(text))),
        Err(_) => Err(format!("\u{201c}{}\u{201d} is not a number. Any from {low} to {high} is.", shortened(text))),
    }
}

fn parse_optional(text: &str, low: f32, high: f32) -> Result<Option<f32>, String> {
    match text {
        "" | "off" | "none" => Ok(None),
        _ => parse_number(text, low, high).map(Some),
    }
}

fn show_optional(value: Option<f32>) -> String {
    value.map_or_else(|| "off".to_owned(), |number| number.to_string())
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(24).collect();
    if short.len() < text.len() { short + "\u{2026}" } else { short }
}

const CELLS: &[(&str, &str)] = &[
    ("rnn", Cell::Rnn.name()),
    ("lstm", Cell::Lstm.name()),
    ("gru", Cell::Gru.name()),
    ("rnn-relu", Cell::RnnRelu.name()),
    ("gru-textbook", Cell::GruTextbook.name()),
];
const CELL_VALUES: &[Cell] = &[Cell::Rnn, Cell::Lstm, Cell::Gru, Cell::RnnRelu, Cell::GruTextbook];
const OPTIMISERS: &[(&str, &str)] =
    &[("sgd", "SGD"), ("momentum", "SGD, momentum 0.9"), ("rmsprop", "RMSprop"), ("adam", "Adam"), ("adamw", "AdamW")];
const OPTIMISER_VALUES: &[OptimiserKind] =
    &[OptimiserKind::Sgd, OptimiserKind::Momentum, OptimiserKind::RmsProp, OptimiserKind::Adam, OptimiserKind::AdamW];
const BACKENDS: &[(&str, &str)] = &[("cpu", "CPU"), ("gpu", "GPU")];
const BACKEND_VALUES: &[BackendKind] = &[BackendKind::Cpu, BackendKind::Gpu];

fn choice_name<T: PartialEq>(value: T, choices: &[(&'static str, &str)], values: &[T]) -> String {
    let at = values.iter().position(|known| *known == value);
    at.map_or_else(String::new, |at| choices[at].0.to_owned())
}

/// Every property, in the order of the controls.
pub const PROPERTIES: &[Property] = &[
    Property {
        key: "cell",
        label: "Cell",
        help: "The recurrence that is repeated at every timestep.",
        control: Control::Choice(CELLS),
        live: false,
        read: |spec| choice_name(spec.cell, CELLS, CELL_VALUES),
        write: |spec, text| parse_choice(text, CELLS, CELL_VALUES).map(|value| spec.cell = value),
    },
    Property {
        key: "backend",
        label: "Runs on",
        help: "The processor, or the graphics card through WebGPU.",
        control: Control::Choice(BACKENDS),
        live: false,
        read: |spec| choice_name(spec.backend, BACKENDS, BACKEND_VALUES),
        write: |spec, text| parse_choice(text, BACKENDS, BACKEND_VALUES).map(|value| spec.backend = value),
    },
    Property {
        key: "layers",
        label: "Layers",
        help: "Recurrent layers, each reading the hidden states of the one below.",
        control: Control::Integer(*limits::LAYERS.start(), *limits::LAYERS.end()),
        live: false,
        read: |spec| spec.layers.to_string(),
        write: |spec, text| {
            parse_integer(text, *limits::LAYERS.start(), *limits::LAYERS.end()).map(|value| spec.layers = value)
        },
    },
    Property {
        key: "hidden",
        label: "Hidden size",
        help: "Units of the hidden state.",
        control: Control::Integer(*limits::HIDDEN.start(), *limits::HIDDEN.end()),
        live: false,
        read: |spec| spec.hidden.to_string(),
        write: |spec, text| {
            parse_integer(text, *limits::HIDDEN.start(), *limits::HIDDEN.end()).map(|value| spec.hidden = value)
        },
    },
    Property {
        key: "length",
        label: "Sequence length",
        help: "Characters the gradient travels through: the T of backpropagation through time.",
        control: Control::Integer(*limits::SEQUENCE_LENGTH.start(), *limits::SEQUENCE_LENGTH.end()),
        live: false,
        read: |spec| spec.sequence_length.to_string(),
        write: |spec, text| {
            parse_integer(text, *limits::SEQUENCE_LENGTH.start(), *limits::SEQUENCE_LENGTH.end())
                .map(|value| spec.sequence_length = value)
        },
    },
    Property {
        key: "batch",
        label: "Batch",
        help: "Sequences whose gradients are averaged in one step.",
        control: Control::Integer(*limits::BATCH.start(), *limits::BATCH.end()),
        live: false,
        read: |spec| spec.batch.to_string(),
        write: |spec, text| {
            parse_integer(text, *limits::BATCH.start(), *limits::BATCH.end()).map(|value| spec.batch = value)
        },
    },
    Property {
        key: "optimiser",
        label: "Optimiser",
        help: "How a gradient becomes a change of the parameters.",
        control: Control::Choice(OPTIMISERS),
        live: false,
        read: |spec| choice_name(spec.optimiser, OPTIMISERS, OPTIMISER_VALUES),
        write: |spec, text| parse_choice(text, OPTIMISERS, OPTIMISER_VALUES).map(|value| spec.optimiser = value),
    },
    Property {
        key: "lr",
        label: "Learning rate",
        help: "The size of a step. It may be changed while the model trains.",
        control: Control::Number(*limits::LEARNING_RATE.start(), *limits::LEARNING_RATE.end()),
        live: true,
        read: |spec| spec.learning_rate.to_string(),
        write: |spec, text| {
            parse_number(text, *limits::LEARNING_RATE.start(), *limits::LEARNING_RATE.end())
                .map(|value| spec.learning_rate = value)
        },
    },
    Property {
        key: "clip",
        label: "Clip gradient norm",
        help: "The largest total gradient norm; \u{201c}off\u{201d} lets it explode. It may be changed while the model trains.",
        control: Control::OptionalNumber(*limits::CLIP.start(), *limits::CLIP.end()),
        live: true,
        read: |spec| show_optional(spec.clip),
        write: |spec, text| {
            parse_optional(text, *limits::CLIP.start(), *limits::CLIP.end()).map(|value| spec.clip = value)
        },
    },
    Property {
        key: "forget",
        label: "Forget gate bias",
        help: "LSTM only: where the forget gates start; \u{201c}off\u{201d} is PyTorch\u{2019}s initialisation, 1 keeps memory open.",
        control: Control::OptionalNumber(*limits::FORGET_BIAS.start(), *limits::FORGET_BIAS.end()),
        live: false,
        read: |spec| show_optional(spec.forget_bias),
        write: |spec, text| {
            parse_optional(text, *limits::FORGET_BIAS.start(), *limits::FORGET_BIAS.end())
                .map(|value| spec.forget_bias = value)
        },
    },
    Property {
        key: "radius",
        label: "Spectral radius",
        help: "The largest eigenvalue, in absolute value, of each recurrent matrix at the start; \u{201c}off\u{201d} is PyTorch\u{2019}s.",
        control: Control::OptionalNumber(*limits::SPECTRAL_RADIUS.start(), *limits::SPECTRAL_RADIUS.end()),
        live: false,
        read: |spec| show_optional(spec.spectral_radius),
        write: |spec, text| {
            parse_optional(text, *limits::SPECTRAL_RADIUS.start(), *limits::SPECTRAL_RADIUS.end())
                .map(|value| spec.spectral_radius = value)
        },
    },
    Property {
        key: "seed",
        label: "Seed",
        help: "The same seed, settings and text give the same run, to the last bit on the CPU.",
        control: Control::Integer(0, u32::MAX as usize),
        live: false,
        read: |spec| spec.seed.to_string(),
        write: |spec, text| parse_integer(text, 0, u32::MAX as usize).map(|value| spec.seed = value as u32),
    },
];

impl ModelSpec {
    /// Checks every property against its limits.
    ///
    /// # Errors
    /// All values that are outside, each with its control's key.
    pub fn validate(&self) -> Result<(), Vec<SpecError>> {
        let mut copy = self.clone();
        let errors: Vec<SpecError> =
            PROPERTIES.iter().filter_map(|property| property.write(&mut copy, &property.read(self)).err()).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}
