//! A run on disk: parameters, optimiser state, counters and spec in one safetensors file, from which training goes on as
//! if it had not stopped, on the CPU to the last bit.
//!
//! The parameters have PyTorch's names, the optimiser's states `optimiser/0/<name>`, `optimiser/1/<name>`, ... The metadata
//! keys are [`KEYS`]. The random numbers need no state of their own: they are functions of the spec's seed and of the two
//! counters that are kept, steps done and sampled characters (`engine::rng`).

use std::collections::BTreeMap;
use std::fmt;

use crate::data::hash::Hash;
use crate::engine::error::EngineError;
use crate::engine::graph::Graph;
use crate::spec::{ModelSpec, PROPERTIES};

use super::weights::safetensors::{self, File};
use super::weights::{WeightsError, gather, named};

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// The metadata keys: [`VERSION`]; the spec as `ModelSpec::to_text`; steps done; random numbers drawn for sampling; a hash of the text;
/// what the model keeps besides, f32 by their bits; a hash of all the rest.
const KEYS: [&str; 7] = ["seqlab", "spec", "step", "drawn", "text", "memory", "checksum"];

/// What a run is besides its text: enough to go on with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The spec, with what was adjusted while training.
    pub spec: ModelSpec,
    /// Steps done.
    pub step: u64,
    /// Random numbers drawn for sampling text.
    pub drawn: u64,
    /// `Corpus::fingerprint` of the text.
    pub text: u64,
    /// What the model keeps besides parameters and optimiser states.
    pub memory: Vec<f32>,
    bytes: Vec<u8>,
}

