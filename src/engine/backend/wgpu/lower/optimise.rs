//! Gradient norms and optimisers.

use super::{Dispatch, Memory, Step};
use crate::engine::optimiser::Optimiser;

/// Ranges a dispatch of `group_norms` has room for.
const RANGES: usize = 64;

/// Norms of ranges of the gradients.
pub(super) fn group_norms(step: &Step<'_>, groups: &[(usize, usize)]) -> Vec<Dispatch> {
    let part = |(at, ranges): (usize, &[(usize, usize)])| {
        let mut table = [[0; 4]; RANGES];
        for (entry, (offset, len)) in table.iter_mut().zip(ranges) {
            *entry = [*offset, *len, 0, 0];
        }
        let dispatch = step.kernel("group_norms").constant("LANES", 256).params([at * RANGES, 0, 0, 0]);
        dispatch.params(table.into_iter().flatten()).groups(ranges.len())
    };
    groups.chunks(RANGES).enumerate().map(part).collect()
}

/// One optimiser step over the flat buffers.
pub(super) fn optimise(step: &Step<'_>, optimiser: &Optimiser) -> Dispatch {
    let (count, norms) = (step.output_shape(0).len(), step.shape(1).len());
    let states = optimiser.states();
    // What an optimiser does not have is bound to scratch memory of its own.
    let unused = (states..3).map(|state| Memory::Scratch { offset: 64 * state, len: 64 });
    let dispatch = step.kernel("optimise").writes(unused).params([count, norms]).elements(count);
    match *optimiser {
        Optimiser::Sgd { momentum, dampening, nesterov, weight_decay } => dispatch
            .constant("METHOD", 0)
            .constant("MOMENTUM", usize::from(momentum != 0.0))
            .constant("NESTEROV", usize::from(nesterov))
            .floats(coefficients([weight_decay, momentum, 1.0 - dampening, 0.0, 0.0, 0.0, 0.0, 0.0])),
        Optimiser::RmsProp { alpha, eps, momentum, centered, weight_decay } => dispatch
            .constant("METHOD", 1)
            .constant("MOMENTUM", usize::from(momentum != 0.0))
            .constant("CENTERED", usize::from(centered))
            .floats(coefficients([weight_decay, momentum, 0.0, eps, alpha, 1.0 - alpha, 0.0, 0.0])),
        Optimiser::Adam { beta1, beta2, eps, weight_decay, decoupled } => dispatch
            .constant("METHOD", 2)
            .constant("DECOUPLED", usize::from(decoupled))
            .floats(coefficients([weight_decay, 0.0, 0.0, eps, beta1, 1.0 - beta1, beta2, 1.0 - beta2])),
    }
}

/// The kernel's coefficients: weight decay, mu, 1 - dampening, eps, decay 1, its rest, decay 2, its rest. Rounded once.
fn coefficients(values: [f64; 8]) -> [f32; 8] {
    values.map(|value| value as f32)
}
