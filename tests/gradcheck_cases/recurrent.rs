//! Recurrent layers: every cell, also at one step, one sequence, one unit.

use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Op, RecurrentInput, RecurrentOutput, ValueId};

use super::Example;
use crate::common::sketch::Sketch;

/// Steps, sequences, units.
const SHAPES: [(usize, usize, usize); 7] =
    [(1, 1, 1), (1, 3, 2), (4, 1, 1), (2, 1, 5), (5, 2, 3), (3, 5, 4), (3, 2, 9)];

/// What the loss depends on.
#[derive(Clone, Copy, Debug)]
enum Watched {
    Hidden,
    Cell,
    Both,
    Last,
}

pub fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for cell in Cell::ALL {
        for shape in SHAPES {
            examples.push(layer(cell, shape, Watched::Hidden));
        }
        examples.push(layer(cell, (4, 2, 3), Watched::Last));
        if cell.has_cell_state() {
            examples.push(layer(cell, (4, 2, 3), Watched::Cell));
            examples.push(layer(cell, (1, 1, 1), Watched::Both));
            examples.push(layer(cell, (4, 2, 3), Watched::Both));
        }
        examples.push(stacked_with_one_matrix(cell));
        examples.push(course(cell, (4, 2, 3), true, None));
        for reverse in [false, true] {
            examples.push(course(cell, (4, 3, 2), reverse, Some(vec![2, 4, 1])));
            examples.push(course(cell, (3, 4, 2), reverse, Some(vec![3, 2, 0, 5])));
        }
    }
    examples.extend([None, Some(vec![2, 0, 3])].into_iter().flat_map(|lengths| final_states(&lengths)));
    examples
}

/// A direction and lengths; the loss depends on every state, and on the final ones once more.
fn course(cell: Cell, shape: (usize, usize, usize), reverse: bool, lengths: Option<Vec<u32>>) -> Example {
    let name = format!("{cell:?} {shape:?}, reverse {reverse}, lengths {lengths:?}");
    Example::new(name, move |sketch| {
        let lengths = lengths.clone().map(|lengths| sketch.given_tokens([shape.1], lengths));
        let input = RecurrentInput { lengths, reverse, ..operands(sketch, cell, shape) };
        let output = run(sketch, cell, &input);
        let states: Vec<ValueId> = [Some(output.h), output.c].into_iter().flatten().collect();
        let last = |state: &ValueId| sketch.graph.final_state(*state, reverse, lengths).expect("the operands fit");
        [states.iter().map(last).collect(), states.clone()].concat()
    })
}

fn final_states(lengths: &Option<Vec<u32>>) -> Vec<Example> {
    let example = |reverse| {
        let lengths = lengths.clone();
        Example::new(format!("final state, reverse {reverse}, lengths {lengths:?}"), move |sketch| {
            let h = sketch.variable([3, 3, 2], -1.0, 1.0);
            let lengths = lengths.clone().map(|lengths| sketch.given_tokens([3], lengths));
            vec![sketch.graph.final_state(h, reverse, lengths).expect("the operands fit")]
        })
    };
    [example(false), example(true)].into()
}

/// The operands of a layer, all of them variables.
pub fn operands(sketch: &mut Sketch, cell: Cell, (time, batch, hidden): (usize, usize, usize)) -> RecurrentInput {
    let gates = cell.gates() * hidden;
    let x_proj = sketch.variable([time, batch, gates], -2.0, 2.0);
    let weight_hh = sketch.variable([gates, hidden], -1.0, 1.0);
    let biases = [sketch.variable([gates], -0.5, 0.5), sketch.variable([gates], -0.5, 0.5)];
    let h0 = sketch.variable([batch, hidden], -1.0, 1.0);
    let c0 = cell.has_cell_state().then(|| sketch.variable([batch, hidden], -1.0, 1.0));
    RecurrentInput::new(x_proj, weight_hh, biases, h0, c0)
}

fn run(sketch: &mut Sketch, cell: Cell, input: &RecurrentInput) -> RecurrentOutput {
    sketch.graph.recurrent(cell, input).expect("the operands fit")
}

fn layer(cell: Cell, shape: (usize, usize, usize), watched: Watched) -> Example {
    Example::new(format!("{cell:?} {shape:?}, loss on {watched:?}"), move |sketch| {
        let input = operands(sketch, cell, shape);
        let output = run(sketch, cell, &input);
        let c: Vec<ValueId> = output.c.into_iter().collect();
        match watched {
            Watched::Hidden => vec![output.h],
            Watched::Cell => c,
            Watched::Both => [vec![output.h], c].concat(),
            Watched::Last => vec![sketch.apply(Op::Slice { axis: 0, start: shape.0 - 1, len: 1 }, &[output.h])],
        }
    })
}

/// Two layers with the same recurrent matrix, biases and initial states; the lower one's states are also an output.
fn stacked_with_one_matrix(cell: Cell) -> Example {
    Example::new(format!("{cell:?}, two layers with shared weights"), move |sketch| {
        let input = operands(sketch, cell, (3, 2, 3));
        let below = run(sketch, cell, &input);
        let x_proj = sketch.apply(Op::MatMul { transpose_a: false, transpose_b: true }, &[below.h, input.weight_hh]);
        let above = run(sketch, cell, &RecurrentInput { x_proj, ..input });
        vec![below.h, above.h]
    })
}
