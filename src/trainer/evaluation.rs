//! What a model does on examples that it is not trained on, on the CPU and a copy of its parameters, as numbers by path:
//! `evaluation/loss`, `evaluation/accuracy` and what else its task measures.

use std::collections::HashMap;

use crate::engine::backend::Executable;
use crate::engine::backend::cpu::CpuExecutable;
use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, Graph, ValueId};
use crate::engine::kernels::cross_entropy::argmax;
use crate::engine::plan::Plan;

use super::decoding::OneStep;
use super::device::MEMORY_LIMIT;
use super::measures::Tensor;

/// Held-out examples and what is measured on them.
pub struct Examination {
    /// A program `evaluate`; `prepare` and the one-step program too for a model that [`Examination::writes`].
    pub graph: Graph,
    /// The examples.
    pub ids: Vec<(ValueId, Vec<u32>)>,
    /// Those of them that are numbers.
    pub numbers: Vec<(ValueId, Vec<f32>)>,
    /// What is averaged.
    pub means: Vec<Mean>,
    /// What is made of the values of a program of its own, which is run only for it.
    pub derived: Vec<Derived>,
    /// What the task knows without the model, by path.
    pub known: Vec<(&'static str, Vec<f32>)>,
    /// For a model that writes.
    pub writes: Option<Continuation>,
}

/// A measure: the mean of a named value of the program over groups of its elements.
pub struct Mean {
    /// `evaluation/accuracy`.
    pub path: &'static str,
    /// The value.
    pub of: ValueId,
    /// One number for each group.
    pub shape: Vec<usize>,
    /// The group of an element, if it is in one.
    pub group: Box<dyn Fn(usize) -> Option<usize>>,
}

/// From a value's numbers to a measure's.
pub type Take = Box<dyn Fn(&[f32]) -> Vec<f32>>;

/// A measure of a value of any program.
pub struct Derived {
    /// `evaluation/exact_match`.
    pub path: &'static str,
    /// The program that computes the value.
    pub program: &'static str,
    /// The value.
    pub of: ValueId,
    /// The measure's shape.
    pub shape: Vec<usize>,
    /// The measure, of the value's numbers.
    pub take: Take,
}

/// Text that a model is given the first half of, and writes on by itself: token by token, each the one it finds most
/// probable, read as the next.
pub struct Continuation {
    /// The program that reads a token.
    pub step: OneStep,
    /// (T, B).
    pub tokens: Vec<u32>,
    /// (T, B): what follows each.
    pub targets: Vec<u32>,
}

/// The share of tokens of the second half of a window that a model writes as they stand in the text, given the first.
pub const WRITING_ACCURACY: &str = "evaluation/writing_accuracy";

/// About how many timesteps are evaluated at once.
const TIMESTEPS: usize = 8192;

/// How many sequences of so many timesteps are held out.
pub fn held_out(length: usize) -> usize {
    (TIMESTEPS / length.max(1)).clamp(16, 128)
}

/// Examines parameters. Nothing is planned before it is asked.
pub struct Evaluator {
    examination: Examination,
    parameters: ValueId,
    machine: Option<CpuExecutable<f32>>,
    /// Which parameters the machine was run with.
    loaded: Option<String>,
    /// Programs of their own that have run with them.
    ran: Vec<&'static str>,
    answers: HashMap<(String, String), Vec<f32>>,
}

impl Evaluator {
    /// For these examples.
    pub fn new(mut examination: Examination) -> Evaluator {
        let parameters = examination.graph.flat(Flat::Parameters);
        Evaluator { examination, parameters, machine: None, loaded: None, ran: Vec::new(), answers: HashMap::new() }
    }

    /// What it measures, with shapes.
    pub fn paths(&self) -> impl Iterator<Item = (String, Vec<usize>)> + '_ {
        let Examination { means, derived, known, writes, .. } = &self.examination;
        let known = known.iter().map(|(path, numbers)| (*path, shape_of(numbers)));
        let means = means.iter().map(|mean| (mean.path, mean.shape.clone()));
        let derived = derived.iter().map(|derived| (derived.path, derived.shape.clone()));
        let writing = writes.iter().map(|_| (WRITING_ACCURACY, Vec::new()));
        known.chain(means).chain(derived).chain(writing).map(|(path, shape)| (path.to_owned(), shape))
    }

    /// The model has changed.
    pub fn forget(&mut self) {
        self.loaded = None;
        self.answers.clear();
    }

    /// Whether parameters must be loaded under this name before this can be measured.
    pub fn needs(&self, name: &str, path: &str) -> bool {
        self.loaded.as_deref() != Some(name) && !self.answers.contains_key(&(name.to_owned(), path.to_owned()))
    }

