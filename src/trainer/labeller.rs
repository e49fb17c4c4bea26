//! Classifiers of whole strings, and of texts.

use crate::data::labelled::{Labelled, LabelledBatch, Pair, Texts};
use crate::data::strings::{PAD, Strings};
use crate::engine::backend::{Answer, Executable};
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Kind, Op, ValueId};
use crate::engine::optimiser::Optimiser;
use crate::nn::classifier::{Class, Classifier, ClassifierParameters};
use crate::nn::initialise::{Initialisation, initial_parameters};
use crate::nn::recurrent::Dropout;
use crate::spec::{ModelSpec, SpecError, Task};

use super::evaluation::{Examination, Mean, most_frequent};
use super::model::{name_gradient_norms, name_signals};
use super::signals::recurrent_signals;
use super::trainable::{Answering, Evaluation, Example, Observation, Trainable, Training, Watch};

/// (C, C): of the held-out examples of a class (row), the share that is taken for each (column).
const CONFUSION: &str = "evaluation/confusion";
/// (N, C): of each held-out example, the probability of each class.
const PROBABILITIES: &str = "evaluation/probabilities";
/// Tokens of an evaluation, about.
const EXAMINED: usize = 32_768;
/// Of a held-out text so many tokens are told.
const TOLD: usize = 64;
/// Of made strings.
const HELD_OUT: usize = 128;

/// A classifier and its examples.
pub struct Labeller {
    spec: ModelSpec,
    examples: Box<dyn Labelled>,
    model: Classifier,
    inputs: Option<Inputs>,
    batch: LabelledBatch,
}

/// What the host writes, and reads, of the training graph.
#[derive(Clone, Copy)]
struct Inputs {
    /// (S, B).
    tokens: ValueId,
    /// (B).
    lengths: ValueId,
    /// (B).
    labels: ValueId,
    /// Of dropout.
    key: ValueId,
    /// (B): what the program `evaluate` says.
    predicted: ValueId,
}

/// A pass over examples of an evaluation.
struct Examined {
    batch: LabelledBatch,
    /// Tokens, lengths, labels.
    inputs: [ValueId; 3],
    /// (N, C).
    logits: ValueId,
    /// (N): 1 where the label is right.
    hits: ValueId,
}

impl Labeller {
    /// The model of a spec, and its examples; those of [`Task::Labels`] are a table.
    ///
    /// # Errors
    /// What is wrong with the table, for the learner.
    pub fn new(spec: &ModelSpec, table: &str) -> Result<Labeller, SpecError> {
        let examples: Box<dyn Labelled> = match spec.task {
            Task::Labels => Box::new(Texts::new(table, spec)?),
            _ => Box::new(Strings::new(spec)),
        };
        let model = Classifier {
            cell: spec.cell,
            layers: spec.layers,
            bidirectional: spec.bidirectional,
            vocabulary: examples.symbols().len(),
            padding: Some(PAD),
            embedding: spec.embedding,
            hidden: spec.hidden,
            classes: examples.labels().len(),
        };
        Ok(Labeller { spec: spec.clone(), examples, model, inputs: None, batch: LabelledBatch::default() })
    }

    fn inputs(&self) -> Result<Inputs, EngineError> {
        self.inputs.ok_or(EngineError::Unknown { what: "training graph".to_owned() })
    }

    fn write(&mut self, pairs: &[Pair], step: u64, machine: &mut dyn Executable) -> Result<(), EngineError> {
        let inputs = self.inputs()?;
        self.batch.fill(pairs, self.examples.longest(), self.spec.batch);
        machine.write_ids(inputs.tokens, &self.batch.tokens)?;
        machine.write_ids(inputs.lengths, &self.batch.lengths)?;
        machine.write_ids(inputs.labels, &self.batch.labels)?;
        machine.write_ids(inputs.key, &[self.spec.seed, step as u32])
    }

