//! The operations a graph is made of.

use crate::engine::cell::Cell;
use crate::engine::kernels::binary::Binary;
use crate::engine::kernels::unary::Unary;
use crate::engine::optimiser::Optimiser;

use super::Shape;

/// An operation. Inputs are listed in brackets; `..` is any number of leading axes, flattened to rows.
///
/// Each has shape inference (`shape.rs`), a gradient rule (`gradient.rs`; ops that only occur in gradients have none),
/// a CPU kernel (`kernels/`) and a WGSL kernel (`shaders/`).
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// `[x] -> f(x)`, elementwise.
    Unary(Unary),
    /// `[x, dy] -> f'(x) dy`.
    UnaryGrad(Unary),
    /// `[a, b] -> a op b`; the shape of b is a suffix of a's, b repeats over the leading axes.
    Binary(Binary),
    /// `[x] -> scale x + shift`.
    Affine { scale: f32, shift: f32 },
    /// `[] -> value` everywhere.
    Fill { value: f32, shape: Shape },
    /// Matrix product. `transpose_a` false: `[a (.., K), b] -> (.., N)`; true: `[a (.., M), b (.., N)] -> (M, N)`,
    /// summed over all leading axes. b is (K, N), or (N, K) with `transpose_b`.
    MatMul { transpose_a: bool, transpose_b: bool },
    /// `[x (M, N)] -> (N, M)`.
    Transpose,
    /// `[x] -> x[start .. start + len]` along `axis`.
    Slice { axis: usize, start: usize, len: usize },
    /// `[x] ->` zeros of length `total` along `axis` with x at `start`: the adjoint of `Slice`.
    Pad { axis: usize, start: usize, total: usize },
    /// `[a, b, ..] ->` the operands one after the other along `axis`; their other axes are equal (`torch.cat`).
    Concat { axis: usize },
    /// `[x (..)] -> (.., width)`, repeated along a new last axis.
    ExpandLast { width: usize },
    /// `[x] -> shape`, repeated over new leading axes.
    ExpandLeading { shape: Shape },
    /// `[x (.., F)] -> (..)`, sums over the last axis.
    SumLast,
    /// `[x] ->` sums over all but the last `keep` axes.
    SumLeading { keep: usize },
    /// `[x (N, ..)] -> (N)`, the Euclidean norm of each row.
    RowNorm,
    /// `[x (.., F)]` or `[x, mask]` -> softmax over the last axis; where the mask is 0 exactly 0.
    Softmax,
    /// `[y, dy] -> y (dy - sum(y dy))`.
    SoftmaxGrad,
    /// `[x (.., F)] -> x - logsumexp(x)`.
    LogSoftmax,
    /// `[y, dy] -> dy - exp(y) sum(dy)`.
    LogSoftmaxGrad,
    /// `[x (.., F)] -> (..)`.
    LogSumExp,
    /// `[logits (.., V), targets (..) u32] -> -log softmax(logits)[target]` (..), 0 where the target is `ignore`
    /// (`F.cross_entropy(reduction="none")`).
    CrossEntropy { ignore: Option<u32> },
    /// `[logits, targets, dy (..)] -> (softmax(logits) - onehot(target)) dy`.
    CrossEntropyGrad { ignore: Option<u32> },
    /// `[logits (.., V), targets (..)] -> 1` where the first largest logit is the target, else 0.
    ArgmaxEquals,
    /// `[ids (..) u32] -> 1` where the id is not `value`, else 0.
    NotEqual { value: u32 },
    /// `[values, weights] -> sum(values weights) / sum(weights)`, 0 where the weights sum to 0. Not
    /// differentiable in the weights.
    WeightedMean,
    /// `[weights, dy ()] -> weights / sum(weights) dy`.
    WeightedMeanGrad,
    /// `[ids (..) u32, weight (V, E)] -> (.., E)` (`nn.Embedding`); the row `padding` gets no gradient.
    Embedding { padding: Option<u32> },
    /// `[ids, dy (.., E)] -> (rows, E)`.
    EmbeddingGrad { padding: Option<u32>, rows: usize },
    /// `[x (.., F)] -> (x - mean) / sqrt(var + eps)` over the last axis, biased variance; no affine part.
    LayerNorm { eps: f32 },
    /// `[x, dy] -> dx`.
    LayerNormGrad { eps: f32 },
    /// Depthwise causal convolution `[x (T, B, D), weight (D, 1, K)] -> (T, B, D)`; tap K-1 acts on the current step.
    Conv1dCausal,
    /// `[weight, dy] -> dx`.
    Conv1dCausalGradInput,
    /// `[x, dy] -> dweight (D, 1, K)`.
    Conv1dCausalGradWeight { taps: usize },
    /// A whole recurrent layer over time: `[x_proj (T, B, G H), weight_hh (G H, H), bias_ih (G H), bias_hh (G H),
    /// h0 (B, H), c0 (B, H) if the cell has one] -> [h (T, B, H), c (T, B, H) if any, gates (T, B, recorded H) if any]`.
    /// x_proj is W_ih x without biases.
    Recurrent(Cell),
    /// Backpropagation through time: `[weight_hh, gates if any, h, c if any, h0, c0 if any, dL/dh from outside, dL/dc from
    /// outside (optional, cells with c)] -> [d x_proj, d h_proj (only GRU), total dL/dh_t, total dL/dc_t if any, d h0,
    /// d c0 if any]`.
    RecurrentBackward(Cell),
    /// `[h (T, B, H), h0 (B, H)] -> h_{t-1}` (T, B, H).
    Previous,
    /// `[gradients (P)] ->` Euclidean norm of each group `(offset, len)` (groups).
    GroupNorms { groups: Vec<(usize, usize)> },
    /// One optimiser step in place: `[gradients (P), norms (groups), hyper (8)] -> [parameters (P), state (P) ...]`.
    /// See [`crate::engine::optimiser`] for `hyper`.
    Optimise(Optimiser),
    /// `[x] -> x` into an existing value: carries a state over to the next run.
    Copy,
}

