//! The graphs of a run: what trains, and what is observed.

use crate::engine::cell::Cell;
use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, Gradients, Graph, Kind, Op, ValueId};
use crate::engine::optimiser::Optimiser;
use crate::nn::language_model::{ForwardPass, LanguageModel, LayerState};
use crate::spec::{ModelSpec, OptimiserKind};

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

/// The training graph and the values the host touches.
pub struct Training {
    /// One program, `train`.
    pub graph: Graph,
    /// (T, B) ids.
    pub tokens: ValueId,
    /// (T, B) ids.
    pub targets: ValueId,
    /// The optimiser's changing coefficients.
    pub hyper: ValueId,
    /// Loss, accuracy where it is watched, and the gradient norm of every parameter: a row of the journal.
    pub journal: Vec<ValueId>,
    /// Parameters, then the optimiser's states: what a snapshot keeps.
    pub persistent: Vec<ValueId>,
}

/// What a training step computes besides training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Nothing: what the benchmark measures.
    Nothing,
    /// What the views show: accuracy, and the norms of dL/dh_t and dL/dc_t at every timestep.
    Everything,
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
    let mut journal = vec![loss];
    if watch == Watch::Everything {
        let hits = graph.apply(Op::ArgmaxEquals, &[pass.logits, targets])?[0];
        let accuracy = graph.mean(hits)?;
        graph.name(accuracy, "accuracy");
        journal.push(accuracy);
    }
    let gradients = graph.keep_gradients(loss)?;
    if watch == Watch::Everything {
        name_gradient_norms(&mut graph, &pass, &gradients)?;
    }
    graph.optimise(optimiser)?;
    let hyper = graph.find("hyper")?;
    journal.push(graph.find("gradient_norms")?);
    let mut persistent = vec![graph.flat(Flat::Parameters)];
    for state in 0..optimiser.states() {
        let state = graph.flat(Flat::State(state));
        persistent.push(state);
    }
    Ok(Training { graph, tokens, targets, hyper, journal, persistent })
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

/// The graph that views and sampling run: programs `probe` and `sample`, batch of one.
///
/// # Errors
/// As [`training`].
pub fn observation(model: &LanguageModel, probe_length: usize) -> Result<Graph, EngineError> {
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph);
    graph.program("probe");
    let tokens = graph.input("probe/tokens", [probe_length, 1], Kind::Ids);
    let states = model.states(&mut graph, "probe", 1);
    let pass = model.forward(&mut graph, &parameters, tokens, &states)?;
    name_signals(&mut graph, model.cell, model.hidden, &pass)?;
    let probabilities = graph.apply(Op::Softmax, &[pass.logits])?[0];
    graph.name(probabilities, "probe/probabilities");

    graph.program("sample");
    let token = graph.input("sample/tokens", [1, 1], Kind::Ids);
    let states = model.states(&mut graph, "sample", 1);
    let pass = model.forward(&mut graph, &parameters, token, &states)?;
    graph.name(pass.logits, "sample/logits");
    carry_states(&mut graph, &pass, &states)?;
    graph.flat(Flat::Parameters);
    Ok(graph)
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

fn carry_states(graph: &mut Graph, pass: &ForwardPass, states: &[LayerState]) -> Result<(), EngineError> {
    for (layer, state) in pass.layers.iter().zip(states) {
        graph.carry(layer.h, state.h)?;
        if let (Some(from), Some(to)) = (layer.c, state.c) {
            graph.carry(from, to)?;
        }
    }
    Ok(())
}
