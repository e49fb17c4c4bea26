//! Attention.

use super::products::product;
use super::rows::by_rows;
use super::{Dispatch, Step};
use crate::engine::graph::Op;

/// Ops of attention that have kernels of their own.
pub(super) fn lower(step: &Step<'_>) -> Option<Vec<Dispatch>> {
    Some(match &step.node.op {
        Op::AdditiveEnergy => {
            let &[_, batch, keys, width] = &step.output_shape(1).0[..] else { unreachable!("shape inference") };
            let energies = step.output_shape(0).len();
            vec![by_rows(step.kernel("additive_energy"), energies, width).params([keys, batch])]
        }
        Op::AdditiveEnergyGrad => additive_energy_grad(step),
        Op::CachedAttention { heads } => {
            let &[longest, batch, width] = &step.shape(1).0[..] else { unreachable!("shape inference") };
            let params = [longest, *heads, width / heads, batch * width];
            vec![step.kernel("cached_attention").constant("LANES", 256).params(params).groups(batch * heads)]
        }
        _ => return None,
    })
}

/// The query's and the keys' gradients; v's is a product of one row with tanh.
fn additive_energy_grad(step: &Step<'_>) -> Vec<Dispatch> {
    let &[queries, batch, keys, width] = &step.shape(0).0[..] else { unreachable!("shape inference") };
    let [tanh, v, s] = [0, 1, 2].map(|at| step.input(at));
    let sum = |output: usize| {
        let count = step.output_shape(output).len();
        Dispatch::new("additive_energy_grad")
            .constant("KEYS", output)
            .reads([tanh, v, s])
            .writes([step.output(output)])
            .params([count, width, batch, keys, queries])
            .elements(count)
    };
    let mut dispatches = vec![sum(0), sum(1)];
    dispatches.extend(product([1, width, queries * batch * keys], [false; 2], [s, tanh], step.output(2)));
    dispatches
}
