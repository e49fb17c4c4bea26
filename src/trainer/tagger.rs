//! Models that answer about sequences that are made: a tag or several at every timestep, or a number at the end.

use crate::data::sequences::{Asked, SequenceBatch, Sequences};
use crate::engine::backend::{Answer, Executable};
use crate::engine::error::EngineError;
use crate::engine::graph::{Gradients, Graph, Kind, Op, ValueId};
use crate::engine::kernels::binary::Binary;
use crate::engine::kernels::unary::Unary;
use crate::engine::optimiser::Optimiser;
use crate::engine::rng::Stream;
use crate::nn::feed_forward::{FeedForward, FeedForwardParameters};
use crate::nn::initialise::{Initialisation, initial_parameters};
use crate::nn::recurrent::{Dropout, Recurrent, Run, SequenceInput};
use crate::nn::tagger::{self, TaggerParameters};
use crate::spec::{Architecture, ModelSpec, Task};

use super::doors;
use super::evaluation::{Examination, Mean, held_out, most_frequent};
use super::model::{name_gradient_norms, name_signals};
use super::network::{self, Reader};
use super::probe_gradient::{Differentiated, ProbeGradient};
use super::reach::{Link, Reach};
use super::signals::{Named, recurrent_signals};
use super::trainable::{Answering, Example, Observation, Trainable, Training, Watch};
use super::two_modes::TwoModes;

/// A sum within this of the right one counts as right (Hochreiter & Schmidhuber 1997).
const TOLERANCE: f32 = 0.04;

/// A model and its task.
pub struct Tagger {
    spec: ModelSpec,
    sequences: Sequences,
    network: Network,
    inputs: Option<[ValueId; 3]>,
    batch: SequenceBatch,
}

enum Network {
    Recurrent(tagger::Tagger),
    FeedForward(FeedForward),
    /// A Transformer or a state-space model.
    Stack(Box<dyn network::Network>),
}

enum Parameters {
    Recurrent(TaggerParameters),
    FeedForward(FeedForwardParameters),
    Stack(Box<dyn Reader>),
}

/// A network with its parameters in a graph.
struct Built<'a> {
    network: &'a Network,
    parameters: Parameters,
}

/// What a network makes of sequences.
struct Pass {
    /// (T, B, Q C) at every step; (.., B, 1) once.
    answer: ValueId,
    /// The tokens as vectors (T, B, D), where they are embedded.
    embedded: Option<ValueId>,
    /// The states (T, B, H) whose derivatives are watched.
    watched: Named,
    /// The states of a network whose depth stands for time, (1, B, H) each.
    depth: Vec<ValueId>,
    signals: Named,
}

/// Losses and hits of every answer, (T, Q B) or (B), and the loss that is trained.
struct Marks {
    losses: ValueId,
    hits: ValueId,
    loss: ValueId,
    accuracy: ValueId,
}

impl Tagger {
    /// The model and the task of a spec.
    pub fn new(spec: &ModelSpec) -> Tagger {
        let sequences = Sequences::new(spec);
        let (inputs, hidden) = (sequences.inputs(), spec.hidden);
        let outputs = sequences.questions() * sequences.classes();
        let network = if spec.model == Architecture::FeedForward {
            let depth = spec.sequence_length;
            Network::FeedForward(FeedForward { inputs: depth * inputs, hidden, depth, outputs: 1 })
        } else if let Some(stack) = network::stack(spec, inputs, outputs) {
            Network::Stack(stack)
        } else {
            let embedded = (spec.embedding > 0 && !sequences.are_numbers()).then_some(inputs);
            let input = embedded.map_or(inputs, |_| spec.embedding);
            let ModelSpec { layers, bidirectional, .. } = *spec;
            let recurrent = Recurrent { layers, bidirectional, ..Recurrent::new(spec.cell, input, hidden) };
            Network::Recurrent(tagger::Tagger { recurrent, embedded, outputs })
        };
        Tagger { spec: spec.clone(), sequences, network, inputs: None, batch: SequenceBatch::default() }
    }

    /// Adds the input of `batch` sequences of `steps`.
    fn input(&self, graph: &mut Graph, program: &str, steps: usize, batch: usize) -> ValueId {
        let width = self.sequences.inputs();
        match &self.network {
            Network::FeedForward(_) => {
                graph.input(format!("{program}/features"), [1, batch, steps * width], Kind::Float)
            }
            Network::Recurrent(_) if self.sequences.are_numbers() => {
                graph.input(format!("{program}/features"), [steps, batch, width], Kind::Float)
            }
            Network::Recurrent(_) | Network::Stack(_) => {
                graph.input(format!("{program}/tokens"), [steps, batch], Kind::Ids)
            }
        }
    }

