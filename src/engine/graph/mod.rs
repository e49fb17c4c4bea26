//! The static graph: values, the nodes that compute them, and programs (`train`, `probe`, ...) that share parameters.

mod build;
mod gradient;
mod op;
mod shape;
mod state_space;

pub use build::{RecurrentInput, RecurrentOutput};
pub use gradient::Gradients;
pub use op::Op;
pub use state_space::{DiagonalInput, ScanOutput, SelectiveInput};

use std::fmt;
use std::sync::Arc;

use super::error::EngineError;

/// Lengths of the axes, outermost first; `[]` is a scalar.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Shape(pub Vec<usize>);

impl Shape {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last axis; 1 for a scalar.
    pub fn last(&self) -> usize {
        self.0.last().copied().unwrap_or(1)
    }

    /// Elements of all but the last axis.
    pub fn rows(&self) -> usize {
        self.0.split_last().map_or(1, |(_, leading)| leading.iter().product())
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(axes: [usize; N]) -> Self {
        Shape(axes.to_vec())
    }
}

impl From<&[usize]> for Shape {
    fn from(axes: &[usize]) -> Self {
        Shape(axes.to_vec())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

/// What a value's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Floating point.
    Float,
    /// u32 token ids.
    Ids,
}

/// A value of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// Its place in [`Graph::values`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The host writes it before a run; it keeps its content between runs.
    Input,
    /// A parameter, by its place in [`Graph::parameters`]: a slice of the flat parameters.
    Parameter(usize),
    /// All parameters, all gradients or an optimiser state, flat, in parameter order.
    Flat(Flat),
    /// Numbers that are part of the graph, written once.
    Constant(Constant),
    /// Output of a node.
    Node(usize),
}

/// The content of a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// Floats.
    Floats(Arc<[f32]>),
    /// Token ids, positions.
    Ids(Arc<[u32]>),
}

/// The flat buffers an optimiser works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flat {
    /// All parameters.
    Parameters,
    /// dL/d(all parameters).
    Gradients,
    /// An optimiser state, by number.
    State(usize),
}

/// A tensor of the graph.
#[derive(Clone, Debug)]
pub struct Value {
    /// Its axes.
    pub shape: Shape,
    /// Floats or ids.
    pub kind: Kind,
    /// Where it comes from.
    pub source: Source,
    /// Its path, `layers/0/h`. A value with a path can be read after a run; its memory is its own.
    pub path: Option<String>,
}

/// One application of an [`Op`].
#[derive(Clone, Debug)]
pub struct Node {
    /// The operation.
    pub op: Op,
    /// Its operands.
    pub inputs: Vec<ValueId>,
    /// What it computes, or updates in place.
    pub outputs: Vec<ValueId>,
}

/// Nodes in the order they run. Several programs share parameters and inputs.
#[derive(Clone, Debug)]
pub struct Program {
    /// `train`, `probe`, ...
    pub name: &'static str,
    /// Its first node; it ends where the next program starts.
    pub start: usize,
}

/// A parameter: its name (PyTorch's), its value, and where it lies in the flat parameters.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// `rnn.weight_ih_l0`.
    pub name: String,
    /// The value ops read.
    pub value: ValueId,
    /// First element in the flat parameters, a multiple of [`ALIGNMENT`].
    pub offset: usize,
    /// Elements.
    pub len: usize,
    /// Where it starts.
    pub initial: Initial,
}

/// Where a parameter starts; random numbers are drawn by the seed of the run.
#[derive(Clone, Debug, PartialEq)]
pub enum Initial {
    /// Uniform in -bound .. bound.
    Uniform(f32),
    /// Uniform between two numbers.
    Between(f32, f32),
    /// Numbers whose softplus lies between these two, its logarithm uniform: step lengths, as Mamba starts them.
    SoftplusOf(f32, f32),
    /// Normal with mean 0 and this standard deviation.
    Normal(f32),
    /// The same number everywhere.
    Constant(f32),
    /// These numbers, as many as it has.
    Listed(Vec<f32>),
}

