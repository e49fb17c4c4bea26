//! Matrix products, embedding gradients, convolutions.

use super::rows::sum_leading;
use super::{Dispatch, Memory, Step};
use crate::engine::einsum::{Einsum, Loops};
use crate::engine::graph::Op;

/// Workgroups that keep a GPU busy.
const BUSY: usize = 96;

/// Least steps of K for a workgroup, when K is split over several.
const LEAST_CHUNK: usize = 128;

/// Ops that sum products.
pub(super) fn lower(step: &Step<'_>) -> Option<Vec<Dispatch>> {
    Some(match &step.node.op {
        Op::MatMul { transpose_a, transpose_b } => matmul(step, *transpose_a, *transpose_b),
        Op::Einsum(equation) => vec![einsum(step, equation)],
        Op::EmbeddingGrad { padding, rows } => {
            let (count, width) = (step.shape(0).len(), step.shape(1).last());
            let dispatch = step
                .kernel("embedding_grad")
                .constant("PADS", usize::from(padding.is_some()))
                .params([count, width, *rows, padding.unwrap_or(0) as usize])
                .groups(rows * width.div_ceil(64));
            vec![dispatch]
        }
        Op::Conv1dCausal => vec![convolution(step, "conv1d_causal", 1)],
        Op::Conv1dCausalGradInput => vec![convolution(step, "conv1d_causal_grad_input", 0)],
        Op::Conv1dCausalGradWeight { taps } => {
            let &[steps, batch, channels] = &step.shape(0).0[..] else { unreachable!("shape inference wants rank 3") };
            let mut dispatch = step.kernel("conv1d_causal_grad_weight").params([steps * batch, batch, channels, *taps]);
            dispatch.groups = [channels.div_ceil(16) as u32, *taps as u32, 1];
            vec![dispatch]
        }
        _ => return None,
    })
}

fn convolution(step: &Step<'_>, kernel: &'static str, weight: usize) -> Dispatch {
    let &[_, batch, channels] = &step.output_shape(0).0[..] else { unreachable!("shape inference wants rank 3") };
    let count = step.output_shape(0).len();
    step.kernel(kernel).params([count, batch * channels, channels, step.shape(weight).last()]).elements(count)
}

/// How a product is cut: invocations along a side of a workgroup, and workgroups along K.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cut {
    side: usize,
    split: usize,
}

/// Large tiles where there are enough of them, small ones else; where K is long and tiles are few, as in gradients of
/// weights, K is split and the parts are summed in order afterwards.
fn cut(m: usize, n: usize, k: usize) -> Cut {
    let tiles = |side: usize| m.div_ceil(4 * side) * n.div_ceil(4 * side);
    if 2 * tiles(16) >= BUSY {
        return Cut { side: 16, split: 1 };
    }
    if k < 4 * LEAST_CHUNK {
        return Cut { side: 8, split: 1 };
    }
    let side = if m.min(n) > 32 { 16 } else { 8 };
    let split = BUSY.div_ceil(tiles(side)).min(k / LEAST_CHUNK);
    Cut { side, split }
}

fn matmul(step: &Step<'_>, transpose_a: bool, transpose_b: bool) -> Vec<Dispatch> {
    let (a, b) = (step.shape(0), step.shape(1));
    let (m, k) = if transpose_a { (a.last(), a.rows()) } else { (a.rows(), a.last()) };
    let n = if transpose_b { b.0[0] } else { b.last() };
    let operands = [step.input(0), step.input(1)];
    let rows = step.lengths().map(|lengths| (lengths, a.0[1]));
    product_of_rows([m, n, k], [transpose_a, transpose_b], operands, rows, step.output(0))
}

/// y (m, n) = a (m, k) b (k, n), each as it is or transposed.
pub(super) fn product(size: [usize; 3], transposed: [bool; 2], operands: [Memory; 2], y: Memory) -> Vec<Dispatch> {
    product_of_rows(size, transposed, operands, None, y)
}

/// As [`product`], of only the rows within the lengths of so many sequences side by side, if there are lengths.
fn product_of_rows(
    [m, n, k]: [usize; 3],
    transposed: [bool; 2],
    operands: [Memory; 2],
    ragged: Option<(Memory, usize)>,
    y: Memory,
) -> Vec<Dispatch> {
    let (lengths, batch) = ragged.unwrap_or((operands[0], 1));
    let Cut { side, split } = cut(m, n, k);
    // Whole tiles of K.
    let chunk = k.div_ceil(split).next_multiple_of(side);
    let split = k.div_ceil(chunk).max(1);
    let result = if split == 1 { y } else { Memory::scratch(split * m * n) };
    let mut product = Dispatch::new("matmul")
        .constant("SIDE", side)
        .constant("TRANSPOSE_A", usize::from(transposed[0]))
        .constant("TRANSPOSE_B", usize::from(transposed[1]))
        .constant("RAGGED", usize::from(ragged.is_some()))
        .reads(operands)
        .reads([lengths])
        .writes([result])
        .params([m, n, k, chunk, batch]);
    product.groups = [n.div_ceil(4 * side) as u32, m.div_ceil(4 * side) as u32, split as u32];
    let mut dispatches = vec![product];
    if split > 1 {
        dispatches.push(sum_leading(result, y, split, m * n));
    }
    dispatches
}

/// A product for each place of a batch.
fn einsum(step: &Step<'_>, einsum: &Einsum) -> Dispatch {
    /// Rows and columns of a workgroup's tile.
    const TILE: usize = 32;
    let Loops { batch: [outer, inner], row, column, summed } = einsum.loops();
    let mut dispatch = step
        .kernel("einsum")
        .constant("A_ALONG_K", usize::from(summed.strides[0] == 1))
        .constant("B_ALONG_K", usize::from(summed.strides[1] == 1))
        .params([row.len, column.len, summed.len, inner.len])
        .params(outer.strides)
        .params(inner.strides)
        .params([row.strides[0], row.strides[2], column.strides[1], column.strides[2]])
        .params([summed.strides[0], summed.strides[1]]);
    dispatch.groups = [column.len.div_ceil(TILE), row.len.div_ceil(TILE), outer.len * inner.len].map(|n| n as u32);
    dispatch
}