    /// Adds the input for the right answers to `batch` sequences.
    fn answers(&self, graph: &mut Graph, program: &str, batch: usize) -> ValueId {
        let path = format!("{program}/targets");
        if self.sequences.are_numbers() {
            graph.input(path, [batch, 1], Kind::Float)
        } else {
            graph.input(path, [self.spec.sequence_length, self.sequences.questions() * batch], Kind::Ids)
        }
    }

    /// The features of a batch as the network reads them.
    fn features(&self, batch: &SequenceBatch) -> Vec<f32> {
        let (steps, width) = (self.spec.sequence_length, self.sequences.inputs());
        let sequences = batch.features.len() / (steps * width);
        match self.network {
            Network::Recurrent(_) | Network::Stack(_) => batch.features.clone(),
            Network::FeedForward(_) => (0..sequences)
                .flat_map(|at| (0..steps).map(move |t| (t * sequences + at) * width))
                .flat_map(|place| batch.features[place..place + width].iter().copied())
                .collect(),
        }
    }

    fn mark(&self, graph: &mut Graph, answer: ValueId, targets: ValueId) -> Result<Marks, EngineError> {
        if self.sequences.are_numbers() {
            mark_numbers(graph, answer, targets)
        } else {
            self.mark_tags(graph, answer, targets)
        }
    }

    fn mark_tags(&self, graph: &mut Graph, logits: ValueId, targets: ValueId) -> Result<Marks, EngineError> {
        let (questions, classes) = (self.sequences.questions(), self.sequences.classes());
        let batch = graph.shape(targets).last() / questions;
        let ignored = self.sequences.ignored();
        let (mut losses, mut hits) = (Vec::new(), Vec::new());
        for question in 0..questions {
            let [logits, targets] = if questions == 1 {
                [logits, targets]
            } else {
                [
                    graph.slice(logits, 2, question * classes, classes)?,
                    graph.slice(targets, 1, question * batch, batch)?,
                ]
            };
            losses.push(graph.cross_entropy(logits, targets, Some(ignored))?);
            hits.push(graph.apply(Op::ArgmaxEquals, &[logits, targets])?[0]);
        }
        let mut joined = |parts: &[ValueId]| match parts {
            [one] => Ok(*one),
            many => graph.concat(many, 1),
        };
        let (losses, hits) = (joined(&losses)?, joined(&hits)?);
        let asked = graph.apply(Op::NotEqual { value: ignored }, &[targets])?[0];
        let [loss, accuracy] = [graph.weighted_mean(losses, asked)?, graph.weighted_mean(hits, asked)?];
        Ok(Marks { losses, hits, loss, accuracy })
    }

    /// The sequence that is looked at: the learner's, where it is one of the task's, else the first that is held out.
    fn probe(&self, text: &str) -> Vec<u32> {
        if self.sequences.are_numbers() {
            let mut marks = 0..;
            let numbers = self.sequences.numbers(Stream::Evaluation, 0);
            return numbers.iter().map(|(_, marked)| if *marked { marks.next().unwrap_or(0) + 1 } else { 0 }).collect();
        }
        self.sequences.encode(text).unwrap_or_else(|| self.sequences.tokens(Stream::Evaluation, 0))
    }

    /// What the tokens of the probe are shown as: of numbers, the marked ones as they are.
    fn token_names(&self) -> Vec<String> {
        if !self.sequences.are_numbers() {
            return self.sequences.token_names();
        }
        let numbers = self.sequences.numbers(Stream::Evaluation, 0);
        let marked = numbers.iter().filter(|(_, marked)| *marked).map(|(number, _)| format!("{number:.2}"));
        std::iter::once("\u{00B7}".to_owned()).chain(marked).collect()
    }

