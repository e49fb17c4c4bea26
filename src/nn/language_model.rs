//! A next-token model: tokens, stacked recurrent layers, a linear layer to logits.

pub use super::recurrent::{LayerParameters, LayerState};
use super::recurrent::{Recurrent, Run, SequenceInput};
use super::rollout::DecoderStep;
use super::{embedding, linear};
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
    /// Units H of a direction.
    pub hidden: usize,
    /// Whether each layer also reads backwards: then every prediction has seen what it is to predict.
    pub bidirectional: bool,
    /// `nn.LSTM(dropout=...)`: the share of states between layers that training leaves out.
    pub dropout: f32,
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
        let Self { layers, bidirectional, .. } = *self;
        Recurrent { layers, bidirectional, ..Recurrent::new(self.cell, input, self.hidden) }
    }

    /// Adds the parameters, in PyTorch's order.
    pub fn parameters(&self, graph: &mut Graph) -> ModelParameters {
        let embed = self.embedding.map(|width| embedding(graph, "embed.weight", self.vocabulary, width));
        let layers = self.recurrent().parameters(graph, "rnn.");
        let (out_weight, out_bias) = linear(graph, "out", self.recurrent().width(), self.vocabulary);
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
        let input = self.input(graph, parameters, tokens)?;
        self.run(graph, parameters, &Run { states, ..Run::new(input) })
    }

    /// What the first layer reads of tokens (T, B).
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the tokens do not fit.
    pub fn input(
        &self,
        graph: &mut Graph,
        parameters: &ModelParameters,
        tokens: ValueId,
    ) -> Result<SequenceInput, EngineError> {
        Ok(match parameters.embed {
            Some(embed) => SequenceInput::Features(graph.embedding(tokens, embed, None)?),
            None => SequenceInput::OneHot(tokens),
        })
    }

    /// One step of a [`rollout`](super::rollout::rollout): reads tokens (1, B) by their rows of `projected` (see
    /// [`LanguageModel::projected_tokens`]) in the states h (and c) of each layer, bottom first, (B, H).
    ///
    /// # Errors
    /// [`EngineError::Shape`] when tokens or states do not fit.
    pub fn step(
        &self,
        graph: &mut Graph,
        parameters: &ModelParameters,
        projected: ValueId,
        token: ValueId,
        states: &[ValueId],
    ) -> Result<DecoderStep, EngineError> {
        let x_proj = graph.embedding(token, projected, None)?;
        let states = LayerState::of(self.cell, states);
        let pass = self.forward_from(graph, parameters, x_proj, &states)?;
        let sequences = pass.layers.iter().flat_map(|layer| [Some(layer.h), layer.c]).flatten();
        // (1, B, H) as (B, H).
        let states = sequences.map(|state| graph.sum_leading(state, 2)).collect::<Result<_, _>>()?;
        Ok(DecoderStep { logits: pass.logits, states })
    }

    /// What the first layer adds for each token: W_ih x without biases, (V, G H). A model that is only run, step by step,
    /// computes it once and looks rows up.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for a model without layers.
    pub fn projected_tokens(&self, graph: &mut Graph, parameters: &ModelParameters) -> Result<ValueId, EngineError> {
        let first = parameters.layers.first().ok_or_else(no_layer)?.weight_ih;
        match parameters.embed {
            Some(embed) => graph.matmul(embed, first, false, true),
            None => graph.transpose(first),
        }
    }

    /// Logits from what the first layer reads: `x_proj` (T, B, G H) = W_ih x.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when inputs or states do not fit.
    pub fn forward_from(
        &self,
        graph: &mut Graph,
        parameters: &ModelParameters,
        x_proj: ValueId,
        states: &[LayerState],
    ) -> Result<ForwardPass, EngineError> {
        self.run(graph, parameters, &Run { states, ..Run::new(SequenceInput::Projected(x_proj)) })
    }

    /// Logits of a run over sequences.
    ///
    /// # Errors
    /// As [`Recurrent::forward`].
    pub fn run(
        &self,
        graph: &mut Graph,
        parameters: &ModelParameters,
        run: &Run<'_>,
    ) -> Result<ForwardPass, EngineError> {
        let pass = self.recurrent().forward(graph, &parameters.layers, run)?;
        let logits = graph.linear(pass.output, parameters.out_weight, Some(parameters.out_bias))?;
        let layers = pass.layers;
        Ok(ForwardPass { logits, layers })
    }
}

fn no_layer() -> EngineError {
    EngineError::Shape { op: "language model", detail: "no layer".to_owned() }
}
