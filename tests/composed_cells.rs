//! The fused recurrent ops against the same cells composed of primitive ops.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::compose::{compose, stack};
use common::sketch::{Sketch, difference, numbers};
use seqlab::engine::backend::Executable;
use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Gradients, Op, RecurrentInput, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::real::Real;
use seqlab::nn::gate_gradients::{Layer, gate_gradients};
use seqlab::nn::recurrent::LayerState;

/// Steps, sequences, units.
type Shape = (usize, usize, usize);

const SHAPES: [Shape; 8] = [(1, 1, 1), (2, 1, 3), (5, 3, 4), (7, 2, 5), (4, 5, 8), (3, 9, 17), (6, 2, 33), (20, 4, 12)];

/// A value computed by the fused op, and the same by the composition.
struct Pair {
    name: String,
    fused: ValueId,
    composed: ValueId,
}

impl Pair {
    fn new(name: &str, fused: ValueId, composed: ValueId) -> Self {
        Pair { name: name.to_owned(), fused, composed }
    }
}

fn input(sketch: &mut Sketch, cell: Cell, (time, batch, hidden): Shape) -> RecurrentInput {
    let gates = cell.gates() * hidden;
    let bound = 1.5 / (hidden as f64).sqrt();
    let x_proj = sketch.variable([time, batch, gates], -2.0, 2.0);
    let weight_hh = sketch.variable([gates, hidden], -bound, bound);
    let biases = [sketch.variable([gates], -0.5, 0.5), sketch.variable([gates], -0.5, 0.5)];
    let h0 = sketch.variable([batch, hidden], -1.0, 1.0);
    let c0 = cell.has_cell_state().then(|| sketch.variable([batch, hidden], -1.0, 1.0));
    RecurrentInput::new(x_proj, weight_hh, biases, h0, c0)
}

/// In which direction, and whether lengths are drawn, from no step at all to one more than there are.
#[derive(Clone, Copy, Debug)]
struct Course {
    reverse: bool,
    ragged: bool,
}

const COURSES: [Course; 4] = [
    Course { reverse: false, ragged: false },
    Course { reverse: true, ragged: false },
    Course { reverse: false, ragged: true },
    Course { reverse: true, ragged: true },
];

/// Lengths (B), and 1 where a sequence has a step (T, B, H).
fn lengths(sketch: &mut Sketch, (time, batch, hidden): Shape) -> (ValueId, ValueId) {
    let lengths: Vec<u32> = (0..batch).map(|_| (sketch.uniform() * (time + 2) as f64) as u32).collect();
    let exists = |at: usize| f64::from(u8::from(at / (batch * hidden) < lengths[at / hidden % batch] as usize));
    let mask = (0..time * batch * hidden).map(exists).collect();
    let mask = sketch.given([time, batch, hidden], mask);
    (sketch.given_tokens([batch], lengths), mask)
}

