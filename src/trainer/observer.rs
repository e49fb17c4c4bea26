//! What the views see besides the training step: the probe text run through the current parameters, and text sampled
//! from them. It runs on the CPU whatever backend trains, so that looking costs the GPU one copy of its parameters and
//! a new probe text rebuilds nothing there.

use crate::data::text::Vocabulary;
use crate::engine::backend::Executable;
use crate::engine::backend::cpu::CpuExecutable;
use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, Graph, ValueId};
use crate::engine::kernels::real::Real;
use crate::engine::plan::Plan;
use crate::engine::rng::{Rng, Stream};
use crate::nn::language_model::LanguageModel;

use super::device::MEMORY_LIMIT;
use super::model;

/// Runs probe text and sampling.
pub struct Observer {
    executable: CpuExecutable<f32>,
    parameters: ValueId,
    probe: Vec<u32>,
    probe_program: usize,
    sample_program: usize,
    sample_states: Vec<ValueId>,
    sample_token: ValueId,
    logits: ValueId,
    /// Random numbers drawn so far: the place in the seed's stream where the next sample goes on.
    pub drawn: u64,
}

impl Observer {
    /// An observer of this model with a probe text, which must not be empty.
    ///
    /// # Errors
    /// [`EngineError::Memory`].
    pub fn new(model: &LanguageModel, probe: Vec<u32>) -> Result<Observer, EngineError> {
        let mut graph = model::observation(model, probe.len())?;
        let parameters = graph.flat(Flat::Parameters);
        let sample_states = inputs_of(&graph, "sample/h0").chain(inputs_of(&graph, "sample/c0")).collect();
        let (tokens, sample_token) = (graph.find("probe/tokens")?, graph.find("sample/tokens")?);
        let logits = graph.find("sample/logits")?;
        let mut executable = CpuExecutable::new(Plan::new(graph, MEMORY_LIMIT)?, &[]);
        executable.write_ids(tokens, &probe)?;
        let probe_program = executable.plan().program("probe")?;
        let sample_program = executable.plan().program("sample")?;
        Ok(Observer {
            executable,
            parameters,
            probe,
            probe_program,
            sample_program,
            sample_states,
            sample_token,
            logits,
            drawn: 0,
        })
    }

    /// The probe text's tokens.
    pub fn probe(&self) -> &[u32] {
        &self.probe
    }

    /// Every path it can show, with its shape.
    pub fn paths(&self) -> impl Iterator<Item = (String, Vec<usize>)> + '_ {
        let values = self.executable.plan().graph().values().iter();
        values.filter_map(|value| {
            let path = value.path.as_deref().filter(|path| path.starts_with("probe/") && !path.contains("tokens"))?;
            (!path.contains("/h0/") && !path.contains("/c0/")).then(|| (path.to_owned(), value.shape.0.clone()))
        })
    }

    /// Takes over the flat parameters and runs the probe text.
    ///
    /// # Errors
    /// [`EngineError::Size`] for parameters of another model.
    pub fn refresh(&mut self, parameters: &[f32]) -> Result<(), EngineError> {
        self.executable.write(self.parameters, parameters)?;
        self.executable.run(self.probe_program)
    }

    /// The numbers and shape of a path as of the last [`Observer::refresh`].
    ///
    /// # Errors
    /// [`EngineError::Unknown`].
    pub fn view(&self, path: &str) -> Result<(&[f32], &[usize]), EngineError> {
        let graph = self.executable.plan().graph();
        let id = graph.find(path)?;
        Ok((self.executable.view(id)?, &graph.shape(id).0))
    }

    /// Samples `length` characters after a line break (or the vocabulary's nearest thing), at a temperature: each from
    /// softmax(logits / temperature). Every call draws new numbers of the seed's stream.
    ///
    /// # Errors
    /// As the backend's.
    pub fn sample(
        &mut self,
        vocabulary: &Vocabulary,
        length: usize,
        temperature: f32,
        seed: u32,
    ) -> Result<String, EngineError> {
        for state in &self.sample_states {
            self.executable.view_mut(*state)?.fill(0.0);
        }
        let rng = Rng::new(seed, Stream::Sampling);
        let mut token = vocabulary.token('\n');
        let mut text = String::new();
        for _ in 0..length {
            self.executable.write_ids(self.sample_token, &[token])?;
            self.executable.run(self.sample_program)?;
            token = draw(self.executable.view(self.logits)?, temperature, rng.uniform(self.drawn));
            self.drawn += 1;
            text.push(vocabulary.symbols()[token as usize]);
        }
        Ok(text)
    }
}

fn inputs_of<'a>(graph: &'a Graph, prefix: &'a str) -> impl Iterator<Item = ValueId> + 'a {
    let named = graph.values().iter().enumerate();
    let matching = named.filter(move |(_, value)| value.path.as_deref().is_some_and(|path| path.starts_with(prefix)));
    matching.filter_map(|(_, value)| graph.find(value.path.as_deref()?).ok())
}

/// The token at which the cumulated softmax(logits / temperature) passes `uniform`.
pub fn draw(logits: &[f32], temperature: f32, uniform: f32) -> u32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: &f32| Real::exp((*logit - largest) / temperature);
    let total: f32 = logits.iter().map(weight).sum();
    let mut left = uniform * total;
    for (token, logit) in logits.iter().enumerate() {
        left -= weight(logit);
        if left < 0.0 {
            return token as u32;
        }
    }
    logits.len() as u32 - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_follows_the_probabilities() {
        let logits = [0.0, 2.0_f32.ln(), f32::MIN / 2.0, 1.0_f32.ln()];
        let mut counts = [0_i32; 4];
        (0..4000).for_each(|at| counts[draw(&logits, 1.0, at as f32 / 4000.0) as usize] += 1);
        assert!(counts[0].abs_diff(1000) < 3 && counts[1].abs_diff(2000) < 3 && counts[2] == 0, "{counts:?}");
        assert_eq!(draw(&logits, 0.05, 0.5), 1);
    }
}
