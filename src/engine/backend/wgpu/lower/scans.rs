//! State-space layers: discretisation, scans, long convolutions.

use super::{Dispatch, INVOCATIONS, Memory, Step};
use crate::engine::graph::{Node, Op};
use crate::engine::plan::Plan;

/// Most modes of a channel on the GPU: a workgroup has all of them.
pub const MOST_MODES: usize = INVOCATIONS;

/// Invocations that keep a GPU busy; below, time is cut into chunks that run side by side.
const BUSY: usize = 1 << 16;

/// Least steps of a chunk, about: a chunk is scanned twice.
const LEAST_CHUNK: usize = 4;

/// Sizes of a scan, and how it is cut.
struct Scan {
    steps: usize,
    batch: usize,
    channels: usize,
    modes: usize,
}

/// Modes of a channel.
pub(super) fn modes(plan: &Plan, node: &Node) -> usize {
    let states = &plan.graph().shape(node.outputs[1]).0;
    states.get(3).copied().unwrap_or(0)
}

impl Scan {
    /// From states (T, B, H, N) or (T, B, H, N, 2).
    fn new(states: &[usize]) -> Scan {
        Scan { steps: states[0], batch: states[1], channels: states[2], modes: states[3] }
    }

    fn padded_modes(&self) -> usize {
        self.modes.next_power_of_two()
    }

    /// The kernels that run over time: channels of a sequence by workgroups, sequences, chunks of time.
    fn over_time(&self, kernel: &'static str) -> Dispatch {
        let modes = self.padded_modes();
        let columns = INVOCATIONS / modes;
        let wanted = (BUSY / (self.batch * self.channels * modes)).min(self.steps / LEAST_CHUNK);
        let chunks = wanted.clamp(1, columns).next_power_of_two().min(columns);
        let channels = columns / chunks;
        let mut dispatch = Dispatch::new(kernel)
            .constant("MODES", modes)
            .constant("CHANNELS", channels)
            .constant("CHUNKS", chunks)
            .params([self.steps, self.batch, self.channels, self.modes, self.steps.div_ceil(chunks)]);
        dispatch.groups = [self.channels.div_ceil(channels) as u32, self.batch as u32, 1];
        dispatch
    }

    /// An invocation for each element of (T, B, H).
    fn by_element(&self, kernel: &'static str) -> Dispatch {
        let count = self.steps * self.batch * self.channels;
        Dispatch::new(kernel).params([count, self.channels, self.modes]).elements(count)
    }

    /// Sums over rows (T, B), 16 modes of all channels a workgroup.
    fn by_mode(&self, kernel: &'static str) -> Dispatch {
        Dispatch::new(kernel)
            .params([self.steps * self.batch, self.batch, self.channels, self.modes])
            .groups((self.channels * self.modes).div_ceil(16))
    }
}

/// Ops of state-space layers.
pub(super) fn lower(step: &Step<'_>) -> Option<Vec<Dispatch>> {
    Some(match &step.node.op {
        Op::Discretise(rule) => vec![by_mode(step, "discretise").constant("RULE", *rule as usize)],
        Op::DiscretiseGrad(rule) => vec![by_mode(step, "discretise_grad").constant("RULE", *rule as usize)],
        Op::DiagonalScan | Op::SelectiveScan => {
            let run = Scan::new(&step.output_shape(1).0).over_time(step.node.op.name());
            let inputs = (0..step.node.inputs.len()).map(|at| step.input(at));
            vec![run.reads(inputs).writes([step.output(0), step.output(1)])]
        }
        Op::DiagonalScanGrad => diagonal_grad(step),
        Op::SelectiveScanGrad => selective_grad(step),
        Op::LongConv => vec![long_conv(step, [0, 1])],
        Op::LongConvGradInput => vec![long_conv(step, [1, 0]).constant("REVERSED", 1)],
        Op::LongConvGradKernel => {
            let &[steps, batch, channels] = &step.shape(0).0[..] else { unreachable!("shape inference wants rank 3") };
            let mut dispatch = step.kernel("long_conv_grad_kernel").params([steps * batch, batch, channels]);
            dispatch.groups = [channels.div_ceil(16) as u32, steps as u32, 1];
            vec![dispatch]
        }
        _ => return None,
    })
}

/// An invocation for each mode of A (H, N, 2).
fn by_mode(step: &Step<'_>, kernel: &'static str) -> Dispatch {
    let a = step.shape(1);
    step.kernel(kernel).params([a.rows(), a.0[1]]).elements(a.rows())
}

/// Without gradients from outside dy is bound in their place.
fn outside(step: &Step<'_>, at: usize) -> (Memory, usize) {
    let given = step.node.inputs.len() > at;
    (step.input(if given { at } else { at - 1 }), usize::from(given))
}

/// The operands' order is that of `Op::DiagonalScanGrad`.
fn diagonal_grad(step: &Step<'_>) -> Vec<Dispatch> {
    let scan = Scan::new(&step.shape(5).0);
    let [u, decay, input, output, x0, states, dy] = std::array::from_fn(|at| step.input(at));
    let [du, d_decay, d_input, d_output, d_x0, total] = std::array::from_fn(|at| step.output(at));
    let (outside, given) = outside(step, 7);
    let back = scan.over_time("diagonal_scan_grad").constant("OUTSIDE", given);
    let weights = scan.by_mode("diagonal_scan_grad_weights");
    vec![
        back.reads([decay, output, dy, outside]).writes([total, d_x0]),
        scan.by_element("diagonal_scan_grad_input").reads([input, total]).writes([du]),
        weights.reads([u, dy, states, x0, total]).writes([d_decay, d_input, d_output]),
    ]
}

/// The operands' order is that of `Op::SelectiveScanGrad`.
fn selective_grad(step: &Step<'_>) -> Vec<Dispatch> {
    let scan = Scan::new(&step.shape(6).0);
    let [u, delta, a, b, c, x0, states, dy] = std::array::from_fn(|at| step.input(at));
    let [du, d_delta, d_a, d_b, d_c, d_x0, total] = std::array::from_fn(|at| step.output(at));
    let (outside, given) = outside(step, 8);
    let rows = scan.steps * scan.batch;
    let back = scan.over_time("selective_scan_grad").constant("OUTSIDE", given);
    let rest = scan.by_element("selective_scan_grad_delta").params([scan.batch * scan.channels]);
    let projection = Dispatch::new("selective_scan_grad_projection").constant("MODES", scan.padded_modes());
    vec![
        back.reads([delta, a, c, dy, outside]).writes([total, d_x0]),
        scan.by_element("selective_scan_grad_input").reads([u, delta, b, total]).writes([du, d_delta]),
        rest.reads([delta, a, states, x0, total]).writes([d_delta]),
        projection
            .params([rows, scan.channels, scan.modes])
            .groups(rows)
            .reads([u, delta, dy, states, total])
            .writes([d_b, d_c]),
        scan.by_mode("selective_scan_grad_poles").reads([delta, a, states, x0, total]).writes([d_a]),
    ]
}

/// `operands` are the places of the sequence and of the kernel.
fn long_conv(step: &Step<'_>, operands: [usize; 2]) -> Dispatch {
    let &[steps, batch, channels] = &step.output_shape(0).0[..] else { unreachable!("shape inference wants rank 3") };
    let count = steps.div_ceil(4) * batch * channels;
    Dispatch::new("long_conv")
        .reads(operands.map(|at| step.input(at)))
        .writes([step.output(0)])
        .params([count, steps, batch * channels, channels])
        .elements(count)
}
