//! What the views see besides the training step: the probe text run through the current parameters, and what the model
//! writes with them. It runs on the CPU whatever backend trains, so that looking costs the GPU one copy of its parameters
//! and a new probe text rebuilds nothing there.

use crate::engine::backend::Executable;
use crate::engine::backend::cpu::CpuExecutable;
use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, ValueId};
use crate::engine::kernels::cross_entropy::argmax;
use crate::engine::plan::Plan;
use crate::engine::rng::{Rng, Stream};

use super::decoding::beam::{BeamOptions, BeamSearch};
use super::decoding::sampling::{Sampler, Sampling};
use super::decoding::{Bounds, GraphStepper, OneStep};
use super::device::MEMORY_LIMIT;
use super::trainable::{Answering, Observation, Own};

/// Numbers with their shape.
type Told = (Vec<f32>, Vec<usize>);

/// The path of a decoder's own answer, and of the right one.
const OWN: &str = "probe/own/tokens";
const TARGET: &str = "probe/target";

/// Runs the probe text and writes.
pub struct Observer {
    executable: CpuExecutable<f32>,
    parameters: ValueId,
    probe: Vec<u32>,
    programs: Vec<usize>,
    answer: Answering,
    symbols: Vec<String>,
    sampler: Sampler,
    /// The answer of a decoder as of the last [`Observer::refresh`], and the right one, as numbers with their shapes.
    own: Told,
    target: Told,
    /// Random numbers drawn so far: the place in the seed's stream where the next sample goes on.
    pub drawn: u64,
}

impl Observer {
    /// An observer of this graph.
    ///
    /// # Errors
    /// [`EngineError::Memory`].
    pub fn new(observation: Observation) -> Result<Observer, EngineError> {
        let Observation { mut graph, probe, inputs, features, programs, answer, symbols } = observation;
        let parameters = graph.flat(Flat::Parameters);
        let mut executable = CpuExecutable::new(Plan::new(graph, MEMORY_LIMIT)?, &[]);
        for (id, tokens) in inputs {
            executable.write_ids(id, &tokens)?;
        }
        for (id, numbers) in features {
            executable.write(id, &numbers)?;
        }
        let place = |name: &&'static str| executable.plan().program(name);
        let programs = programs.iter().map(place).collect::<Result<Vec<usize>, EngineError>>()?;
        let target = match &answer {
            Answering::Writes { own: Some(own), .. } => told(&own.target),
            _ => Told::default(),
        };
        let (sampler, own) = (Sampler::default(), told(&[]));
        Ok(Observer { executable, parameters, probe, programs, answer, symbols, sampler, own, target, drawn: 0 })
    }

    /// The probe text's tokens.
    pub fn probe(&self) -> &[u32] {
        &self.probe
    }

