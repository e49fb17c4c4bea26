//! Products, softmaxes, losses, embeddings, normalisation, convolution.

use seqlab::engine::graph::{Op, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::unary::Unary;

use seqlab::nn::losses;

use super::Example;
use crate::common::sketch::Sketch;

pub fn examples() -> Vec<Example> {
    let mut examples = products();
    for shape in [&[1, 1][..], &[3, 7], &[2, 3, 5]] {
        examples.push(Example::of_shape(Op::Softmax, shape));
        examples.push(Example::of_shape(Op::LogSoftmax, shape));
        examples.push(Example::of_shape(Op::LogSumExp, shape));
        examples.push(Example::of_shape(Op::LayerNorm { eps: 1e-5 }, shape));
    }
    examples.push(Example::of_shape(Op::LayerNorm { eps: 0.5 }, &[3, 9]));
    examples.extend([masked_softmax(), weighted_mean(&[5]), weighted_mean(&[2, 3, 5]), no_weight_at_all()]);
    examples.extend([None, Some(2)].into_iter().flat_map(cross_entropy));
    examples.extend([embedding(&[7], 4, 3), embedding(&[2, 3], 5, 1), embedding(&[1], 1, 1), padded_embedding()]);
    for (time, batch, channels, taps) in [(7, 2, 3, 4), (2, 3, 5, 4), (1, 1, 1, 1), (5, 1, 9, 2)] {
        examples.push(convolution(time, batch, channels, taps));
    }
    examples.extend([reinforce(), value_head()]);
    examples.extend([false, true].into_iter().flat_map(|transpose_b| [ragged(false, transpose_b)]));
    examples.extend([ragged(true, false), dropout(0.5), dropout(0.1)]);
    examples.extend([shared_weights(), loss_is_the_product_of_two_losses()]);
    examples
}

const PLAIN: Op = Op::MatMul { transpose_a: false, transpose_b: false };
const BY_TRANSPOSE: Op = Op::MatMul { transpose_a: false, transpose_b: true };

fn products() -> Vec<Example> {
    let table: [(bool, bool, &'static [usize], &'static [usize]); 11] = [
        (false, false, &[1, 1], &[1, 1]),
        (false, false, &[3, 5], &[5, 7]),
        (false, false, &[2, 3, 5], &[5, 4]),
        (false, false, &[5], &[5, 4]),
        (false, false, &[9, 17], &[17, 5]),
        (false, true, &[3, 5], &[7, 5]),
        (false, true, &[2, 3, 5], &[1, 5]),
        (false, true, &[5, 9], &[17, 9]),
        (true, false, &[3, 5], &[3, 7]),
        (true, false, &[2, 3, 5], &[2, 3, 4]),
        (true, false, &[1, 1, 1], &[1, 1, 3]),
    ];
    let example = |(transpose_a, transpose_b, a, b): (bool, bool, &'static [usize], &'static [usize])| {
        Example::new(format!("matmul {transpose_a} {transpose_b} of {a:?} and {b:?}"), move |sketch| {
            let (a, b) = (sketch.variable(a, -1.0, 1.0), sketch.variable(b, -1.0, 1.0));
            vec![sketch.apply(Op::MatMul { transpose_a, transpose_b }, &[a, b])]
        })
    };
    table.map(example).into()
}

/// A product over sequences of unequal length.
fn ragged(transpose_a: bool, transpose_b: bool) -> Example {
    Example::new(format!("matmul {transpose_a} {transpose_b} of ragged rows"), move |sketch| {
        let b: &[usize] = if transpose_a {
            &[3, 4, 5]
        } else if transpose_b {
            &[5, 2]
        } else {
            &[2, 5]
        };
        let (a, b) = (sketch.variable([3, 4, 2], -1.0, 1.0), sketch.variable(b, -1.0, 1.0));
        let lengths = sketch.given_tokens([4], vec![2, 0, 3, 1]);
        vec![sketch.apply(Op::MatMul { transpose_a, transpose_b }, &[a, b, lengths])]
    })
}

fn dropout(p: f32) -> Example {
    Example::new(format!("dropout of {p}"), move |sketch| {
        let (x, key) = (sketch.variable([3, 7], 0.5, 1.0), sketch.given_tokens([2], vec![5, 8]));
        vec![sketch.apply(Op::Dropout { p, stream: 1 }, &[x, key])]
    })
}

/// One row keeps some, one all, one nothing.
fn masked_softmax() -> Example {
    Example::new("softmax with a mask", |sketch| {
        let x = sketch.variable([3, 4], -2.0, 2.0);
        let mask = sketch.given([3, 4], vec![1., 0., 1., 0., 1., 1., 1., 1., 0., 0., 0., 0.]);
        vec![sketch.apply(Op::Softmax, &[x, mask])]
    })
}

fn weighted_mean(shape: &'static [usize]) -> Example {
    Example::op(Op::WeightedMean, move |sketch| {
        vec![sketch.variable(shape, -2.0, 2.0), sketch.constant(shape, 0.0, 2.0)]
    })
}

fn no_weight_at_all() -> Example {
    Example::new("a mean of nothing", |sketch| {
        let (x, weights) = (sketch.variable([4], -2.0, 2.0), sketch.given([4], vec![0.0; 4]));
        vec![sketch.apply(Op::WeightedMean, &[x, weights])]
    })
}

fn cross_entropy(ignore: Option<u32>) -> Vec<Example> {
    let shapes: [(&'static [usize], u32); 4] = [(&[5], 3), (&[2, 3], 7), (&[1], 3), (&[], 4)];
    let example = move |(positions, vocabulary): (&'static [usize], u32)| {
        Example::new(format!("cross entropy over {vocabulary}, ignoring {ignore:?}, at {positions:?}"), move |sketch| {
            let shape = [positions, &[vocabulary as usize]].concat();
            let logits = sketch.variable(shape.as_slice(), -3.0, 3.0);
            let targets = sketch.tokens(positions, vocabulary);
            vec![sketch.apply(Op::CrossEntropy { ignore }, &[logits, targets])]
        })
    };
    shapes.map(example).into()
}

fn embedding(positions: &'static [usize], rows: u32, width: usize) -> Example {
    Example::new(format!("embedding of {positions:?} from {rows} rows of {width}"), move |sketch| {
        let ids = sketch.tokens(positions, rows);
        let table = sketch.variable([rows as usize, width], -1.0, 1.0);
        vec![sketch.apply(Op::Embedding { padding: None }, &[ids, table])]
    })
}

/// The padding does not occur: where it does, its gradient is 0 by definition and no derivative.
fn padded_embedding() -> Example {
    Example::new("embedding with a padding", |sketch| {
        let ids = sketch.given_tokens([5], vec![1, 3, 1, 2, 1]);
        let table = sketch.variable([4, 3], -1.0, 1.0);
        vec![sketch.apply(Op::Embedding { padding: Some(0) }, &[ids, table])]
    })
}

fn convolution(time: usize, batch: usize, channels: usize, taps: usize) -> Example {
    Example::new(format!("convolution {time} {batch} {channels} {taps}"), move |sketch| {
        let x = sketch.variable([time, batch, channels], -1.0, 1.0);
        let weight = sketch.variable([channels, 1, taps], -1.0, 1.0);
        vec![sketch.apply(Op::Conv1dCausal, &[x, weight])]
    })
}

/// The sequences have lengths 3, 1 and 2.
fn reinforce() -> Example {
    Example::new("REINFORCE with an entropy bonus", |sketch| {
        let logits = sketch.variable([3, 3, 5], -2.0, 2.0);
        let input = losses::PolicyInput {
            logits,
            actions: sketch.tokens([3, 3], 5),
            mask: sketch.given([3, 3], vec![1., 1., 1., 1., 0., 1., 1., 0., 0.]),
            advantage: sketch.constant([3, 3], -1.0, 1.0),
            entropy_weight: sketch.given([], vec![0.25]),
        };
        vec![losses::policy_gradient(&mut sketch.graph, &input).expect("it fits").loss]
    })
}

fn value_head() -> Example {
    Example::new("the error of a value head", |sketch| {
        let h = sketch.constant([3, 2, 4], -1.0, 1.0);
        let (weight, bias) = (sketch.variable([1, 4], -1.0, 1.0), sketch.variable([1], -1.0, 1.0));
        let (targets, mask) = (sketch.constant([3, 2], -1.0, 1.0), sketch.given([3, 2], vec![1., 1., 1., 0., 1., 0.]));
        let values = losses::value_head(&mut sketch.graph, h, weight, bias).expect("it fits");
        vec![losses::masked_mse(&mut sketch.graph, values, targets, mask).expect("it fits")]
    })
}

/// One matrix used by two layers, once transposed.
fn shared_weights() -> Example {
    Example::new("a matrix used twice", |sketch| {
        let x = sketch.variable([2, 3, 4], -1.0, 1.0);
        let weight = sketch.variable([5, 4], -1.0, 1.0);
        let hidden = sketch.apply(BY_TRANSPOSE, &[x, weight]);
        let hidden = sketch.apply(Op::Unary(Unary::Tanh), &[hidden]);
        vec![sketch.apply(PLAIN, &[hidden, weight])]
    })
}

fn loss_is_the_product_of_two_losses() -> Example {
    let mean = |sketch: &mut Sketch, x: ValueId| sketch.apply(Op::SumLeading { keep: 0 }, &[x]);
    Example::new("a product of sums of a value and its softmax", move |sketch| {
        let x = sketch.variable([3, 4], -1.0, 1.0);
        let soft = sketch.apply(Op::Softmax, &[x]);
        let square = sketch.apply(Op::Unary(Unary::Square), &[soft]);
        let (a, b) = (mean(sketch, x), mean(sketch, square));
        vec![sketch.apply(Op::Binary(Binary::Mul), &[a, b])]
    })
}
