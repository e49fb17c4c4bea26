//! Networks of tokens as a run sees them: whole sequences to train on and to look into, and token by token to write.

use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Kind, ValueId};
use crate::engine::kernels::discretise;
use crate::engine::kernels::unary::Unary;
use crate::nn::language_model::{LanguageModel, ModelParameters};
use crate::nn::recurrent::{Dropout, Run, SequenceInput};
use crate::nn::state_space::mamba::Mamba;
use crate::nn::state_space::s4d::S4d;
use crate::nn::state_space::{Computation, Mixer, StateSpaceModel, StateSpaceParameters};
use crate::nn::transformer::{self, Block, Transformer, TransformerParameters};
use crate::spec::{Architecture, Discretisation, ModelSpec, Positions, Scan};

use super::decoding::{Carried, OneStep};
use super::doors;
use super::signals::recurrent_signals;

/// A network that answers at every token; a language model, with the next one.
pub trait Network {
    /// Adds its parameters to a graph.
    ///
    /// # Errors
    /// [`EngineError::Shape`], which a valid spec never meets.
    fn parameters(&self, graph: &mut Graph) -> Result<Box<dyn Reader>, EngineError>;

    /// Whether what it answers at a token depends on later ones.
    fn reads_ahead(&self) -> bool {
        false
    }
}

/// A network with its parameters in a graph.
pub trait Reader {
    /// Reads whole sequences of tokens (T, B), from zero states. `program` names the inputs it adds; `key` (2) ids is that
    /// of dropout in training.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the tokens do not fit.
    fn read(
        &self,
        graph: &mut Graph,
        program: &str,
        tokens: ValueId,
        key: Option<ValueId>,
    ) -> Result<Reading, EngineError>;

    /// Adds the programs `prepare`, to be run whenever the parameters have changed, and `sample`, which reads a token in
    /// each of `batch` sequences and carries its states over to the next run.
    ///
    /// # Errors
    /// As [`Reader::read`].
    fn step(&self, graph: &mut Graph, batch: usize) -> Result<OneStep, EngineError>;
}

/// What a network makes of sequences.
pub struct Reading {
    /// (T, B, outputs).
    pub logits: ValueId,
    /// The tokens as vectors (T, B, D); `None` where they are read one-hot.
    pub embedded: Option<ValueId>,
    /// Values (T, ..) whose total derivative at every step is watched while training, by the path of its norm.
    pub watched: Vec<(String, ValueId)>,
    /// What the views show of the probe text, by its path below `probe/`. What nobody names is not computed.
    pub signals: Vec<(String, ValueId)>,
}

/// The language model of a spec, for a vocabulary of this size.
pub fn network(spec: &ModelSpec, vocabulary: usize) -> Box<dyn Network> {
    stack(spec, vocabulary, vocabulary).unwrap_or_else(|| Box::new(language_model(spec, vocabulary)))
}

/// The stack of blocks of a spec that answers with so many numbers; `None` for a recurrent network.
pub fn stack(spec: &ModelSpec, vocabulary: usize, outputs: usize) -> Option<Box<dyn Network>> {
    match spec.model {
        Architecture::Transformer => Some(doors::transformer(spec, vocabulary, outputs)),
        Architecture::S4d | Architecture::Mamba => doors::state_space(spec, vocabulary, outputs),
        _ => None,
    }
}

/// The Transformer of a spec.
pub fn transformer(spec: &ModelSpec, vocabulary: usize, outputs: usize) -> Transformer {
    let ModelSpec { layers, hidden, .. } = *spec;
    let block = Block {
        model: hidden,
        heads: spec.heads,
        feed_forward: 4 * hidden,
        activation: Unary::Gelu,
        causal: true,
        eps: 1e-5,
    };
    let positions = match spec.positions {
        Positions::Learned => transformer::Positions::Learned,
        Positions::Sinusoidal => transformer::Positions::Sinusoidal,
    };
    // What it writes or is asked about may be longer than what it was trained on.
    let longest = spec.sequence_length.max(LONGEST);
    Transformer { vocabulary, outputs, block, layers, positions, longest, final_norm: true }
}

/// The network of a spec whose blocks are state-space layers.
pub fn state_space_network(spec: &ModelSpec, vocabulary: usize, outputs: usize) -> Option<StateSpace> {
    let model = state_space(spec, vocabulary, outputs)?;
    let computation = match (spec.model, spec.scan) {
        (Architecture::S4d, Scan::Convolution) => Computation::Convolution,
        _ => Computation::Recurrence,
    };
    Some(StateSpace { model, computation })
}