    /// Every path it can show, with its shape: those under `probe/` that are computed.
    pub fn paths(&self) -> impl Iterator<Item = (String, Vec<usize>)> + '_ {
        let values = self.executable.plan().graph().values().iter();
        let answers = match &self.answer {
            // They are as long as the answers are.
            Answering::Writes { own: Some(_), .. } => {
                vec![(OWN.to_owned(), self.own.1.clone()), (TARGET.to_owned(), self.target.1.clone())]
            }
            _ => Vec::new(),
        };
        let computed = values.filter_map(|value| {
            let computed = matches!(value.source, crate::engine::graph::Source::Node(_));
            let path = value.path.as_deref().filter(|path| computed && path.starts_with("probe/"))?;
            Some((path.to_owned(), value.shape.0.clone()))
        });
        computed.chain(answers)
    }

    /// Takes over the flat parameters and runs the probe text.
    ///
    /// # Errors
    /// [`EngineError::Size`] for parameters of another model.
    pub fn refresh(&mut self, parameters: &[f32]) -> Result<(), EngineError> {
        self.load(parameters)?;
        self.programs.iter().try_for_each(|program| self.executable.run(*program))?;
        if let Answering::Writes { own: Some(own), first, end, .. } = &self.answer {
            self.own = told(&answer(&mut self.executable, own, *first, *end)?);
        }
        Ok(())
    }

    /// Takes over the flat parameters, for what is written.
    ///
    /// # Errors
    /// [`EngineError::Size`] for parameters of another model.
    pub fn load(&mut self, parameters: &[f32]) -> Result<(), EngineError> {
        self.executable.write(self.parameters, parameters)
    }

    /// Most tokens of an answer, for a model that answers the probe text.
    pub fn longest_answer(&self) -> Option<usize> {
        match &self.answer {
            Answering::Writes { own: Some(own), .. } => Some(self.executable.plan().graph().shape(own.given).len()),
            _ => None,
        }
    }

    /// The numbers and shape of a path as of the last [`Observer::refresh`].
    ///
    /// # Errors
    /// [`EngineError::Unknown`].
    pub fn view(&self, path: &str) -> Result<(&[f32], &[usize]), EngineError> {
        match path {
            OWN => return Ok((&self.own.0, &self.own.1)),
            TARGET => return Ok((&self.target.0, &self.target.1)),
            _ => {}
        }
        let graph = self.executable.plan().graph();
        let id = graph.find(path)?;
        Ok((self.executable.view(id)?, &graph.shape(id).0))
    }

    /// What the model writes, at most `length` tokens; for a model that names, the labels it gives. Every call draws new numbers
    /// of the seed's stream.
    ///
    /// # Errors
    /// As the backend's.
    pub fn sample(&mut self, length: usize, sampling: &Sampling, seed: u32) -> Result<String, EngineError> {
        let tokens = match &self.answer {
            Answering::Names(probabilities) => {
                let classes = self.executable.plan().graph().shape(*probabilities).last().max(1);
                let rows = self.executable.view(*probabilities)?.chunks(classes);
                rows.map(|row| argmax(row) as u32).collect()
            }
            Answering::Says(numbers) => {
                let said = self.executable.view(*numbers)?.last().copied().unwrap_or(f32::NAN);
                return Ok(format!("{said:.2}"));
            }
            Answering::Nothing => Vec::new(),
            Answering::Writes { step, first, end, begin, .. } => {
                start(&mut self.executable, step, *begin)?;
                let (program, token) = (self.executable.plan().program(step.program)?, step.token);
                let (logits, position, end, mut last) = (step.logits, step.position, *end, *first);
                let rng = Rng::new(seed, Stream::Sampling);
                let length = step.longest.map_or(length, |longest| length.min(longest));
                let mut tokens = Vec::with_capacity(length);
                for read in 0..length {
                    self.executable.write_ids(token, &[last])?;
                    if let Some(position) = position {
                        self.executable.write_ids(position, &[read as u32])?;
                    }
                    self.executable.run(program)?;
                    last = self.sampler.draw(sampling, self.executable.view(logits)?, rng.uniform(self.drawn));
                    self.drawn += 1;
                    if end == Some(last) {
                        break;
                    }
                    tokens.push(last);
                }
                tokens
            }
        };
        Ok(tokens.iter().map(|token| self.symbols[*token as usize].as_str()).collect())
    }
}

impl Observer {
    /// Forces attention weights upon the probe, each (target step, source place, weight 0 to 1): see
    /// [`Forced`](crate::nn::attention::Forced). None gives the model its own attention back. It shows after the next
    /// [`Observer::refresh`].
    ///
    /// # Errors
    /// [`EngineError::Unknown`] for a model that does not attend, and for a step or a place there is not.
    pub fn force(&mut self, forced: &[(usize, usize, f32)]) -> Result<(), EngineError> {
        let graph = self.executable.plan().graph();
        let [pairs, weights] = [graph.find("probe/forced/pairs")?, graph.find("probe/forced/weights")?];
        let shape = graph.shape(pairs).0.clone();
        let (mut chosen, mut given) = (vec![0.0; shape.iter().product()], vec![0.0; shape.iter().product()]);
        for (target, source, weight) in forced {
            if *target >= shape[0] || *source >= shape[2] {
                return Err(EngineError::Unknown { what: format!("pair of target {target} and source {source}") });
            }
            chosen[target * shape[2] + source] = 1.0;
            given[target * shape[2] + source] = weight.clamp(0.0, 1.0);
        }
        self.executable.write(pairs, &chosen)?;
        self.executable.write(weights, &given)
    }

