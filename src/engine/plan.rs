//! From a graph to what runs: the steps that are needed, and for every value a place in a buffer, allocated once.

use std::fmt;
use std::ops::Range;

use super::error::EngineError;
use super::graph::{ALIGNMENT, Flat, Graph, Kind, Node, Op, Source, ValueId};

/// A buffer of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Elements, 4 bytes each on the GPU.
    pub len: usize,
    /// Floats or ids.
    pub kind: Kind,
    /// What it is for, as the printed plan says it.
    pub role: Role,
}

/// What a slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The flat parameters, gradients or an optimiser state: lives from run to run.
    Flat(Flat),
    /// Written by the host, or carried over from run to run; or constant, written once.
    Input,
    /// A value with a path: its own memory, readable after a run.
    Named,
    /// Reused by values that do not live at the same time.
    Shared,
}

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Index into [`Plan::slots`].
    pub slot: usize,
    /// First element.
    pub offset: usize,
    /// Elements.
    pub len: usize,
}

/// The steps of one program.
#[derive(Clone, Debug)]
pub struct PlannedProgram {
    /// Its name.
    pub name: &'static str,
    /// What runs, in order.
    pub steps: Vec<Node>,
}

/// A graph made ready: dead nodes dropped, every value placed.
#[derive(Clone, Debug)]
pub struct Plan {
    graph: Graph,
    programs: Vec<PlannedProgram>,
    slots: Vec<Slot>,
    locations: Vec<Option<Location>>,
    /// By value, whether a step reads it.
    read: Vec<bool>,
}

impl Plan {
    /// Plans every program of `graph`.
    ///
    /// # Errors
    /// [`EngineError::Memory`] when the buffers need more than `limit` bytes.
    pub fn new(graph: Graph, limit: usize) -> Result<Plan, EngineError> {
        let programs: Vec<PlannedProgram> =
            graph.programs().map(|(name, nodes)| PlannedProgram { name, steps: live_nodes(&graph, nodes) }).collect();
        let mut placing = Placing { graph: &graph, slots: Vec::new(), locations: vec![None; graph.values().len()] };
        placing.persistent();
        for program in &programs {
            placing.temporaries(&program.steps);
        }
        let (slots, locations) = (placing.slots, placing.locations);
        let mut read = vec![false; graph.values().len()];
        for id in programs.iter().flat_map(|program| &program.steps).flat_map(|step| &step.inputs) {
            read[id.index()] = true;
        }
        let plan = Plan { graph, programs, slots, locations, read };
        if plan.bytes() > limit {
            return Err(EngineError::Memory { needed: plan.bytes(), limit });
        }
        debug_assert!(plan.disjoint(), "a step's outputs share no memory with its other operands");
        Ok(plan)
    }

    /// The graph it was made from.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Its programs.
    pub fn programs(&self) -> &[PlannedProgram] {
        &self.programs
    }

    /// The program named `name`, by place.
    ///
    /// # Errors
    /// [`EngineError::Unknown`].
    pub fn program(&self, name: &str) -> Result<usize, EngineError> {
        let at = self.programs.iter().position(|program| program.name == name);
        at.ok_or_else(|| EngineError::Unknown { what: format!("program \"{name}\"") })
    }

    /// Its buffers.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Where a value lies; `None` for one that no step needs.
    pub fn location(&self, id: ValueId) -> Option<Location> {
        self.locations[id.index()]
    }

    /// Where a value of a step lies.
    pub fn placed(&self, id: ValueId) -> Location {
        self.location(id).expect("the planner places every operand of a live step")
    }

    /// Whether anybody sees a value: a step, or, where it has a path, a reader. What nobody sees an op with other outputs
    /// need not write.
    pub fn is_seen(&self, id: ValueId) -> bool {
        let value = self.graph.value(id);
        self.read[id.index()] || value.path.is_some() || !matches!(value.source, Source::Node(_))
    }

    /// Bytes of all buffers at 4 bytes an element.
    pub fn bytes(&self) -> usize {
        self.slots.iter().map(|slot| slot.len * 4).sum()
    }

    /// Floating point operations of a program's matrix products, the recurrent ones included, its scans and long
    /// convolutions; a multiply and an add count as two. Where there are lengths, which only a run knows, they count as
    /// full.
    pub fn matmul_flops(&self, program: usize) -> f64 {
        self.programs[program].steps.iter().map(|step| self.step_flops(step)).sum()
    }