    /// Accuracy by how long ago the answer was seen, of one question at a time: `hits` and `tokens` are (T, B).
    fn by_lag(&self, hits: ValueId, groups: usize, tokens: &[u32]) -> Mean {
        let batch = tokens.len() / self.spec.sequence_length;
        let mut group_of = vec![None; tokens.len()];
        for sequence in 0..batch {
            let read: Vec<u32> = tokens.iter().skip(sequence).step_by(batch).copied().collect();
            for Asked { t, source, .. } in self.sequences.asked(&read) {
                let lag = source.map(|source| t - source);
                group_of[t * batch + sequence] = lag.and_then(|lag| self.sequences.lag_group(lag));
            }
        }
        let group = move |at: usize| group_of.get(at).copied().flatten();
        Mean { path: "evaluation/lag_accuracy", of: hits, shape: vec![groups], group: Box::new(group) }
    }

    fn measures(&self, losses: ValueId, hits: ValueId, batch: &SequenceBatch) -> (Vec<Mean>, Known) {
        let (length, questions) = (self.spec.sequence_length, self.sequences.questions());
        let row = batch.tags.len() / length;
        let mean = |path, of, shape: Vec<usize>, group: fn(usize, usize, usize) -> Option<usize>| {
            let (tags, ignored) = (batch.tags.clone(), self.sequences.ignored());
            // Of the element [t, question * B + sequence]: its group by t, question, and T.
            let sequences = row / questions;
            let group = move |at: usize| {
                let asked = tags.get(at).is_some_and(|tag| *tag != ignored);
                asked.then(|| group(at / row, at % row / sequences, length)).flatten()
            };
            Mean { path, of, shape, group: Box::new(group) }
        };
        match self.spec.task {
            Task::Recall => {
                let lags: Vec<f32> = self.sequences.lags().iter().map(|lag| *lag as f32).collect();
                let means = vec![
                    mean("evaluation/loss", losses, vec![], |_, _, _| Some(0)),
                    mean("evaluation/accuracy", hits, vec![], |_, _, _| Some(0)),
                    mean("evaluation/lag_accuracy", hits, vec![lags.len()], |_, question, _| Some(question)),
                ];
                let chance = vec![1.0 / self.sequences.classes() as f32];
                (means, vec![("evaluation/lags", lags), ("evaluation/chance", chance)])
            }
            Task::Lookup | Task::SelectiveCopy => {
                let mut means = vec![
                    mean("evaluation/loss", losses, vec![], |_, _, _| Some(0)),
                    mean("evaluation/accuracy", hits, vec![], |_, _, _| Some(0)),
                ];
                let chance = vec![1.0 / self.sequences.classes() as f32];
                let mut known = vec![("evaluation/chance", chance)];
                if self.spec.task == Task::Lookup {
                    let lags: Vec<f32> = self.sequences.lags().iter().map(|lag| *lag as f32).collect();
                    means.push(self.by_lag(hits, lags.len(), &batch.tokens));
                    known.push(("evaluation/lags", lags));
                }
                (means, known)
            }
            Task::Ahead => {
                let means = vec![
                    mean("evaluation/loss", losses, vec![], |_, _, _| Some(0)),
                    mean("evaluation/accuracy", hits, vec![], |_, _, _| Some(0)),
                    mean("evaluation/first_half_accuracy", hits, vec![], |t, _, length| (t < length / 2).then_some(0)),
                    mean("evaluation/position_accuracy", hits, vec![length], |t, _, _| Some(t)),
                ];
                let first_half = batch.tags[..batch.tags.len() / 2].iter().copied();
                (means, vec![("evaluation/chance", vec![most_frequent(first_half)])])
            }
            _ => {
                let means = vec![Mean::of_all("evaluation/loss", losses), Mean::of_all("evaluation/accuracy", hits)];
                // Who always says 1, the mean of a sum of two numbers in 0 .. 1, errs by 1/6, and on these examples:
                let errors = batch.sums.iter().map(|sum| (sum - 1.0) * (sum - 1.0));
                let chance = errors.sum::<f32>() / batch.sums.len().max(1) as f32;
                (means, vec![("evaluation/chance_loss", vec![chance])])
            }
        }
    }
}

