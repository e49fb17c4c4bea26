//! A next-token model: tokens, stacked recurrent layers, a linear layer to logits.

use super::recurrent::{Output, Recurrent, Run, SequenceInput};
pub use super::recurrent::{LayerParameters, LayerState};
use crate::engine::cell::Cell;
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, RecurrentOutput, ValueId};

/// The architecture. As PyTorch: `rnn = nn.LSTM(inputs, hidden, layers)`, `out = nn.Linear(hidden, vocabulary)`, and
/// `embed = nn.Embedding(vocabulary, embedding)`, or `F.one_hot` inputs where there is no embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct LanguageModel {
    /// The recurrent cell.
    pub cell: Cell,
    /// Stacked layers.
    pub layers: usize,
    /// Tokens V.
    pub vocabulary: usize,
    /// Width of the embedding; `None` reads one-hot tokens.
    pub embedding: Option<usize>,
    /// Units H.
    pub hidden: usize,
}

/// The parameters of the model.
#[derive(Clone, Debug)]
pub struct ModelParameters {
    embed: Option<ValueId>,
    /// Bottom first.
    pub layers: Vec<LayerParameters>,
    out_weight: ValueId,
    out_bias: ValueId,
}

/// What a forward pass computes.
#[derive(Clone, Debug)]
pub struct ForwardPass {
    /// (T, B, V).
    pub logits: ValueId,
    /// Bottom first.
    pub layers: Vec<RecurrentOutput>,
}

impl LanguageModel {
    /// Its recurrent layers.
    pub fn recurrent(&self) -> Recurrent {
        let input = self.embedding.unwrap_or(self.vocabulary);
        Recurrent { layers: self.layers, ..Recurrent::new(self.cell, input, self.hidden) }
    }

    /// Adds the parameters, in PyTorch's order.
    pub fn parameters(&self, graph: &mut Graph) -> ModelParameters {
        let embed = self.embedding.map(|width| graph.parameter("embed.weight", [self.vocabulary, width]));
        let layers = self.recurrent().parameters(graph, "rnn.");
        let out_weight = graph.parameter("out.weight", [self.vocabulary, self.hidden]);
        let out_bias = graph.parameter("out.bias", [self.vocabulary]);
        ModelParameters { embed, layers, out_weight, out_bias }
    }

    /// Inputs for the initial states of `batch` sequences; zero until they are written.
    pub fn states(&self, graph: &mut Graph, program: &str, batch: usize) -> Vec<LayerState> {
        self.recurrent().states(graph, program, batch)
    }

    /// Logits for `tokens` (T, B).
    ///
    /// # Errors
    /// [`EngineError::Shape`] when tokens or states do not fit.
    pub fn forward(
        &self,
        graph: &mut Graph,
        parameters: &ModelParameters,
        tokens: ValueId,
        states: &[LayerState],
    ) -> Result<ForwardPass, EngineError> {
        let input = match parameters.embed {
            Some(embed) => SequenceInput::Features(graph.embedding(tokens, embed, None)?),
            None => SequenceInput::OneHot(tokens),
        };
        let run = Run { states, ..Run::new(input) };
        let Output { output, layers, .. } = self.recurrent().forward(graph, &parameters.layers, &run)?;
        let logits = graph.linear(output, parameters.out_weight, Some(parameters.out_bias))?;
        Ok(ForwardPass { logits, layers })
    }
}