    fn step_flops(&self, step: &Node) -> f64 {
        let shape = |id: ValueId| self.graph.shape(id);
        match step.op {
            Op::MatMul { transpose_a, .. } => {
                let a = shape(step.inputs[0]);
                let summed = if transpose_a { a.rows() } else { a.last() };
                2.0 * shape(step.outputs[0]).len() as f64 * summed as f64
            }
            Op::Einsum(ref einsum) => einsum.flops(),
            // tanh times v; backwards, what it takes to differentiate that product in both.
            Op::AdditiveEnergy => 2.0 * shape(step.outputs[1]).len() as f64,
            // At the last place of the cache.
            Op::CachedAttention { .. } => 4.0 * shape(step.inputs[1]).len() as f64,
            Op::AdditiveEnergyGrad => 4.0 * shape(step.inputs[0]).len() as f64,
            // No matrix products, but counted as they run on the same units: a complex multiply-add is 8, and of the
            // causal pairs of steps a convolution does one multiply-add each. Forward per state: S4D x 10 and y 4,
            // Mamba delta A, x and y 6. Backward: S4D g 4, carry 6, du 4, d dA 8, d dB 4, d C 4; Mamba 15.
            Op::DiagonalScan => 7.0 * shape(step.outputs[1]).len() as f64,
            Op::DiagonalScanGrad => 15.0 * shape(step.outputs[5]).len() as f64,
            Op::SelectiveScan => 6.0 * shape(step.outputs[1]).len() as f64,
            Op::SelectiveScanGrad => 15.0 * shape(step.outputs[6]).len() as f64,
            Op::LongConv | Op::LongConvGradInput | Op::LongConvGradKernel => {
                let sequence = shape(step.inputs[usize::from(step.op == Op::LongConvGradInput)]);
                sequence.len() as f64 * (sequence.0[0] + 1) as f64
            }
            Op::Recurrent { .. } | Op::RecurrentBackward { .. } => {
                let sequence = shape(step.outputs[0]);
                let weight = shape(step.inputs[usize::from(matches!(step.op, Op::Recurrent { .. }))]);
                2.0 * (sequence.0[0] * sequence.0[1]) as f64 * weight.len() as f64
            }
            _ => 0.0,
        }
    }

    /// Evaluations of exp or tanh in a program: the activations of its recurrent layers, the softmaxes, and the decays
    /// of selective scans, once forward and once backward.
    pub fn transcendentals(&self, program: usize) -> f64 {
        let count = |step: &Node| match step.op {
            Op::Recurrent { cell, .. } => {
                let per_unit = cell.gates() + usize::from(cell.has_cell_state());
                self.graph.shape(step.outputs[0]).len() * per_unit
            }
            Op::SelectiveScan => self.graph.shape(step.outputs[1]).len(),
            Op::SelectiveScanGrad => self.graph.shape(step.outputs[6]).len(),
            // exp of the real part, sin and cos of the imaginary one.
            Op::Discretise(_) | Op::DiscretiseGrad(_) => self.graph.shape(step.inputs[1]).len(),
            Op::Unary(_) | Op::UnaryGrad(_) => self.graph.shape(step.outputs[0]).len(),
            Op::CrossEntropy { .. } | Op::CrossEntropyGrad { .. } | Op::Softmax | Op::SampleToken => {
                self.graph.shape(step.inputs[0]).len()
            }
            Op::CausalSoftmax => {
                let shape = self.graph.shape(step.inputs[0]);
                let (rows, columns) = (shape.0[shape.0.len() - 2], shape.last());
                shape.rows() * (2 * columns + 1 - rows) / 2
            }
            Op::AdditiveEnergy | Op::CachedAttention { .. } => self.graph.shape(step.outputs[1]).len(),
            _ => 0,
        };
        self.programs[program].steps.iter().map(|step| count(step) as f64).sum()
    }

    /// A step in a line: outputs = op(inputs), each operand as path or number, shape and slot.
    pub fn describe(&self, step: &Node) -> String {
        let operand = |id: &ValueId| {
            let value = self.graph.value(*id);
            let name = value.path.clone().unwrap_or_else(|| format!("%{}", id.index()));
            format!("{name}{}@{}", value.shape, self.placed(*id).slot)
        };
        let outputs: Vec<String> = step.outputs.iter().map(operand).collect();
        let inputs: Vec<String> = step.inputs.iter().map(operand).collect();
        format!("{} = {}({})", outputs.join(", "), step.op.name(), inputs.join(", "))
    }

    /// Whether no output of a step is in a slot with an input, which lets a backend write while it reads, and a GPU bind
    /// the one for writing and the other for reading; and whether outputs that share a slot follow one another.
    fn disjoint(&self) -> bool {
        let follows = |a: Location, b: Location| a.slot != b.slot || a.offset + a.len <= b.offset;
        self.programs.iter().flat_map(|program| &program.steps).all(|step| {
            let [outputs, inputs] = [&step.outputs, &step.inputs]
                .map(|ids| ids.iter().map(|id| self.placed(*id)).collect::<Vec<Location>>());
            let apart = |output: &Location| inputs.iter().all(|input| input.slot != output.slot);
            let ordered = |at: usize| outputs[at + 1..].iter().all(|later| follows(outputs[at], *later));
            outputs.iter().all(apart) && (0..outputs.len()).all(ordered)
        })
    }
}