type Known = Vec<(&'static str, Vec<f32>)>;

/// The squared error of the numbers said (.., B, 1).
fn mark_numbers(graph: &mut Graph, answer: ValueId, targets: ValueId) -> Result<Marks, EngineError> {
    let said = graph.sum_leading(answer, 2)?;
    let difference = graph.binary(Binary::Sub, said, targets)?;
    let squares = graph.unary(Unary::Square, difference)?;
    let batch = graph.shape(targets).rows();
    // The larger of the two is the tolerance: the first.
    let tolerance = graph.fill(TOLERANCE * TOLERANCE, [batch, 1])?;
    let both = graph.concat(&[tolerance, squares], 1)?;
    let first = graph.constant_ids([batch], &vec![0; batch])?;
    let hits = graph.apply(Op::ArgmaxEquals, &[both, first])?[0];
    let [loss, accuracy] = [graph.mean(squares)?, graph.mean(hits)?];
    Ok(Marks { losses: squares, hits, loss, accuracy })
}

impl Network {
    fn parameters(&self, graph: &mut Graph) -> Result<Built<'_>, EngineError> {
        let parameters = match self {
            Network::Recurrent(model) => Parameters::Recurrent(model.parameters(graph)),
            Network::FeedForward(model) => Parameters::FeedForward(model.parameters(graph)),
            Network::Stack(model) => Parameters::Stack(model.parameters(graph)?),
        };
        Ok(Built { network: self, parameters })
    }
}

impl Built<'_> {
    /// Reads whole sequences: tokens (T, B), features (T, B, 2), or (1, B, 2 T) layer by layer. `program` names the inputs
    /// it adds.
    fn read(
        &self,
        graph: &mut Graph,
        program: &str,
        input: ValueId,
        dropout: Option<Dropout>,
        once: bool,
    ) -> Result<Pass, EngineError> {
        match (self.network, &self.parameters) {
            (Network::Recurrent(model), Parameters::Recurrent(parameters)) => {
                let x = match graph.value(input).kind {
                    Kind::Ids => model.tokens(graph, parameters, input)?,
                    Kind::Float => SequenceInput::Features(input),
                };
                let embedded = x.features().filter(|_| model.embedded.is_some());
                let states = model.states(graph, parameters, &Run { dropout, ..Run::new(x) })?;
                let answer = if once {
                    model.at_the_end(graph, parameters, &states)?
                } else {
                    model.every_step(graph, parameters, &states)?
                };
                let (watched, signals) = recurrent_signals(graph, &model.recurrent, &states.layers, "layers")?;
                Ok(Pass { answer, embedded, watched, depth: Vec::new(), signals })
            }
            (Network::FeedForward(model), Parameters::FeedForward(parameters)) => {
                let pass = model.forward(graph, parameters, input)?;
                let stacked = graph.concat(&pass.states, 0)?;
                let signals = vec![("layers/0/h".to_owned(), stacked)];
                Ok(Pass { answer: pass.answer, embedded: None, watched: Vec::new(), depth: pass.states, signals })
            }
            (Network::Stack(_), Parameters::Stack(reader)) => {
                let read = reader.read(graph, program, input, None)?;
                let (answer, embedded) = (read.logits, read.embedded);
                Ok(Pass { answer, embedded, watched: read.watched, depth: Vec::new(), signals: read.signals })
            }
            _ => Err(EngineError::Unknown { what: "parameters of this network".to_owned() }),
        }
    }
}

/// Names the norms of dL/dh of every layer, the first one first: `layers/0/grad_h_norm`.
fn name_norms_by_depth(graph: &mut Graph, states: &[ValueId], gradients: &Gradients) -> Result<(), EngineError> {
    let found: Vec<ValueId> = states.iter().filter_map(|state| gradients.of(*state)).collect();
    if found.is_empty() {
        return Ok(());
    }
    let stacked = graph.concat(&found, 0)?;
    let norms = graph.row_norm(stacked)?;
    graph.name(norms, "layers/0/grad_h_norm");
    Ok(())
}

impl Trainable for Tagger {
    fn training(&mut self, optimiser: Optimiser, watch: Watch) -> Result<Training, EngineError> {
        let (length, batch) = (self.spec.sequence_length, self.spec.batch);
        let mut graph = Graph::default();
        let built = self.network.parameters(&mut graph)?;
        graph.program("train");
        let input = self.input(&mut graph, "train", length, batch);
        let targets = self.answers(&mut graph, "train", batch);
        let key = graph.input("train/dropout_key", [2], Kind::Ids);
        let dropout = (self.spec.dropout > 0.0).then_some(Dropout { p: self.spec.dropout, key, stream: 0 });
        let pass = built.read(&mut graph, "train", input, dropout, self.sequences.are_numbers())?;
        let marks = self.mark(&mut graph, pass.answer, targets)?;
        graph.name(marks.loss, "loss");
        let accuracy = (watch == Watch::Everything).then_some(marks.accuracy);
        if let Some(accuracy) = accuracy {
            graph.name(accuracy, "accuracy");
        }
        let gradients = graph.keep_gradients(marks.loss)?;
        if watch == Watch::Everything {
            name_gradient_norms(&mut graph, &pass.watched, &gradients)?;
            name_norms_by_depth(&mut graph, &pass.depth, &gradients)?;
        }
        self.inputs = Some([input, targets, key]);
        Training::close(graph, optimiser, marks.loss, accuracy)
    }

