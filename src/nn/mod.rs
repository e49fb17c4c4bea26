//! Models as graphs, with PyTorch's parameter names, and their initialisation.

pub mod attention;
pub mod classifier;
pub mod encoder_decoder;
pub mod feed_forward;
pub mod gate_gradients;
pub mod initialise;
pub mod jacobian;
pub mod language_model;
pub mod losses;
pub mod recurrent;
pub mod rollout;
pub mod seq2seq;
pub mod state_space;
pub mod tagger;
pub mod textbook;
pub mod transformer;

use crate::engine::graph::{Graph, Initial, ValueId};

/// The parameters of `nn.Linear(inputs, outputs)`: weight (outputs, inputs) and bias (outputs).
pub fn linear(graph: &mut Graph, name: &str, inputs: usize, outputs: usize) -> (ValueId, ValueId) {
    let weight = graph.parameter(format!("{name}.weight"), [outputs, inputs]);
    let bias = graph.parameter(format!("{name}.bias"), [outputs]);
    graph.start(weight, Initial::torch(inputs));
    graph.start(bias, Initial::torch(inputs));
    (weight, bias)
}

/// The weight of `nn.Embedding(tokens, width)`, (tokens, width), under its full name.
pub fn embedding(graph: &mut Graph, name: &str, tokens: usize, width: usize) -> ValueId {
    let weight = graph.parameter(name, [tokens, width]);
    graph.start(weight, Initial::Normal(1.0));
    weight
}
