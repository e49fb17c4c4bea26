//! One table of examples of every op: what backends are compared on and gradients are checked on.

use seqlab::engine::cell::Cell;
use seqlab::engine::einsum::Einsum;
use seqlab::engine::graph::{Op, Shape};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::unary::Unary;
use seqlab::engine::optimiser::Optimiser;

pub use super::op_example::{Fill, Input, OpExample};

fn input(shape: impl Into<Shape>, fill: Fill) -> Input {
    Input { shape: shape.into(), fill }
}

fn normal(shape: impl Into<Shape>) -> Input {
    input(shape, Fill::Normal(1.0))
}

/// Arguments of all magnitudes that f32 results exist for.
const EXTREME: &[f32] = &[
    0.0, 1e-30, -1e-30, 1e-8, -1e-8, 1e-3, -1e-3, 0.1, -0.1, 0.5, -0.5, 0.7, -0.75, 1.0, -1.0, 2.5, -2.5, 5.0, -5.0,
    8.0, -8.0, 12.0, -12.0, 19.9, 20.1, -20.0, 50.0, -50.0, 87.0, -87.0, 100.0, -100.0, 1e3, -1e3, 1e4, -1e4,
];

/// As [`EXTREME`], where e^x is still finite.
const MODERATE: &[f32] =
    &[0.0, 1e-30, -1e-8, 1e-3, -1e-3, 0.1, -0.5, 1.0, -1.0, 5.0, -5.0, 20.0, -20.0, 80.0, -80.0, -100.0, -1e4];

/// Positive arguments.
const POSITIVE: &[f32] = &[1e-15, 1e-8, 1e-3, 0.1, 0.5, 0.99, 1.0, 1.01, 1.5, 2.0, 10.0, 1e4, 1e15];

/// The whole table.
pub fn op_examples() -> Vec<OpExample> {
    let mut table = Vec::new();
    unary(&mut table);
    elementwise(&mut table);
    layout(&mut table);
    products(&mut table);
    sums(&mut table);
    rows(&mut table);
    classes(&mut table);
    embeddings(&mut table);
    convolutions(&mut table);
    einsums(&mut table);
    attention(&mut table);
    for cell in Cell::ALL {
        recurrent(&mut table, cell);
    }
    table.extend(super::scan_examples::scan_examples());
    optimisers(&mut table);
    table
}

fn unary(table: &mut Vec<OpExample>) {
    for function in Unary::ALL {
        let listed = match function {
            Unary::Ln | Unary::Sqrt | Unary::Reciprocal => POSITIVE,
            Unary::Exp => MODERATE,
            _ => EXTREME,
        };
        let fills = [Fill::Listed(listed), Fill::Uniform(0.1, 4.0), Fill::Uniform(-3.0, 3.0)];
        let signed = listed != POSITIVE;
        for (fill, len) in fills.into_iter().zip([listed.len(), 1, 1300]).take(if signed { 3 } else { 2 }) {
            let x = input([len], fill);
            table.push(OpExample::new(Op::Unary(function), vec![x.clone()]));
            table.push(OpExample::new(Op::UnaryGrad(function), vec![x, normal([len])]));
        }
    }
}

fn elementwise(table: &mut Vec<OpExample>) {
    for kind in Binary::ALL {
        for (a, b) in
            [(vec![5, 33], vec![5, 33]), (vec![4, 3, 7], vec![3, 7]), (vec![130, 7], vec![7]), (vec![9], vec![])]
        {
            let b = input(Shape(b), Fill::Uniform(0.5, 2.0));
            table.push(OpExample::new(Op::Binary(kind), vec![normal(Shape(a)), b]));
        }
    }
    table.push(OpExample::new(Op::Affine { scale: -2.5, shift: 0.25 }, vec![normal([7, 33])]));
    table.push(OpExample::new(Op::Affine { scale: 1.0, shift: 0.0 }, vec![normal([])]));
    // More elements than one dimension of a dispatch has workgroups for.
    table.push(OpExample::new(Op::Affine { scale: 2.0, shift: 1.0 }, vec![normal([65536 * 256 + 77])]));
    for shape in [Shape::default(), Shape::from([33, 7])] {
        table.push(OpExample::new(Op::Fill { value: 1.5, shape }, vec![]));
    }
    table.push(OpExample::new(Op::Copy, vec![normal([5, 7]), normal([35])]));
    let ids = |shape: Shape| vec![input(shape, Fill::Ids(4))];
    table.push(OpExample::new(Op::NotEqual { value: 2 }, ids(Shape::from([7, 33]))));
    table.push(OpExample::new(Op::NotEqual { value: 0 }, ids(Shape::from([1]))));
}

