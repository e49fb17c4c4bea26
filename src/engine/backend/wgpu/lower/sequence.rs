//! Recurrent layers.

use super::{Dispatch, Lengths, Memory, Step};
use crate::engine::cell::Cell;

/// Most units a layer may have on the GPU: one invocation of a workgroup each.
pub const MOST_UNITS: usize = 256;

/// Sequences a workgroup runs side by side.
const SEQUENCES: usize = 4;

/// Most states that are bound as one: those of a cell with c and the initial ones.
const MOST_STATES: usize = 4;

/// Vectors of four sequences that workgroup memory has room for.
const PARTIAL_SUMS: usize = 1024;

/// Which of a cell's shaders.
#[derive(Clone, Copy)]
enum Pass {
    Forward,
    Backward,
}

/// Sizes of a layer.
struct Layer {
    cell: Cell,
    steps: usize,
    batch: usize,
    units: usize,
    padded: usize,
    reverse: bool,
    lengths: Lengths,
}

impl Layer {
    fn new(step: &Step<'_>, cell: Cell, reverse: bool, h: &[usize]) -> Layer {
        let lengths = match step.lengths() {
            Some(Memory::Value(location)) => Lengths::Of(location),
            _ => Lengths::Full,
        };
        let padded = h[2].next_multiple_of(4);
        Layer { cell, steps: h[0], batch: h[1], units: h[2], padded, reverse, lengths }
    }

    /// The kernel that loops over time. `starts` are those of the states in what is bound as one.
    fn kernel(&self, pass: Pass, starts: &[usize]) -> Dispatch {
        let description = self.cell.description();
        let kernel = Dispatch::new(description.shaders[pass as usize]);
        let constants = description.constants.iter();
        let later = (1..MOST_STATES).map(|at| starts.get(at).copied().unwrap_or(0));
        constants
            .fold(kernel, |kernel, (name, value)| kernel.constant(name, *value))
            .constant("UNITS", self.units)
            .constant("PADDED", self.padded)
            .params([self.steps, self.batch, usize::from(self.reverse)])
            .params(later)
            .lengths(self.lengths)
            .groups(self.batch.div_ceil(SEQUENCES))
    }

    /// The rows of weight_hh that read the state before, and the others, which have a product of their own.
    fn products(&self) -> (usize, usize) {
        let first = self.cell.description().reads_state;
        (first * self.units, (self.cell.gates() - first) * self.units)
    }

    /// Into how many slices the rows of a forward product are cut, a power of two. Four at least: invocations with
    /// neighbouring slices then load 64 bytes side by side. More where that keeps more of them busy, of two vectors each.
    fn slices_of_rows(&self, rows: usize) -> usize {
        let most = (PARTIAL_SUMS / rows).min(self.padded / 8).max(4);
        1 << most.ilog2()
    }

    /// Into how many slices the columns of a backward product are cut, a power of two: columns (in groups of four) times
    /// slices are at most 256, and a slice has eight rows or more.
    fn slices_of_columns(&self, rows: usize) -> usize {
        let most = (4 * 256 / self.padded).min(rows.div_ceil(8)).max(1);
        1 << most.ilog2()
    }
}

/// All steps forward in one dispatch.
pub(super) fn forward(step: &Step<'_>, cell: Cell, reverse: bool) -> Dispatch {
    let layer = Layer::new(step, cell, reverse, &step.output_shape(0).0);
    let (states, starts) = step.adjoining_outputs();
    let (first, second) = layer.products();
    let mut kernel = layer.kernel(Pass::Forward, &starts);
    if second > 0 {
        kernel = kernel.constant("GATE_SLICES", layer.slices_of_rows(first));
    }
    let last = if second > 0 { second } else { first };
    let initial = 4..4 + starts.len();
    kernel
        .constant("SLICES", layer.slices_of_rows(last))
        .reads([1, 2, 3, 0].map(|at| step.input(at)))
        .reads(initial.map(|at| step.input(at)))
        .writes([states])
        .writes((starts.len()..step.node.outputs.len()).map(|at| step.output(at)))
}

/// The operands of a backward step by name; see `Op::RecurrentBackward`.
struct Backward {
    weights: Memory,
    gates: Option<Memory>,
    h: Memory,
    c: Option<Memory>,
    h0: Memory,
    c0: Option<Memory>,
    outside_h: Memory,
    outside_c: Option<Memory>,
}

impl Backward {
    fn new(step: &Step<'_>, cell: Cell) -> Backward {
        let count = step.node.inputs.len() - usize::from(step.lengths().is_some());
        let mut inputs = (0..count).map(|at| step.input(at));
        let mut next = || inputs.next().expect("shape inference counts the operands");
        let has_c = cell.has_cell_state();
        Backward {
            weights: next(),
            gates: (cell.recorded() > 0).then(&mut next),
            h: next(),
            c: has_c.then(&mut next),
            h0: next(),
            c0: has_c.then(&mut next),
            outside_h: next(),
            outside_c: inputs.next(),
        }
    }

    /// What a cell's kernel reads. One with c takes the cell states for h and h0, and outside_h in the place of an outside_c
    /// that is not there.
    fn reads(&self, cell: Cell) -> Vec<Memory> {
        let &Backward { weights, gates, h, c, h0, c0, outside_h, outside_c } = self;
        match (cell, c, c0) {
            (Cell::Rnn | Cell::RnnRelu, ..) => vec![weights, h, outside_h],
            (_, Some(c), Some(c0)) => {
                let outside = [outside_h, outside_c.unwrap_or(outside_h)];
                [weights].into_iter().chain(gates).chain([c, c0]).chain(outside).collect()
            }
            _ => [weights].into_iter().chain(gates).chain([h, h0, outside_h]).collect(),
        }
    }
}

/// All steps back in one dispatch.
pub(super) fn backward(step: &Step<'_>, cell: Cell, reverse: bool) -> Dispatch {
    let operands = Backward::new(step, cell);
    let layer = Layer::new(step, cell, reverse, &step.shape(1 + usize::from(cell.recorded() > 0)).0);
    let (states, starts) = step.adjoining_outputs();
    let (first, second) = layer.products();
    let mut kernel = layer.kernel(Pass::Backward, &starts).constant("SLICES", layer.slices_of_columns(first));
    if second > 0 {
        kernel = kernel.constant("CANDIDATE_SLICES", layer.slices_of_columns(second));
    }
    if cell.has_cell_state() {
        kernel = kernel.constant("OUTSIDE_C", usize::from(operands.outside_c.is_some()));
    }
    let projections = 0..step.node.op.adjoining().start;
    kernel.reads(operands.reads(cell)).writes(projections.map(|at| step.output(at))).writes([states])
}
