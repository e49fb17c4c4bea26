//! Models of the next character of the learner's text.

use crate::data::text::Corpus;
use crate::engine::backend::{Answer, Executable};
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, ValueId};
use crate::engine::optimiser::Optimiser;
use crate::engine::rng::{Rng, Stream};
use crate::nn::initialise::{Initialisation, initial_parameters};
use crate::nn::language_model::LanguageModel;
use crate::spec::{Architecture, ModelSpec, SpecError};

use super::evaluation::{Continuation, Examination, Mean, held_out, most_frequent};
use super::long_view::LongView;
use super::model;
use super::network::{Network, language_model, network};
use super::probe_gradient::ProbeGradient;
use super::ragged_view::RaggedView;
use super::trainable::{Answering, Example, Observation, Trainable, Training, Watch};

/// A language model and its text.
pub struct NextToken {
    spec: ModelSpec,
    corpus: Corpus,
    network: Box<dyn Network>,
    /// Tokens and targets of the training graph, (T, B), and the key of its dropout.
    inputs: Option<[ValueId; 3]>,
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
        let network = network(spec, corpus.vocabulary.len());
        let size = spec.sequence_length * spec.batch;
        let empty = || vec![0; size];
        Ok(NextToken { spec: spec.clone(), corpus, network, inputs: None, tokens: empty(), targets: empty() })
    }

    /// The model, where it is a recurrent one.
    fn recurrent(&self) -> Option<LanguageModel> {
        let recurrent = self.spec.model == Architecture::Recurrent;
        recurrent.then(|| language_model(&self.spec, self.corpus.vocabulary.len()))
    }

    /// At how many of so many timesteps the next token is asked for: where it is read ahead, not at the last.
    fn asked(&self, time: usize) -> usize {
        time - usize::from(self.network.reads_ahead())
    }

    fn symbols(&self) -> Vec<String> {
        self.corpus.vocabulary.symbols().iter().map(char::to_string).collect()
    }
}

impl NextToken {
    /// On windows of the text that another stream of random numbers draws.
    fn examine(&self) -> Result<Examination, EngineError> {
        let time = self.spec.sequence_length;
        let batch = held_out(time);
        let (mut tokens, mut targets) = (vec![0; time * batch], vec![0; time * batch]);
        let rng = Rng::new(self.spec.seed, Stream::Evaluation);
        self.corpus.windows(&rng, 0, time, batch, &mut tokens, &mut targets);
        let (graph, [input, right, losses, hits], step) = model::examination(self.network.as_ref(), time, batch)?;
        let asked = self.asked(time) * batch;
        let mut asked_for = targets.clone();
        asked_for[asked..].fill(model::NOT_ASKED);
        let ids = vec![(input, tokens.clone()), (right, asked_for)];
        let mean =
            |path, of| Mean { path, of, shape: Vec::new(), group: Box::new(move |at| (at < asked).then_some(0)) };
        let means = vec![mean("evaluation/loss", losses), mean("evaluation/accuracy", hits)];
        let known = vec![("evaluation/chance", vec![most_frequent(targets.iter().copied())])];
        let writes = Some(Continuation { step, tokens, targets });
        Ok(Examination { graph, ids, numbers: Vec::new(), means, derived: Vec::new(), known, writes })
    }
}

impl Trainable for NextToken {
    fn training(&mut self, optimiser: Optimiser, watch: Watch) -> Result<Training, EngineError> {
        let training =
            model::training(self.network.as_ref(), self.spec.sequence_length, self.spec.batch, optimiser, watch)?;
        let find = |name: &str| training.graph.find(&format!("train/{name}"));
        self.inputs = Some([find("tokens")?, find("targets")?, find("dropout_key")?]);
        Ok(training)
    }

    fn initial(&self, graph: &Graph) -> Vec<f32> {
        initial_parameters(graph, self.spec.seed, Initialisation::of(&self.spec))
    }

    fn write_batch<'a>(&'a mut self, step: u64, machine: &'a mut dyn Executable) -> Answer<'a, ()> {
        let (time, batch) = (self.spec.sequence_length, self.spec.batch);
        self.corpus.batch(self.spec.seed, step, time, batch, &mut self.tokens, &mut self.targets);
        let asked = self.asked(time) * batch;
        self.targets[asked..].fill(model::NOT_ASKED);
        let mut write = || {
            let [tokens, targets, key] =
                self.inputs.ok_or(EngineError::Unknown { what: "training graph".to_owned() })?;
            machine.write_ids(tokens, &self.tokens)?;
            machine.write_ids(targets, &self.targets)?;
            machine.write_ids(key, &[self.spec.seed, step as u32])
        };
        Box::pin(std::future::ready(write()))
    }

    fn observation(&self, probe: &str) -> Result<Observation, EngineError> {
        let probe = self.corpus.vocabulary.encode(probe);
        let (graph, step) = model::observation(self.network.as_ref(), probe.len())?;
        let inputs = vec![(graph.find("probe/tokens")?, probe.clone())];
        let first = self.corpus.vocabulary.token('\n');
        let answer = Answering::Writes { step, first, end: None, begin: None, own: None };
        let (programs, symbols) = (vec!["prepare", "probe"], self.symbols());
        Ok(Observation { graph, probe, inputs, features: Vec::new(), programs, answer, symbols })
    }

    fn examination(&self) -> Option<Result<Examination, EngineError>> {
        Some(self.examine())
    }

    fn long_view(&self, steps: usize) -> Option<Result<LongView, EngineError>> {
        let one_way = self.recurrent().filter(|model| !model.bidirectional);
        one_way.map(|model| LongView::new(&model, steps))
    }

    fn probe_gradient(&self, probe: &str) -> Option<Result<ProbeGradient, EngineError>> {
        Some(ProbeGradient::of_text(&self.recurrent()?, &self.corpus.vocabulary.encode(probe)))
    }

    fn ragged_view(&self, probe: &str) -> Option<Result<RaggedView, EngineError>> {
        let vocabulary = &self.corpus.vocabulary;
        let lines: Vec<Vec<u32>> = probe.lines().map(|line| vocabulary.encode(line)).collect();
        Some(RaggedView::new(&self.recurrent()?, &lines, vocabulary.token(' ')))
    }

    fn examples(&self) -> Example {
        let fingerprint = self.corpus.fingerprint();
        let (folded, characters) = (self.corpus.vocabulary.folded(), self.corpus.len());
        Example { symbols: self.symbols(), folded, characters, fingerprint, ..Example::default() }
    }
}