fn layout(table: &mut Vec<OpExample>) {
    for shape in [[1, 1], [7, 33], [130, 16], [17, 256]] {
        table.push(OpExample::new(Op::Transpose, vec![normal(shape)]));
    }
    let ids = |shape: [usize; 3]| input(shape, Fill::Ids(50));
    table.push(OpExample::new(Op::Slice { axis: 1, start: 3, len: 2 }, vec![ids([3, 7, 5])]));
    table.push(OpExample::new(Op::Concat { axis: 0 }, vec![ids([1, 3, 5]), ids([2, 3, 5]), ids([1, 3, 5])]));
    for (axis, start, len) in [(0, 1, 2), (1, 0, 1), (1, 3, 4), (2, 2, 3)] {
        table.push(OpExample::new(Op::Slice { axis, start, len }, vec![normal([3, 7, 5])]));
        table.push(OpExample::new(Op::Pad { axis, start, total: 16 }, vec![normal([3, 7, 5])]));
    }
    for (axis, widths) in [(0, [1, 3, 2]), (1, [7, 1, 33]), (2, [5, 130, 1])] {
        let part = |len: usize| normal(std::array::from_fn::<usize, 3, _>(|at| if at == axis { len } else { 3 }));
        table.push(OpExample::new(Op::Concat { axis }, widths.map(part).into()));
    }
    table.push(OpExample::new(Op::Concat { axis: 0 }, vec![normal([7])]));
    table.push(OpExample::new(Op::ExpandLast { width: 33 }, vec![normal([7, 3])]));
    table.push(OpExample::new(Op::ExpandLast { width: 5 }, vec![normal([])]));
    table.push(OpExample::new(Op::ExpandLeading { shape: Shape::from([4, 7, 3]) }, vec![normal([7, 3])]));
    table.push(OpExample::new(Op::ExpandLeading { shape: Shape::from([33]) }, vec![normal([])]));
    for (reverse, [steps, batch, hidden]) in
        [false, true].into_iter().flat_map(|reverse| [[1, 1, 1], [5, 3, 7], [4, 9, 130]].map(|sizes| (reverse, sizes)))
    {
        let (h, state) = (normal([steps, batch, hidden]), normal([batch, hidden]));
        let mut add = |op: Op, operands: Vec<Input>| {
            table.push(OpExample::new(op.clone(), operands.clone()));
            table.push(OpExample::new(op, [operands, vec![lengths(steps, batch)]].concat()));
        };
        add(Op::Previous { reverse }, vec![h.clone(), state.clone()]);
        add(Op::FinalState { reverse }, vec![h]);
        add(Op::FinalStateGrad { reverse, steps }, vec![state]);
    }
    for (p, len) in [(0.5, 1), (0.1, 33), (0.9, 1300), (0.0, 7)] {
        let key = input([2], Fill::Ids(u32::MAX));
        table.push(OpExample::new(Op::Dropout { p, stream: 3 }, vec![normal([len]), key]));
    }
}

/// Steps of sequences: some of none, some longer than the tensor.
fn lengths(steps: usize, batch: usize) -> Input {
    input([batch], Fill::Ids(steps as u32 + 2))
}

fn products(table: &mut Vec<OpExample>) {
    // The last two take the paths that split K.
    let sizes = [[1, 1, 1], [7, 33, 130], [65, 17, 64], [256, 130, 33], [30, 64, 700], [128, 65, 2048]];
    for [m, n, k] in sizes {
        let matmul = |transpose_a, transpose_b, a: [usize; 2], b: [usize; 2]| {
            let op = Op::MatMul { transpose_a, transpose_b };
            OpExample::new(op, vec![normal(a), normal(b)])
        };
        table.push(matmul(false, false, [m, k], [k, n]));
        table.push(matmul(false, true, [m, k], [n, k]));
        table.push(matmul(true, false, [k, m], [k, n]));
    }
    let op = Op::MatMul { transpose_a: false, transpose_b: true };
    table.push(OpExample::new(op, vec![normal([3, 5, 7]), normal([9, 7])]));
    let op = Op::MatMul { transpose_a: true, transpose_b: false };
    table.push(OpExample::new(op, vec![normal([3, 5, 7]), normal([3, 5, 4])]));
    let op = Op::MatMul { transpose_a: false, transpose_b: false };
    table.push(OpExample::new(op, vec![normal([1100, 64]), normal([64, 200])]));
    for [steps, batch, n, k] in [[1, 1, 1, 1], [5, 3, 7, 33], [40, 9, 33, 64], [70, 9, 130, 17]] {
        let mut ragged = |transpose_a, transpose_b, b: Input| {
            let op = Op::MatMul { transpose_a, transpose_b };
            table.push(OpExample::new(op, vec![normal([steps, batch, k]), b, lengths(steps, batch)]));
        };
        ragged(false, false, normal([k, n]));
        ragged(false, true, normal([n, k]));
        ragged(true, false, normal([steps, batch, n]));
    }
}

