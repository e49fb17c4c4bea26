//! Losses of sequences.

use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Op, ValueId};
use crate::engine::kernels::binary::Binary;
use crate::engine::kernels::unary::Unary;

/// Operands of [`policy_gradient`].
#[derive(Clone, Copy, Debug)]
pub struct PolicyInput {
    /// (T, B, V).
    pub logits: ValueId,
    /// The tokens that were sampled, ids (T, B).
    pub actions: ValueId,
    /// (T, B): 1 for the tokens of a sequence, its end token included; 0 after it.
    pub mask: ValueId,
    /// (T, B): reward minus baseline, a constant.
    pub advantage: ValueId,
    /// A scalar, beta.
    pub entropy_weight: ValueId,
}

/// What [`policy_gradient`] computes.
#[derive(Clone, Copy, Debug)]
pub struct PolicyLoss {
    /// A scalar.
    pub loss: ValueId,
    /// log pi(action), 0 where masked, (T, B).
    pub log_probabilities: ValueId,
    /// The entropy of the policy at every step in nats, 0 where masked, (T, B).
    pub entropy: ValueId,
}

/// The loss whose gradient is REINFORCE's (Williams 1992), with a bonus for entropy (Williams & Peng 1991):
/// -(1/B) sum over b, t of advantage log pi(action) - beta (1/B) sum over b, t of the entropy. A sum over time, a mean over
/// the batch.
///
/// # Errors
/// [`EngineError::Shape`] when the operands do not fit.
pub fn policy_gradient(graph: &mut Graph, input: &PolicyInput) -> Result<PolicyLoss, EngineError> {
    let PolicyInput { logits, actions, mask, advantage, entropy_weight } = *input;
    let batch = graph.shape(actions).last() as f32;
    let nll = graph.cross_entropy(logits, actions, None)?;
    let nll = graph.binary(Binary::Mul, nll, mask)?;
    let log_probabilities = graph.affine(nll, -1.0, 0.0)?;
    let weighted = graph.binary(Binary::Mul, nll, advantage)?;
    let weighted = graph.sum_leading(weighted, 0)?;

    let all = graph.apply(Op::LogSoftmax, &[logits])?[0];
    let probabilities = graph.unary(Unary::Exp, all)?;
    let terms = graph.binary(Binary::Mul, probabilities, all)?;
    let negative = graph.apply(Op::SumLast, &[terms])?[0];
    let negative = graph.binary(Binary::Mul, negative, mask)?;
    let entropy = graph.affine(negative, -1.0, 0.0)?;
    let bonus = graph.sum_leading(entropy, 0)?;
    let bonus = graph.binary(Binary::Mul, bonus, entropy_weight)?;

    let loss = graph.binary(Binary::Sub, weighted, bonus)?;
    let loss = graph.affine(loss, 1.0 / batch, 0.0)?;
    Ok(PolicyLoss { loss, log_probabilities, entropy })
}

/// A value head on hidden states h (T, B, H): v = h w^T + b, (T, B), for `weight` (1, H) and `bias` (1). The states are
/// taken as constants, so that fitting the baseline does not shape the policy (Ranzato et al. 2016, section 3.2).
///
/// # Errors
/// [`EngineError::Shape`] when the operands do not fit.
pub fn value_head(graph: &mut Graph, h: ValueId, weight: ValueId, bias: ValueId) -> Result<ValueId, EngineError> {
    let h = graph.detach(h)?;
    let values = graph.linear(h, weight, Some(bias))?;
    Ok(graph.apply(Op::SumLast, &[values])?[0])
}

/// The mean of (values - targets)^2 over the places where the mask is 1; all (T, B).
///
/// # Errors
/// [`EngineError::Shape`] when the operands do not fit.
pub fn masked_mse(graph: &mut Graph, values: ValueId, targets: ValueId, mask: ValueId) -> Result<ValueId, EngineError> {
    let difference = graph.binary(Binary::Sub, values, targets)?;
    let squares = graph.unary(Unary::Square, difference)?;
    graph.weighted_mean(squares, mask)
}

/// Mean cross entropy over the targets (T, B) that are not `padding`; 0, with gradient 0, where all are
/// (`F.cross_entropy(ignore_index=padding)`, which is not a number there).
///
/// # Errors
/// [`EngineError::Shape`] when the operands do not fit.
pub fn masked_cross_entropy(
    graph: &mut Graph,
    logits: ValueId,
    targets: ValueId,
    padding: Option<u32>,
) -> Result<ValueId, EngineError> {
    let nll = graph.cross_entropy(logits, targets, padding)?;
    match padding {
        None => graph.mean(nll),
        Some(value) => {
            let kept = graph.apply(Op::NotEqual { value }, &[targets])?[0];
            graph.weighted_mean(nll, kept)
        }
    }
}
