//! Functions of one and of two numbers, and what moves numbers about.

use seqlab::engine::graph::{Op, Shape, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::unary::Unary;

use super::Example;
use crate::common::sketch::Sketch;

pub fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Unary::ALL.into_iter().flat_map(unary).collect();
    examples.extend(Binary::ALL.into_iter().flat_map(binary));
    examples.extend([
        Example::of_shape(Op::Affine { scale: -1.75, shift: 0.5 }, &[3, 5]),
        Example::of_shape(Op::Transpose, &[3, 5]),
        Example::of_shape(Op::Transpose, &[1, 4]),
        Example::of_shape(Op::Transpose, &[9, 17]),
        Example::of_shape(Op::ExpandLast { width: 5 }, &[3, 4]),
        Example::of_shape(Op::ExpandLast { width: 3 }, &[]),
        Example::of_shape(Op::SumLast, &[3, 7]),
        Example::of_shape(Op::SumLast, &[2, 3, 1]),
        Example::of_shape(Op::RowNorm, &[3, 5]),
        Example::of_shape(Op::RowNorm, &[2, 3, 4]),
        Example::of_shape(Op::RowNorm, &[3]),
    ]);
    examples.extend(moves());
    examples.extend([several_consumers(), one_value_twice(), a_row_of_zeros_has_no_slope()]);
    examples
}

/// Ranges in which a function is smooth, and in which its parts all matter.
fn unary(kind: Unary) -> Vec<Example> {
    let inputs = move |sketch: &mut Sketch, shape: &[usize]| match kind {
        Unary::Ln | Unary::Sqrt => sketch.variable(shape, 0.3, 3.0),
        Unary::Reciprocal | Unary::Relu => sketch.away_from_zero(shape, 0.3),
        _ => sketch.variable(shape, -4.0, 4.0),
    };
    let shapes: [&'static [usize]; 4] = [&[], &[1], &[3, 5], &[2, 3, 7]];
    let mut examples: Vec<Example> =
        shapes.map(|shape| Example::op(Op::Unary(kind), move |sketch| vec![inputs(sketch, shape)])).into();
    // Far out, where the functions are written in several pieces.
    if !matches!(kind, Unary::Ln | Unary::Sqrt | Unary::Exp | Unary::Square | Unary::Reciprocal | Unary::Relu) {
        examples.push(Example::new(format!("{kind:?} far out"), move |sketch| {
            let x = sketch.given([8], vec![-30.0, -21.0, -12.0, -6.0, 6.0, 12.0, 21.0, 30.0]);
            sketch.variables.push(x);
            vec![sketch.apply(Op::Unary(kind), &[x])]
        }));
    }
    examples
}

/// The same shape, and b repeated over one, two and all of a's axes.
fn binary(kind: Binary) -> Vec<Example> {
    let shapes: [(&'static [usize], &'static [usize]); 7] = [
        (&[], &[]),
        (&[3, 5], &[3, 5]),
        (&[3, 5], &[5]),
        (&[2, 3, 5], &[5]),
        (&[2, 3, 5], &[3, 5]),
        (&[7, 1], &[1]),
        (&[3, 5], &[]),
    ];
    let example = |(a, b): (&'static [usize], &'static [usize])| {
        Example::new(format!("{kind:?} of {a:?} and {b:?}"), move |sketch| {
            let (a, b) = (sketch.variable(a, -2.0, 2.0), sketch.away_from_zero(b, 0.5));
            vec![sketch.apply(Op::Binary(kind), &[a, b])]
        })
    };
    shapes.map(example).into()
}

fn moves() -> Vec<Example> {
    let mut examples = Vec::new();
    for axis in 0..3 {
        examples.push(Example::of_shape(Op::Slice { axis, start: 1, len: 2 }, &[3, 4, 5]));
        examples.push(Example::of_shape(Op::Pad { axis, start: 1, total: 7 }, &[3, 4, 5]));
    }
    for axis in 0..3 {
        examples.push(Example::op(Op::Concat { axis }, move |sketch| {
            let part = |len: usize| {
                Shape(vec![2, 3, 1].into_iter().enumerate().map(|(at, n)| if at == axis { len } else { n }).collect())
            };
            [4, 1, 2].map(|len| sketch.variable(part(len), -2.0, 2.0)).into()
        }));
    }
    examples.push(Example::of_shape(Op::Slice { axis: 0, start: 0, len: 1 }, &[1, 3]));
    examples.push(Example::of_shape(Op::Pad { axis: 0, start: 0, total: 1 }, &[1, 3]));
    for shape in [&[][..], &[4], &[3, 4], &[2, 3, 4]] {
        examples.push(Example::of_shape(Op::ExpandLeading { shape: Shape::from([2, 3, 4]) }, shape));
    }
    for keep in 0..=3 {
        examples.push(Example::of_shape(Op::SumLeading { keep }, &[2, 3, 5]));
    }
    examples
}

/// x is read by three nodes, and one of their results by two.
fn several_consumers() -> Example {
    Example::new("a value with several consumers", |sketch| {
        let x = sketch.variable([3, 5], -1.0, 1.0);
        let a = sketch.apply(Op::Unary(Unary::Tanh), &[x]);
        let b = sketch.apply(Op::Unary(Unary::Square), &[x]);
        let c = sketch.apply(Op::Binary(Binary::Mul), &[a, x]);
        let d = sketch.apply(Op::Binary(Binary::Sub), &[b, a]);
        vec![a, c, d]
    })
}

fn one_value_twice() -> Example {
    let twice = |kind: Binary, sketch: &mut Sketch, x: ValueId| sketch.apply(Op::Binary(kind), &[x, x]);
    Example::new("both operands are one value", move |sketch| {
        let x = sketch.away_from_zero([2, 3], 0.5);
        let mut outputs: Vec<ValueId> = Binary::ALL.into_iter().map(|kind| twice(kind, sketch, x)).collect();
        let square = sketch.variable([3, 3], -1.0, 1.0);
        outputs.push(sketch.apply(Op::MatMul { transpose_a: false, transpose_b: false }, &[square, square]));
        outputs.push(sketch.apply(Op::MatMul { transpose_a: false, transpose_b: true }, &[square, square]));
        outputs.push(sketch.apply(Op::MatMul { transpose_a: true, transpose_b: false }, &[square, square]));
        outputs
    })
}

/// Not a derivative: at the origin a norm has none, and 0 is taken, as PyTorch does. Differences there give 0 too.
fn a_row_of_zeros_has_no_slope() -> Example {
    Example::new("the norm of a row of zeros", |sketch| {
        let x = sketch.given([2, 3], vec![0.0; 6]);
        sketch.variables.push(x);
        vec![sketch.apply(Op::RowNorm, &[x])]
    })
}