/// Equation, lengths the shapes do not tell, and the operands' shapes.
pub type EinsumExample = (&'static str, Vec<(char, usize)>, Vec<usize>, Vec<usize>);

/// Every kind of product: heads, batches, one row, one step of the sum.
pub fn einsum_examples() -> Vec<EinsumExample> {
    let mut examples = Vec::new();
    for [heads, i, j, batch, width] in [[1, 1, 1, 1, 1], [2, 5, 7, 3, 4], [3, 1, 33, 2, 7], [2, 40, 5, 1, 33]] {
        let (d, known) = (heads * width, || vec![('h', heads)]);
        let (query, key, scores) = (vec![i, batch, d], vec![j, batch, d], vec![batch, heads, i, j]);
        examples.extend([
            ("i b (h d), j b (h d) -> b h i j", known(), query.clone(), key.clone()),
            ("b h i j, j b (h d) -> i b (h d)", known(), scores, key.clone()),
            ("i b d, j b d -> i b j", vec![], query.clone(), key.clone()),
            ("i b j, j b e -> i b e", vec![], vec![i, batch, j], key.clone()),
            ("i b j, i b e -> j b e", vec![], vec![i, batch, j], query),
            ("b d, j b d -> b j", vec![], vec![batch, d], key),
        ]);
    }
    examples
}

fn einsums(table: &mut Vec<OpExample>) {
    for (equation, known, a, b) in einsum_examples() {
        let einsum = Einsum::new(equation, &known, &a, &b).expect("the example fits");
        for of in [0, 1] {
            let mut operands = vec![normal(Shape(einsum.result())), normal(Shape(b.clone()))];
            if of == 1 {
                operands[1] = normal(Shape(a.clone()));
            }
            table.push(OpExample::new(Op::Einsum(einsum.gradient(of)), operands));
        }
        table.push(OpExample::new(Op::Einsum(einsum), vec![normal(Shape(a)), normal(Shape(b))]));
    }
}

fn attention(table: &mut Vec<OpExample>) {
    for [queries, batch, keys, width] in [[1, 1, 1, 1], [3, 2, 5, 7], [1, 4, 9, 33], [4, 3, 2, 130], [7, 1, 33, 8]] {
        let (query, key) = (normal([queries, batch, width]), normal([keys, batch, width]));
        table.push(OpExample::new(Op::AdditiveEnergy, vec![query, key, normal([width])]));
        let tanh = input([queries, batch, keys, width], Fill::Uniform(-0.99, 0.99));
        let operands = vec![tanh, normal([width]), normal([queries, batch, keys])];
        table.push(OpExample::new(Op::AdditiveEnergyGrad, operands).tolerance(2e-5));
    }
    for [longest, batch, heads, width] in [[1, 1, 1, 1], [9, 3, 2, 7], [300, 2, 4, 16], [5, 2, 1, 300]] {
        let row = [1, batch, heads * width];
        let cache = || normal([longest, batch, heads * width]);
        // Positions beyond the cache are those of its end.
        let position = || input([1, batch], Fill::Ids(longest as u32 + 1));
        let operands = vec![input(row, Fill::Normal(0.5)), cache(), cache(), position()];
        table.push(OpExample::new(Op::CachedAttention { heads }, operands));
        table.push(OpExample::new(Op::CacheWrite, vec![normal(row), position(), cache()]));
    }
    for shape in [vec![1, 1], vec![5, 5], vec![2, 3, 7, 33], vec![3, 1, 9], vec![2, 300, 300]] {
        table.push(OpExample::new(Op::CausalSoftmax, vec![input(Shape(shape), Fill::Normal(3.0))]));
    }
    for (shape, mask) in [(vec![4, 3, 7], vec![3, 7]), (vec![2, 3, 2, 33], vec![33]), (vec![3, 300], vec![300])] {
        let operands = vec![normal(Shape(shape)), input(Shape(mask), Fill::Mask)];
        table.push(OpExample::new(Op::Softmax, operands));
    }
    for steps in [1, 7, 300] {
        table.push(OpExample::new(Op::LengthMask { steps }, vec![input([5], Fill::Ids(steps as u32 + 2))]));
    }
}

fn sums(table: &mut Vec<OpExample>) {
    for shape in [vec![1], vec![33], vec![7, 1], vec![3, 5, 130], vec![2, 1000]] {
        table.push(OpExample::new(Op::SumLast, vec![normal(Shape(shape))]));
    }
    for (shape, keep) in [(vec![], 0), (vec![1000], 0), (vec![7, 33], 1), (vec![50, 4, 256], 1), (vec![5, 3, 130], 2)] {
        table.push(OpExample::new(Op::SumLeading { keep }, vec![normal(Shape(shape))]).tolerance(2e-5));
    }
    table.push(OpExample::new(Op::SumLeading { keep: 1 }, vec![normal([4096, 3])]).tolerance(2e-5));
    for scale in [1e-30, 1e-10, 1.0, 1e18] {
        for shape in [vec![1, 1], vec![7, 3, 33], vec![3, 2000]] {
            table.push(OpExample::new(Op::RowNorm, vec![input(Shape(shape), Fill::Normal(scale))]));
        }
        let groups = vec![(0, 1), (64, 130), (3, 61), (256, 4000)];
        table.push(OpExample::new(Op::GroupNorms { groups }, vec![input([4256], Fill::Normal(scale))]));
    }
    table.push(OpExample::new(Op::RowNorm, vec![input([4, 9], Fill::Listed(&[0.0]))]));
    let groups = (0..70).map(|at| (at * 64, at + 1)).collect();
    table.push(OpExample::new(Op::GroupNorms { groups }, vec![normal([70 * 64 + 64])]));
    for shape in [vec![1], vec![7, 33], vec![64, 65]] {
        let (values, weights) = (normal(Shape(shape.clone())), input(Shape(shape), Fill::Mask));
        table.push(OpExample::new(Op::WeightedMean, vec![values, weights.clone()]).tolerance(2e-5));
        table.push(OpExample::new(Op::WeightedMeanGrad, vec![weights, normal([])]));
    }
    let nothing = input([33], Fill::Listed(&[0.0]));
    table.push(OpExample::new(Op::WeightedMean, vec![normal([33]), nothing.clone()]));
    table.push(OpExample::new(Op::WeightedMeanGrad, vec![nothing, normal([])]));
}

fn rows(table: &mut Vec<OpExample>) {
    for (shape, scale) in [([1, 1], 1.0), ([7, 33], 3.0), ([130, 7], 1e4), ([3, 256], 1e4), ([5, 1000], 1.0)] {
        let x = || input(shape, Fill::Normal(scale));
        table.push(OpExample::new(Op::Softmax, vec![x()]));
        table.push(OpExample::new(Op::Softmax, vec![x(), input(shape, Fill::Mask)]));
        table.push(OpExample::new(Op::LogSoftmax, vec![x()]));
        table.push(OpExample::new(Op::LogSumExp, vec![x()]));
        // Outputs of a softmax and a log-softmax are of this size.
        table.push(OpExample::new(Op::SoftmaxGrad, vec![input(shape, Fill::Uniform(0.0, 0.1)), normal(shape)]));
        table.push(OpExample::new(Op::LogSoftmaxGrad, vec![input(shape, Fill::Uniform(-6.0, -1.0)), normal(shape)]));
    }
    let all_masked = vec![normal([2, 9]), input([2, 9], Fill::Listed(&[0.0]))];
    table.push(OpExample::new(Op::Softmax, all_masked));
    for shape in [[1, 3], [7, 33], [5, 256], [3, 1000]] {
        table.push(OpExample::new(Op::LayerNorm { eps: 1e-5 }, vec![normal(shape)]));
        table.push(OpExample::new(Op::LayerNormGrad { eps: 1e-5 }, vec![normal(shape), normal(shape)]).tolerance(2e-5));
    }
}

fn classes(table: &mut Vec<OpExample>) {
    for (rows, width, scale) in [(1, 1, 1.0), (7, 33, 3.0), (130, 5, 1e4), (6, 300, 1e4)] {
        let logits = || input([rows, width], Fill::Normal(scale));
        let targets = || input([rows], Fill::Ids(width as u32));
        for ignore in [None, Some(0)] {
            table.push(OpExample::new(Op::CrossEntropy { ignore }, vec![logits(), targets()]));
            table.push(OpExample::new(Op::CrossEntropyGrad { ignore }, vec![logits(), targets(), normal([rows])]));
        }
        table.push(OpExample::new(Op::ArgmaxEquals, vec![logits(), targets()]));
        table.push(OpExample::new(Op::Argmax, vec![logits()]));
        table.push(OpExample::new(Op::SampleToken, vec![logits(), input([rows], Fill::Uniform(0.0, 1.0))]));
        table.push(OpExample::new(Op::SelectIds, vec![input([rows], Fill::Mask), targets(), targets()]));
    }
    // Ties go to the lowest id.
    let tied = || input([40, 6], Fill::Listed(&[1.0, 2.0, 0.0, 2.0, -1.0]));
    table.push(OpExample::new(Op::ArgmaxEquals, vec![tied(), input([40], Fill::Ids(6))]));
    table.push(OpExample::new(Op::Argmax, vec![tied()]));
}

fn embeddings(table: &mut Vec<OpExample>) {
    for (ids, rows, width) in [(vec![1], 1, 1), (vec![7, 5], 6, 33), (vec![33, 8], 64, 130)] {
        let tokens = || input(Shape(ids.clone()), Fill::Ids(rows as u32));
        let mut wide = ids.clone();
        wide.push(width);
        for padding in [None, Some(0)] {
            table.push(OpExample::new(Op::Embedding { padding }, vec![tokens(), normal([rows, width])]));
            let op = Op::EmbeddingGrad { padding, rows };
            table.push(OpExample::new(op, vec![tokens(), normal(Shape(wide.clone()))]));
        }
    }
}

fn convolutions(table: &mut Vec<OpExample>) {
    for [steps, batch, channels, taps] in [[1, 1, 1, 1], [3, 2, 7, 4], [9, 3, 33, 4], [5, 1, 130, 2]] {
        let (sequence, weight) = ([steps, batch, channels], [channels, 1, taps]);
        table.push(OpExample::new(Op::Conv1dCausal, vec![normal(sequence), normal(weight)]));
        table.push(OpExample::new(Op::Conv1dCausalGradInput, vec![normal(weight), normal(sequence)]));
        let op = Op::Conv1dCausalGradWeight { taps };
        table.push(OpExample::new(op, vec![normal(sequence), normal(sequence)]));
    }
}

fn recurrent(table: &mut Vec<OpExample>, cell: Cell) {
    let sizes = [[1, 1, 1], [6, 5, 7], [5, 4, 33], [3, 2, 130], [4, 9, 64], [2, 3, 256], [40, 1, 8]];
    for size in sizes {
        layer(table, cell, false, size, None);
    }
    for [steps, batch, hidden] in [[1, 1, 1], [6, 5, 7], [5, 4, 33], [4, 9, 130]] {
        layer(table, cell, true, [steps, batch, hidden], None);
        for reverse in [false, true] {
            layer(table, cell, reverse, [steps, batch, hidden], Some(lengths(steps, batch)));
        }
    }
}

/// A layer forward, and its backward pass with derivatives from outside in h, and in h and c.
fn layer(table: &mut Vec<OpExample>, cell: Cell, reverse: bool, sizes: [usize; 3], lengths: Option<Input>) {
    let [steps, batch, hidden] = sizes;
    let rows = cell.gates() * hidden;
    let scale = 1.0 / (hidden as f32).sqrt();
    let sequence = |width: usize, fill: Fill| input([steps, batch, width], fill);
    let state = || input([batch, hidden], Fill::Normal(0.5));
    let states = 1 + usize::from(cell.has_cell_state());
    let weight = || input([rows, hidden], Fill::Normal(scale));
    let bias = || input([rows], Fill::Normal(0.3));
    let mut add = |op: Op, mut operands: Vec<Input>| {
        operands.extend(lengths.clone());
        table.push(OpExample::new(op, operands));
    };
    let mut forward = vec![sequence(rows, Fill::Normal(1.0)), weight(), bias(), bias()];
    forward.extend((0..states).map(|_| state()));
    add(Op::Recurrent { cell, reverse }, forward);

    let mut backward = vec![weight()];
    // Gates and states of the size that a forward pass gives; any will do.
    if cell.recorded() > 0 {
        backward.push(sequence(cell.recorded() * hidden, Fill::Uniform(0.0, 0.9)));
    }
    backward.extend((0..states).map(|_| sequence(hidden, Fill::Uniform(-0.9, 0.9))));
    backward.extend((0..states).map(|_| state()));
    backward.push(sequence(hidden, Fill::Normal(1.0)));
    add(Op::RecurrentBackward { cell, reverse }, backward.clone());
    if cell.has_cell_state() {
        backward.push(sequence(hidden, Fill::Normal(1.0)));
        add(Op::RecurrentBackward { cell, reverse }, backward);
    }
}

/// Settings of every optimiser.
pub const OPTIMISERS: &[Optimiser] = &[
    Optimiser::SGD,
    Optimiser::Sgd { momentum: 0.9, dampening: 0.1, nesterov: false, weight_decay: 0.01 },
    Optimiser::Sgd { momentum: 0.9, dampening: 0.0, nesterov: true, weight_decay: 0.0 },
    Optimiser::RmsProp { alpha: 0.99, eps: 1e-8, momentum: 0.0, centered: false, weight_decay: 0.0 },
    Optimiser::RmsProp { alpha: 0.9, eps: 1e-6, momentum: 0.9, centered: false, weight_decay: 0.01 },
    Optimiser::RmsProp { alpha: 0.9, eps: 1e-6, momentum: 0.0, centered: true, weight_decay: 0.0 },
    Optimiser::RmsProp { alpha: 0.9, eps: 1e-6, momentum: 0.5, centered: true, weight_decay: 0.0 },
    Optimiser::ADAM,
    Optimiser::Adam { beta1: 0.8, beta2: 0.99, eps: 1e-8, weight_decay: 0.01, decoupled: false },
    Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1, decoupled: true },
];