    /// Beam search for what the model writes, from its beginning; the whole tree. `None` for a classifier.
    ///
    /// # Errors
    /// As the backend's.
    pub async fn search(&mut self, options: BeamOptions, max_length: usize) -> Result<Option<BeamSearch>, EngineError> {
        let Answering::Writes { step, first, end, begin, .. } = &self.answer else { return Ok(None) };
        start(&mut self.executable, step, *begin)?;
        let max_length = step.longest.map_or(max_length, |longest| max_length.min(longest));
        let mut state = Vec::new();
        for carried in &step.carried {
            state.extend_from_slice(self.executable.view(carried.before)?);
        }
        // How many tokens were read: none.
        state.extend(step.position.map(|_| 0.0));
        let bounds = Bounds { state: &state, first: *first, end: *end, max_length };
        let mut search = BeamSearch::new(options, bounds);
        search.run(&mut GraphStepper::new(&mut self.executable, step)?).await?;
        Ok(Some(search))
    }

    /// Takes a search up again at a node of its tree, whatever became of it; `false` for one that cannot be continued.
    ///
    /// # Errors
    /// As the backend's.
    pub async fn continue_search(&mut self, search: &mut BeamSearch, node: usize) -> Result<bool, EngineError> {
        let Answering::Writes { step, .. } = &self.answer else { return Ok(false) };
        if !search.continue_from(node) {
            return Ok(false);
        }
        search.run(&mut GraphStepper::new(&mut self.executable, step)?).await?;
        Ok(true)
    }
}

fn told(tokens: &[u32]) -> Told {
    (tokens.iter().map(|token| *token as f32).collect(), vec![tokens.len()])
}

/// The most probable answer, with its end: the pass over `given` is run again with what it chose until it chooses what it was
/// given. A step sees only those before it, so every run makes one step more right, at least.
fn answer(machine: &mut CpuExecutable<f32>, own: &Own, first: u32, end: Option<u32>) -> Result<Vec<u32>, EngineError> {
    let program = machine.plan().program(own.program)?;
    let steps = machine.plan().graph().shape(own.given).len();
    let mut given = machine.view_ids(own.given)?.to_vec();
    given[0] = first;
    let mut chosen = Vec::new();
    for _ in 0..=steps {
        machine.write_ids(own.given, &given)?;
        machine.run(program)?;
        let probabilities = machine.view(own.probabilities)?;
        let rows = probabilities.chunks(probabilities.len() / steps);
        chosen = rows.map(|row| argmax(row) as u32).collect();
        let ended = chosen.iter().position(|token| Some(*token) == end).map_or(steps, |at| at + 1);
        chosen.truncate(ended);
        let mut next: Vec<u32> = std::iter::once(first).chain(chosen.iter().copied()).take(ended.max(1)).collect();
        next.resize(steps, own.padding);
        if next == given {
            break;
        }
        given = next;
    }
    Ok(chosen)
}

/// The carried states before the first token.
fn start(machine: &mut CpuExecutable<f32>, step: &OneStep, begin: Option<&str>) -> Result<(), EngineError> {
    if let Some(program) = begin {
        return machine.run(machine.plan().program(program)?);
    }
    step.carried.iter().try_for_each(|carried| {
        machine.view_mut(carried.before)?.fill(0.0);
        Ok(())
    })
}
