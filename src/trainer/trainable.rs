//! What a session asks of a model: [`Trainable`], a model together with the examples it learns from.

use crate::engine::backend::{Answer, Executable};
use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, Graph, ValueId};
use crate::engine::optimiser::Optimiser;
use crate::spec::{Architecture, ModelSpec, SpecError};

use super::decoding::OneStep;
use super::doors;
use super::evaluation::Examination;
use super::long_view::LongView;
use super::next_token::NextToken;
use super::probe_gradient::ProbeGradient;
use super::ragged_view::RaggedView;
use super::reach::Reach;
use super::tagger::Tagger;
use super::two_modes::TwoModes;

/// A kind of model with its examples: one file each in this folder, one line in [`open`].
pub trait Trainable {
    /// The graph of a training step, for this optimiser.
    ///
    /// # Errors
    /// [`EngineError::Shape`], which a valid spec never meets.
    fn training(&mut self, optimiser: Optimiser, watch: Watch) -> Result<Training, EngineError>;

    /// The flat parameters at the start.
    fn initial(&self, graph: &Graph) -> Vec<f32>;

    /// Writes the examples of step `step` into the inputs of the training graph. A model that learns from what it writes
    /// itself writes it here, on `machine`.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    fn write_batch<'a>(&'a mut self, step: u64, machine: &'a mut dyn Executable) -> Answer<'a, ()>;

    /// How many of the last batch's targets count, if some are padding; where none does, loss and gradient are 0.
    fn targets(&self) -> Option<usize> {
        None
    }

    /// Tokens of the last batch, where they are not as many each step: padding is none.
    fn tokens(&self) -> Option<usize> {
        None
    }

    /// The graph that views and sampling run, for a probe text that is not empty.
    ///
    /// # Errors
    /// As [`Trainable::training`].
    fn observation(&self, probe: &str) -> Result<Observation, EngineError>;

    /// What it learns from.
    fn examples(&self) -> Example;

    /// Jacobians of its states over a text of this many tokens; `None` for a model whose end is no state of a recurrence
    /// in one direction.
    fn long_view(&self, _steps: usize) -> Option<Result<LongView, EngineError>> {
        None
    }

    /// What is measured of it on examples that it is not trained on, if anything.
    fn examination(&self) -> Option<Result<Examination, EngineError>> {
        None
    }

    /// Derivatives of its loss on the probe text; `None` for a model that says nothing about one.
    fn probe_gradient(&self, _probe: &str) -> Option<Result<ProbeGradient, EngineError>> {
        None
    }

    /// The lines of the probe text as a ragged batch; `None` for a model that is not recurrent.
    fn ragged_view(&self, _probe: &str) -> Option<Result<RaggedView, EngineError>> {
        None
    }

    /// What reaches its answers on the probe text; `None` for a model or task without answers about a place.
    fn reach(&self, _probe: &str) -> Option<Result<Reach, EngineError>> {
        None
    }

    /// The probe text as a recurrence and as a convolution; `None` for a model that is not both.
    fn two_modes(&self, _probe: &str) -> Option<Result<TwoModes, EngineError>> {
        None
    }

    /// What it keeps from step to step besides parameters and optimiser states, as numbers.
    fn memory(&self) -> Vec<f32> {
        Vec::new()
    }

    /// Goes back to what [`Trainable::memory`] gave.
    fn recall(&mut self, _memory: &[f32]) {}

    /// A number that it keeps account of while it learns, by path, once there is one.
    fn told(&self, _path: &str) -> Option<f32> {
        None
    }

    /// Probe texts that it is not trained on, for a model that answers.
    fn questions(&self, _count: usize) -> Vec<String> {
        Vec::new()
    }

    /// How well it does on examples of this length that it is not trained on, on the machine that trains it; `None` for
    /// a model that writes without end.
    fn evaluate<'a>(&'a mut self, _length: usize, _machine: &'a mut dyn Executable) -> Option<Answer<'a, Evaluation>> {
        None
    }
}

/// How well a model does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// The share of sequences that are right from beginning to end, or of labels that are right.
    pub exact_match: f32,
    /// The share of wrong tokens at each position when it reads its own.
    pub free: Vec<f32>,
    /// The same when it reads the truth.
    pub forced: Vec<f32>,
}