/// Why a run was not resumed; its `Display` is a sentence for the learner.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckpointError {
    /// Not a safetensors file, or one that ends early.
    File { detail: String },
    /// A safetensors file that is no checkpoint, such as one with weights only.
    NoCheckpoint { missing: &'static str },
    /// Of a version that this program does not read.
    Version { got: String },
    /// A checkpoint whose content was changed after it was written.
    Corrupted,
    /// Of a run with another spec: the properties that differ.
    Spec { differ: Vec<&'static str> },
    /// Of a run on another text.
    Text,
    /// Of a model with other parameters.
    Parameters(Vec<WeightsError>),
    /// The device that was to go on.
    Engine(EngineError),
}

impl From<EngineError> for CheckpointError {
    fn from(error: EngineError) -> Self {
        CheckpointError::Engine(error)
    }
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckpointError::File { detail } => write!(formatter, "This is not a whole checkpoint: {detail}."),
            CheckpointError::NoCheckpoint { missing } => {
                write!(formatter, "This file is no checkpoint: it has no \u{201c}{missing}\u{201d}.")
            }
            CheckpointError::Version { got } => {
                write!(formatter, "The checkpoint is of version {got}; this program reads version {VERSION}.")
            }
            CheckpointError::Corrupted => {
                write!(formatter, "The checkpoint is damaged: it is not what was written.")
            }
            CheckpointError::Spec { differ } => {
                write!(formatter, "The checkpoint is of another run: it differs in {}.", differ.join(", "))
            }
            CheckpointError::Text => write!(formatter, "The checkpoint is of a run on another text."),
            CheckpointError::Parameters(errors) => {
                write!(formatter, "The checkpoint is of another model.")?;
                errors.iter().try_for_each(|error| write!(formatter, " {error}"))
            }
            CheckpointError::Engine(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for CheckpointError {}

impl Checkpoint {
    /// A checkpoint of `graph`'s run; `buffers` are the flat parameters, then the optimiser's states.
    pub(super) fn new<'a>(
        graph: &Graph,
        buffers: impl Iterator<Item = &'a [f32]>,
        spec: &ModelSpec,
        [step, drawn, text]: [u64; 3],
        memory: &[f32],
    ) -> Checkpoint {
        let mut tensors = Vec::new();
        for (place, flat) in buffers.enumerate() {
            tensors.extend(named(graph, flat, &prefix(place)));
        }
        let kept = memory.iter().map(|number| format!("{:08x}", number.to_bits())).collect::<Vec<String>>().join(" ");
        let values =
            [VERSION.to_string(), spec.to_text(), step.to_string(), drawn.to_string(), format!("{text:016x}"), kept];
        let mut metadata = BTreeMap::new();
        KEYS.into_iter().zip(values).for_each(|(key, value)| drop(metadata.insert(key.to_owned(), value)));
        let written = safetensors::write(&metadata, &tensors);
        let file = File::parse(&written).expect("a file just written is whole");
        metadata.insert(KEYS[6].to_owned(), format!("{:016x}", checksum(&file)));
        let bytes = safetensors::write(&metadata, &tensors);
        Checkpoint { spec: spec.clone(), step, drawn, text, memory: memory.to_vec(), bytes }
    }

    /// Reads a file. What it holds is checked here against its checksum, and against a model when a run is resumed.
    ///
    /// # Errors
    /// [`CheckpointError::File`], [`CheckpointError::NoCheckpoint`], [`CheckpointError::Version`],
    /// [`CheckpointError::Corrupted`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        let file = File::parse(bytes).map_err(|detail| CheckpointError::File { detail })?;
        let value = |place: usize| {
            let missing = CheckpointError::NoCheckpoint { missing: KEYS[place] };
            file.metadata.get(KEYS[place]).map(String::as_str).ok_or(missing)
        };
        let version = value(0)?;
        if version != VERSION.to_string() {
            return Err(CheckpointError::Version { got: version.to_owned() });
        }
        let (spec, step, drawn, text) = (value(1)?, value(2)?, value(3)?, value(4)?);
        let (memory, sum) = (value(5)?, value(6)?);
        let read = || {
            let numbers = (counter(step)?, counter(drawn)?, u64::from_str_radix(text, 16).ok()?);
            let bits = memory.split_whitespace().map(|bits| u32::from_str_radix(bits, 16).ok().map(f32::from_bits));
            let memory = bits.collect::<Option<Vec<f32>>>()?;
            let spec = ModelSpec::from_text(spec)?;
            let whole = sum == format!("{:016x}", checksum(&file)) && spec.validate().is_ok();
            whole.then_some((spec, numbers, memory))
        };
        let (spec, (step, drawn, text), memory) = read().ok_or(CheckpointError::Corrupted)?;
        Ok(Checkpoint { spec, step, drawn, text, memory, bytes: bytes.to_vec() })
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks that a run with this spec and text may go on from here. What may change while training may differ, and so
    /// may the backend.
    ///
    /// # Errors
    /// [`CheckpointError::Spec`], [`CheckpointError::Text`].
    pub fn fits(&self, spec: &ModelSpec, text: u64) -> Result<(), CheckpointError> {
        let decides = PROPERTIES.iter().filter(|property| !property.live && property.key != "backend");
        let differ = decides.filter(|property| property.read(&self.spec) != property.read(spec));
        let differ: Vec<&str> = differ.map(|property| property.label).collect();
        match () {
            () if !differ.is_empty() => Err(CheckpointError::Spec { differ }),
            () if text != self.text => Err(CheckpointError::Text),
            () => Ok(()),
        }
    }

    /// The flat buffers of a run with this graph and so many optimiser states, one after the other.
    ///
    /// # Errors
    /// [`CheckpointError::Parameters`].
    pub(super) fn numbers(&self, graph: &Graph, buffers: usize) -> Result<Vec<f32>, CheckpointError> {
        let file = File::parse(&self.bytes).map_err(|detail| CheckpointError::File { detail })?;
        let mut errors = Vec::new();
        let numbers = (0..buffers).flat_map(|place| gather(graph, &file, &prefix(place), &mut errors)).collect();
        if file.tensors.len() > buffers * graph.parameters().len() && errors.is_empty() {
            errors.push(WeightsError::Superfluous { name: prefix(buffers) });
        }
        if errors.is_empty() { Ok(numbers) } else { Err(CheckpointError::Parameters(errors)) }
    }
}

/// A counter, small enough to be counted on with.
fn counter(text: &str) -> Option<u64> {
    text.parse().ok().filter(|counter| *counter < 1 << 53)
}

/// Nothing for the parameters, `optimiser/K/` for state K.
fn prefix(buffer: usize) -> String {
    buffer.checked_sub(1).map_or_else(String::new, |state| format!("optimiser/{state}/"))
}

/// A hash of everything a file says but its checksum.
fn checksum(file: &File<'_>) -> u64 {
    let mut hash = Hash::default();
    for (key, value) in file.metadata.iter().filter(|(key, _)| *key != KEYS[6]) {
        hash.part(key.as_bytes());
        hash.part(value.as_bytes());
    }
    for (name, view) in &file.tensors {
        hash.part(name.as_bytes());
        hash.part(view.dtype.as_bytes());
        view.shape.iter().for_each(|axis| hash.part(&(*axis as u64).to_le_bytes()));
        hash.part(view.bytes);
    }
    hash.value()
}
