//! The operations a graph is made of.

use std::ops::Range;

use crate::engine::cell::Cell;
use crate::engine::einsum::Einsum;
use crate::engine::kernels::binary::Binary;
use crate::engine::kernels::discretise::Discretisation;
use crate::engine::kernels::unary::Unary;
use crate::engine::optimiser::Optimiser;

use super::{Kind, Shape};

/// An operation. Inputs are listed in brackets; `..` is any number of leading axes, flattened to rows.
///
/// `lengths` (B) u32, always the last input and always optional, are the steps of each of B sequences that lie side by
/// side in tensors (T, B, ..). What is beyond a sequence's end is padding: it is not read, costs nothing, and is zero
/// in every output and gradient.
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
    /// summed over all leading axes. b is (K, N), or (N, K) with `transpose_b`. With `lengths` the leading axes are
    /// (T, B).
    MatMul { transpose_a: bool, transpose_b: bool },
    /// `[a, b] -> a b` summed over what the result lacks: a batch of matrix products, its operands read where they lie.
    Einsum(Einsum),
    /// `[x (M, N)] -> (N, M)`.
    Transpose,
    /// `[x] -> x[start .. start + len]` along `axis`; of floats or of ids.
    Slice { axis: usize, start: usize, len: usize },
    /// `[x] ->` zeros of length `total` along `axis` with x at `start`: the adjoint of `Slice`.
    Pad { axis: usize, start: usize, total: usize },
    /// `[a, b, ..] ->` the operands one after the other along `axis`; their other axes are equal (`torch.cat`);
    /// of floats or of ids.
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
    /// `[x (.., F)]` or `[x, mask]` -> softmax over the last axis; where the mask is 0 exactly 0. The mask's shape is a
    /// suffix of x's: it repeats over the leading axes.
    Softmax,
    /// `[x (.., I, J)] -> softmax` of each row over what it may see: row i sees columns 0 ..= i + J - I. Elsewhere
    /// exactly 0.
    CausalSoftmax,
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
    /// `[logits (.., V)] -> (..) u32`: where the largest logit is, the lowest of equals.
    Argmax,
    /// `[logits (.., V), uniforms (..)] -> (..) u32`: the token at which the cumulated softmax passes the number in 0..1.
    SampleToken,
    /// `[mask (..), a (..) u32, b (..) u32] -> a` where the mask is not 0, else b (..) u32.
    SelectIds,
    /// `[ids (..) u32] -> 1` where the id is not `value`, else 0.
    NotEqual { value: u32 },
    /// `[lengths (B) u32] -> (B, steps)`, 1 before a sequence's length, 0 from there on.
    LengthMask { steps: usize },
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
    /// h0 (B, H), c0 (B, H) if the cell has one, lengths] -> [h (T, B, H), c (T, B, H) if any, gates (T, B, recorded H) if
    /// any]`. x_proj is W_ih x without biases. `reverse` goes from each sequence's own last step to step 0.
    Recurrent { cell: Cell, reverse: bool },
    /// Backpropagation through time: `[weight_hh, gates if any, h, c if any, h0, c0 if any, dL/dh from outside, dL/dc from
    /// outside (optional, cells with c), lengths] -> [d x_proj, d h_proj (only GRU), total dL/dh_t, total dL/dc_t if
    /// any, d h0, d c0 if any]`.
    RecurrentBackward { cell: Cell, reverse: bool },
    /// `[h (T, B, H), h0 (B, H), lengths] -> (T, B, H)`, the state before each step: that of t - 1 (t + 1 with
    /// `reverse`), h0 at the first.
    Previous { reverse: bool },
    /// `[h (T, B, H), lengths] -> (B, H)`, the state after each sequence's last step: its own last one, step 0 with
    /// `reverse`; zero for a sequence without steps.
    FinalState { reverse: bool },
    /// `[dy (B, H), lengths] -> dh` (steps, B, H).
    FinalStateGrad { reverse: bool, steps: usize },
    /// `[x, key (2) u32] -> x mask / (1 - p)` (`nn.Dropout`): the mask keeps a number with probability 1 - p and is
    /// drawn anew for every key (seed, step) and `stream`. With the same key its gradient is itself. Zeros stay zero.
    Dropout { p: f32, stream: u32 },
    /// Energies of additive attention (Bahdanau et al. 2015): `[query (I, B, A), keys (J, B, A), v (A)] ->
    /// [v . tanh(query_i + key_j) (I, B, J), tanh(query_i + key_j) (I, B, J, A)]`.
    AdditiveEnergy,
    /// `[tanh (I, B, J, A), v (A), d energies (I, B, J)] -> [d query, d keys, d v]`.
    AdditiveEnergyGrad,
    /// Attention of one query a sequence to the keys up to its position: `[query (1, B, D), keys (L, B, D), values
    /// (L, B, D), position (1, B) u32] -> [output (1, B, D), weights (B, heads, L)]`; weights are softmax(query . key)
    /// within each head, exactly 0 beyond the position. The work grows with the position, not with L. For generation:
    /// no gradient.
    CachedAttention { heads: usize },
    /// Writes `[x (1, B, F), position (1, B) u32]` into an existing value (L, B, F), at each sequence's position.
    CacheWrite,
    /// Steps of a continuous diagonal system x' = A x + B u: `[dt (H), A (H, N, 2), B (H, N, 2)] -> [dA (H, N, 2),
    /// dB (H, N, 2)]`. Complex tensors end in an axis (re, im).
    Discretise(Discretisation),
    /// `[dt, A, B, dL/d(dA), dL/d(dB)] -> [d dt by mode (H, N), d A, d B]`; a complex gradient is (dL/dre, dL/dim).
    DiscretiseGrad(Discretisation),
    /// Recurrent mode of a diagonal state-space layer (S4D): `[u (T, B, H), dA (H, N, 2), dB (H, N, 2), C (H, N, 2),
    /// x0 (B, H, N, 2)] -> [y (T, B, H), states (T, B, H, N, 2)]`: x_t = dA x_{t-1} + dB u_t, y_t = 2 Re(sum C x_t).
    DiagonalScan,
    /// `[u, dA, dB, C, x0, states, dy, dL/dstates from outside (optional)] -> [d u, d dA, d dB, d C, d x0, total
    /// dL/dx_t (T, B, H, N, 2)]`.
    DiagonalScanGrad,
    /// Causal convolution with a kernel as long as the sequence: `[u (T, B, H), kernel (T, 1, H) by lag] -> (T, B, H)`.
    LongConv,
    /// `[kernel, dy] -> du`.
    LongConvGradInput,
    /// `[u, dy] -> dkernel (T, 1, H)`.
    LongConvGradKernel,
    /// Mamba's scan: `[u (T, B, D), delta (T, B, D), A (D, N), B (T, B, N), C (T, B, N), x0 (B, D, N)] ->
    /// [y (T, B, D), states (T, B, D, N)]`: x_t = exp(delta_t A) x_{t-1} + delta_t B_t u_t, y_t = sum C_t x_t.
    SelectiveScan,
    /// `[u, delta, A, B, C, x0, states, dy, dL/dstates from outside (optional)] -> [d u, d delta, d A, d B, d C, d x0,
    /// total dL/dx_t (T, B, D, N)]`.
    SelectiveScanGrad,
    /// `[gradients (P)] ->` Euclidean norm of each group `(offset, len)` (groups).
    GroupNorms { groups: Vec<(usize, usize)> },
    /// One optimiser step in place: `[gradients (P), norms (groups), hyper (8)] -> [parameters (P), state (P) ...]`.
    /// See [`crate::engine::optimiser`] for `hyper`.
    Optimise(Optimiser),
    /// `[x] -> x`, into a new value, through which no gradient flows, or into an existing one: carries a state over to the
    /// next run.
    Copy,
}

