//! The graphs of a state-space run: what trains, and what is observed.

use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, Graph, Kind, Op};
use crate::engine::optimiser::Optimiser;
use crate::nn::state_space::{Computation, StateSpaceModel, StateSpaceParameters};

use super::decoding::{Carried, OneStep};
use super::trainable::{Training, Watch};

/// One training step from zero states: forward, cross entropy at every timestep, backwards, optimiser.
///
/// # Errors
/// [`EngineError::Shape`], which a valid spec never meets.
pub fn training(
    model: &StateSpaceModel,
    computation: Computation,
    [time, batch]: [usize; 2],
    optimiser: Optimiser,
    watch: Watch,
) -> Result<Training, EngineError> {
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph);
    graph.program("train");
    let tokens = graph.input("train/tokens", [time, batch], Kind::Ids);
    let targets = graph.input("train/targets", [time, batch], Kind::Ids);
    let states = model.zero_states(&mut graph, batch)?;
    let pass = model.forward(&mut graph, &parameters, computation, tokens, &states)?;
    let nll = graph.cross_entropy(pass.logits, targets, None)?;
    let loss = graph.mean(nll)?;
    graph.name(loss, "loss");
    let mut accuracy = None;
    if watch == Watch::Everything {
        let hits = graph.apply(Op::ArgmaxEquals, &[pass.logits, targets])?[0];
        let mean = graph.mean(hits)?;
        graph.name(mean, "accuracy");
        accuracy = Some(mean);
    }
    let gradients = graph.keep_gradients(loss)?;
    if watch == Watch::Everything {
        // `layers/K/grad_x_norm` (T): the norm of dL/dx_t at every timestep.
        for (number, layer) in pass.layers.iter().enumerate() {
            if let Some(total) = layer.states.and_then(|states| gradients.total(states)) {
                let norm = graph.row_norm(total)?;
                graph.name(norm, format!("layers/{number}/grad_x_norm"));
            }
        }
    }
    Training::close(graph, optimiser, loss, accuracy)
}

/// The graph that views and sampling run: programs `probe` and `sample`, batch of one. `probe/layers/K/X` for the states
/// `x` (T, 1, ...), the block's `output` (T, 1, width) and every signal X of [`BlockPass`].
///
/// [`BlockPass`]: crate::nn::state_space::BlockPass
///
/// # Errors
/// As [`training`].
pub fn observation(model: &StateSpaceModel, probe_length: usize) -> Result<(Graph, OneStep), EngineError> {
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph);
    graph.program("probe");
    let tokens = graph.input("probe/tokens", [probe_length, 1], Kind::Ids);
    let states = model.zero_states(&mut graph, 1)?;
    let pass = model.forward(&mut graph, &parameters, Computation::Recurrence, tokens, &states)?;
    for (number, layer) in pass.layers.iter().enumerate() {
        let own = [("x", layer.states), ("output", Some(layer.output))];
        let watched = own.into_iter().filter_map(|(symbol, value)| Some((symbol, value?)));
        for (symbol, value) in watched.chain(layer.signals.iter().copied()) {
            graph.name(value, format!("probe/layers/{number}/{symbol}"));
        }
    }
    let probabilities = graph.apply(Op::Softmax, &[pass.logits])?[0];
    graph.name(probabilities, "probe/probabilities");
    let step = one_step(&mut graph, model, &parameters, 1)?;
    graph.flat(Flat::Parameters);
    Ok((graph, step))
}

/// The program `sample`: a token is read, and states and windows are carried over to the next run.
///
/// # Errors
/// As [`training`].
pub fn one_step(
    graph: &mut Graph,
    model: &StateSpaceModel,
    parameters: &StateSpaceParameters,
    batch: usize,
) -> Result<OneStep, EngineError> {
    graph.program("sample");
    let token = graph.input("sample/tokens", [1, batch], Kind::Ids);
    let states = model.states(graph, "sample", batch);
    let pass = model.forward(graph, parameters, Computation::Recurrence, token, &states)?;
    graph.name(pass.logits, "sample/logits");
    let mut carried = Vec::new();
    for (number, [before, after]) in model.carried(graph, &pass, &states)?.into_iter().enumerate() {
        graph.name(after, format!("sample/carried/{number}"));
        graph.carry(after, before)?;
        carried.push(Carried { before, after });
    }
    Ok(OneStep { program: "sample", token, logits: pass.logits, carried })
}
