//! A decoder that reads what it wrote: one step after the other, each reading the truth or the token that the step before
//! chose. Scheduled sampling, free running and the sampling of REINFORCE are all this.
//!
//! The choice of a token is a constant: no gradient flows through it. So the gradient of a loss on such a run is that of
//! one teacher-forced pass over the tokens that were fed, which a training graph makes with its fused layers: the steps here
//! need no gradient of their own.

use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, ValueId};

/// What a decoder computes in a step.
#[derive(Clone, Debug)]
pub struct DecoderStep {
    /// (1, B, V).
    pub logits: ValueId,
    /// What it carries on, in the order and the shapes it was given.
    pub states: Vec<ValueId>,
}

/// How a step's own token is chosen.
#[derive(Clone, Copy, Debug)]
pub enum Feedback {
    /// The most probable, the lowest of equals.
    Argmax,
    /// Drawn from the softmax of the logits by uniform numbers (T, B).
    Sample { uniforms: ValueId },
}

/// What is fed.
#[derive(Clone, Copy, Debug)]
pub enum Feed {
    /// The truth, ids (T, B), where the mask (T, B) is not 0, else the decoder's own token of the step before. The first
    /// step is fed the truth in any case.
    Mixed { truth: ValueId, mask: ValueId },
    /// After a first token, ids (1, B), always its own.
    Own { first: ValueId },
}

/// A whole run.
#[derive(Clone, Copy, Debug)]
pub struct Rollout {
    /// The tokens that were read, ids (T, B).
    pub fed: ValueId,
    /// The tokens that were chosen, ids (T, B).
    pub chosen: ValueId,
    /// (T, B, V).
    pub logits: ValueId,
}

/// Unrolls `steps` steps of a decoder, 1 at least, from its initial states. `step` adds the nodes of one: from a token, ids
/// (1, B), and the states.
///
/// # Errors
/// [`EngineError::Shape`] when the operands do not fit or there is no step.
pub fn rollout(
    graph: &mut Graph,
    steps: usize,
    feed: Feed,
    feedback: Feedback,
    mut states: Vec<ValueId>,
    mut step: impl FnMut(&mut Graph, ValueId, &[ValueId]) -> Result<DecoderStep, EngineError>,
) -> Result<Rollout, EngineError> {
    let (mut fed, mut chosen, mut logits) = (Vec::new(), Vec::new(), Vec::new());
    for t in 0..steps {
        let token = match (feed, chosen.last()) {
            (Feed::Own { first }, None) => first,
            (Feed::Own { .. }, Some(own)) => *own,
            (Feed::Mixed { truth, .. }, None) => graph.slice(truth, 0, t, 1)?,
            (Feed::Mixed { truth, mask }, Some(own)) => {
                let (truth, mask) = (graph.slice(truth, 0, t, 1)?, graph.slice(mask, 0, t, 1)?);
                graph.select_ids(mask, truth, *own)?
            }
        };
        let stepped = step(graph, token, &states)?;
        let own = match feedback {
            Feedback::Argmax => graph.argmax(stepped.logits)?,
            Feedback::Sample { uniforms } => {
                let uniforms = graph.slice(uniforms, 0, t, 1)?;
                graph.sample_token(stepped.logits, uniforms)?
            }
        };
        states = stepped.states;
        fed.push(token);
        chosen.push(own);
        logits.push(stepped.logits);
    }
    Ok(Rollout { fed: graph.concat(&fed, 0)?, chosen: graph.concat(&chosen, 0)?, logits: graph.concat(&logits, 0)? })
}