/// The model of a spec whose blocks are state-space layers.
pub fn state_space(spec: &ModelSpec, vocabulary: usize, outputs: usize) -> Option<StateSpaceModel> {
    let mixer = match spec.model {
        Architecture::S4d => {
            let discretisation = match spec.discretisation {
                Discretisation::ZeroOrderHold => discretise::Discretisation::ZeroOrderHold,
                Discretisation::Bilinear => discretise::Discretisation::Bilinear,
            };
            Mixer::S4d(S4d { channels: spec.hidden, modes: spec.state_size, discretisation })
        }
        Architecture::Mamba => Mixer::Mamba(Mamba::of_width(spec.hidden, spec.state_size)),
        _ => return None,
    };
    Some(StateSpaceModel { mixer, layers: spec.layers, vocabulary, outputs })
}

/// The places a Transformer has at least: those of the longest probe text and of a sample.
const LONGEST: usize = 256;

/// The recurrent language model of a spec.
pub fn language_model(spec: &ModelSpec, vocabulary: usize) -> LanguageModel {
    LanguageModel {
        cell: spec.cell,
        layers: spec.layers,
        vocabulary,
        embedding: Some(spec.embedding).filter(|width| *width > 0),
        hidden: spec.hidden,
        bidirectional: spec.bidirectional,
        dropout: spec.dropout,
    }
}

/// An empty program for networks that have nothing to prepare.
fn nothing_to_prepare(graph: &mut Graph) {
    graph.program("prepare");
}

impl Network for LanguageModel {
    fn parameters(&self, graph: &mut Graph) -> Result<Box<dyn Reader>, EngineError> {
        let parameters = LanguageModel::parameters(self, graph);
        Ok(Box::new(Recurrent { model: self.clone(), parameters }))
    }

    fn reads_ahead(&self) -> bool {
        self.bidirectional
    }
}

struct Recurrent {
    model: LanguageModel,
    parameters: ModelParameters,
}

impl Reader for Recurrent {
    fn read(
        &self,
        graph: &mut Graph,
        program: &str,
        tokens: ValueId,
        key: Option<ValueId>,
    ) -> Result<Reading, EngineError> {
        let batch = graph.shape(tokens).last();
        let states = self.model.states(graph, program, batch);
        let dropout = key.filter(|_| self.model.dropout > 0.0);
        let dropout = dropout.map(|key| Dropout { p: self.model.dropout, key, stream: 0 });
        let input = self.model.input(graph, &self.parameters, tokens)?;
        let embedded = input.features();
        let run = Run { states: &states, dropout, ..Run::new(input) };
        let pass = self.model.run(graph, &self.parameters, &run)?;
        let (watched, signals) = recurrent_signals(graph, &self.model.recurrent(), &pass.layers, "layers")?;
        Ok(Reading { logits: pass.logits, embedded, watched, signals })
    }

    fn step(&self, graph: &mut Graph, batch: usize) -> Result<OneStep, EngineError> {
        let (model, parameters) = (&self.model, &self.parameters);
        graph.program("prepare");
        let projected = if model.bidirectional {
            None
        } else {
            let projected = model.projected_tokens(graph, parameters)?;
            graph.name(projected, "prepare/projected_tokens");
            Some(projected)
        };
        graph.program("sample");
        let token = graph.input("sample/tokens", [1, batch], Kind::Ids);
        let states = model.states(graph, "sample", batch);
        let input = match projected {
            Some(projected) => SequenceInput::Projected(graph.embedding(token, projected, None)?),
            None => model.input(graph, parameters, token)?,
        };
        let pass = model.run(graph, parameters, &Run { states: &states, ..Run::new(input) })?;
        graph.name(pass.logits, "sample/logits");
        let mut carried = Vec::new();
        // A network that reads backwards has only this token to begin from: its state is not carried on.
        let forward = pass.layers.iter().zip(&states).enumerate().step_by(model.recurrent().directions());
        for (number, (layer, state)) in forward {
            for (name, after, before) in [("h", Some(layer.h), Some(state.h)), ("c", layer.c, state.c)] {
                if let (Some(after), Some(before)) = (after, before) {
                    graph.name(after, format!("sample/{name}/{number}"));
                    graph.carry(after, before)?;
                    carried.push(Carried { before, after });
                }
            }
        }
        Ok(OneStep { program: "sample", token, position: None, longest: None, logits: pass.logits, carried })
    }
}

