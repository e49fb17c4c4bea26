//! Weights in and out: safetensors files under PyTorch's parameter names, shapes and gate order, so that
//! `model.load_state_dict(safetensors.torch.load_file(path))` takes what [`export`] writes, and [`import`] what
//! `safetensors.torch.save_file(model.state_dict(), path)` wrote.
//!
//! The names are the graph's: `rnn.weight_ih_l0` (G H, input), `rnn.weight_hh_l0` (G H, H), `rnn.bias_ih_l0` (G H),
//! `rnn.bias_hh_l0` (G H) of an `nn.RNN`, `nn.LSTM` (rows i, f, g, o) or `nn.GRU` (r, z, n) called `rnn`, and `out.weight`,
//! `out.bias`, `embed.weight`. A textbook GRU has the names and shapes of `nn.GRU` and is another function: the file says
//! which cell it is for under the key `cell`, and a file of another cell is refused.

pub mod safetensors;

use std::collections::BTreeMap;
use std::fmt;

use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Parameter};
use safetensors::{File, View};

/// The metadata key under which a file names its cell.
const CELL: &str = "cell";

/// Why a file's weights were not taken; its `Display` is a sentence for the learner.
#[derive(Clone, Debug, PartialEq)]
pub enum WeightsError {
    /// Not a safetensors file, or a damaged one, and how one can tell.
    File { detail: String },
    /// The file is for another cell, whose equations differ even where the shapes are the same.
    Cell { expected: String, got: String },
    /// A parameter of the model that the file does not have.
    Missing { name: String },
    /// A tensor of the file that the model does not have.
    Superfluous { name: String },
    /// A tensor of another shape.
    Shape { name: String, expected: Vec<usize>, got: Vec<usize> },
    /// A tensor of a number type that is not read.
    Type { name: String, got: String },
    /// A number that is infinite or none at all, by its place in the tensor.
    NotFinite { name: String, place: usize },
    /// The device that was to take them.
    Engine(EngineError),
}

impl fmt::Display for WeightsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WeightsError::File { detail } => write!(formatter, "This is not a whole safetensors file: {detail}."),
            WeightsError::Cell { expected, got } => {
                write!(formatter, "The weights are for the cell {got}; this model's is {expected}.")
            }
            WeightsError::Missing { name } => write!(formatter, "\u{201c}{name}\u{201d} is missing."),
            WeightsError::Superfluous { name } => {
                write!(formatter, "\u{201c}{name}\u{201d} is no parameter of this model.")
            }
            WeightsError::Shape { name, expected, got } => {
                write!(formatter, "\u{201c}{name}\u{201d} has the shape {got:?}; this model's has {expected:?}.")
            }
            WeightsError::Type { name, got } => {
                write!(
                    formatter,
                    "\u{201c}{name}\u{201d} has numbers of type {got}; F32, F64, F16 and BF16 can be read."
                )
            }
            WeightsError::NotFinite { name, place } => {
                write!(formatter, "Number {place} of \u{201c}{name}\u{201d} is not finite as a 32-bit number.")
            }
            WeightsError::Engine(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for WeightsError {}

/// A file with the parameters of `graph`, whose numbers are `flat` (as [`Graph::parameters`] lays them out). `cell` is the
/// name of the cell they are for.
pub fn export(graph: &Graph, flat: &[f32], cell: &str) -> Vec<u8> {
    // `format: pt` is what PyTorch's own files say.
    let mut metadata = BTreeMap::new();
    metadata.insert("format".to_owned(), "pt".to_owned());
    metadata.insert(CELL.to_owned(), cell.to_owned());
    safetensors::write(&metadata, &named(graph, flat, ""))
}

/// The flat parameters of `graph` from a file. A file without the key `cell`, as PyTorch writes it, is taken at its shapes.
///
/// # Errors
/// Everything that does not fit.
pub fn import(graph: &Graph, bytes: &[u8], cell: &str) -> Result<Vec<f32>, Vec<WeightsError>> {
    let file = File::parse(bytes).map_err(|detail| vec![WeightsError::File { detail }])?;
    let mut errors = Vec::new();
    if let Some(got) = file.metadata.get(CELL).filter(|got| *got != cell) {
        errors.push(WeightsError::Cell { expected: cell.to_owned(), got: got.clone() });
    }
    let known = |name: &str| graph.parameters().iter().any(|parameter| parameter.name == name);
    let flat = gather(graph, &file, "", &mut errors);
    for parameter in graph.parameters() {
        let numbers = &flat[parameter.offset..parameter.offset + parameter.len];
        let place = numbers.iter().position(|number| !number.is_finite());
        errors.extend(place.map(|place| WeightsError::NotFinite { name: parameter.name.clone(), place }));
    }
    let superfluous = file.tensors.keys().filter(|name| !known(name)).cloned();
    errors.extend(superfluous.map(|name| WeightsError::Superfluous { name }));
    if errors.is_empty() { Ok(flat) } else { Err(errors) }
}

/// The tensors of a flat buffer, each under `prefix` and its parameter's name.
pub(super) fn named<'a>(graph: &Graph, flat: &'a [f32], prefix: &str) -> Vec<(String, Vec<usize>, &'a [f32])> {
    let tensor = |parameter: &Parameter| {
        let numbers = &flat[parameter.offset..parameter.offset + parameter.len];
        (format!("{prefix}{}", parameter.name), graph.shape(parameter.value).0.clone(), numbers)
    };
    graph.parameters().iter().map(tensor).collect()
}

/// A flat buffer from a file's tensors; what does not fit is added to `errors`.
pub(super) fn gather(graph: &Graph, file: &File<'_>, prefix: &str, errors: &mut Vec<WeightsError>) -> Vec<f32> {
    let mut flat = vec![0.0; graph.flat_len()];
    for parameter in graph.parameters() {
        let name = format!("{prefix}{}", parameter.name);
        let shape = &graph.shape(parameter.value).0;
        match file.tensors.get(&name).ok_or(()).map(|view| read(&name, view, shape)) {
            Ok(Ok(numbers)) => flat[parameter.offset..parameter.offset + parameter.len].copy_from_slice(&numbers),
            Ok(Err(error)) => errors.push(error),
            Err(()) => errors.push(WeightsError::Missing { name }),
        }
    }
    flat
}

fn read(name: &str, view: &View<'_>, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
    let name = name.to_owned();
    if view.shape != shape {
        return Err(WeightsError::Shape { name, expected: shape.to_vec(), got: view.shape.clone() });
    }
    view.numbers().ok_or(WeightsError::Type { name, got: view.dtype.clone() })
}
