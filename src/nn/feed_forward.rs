//! A deep feed-forward network, to stand beside a recurrent one that is as deep in time.

use super::linear;
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, ValueId};
use crate::engine::kernels::unary::Unary;

/// The architecture, as PyTorch: `layers.0 = nn.Linear(inputs, hidden)`, `layers.K = nn.Linear(hidden, hidden)`, a tanh after
/// each, `out = nn.Linear(hidden, outputs)`. Every layer has a matrix of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedForward {
    /// Width of the input.
    pub inputs: usize,
    /// Units H of a layer.
    pub hidden: usize,
    /// Layers.
    pub depth: usize,
    /// Numbers of an answer.
    pub outputs: usize,
}

/// The parameters.
#[derive(Clone, Debug)]
pub struct FeedForwardParameters {
    layers: Vec<(ValueId, ValueId)>,
    out: (ValueId, ValueId),
}

/// What a pass computes.
#[derive(Clone, Debug)]
pub struct LayerByLayer {
    /// (1, B, outputs).
    pub answer: ValueId,
    /// The activations of every layer, (1, B, H) each.
    pub states: Vec<ValueId>,
}

impl FeedForward {
    /// Adds the parameters.
    pub fn parameters(&self, graph: &mut Graph) -> FeedForwardParameters {
        let width = |layer| if layer == 0 { self.inputs } else { self.hidden };
        let mut add = |layer: usize| linear(graph, &format!("layers.{layer}"), width(layer), self.hidden);
        let layers = (0..self.depth).map(&mut add).collect();
        FeedForwardParameters { layers, out: linear(graph, "out", self.hidden, self.outputs) }
    }

    /// Reads x (1, B, inputs).
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the input does not fit.
    pub fn forward(
        &self,
        graph: &mut Graph,
        parameters: &FeedForwardParameters,
        x: ValueId,
    ) -> Result<LayerByLayer, EngineError> {
        let (mut h, mut states) = (x, Vec::with_capacity(self.depth));
        for (weight, bias) in &parameters.layers {
            let z = graph.linear(h, *weight, Some(*bias))?;
            h = graph.unary(Unary::Tanh, z)?;
            states.push(h);
        }
        let answer = graph.linear(h, parameters.out.0, Some(parameters.out.1))?;
        Ok(LayerByLayer { answer, states })
    }
}