    fn pass(
        &self,
        graph: &mut Graph,
        parameters: &ClassifierParameters,
        name: &str,
        pairs: &[Pair],
    ) -> Result<Examined, EngineError> {
        let (count, longest) = (pairs.len(), self.examples.longest());
        let tokens = graph.input(format!("{name}/tokens"), [longest, count], Kind::Ids);
        let lengths = graph.input(format!("{name}/lengths"), [count], Kind::Ids);
        let labels = graph.input(format!("{name}/labels"), [count], Kind::Ids);
        let logits = self.model.forward(graph, parameters, tokens, Some(lengths), None)?.logits;
        let hits = graph.apply(Op::ArgmaxEquals, &[logits, labels])?[0];
        graph.name(hits, format!("{name}/hits"));
        let mut batch = LabelledBatch::default();
        batch.fill(pairs, longest, count);
        Ok(Examined { batch, inputs: [tokens, lengths, labels], logits, hits })
    }

    fn examine(&self) -> Result<Examination, EngineError> {
        let mut graph = Graph::default();
        let parameters = self.model.parameters(&mut graph);
        graph.program("evaluate");
        let longest = self.examples.longest();
        let count = if self.spec.task == Task::Labels { (EXAMINED / longest).max(HELD_OUT) } else { HELD_OUT };
        let held_out = self.examples.held_out(count, None);
        let trained = self.examples.training(0, held_out.len());
        let held_out = self.pass(&mut graph, &parameters, "held_out", &held_out)?;
        let trained = self.pass(&mut graph, &parameters, "trained", &trained)?;
        let losses = graph.cross_entropy(held_out.logits, held_out.inputs[2], None)?;
        let probabilities = graph.apply(Op::Softmax, &[held_out.logits])?[0];
        let predicted = graph.argmax(held_out.logits)?;
        let said = self.model.one_hot(&mut graph, predicted)?;
        for (value, name) in [(losses, "losses"), (probabilities, "probabilities"), (said, "said")] {
            graph.name(value, format!("held_out/{name}"));
        }
        let (classes, labels) = (self.model.classes, held_out.batch.labels.clone());
        let count = labels.len();
        let known = vec![
            ("evaluation/chance", vec![most_frequent(labels.iter().copied())]),
            ("evaluation/labels", numbers(&labels)),
            ("evaluation/lengths", numbers(&held_out.batch.lengths)),
            // Time-major: (S, N).
            ("evaluation/tokens", numbers(&held_out.batch.tokens[..count * longest.min(TOLD)])),
        ];
        let true_class = Box::new(move |at: usize| Some(labels[at / classes] as usize * classes + at % classes));
        let means = vec![
            Mean::of_all("evaluation/loss", losses),
            Mean::of_all("evaluation/accuracy", held_out.hits),
            Mean::of_all("evaluation/training_accuracy", trained.hits),
            Mean { path: CONFUSION, of: said, shape: vec![classes, classes], group: true_class },
            Mean { path: PROBABILITIES, of: probabilities, shape: vec![count, classes], group: Box::new(Some) },
        ];
        let ids = [held_out, trained].into_iter().flat_map(|Examined { batch, inputs, .. }| {
            inputs.into_iter().zip([batch.tokens, batch.lengths, batch.labels])
        });
        Ok(Examination {
            graph,
            ids: ids.collect(),
            numbers: Vec::new(),
            means,
            derived: Vec::new(),
            known,
            writes: None,
        })
    }
}

fn numbers(ids: &[u32]) -> Vec<f32> {
    ids.iter().map(|id| *id as f32).collect()
}

