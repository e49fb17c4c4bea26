//! The graphs of a run: what trains, and what is observed.

use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, Gradients, Graph, Kind, Op, ValueId};
use crate::engine::optimiser::Optimiser;
use crate::nn::losses::masked_cross_entropy;
use crate::spec::OptimiserKind;

use super::decoding::OneStep;
use super::network::Network;
pub use super::trainable::{Training, Watch};

/// The optimiser a spec names, with PyTorch's coefficients.
pub fn optimiser(kind: OptimiserKind) -> Optimiser {
    match kind {
        OptimiserKind::Sgd => Optimiser::SGD,
        OptimiserKind::Momentum => Optimiser::Sgd { momentum: 0.9, dampening: 0.0, nesterov: false, weight_decay: 0.0 },
        OptimiserKind::RmsProp => {
            Optimiser::RmsProp { alpha: 0.99, eps: 1e-8, momentum: 0.0, centered: false, weight_decay: 0.0 }
        }
        OptimiserKind::Adam => Optimiser::ADAM,
        OptimiserKind::AdamW => {
            Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01, decoupled: true }
        }
    }
}

/// The target of a token whose successor is not asked for.
pub const NOT_ASKED: u32 = u32::MAX;

/// Which targets count for nothing. A network that reads ahead is asked for what it could read: the last token of a window
/// has no successor in it, so there is no target there (as in PyTorch `cross_entropy(logits[:-1], tokens[1:])`).
fn left_out(network: &dyn Network) -> Option<u32> {
    network.reads_ahead().then_some(NOT_ASKED)
}

/// One training step: forward, cross entropy at every timestep, backpropagation through all of them, optimiser.
///
/// # Errors
/// [`EngineError::Shape`], which a valid spec never meets.
pub fn training(
    network: &dyn Network,
    time: usize,
    batch: usize,
    optimiser: Optimiser,
    watch: Watch,
) -> Result<Training, EngineError> {
    let mut graph = Graph::default();
    let reader = network.parameters(&mut graph)?;
    graph.program("train");
    let tokens = graph.input("train/tokens", [time, batch], Kind::Ids);
    let targets = graph.input("train/targets", [time, batch], Kind::Ids);
    let key = graph.input("train/dropout_key", [2], Kind::Ids);
    let pass = reader.read(&mut graph, "train", tokens, Some(key))?;
    let left_out = left_out(network);
    let loss = masked_cross_entropy(&mut graph, pass.logits, targets, left_out)?;
    graph.name(loss, "loss");
    let mut accuracy = None;
    if watch == Watch::Everything {
        let hits = graph.apply(Op::ArgmaxEquals, &[pass.logits, targets])?[0];
        let mean = match left_out {
            None => graph.mean(hits)?,
            Some(value) => {
                let asked = graph.apply(Op::NotEqual { value }, &[targets])?[0];
                graph.weighted_mean(hits, asked)?
            }
        };
        graph.name(mean, "accuracy");
        accuracy = Some(mean);
    }
    let gradients = graph.keep_gradients(loss)?;
    if watch == Watch::Everything {
        name_gradient_norms(&mut graph, &pass.watched, &gradients)?;
    }
    Training::close(graph, optimiser, loss, accuracy)
}

/// The norm of the total derivative of each value (T, ..) at every timestep, under its path.
///
/// # Errors
/// As [`Graph::apply`].
pub fn name_gradient_norms(
    graph: &mut Graph,
    watched: &[(String, ValueId)],
    gradients: &Gradients,
) -> Result<(), EngineError> {
    for (path, value) in watched {
        if let Some(total) = gradients.total(*value).or_else(|| gradients.of(*value)) {
            let norm = graph.row_norm(total)?;
            graph.name(norm, path.clone());
        }
    }
    Ok(())
}

/// Gives what a probe shows its paths, below `probe/`. A value that has another path already is shown under a copy.
///
/// # Errors
/// As [`Graph::apply`].
pub fn name_signals(graph: &mut Graph, signals: &[(String, ValueId)]) -> Result<(), EngineError> {
    for (path, value) in signals {
        let taken = graph.value(*value).path.is_some();
        let shown = if taken { graph.affine(*value, 1.0, 0.0)? } else { *value };
        graph.name(shown, format!("probe/{path}"));
    }
    Ok(())
}

/// The graph that views and sampling run: programs `probe`, `prepare` and `sample`, batch of one.
///
/// # Errors
/// As [`training`].
pub fn observation(network: &dyn Network, probe_length: usize) -> Result<(Graph, OneStep), EngineError> {
    let mut graph = Graph::default();
    let reader = network.parameters(&mut graph)?;
    graph.program("probe");
    let tokens = graph.input("probe/tokens", [probe_length, 1], Kind::Ids);
    let pass = reader.read(&mut graph, "probe", tokens, None)?;
    name_signals(&mut graph, &pass.signals)?;
    let probabilities = graph.apply(Op::Softmax, &[pass.logits])?[0];
    graph.name(probabilities, "probe/probabilities");
    let step = reader.step(&mut graph, 1)?;
    Ok((graph, step))
}

/// The graph of an evaluation: the program `evaluate` of `batch` sequences, with its tokens, targets, losses and hits,
/// (T, B) each, and the programs of [`stepping`] for as many.
///
/// # Errors
/// As [`training`].
pub fn examination(
    network: &dyn Network,
    time: usize,
    batch: usize,
) -> Result<(Graph, [ValueId; 4], OneStep), EngineError> {
    let mut graph = Graph::default();
    let reader = network.parameters(&mut graph)?;
    graph.program("evaluate");
    let tokens = graph.input("evaluate/tokens", [time, batch], Kind::Ids);
    let targets = graph.input("evaluate/targets", [time, batch], Kind::Ids);
    let pass = reader.read(&mut graph, "evaluate", tokens, None)?;
    let losses = graph.cross_entropy(pass.logits, targets, left_out(network))?;
    let hits = graph.apply(Op::ArgmaxEquals, &[pass.logits, targets])?[0];
    graph.name(losses, "evaluate/losses");
    graph.name(hits, "evaluate/hits");
    let step = reader.step(&mut graph, batch)?;
    Ok((graph, [tokens, targets, losses, hits], step))
}

/// A model that only reads on: what [`stepping`] builds.
pub struct Stepping {
    /// Programs `prepare`, to be run whenever the parameters have changed, and `sample`.
    pub graph: Graph,
    /// The flat parameters.
    pub parameters: ValueId,
    /// The program `sample`.
    pub step: OneStep,
}

/// The graph of a decoder of `batch` sequences at a time.
///
/// # Errors
/// As [`training`].
pub fn stepping(network: &dyn Network, batch: usize) -> Result<Stepping, EngineError> {
    let mut graph = Graph::default();
    let reader = network.parameters(&mut graph)?;
    let step = reader.step(&mut graph, batch)?;
    let parameters = graph.flat(Flat::Parameters);
    Ok(Stepping { graph, parameters, step })
}
