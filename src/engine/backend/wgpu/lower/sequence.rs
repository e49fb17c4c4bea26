//! Recurrent layers.

use super::{Dispatch, Lengths, Memory, Step};
use crate::engine::cell::Cell;

/// Most units a layer may have on the GPU: one invocation of a workgroup each.
pub const MOST_UNITS: usize = 256;

/// Sequences a workgroup runs side by side.
const SEQUENCES: usize = 4;

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

    /// The kernel that loops over time.
    fn kernel(&self, pass: Pass) -> Dispatch {
        let description = self.cell.description();
        let kernel = Dispatch::new(description.shaders[pass as usize]);
        let constants = description.constants.iter();
        constants
            .fold(kernel, |kernel, (name, value)| kernel.constant(name, *value))
            .constant("UNITS", self.units)
            .constant("PADDED", self.padded)
            .params([self.steps, self.batch, usize::from(self.reverse)])
            .lengths(self.lengths)
            .groups(self.batch.div_ceil(SEQUENCES))
    }

    /// The blocks of weight_hh that read the state before, and the others, which have a product of their own.
    fn products(&self) -> (usize, usize) {
        let first = self.cell.description().reads_state;
        (first, self.cell.gates() - first)
    }

    /// Into how many slices a product's rows are cut: columns (in groups of four) times slices are at most 256, and
    /// a slice has eight rows or more.
    fn slices(&self, columns: usize, rows: usize) -> usize {
        let most = (256 / columns).min(rows.div_ceil(8)).max(1);
        1 << most.ilog2()
    }
}

/// Packs the weights, then runs over time.
pub(super) fn forward(step: &Step<'_>, cell: Cell, reverse: bool) -> Vec<Dispatch> {
    let layer = Layer::new(step, cell, reverse, &step.output_shape(0).0);
    let (gates, columns) = (cell.gates(), cell.gates() * layer.padded / 4);
    let packed = Memory::scratch((layer.units + 2) * columns * 4);
    let pack = Dispatch::new("recurrent_pack")
        .reads([step.input(1), step.input(2), step.input(3)])
        .writes([packed])
        .params([gates, layer.units, layer.padded])
        .elements((layer.units + 2) * columns * 4);
    let states = 4..5 + usize::from(cell.has_cell_state());
    let mut run = layer
        .kernel(Pass::Forward)
        .reads([packed, step.input(0)])
        .reads(states.map(|at| step.input(at)))
        .writes((0..step.node.outputs.len()).map(|at| step.output(at)));
    let block = layer.padded / 4;
    let (first, second) = layer.products();
    if second > 0 {
        run = run.constant("GATE_SLICES", layer.slices(first * block, layer.units));
        run = run.constant("SLICES", layer.slices(second * block, layer.units));
    } else {
        run = run.constant("SLICES", layer.slices(columns, layer.units));
    }
    vec![pack, run]
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
}

/// Copies what the kernel needs in place, pads the weights if a row is no multiple of four, then runs back over time.
pub(super) fn backward(step: &Step<'_>, cell: Cell, reverse: bool) -> Vec<Dispatch> {
    let operands = Backward::new(step, cell);
    let h = &step.shape(1 + usize::from(cell.recorded() > 0)).0;
    let layer = Layer::new(step, cell, reverse, h);
    let mut dispatches = Vec::new();
    let weights = padded_weights(&layer, operands.weights, &mut dispatches);
    let outputs: Vec<Memory> = (0..step.node.outputs.len()).map(|at| step.output(at)).collect();
    let slices = |rows: usize| layer.slices(layer.padded / 4, rows * layer.units);
    let (first, second) = layer.products();
    let mut kernel = layer.kernel(Pass::Backward).constant("SLICES", slices(first));
    if second > 0 {
        kernel = kernel.constant("CANDIDATE_SLICES", slices(second));
    }
    if cell.has_cell_state() {
        dispatches.extend(with_cell_state(&layer, kernel, &operands, weights, &outputs));
        return dispatches;
    }
    let run = match cell {
        Cell::Rnn | Cell::RnnRelu => kernel.reads([weights, operands.h, operands.outside_h]),
        Cell::Gru => {
            // The kernel finds h0 where it writes its gradient.
            dispatches.push(super::elementwise::copy(operands.h0, outputs[3], layer.batch * layer.units));
            kernel.reads([weights]).reads(operands.gates).reads([operands.h, operands.outside_h])
        }
        _ => kernel.reads([weights]).reads(operands.gates).reads([operands.h, operands.h0, operands.outside_h]),
    };
    dispatches.push(run.writes(outputs));
    dispatches
}

/// weight_hh (G H, H) with rows of PADDED elements.
fn padded_weights(layer: &Layer, weights: Memory, dispatches: &mut Vec<Dispatch>) -> Memory {
    if layer.units == layer.padded {
        return weights;
    }
    let rows = layer.cell.gates() * layer.units;
    let padded = Memory::scratch(rows * layer.padded);
    dispatches.push(super::elementwise::pad(weights, padded, [rows, layer.units, 1], 0, layer.padded));
    padded
}

/// The kernel changes grad_h, grad_c and d_c0 in place, and has no h to read: it would be one buffer too many.
fn with_cell_state(
    layer: &Layer,
    kernel: Dispatch,
    operands: &Backward,
    weights: Memory,
    outputs: &[Memory],
) -> Vec<Dispatch> {
    let &[d_x, grad_h, grad_c, d_h0, d_c0] = outputs else { unreachable!("shape inference counts the outputs") };
    let (states, state) = (layer.steps * layer.batch * layer.units, layer.batch * layer.units);
    let both = [operands.gates, operands.c, operands.c0];
    let [gates, c, c0] = both.map(|memory| memory.expect("it records gates and has cell states"));
    let mut dispatches = vec![super::elementwise::copy(operands.outside_h, grad_h, states)];
    dispatches.extend(operands.outside_c.map(|outside_c| super::elementwise::copy(outside_c, grad_c, states)));
    dispatches.push(super::elementwise::copy(c0, d_c0, state));
    let run = kernel
        .constant("OUTSIDE_C", usize::from(operands.outside_c.is_some()))
        .reads([weights, gates, c])
        .writes([d_x, grad_h, grad_c, d_h0, d_c0]);
    dispatches.push(run);
    dispatches
}
