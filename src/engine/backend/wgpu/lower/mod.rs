//! From a plan's steps to dispatches: which kernel, which constants, which memory, how many workgroups. Nothing here
//! knows of a device, so that tests can look at what would run.

mod attention;
mod elementwise;
mod optimise;
mod products;
mod rows;
mod scans;
mod sequence;

use crate::engine::error::EngineError;
use crate::engine::graph::{Kind, Node, Op, Shape};
use crate::engine::plan::{Location, Plan};

/// One dispatch of a compute kernel. Binding 0 is a uniform buffer with `params`; then come the storage buffers in
/// `reads`, then those in `writes`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// The file in `shaders/`.
    pub kernel: &'static str,
    /// The kernel's `override` constants.
    pub constants: Vec<(&'static str, u32)>,
    /// Bound for reading.
    pub reads: Vec<Memory>,
    /// Bound for writing, or reading and writing.
    pub writes: Vec<Memory>,
    /// The uniforms, floats by their bits.
    pub params: Vec<u32>,
    /// Bound as a uniform buffer, which does not count as one of the eight storage buffers.
    pub lengths: Lengths,
    /// Workgroups.
    pub groups: [u32; 3],
}

/// What the kernels of recurrent layers know of their sequences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lengths {
    /// Nothing: the kernel has no such binding.
    Unbound,
    /// They are as long as the tensors.
    Full,
    /// The steps of each, at most [`MOST_LENGTHS`] of them.
    Of(Location),
}

/// The binding of the lengths, behind as many storage buffers as a dispatch may have.
pub const LENGTHS_BINDING: usize = 9;

/// Sequences that the binding has room for.
pub const MOST_LENGTHS: usize = 128;

/// Memory a dispatch works on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Memory {
    /// A value of the plan.
    Value(Location),
    /// Elements of the scratch buffer, which lives from one dispatch of a step to the next; `offset` is a multiple
    /// of 64 elements.
    Scratch { offset: usize, len: usize },
}

impl Memory {
    /// Elements.
    fn len(self) -> usize {
        match self {
            Memory::Value(location) => location.len,
            Memory::Scratch { len, .. } => len,
        }
    }

    fn scratch(len: usize) -> Memory {
        Memory::Scratch { offset: 0, len }
    }
}

/// Most workgroups of a dispatch along one dimension (WebGPU's default limit).
pub const MOST_GROUPS: usize = 65535;

/// Invocations of a workgroup, in nearly all kernels.
const INVOCATIONS: usize = 256;

impl Dispatch {
    fn new(kernel: &'static str) -> Dispatch {
        Dispatch {
            kernel,
            constants: Vec::new(),
            reads: Vec::new(),
            writes: Vec::new(),
            params: Vec::new(),
            lengths: Lengths::Unbound,
            groups: [1, 1, 1],
        }
    }

    fn constant(mut self, name: &'static str, value: usize) -> Dispatch {
        self.constants.push((name, value as u32));
        self
    }

    fn reads(mut self, memory: impl IntoIterator<Item = Memory>) -> Dispatch {
        self.reads.extend(memory);
        self
    }

    fn writes(mut self, memory: impl IntoIterator<Item = Memory>) -> Dispatch {
        self.writes.extend(memory);
        self
    }

    fn params(mut self, params: impl IntoIterator<Item = usize>) -> Dispatch {
        self.params.extend(params.into_iter().map(|value| value as u32));
        self
    }

    fn floats(mut self, params: impl IntoIterator<Item = f32>) -> Dispatch {
        self.params.extend(params.into_iter().map(f32::to_bits));
        self
    }

    fn lengths(self, lengths: Lengths) -> Dispatch {
        Dispatch { lengths, ..self }
    }

    /// So many workgroups, counted row by row in two dimensions when they are too many for one.
    fn groups(mut self, count: usize) -> Dispatch {
        let rows = count.div_ceil(MOST_GROUPS).max(1);
        self.groups = [count.div_ceil(rows) as u32, rows as u32, 1];
        self
    }

    /// An invocation for each of `count` elements.
    fn elements(self, count: usize) -> Dispatch {
        self.groups(count.div_ceil(INVOCATIONS))
    }
}

/// A step and where its operands are.
struct Step<'a> {
    plan: &'a Plan,
    node: &'a Node,
}

