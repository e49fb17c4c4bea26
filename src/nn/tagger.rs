//! Recurrent layers that answer about a sequence: at every timestep, or once at its end.

use super::recurrent::{LayerParameters, Output, Recurrent, Run, SequenceInput};
use super::{embedding, linear};
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, ValueId};

/// The architecture, as PyTorch: `rnn = nn.LSTM(inputs, hidden, layers, bidirectional=...)`, `out = nn.Linear(directions *
/// hidden, outputs)`, and `embed = nn.Embedding(tokens, inputs)` where there is an embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct Tagger {
    /// The recurrent layers.
    pub recurrent: Recurrent,
    /// Tokens that are embedded; `None` reads features, or tokens one-hot.
    pub embedded: Option<usize>,
    /// Numbers of an answer.
    pub outputs: usize,
}

/// The parameters.
#[derive(Clone, Debug)]
pub struct TaggerParameters {
    embed: Option<ValueId>,
    /// The recurrent layers and directions.
    pub layers: Vec<LayerParameters>,
    out: (ValueId, ValueId),
}

impl Tagger {
    /// Adds the parameters, in PyTorch's order.
    pub fn parameters(&self, graph: &mut Graph) -> TaggerParameters {
        let embed = self.embedded.map(|tokens| embedding(graph, "embed.weight", tokens, self.recurrent.input));
        let layers = self.recurrent.parameters(graph, "rnn.");
        let out = linear(graph, "out", self.recurrent.width(), self.outputs);
        TaggerParameters { embed, layers, out }
    }

    /// What the first layer reads of tokens (T, B).
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the tokens do not fit.
    pub fn tokens(
        &self,
        graph: &mut Graph,
        parameters: &TaggerParameters,
        tokens: ValueId,
    ) -> Result<SequenceInput, EngineError> {
        Ok(match parameters.embed {
            Some(embed) => SequenceInput::Features(graph.embedding(tokens, embed, None)?),
            None => SequenceInput::OneHot(tokens),
        })
    }

    /// The states over whole sequences.
    ///
    /// # Errors
    /// As [`Recurrent::forward`].
    pub fn states(
        &self,
        graph: &mut Graph,
        parameters: &TaggerParameters,
        run: &Run<'_>,
    ) -> Result<Output, EngineError> {
        self.recurrent.forward(graph, &parameters.layers, run)
    }

    /// An answer at every timestep, (T, B, outputs).
    ///
    /// # Errors
    /// [`EngineError::Shape`] for states of another model.
    pub fn every_step(
        &self,
        graph: &mut Graph,
        parameters: &TaggerParameters,
        states: &Output,
    ) -> Result<ValueId, EngineError> {
        graph.linear(states.output, parameters.out.0, Some(parameters.out.1))
    }

    /// The answer of the top layer's final states, (B, outputs).
    ///
    /// # Errors
    /// As [`Tagger::every_step`].
    pub fn at_the_end(
        &self,
        graph: &mut Graph,
        parameters: &TaggerParameters,
        states: &Output,
    ) -> Result<ValueId, EngineError> {
        let top = &states.h_n[states.h_n.len() - self.recurrent.directions()..];
        let last = if let [state] = top { *state } else { graph.concat(top, 1)? };
        graph.linear(last, parameters.out.0, Some(parameters.out.1))
    }
}