impl Op {
    /// What its outputs are; `first` is what its first operand is.
    pub(super) fn output_kind(&self, first: Option<Kind>) -> Kind {
        match self {
            Op::Argmax | Op::SampleToken | Op::SelectIds => Kind::Ids,
            Op::Slice { .. } | Op::Concat { .. } => first.unwrap_or(Kind::Float),
            _ => Kind::Float,
        }
    }

    /// The outputs that lie side by side in one slot, each at a multiple of [`ALIGNMENT`](super::ALIGNMENT): the states of
    /// a recurrent layer, or their gradients. A GPU binds them as one of the eight buffers that a shader may have.
    pub fn adjoining(&self) -> Range<usize> {
        match self {
            Op::Recurrent { cell, .. } => 0..1 + usize::from(cell.has_cell_state()),
            Op::RecurrentBackward { cell, .. } => {
                let first = 1 + usize::from(cell.description().products_differ);
                first..first + 2 * (1 + usize::from(cell.has_cell_state()))
            }
            _ => 0..0,
        }
    }

    /// The op's name, as the printed plan and error messages have it.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Unary(kind) => kind.name(),
            Op::UnaryGrad(_) => "unary_grad",
            Op::Binary(kind) => kind.name(),
            Op::Affine { .. } => "affine",
            Op::Fill { .. } => "fill",
            Op::MatMul { .. } => "matmul",
            Op::Einsum(_) => "einsum",
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
            Op::CausalSoftmax => "causal_softmax",
            Op::SoftmaxGrad => "softmax_grad",
            Op::LogSoftmax => "log_softmax",
            Op::LogSoftmaxGrad => "log_softmax_grad",
            Op::LogSumExp => "logsumexp",
            Op::CrossEntropy { .. } => "cross_entropy",
            Op::CrossEntropyGrad { .. } => "cross_entropy_grad",
            Op::ArgmaxEquals => "argmax_equals",
            Op::Argmax => "argmax",
            Op::SampleToken => "sample_token",
            Op::SelectIds => "select_ids",
            Op::NotEqual { .. } => "not_equal",
            Op::LengthMask { .. } => "length_mask",
            Op::WeightedMean => "weighted_mean",
            Op::WeightedMeanGrad => "weighted_mean_grad",
            Op::Embedding { .. } => "embedding",
            Op::EmbeddingGrad { .. } => "embedding_grad",
            Op::LayerNorm { .. } => "layer_norm",
            Op::LayerNormGrad { .. } => "layer_norm_grad",
            Op::Conv1dCausal => "conv1d_causal",
            Op::Conv1dCausalGradInput => "conv1d_causal_grad_input",
            Op::Conv1dCausalGradWeight { .. } => "conv1d_causal_grad_weight",
            Op::Recurrent { cell, .. } => cell.description().shaders[0],
            Op::RecurrentBackward { cell, .. } => cell.description().shaders[1],
            Op::Previous { .. } => "previous",
            Op::FinalState { .. } => "final_state",
            Op::FinalStateGrad { .. } => "final_state_grad",
            Op::Dropout { .. } => "dropout",
            Op::AdditiveEnergy => "additive_energy",
            Op::AdditiveEnergyGrad => "additive_energy_grad",
            Op::CachedAttention { .. } => "cached_attention",
            Op::CacheWrite => "cache_write",
            Op::Discretise(_) => "discretise",
            Op::DiscretiseGrad(_) => "discretise_grad",
            Op::DiagonalScan => "diagonal_scan",
            Op::DiagonalScanGrad => "diagonal_scan_grad",
            Op::LongConv => "long_conv",
            Op::LongConvGradInput => "long_conv_grad_input",
            Op::LongConvGradKernel => "long_conv_grad_kernel",
            Op::SelectiveScan => "selective_scan",
            Op::SelectiveScanGrad => "selective_scan_grad",
            Op::GroupNorms { .. } => "group_norms",
            Op::Optimise(_) => "optimise",
            Op::Copy => "copy",
        }
    }
}