/// The model of a spec that is valid, with its examples.
///
/// # Errors
/// What is wrong with the text, for the learner.
pub fn open(spec: &ModelSpec, text: &str) -> Result<Box<dyn Trainable>, SpecError> {
    Ok(match spec.model {
        _ if spec.task.makes_sequences() => Box::new(Tagger::new(spec)),
        Architecture::FeedForward => Box::new(Tagger::new(spec)),
        Architecture::Recurrent | Architecture::Transformer | Architecture::S4d | Architecture::Mamba => {
            Box::new(NextToken::new(spec, text)?)
        }
        Architecture::EncoderDecoder => doors::translator(spec),
        Architecture::Classifier => doors::labeller(spec, text)?,
    })
}

/// A training step.
pub struct Training {
    /// One program, `train`, first.
    pub graph: Graph,
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

impl Training {
    /// Closes a graph that has a loss, and where it is watched an accuracy, and whose gradients are kept, with the optimiser.
    ///
    /// # Errors
    /// As [`Graph::optimise`].
    pub fn close(
        mut graph: Graph,
        optimiser: Optimiser,
        loss: ValueId,
        accuracy: Option<ValueId>,
    ) -> Result<Training, EngineError> {
        graph.optimise(optimiser)?;
        let hyper = graph.find("hyper")?;
        let mut journal = vec![loss];
        journal.extend(accuracy);
        journal.push(graph.find("gradient_norms")?);
        let states = (0..optimiser.states()).map(Flat::State);
        let persistent = std::iter::once(Flat::Parameters).chain(states).map(|flat| graph.flat(flat)).collect();
        Ok(Training { graph, hyper, journal, persistent })
    }
}

/// What a model learns from, as the page tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Example {
    /// What each token is shown as.
    pub symbols: Vec<String>,
    /// What each label is shown as; none where nothing is labelled.
    pub labels: Vec<String>,
    /// Distinct characters that were folded into the "other" symbol.
    pub folded: usize,
    /// Characters of the training text; 0 where examples are made.
    pub characters: usize,
    /// Tells one text from another; 0 where examples are made, which the spec decides.
    pub fingerprint: u64,
    /// What the learner should know of how it was read.
    pub remark: Option<String>,
}

/// What an observer runs: the probe text, and what the model writes.
pub struct Observation {
    /// Programs that share the parameters.
    pub graph: Graph,
    /// The probe text's tokens.
    pub probe: Vec<u32>,
    /// Inputs to be written once.
    pub inputs: Vec<(ValueId, Vec<u32>)>,
    /// The same of numbers.
    pub features: Vec<(ValueId, Vec<f32>)>,
    /// Programs to be run whenever the parameters have changed, in order.
    pub programs: Vec<&'static str>,
    /// How it answers.
    pub answer: Answering,
    /// What each token, or each label, is shown as.
    pub symbols: Vec<String>,
}

/// The most probable answer of a decoder, found as the text that a teacher-forced pass gives back: `probe/own/tokens` (T),
/// and beside it `probe/target` (T).
pub struct Own {
    /// The program that reads `given`.
    pub program: &'static str,
    /// (T, 1) ids: the first token, then its own.
    pub given: ValueId,
    /// (T, 1, V).
    pub probabilities: ValueId,
    /// What fills up an answer that has ended.
    pub padding: u32,
    /// The right answer with its end, where there is one.
    pub target: Vec<u32>,
}

/// What a model writes when it is asked.
pub enum Answering {
    /// Token after token, from the first one on.
    Writes {
        /// The program that reads a token.
        step: OneStep,
        /// The token it begins with.
        first: u32,
        /// The token that ends it.
        end: Option<u32>,
        /// The program that sets the carried states; zeros where there is none.
        begin: Option<&'static str>,
        /// For a model that answers the probe text: its whole answer at once.
        own: Option<Own>,
    },
    /// The most probable label, by these probabilities (.., C): one, or one a timestep.
    Names(ValueId),
    /// The last of these numbers.
    Says(ValueId),
    /// Nothing that could be said in a word.
    Nothing,
}