    fn initial(&self, graph: &Graph) -> Vec<f32> {
        initial_parameters(graph, self.spec.seed, Initialisation::of(&self.spec))
    }

    fn write_batch<'a>(&'a mut self, step: u64, machine: &'a mut dyn Executable) -> Answer<'a, ()> {
        let mut write = || {
            let [input, targets, key] =
                self.inputs.ok_or(EngineError::Unknown { what: "training graph".to_owned() })?;
            let batch = self.spec.batch;
            self.sequences.batch(Stream::Batches, step * batch as u64, batch, &mut self.batch);
            if self.sequences.are_numbers() {
                machine.write(input, &self.features(&self.batch))?;
                machine.write(targets, &self.batch.sums)?;
            } else {
                machine.write_ids(input, &self.batch.tokens)?;
                machine.write_ids(targets, &self.batch.tags)?;
            }
            machine.write_ids(key, &[self.spec.seed, step as u32])
        };
        Box::pin(std::future::ready(write()))
    }

    fn observation(&self, probe: &str) -> Result<Observation, EngineError> {
        let probe = self.probe(probe);
        let mut graph = Graph::default();
        let built = self.network.parameters(&mut graph)?;
        graph.program("probe");
        let numbers = self.sequences.are_numbers();
        let input = self.input(&mut graph, "probe", probe.len(), 1);
        // At every step, so that one sees what it would say there.
        let pass = built.read(&mut graph, "probe", input, None, false)?;
        name_signals(&mut graph, &pass.signals)?;
        let (mut inputs, mut features) = (Vec::new(), Vec::new());
        let answer = if numbers {
            let mut example = SequenceBatch::default();
            self.sequences.batch(Stream::Evaluation, 0, 1, &mut example);
            features.push((input, self.features(&example)));
            let shown = graph.affine(input, 1.0, 0.0)?;
            graph.name(shown, "probe/features");
            graph.name(pass.answer, "probe/answer");
            Answering::Says(pass.answer)
        } else {
            inputs.push((input, probe.clone()));
            self.probabilities(&mut graph, pass.answer)?
        };
        let symbols = self.sequences.tag_names();
        Ok(Observation { graph, probe, inputs, features, programs: vec!["probe"], answer, symbols })
    }

    fn probe_gradient(&self, probe: &str) -> Option<Result<ProbeGradient, EngineError>> {
        match &self.network {
            Network::Recurrent(model) => Some(self.differentiate(model, probe)),
            Network::FeedForward(_) | Network::Stack(_) => None,
        }
    }

    fn reach(&self, probe: &str) -> Option<Result<Reach, EngineError>> {
        (!self.sequences.are_numbers()).then(|| self.links(&self.probe(probe)))
    }

    fn two_modes(&self, probe: &str) -> Option<Result<TwoModes, EngineError>> {
        let outputs = self.sequences.questions() * self.sequences.classes();
        match self.network {
            Network::Stack(_) => doors::two_modes(&self.spec, [self.sequences.inputs(), outputs], &self.probe(probe)),
            Network::Recurrent(_) | Network::FeedForward(_) => None,
        }
    }

    fn examples(&self) -> Example {
        Example { symbols: self.token_names(), ..Example::default() }
    }

    fn examination(&self) -> Option<Result<Examination, EngineError>> {
        Some(self.examine())
    }
}

impl Tagger {
    /// What reaches each answer about the probe: of several questions at a time, those at the end.
    fn links(&self, probe: &[u32]) -> Result<Reach, EngineError> {
        let (questions, classes) = (self.sequences.questions(), self.sequences.classes());
        let link = |asked: Asked| {
            let Asked { t, question, tag, source } = asked;
            let kept = questions == 1 || t + 1 == probe.len();
            source.filter(|_| kept).map(|source| Link { t, source, answers: question * classes, tag: tag as usize })
        };
        let links: Vec<Link> = self.sequences.asked(probe).into_iter().filter_map(link).collect();
        let mut graph = Graph::default();
        let built = self.network.parameters(&mut graph)?;
        graph.program("reach");
        let tokens: Vec<u32> = probe.iter().flat_map(|token| vec![*token; links.len()]).collect();
        let tokens = graph.constant_ids([probe.len(), links.len()], &tokens)?;
        let pass = built.read(&mut graph, "reach", tokens, None, false)?;
        Reach::new(graph, pass.answer, pass.embedded, classes, links)
    }