    /// Runs the examples through the flat parameters of a model, which shall have this name until it has changed.
    ///
    /// # Errors
    /// [`EngineError::Memory`]; [`EngineError::Size`] for parameters of another model.
    pub fn load(&mut self, name: &str, parameters: &[f32]) -> Result<(), EngineError> {
        let Examination { graph, ids, numbers, writes, .. } = &self.examination;
        let machine = match &mut self.machine {
            Some(machine) => machine,
            unbuilt => {
                let mut machine = CpuExecutable::new(Plan::new(graph.clone(), MEMORY_LIMIT)?, &[]);
                ids.iter().try_for_each(|(id, ids)| machine.write_ids(*id, ids))?;
                numbers.iter().try_for_each(|(id, numbers)| machine.write(*id, numbers))?;
                unbuilt.insert(machine)
            }
        };
        machine.write(self.parameters, parameters)?;
        for program in ["evaluate", "prepare"].iter().take(1 + usize::from(writes.is_some())) {
            let program = machine.plan().program(program)?;
            machine.run(program)?;
        }
        self.loaded = Some(name.to_owned());
        self.ran.clear();
        Ok(())
    }

    /// A measure of the parameters of this name.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] for what is not measured here, or not loaded.
    pub fn measure(&mut self, name: &str, path: &str) -> Result<Tensor, EngineError> {
        let shape = self.paths().find(|(known, _)| known == path).map(|(_, shape)| shape);
        let unknown = || EngineError::Unknown { what: format!("measure \"{path}\"") };
        let (shape, key) = (shape.ok_or_else(unknown)?, (name.to_owned(), path.to_owned()));
        if let Some(numbers) = self.answers.get(&key) {
            return Ok((numbers.clone(), shape));
        }
        let Examination { means, derived, known, writes, .. } = &self.examination;
        let machine = self.machine.as_mut().filter(|_| self.loaded.as_deref() == Some(name)).ok_or_else(unknown)?;
        let numbers = if let Some((_, numbers)) = known.iter().find(|(known, _)| *known == path) {
            numbers.clone()
        } else if let Some(mean) = means.iter().find(|mean| mean.path == path) {
            mean.take(machine.view(mean.of)?)
        } else if let Some(derived) = derived.iter().find(|derived| derived.path == path) {
            if !self.ran.contains(&derived.program) {
                machine.run(machine.plan().program(derived.program)?)?;
                self.ran.push(derived.program);
            }
            (derived.take)(machine.view(derived.of)?)
        } else if let Some(continuation) = writes {
            vec![continuation.accuracy(machine)?]
        } else {
            return Err(unknown());
        };
        self.answers.insert(key, numbers.clone());
        Ok((numbers, shape))
    }
}

impl Mean {
    /// Of all elements.
    pub fn of_all(path: &'static str, of: ValueId) -> Mean {
        Mean { path, of, shape: Vec::new(), group: Box::new(|_| Some(0)) }
    }

    /// 0 for a group without elements.
    fn take(&self, numbers: &[f32]) -> Vec<f32> {
        let mut sums = vec![(0.0_f64, 0_u32); self.shape.iter().product()];
        for (at, number) in numbers.iter().enumerate() {
            if let Some((sum, count)) = (self.group)(at).and_then(|group| sums.get_mut(group)) {
                *sum += f64::from(*number);
                *count += 1;
            }
        }
        sums.iter().map(|(sum, count)| (sum / f64::from((*count).max(1))) as f32).collect()
    }
}

impl Continuation {
    fn accuracy(&self, machine: &mut CpuExecutable<f32>) -> Result<f32, EngineError> {
        let OneStep { program, token, position, logits, .. } = self.step;
        let program = machine.plan().program(program)?;
        for carried in &self.step.carried {
            machine.view_mut(carried.before)?.fill(0.0);
        }
        let batch = machine.plan().graph().shape(token).len();
        let given = (self.tokens.len() / batch).div_ceil(2);
        let (mut written, mut right, mut asked) = (Vec::new(), 0, 0);
        for (t, (tokens, targets)) in self.tokens.chunks(batch).zip(self.targets.chunks(batch)).enumerate() {
            machine.write_ids(token, if t < given { tokens } else { &written })?;
            if let Some(position) = position {
                machine.write_ids(position, &vec![t as u32; batch])?;
            }
            machine.run(program)?;
            let logits = machine.view(logits)?;
            written = logits.chunks(logits.len() / batch).map(|row| argmax(row) as u32).collect();
            // The last token that is given already has its successor written.
            if t + 1 >= given {
                right += written.iter().zip(targets).filter(|(token, target)| token == target).count();
                asked += batch;
            }
        }
        Ok(right as f32 / asked as f32)
    }
}

/// The share of the most frequent of some tokens.
pub fn most_frequent(tokens: impl Iterator<Item = u32>) -> f32 {
    let (mut counts, mut all) = (HashMap::<u32, u32>::new(), 0);
    for token in tokens {
        *counts.entry(token).or_default() += 1;
        all += 1;
    }
    counts.values().max().copied().unwrap_or(0) as f32 / all.max(1) as f32
}

/// A single number has no axes.
fn shape_of(numbers: &[f32]) -> Vec<usize> {
    if numbers.len() == 1 { Vec::new() } else { vec![numbers.len()] }
}
