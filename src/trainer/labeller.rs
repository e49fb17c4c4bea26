//! Classifiers of whole strings.

use crate::data::strings::{LabelledBatch, PAD, Strings};
use crate::engine::backend::{Answer, Executable};
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Kind, Op, ValueId};
use crate::engine::optimiser::Optimiser;
use crate::nn::classifier::{Class, Classifier};
use crate::nn::initialise::{Initialisation, initial_parameters};
use crate::nn::recurrent::Dropout;
use crate::spec::ModelSpec;

use super::evaluation::{Examination, Mean, most_frequent};
use super::model::{name_gradient_norms, name_signals};
use super::signals::recurrent_signals;
use super::trainable::{Answering, Evaluation, Example, Observation, Trainable, Training, Watch};

/// Strings that are kept for an evaluation.
const HELD_OUT: usize = 128;

/// A classifier and its task.
pub struct Labeller {
    spec: ModelSpec,
    strings: Strings,
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

impl Labeller {
    /// The model and the task of a spec.
    pub fn new(spec: &ModelSpec) -> Labeller {
        let strings = Strings::new(spec);
        let model = Classifier {
            cell: spec.cell,
            layers: spec.layers,
            bidirectional: spec.bidirectional,
            vocabulary: strings.vocabulary(),
            padding: Some(PAD),
            embedding: spec.embedding,
            hidden: spec.hidden,
            classes: strings.classes(),
        };
        Labeller { spec: spec.clone(), strings, model, inputs: None, batch: LabelledBatch::default() }
    }

    fn inputs(&self) -> Result<Inputs, EngineError> {
        self.inputs.ok_or(EngineError::Unknown { what: "training graph".to_owned() })
    }

    fn write(&mut self, strings: Vec<Vec<u32>>, step: u64, machine: &mut dyn Executable) -> Result<(), EngineError> {
        let inputs = self.inputs()?;
        self.strings.labelled(strings.into_iter(), self.spec.batch, &mut self.batch);
        machine.write_ids(inputs.tokens, &self.batch.tokens)?;
        machine.write_ids(inputs.lengths, &self.batch.lengths)?;
        machine.write_ids(inputs.labels, &self.batch.labels)?;
        machine.write_ids(inputs.key, &[self.spec.seed, step as u32])
    }
}

impl Labeller {
    fn examine(&self) -> Result<Examination, EngineError> {
        let mut graph = Graph::default();
        let parameters = self.model.parameters(&mut graph);
        graph.program("evaluate");
        let tokens = graph.input("evaluate/tokens", [self.strings.longest(), HELD_OUT], Kind::Ids);
        let lengths = graph.input("evaluate/lengths", [HELD_OUT], Kind::Ids);
        let labels = graph.input("evaluate/labels", [HELD_OUT], Kind::Ids);
        let pass = self.model.forward(&mut graph, &parameters, tokens, Some(lengths), None)?;
        let losses = graph.cross_entropy(pass.logits, labels, None)?;
        let hits = graph.apply(Op::ArgmaxEquals, &[pass.logits, labels])?[0];
        graph.name(losses, "evaluate/losses");
        graph.name(hits, "evaluate/hits");
        let mut batch = LabelledBatch::default();
        self.strings.labelled(self.strings.examined(HELD_OUT).into_iter(), HELD_OUT, &mut batch);
        let chance = most_frequent(batch.labels.iter().copied());
        Ok(Examination {
            graph,
            ids: vec![(tokens, batch.tokens), (lengths, batch.lengths), (labels, batch.labels)],
            numbers: Vec::new(),
            means: vec![Mean::of_all("evaluation/loss", losses), Mean::of_all("evaluation/accuracy", hits)],
            derived: Vec::new(),
            known: vec![("evaluation/chance", vec![chance])],
            writes: None,
        })
    }
}

impl Trainable for Labeller {
    fn training(&mut self, optimiser: Optimiser, watch: Watch) -> Result<Training, EngineError> {
        let batch = self.spec.batch;
        let mut graph = Graph::default();
        let parameters = self.model.parameters(&mut graph);
        graph.program("train");
        let tokens = graph.input("train/tokens", [self.strings.longest(), batch], Kind::Ids);
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
        let strings = self.strings.training(step, self.spec.batch).collect();
        Box::pin(std::future::ready(self.write(strings, step, machine)))
    }

    fn observation(&self, probe: &str) -> Result<Observation, EngineError> {
        let mut probe = self.strings.encode(probe);
        probe.truncate(self.strings.longest());
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
        let symbols = self.strings.letters();
        let answer = Answering::Names(probabilities);
        Ok(Observation { graph, probe, inputs, features: Vec::new(), programs: vec!["probe"], answer, symbols })
    }

    fn examples(&self) -> Example {
        Example { symbols: self.strings.symbols(), ..Example::default() }
    }

    fn examination(&self) -> Option<Result<Examination, EngineError>> {
        Some(self.examine())
    }

    fn evaluate<'a>(&'a mut self, length: usize, machine: &'a mut dyn Executable) -> Option<Answer<'a, Evaluation>> {
        Some(Box::pin(async move {
            let strings = self.strings.held_out(HELD_OUT, length.clamp(1, self.strings.longest()));
            let (mut right, inputs) = (0, self.inputs()?);
            let program = machine.plan().program("evaluate")?;
            for part in strings.chunks(self.spec.batch) {
                self.write(part.to_vec(), 0, machine)?;
                machine.run(program)?;
                let said = machine.read_ids(&[inputs.predicted]).await?;
                right += said.iter().zip(&self.batch.labels).take(part.len()).filter(|(a, b)| a == b).count();
            }
            Ok(Evaluation { exact_match: right as f32 / strings.len() as f32, ..Evaluation::default() })
        }))
    }
}