impl Network for Transformer {
    fn parameters(&self, graph: &mut Graph) -> Result<Box<dyn Reader>, EngineError> {
        let parameters = Transformer::parameters(self, graph)?;
        Ok(Box::new(Attending { model: self.clone(), parameters }))
    }
}

struct Attending {
    model: Transformer,
    parameters: TransformerParameters,
}

impl Reader for Attending {
    fn read(
        &self,
        graph: &mut Graph,
        _program: &str,
        tokens: ValueId,
        _key: Option<ValueId>,
    ) -> Result<Reading, EngineError> {
        let pass = self.model.forward(graph, &self.parameters, tokens)?;
        let layers = || pass.layers.iter().enumerate();
        let watched = layers().map(|(at, layer)| (format!("layers/{at}/grad_y_norm"), layer.y)).collect();
        let signals = layers()
            .flat_map(|(at, layer)| {
                [("attention", layer.weights), ("norm1", layer.norm1), ("y", layer.y)]
                    .map(|(name, value)| (format!("layers/{at}/{name}"), value))
            })
            .collect();
        Ok(Reading { logits: pass.logits, embedded: Some(pass.embedded), watched, signals })
    }

    fn step(&self, graph: &mut Graph, batch: usize) -> Result<OneStep, EngineError> {
        nothing_to_prepare(graph);
        graph.program("sample");
        let step = self.model.cached_step(graph, &self.parameters, "sample", batch)?;
        let caches = step.caches.iter().flat_map(|cache| [cache.keys, cache.values]);
        let carried = caches.map(|cache| Carried { before: cache, after: cache }).collect();
        let (token, position) = (step.tokens, Some(step.position));
        let longest = Some(self.model.longest);
        Ok(OneStep { program: "sample", token, position, longest, logits: step.logits, carried })
    }
}

/// A state-space model and how it is computed on whole sequences.
pub struct StateSpace {
    model: StateSpaceModel,
    computation: Computation,
}

impl Network for StateSpace {
    fn parameters(&self, graph: &mut Graph) -> Result<Box<dyn Reader>, EngineError> {
        let parameters = self.model.parameters(graph);
        Ok(Box::new(Scanning { model: self.model, computation: self.computation, parameters }))
    }
}

struct Scanning {
    model: StateSpaceModel,
    computation: Computation,
    parameters: StateSpaceParameters,
}

impl Reader for Scanning {
    fn read(
        &self,
        graph: &mut Graph,
        program: &str,
        tokens: ValueId,
        _key: Option<ValueId>,
    ) -> Result<Reading, EngineError> {
        let states = self.model.states(graph, program, graph.shape(tokens).last());
        let pass = self.model.forward(graph, &self.parameters, self.computation, tokens, &states)?;
        let (mut watched, mut signals) = (Vec::new(), Vec::new());
        for (at, layer) in pass.layers.iter().enumerate() {
            // A convolution has no states; its output stands for them.
            watched.push(match layer.states {
                Some(states) => (format!("layers/{at}/grad_x_norm"), states),
                None => (format!("layers/{at}/grad_y_norm"), layer.output),
            });
            signals.extend(layer.signals.iter().map(|(name, value)| (format!("layers/{at}/{name}"), *value)));
            signals.extend(layer.states.map(|states| (format!("layers/{at}/x"), states)));
        }
        Ok(Reading { logits: pass.logits, embedded: Some(pass.embedded), watched, signals })
    }

    fn step(&self, graph: &mut Graph, batch: usize) -> Result<OneStep, EngineError> {
        nothing_to_prepare(graph);
        graph.program("sample");
        let token = graph.input("sample/tokens", [1, batch], Kind::Ids);
        let states = self.model.states(graph, "sample", batch);
        let pass = self.model.forward(graph, &self.parameters, Computation::Recurrence, token, &states)?;
        graph.name(pass.logits, "sample/logits");
        let pairs = self.model.carried(graph, &pass, &states)?;
        let mut carried = Vec::new();
        for (at, [before, after]) in pairs.into_iter().enumerate() {
            if graph.value(after).path.is_none() {
                graph.name(after, format!("sample/state/{at}"));
            }
            graph.carry(after, before)?;
            carried.push(Carried { before, after });
        }
        Ok(OneStep { program: "sample", token, position: None, longest: None, logits: pass.logits, carried })
    }
}
