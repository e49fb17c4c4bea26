//! Every gradient rule against central differences in f64.
#![cfg(not(target_arch = "wasm32"))]

mod common;
mod gradcheck_cases;

use std::collections::BTreeSet;

use common::sketch::{Sketch, numbers};
use gradcheck_cases::{Example, every_op};
use seqlab::engine::backend::Executable;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::graph::{Graph, Op, ValueId};

/// Half the distance of the two points of a difference. The error is of order `STEP`^2 and 1e-16 / `STEP`.
const STEP: f64 = 1e-5;
/// Largest error, as a share of the largest derivative of the example (or of 1).
const TOLERANCE: f64 = 2e-8;

/// The largest error over all variables of an example, as [`TOLERANCE`] has it.
fn error(example: &Example) -> f64 {
    let mut sketch = Sketch::new(example.seed());
    let outputs = (example.build)(&mut sketch);
    let loss = sketch.probed(&outputs);
    sketch.keep(loss);
    let (gradients, _) = sketch.differentiate(loss);
    let mut machine = sketch.load::<f64>();
    machine.run(0).expect("the CPU runs");
    let found: Vec<Vec<f64>> = gradients.iter().map(|id| numbers(&machine, *id)).collect();
    let scale = found.iter().flatten().fold(1.0_f64, |scale, x| scale.max(x.abs()));
    let mut worst = 0.0_f64;
    for (variable, found) in sketch.variables.iter().zip(&found) {
        for (at, found) in found.iter().enumerate() {
            let error = (found - slope(&mut machine, loss, *variable, at)).abs() / scale;
            worst = if error.is_nan() { f64::INFINITY } else { worst.max(error) };
        }
    }
    worst
}

fn slope(machine: &mut CpuExecutable<f64>, loss: ValueId, variable: ValueId, at: usize) -> f64 {
    let middle = machine.view(variable).expect("an input")[at];
    let mut loss_at = |x: f64| {
        machine.view_mut(variable).expect("an input")[at] = x;
        machine.run(0).expect("the CPU runs");
        machine.view(loss).expect("a kept value")[0]
    };
    let (above, below) = (loss_at(middle + STEP), loss_at(middle - STEP));
    loss_at(middle);
    (above - below) / (2.0 * STEP)
}

#[test]
fn every_rule_agrees_with_differences() {
    let mut wrong = Vec::new();
    let mut worst = (0.0, String::new());
    let examples = gradcheck_cases::all();
    for example in &examples {
        let error = error(example);
        if error > TOLERANCE {
            wrong.push(format!("{}: off by {error:.2e}", example.name));
        }
        if error > worst.0 {
            worst = (error, example.name.clone());
        }
    }
    println!("{} examples, worst error {:.2e}: {}", examples.len(), worst.0, worst.1);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What has to have an example of its own: an op and what of its options changes the rule.
fn key(op: &Op) -> String {
    match op {
        Op::Unary(kind) => format!("{kind:?}"),
        Op::Binary(kind) => format!("{kind:?}"),
        Op::Recurrent { cell, .. } => format!("{cell:?}"),
        Op::Discretise(rule) => format!("{rule:?}"),
        Op::MatMul { transpose_a, transpose_b } => format!("matmul {transpose_a} {transpose_b}"),
        other => other.name().to_owned(),
    }
}

#[test]
fn every_differentiable_op_has_an_example() {
    let mut seen = BTreeSet::new();
    for example in gradcheck_cases::all() {
        let mut sketch = Sketch::new(1);
        let outputs = (example.build)(&mut sketch);
        assert!(!sketch.variables.is_empty() && !outputs.is_empty(), "{}", example.name);
        seen.extend(sketch.graph.nodes().iter().map(|node| key(&node.op)));
    }
    let missing: Vec<String> =
        every_op().iter().filter(|op| Graph::differentiable(op)).map(key).filter(|key| !seen.contains(key)).collect();
    assert!(missing.is_empty(), "no example of {}", missing.join(", "));
}

/// What the check is worth: a gradient that is left out is found. `WeightedMean` is documented to have none in its
/// weights.
#[test]
fn a_missing_derivative_is_found() {
    let example = Example::new("weighted mean, the weights being variables", |sketch| {
        let (values, weights) = (sketch.variable([3], -1.0, 1.0), sketch.variable([3], 0.5, 1.0));
        vec![sketch.apply(Op::WeightedMean, &[values, weights])]
    });
    assert!(error(&example) > 1e6 * TOLERANCE);
}

/// `padding_idx`: the row is read as it is, and learns nothing.
#[test]
fn a_padding_row_has_no_gradient() {
    let mut sketch = Sketch::new(3);
    let ids = sketch.given_tokens([4], vec![2, 0, 1, 2]);
    let table = sketch.variable([3, 2], 0.5, 1.0);
    let rows = sketch.apply(Op::Embedding { padding: Some(2) }, &[ids, table]);
    sketch.keep(rows);
    let loss = sketch.probed(&[rows]);
    let (gradients, _) = sketch.differentiate(loss);
    let mut machine = sketch.load::<f64>();
    machine.run(0).expect("the CPU runs");
    let gradient = numbers(&machine, gradients[0]);
    assert_eq!(gradient[4..], [0.0, 0.0]);
    assert!(gradient[..4].iter().all(|x| *x != 0.0));
    assert_eq!(numbers(&machine, rows)[..2], numbers(&machine, table)[4..]);
}
