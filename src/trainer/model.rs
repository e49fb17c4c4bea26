//! The graphs of a run: what trains, and what is observed.

use crate::engine::cell::Cell;
use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, Gradients, Graph, Kind, Op, ValueId};
use crate::engine::optimiser::Optimiser;
use crate::nn::language_model::{ForwardPass, LanguageModel, ModelParameters};
use crate::spec::{ModelSpec, OptimiserKind};

use super::decoding::{Carried, OneStep};
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

/// The model of a spec, for a vocabulary of this size.
pub fn language_model(spec: &ModelSpec, vocabulary: usize) -> LanguageModel {
    LanguageModel { cell: spec.cell, layers: spec.layers, vocabulary, embedding: None, hidden: spec.hidden }
}

/// One training step: forward, cross entropy at every timestep, backpropagation through all of them, optimiser.
///
/// # Errors
/// [`EngineError::Shape`], which a valid spec never meets.
pub fn training(
    model: &LanguageModel,
    time: usize,
    batch: usize,
    optimiser: Optimiser,
    watch: Watch,
) -> Result<Training, EngineError> {
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph);
    graph.program("train");
    let tokens = graph.input("train/tokens", [time, batch], Kind::Ids);
    let targets = graph.input("train/targets", [time, batch], Kind::Ids);
    let states = model.states(&mut graph, "train", batch);
    let pass = model.forward(&mut graph, &parameters, tokens, &states)?;
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
        name_gradient_norms(&mut graph, &pass, &gradients)?;
    }
    Training::close(graph, optimiser, loss, accuracy)
}

/// `layers/K/grad_h_norm` and `layers/K/grad_c_norm` (T): the norm of dL/dh_t and dL/dc_t at every timestep.
fn name_gradient_norms(graph: &mut Graph, pass: &ForwardPass, gradients: &Gradients) -> Result<(), EngineError> {
    for (number, layer) in pass.layers.iter().enumerate() {
        for (states, name) in [(Some(layer.h), "grad_h_norm"), (layer.c, "grad_c_norm")] {
            if let Some(total) = states.and_then(|states| gradients.total(states)) {
                let norm = graph.row_norm(total)?;
                graph.name(norm, format!("layers/{number}/{name}"));
            }
        }
    }
    Ok(())
}

/// The graph that views and sampling run: programs `probe`, `prepare` and `sample`, batch of one.
///
/// # Errors
/// As [`training`].
pub fn observation(model: &LanguageModel, probe_length: usize) -> Result<(Graph, OneStep), EngineError> {
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph);
    graph.program("probe");
    let tokens = graph.input("probe/tokens", [probe_length, 1], Kind::Ids);
    let states = model.states(&mut graph, "probe", 1);
    let pass = model.forward(&mut graph, &parameters, tokens, &states)?;
    name_signals(&mut graph, model.cell, model.hidden, &pass)?;
    let probabilities = graph.apply(Op::Softmax, &[pass.logits])?[0];
    graph.name(probabilities, "probe/probabilities");

    let step = one_step(&mut graph, model, &parameters, 1)?;
    Ok((graph, step))
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
pub fn stepping(model: &LanguageModel, batch: usize) -> Result<Stepping, EngineError> {
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph);
    let step = one_step(&mut graph, model, &parameters, batch)?;
    let parameters = graph.flat(Flat::Parameters);
    Ok(Stepping { graph, parameters, step })
}

/// Programs `prepare`, what depends on the parameters alone, and `sample`: a token is read, and the states are carried over
/// to the next run.
///
/// # Errors
/// As [`training`].
fn one_step(
    graph: &mut Graph,
    model: &LanguageModel,
    parameters: &ModelParameters,
    batch: usize,
) -> Result<OneStep, EngineError> {
    graph.program("prepare");
    let projected = model.projected_tokens(graph, parameters)?;
    graph.name(projected, "prepare/projected_tokens");

    graph.program("sample");
    let token = graph.input("sample/tokens", [1, batch], Kind::Ids);
    let states = model.states(graph, "sample", batch);
    let x_proj = graph.embedding(token, projected, None)?;
    let pass = model.forward_from(graph, parameters, x_proj, &states)?;
    graph.name(pass.logits, "sample/logits");
    let mut carried = Vec::new();
    for (number, (layer, state)) in pass.layers.iter().zip(&states).enumerate() {
        for (name, after, before) in [("h", Some(layer.h), Some(state.h)), ("c", layer.c, state.c)] {
            if let (Some(after), Some(before)) = (after, before) {
                graph.name(after, format!("sample/{name}/{number}"));
                graph.carry(after, before)?;
                carried.push(Carried { before, after });
            }
        }
    }
    Ok(OneStep { program: "sample", token, logits: pass.logits, carried })
}

/// `probe/layers/K/X` (T, 1, H) for every signal X of the cell, and for what else its gates record.
fn name_signals(graph: &mut Graph, cell: Cell, hidden: usize, pass: &ForwardPass) -> Result<(), EngineError> {
    for (number, layer) in pass.layers.iter().enumerate() {
        if let Some(gates) = layer.gates {
            for (place, symbol) in cell.recorded_symbols().iter().enumerate() {
                let signal = graph.slice(gates, 2, place * hidden, hidden)?;
                graph.name(signal, format!("probe/layers/{number}/{symbol}"));
            }
        }
        if let Some(c) = layer.c {
            graph.name(c, format!("probe/layers/{number}/c"));
        }
        graph.name(layer.h, format!("probe/layers/{number}/h"));
    }
    Ok(())
}