impl Trainable for Labeller {
    fn training(&mut self, optimiser: Optimiser, watch: Watch) -> Result<Training, EngineError> {
        let batch = self.spec.batch;
        let mut graph = Graph::default();
        let parameters = self.model.parameters(&mut graph);
        graph.program("train");
        let tokens = graph.input("train/tokens", [self.examples.longest(), batch], Kind::Ids);
        let lengths = graph.input("train/lengths", [batch], Kind::Ids);
        let labels = graph.input("train/labels", [batch], Kind::Ids);
        let key = graph.input("train/dropout_key", [2], Kind::Ids);
        let dropout = (self.spec.dropout > 0.0).then_some(Dropout { p: self.spec.dropout, key, stream: 0 });
        let pass = self.model.forward(&mut graph, &parameters, tokens, Some(lengths), dropout)?;
        let nll = graph.cross_entropy(pass.logits, labels, None)?;
        let loss = graph.mean(nll)?;
        graph.name(loss, "loss");
        let mut accuracy = None;
        if watch == Watch::Everything {
            let hits = graph.apply(Op::ArgmaxEquals, &[pass.logits, labels])?[0];
            let mean = graph.mean(hits)?;
            graph.name(mean, "accuracy");
            accuracy = Some(mean);
        }
        let gradients = graph.keep_gradients(loss)?;
        if watch == Watch::Everything {
            let recurrent = self.model.recurrent();
            let (watched, _) = recurrent_signals(&mut graph, &recurrent, &pass.recurrent.layers, "layers")?;
            name_gradient_norms(&mut graph, &watched, &gradients)?;
        }
        let mut training = Training::close(graph, optimiser, loss, accuracy)?;
        let graph = &mut training.graph;
        graph.program("evaluate");
        let pass = self.model.forward(graph, &parameters, tokens, Some(lengths), None)?;
        let predicted = graph.argmax(pass.logits)?;
        graph.name(predicted, "evaluate/predicted");
        self.inputs = Some(Inputs { tokens, lengths, labels, key, predicted });
        Ok(training)
    }

    fn initial(&self, graph: &Graph) -> Vec<f32> {
        initial_parameters(graph, self.spec.seed, Initialisation::of(&self.spec))
    }

    fn write_batch<'a>(&'a mut self, step: u64, machine: &'a mut dyn Executable) -> Answer<'a, ()> {
        let pairs = self.examples.training(step, self.spec.batch);
        Box::pin(std::future::ready(self.write(&pairs, step, machine)))
    }

    fn tokens(&self) -> Option<usize> {
        Some(self.batch.lengths.iter().map(|length| *length as usize).sum())
    }

    fn observation(&self, probe: &str) -> Result<Observation, EngineError> {
        let mut probe = self.examples.encode(probe);
        probe.truncate(self.spec.sequence_length);
        let mut graph = Graph::default();
        let parameters = self.model.parameters(&mut graph);
        graph.program("probe");
        let tokens = graph.input("probe/tokens", [probe.len(), 1], Kind::Ids);
        let pass = self.model.forward(&mut graph, &parameters, tokens, None, None)?;
        let probabilities = graph.apply(Op::Softmax, &[pass.logits])?[0];
        graph.name(probabilities, "probe/probabilities");
        let recurrent = self.model.recurrent();
        let (_, mut signals) = recurrent_signals(&mut graph, &recurrent, &pass.recurrent.layers, "layers")?;
        signals.push(("saliency".to_owned(), self.model.saliency(&mut graph, &pass, Class::Predicted)?));
        signals.push(("embedded".to_owned(), pass.embedded));
        name_signals(&mut graph, &signals)?;
        let inputs = vec![(tokens, probe.clone())];
        let symbols = self.examples.labels();
        let answer = Answering::Names(probabilities);
        Ok(Observation { graph, probe, inputs, features: Vec::new(), programs: vec!["probe"], answer, symbols })
    }

    fn examples(&self) -> Example {
        Example {
            symbols: self.examples.symbols(),
            labels: self.examples.labels(),
            characters: self.examples.characters(),
            fingerprint: self.examples.fingerprint(),
            remark: self.examples.remark(),
            folded: 0,
        }
    }

    fn examination(&self) -> Option<Result<Examination, EngineError>> {
        Some(self.examine())
    }

    fn evaluate<'a>(&'a mut self, length: usize, machine: &'a mut dyn Executable) -> Option<Answer<'a, Evaluation>> {
        Some(Box::pin(async move {
            let pairs = self.examples.held_out(HELD_OUT, Some(length));
            let (mut right, inputs) = (0, self.inputs()?);
            let program = machine.plan().program("evaluate")?;
            for part in pairs.chunks(self.spec.batch) {
                self.write(part, 0, machine)?;
                machine.run(program)?;
                let said = machine.read_ids(&[inputs.predicted]).await?;
                right += said.iter().zip(&self.batch.labels).take(part.len()).filter(|(a, b)| a == b).count();
            }
            Ok(Evaluation { exact_match: right as f32 / pairs.len() as f32, ..Evaluation::default() })
        }))
    }
}
