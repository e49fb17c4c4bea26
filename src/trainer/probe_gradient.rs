//! What the loss of the probe text says to every gate and state: dL/d(signal), for the equations with real numbers,
//! backward. Paths: `probe_gradient/layers/K/X`, as `probe/layers/K/X` (T, 1, H), and `probe_gradient/loss`.

use crate::engine::backend::Executable;
use crate::engine::backend::cpu::CpuExecutable;
use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, Graph, RecurrentOutput, ValueId};
use crate::engine::plan::Plan;
use crate::nn::gate_gradients::{Layer, gate_gradients};
use crate::nn::language_model::LanguageModel;
use crate::nn::recurrent::{LayerParameters, LayerState, Recurrent};

use super::device::MEMORY_LIMIT;

/// Where the paths begin.
pub const PREFIX: &str = "probe_gradient/";

/// A model's loss on a text, differentiated. It runs on the CPU on a copy of the parameters.
pub struct ProbeGradient {
    executable: CpuExecutable<f32>,
    parameters: ValueId,
}

impl ProbeGradient {
    /// Of a language model, L the mean cross entropy of the text's own next tokens: the last predicts nothing.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] for a text of one token; [`EngineError::Memory`].
    pub fn of_text(model: &LanguageModel, text: &[u32]) -> Result<ProbeGradient, EngineError> {
        let Some((_, targets)) = text.split_first().filter(|(_, targets)| !targets.is_empty()) else {
            return Err(EngineError::Unknown { what: "next token of a text of one".to_owned() });
        };
        let mut graph = Graph::default();
        let parameters = model.parameters(&mut graph);
        graph.program("probe_gradient");
        let tokens = graph.constant_ids([text.len(), 1], text)?;
        let targets = graph.constant_ids([targets.len(), 1], targets)?;
        let states = model.states(&mut graph, "probe_gradient", 1);
        let pass = model.forward(&mut graph, &parameters, tokens, &states)?;
        let logits = graph.slice(pass.logits, 0, 0, text.len() - 1)?;
        let nll = graph.cross_entropy(logits, targets, None)?;
        let loss = graph.mean(nll)?;
        let run = Differentiated { layers: &pass.layers, parameters: &parameters.layers, states: &states };
        ProbeGradient::new(graph, &model.recurrent(), &run, loss)
    }

    /// Of any graph that computes a loss from the states of recurrent layers, without inputs but zero states.
    ///
    /// # Errors
    /// [`EngineError::Memory`].
    pub fn new(
        mut graph: Graph,
        recurrent: &Recurrent,
        run: &Differentiated<'_>,
        loss: ValueId,
    ) -> Result<ProbeGradient, EngineError> {
        graph.name(loss, format!("{PREFIX}loss"));
        let gradients = graph.gradients(loss)?;
        for (at, output) in run.layers.iter().enumerate() {
            let (number, reverse) = (at / recurrent.directions(), at % recurrent.directions() == 1);
            let (weight_hh, state) = (run.parameters[at].weight_hh, run.states[at]);
            let layer = Layer { cell: recurrent.cell, reverse, weight_hh, state, output };
            let end = if reverse { "_reverse" } else { "" };
            for (symbol, gradient) in gate_gradients(&mut graph, &layer, &gradients)? {
                graph.name(gradient, format!("{PREFIX}layers/{number}{end}/{symbol}"));
            }
        }
        let parameters = graph.flat(Flat::Parameters);
        Ok(ProbeGradient { executable: CpuExecutable::new(Plan::new(graph, MEMORY_LIMIT)?, &[]), parameters })
    }

    /// Runs the text through the flat parameters of the model, forward and backward.
    ///
    /// # Errors
    /// [`EngineError::Size`] for parameters of another model.
    pub fn run(&mut self, parameters: &[f32]) -> Result<(), EngineError> {
        self.executable.write(self.parameters, parameters)?;
        self.executable.run(0)
    }

    /// The numbers and shape of a path as of the last run.
    ///
    /// # Errors
    /// [`EngineError::Unknown`].
    pub fn view(&self, path: &str) -> Result<(Vec<f32>, Vec<usize>), EngineError> {
        let graph = self.executable.plan().graph();
        let id = graph.find(path)?;
        Ok((self.executable.view(id)?.to_vec(), graph.shape(id).0.clone()))
    }
}

/// Recurrent layers that were run, by layer and direction.
pub struct Differentiated<'a> {
    /// What they computed.
    pub layers: &'a [RecurrentOutput],
    /// Their parameters.
    pub parameters: &'a [LayerParameters],
    /// What they started from.
    pub states: &'a [LayerState],
}
