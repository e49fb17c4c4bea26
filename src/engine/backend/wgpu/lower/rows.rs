//! Kernels that work on rows, and sums.

use super::{Dispatch, INVOCATIONS, Memory, Step};
use crate::engine::graph::Op;

/// Elements of a row for an invocation, about, before a row gets more invocations.
const EACH: usize = 4;

/// Ops on the rows of their first input.
pub(super) fn lower(step: &Step<'_>) -> Option<Dispatch> {
    let rows = |kernel: &'static str| {
        let x = step.shape(0);
        by_rows(step.kernel(kernel), x.rows(), x.last())
    };
    Some(match &step.node.op {
        Op::SumLast => rows("sum_last"),
        Op::RowNorm => {
            let count = step.output_shape(0).len();
            by_rows(step.kernel("row_norm"), count, step.shape(0).len() / count.max(1))
        }
        Op::Softmax | Op::CausalSoftmax => softmax(step),
        Op::SoftmaxGrad => rows("softmax_grad"),
        Op::LogSoftmax => rows("log_softmax"),
        Op::LogSoftmaxGrad => rows("log_softmax_grad"),
        Op::LogSumExp => rows("logsumexp"),
        Op::CrossEntropy { ignore } => ignoring(rows("cross_entropy"), *ignore),
        Op::CrossEntropyGrad { ignore } => ignoring(rows("cross_entropy_grad"), *ignore),
        Op::ArgmaxEquals => rows("argmax_equals"),
        Op::Argmax => rows("argmax"),
        Op::SampleToken => {
            let x = step.shape(0);
            step.kernel("sample_token").params([x.rows(), x.last()]).elements(x.rows())
        }
        Op::LayerNorm { eps } => rows("layer_norm").floats([*eps]),
        Op::LayerNormGrad { eps } => rows("layer_norm_grad").floats([*eps]),
        Op::WeightedMean => whole(step, "weighted_mean"),
        Op::WeightedMeanGrad => {
            let count = step.shape(0).len();
            whole(step, "weighted_mean_grad").groups(count.div_ceil(4 * INVOCATIONS))
        }
        Op::SumLeading { .. } => {
            let width = step.output_shape(0).len();
            sum_leading(step.input(0), step.output(0), step.shape(0).len() / width.max(1), width)
        }
        _ => return None,
    })
}

/// `count` rows of `width` elements, with as many invocations a row as keep them busy.
pub(super) fn by_rows(dispatch: Dispatch, count: usize, width: usize) -> Dispatch {
    let lanes = width.div_ceil(EACH).next_power_of_two().min(INVOCATIONS);
    dispatch.constant("LANES", lanes).params([count, width]).groups(count.div_ceil(INVOCATIONS / lanes))
}

/// One row for the whole workgroup.
fn whole(step: &Step<'_>, kernel: &'static str) -> Dispatch {
    step.kernel(kernel).constant("LANES", INVOCATIONS).params([1, step.shape(0).len()])
}

/// Without a mask x is bound in its place.
fn softmax(step: &Step<'_>) -> Dispatch {
    let x = step.shape(0);
    let (kind, mask, period) = match (&step.node.op, step.node.inputs.len()) {
        (Op::CausalSoftmax, _) => (2, 0, x.0[x.0.len() - 2]),
        (_, 2) => (1, 1, step.shape(1).len()),
        _ => (0, 0, 1),
    };
    let dispatch = Dispatch::new("softmax")
        .constant("MASKED", kind)
        .reads([step.input(0), step.input(mask)])
        .writes([step.output(0)]);
    by_rows(dispatch, x.rows(), x.last()).params([period])
}

fn ignoring(dispatch: Dispatch, ignore: Option<u32>) -> Dispatch {
    dispatch.constant("IGNORES", usize::from(ignore.is_some())).params([ignore.unwrap_or(0) as usize])
}

/// y (width) = sums of the columns of x (rows, width). Few rows take a column an invocation, many are cut into slices.
pub(super) fn sum_leading(x: Memory, y: Memory, rows: usize, width: usize) -> Dispatch {
    let columns = if rows <= 32 { INVOCATIONS } else { width.next_power_of_two().min(16) };
    Dispatch::new("sum_leading")
        .constant("COLUMNS", columns)
        .reads([x])
        .writes([y])
        .params([rows, width])
        .groups(width.div_ceil(columns))
}