/// Both in one graph, each with its own loss with the same probes.
fn pairs(sketch: &mut Sketch, cell: Cell, shape: Shape, course: Course) -> Vec<Pair> {
    let (lengths, exists) = match course.ragged {
        true => Some(lengths(sketch, shape)).unzip(),
        false => (None, None),
    };
    let input = RecurrentInput { lengths, reverse: course.reverse, ..input(sketch, cell, shape) };
    let fused = sketch.graph.recurrent(cell, &input).expect("the operands fit");
    let composed = compose(&mut sketch.graph, cell, &input, exists).expect("the operands fit");
    let mut pairs = vec![Pair::new("h", fused.h, stacked(sketch, &composed.h))];
    if let Some(c) = fused.c {
        pairs.push(Pair::new("c", c, stacked(sketch, &composed.c)));
    }
    let states = pairs.len();
    for gate in 0..cell.recorded() {
        let steps: Vec<ValueId> = composed.gates.iter().map(|gates| gates[gate]).collect();
        let all = fused.gates.expect("the cell records gates");
        let fused = sketch.apply(Op::Slice { axis: 2, start: gate * shape.2, len: shape.2 }, &[all]);
        pairs.push(Pair::new(&format!("gate {gate}"), fused, stacked(sketch, &steps)));
    }
    let probes = probes(sketch, &pairs[..states]);
    let (fused_gradients, fused_all) = differentiate(sketch, pairs[..states].iter().map(|pair| pair.fused), &probes);
    let (own_gradients, own_all) = differentiate(sketch, pairs[..states].iter().map(|pair| pair.composed), &probes);
    for (at, (fused, composed)) in fused_gradients.iter().zip(&own_gradients).enumerate() {
        pairs.push(Pair::new(&format!("gradient in operand {at}"), *fused, *composed));
    }
    let [h, c] = &composed.carried;
    for (name, states, steps) in [("h", Some(fused.h), h), ("c", fused.c, c)] {
        let Some(total) = states.and_then(|states| fused_all.total(states)) else { continue };
        let steps: Vec<ValueId> = steps.iter().map(|step| own_all.of(*step).expect("the loss depends on it")).collect();
        pairs.push(Pair::new(&format!("total derivative in {name}"), total, stacked(sketch, &steps)));
    }
    if !course.ragged {
        let state = LayerState { h: input.h0, c: input.c0 };
        let layer = Layer { cell, reverse: course.reverse, weight_hh: input.weight_hh, state, output: &fused };
        let found = gate_gradients(&mut sketch.graph, &layer, &fused_all).expect("the cell's own output");
        for (gate, (symbol, gradient)) in found.into_iter().take(cell.recorded()).enumerate() {
            let each = composed.gates.iter().map(|gates| own_all.of(gates[gate]).expect("the loss depends on it"));
            let each: Vec<ValueId> = each.collect();
            pairs.push(Pair::new(&format!("gradient in gate {symbol}"), gradient, stacked(sketch, &each)));
        }
    }
    pairs
}

fn stacked(sketch: &mut Sketch, steps: &[ValueId]) -> ValueId {
    stack(&mut sketch.graph, steps).expect("the steps fit")
}

fn probes(sketch: &mut Sketch, states: &[Pair]) -> Vec<ValueId> {
    let shapes: Vec<_> = states.iter().map(|pair| sketch.graph.shape(pair.fused).clone()).collect();
    shapes.into_iter().map(|shape| sketch.constant(shape, -1.0, 1.0)).collect()
}

fn differentiate(
    sketch: &mut Sketch,
    states: impl Iterator<Item = ValueId>,
    probes: &[ValueId],
) -> (Vec<ValueId>, Gradients) {
    let mut loss = None;
    for (state, probe) in states.zip(probes) {
        let product = sketch.apply(Op::Binary(Binary::Mul), &[state, *probe]);
        let sum = sketch.apply(Op::SumLeading { keep: 0 }, &[product]);
        loss = Some(loss.map_or(sum, |loss| sketch.apply(Op::Binary(Binary::Add), &[loss, sum])));
    }
    sketch.differentiate(loss.expect("a layer has states"))
}

/// Every cell at every shape: the largest difference of any pair.
fn check<R: Real>(tolerance: f64) {
    let mut wrong = Vec::new();
    let (mut count, mut worst) = (0, 0.0_f64);
    for cell in Cell::ALL {
        for (shape, course) in SHAPES.into_iter().flat_map(|shape| COURSES.map(|course| (shape, course))) {
            let mut sketch = Sketch::new(5);
            let pairs = pairs(&mut sketch, cell, shape, course);
            pairs.iter().for_each(|pair| [pair.fused, pair.composed].into_iter().for_each(|id| sketch.keep(id)));
            let mut machine = sketch.load::<R>();
            machine.run(0).expect("the CPU runs");
            for pair in &pairs {
                let off = difference(&numbers(&machine, pair.fused), &numbers(&machine, pair.composed));
                (count, worst) = (count + 1, worst.max(off));
                if off > tolerance {
                    wrong.push(format!("{cell:?} {shape:?} {course:?}: {} differs by {off:.2e}", pair.name));
                }
            }
        }
    }
    println!("{count} pairs, worst difference {worst:.2e}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fused_cells_are_their_formulas_in_f64() {
    check::<f64>(1e-10);
}

#[test]
fn fused_cells_are_their_formulas_in_f32() {
    check::<f32>(1e-5);
}