    /// The loss of the sequence that is looked at, as it is trained.
    fn differentiate(&self, model: &tagger::Tagger, text: &str) -> Result<ProbeGradient, EngineError> {
        let probe = self.probe(text);
        let mut graph = Graph::default();
        let parameters = model.parameters(&mut graph);
        graph.program("probe_gradient");
        let start = model.recurrent.states(&mut graph, "probe_gradient", 1);
        let (input, targets) = if self.sequences.are_numbers() {
            let mut example = SequenceBatch::default();
            self.sequences.batch(Stream::Evaluation, 0, 1, &mut example);
            let features = graph.constant([probe.len(), 1, self.sequences.inputs()], &example.features)?;
            (SequenceInput::Features(features), graph.constant([1, 1], &example.sums)?)
        } else {
            let tags = self.sequences.tags(&probe);
            if tags.iter().all(|tag| *tag == self.sequences.ignored()) {
                return Err(EngineError::Unknown { what: "answer to a sequence as short as this".to_owned() });
            }
            let tokens = graph.constant_ids([probe.len(), 1], &probe)?;
            let targets = graph.constant_ids([probe.len(), self.sequences.questions()], &tags)?;
            (model.tokens(&mut graph, &parameters, tokens)?, targets)
        };
        let states = model.states(&mut graph, &parameters, &Run { states: &start, ..Run::new(input) })?;
        let answer = if self.sequences.are_numbers() {
            model.at_the_end(&mut graph, &parameters, &states)?
        } else {
            model.every_step(&mut graph, &parameters, &states)?
        };
        let marks = self.mark(&mut graph, answer, targets)?;
        let run = Differentiated { layers: &states.layers, parameters: &parameters.layers, states: &start };
        ProbeGradient::new(graph, &model.recurrent, &run, marks.loss)
    }

    /// Names the probabilities of the tags: of one question `probe/probabilities` (T, 1, C), of several one after the other
    /// (T, 1, Q C).
    fn probabilities(&self, graph: &mut Graph, logits: ValueId) -> Result<Answering, EngineError> {
        let (questions, classes) = (self.sequences.questions(), self.sequences.classes());
        let mut parts = Vec::new();
        for question in 0..questions {
            let part = graph.slice(logits, 2, question * classes, classes)?;
            parts.push(graph.apply(Op::Softmax, &[part])?[0]);
        }
        let joined = if let [one] = parts[..] { one } else { graph.concat(&parts, 2)? };
        graph.name(joined, "probe/probabilities");
        Ok(if self.spec.task == Task::Ahead { Answering::Names(joined) } else { Answering::Nothing })
    }

    fn examine(&self) -> Result<Examination, EngineError> {
        let length = self.spec.sequence_length;
        // Squared errors vary more than hits, and numbers cost less than logits.
        let batch = held_out(length) * if self.sequences.are_numbers() { 2 } else { 1 };
        let mut graph = Graph::default();
        let built = self.network.parameters(&mut graph)?;
        graph.program("evaluate");
        let input = self.input(&mut graph, "evaluate", length, batch);
        let targets = self.answers(&mut graph, "evaluate", batch);
        let pass = built.read(&mut graph, "evaluate", input, None, self.sequences.are_numbers())?;
        let marks = self.mark(&mut graph, pass.answer, targets)?;
        graph.name(marks.losses, "evaluate/losses");
        graph.name(marks.hits, "evaluate/hits");
        let mut examples = SequenceBatch::default();
        // The first one is the probe.
        self.sequences.batch(Stream::Evaluation, 1, batch, &mut examples);
        let (means, known) = self.measures(marks.losses, marks.hits, &examples);
        let (mut ids, mut numbers) = (Vec::new(), Vec::new());
        if self.sequences.are_numbers() {
            numbers.extend([(input, self.features(&examples)), (targets, examples.sums)]);
        } else {
            ids.extend([(input, examples.tokens), (targets, examples.tags)]);
        }
        Ok(Examination { graph, ids, numbers, means, derived: Vec::new(), known, writes: None })
    }
}