/// `hyper`: learning rate, largest norm, 1 - beta1^k, sqrt(1 - beta2^k), first.
const FIRST_STEP: &[f32] = &[0.05, f32::MAX, 0.1, 0.031_622_78, 1.0, 0.0, 0.0, 0.0];
const CLIPPED_STEP: &[f32] = &[0.05, 1.0, 0.4, 0.05, 0.0, 0.0, 0.0, 0.0];

fn optimisers(table: &mut Vec<OpExample>) {
    for optimiser in OPTIMISERS {
        for hyper in [FIRST_STEP, CLIPPED_STEP] {
            let inputs = vec![normal([7]), normal([33, 5]), input([8], Fill::Listed(hyper))];
            table.push(OpExample::new(Op::Optimise(*optimiser), inputs));
        }
    }
}

/// Lists the variants of [`Op`]. A new one does not compile until the table has it.
macro_rules! variants {
    ($($variant:ident,)*) => {
        /// The name of an op's variant.
        pub fn variant(op: &Op) -> &'static str {
            match op { $(Op::$variant { .. } => stringify!($variant),)* }
        }

        /// As many as [`Op`] has variants.
        pub const VARIANTS: usize = [$(stringify!($variant)),*].len();
    };
}

variants! {
    Unary,
    UnaryGrad,
    Binary,
    Affine,
    Fill,
    MatMul,
    Einsum,
    Transpose,
    Slice,
    Pad,
    Concat,
    ExpandLast,
    ExpandLeading,
    SumLast,
    SumLeading,
    RowNorm,
    Softmax,
    CausalSoftmax,
    SoftmaxGrad,
    LogSoftmax,
    LogSoftmaxGrad,
    LogSumExp,
    CrossEntropy,
    CrossEntropyGrad,
    ArgmaxEquals,
    Argmax,
    SampleToken,
    SelectIds,
    NotEqual,
    LengthMask,
    WeightedMean,
    WeightedMeanGrad,
    Embedding,
    EmbeddingGrad,
    LayerNorm,
    LayerNormGrad,
    Conv1dCausal,
    Conv1dCausalGradInput,
    Conv1dCausalGradWeight,
    Recurrent,
    RecurrentBackward,
    AdditiveEnergy,
    AdditiveEnergyGrad,
    CachedAttention,
    CacheWrite,
    Previous,
    Discretise,
    DiscretiseGrad,
    DiagonalScan,
    DiagonalScanGrad,
    LongConv,
    LongConvGradInput,
    LongConvGradKernel,
    SelectiveScan,
    SelectiveScanGrad,
    FinalState,
    FinalStateGrad,
    Dropout,
    GroupNorms,
    Optimise,
    Copy,
}
