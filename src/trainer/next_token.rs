//! Models of the next character of the learner's text.

use crate::data::text::Corpus;
use crate::engine::backend::{Answer, Executable};
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, ValueId};
use crate::engine::optimiser::Optimiser;
use crate::nn::initialise::{Initialisation, initial_parameters};
use crate::nn::language_model::LanguageModel;
use crate::spec::{ModelSpec, SpecError};

use super::model;
use super::trainable::{Answering, Example, Observation, Trainable, Training, Watch};

/// A language model and its text.
pub struct NextToken {
    spec: ModelSpec,
    corpus: Corpus,
    model: LanguageModel,
    /// Tokens and targets of the training graph, (T, B).
    inputs: Option<[ValueId; 2]>,
    tokens: Vec<u32>,
    targets: Vec<u32>,
}

impl NextToken {
    /// The model of a spec for a text.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn new(spec: &ModelSpec, text: &str) -> Result<NextToken, SpecError> {
        let corpus = Corpus::new(text, spec)?;
        let model = model::language_model(spec, corpus.vocabulary.len());
        let size = spec.sequence_length * spec.batch;
        let empty = || vec![0; size];
        Ok(NextToken { spec: spec.clone(), corpus, model, inputs: None, tokens: empty(), targets: empty() })
    }

    fn symbols(&self) -> Vec<String> {
        self.corpus.vocabulary.symbols().iter().map(char::to_string).collect()
    }
}

impl Trainable for NextToken {
    fn training(&mut self, optimiser: Optimiser, watch: Watch) -> Result<Training, EngineError> {
        let training = model::training(&self.model, self.spec.sequence_length, self.spec.batch, optimiser, watch)?;
        self.inputs = Some([training.graph.find("train/tokens")?, training.graph.find("train/targets")?]);
        Ok(training)
    }

    fn initial(&self, graph: &Graph) -> Vec<f32> {
        let spec = &self.spec;
        let options = Initialisation { forget_bias: spec.forget_bias, spectral_radius: spec.spectral_radius };
        initial_parameters(graph, spec.cell, spec.hidden, spec.seed, options)
    }

    fn write_batch<'a>(&'a mut self, step: u64, machine: &'a mut dyn Executable) -> Answer<'a, ()> {
        let (time, batch) = (self.spec.sequence_length, self.spec.batch);
        self.corpus.batch(self.spec.seed, step, time, batch, &mut self.tokens, &mut self.targets);
        let mut write = || {
            let [tokens, targets] = self.inputs.ok_or(EngineError::Unknown { what: "training graph".to_owned() })?;
            machine.write_ids(tokens, &self.tokens)?;
            machine.write_ids(targets, &self.targets)
        };
        Box::pin(std::future::ready(write()))
    }

    fn observation(&self, probe: &str) -> Result<Observation, EngineError> {
        let probe = self.corpus.vocabulary.encode(probe);
        let (graph, step) = model::observation(&self.model, probe.len())?;
        let inputs = vec![(graph.find("probe/tokens")?, probe.clone())];
        let first = self.corpus.vocabulary.token('\n');
        let answer = Answering::Writes { step, first, end: None, begin: None };
        Ok(Observation { graph, probe, inputs, programs: vec!["prepare", "probe"], answer, symbols: self.symbols() })
    }

    fn examples(&self) -> Example {
        let fingerprint = self.corpus.fingerprint();
        let (folded, characters) = (self.corpus.vocabulary.folded(), self.corpus.len());
        Example { symbols: self.symbols(), folded, characters, fingerprint }
    }
}
