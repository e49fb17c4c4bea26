//! The engine's errors.

use std::fmt;

/// Why a graph, a plan or a backend could not do what was asked.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineError {
    /// The operands of an op do not fit together; the op's name and the shapes.
    Shape { op: &'static str, detail: String },
    /// A value or program that the plan does not have.
    Unknown { what: String },
    /// A tensor of the wrong size was written.
    Size { what: String, expected: usize, got: usize },
    /// The plan needs more memory than the limit allows, in bytes.
    Memory { needed: usize, limit: usize },
    /// No GPU can be had, or what it said.
    NoAdapter { detail: String },
    /// The GPU was lost or refused work.
    DeviceLost { detail: String },
}

impl fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Shape { op, detail } => write!(formatter, "{op}: {detail}"),
            EngineError::Unknown { what } => write!(formatter, "there is no {what}"),
            EngineError::Size { what, expected, got } => {
                write!(formatter, "{what} holds {expected} numbers, not {got}")
            }
            EngineError::Memory { needed, limit } => {
                write!(formatter, "the model needs {needed} bytes and the limit is {limit}")
            }
            EngineError::NoAdapter { detail } => write!(formatter, "no GPU: {detail}"),
            EngineError::DeviceLost { detail } => write!(formatter, "the GPU was lost: {detail}"),
        }
    }
}

impl std::error::Error for EngineError {}
