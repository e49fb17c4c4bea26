//! Attention, and values with several uses, whose gradients are summed at once.

use seqlab::engine::graph::{Op, Shape, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::unary::Unary;

use super::Example;
use crate::common::op_examples::{EinsumExample, einsum_examples};
use crate::common::sketch::Sketch;

pub fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = einsum_examples().into_iter().filter(is_small).map(einsum).collect();
    examples.extend([[1, 1, 1, 1], [2, 3, 4, 5], [1, 2, 3, 9], [3, 1, 2, 17]].map(additive_energy));
    for shape in [&[1, 1][..], &[3, 3], &[2, 2, 5], &[2, 2, 3, 4]] {
        examples.push(Example::of_shape(Op::CausalSoftmax, shape));
    }
    examples.extend([repeated_mask(), unrolled(4), unrolled(1), parts(), overlapping_parts(), attended_in_turn()]);
    examples
}

fn is_small((_, _, a, b): &EinsumExample) -> bool {
    a.iter().product::<usize>() + b.iter().product::<usize>() < 600
}

fn einsum((equation, known, a, b): EinsumExample) -> Example {
    Example::new(format!("{equation} of {a:?} and {b:?}"), move |sketch| {
        let operands = [&a, &b].map(|shape| sketch.variable(Shape(shape.clone()), -1.0, 1.0));
        vec![sketch.graph.einsum(equation, &known, operands[0], operands[1]).expect("the example fits")]
    })
}

fn additive_energy([queries, batch, keys, width]: [usize; 4]) -> Example {
    Example::new(format!("additive energies {queries} {batch} {keys} {width}"), move |sketch| {
        let (query, key) = ([queries, batch, width], [keys, batch, width]);
        let operands = [sketch.variable(query, -1.0, 1.0), sketch.variable(key, -1.0, 1.0)];
        let v = sketch.variable([width], -1.0, 1.0);
        vec![sketch.apply(Op::AdditiveEnergy, &[operands[0], operands[1], v])]
    })
}

fn repeated_mask() -> Example {
    Example::new("softmax with a mask for all rows", |sketch| {
        let x = sketch.variable([3, 2, 4], -2.0, 2.0);
        let mask = sketch.given([2, 4], vec![1., 0., 1., 1., 0., 0., 1., 0.]);
        vec![sketch.apply(Op::Softmax, &[x, mask])]
    })
}

fn tanh_of_product(sketch: &mut Sketch, x: ValueId, weight: ValueId, bias: ValueId) -> ValueId {
    let product = sketch.apply(Op::MatMul { transpose_a: false, transpose_b: true }, &[x, weight]);
    let sum = sketch.apply(Op::Binary(Binary::Add), &[product, bias]);
    sketch.apply(Op::Unary(Unary::Tanh), &[sum])
}

/// A recurrence step by step: one weight, one bias and the slices of one input, used at every step.
fn unrolled(steps: usize) -> Example {
    Example::new(format!("{steps} steps with the same weight"), move |sketch| {
        let x = sketch.variable([steps, 2, 3], -1.0, 1.0);
        let (weight, bias) = (sketch.variable([3, 3], -1.0, 1.0), sketch.variable([3], -1.0, 1.0));
        let mut state = sketch.variable([1, 2, 3], -1.0, 1.0);
        for step in 0..steps {
            let input = sketch.apply(Op::Slice { axis: 0, start: step, len: 1 }, &[x]);
            let sum = sketch.apply(Op::Binary(Binary::Add), &[state, input]);
            state = tanh_of_product(sketch, sum, weight, bias);
        }
        vec![state]
    })
}

fn slices<const N: usize>(sketch: &mut Sketch, x: ValueId, axis: usize, ranges: [(usize, usize); N]) -> Vec<ValueId> {
    ranges.map(|(start, len)| sketch.apply(Op::Slice { axis, start, len }, &[x])).to_vec()
}

/// Parts of different lengths that make up the whole, the last first.
fn parts() -> Example {
    Example::new("parts of a whole", |sketch| {
        let x = sketch.variable([2, 7], -1.0, 1.0);
        slices(sketch, x, 1, [(4, 3), (0, 1), (1, 3)])
    })
}

fn overlapping_parts() -> Example {
    Example::new("parts that overlap, and the whole", |sketch| {
        let x = sketch.variable([5, 2], -1.0, 1.0);
        let mut outputs = slices(sketch, x, 0, [(0, 3), (2, 3)]);
        outputs.push(sketch.apply(Op::Unary(Unary::Square), &[x]));
        outputs
    })
}

/// The same memory read at every step, with weights that differ.
fn attended_in_turn() -> Example {
    Example::new("a memory attended three times", |sketch| {
        let memory = sketch.variable([4, 2, 3], -1.0, 1.0);
        let weights = [(); 3].map(|()| sketch.variable([1, 2, 4], -1.0, 1.0));
        let mut attend = |weights| sketch.graph.einsum("i b j, j b e -> i b e", &[], weights, memory).expect("it fits");
        weights.map(&mut attend).to_vec()
    })
}
