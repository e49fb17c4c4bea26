//! The cells as textbooks write them, as views of the parameters of `torch.nn`: the same numbers, in other matrices. Both
//! ways are graph nodes, so that either form can be trained and shown.
//!
//! | textbook | `torch.nn` | from the textbook | to the textbook |
//! |---|---|---|---|
//! | RNN: W_xh with a bias, W_hh without | `nn.RNN` | lossless, bias_hh = 0 | the two biases add up: the same function |
//! | LSTM: one `gates` on \[h, x\], rows i, f, g, o | `nn.LSTM` | lossless, bias_hh = 0 | the two biases add up: the same function |
//! | GRU: W_r, W_z, W on \[h, x\], no biases | none | lossless | lossless; only without biases |
//!
//! The textbook GRU is *not* `nn.GRU` in other matrices but another function. There z = 1 replaces the state and the reset
//! gate acts on the state (Cho et al. 2014); in `nn.GRU` z = 1 keeps the state and the reset gate acts on W_hn h + b_hn. The
//! engine has both cells, [`Cell::GruTextbook`](crate::engine::cell::Cell::GruTextbook) and
//! [`Cell::Gru`](crate::engine::cell::Cell::Gru), and no mapping of parameters leads from one to the other.

use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, ValueId};
use crate::engine::kernels::binary::Binary;

use super::recurrent::LayerParameters;

/// h' = tanh(W_xh x + b + W_hh h).
#[derive(Clone, Copy, Debug)]
pub struct Rnn {
    /// (H, input): `W_xh.weight`.
    pub input: ValueId,
    /// (H): `W_xh.bias`.
    pub bias: ValueId,
    /// (H, H): `W_hh.weight`.
    pub hidden: ValueId,
}

/// i, f, g, o = W \[h, x\] + b; c' = sigmoid(f) c + sigmoid(i) tanh(g); h' = sigmoid(o) tanh(c').
#[derive(Clone, Copy, Debug)]
pub struct Lstm {
    /// (4 H, H + input), h first: `gates.weight`.
    pub weight: ValueId,
    /// (4 H): `gates.bias`.
    pub bias: ValueId,
}

/// r, z = sigmoid(W_r \[h, x\]), sigmoid(W_z \[h, x\]); h' = (1 - z) h + z tanh(W \[r h, x\]).
#[derive(Clone, Copy, Debug)]
pub struct Gru {
    /// (H, H + input), h first: `W_r`.
    pub reset: ValueId,
    /// (H, H + input): `W_z`.
    pub update: ValueId,
    /// (H, H + input): `W`.
    pub candidate: ValueId,
}

impl Rnn {
    /// The textbook's form of the parameters of an `nn.RNN` layer.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn of(graph: &mut Graph, layer: &LayerParameters) -> Result<Rnn, EngineError> {
        Ok(Rnn { input: layer.weight_ih, bias: one_bias(graph, layer)?, hidden: layer.weight_hh })
    }

    /// The parameters of an `nn.RNN` layer of this form.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn layer(&self, graph: &mut Graph) -> Result<LayerParameters, EngineError> {
        let biases = two_biases(graph, self.bias)?;
        Ok(LayerParameters { weight_ih: self.input, weight_hh: self.hidden, biases })
    }
}

impl Lstm {
    /// The textbook's form of the parameters of an `nn.LSTM` layer.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn of(graph: &mut Graph, layer: &LayerParameters) -> Result<Lstm, EngineError> {
        let weight = graph.concat(&[layer.weight_hh, layer.weight_ih], 1)?;
        Ok(Lstm { weight, bias: one_bias(graph, layer)? })
    }

    /// The parameters of an `nn.LSTM` layer of this form.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn layer(&self, graph: &mut Graph) -> Result<LayerParameters, EngineError> {
        let hidden = graph.shape(self.bias).len() / 4;
        let (weight_hh, weight_ih) = columns(graph, self.weight, hidden)?;
        Ok(LayerParameters { weight_ih, weight_hh, biases: two_biases(graph, self.bias)? })
    }
}

impl Gru {
    /// The textbook's form of the parameters of a layer of the cell `GruTextbook`, which must have no biases.
    ///
    /// # Errors
    /// [`EngineError::Shape`], for a layer with biases too.
    pub fn of(graph: &mut Graph, layer: &LayerParameters) -> Result<Gru, EngineError> {
        if layer.biases.is_some() {
            let detail = "it has no biases to take over".to_owned();
            return Err(EngineError::Shape { op: "textbook GRU", detail });
        }
        let hidden = graph.shape(layer.weight_hh).last();
        let both = graph.concat(&[layer.weight_hh, layer.weight_ih], 1)?;
        let mut rows = |gate: usize| graph.slice(both, 0, gate * hidden, hidden);
        Ok(Gru { reset: rows(0)?, update: rows(1)?, candidate: rows(2)? })
    }

    /// The parameters of a layer of the cell `GruTextbook` of this form.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn layer(&self, graph: &mut Graph) -> Result<LayerParameters, EngineError> {
        let hidden = graph.shape(self.reset).rows();
        let both = graph.concat(&[self.reset, self.update, self.candidate], 0)?;
        let (weight_hh, weight_ih) = columns(graph, both, hidden)?;
        Ok(LayerParameters { weight_ih, weight_hh, biases: None })
    }
}

/// A matrix on \[h, x\] as the one on h and the one on x.
fn columns(graph: &mut Graph, both: ValueId, hidden: usize) -> Result<(ValueId, ValueId), EngineError> {
    let width = graph.shape(both).last();
    let input = width.checked_sub(hidden).filter(|input| *input > 0);
    let input = input.ok_or_else(|| EngineError::Shape {
        op: "textbook cell",
        detail: format!("{width} columns do not hold {hidden} for h and some for x"),
    })?;
    Ok((graph.slice(both, 1, 0, hidden)?, graph.slice(both, 1, hidden, input)?))
}

fn two_biases(graph: &mut Graph, bias: ValueId) -> Result<Option<[ValueId; 2]>, EngineError> {
    let zero = graph.fill(0.0, graph.shape(bias).clone())?;
    Ok(Some([bias, zero]))
}

fn one_bias(graph: &mut Graph, layer: &LayerParameters) -> Result<ValueId, EngineError> {
    match layer.biases {
        Some([bias_ih, bias_hh]) => graph.binary(Binary::Add, bias_ih, bias_hh),
        None => graph.fill(0.0, [graph.shape(layer.weight_hh).rows()]),
    }
}
