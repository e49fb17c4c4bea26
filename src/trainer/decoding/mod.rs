//! From logits to sequences: greedy, sampled, and by beam search.
//!
//! A decoder is anything that reads one token in a state and answers with logits and the next state: a [`Stepper`].
//! States are plain numbers that the caller keeps, so that a hypothesis may be copied, dropped or taken up again at any
//! time.

pub mod beam;
pub mod sampling;
mod stepper;

pub use stepper::{Carried, GraphStepper, OneStep};

use crate::engine::backend::Answer;
use crate::engine::error::EngineError;
use crate::engine::kernels::entries::Kernels;

/// A model that reads one token at a time.
pub trait Stepper {
    /// Tokens V.
    fn vocabulary(&self) -> usize;

    /// Numbers of the state of one sequence: everything that is carried from a step to the next.
    fn state_len(&self) -> usize;

    /// Reads `tokens[i]` in `states[i]`, each of [`Stepper::state_len`] numbers; as many sequences as there are tokens.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    fn advance<'a>(&'a mut self, states: &'a [&'a [f32]], tokens: &'a [u32]) -> Answer<'a, Stepped>;
}

/// What a step of n sequences gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stepped {
    /// (n, state_len).
    pub states: Vec<f32>,
    /// (n, V).
    pub logits: Vec<f32>,
}

/// Where decoding starts and ends.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    /// The state before the first token is read.
    pub state: &'a [f32],
    /// The first token to be read (BOS); no part of the result.
    pub first: u32,
    /// The token that ends a sequence (EOS), kept as its last; `None` goes on to the largest length.
    pub end: Option<u32>,
    /// Most tokens of a result.
    pub max_length: usize,
}

/// A sequence and how likely each of its tokens was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generated {
    /// Tokens, the end among them.
    pub tokens: Vec<u32>,
    /// The log-probability of each.
    pub log_probabilities: Vec<f32>,
}

impl Generated {
    /// The log-probability of the whole sequence.
    pub fn log_probability(&self) -> f64 {
        self.log_probabilities.iter().map(|x| f64::from(*x)).sum()
    }
}

/// One sequence, each token chosen by `pick` from its logits (V).
///
/// # Errors
/// [`EngineError::DeviceLost`].
pub async fn generate(
    stepper: &mut dyn Stepper,
    bounds: Bounds<'_>,
    mut pick: impl FnMut(&[f32]) -> u32,
) -> Result<Generated, EngineError> {
    let (mut state, mut token) = (bounds.state.to_vec(), bounds.first);
    let mut generated = Generated::default();
    let mut log_probabilities = vec![0.0; stepper.vocabulary()];
    while generated.tokens.len() < bounds.max_length {
        let stepped = stepper.advance(&[&state], &[token]).await?;
        token = pick(&stepped.logits);
        f32::log_softmax(stepped.logits.len(), &stepped.logits, &mut log_probabilities);
        generated.tokens.push(token);
        generated.log_probabilities.push(log_probabilities[token as usize]);
        if bounds.end == Some(token) {
            break;
        }
        state = stepped.states;
    }
    Ok(generated)
}

/// Always the most probable token, the lowest of equals.
///
/// # Errors
/// [`EngineError::DeviceLost`].
pub async fn greedy(stepper: &mut dyn Stepper, bounds: Bounds<'_>) -> Result<Generated, EngineError> {
    generate(stepper, bounds, |logits| crate::engine::kernels::cross_entropy::argmax(logits) as u32).await
}
