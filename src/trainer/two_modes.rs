//! One trained linear state-space model on the probe text, computed both ways: `modes/recurrence` and `modes/convolution`,
//! the lowest layer's y (T, 1, H); `modes/difference`, the largest difference between them in any layer, and in the answers.

use crate::engine::backend::Executable;
use crate::engine::backend::cpu::CpuExecutable;
use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, Graph, ValueId};
use crate::engine::plan::Plan;
use crate::nn::state_space::{Computation, Mixer, StateSpaceModel};

use super::device::MEMORY_LIMIT;
use super::measures::Tensor;

/// Where the paths begin.
pub const PREFIX: &str = "modes/";

/// Both computations of a model.
pub struct TwoModes {
    executable: CpuExecutable<f32>,
    parameters: ValueId,
    /// Every layer's y and the answers: as a recurrence, as a convolution.
    pairs: Vec<[ValueId; 2]>,
}

impl TwoModes {
    /// For a probe; `None` for a model whose system changes from step to step, which is no convolution.
    pub fn new(model: &StateSpaceModel, probe: &[u32]) -> Option<Result<TwoModes, EngineError>> {
        matches!(model.mixer, Mixer::S4d(_)).then(|| TwoModes::both(model, probe))
    }

    fn both(model: &StateSpaceModel, probe: &[u32]) -> Result<TwoModes, EngineError> {
        let mut graph = Graph::default();
        let parameters = model.parameters(&mut graph);
        graph.program("modes");
        let tokens = graph.constant_ids([probe.len(), 1], probe)?;
        let states = model.states(&mut graph, "modes", 1);
        let mut read = |computation| {
            let pass = model.forward(&mut graph, &parameters, computation, tokens, &states)?;
            let signals = pass.layers.iter().flat_map(|layer| layer.signals.iter());
            let outputs = signals.filter(|(name, _)| *name == "y").map(|(_, value)| *value);
            Ok::<Vec<ValueId>, EngineError>(outputs.chain([pass.logits]).collect())
        };
        let (steps, whole) = (read(Computation::Recurrence)?, read(Computation::Convolution)?);
        let pairs: Vec<[ValueId; 2]> = steps.into_iter().zip(whole).map(|(step, whole)| [step, whole]).collect();
        // What has a name is computed and kept.
        for (at, pair) in pairs.iter().enumerate() {
            pair.iter()
                .zip(["recurrence", "convolution"])
                .for_each(|(id, name)| graph.name(*id, format!("modes/{at}/{name}")));
        }
        let parameters = graph.flat(Flat::Parameters);
        Ok(TwoModes { executable: CpuExecutable::new(Plan::new(graph, MEMORY_LIMIT)?, &[]), parameters, pairs })
    }

    /// Runs the probe through the flat parameters of the model, both ways.
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
    pub fn view(&self, path: &str) -> Result<Tensor, EngineError> {
        let value =
            |id: ValueId| Ok((self.executable.view(id)?.to_vec(), self.executable.plan().graph().shape(id).0.clone()));
        match (path, self.pairs.first()) {
            ("modes/recurrence", Some([steps, _])) => value(*steps),
            ("modes/convolution", Some([_, whole])) => value(*whole),
            ("modes/difference", _) => {
                let mut largest = 0.0_f32;
                for [steps, whole] in &self.pairs {
                    let pairs = self.executable.view(*steps)?.iter().zip(self.executable.view(*whole)?);
                    largest = pairs.map(|(a, b)| (a - b).abs()).fold(largest, f32::max);
                }
                Ok((vec![largest], Vec::new()))
            }
            _ => Err(EngineError::Unknown { what: format!("path \"{path}\"") }),
        }
    }
}