impl Initial {
    /// PyTorch's for linear and recurrent layers: uniform in -1/sqrt(n) .. 1/sqrt(n), n = inputs of a unit (`nn.Linear`),
    /// hidden units (`nn.RNNBase`).
    pub fn torch(n: usize) -> Initial {
        Initial::Uniform(1.0 / (n as f32).sqrt())
    }
}

/// What lies in one buffer with others starts at a multiple of this many elements, so that a GPU binding can start there
/// (256 bytes).
pub const ALIGNMENT: usize = 64;

/// A graph under construction, and then for reading.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    values: Vec<Value>,
    nodes: Vec<Node>,
    programs: Vec<Program>,
    parameters: Vec<Parameter>,
    /// `(parameter, its gradient's value)`; filled by [`Graph::optimise`] or [`Graph::keep_gradients`].
    parameter_gradients: Vec<ValueId>,
    flats: Vec<(Flat, ValueId)>,
}

impl Graph {
    /// Every value.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// One value.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    /// A value's shape.
    pub fn shape(&self, id: ValueId) -> &Shape {
        &self.value(id).shape
    }

    /// Every constant with its content.
    pub fn constants(&self) -> impl Iterator<Item = (ValueId, &Constant)> + '_ {
        self.values.iter().enumerate().filter_map(|(at, value)| match &value.source {
            Source::Constant(constant) => Some((ValueId(at as u32), constant)),
            _ => None,
        })
    }

    /// Every node, in running order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The values that lie in a slot with this one, itself among them: see [`Op::adjoining`].
    pub fn adjoining(&self, id: ValueId) -> Vec<ValueId> {
        let Source::Node(at) = self.value(id).source else { return vec![id] };
        let node = &self.nodes[at];
        let all = &node.outputs[node.op.adjoining()];
        if all.contains(&id) { all.to_vec() } else { vec![id] }
    }

    /// Every parameter.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The gradient of each parameter, in parameter order; empty before [`Graph::keep_gradients`].
    pub fn parameter_gradients(&self) -> &[ValueId] {
        &self.parameter_gradients
    }

    /// Elements of the flat parameters, padding included.
    pub fn flat_len(&self) -> usize {
        self.parameters.last().map_or(0, |last| (last.offset + last.len).next_multiple_of(ALIGNMENT))
    }

    /// The programs with the range of their nodes.
    pub fn programs(&self) -> impl Iterator<Item = (&'static str, std::ops::Range<usize>)> + '_ {
        self.programs.iter().enumerate().map(|(at, program)| {
            let end = self.programs.get(at + 1).map_or(self.nodes.len(), |next| next.start);
            (program.name, program.start..end)
        })
    }

    /// The value with this path.
    ///
    /// # Errors
    /// [`EngineError::Unknown`].
    pub fn find(&self, path: &str) -> Result<ValueId, EngineError> {
        let at = self.values.iter().position(|value| value.path.as_deref() == Some(path));
        at.map(|at| ValueId(at as u32)).ok_or_else(|| EngineError::Unknown { what: format!("tensor \"{path}\"") })
    }

    fn describe(&self, id: ValueId) -> String {
        let value = self.value(id);
        let name = value.path.as_deref().map_or_else(String::new, |path| format!(" \"{path}\""));
        format!("%{}{name} {}", id.0, value.shape)
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, nodes) in self.programs() {
            writeln!(formatter, "program {name}")?;
            for node in &self.nodes[nodes] {
                let outputs: Vec<String> = node.outputs.iter().map(|id| self.describe(*id)).collect();
                let inputs: Vec<String> = node.inputs.iter().map(|id| format!("%{}", id.0)).collect();
                writeln!(formatter, "  {} = {} {}", outputs.join(", "), node.op.name(), inputs.join(" "))?;
            }
        }
        Ok(())
    }
}
