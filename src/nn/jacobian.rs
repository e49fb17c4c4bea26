//! How the last hidden state depends on every earlier state: dh_T/dh_t, whole matrices.

use crate::engine::error::EngineError;
use crate::engine::graph::{Gradients, Graph, Kind, ValueId};
use crate::engine::kernels::binary::Binary;

/// Differentiates the last hidden state of a sequence, all H components at once.
///
/// The sequence must have been given to the layer H times, as the H sequences of a batch: h (T, H, H). The k-th copy gets
/// the gradient e_k at its last step, so that backpropagation through time leaves row k of dh_T/dh_t in the total
/// derivative of copy k at step t. [`Gradients::total`] of any layer's states (T, H, H) is then dh_T/d(that state) at
/// t = 1..T, and [`Gradients::of`] an initial state (H, H) that for t = 0.
///
/// `identity` names an input (H, H), to be written with ones on the diagonal.
///
/// # Errors
/// [`EngineError::Shape`] when the batch is not as large as the state.
pub fn jacobian_to_end(graph: &mut Graph, h: ValueId, identity: &str) -> Result<(ValueId, Gradients), EngineError> {
    let &[steps, copies, units] = &graph.shape(h).0[..] else { return Err(unfit(graph, h)) };
    if copies != units || steps == 0 {
        return Err(unfit(graph, h));
    }
    let last = graph.slice(h, 0, steps - 1, 1)?;
    let seed = graph.input(identity, [units, units], Kind::Float);
    let seeded = graph.binary(Binary::Mul, last, seed)?;
    let sum = graph.sum_leading(seeded, 0)?;
    let gradients = graph.gradients(sum)?;
    Ok((seed, gradients))
}

/// The identity matrix (size, size).
pub fn identity(size: usize) -> Vec<f32> {
    (0..size * size).map(|at| f32::from(u8::from(at % (size + 1) == 0))).collect()
}

fn unfit(graph: &Graph, h: ValueId) -> EngineError {
    let detail = format!("states {}, not (T, H, H)", graph.shape(h));
    EngineError::Shape { op: "jacobian", detail }
}
