//! The examples of the gradient check: every differentiable op at odd shapes.

mod attention;
mod layers;
mod pointwise;
mod recurrent;
mod state_space;

use seqlab::engine::cell::Cell;
use seqlab::engine::einsum::Einsum;
use seqlab::engine::graph::{Op, Shape, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::discretise::Discretisation;
use seqlab::engine::kernels::unary::Unary;
use seqlab::engine::optimiser::Optimiser;

use crate::common::sketch::Sketch;

type Build = dyn Fn(&mut Sketch) -> Vec<ValueId>;

/// A small graph to differentiate in all its variables.
pub struct Example {
    /// What it is.
    pub name: String,
    /// Adds inputs and nodes; returns the outputs that the loss depends on.
    pub build: Box<Build>,
}

impl Example {
    /// An example.
    pub fn new(name: impl Into<String>, build: impl Fn(&mut Sketch) -> Vec<ValueId> + 'static) -> Self {
        Example { name: name.into(), build: Box::new(build) }
    }

    /// An op on its variables.
    pub fn op(op: Op, inputs: impl Fn(&mut Sketch) -> Vec<ValueId> + 'static) -> Self {
        Self::new(format!("{op:?}"), move |sketch| {
            let inputs = inputs(sketch);
            vec![sketch.apply(op.clone(), &inputs)]
        })
    }

    /// An op on one variable of this shape.
    pub fn of_shape(op: Op, shape: &[usize]) -> Self {
        let shape = Shape::from(shape);
        let name = format!("{op:?} of {shape}");
        Self { name, ..Self::op(op, move |sketch| vec![sketch.variable(shape.clone(), -2.0, 2.0)]) }
    }

    /// Random numbers of its own.
    pub fn seed(&self) -> u32 {
        self.name.bytes().fold(7, |seed: u32, byte| seed.wrapping_mul(31).wrapping_add(u32::from(byte)))
    }
}

/// Every example.
pub fn all() -> Vec<Example> {
    [pointwise::examples(), layers::examples(), recurrent::examples(), attention::examples(), state_space::examples()]
        .into_iter()
        .flatten()
        .collect()
}

/// Lists ops with samples of each; an op that is missing does not compile.
macro_rules! ops {
    ($($variant:ident: $samples:expr,)*) => {
        /// A sample of every op, or several where an option changes its gradient.
        pub fn every_op() -> Vec<Op> {
            let samples: Vec<Vec<Op>> = vec![$($samples.into_iter().collect()),*];
            samples.into_iter().flatten().inspect(is_listed).collect()
        }

        fn is_listed(op: &Op) {
            match op {
                $(Op::$variant { .. } => {})*
            }
        }
    };
}

ops! {
    Unary: Unary::ALL.map(Op::Unary),
    UnaryGrad: Unary::ALL.map(Op::UnaryGrad),
    Binary: Binary::ALL.map(Op::Binary),
    Affine: [Op::Affine { scale: 1.0, shift: 0.0 }],
    Fill: [Op::Fill { value: 1.0, shape: Shape::default() }],
    MatMul: [(false, false), (false, true), (true, false)]
        .map(|(transpose_a, transpose_b)| Op::MatMul { transpose_a, transpose_b }),
    Einsum: Einsum::new("i k, k j -> i j", &[], &[1, 1], &[1, 1]).map(Op::Einsum),
    Transpose: [Op::Transpose],
    Slice: [Op::Slice { axis: 0, start: 0, len: 1 }],
    Pad: [Op::Pad { axis: 0, start: 0, total: 1 }],
    Concat: [Op::Concat { axis: 0 }],
    ExpandLast: [Op::ExpandLast { width: 1 }],
    ExpandLeading: [Op::ExpandLeading { shape: Shape::default() }],
    SumLast: [Op::SumLast],
    SumLeading: [Op::SumLeading { keep: 0 }],
    RowNorm: [Op::RowNorm],
    Softmax: [Op::Softmax],
    CausalSoftmax: [Op::CausalSoftmax],
    SoftmaxGrad: [Op::SoftmaxGrad],
    LogSoftmax: [Op::LogSoftmax],
    LogSoftmaxGrad: [Op::LogSoftmaxGrad],
    LogSumExp: [Op::LogSumExp],
    CrossEntropy: [Op::CrossEntropy { ignore: None }],
    CrossEntropyGrad: [Op::CrossEntropyGrad { ignore: None }],
    ArgmaxEquals: [Op::ArgmaxEquals],
    Argmax: [Op::Argmax],
    SampleToken: [Op::SampleToken],
    SelectIds: [Op::SelectIds],
    NotEqual: [Op::NotEqual { value: 0 }],
    LengthMask: [Op::LengthMask { steps: 1 }],
    WeightedMean: [Op::WeightedMean],
    WeightedMeanGrad: [Op::WeightedMeanGrad],
    Embedding: [Op::Embedding { padding: None }],
    EmbeddingGrad: [Op::EmbeddingGrad { padding: None, rows: 1 }],
    LayerNorm: [Op::LayerNorm { eps: 1e-5 }],
    LayerNormGrad: [Op::LayerNormGrad { eps: 1e-5 }],
    Conv1dCausal: [Op::Conv1dCausal],
    Conv1dCausalGradInput: [Op::Conv1dCausalGradInput],
    Conv1dCausalGradWeight: [Op::Conv1dCausalGradWeight { taps: 1 }],
    Recurrent: Cell::ALL.map(|cell| Op::Recurrent { cell, reverse: false }),
    RecurrentBackward: Cell::ALL.map(|cell| Op::RecurrentBackward { cell, reverse: false }),
    Previous: [Op::Previous { reverse: false }],
    FinalState: [Op::FinalState { reverse: false }],
    FinalStateGrad: [Op::FinalStateGrad { reverse: false, steps: 1 }],
    Dropout: [Op::Dropout { p: 0.5, stream: 0 }],
    AdditiveEnergy: [Op::AdditiveEnergy],
    AdditiveEnergyGrad: [Op::AdditiveEnergyGrad],
    CachedAttention: [Op::CachedAttention { heads: 1 }],
    CacheWrite: [Op::CacheWrite],
    GroupNorms: [Op::GroupNorms { groups: Vec::new() }],
    Optimise: [Op::Optimise(Optimiser::SGD)],
    Copy: [Op::Copy],
    Discretise: Discretisation::ALL.map(Op::Discretise),
    DiscretiseGrad: Discretisation::ALL.map(Op::DiscretiseGrad),
    DiagonalScan: [Op::DiagonalScan],
    DiagonalScanGrad: [Op::DiagonalScanGrad],
    LongConv: [Op::LongConv],
    LongConvGradInput: [Op::LongConvGradInput],
    LongConvGradKernel: [Op::LongConvGradKernel],
    SelectiveScan: [Op::SelectiveScan],
    SelectiveScanGrad: [Op::SelectiveScanGrad],
}
