//! A next-token model: tokens, stacked recurrent layers, a linear layer to logits.

use crate::engine::cell::Cell;
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Initial, Kind, ValueId};
use crate::engine::graph::{RecurrentInput, RecurrentOutput};
use crate::nn::{embedding, linear};

use super::rollout::DecoderStep;

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

/// The parameters of a layer, shapes as in `torch.nn`.
#[derive(Clone, Copy, Debug)]
pub struct LayerParameters {
    /// (G H, input).
    pub weight_ih: ValueId,
    /// (G H, H).
    pub weight_hh: ValueId,
    /// (G H).
    pub bias_ih: ValueId,
    /// (G H).
    pub bias_hh: ValueId,
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

/// The states a layer starts from, (B, H).
#[derive(Clone, Copy, Debug)]
pub struct LayerState {
    /// Hidden state.
    pub h: ValueId,
    /// Cell state, for cells that have one.
    pub c: Option<ValueId>,
}

impl LayerState {
    /// h, and c where there is one, layer by layer: as a rollout carries them.
    pub fn flat(states: &[LayerState]) -> Vec<ValueId> {
        states.iter().flat_map(|state| [Some(state.h), state.c]).flatten().collect()
    }
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
    /// Adds the parameters, in PyTorch's order.
    pub fn parameters(&self, graph: &mut Graph) -> ModelParameters {
        let embed = self.embedding.map(|width| embedding(graph, "embed.weight", self.vocabulary, width));
        let gates = self.cell.gates() * self.hidden;
        let layers = (0..self.layers)
            .map(|layer| {
                let input = if layer > 0 { self.hidden } else { self.embedding.unwrap_or(self.vocabulary) };
                let mut parameter = |name: &str, shape: &[usize]| {
                    let value = graph.parameter(format!("rnn.{name}_l{layer}"), shape);
                    graph.start(value, Initial::torch(self.hidden));
                    value
                };
                LayerParameters {
                    weight_ih: parameter("weight_ih", &[gates, input]),
                    weight_hh: parameter("weight_hh", &[gates, self.hidden]),
                    bias_ih: parameter("bias_ih", &[gates]),
                    bias_hh: parameter("bias_hh", &[gates]),
                }
            })
            .collect();
        let (out_weight, out_bias) = linear(graph, "out", self.hidden, self.vocabulary);
        ModelParameters { embed, layers, out_weight, out_bias }
    }

    /// Inputs for the initial states of `batch` sequences; zero until they are written.
    pub fn states(&self, graph: &mut Graph, program: &str, batch: usize) -> Vec<LayerState> {
        (0..self.layers)
            .map(|layer| {
                let mut state =
                    |name: &str| graph.input(format!("{program}/{name}/{layer}"), [batch, self.hidden], Kind::Float);
                LayerState { h: state("h0"), c: self.cell.has_cell_state().then(|| state("c0")) }
            })
            .collect()
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
        let first = parameters.layers.first().ok_or_else(no_layer)?.weight_ih;
        let x_proj = match parameters.embed {
            Some(embed) => {
                let embedded = graph.embedding(tokens, embed, None)?;
                graph.matmul(embedded, first, false, true)?
            }
            // W_ih times a one-hot vector is a column of W_ih.
            None => {
                let columns = graph.transpose(first)?;
                graph.embedding(tokens, columns, None)?
            }
        };
        self.forward_from(graph, parameters, x_proj, states)
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
        let each = 1 + usize::from(self.cell.has_cell_state());
        let states: Vec<LayerState> =
            states.chunks(each).map(|state| LayerState { h: state[0], c: state.get(1).copied() }).collect();
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
        let mut layers: Vec<RecurrentOutput> = Vec::new();
        for (layer, state) in parameters.layers.iter().zip(states) {
            let x_proj = match layers.last() {
                Some(below) => graph.matmul(below.h, layer.weight_ih, false, true)?,
                None => x_proj,
            };
            let LayerParameters { weight_hh, bias_ih, bias_hh, .. } = *layer;
            let input = RecurrentInput { x_proj, weight_hh, bias_ih, bias_hh, h0: state.h, c0: state.c };
            layers.push(graph.recurrent(self.cell, &input)?);
        }
        let top = layers.last().ok_or_else(no_layer)?.h;
        let logits = graph.linear(top, parameters.out_weight, Some(parameters.out_bias))?;
        Ok(ForwardPass { logits, layers })
    }
}

fn no_layer() -> EngineError {
    EngineError::Shape { op: "language model", detail: "no layer".to_owned() }
}
