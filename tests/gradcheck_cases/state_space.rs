//! State-space layers: discretisation, scans, long convolution.

use seqlab::engine::graph::{DiagonalInput, Op, ScanOutput, SelectiveInput, ValueId};
use seqlab::engine::kernels::discretise::Discretisation;

use super::Example;
use crate::common::sketch::Sketch;

/// Steps, sequences, channels, modes.
const SHAPES: [[usize; 4]; 5] = [[1, 1, 1, 1], [2, 1, 3, 2], [5, 2, 3, 5], [3, 3, 2, 4], [7, 1, 2, 1]];

/// What the loss depends on.
#[derive(Clone, Copy, Debug)]
enum Watched {
    Output,
    States,
    Both,
    LastState,
}

pub fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for rule in Discretisation::ALL {
        for size in [[1, 1], [3, 5]] {
            examples.push(discretisation(rule, size, -1.5));
            // Where e^z - 1 and its derivative would cancel.
            examples.push(discretisation(rule, size, -1e-3));
        }
        examples.push(only_decay(rule));
    }
    for shape in SHAPES {
        examples.push(diagonal(shape, Watched::Output));
        examples.push(selective(shape, Watched::Output));
        examples.push(long_convolution([shape[0], shape[1], shape[2]]));
    }
    for watched in [Watched::States, Watched::Both, Watched::LastState] {
        examples.push(diagonal([4, 2, 3, 2], watched));
        examples.push(selective([4, 2, 3, 2], watched));
    }
    examples
}

/// Poles with real and imaginary parts between `low` and 0, or its opposite.
fn system(sketch: &mut Sketch, [channels, modes]: [usize; 2], low: f64) -> [ValueId; 3] {
    let dt = sketch.variable([channels], 0.01, 0.8);
    let a = sketch.variable([channels, modes, 2], low, -0.1 * low);
    let b = sketch.variable([channels, modes, 2], -1.0, 1.0);
    [dt, a, b]
}

fn discretisation(rule: Discretisation, size: [usize; 2], low: f64) -> Example {
    Example::new(format!("{rule:?} of {size:?}, poles of size {low}"), move |sketch| {
        let [dt, a, b] = system(sketch, size, low);
        sketch.graph.discretise(rule, dt, a, b).expect("the operands fit").to_vec()
    })
}

fn only_decay(rule: Discretisation) -> Example {
    Example::new(format!("{rule:?}, loss on dA only"), move |sketch| {
        let [dt, a, b] = system(sketch, [2, 3], -1.0);
        vec![sketch.graph.discretise(rule, dt, a, b).expect("the operands fit")[0]]
    })
}

fn watch(sketch: &mut Sketch, output: ScanOutput, watched: Watched) -> Vec<ValueId> {
    let last = sketch.graph.shape(output.states).0[0] - 1;
    match watched {
        Watched::Output => vec![output.y],
        Watched::States => vec![output.states],
        Watched::Both => vec![output.y, output.states],
        Watched::LastState => vec![sketch.apply(Op::Slice { axis: 0, start: last, len: 1 }, &[output.states])],
    }
}

fn diagonal([steps, batch, channels, modes]: [usize; 4], watched: Watched) -> Example {
    let name = format!("diagonal scan {:?}, loss on {watched:?}", [steps, batch, channels, modes]);
    Example::new(name, move |sketch| {
        let mut weight = |low: f64| sketch.variable([channels, modes, 2], low, -low);
        let (decay, input, output) = (weight(-0.6), weight(-1.0), weight(-0.5));
        let u = sketch.variable([steps, batch, channels], -1.0, 1.0);
        let x0 = sketch.variable([batch, channels, modes, 2], -1.0, 1.0);
        let scan = sketch.graph.diagonal_scan(&DiagonalInput { u, decay, input, output, x0 });
        watch(sketch, scan.expect("the operands fit"), watched)
    })
}

fn selective([steps, batch, channels, modes]: [usize; 4], watched: Watched) -> Example {
    let name = format!("selective scan {:?}, loss on {watched:?}", [steps, batch, channels, modes]);
    Example::new(name, move |sketch| {
        let u = sketch.variable([steps, batch, channels], -1.0, 1.0);
        let delta = sketch.variable([steps, batch, channels], 0.1, 0.9);
        let a = sketch.variable([channels, modes], -2.0, -0.1);
        let b = sketch.variable([steps, batch, modes], -1.0, 1.0);
        let c = sketch.variable([steps, batch, modes], -1.0, 1.0);
        let x0 = sketch.variable([batch, channels, modes], -1.0, 1.0);
        let scan = sketch.graph.selective_scan(&SelectiveInput { u, delta, a, b, c, x0 });
        watch(sketch, scan.expect("the operands fit"), watched)
    })
}

fn long_convolution([steps, batch, channels]: [usize; 3]) -> Example {
    Example::new(format!("long convolution {steps} {batch} {channels}"), move |sketch| {
        let u = sketch.variable([steps, batch, channels], -1.0, 1.0);
        let kernel = sketch.variable([steps, 1, channels], -1.0, 1.0);
        vec![sketch.apply(Op::LongConv, &[u, kernel])]
    })
}