impl Op {
    /// The op's name, as the printed plan and error messages have it.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Unary(kind) => kind.name(),
            Op::UnaryGrad(_) => "unary_grad",
            Op::Binary(kind) => kind.name(),
            Op::Affine { .. } => "affine",
            Op::Fill { .. } => "fill",
            Op::MatMul { .. } => "matmul",
            Op::Transpose => "transpose",
            Op::Slice { .. } => "slice",
            Op::Pad { .. } => "pad",
            Op::Concat { .. } => "concat",
            Op::ExpandLast { .. } => "expand_last",
            Op::ExpandLeading { .. } => "expand_leading",
            Op::SumLast => "sum_last",
            Op::SumLeading { .. } => "sum_leading",
            Op::RowNorm => "row_norm",
            Op::Softmax => "softmax",
            Op::SoftmaxGrad => "softmax_grad",
            Op::LogSoftmax => "log_softmax",
            Op::LogSoftmaxGrad => "log_softmax_grad",
            Op::LogSumExp => "logsumexp",
            Op::CrossEntropy { .. } => "cross_entropy",
            Op::CrossEntropyGrad { .. } => "cross_entropy_grad",
            Op::ArgmaxEquals => "argmax_equals",
            Op::NotEqual { .. } => "not_equal",
            Op::WeightedMean => "weighted_mean",
            Op::WeightedMeanGrad => "weighted_mean_grad",
            Op::Embedding { .. } => "embedding",
            Op::EmbeddingGrad { .. } => "embedding_grad",
            Op::LayerNorm { .. } => "layer_norm",
            Op::LayerNormGrad { .. } => "layer_norm_grad",
            Op::Conv1dCausal => "conv1d_causal",
            Op::Conv1dCausalGradInput => "conv1d_causal_grad_input",
            Op::Conv1dCausalGradWeight { .. } => "conv1d_causal_grad_weight",
            Op::Recurrent(Cell::Rnn | Cell::RnnRelu) => "rnn_forward",
            Op::Recurrent(Cell::Lstm) => "lstm_forward",
            Op::Recurrent(Cell::Gru) => "gru_forward",
            Op::Recurrent(Cell::GruTextbook) => "gru_textbook_forward",
            Op::RecurrentBackward(Cell::Rnn | Cell::RnnRelu) => "rnn_backward",
            Op::RecurrentBackward(Cell::Lstm) => "lstm_backward",
            Op::RecurrentBackward(Cell::Gru) => "gru_backward",
            Op::RecurrentBackward(Cell::GruTextbook) => "gru_textbook_backward",
            Op::Previous => "previous",
            Op::GroupNorms { .. } => "group_norms",
            Op::Optimise(_) => "optimise",
            Op::Copy => "copy",
        }
    }
}
