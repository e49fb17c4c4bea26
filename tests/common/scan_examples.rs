//! Examples of the ops of state-space layers.

use seqlab::engine::graph::Op;
use seqlab::engine::kernels::discretise::Discretisation;

use super::op_examples::{Fill, Input, OpExample};

/// T, B, channels, modes. The GPU cuts time into chunks in most, also where T is no multiple of a chunk.
const SIZES: [[usize; 4]; 8] = [
    [1, 1, 1, 1],
    [2, 3, 7, 3],
    [37, 2, 7, 16],
    [37, 1, 33, 3],
    [37, 3, 130, 1],
    [101, 1, 1, 16],
    [5, 2, 3, 130],
    [70, 16, 130, 16],
];

fn input<const N: usize>(shape: [usize; N], fill: Fill) -> Input {
    Input { shape: shape.into(), fill }
}

fn normal<const N: usize>(shape: [usize; N]) -> Input {
    input(shape, Fill::Normal(1.0))
}

/// The whole table.
pub fn scan_examples() -> Vec<OpExample> {
    let mut table = Vec::new();
    discretisations(&mut table);
    for [steps, batch, channels, modes] in SIZES {
        diagonal(&mut table, [steps, batch, channels, modes]);
        selective(&mut table, [steps, batch, channels, modes]);
        let (sequence, kernel) = ([steps, batch, channels], [steps, 1, channels]);
        table.push(OpExample::new(Op::LongConv, vec![normal(sequence), normal(kernel)]));
        table.push(OpExample::new(Op::LongConvGradInput, vec![normal(kernel), normal(sequence)]));
        table.push(OpExample::new(Op::LongConvGradKernel, vec![normal(sequence), normal(sequence)]));
    }
    table
}

fn discretisations(table: &mut Vec<OpExample>) {
    // Slow and fast poles, oscillating and not, and steps of all lengths.
    const POLES: &[f32] = &[
        -0.5, 0.0, -0.5, 3.0, -1e-4, 1e-4, -2.0, 60.0, -1e-7, 0.0, -0.3, -200.0, -90.0, 1.0, -0.01, 6.283_185, -1e-3,
        31.4,
    ];
    for [channels, modes] in [[1, 1], [7, 3], [33, 16], [130, 2]] {
        let dt = input([channels], Fill::Uniform(0.001, 0.3));
        let (a, complex) = (input([channels, modes, 2], Fill::Listed(POLES)), || normal([channels, modes, 2]));
        for rule in Discretisation::ALL {
            table.push(OpExample::new(Op::Discretise(rule), vec![dt.clone(), a.clone(), complex()]));
            let operands = vec![dt.clone(), a.clone(), complex(), complex(), complex()];
            table.push(OpExample::new(Op::DiscretiseGrad(rule), operands).tolerance(2e-5));
        }
    }
}

fn diagonal(table: &mut Vec<OpExample>, [steps, batch, channels, modes]: [usize; 4]) {
    let (sequence, state) = ([steps, batch, channels], [batch, channels, modes, 2]);
    let states = [steps, batch, channels, modes, 2];
    let complex = || input([channels, modes, 2], Fill::Normal(0.5));
    let decay = input([channels, modes, 2], Fill::Uniform(-0.7, 0.7));
    let forward = vec![normal(sequence), decay, complex(), complex(), normal(state)];
    table.push(OpExample::new(Op::DiagonalScan, forward.clone()).tolerance(2e-5));
    let mut backward = [forward, vec![normal(states), normal(sequence)]].concat();
    table.push(OpExample::new(Op::DiagonalScanGrad, backward.clone()).tolerance(2e-5));
    backward.push(normal(states));
    table.push(OpExample::new(Op::DiagonalScanGrad, backward).tolerance(2e-5));
}

fn selective(table: &mut Vec<OpExample>, [steps, batch, channels, modes]: [usize; 4]) {
    let (sequence, projected) = ([steps, batch, channels], [steps, batch, modes]);
    let (state, states) = ([batch, channels, modes], [steps, batch, channels, modes]);
    let forward = vec![
        normal(sequence),
        input(sequence, Fill::Uniform(0.01, 0.5)),
        input([channels, modes], Fill::Uniform(-4.0, -0.1)),
        normal(projected),
        normal(projected),
        normal(state),
    ];
    table.push(OpExample::new(Op::SelectiveScan, forward.clone()).tolerance(2e-5));
    let mut backward = [forward, vec![normal(states), normal(sequence)]].concat();
    table.push(OpExample::new(Op::SelectiveScanGrad, backward.clone()).tolerance(2e-5));
    backward.push(normal(states));
    table.push(OpExample::new(Op::SelectiveScanGrad, backward).tolerance(2e-5));
}
