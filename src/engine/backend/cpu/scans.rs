//! The steps of state-space layers: operands by name, and the scratch memory they need.

use crate::engine::graph::{Graph, Node, Op, Shape};
use crate::engine::kernels::diagonal_scan::{self, ScanDims};
use crate::engine::kernels::long_conv::LongConvDims;
use crate::engine::kernels::real::Real;
use crate::engine::kernels::selective_scan;

use super::MOST_OUTPUTS;
use super::dispatch::Operands;

/// Whether [`run`] runs it.
pub(super) fn is_one(op: &Op) -> bool {
    matches!(
        op,
        Op::Discretise(_)
            | Op::DiscretiseGrad(_)
            | Op::DiagonalScan
            | Op::DiagonalScanGrad
            | Op::LongConv
            | Op::LongConvGradInput
            | Op::LongConvGradKernel
            | Op::SelectiveScan
            | Op::SelectiveScanGrad
    )
}

/// Elements of scratch memory a scan needs.
pub(super) fn scratch(graph: &Graph, step: &Node) -> usize {
    let dims = dims(&step.op, |at| graph.shape(step.inputs[at]));
    match step.op {
        Op::DiagonalScan => diagonal_scan::scan_scratch(dims),
        Op::DiagonalScanGrad => diagonal_scan::grad_scratch(dims),
        _ => selective_scan::grad_scratch(dims),
    }
}

/// u (T, B, H) and the first weights, (H, N, 2) or (H, N).
fn dims<'a>(op: &Op, shape: impl Fn(usize) -> &'a Shape) -> ScanDims {
    let selective = matches!(op, Op::SelectiveScan | Op::SelectiveScanGrad);
    let (u, weight) = (&shape(0).0, &shape(1 + usize::from(selective)).0);
    ScanDims { steps: u[0], batch: u[1], channels: u[2], modes: weight[1] }
}

/// Sizes of a convolution over a sequence (T, B, H).
fn long_conv_dims(sequence: &Shape) -> LongConvDims {
    LongConvDims { steps: sequence.0[0], batch: sequence.0[1], channels: sequence.0[2] }
}

/// Runs the kernel of such a step.
pub(super) fn run<R: Real>(x: &Operands<'_, R>, outputs: [&mut [R]; MOST_OUTPUTS], scratch: &mut [R]) {
    let [first, second, third, fourth, fifth, sixth, seventh] = outputs;
    let dims = || dims(&x.step.op, |at| x.shape(at));
    match &x.step.op {
        Op::Discretise(rule) => R::discretise(*rule, x.input(0), x.input(1), x.input(2), first, second),
        Op::DiscretiseGrad(rule) => {
            let (operands, gradients) = ([x.input(0), x.input(1), x.input(2)], [x.input(3), x.input(4)]);
            R::discretise_grad(*rule, operands, gradients, [first, second, third]);
        }
        Op::DiagonalScan => {
            let io = diagonal_scan::Forward {
                u: x.input(0),
                decay: x.input(1),
                input: x.input(2),
                output: x.input(3),
                x0: x.input(4),
                y: first,
                states: second,
            };
            R::diagonal_scan(dims(), io, scratch);
        }
        Op::DiagonalScanGrad => {
            let io = diagonal_scan::Backward {
                u: x.input(0),
                decay: x.input(1),
                input: x.input(2),
                output: x.input(3),
                x0: x.input(4),
                states: x.input(5),
                dy: x.input(6),
                outside: (x.count() > 7).then(|| x.input(7)),
                du: first,
                d_decay: second,
                d_input: third,
                d_output: fourth,
                d_x0: fifth,
                total: x.is_seen(5).then_some(sixth),
            };
            R::diagonal_scan_grad(dims(), io, scratch);
        }
        Op::SelectiveScan => {
            let io = selective_scan::Forward {
                u: x.input(0),
                delta: x.input(1),
                a: x.input(2),
                b: x.input(3),
                c: x.input(4),
                x0: x.input(5),
                y: first,
                states: second,
            };
            R::selective_scan(dims(), io);
        }
        Op::SelectiveScanGrad => {
            let io = selective_scan::Backward {
                u: x.input(0),
                delta: x.input(1),
                a: x.input(2),
                b: x.input(3),
                c: x.input(4),
                x0: x.input(5),
                states: x.input(6),
                dy: x.input(7),
                outside: (x.count() > 8).then(|| x.input(8)),
                du: first,
                d_delta: second,
                d_a: third,
                d_b: fourth,
                d_c: fifth,
                d_x0: sixth,
                total: seventh,
            };
            R::selective_scan_grad(dims(), io, scratch);
        }
        Op::LongConv => R::long_conv(long_conv_dims(x.shape(0)), x.input(0), x.input(1), first),
        Op::LongConvGradInput => {
            R::long_conv_grad_input(long_conv_dims(x.shape(1)), x.input(0), x.input(1), first);
        }
        Op::LongConvGradKernel => {
            R::long_conv_grad_kernel(long_conv_dims(x.shape(0)), x.input(0), x.input(1), first);
        }
        _ => unreachable!("not a scan"),
    }
}