/// The nodes of a program that something readable or persistent depends on.
fn live_nodes(graph: &Graph, nodes: Range<usize>) -> Vec<Node> {
    let mut needed = vec![false; graph.values().len()];
    let mut live = Vec::new();
    for node in graph.nodes()[nodes].iter().rev() {
        let wanted = |id: &ValueId| {
            let value = graph.value(*id);
            needed[id.index()] || value.path.is_some() || !matches!(value.source, Source::Node(_))
        };
        if node.outputs.iter().any(wanted) {
            for input in &node.inputs {
                needed[input.index()] = true;
            }
            live.push(node.clone());
        }
    }
    live.reverse();
    live
}

/// Gives values their slots.
struct Placing<'a> {
    graph: &'a Graph,
    slots: Vec<Slot>,
    locations: Vec<Option<Location>>,
}

impl Placing<'_> {
    fn slot(&mut self, len: usize, kind: Kind, role: Role) -> usize {
        self.slots.push(Slot { len: len.max(1), kind, role });
        self.slots.len() - 1
    }

    fn place(&mut self, id: ValueId, slot: usize, offset: usize) {
        let len = self.graph.shape(id).len();
        self.locations[id.index()] = Some(Location { slot, offset, len });
    }

    /// Places values side by side.
    fn place_all(&mut self, ids: &[ValueId], slot: usize) {
        let mut offset = 0;
        for id in ids {
            self.place(*id, slot, offset);
            offset += self.graph.shape(*id).len().next_multiple_of(ALIGNMENT);
        }
    }

    /// Elements that values need side by side.
    fn len_of(&self, ids: &[ValueId]) -> usize {
        let lens = ids.iter().map(|id| self.graph.shape(*id).len());
        lens.reduce(|before, len| before.next_multiple_of(ALIGNMENT) + len).unwrap_or(0)
    }

    /// Flat buffers with the parameters and gradients inside them, inputs, and every value with a path.
    fn persistent(&mut self) {
        let len = self.graph.flat_len();
        let parameters = self.slot(len, Kind::Float, Role::Flat(Flat::Parameters));
        for parameter in self.graph.parameters() {
            self.place(parameter.value, parameters, parameter.offset);
        }
        if !self.graph.parameter_gradients().is_empty() {
            let gradients = self.slot(len, Kind::Float, Role::Flat(Flat::Gradients));
            for (parameter, gradient) in self.graph.parameters().iter().zip(self.graph.parameter_gradients()) {
                self.place(*gradient, gradients, parameter.offset);
            }
        }
        for (flat, id) in self.graph.flats() {
            let role = Role::Flat(*flat);
            let known = self.slots.iter().position(|slot| slot.role == role);
            let slot = known.unwrap_or_else(|| self.slot(len, Kind::Float, role));
            self.place(*id, slot, 0);
        }
        for (at, value) in self.graph.values().iter().enumerate() {
            let id = ValueId(at as u32);
            let constant = matches!(value.source, Source::Constant(_));
            let role = if constant || value.source == Source::Input { Role::Input } else { Role::Named };
            if self.locations[at].is_none() && (constant || value.path.is_some()) {
                let together = self.graph.adjoining(id);
                let slot = self.slot(self.len_of(&together), value.kind, role);
                self.place_all(&together, slot);
            }
        }
    }

    /// Linear scan: a value takes the best fitting slot whose last reader has run.
    fn temporaries(&mut self, steps: &[Node]) {
        let mut last_use = vec![0; self.graph.values().len()];
        for (at, step) in steps.iter().enumerate() {
            for id in step.inputs.iter().chain(&step.outputs) {
                last_use[id.index()] = at;
            }
        }
        let mut busy: Vec<(usize, usize)> = Vec::new();
        let mut free: Vec<usize> = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            for output in &step.outputs {
                if self.locations[output.index()].is_none() {
                    let together = self.graph.adjoining(*output);
                    let slot = self.reuse(&mut free, self.len_of(&together), self.graph.value(*output).kind);
                    self.place_all(&together, slot);
                    busy.push((together.iter().map(|id| last_use[id.index()]).max().unwrap_or(at), slot));
                }
            }
            busy.retain(|(until, slot)| {
                let done = *until <= at;
                if done {
                    free.push(*slot);
                }
                !done
            });
        }
    }

    /// The smallest free slot of the kind that is large enough, else the largest, grown; else a new one.
    fn reuse(&mut self, free: &mut Vec<usize>, len: usize, kind: Kind) -> usize {
        let alike = || (0..free.len()).filter(|at| self.slots[free[*at]].kind == kind);
        let fits = alike().filter(|at| self.slots[free[*at]].len >= len);
        let best = fits.min_by_key(|at| self.slots[free[*at]].len);
        let largest = alike().max_by_key(|at| self.slots[free[*at]].len);
        match best.or(largest) {
            Some(at) => {
                let slot = free.swap_remove(at);
                self.slots[slot].len = self.slots[slot].len.max(len);
                slot
            }
            None => self.slot(len, kind, Role::Shared),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} slots, {} bytes", self.slots.len(), self.bytes())?;
        for program in &self.programs {
            writeln!(formatter, "program {}: {} steps", program.name, program.steps.len())?;
            for step in &program.steps {
                writeln!(formatter, "  {}", self.describe(step))?;
            }
        }
        Ok(())
    }
}
