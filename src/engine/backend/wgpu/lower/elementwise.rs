//! Kernels with an invocation for each element.

use super::{Dispatch, Memory, Step};
use crate::engine::graph::Op;
use crate::engine::kernels::dropout;
use crate::engine::rng::Stream;

/// Elements a workgroup handles in kernels that take four an invocation.
const FOUR_EACH: usize = 1024;

/// Ops whose kernel reads and writes element by element.
pub(super) fn lower(step: &Step<'_>) -> Option<Dispatch> {
    let count = step.output_shape(0).len();
    let all = |kernel: &'static str| step.kernel(kernel).params([count]).elements(count);
    let four = |kernel: &'static str| step.kernel(kernel).params([count]).groups(count.div_ceil(FOUR_EACH));
    Some(match &step.node.op {
        Op::Unary(function) => four("unary").constant("FUNCTION", *function as usize),
        Op::UnaryGrad(function) => four("unary_grad").constant("FUNCTION", *function as usize),
        Op::Binary(operation) => {
            all("binary").constant("OPERATION", *operation as usize).params([step.shape(1).len().max(1)])
        }
        Op::Affine { scale, shift } => all("affine").floats([*scale, *shift]),
        Op::Fill { value, .. } => all("fill").floats([*value]),
        Op::SelectIds => all("select_ids"),
        Op::NotEqual { value } => all("not_equal").params([*value as usize]),
        Op::ExpandLast { width } => all("expand_last").params([*width]),
        Op::ExpandLeading { .. } => all("expand_leading").params([step.shape(0).len()]),
        Op::Embedding { .. } => all("embedding").params([step.shape(1).last()]),
        Op::Previous { reverse } => {
            let state = step.shape(1);
            let params = [count, state.len(), state.last(), usize::from(*reverse)];
            step.ragged_kernel("previous").params(params).elements(count)
        }
        Op::FinalState { reverse } => {
            let h = step.shape(0);
            let params = [count, h.last(), h.0[0], usize::from(*reverse)];
            step.ragged_kernel("final_state").params(params).elements(count)
        }
        Op::FinalStateGrad { reverse, .. } => {
            let state = step.shape(0);
            let params = [count, state.len(), state.last(), usize::from(*reverse)];
            step.ragged_kernel("final_state_grad").params(params).elements(count)
        }
        Op::Dropout { p, stream } => {
            let params = [count, dropout::threshold(*p) as usize, Stream::Dropout(*stream).id() as usize];
            let dispatch = step.kernel("dropout").params(params).floats([dropout::scale(*p) as f32]);
            dispatch.groups(count.div_ceil(FOUR_EACH))
        }
        Op::LengthMask { steps } => all("length_mask").params([*steps]),
        Op::CacheWrite => {
            let (x, longest) = (step.shape(0), step.output_shape(0).0[0]);
            step.kernel("cache_write").params([x.len(), x.last(), longest]).elements(x.len())
        }
        Op::Copy => all("copy"),
        Op::Slice { axis, start, len } => {
            let [outer, whole, inner] = around(&step.shape(0).0, *axis);
            debug_assert_eq!(outer * len * inner, count);
            all("slice").params([whole * inner, len * inner, start * inner])
        }
        Op::Pad { axis, start, total } => {
            pad(step.input(0), step.output(0), around(&step.shape(0).0, *axis), *start, *total)
        }
        Op::Transpose => {
            let &[rows, columns] = &step.shape(0).0[..] else { unreachable!("shape inference wants a matrix") };
            let mut transpose = step.kernel("transpose").params([rows, columns]);
            transpose.groups = [columns.div_ceil(16) as u32, rows.div_ceil(16) as u32, 1];
            transpose
        }
        _ => return None,
    })
}

/// One dispatch an operand, each into its own range of the output.
pub(super) fn concat(step: &Step<'_>, axis: usize) -> Vec<Dispatch> {
    let [_, total, inner] = around(&step.output_shape(0).0, axis);
    let mut start = 0;
    let mut place = |at: usize| {
        let (count, len) = (step.shape(at).len(), step.shape(at).0[axis]);
        let params = [count, total * inner, len * inner, start * inner];
        start += len;
        Dispatch::new("concat").reads([step.input(at)]).writes([step.output(0)]).params(params).elements(count)
    };
    (0..step.node.inputs.len()).filter(|at| !step.shape(*at).is_empty()).map(&mut place).collect()
}

/// Elements before, along and after an axis.
fn around(axes: &[usize], axis: usize) -> [usize; 3] {
    [axes[..axis].iter().product(), axes[axis], axes[axis + 1..].iter().product()]
}

/// x [outer, len, inner] into zeros [outer, total, inner] from `start` on.
fn pad(x: Memory, y: Memory, [outer, len, inner]: [usize; 3], start: usize, total: usize) -> Dispatch {
    let count = outer * total * inner;
    let params = [count, total * inner, len * inner, start * inner];
    Dispatch::new("pad").reads([x]).writes([y]).params(params).elements(count)
}