impl Step<'_> {
    fn input(&self, at: usize) -> Memory {
        Memory::Value(self.plan.placed(self.node.inputs[at]))
    }

    fn output(&self, at: usize) -> Memory {
        Memory::Value(self.plan.placed(self.node.outputs[at]))
    }

    /// The outputs that lie side by side as one, and where in it each starts.
    fn adjoining_outputs(&self) -> (Memory, Vec<usize>) {
        let outputs = &self.node.outputs[self.node.op.adjoining()];
        let locations: Vec<Location> = outputs.iter().map(|id| self.plan.placed(*id)).collect();
        let (first, last) = (locations[0], locations[locations.len() - 1]);
        let len = last.offset + last.len - first.offset;
        let starts = locations.iter().map(|location| location.offset - first.offset).collect();
        (Memory::Value(Location { len, ..first }), starts)
    }

    fn shape(&self, at: usize) -> &Shape {
        self.plan.graph().shape(self.node.inputs[at])
    }

    fn output_shape(&self, at: usize) -> &Shape {
        self.plan.graph().shape(self.node.outputs[at])
    }

    /// The operand `lengths` of ops that take one.
    fn lengths(&self) -> Option<Memory> {
        let last = self.node.inputs.len().checked_sub(1)?;
        let is_there = self.plan.graph().value(self.node.inputs[last]).kind == Kind::Ids;
        is_there.then(|| self.input(last))
    }

    /// A kernel with the op's own operands, whose last are the lengths; without them it gets the first in their place.
    fn ragged_kernel(&self, kernel: &'static str) -> Dispatch {
        let lengths = self.lengths();
        let operands = self.node.inputs.len() - usize::from(lengths.is_some());
        Dispatch::new(kernel)
            .constant("RAGGED", usize::from(lengths.is_some()))
            .reads((0..operands).map(|at| self.input(at)))
            .reads([lengths.unwrap_or(self.input(0))])
            .writes([self.output(0)])
    }

    /// A kernel with the op's own operands.
    fn kernel(&self, kernel: &'static str) -> Dispatch {
        let inputs = (0..self.node.inputs.len()).map(|at| self.input(at));
        Dispatch::new(kernel).reads(inputs).writes((0..self.node.outputs.len()).map(|at| self.output(at)))
    }
}

/// Whether there is a kernel for a step of this size.
///
/// # Errors
/// [`EngineError::Shape`] for a recurrent layer of more than [`MOST_UNITS`](sequence::MOST_UNITS), or of more than
/// [`MOST_LENGTHS`] sequences with lengths, a scan of more than [`MOST_MODES`](scans::MOST_MODES), or more than
/// [`MOST_GROUPS`] products in a batch.
pub fn check(plan: &Plan, node: &Node) -> Result<(), EngineError> {
    match node.op {
        Op::Recurrent { .. } if plan.graph().shape(node.outputs[0]).last() > sequence::MOST_UNITS => {
            let detail = format!("at most {} units on the GPU", sequence::MOST_UNITS);
            Err(EngineError::Shape { op: node.op.name(), detail })
        }
        Op::DiagonalScan | Op::SelectiveScan if scans::modes(plan, node) > scans::MOST_MODES => {
            let detail = format!("at most {} modes a channel on the GPU", scans::MOST_MODES);
            Err(EngineError::Shape { op: node.op.name(), detail })
        }
        Op::Recurrent { .. } if (Step { plan, node }).lengths().is_some_and(|lengths| lengths.len() > MOST_LENGTHS) => {
            let detail = format!("at most {MOST_LENGTHS} sequences of unequal length on the GPU");
            Err(EngineError::Shape { op: node.op.name(), detail })
        }
        Op::Einsum(ref einsum) if einsum.loops().places() > MOST_GROUPS => {
            let detail = format!("at most {MOST_GROUPS} products of a batch on the GPU");
            Err(EngineError::Shape { op: node.op.name(), detail })
        }
        _ => Ok(()),
    }
}

/// The dispatches that do a step. A step without elements needs none.
pub fn lower(plan: &Plan, node: &Node) -> Vec<Dispatch> {
    let step = Step { plan, node };
    if node.outputs.iter().all(|id| plan.graph().shape(*id).is_empty()) {
        return Vec::new();
    }
    match &node.op {
        Op::Recurrent { cell, reverse } => return vec![sequence::forward(&step, *cell, *reverse)],
        Op::RecurrentBackward { cell, reverse } => return vec![sequence::backward(&step, *cell, *reverse)],
        Op::Concat { axis } => return elementwise::concat(&step, *axis),
        Op::GroupNorms { groups } => return optimise::group_norms(&step, groups),
        Op::Optimise(optimiser) => return vec![optimise::optimise(&step, optimiser)],
        _ => {}
    }
    let many = scans::lower(&step).or_else(|| products::lower(&step)).or_else(|| attention::lower(&step));
    if let Some(dispatches) = many {
        return dispatches;
    }
    let one = elementwise::lower(&step).or_else(|| rows::lower(&step));
    vec![one.unwrap_or_else(|| unreachable!("{} has no kernel", node.op.name()))]
}
