//! A run: a model in training, its good states so far, and what to do when numbers or devices fail.

mod looking;

use crate::engine::backend::{Executable, JOURNAL_ROWS};
use crate::engine::error::EngineError;
use crate::engine::graph::{Kind, Source};
use crate::engine::optimiser::Optimiser;
use crate::engine::plan::Plan;
use crate::protocol::Edit;
use crate::spec::{Architecture, BackendKind, Choice, ModelSpec, SpecError, limits};

use super::archive::Archive;
use super::checkpoint::{Checkpoint, CheckpointError};
use super::device::{Devices, MEMORY_LIMIT, on_cpu};
use super::doors;
use super::evaluation::Evaluator;
use super::instruments::Instruments;
use super::model;
use super::observer::Observer;
use super::surgery;
use super::trainable::{self, Example, Trainable, Training, Watch};
use super::weights::WeightsError;

/// Parameters and optimiser state after a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Steps done.
    pub step: u64,
    /// The flat parameters and the optimiser's states, one after the other.
    numbers: Vec<f32>,
    /// See [`Trainable::memory`].
    memory: Vec<f32>,
}

impl Snapshot {
    /// A snapshot of these numbers.
    pub fn new(step: u64, numbers: Vec<f32>, memory: Vec<f32>) -> Snapshot {
        Snapshot { step, numbers, memory }
    }

    /// Its size.
    pub fn bytes(&self) -> usize {
        size_of_val(self.numbers.as_slice()) + size_of_val(self.memory.as_slice())
    }
}

/// Why training stopped by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// The step that failed.
    pub step: u64,
    /// The first tensor, in the order of computation, with a number that is not finite.
    pub node: String,
}

/// Rows of the journal: step, loss, accuracy, total gradient norm, gradient norm of every parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Numbers of a row.
    pub width: usize,
    /// The rows, one after the other.
    pub numbers: Vec<f32>,
}

/// What [`Session::drain`] found.
#[derive(Debug)]
pub enum Drained {
    /// All is finite.
    Good(Rows),
    /// Not so; the session is back at its last good state.
    Diverged(Rows, Divergence),
}

/// A model in training.
pub struct Session {
    spec: ModelSpec,
    model: Box<dyn Trainable>,
    training: Training,
    optimiser: Optimiser,
    executable: Box<dyn Executable>,
    backend: BackendKind,
    probe: String,
    observer: Observer,
    evaluator: Option<Evaluator>,
    instruments: Instruments,
    edits: Vec<Edit>,
    initial: Vec<f32>,
    step: u64,
    /// See [`Session::take_all_padding`].
    all_padding: Option<u64>,
    /// The present step is either a kept one or after all of them.
    archive: Archive,
}

/// Why no session was built.
#[derive(Debug)]
pub enum BuildError {
    /// Bad input; for the learner.
    Invalid(Vec<SpecError>),
    /// The engine's refusal.
    Engine(EngineError),
}

impl From<EngineError> for BuildError {
    fn from(error: EngineError) -> Self {
        BuildError::Engine(error)
    }
}

impl Session {
    /// Builds the model of a spec for a text, at step 0. Where a GPU was asked for and cannot be had, the session runs
    /// on the CPU and the reason is returned beside it.
    ///
    /// # Errors
    /// Everything that is wrong with the spec, the text and the probe text.
    pub async fn new(
        spec: &ModelSpec,
        text: &str,
        probe: &str,
        devices: &mut Devices,
    ) -> Result<(Session, Option<EngineError>), BuildError> {
        let mut errors = spec.validate().err().unwrap_or_default();
        let model = trainable::open(spec, text).map_err(|error| errors.push(error)).ok();
        errors.extend(check_probe(probe, spec).err());
        let Some(model) = model.filter(|_| errors.is_empty()) else { return Err(BuildError::Invalid(errors)) };
        Session::of(model, spec, probe, devices).await
    }

    /// As [`Session::new`], with a model and examples that stand already, for a spec and a probe text that are valid.
    ///
    /// # Errors
    /// What the engine refuses.
    pub async fn of(
        mut model: Box<dyn Trainable>,
        spec: &ModelSpec,
        probe: &str,
        devices: &mut Devices,
    ) -> Result<(Session, Option<EngineError>), BuildError> {
        let optimiser = model::optimiser(spec.optimiser);
        let training = model.training(optimiser, Watch::Everything)?;
        let initial = model.initial(&training.graph);
        let observer = Observer::new(model.observation(probe)?)?;
        let evaluator = model.examination().transpose()?.map(Evaluator::new);

        let plan = Plan::new(training.graph.clone(), MEMORY_LIMIT)?;
        let (executable, backend, refusal) = match devices.open(spec.backend, plan, &training.journal).await {
            Ok(executable) => (executable, spec.backend, None),
            Err(error) => {
                let plan = Plan::new(training.graph.clone(), MEMORY_LIMIT)?;
                (on_cpu(plan, &training.journal), BackendKind::Cpu, Some(error))
            }
        };
        let archive = Archive::new(first(&initial, training.persistent.len()));
        let mut session = Session {
            spec: spec.clone(),
            model,
            training,
            optimiser,
            executable,
            backend,
            probe: probe.to_owned(),
            observer,
            evaluator,
            instruments: Instruments::default(),
            edits: Vec::new(),
            initial,
            step: 0,
            all_padding: None,
            archive,
        };
        session.restore_good()?;
        Ok((session, refusal))
    }

    /// The spec, with what was adjusted since.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// What it learns from.
    pub fn examples(&self) -> Example {
        self.model.examples()
    }

    /// Tokens of a training step; of the last one, where they are not always as many.
    pub fn tokens_per_step(&self) -> usize {
        self.model.tokens().unwrap_or(self.spec.sequence_length * self.spec.batch)
    }

    /// The backend that trains.
    pub fn backend(&self) -> BackendKind {
        self.backend
    }

    /// The training plan on its device.
    pub fn executable(&self) -> &dyn Executable {
        self.executable.as_ref()
    }

    /// The probe text and the sampler.
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Numbers in a row of [`Rows`].
    pub fn row_width(&self) -> usize {
        4 + self.training.graph.parameters().len()
    }

    /// Changes what may change while training.
    ///
    /// # Errors
    /// The values outside their limits; nothing is changed then.
    pub fn adjust(&mut self, learning_rate: f32, clip: Option<f32>) -> Result<(), Vec<SpecError>> {
        let spec = ModelSpec { learning_rate, clip, ..self.spec.clone() };
        spec.validate()?;
        self.spec = spec;
        Ok(())
    }

    /// Changes the probe text.
    ///
    /// # Errors
    /// A text that is empty or too long; nothing is changed then.
    pub fn set_probe(&mut self, probe: &str) -> Result<(), BuildError> {
        check_probe(probe, &self.spec).map_err(|error| BuildError::Invalid(vec![error]))?;
        let observation = self.model.observation(probe)?;
        if observation.probe != self.observer.probe() {
            self.observer = Observer::new(observation)?;
            // What was forced was forced upon another text.
            self.edits.retain(|edit| !matches!(edit, Edit::Attend { .. }));
        }
        if probe != self.probe {
            self.probe = probe.to_owned();
            self.instruments.forget();
        }
        Ok(())
    }

    /// Makes edits in the copy of the parameters that the probe text and all that writes is run with, instead of all
    /// earlier ones. They show after the next [`Session::observe`].
    ///
    /// # Errors
    /// An edit that does not fit; the earlier ones stay then.
    pub fn operate(&mut self, edits: Vec<Edit>) -> Result<(), SpecError> {
        let mut copy = self.initial.clone();
        surgery::apply(&self.training.graph, &mut copy, &self.spec, &edits)?;
        let forced: Vec<(usize, usize, f32)> = edits
            .iter()
            .filter_map(|edit| match edit {
                Edit::Attend { step, place, weight } => Some((*step, *place, *weight)),
                _ => None,
            })
            .collect();
        let attends = self.edits.iter().chain(&edits).any(|edit| matches!(edit, Edit::Attend { .. }));
        if attends && self.observer.force(&forced).is_err() {
            let message = "This model does not attend, or not from this step to this place.".to_owned();
            return Err(SpecError::new("surgery", message));
        }
        self.edits = edits;
        Ok(())
    }

    /// As [`Session::operate`], but an edit that does not fit is left out; says why of each.
    pub fn operate_as_fits(&mut self, edits: Vec<Edit>) -> Vec<SpecError> {
        if self.operate(edits.clone()).is_ok() {
            return Vec::new();
        }
        let mut errors = Vec::from_iter(self.operate(Vec::new()).err());
        for edit in edits {
            let tried = [self.edits.as_slice(), &[edit]].concat();
            errors.extend(self.operate(tried).err());
        }
        errors
    }

    /// Gives the session a clock, in seconds, for the views that measure time; a browser has no other.
    pub fn set_clock(&mut self, now: fn() -> f64) {
        self.instruments.clock = Some(now);
    }

    /// The edits that are made.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// One training step. The caller must [`Session::drain`] at least every [`JOURNAL_ROWS`] steps.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`]: then [`Session::fall_back`].
    pub async fn train_step(&mut self) -> Result<(), EngineError> {
        self.archive.forget_after(self.step);
        self.model.write_batch(self.step, self.executable.as_mut()).await?;
        let hyper = self.optimiser.hyper(self.step + 1, self.spec.rate(self.step), self.spec.clip);
        self.executable.write(self.training.hyper, &hyper)?;
        self.executable.run(0)?;
        self.step += 1;
        self.forget_measures();
        if self.model.targets() == Some(0) {
            self.all_padding.get_or_insert(self.step);
        }
        Ok(())
    }

    /// The first step since the last call whose targets were all padding: its loss and gradient are 0, which is no
    /// success.
    pub fn take_all_padding(&mut self) -> Option<u64> {
        self.all_padding.take()
    }

    /// The journal since the last call, checked: where a number is not finite, the failing step and tensor are found
    /// by repeating the steps from the last good state, which is then restored.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`]: then [`Session::fall_back`].
    pub async fn drain(&mut self) -> Result<Drained, EngineError> {
        let journal = self.executable.take_journal().await?;
        let width: usize = self.training.journal.iter().map(|id| self.training.graph.shape(*id).len()).sum();
        let count = journal.len() / width;
        let first = self.step + 1 - count as u64;
        let mut rows = Rows { width: width + 2, numbers: Vec::with_capacity(count * (width + 2)) };
        for (row, step) in journal.chunks_exact(width).zip(first..) {
            if row.iter().any(|number| !number.is_finite()) {
                let divergence = self.locate().await?;
                return Ok(Drained::Diverged(rows, divergence));
            }
            rows.numbers.extend([step as f32, row[0], row[1], total_norm(&row[2..])]);
            rows.numbers.extend(&row[2..]);
        }
        Ok(Drained::Good(rows))
    }

    /// Repeats the steps since the last good state one at a time until a number is not finite.
    async fn locate(&mut self) -> Result<Divergence, EngineError> {
        self.restore_good()?;
        let mut found = Divergence { step: self.step, node: "loss".to_owned() };
        for _ in 0..2 * JOURNAL_ROWS {
            self.train_step().await?;
            let row = self.executable.take_journal().await?;
            if row.iter().any(|number| !number.is_finite()) {
                found = Divergence { step: self.step, node: self.first_not_finite().await? };
                break;
            }
        }
        self.restore_good()?;
        Ok(found)
    }

    async fn first_not_finite(&mut self) -> Result<String, EngineError> {
        let steps = &self.executable.plan().programs()[0].steps;
        let outputs: Vec<_> = steps.iter().flat_map(|step| step.outputs.clone()).collect();
        for id in outputs {
            let value = self.training.graph.value(id);
            let (Some(path), Source::Node(_), Kind::Float) = (value.path.clone(), &value.source, value.kind) else {
                continue;
            };
            let numbers = self.executable.read(&[id]).await?;
            if numbers.iter().any(|number| !number.is_finite()) {
                return Ok(path);
            }
        }
        Ok("loss".to_owned())
    }

    /// Keeps the present state as the last good one, and for time travel. Call it after a [`Drained::Good`], before the next
    /// step.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    pub async fn keep(&mut self) -> Result<(), EngineError> {
        let snapshot = self.snapshot().await?;
        self.archive.keep(snapshot);
        Ok(())
    }

    /// The snapshots one can go back to.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Goes to the newest kept state at or before a step, and forgets nothing: the present is kept first, and what comes
    /// after that step until the next [`Session::train_step`]. Call it after a [`Drained::Good`]. What was adjusted stays so.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    pub async fn travel(&mut self, step: u64) -> Result<(), EngineError> {
        if self.step > self.archive.newest().step {
            self.keep().await?;
        }
        self.step = step;
        self.restore_good()
    }

    /// The state as it stands.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    pub async fn snapshot(&mut self) -> Result<Snapshot, EngineError> {
        let numbers = self.executable.read(&self.training.persistent).await?;
        Ok(Snapshot { step: self.step, numbers, memory: self.model.memory() })
    }

    /// Goes back to a snapshot of this session.
    ///
    /// # Errors
    /// [`EngineError::Size`] for a snapshot of another model.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EngineError> {
        let flat = self.initial.len();
        for (id, numbers) in self.training.persistent.iter().zip(snapshot.numbers.chunks_exact(flat.max(1))) {
            self.executable.write(*id, numbers)?;
        }
        self.step = snapshot.step;
        self.forget_measures();
        self.model.recall(&snapshot.memory);
        Ok(())
    }

    /// The run as it stands, for going on with it another day.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    pub async fn checkpoint(&mut self) -> Result<Checkpoint, EngineError> {
        let snapshot = self.snapshot().await?;
        let buffers = snapshot.numbers.chunks_exact(self.initial.len());
        let counters = [snapshot.step, self.observer.drawn, self.model.examples().fingerprint];
        Ok(Checkpoint::new(&self.training.graph, buffers, &self.spec, counters, &snapshot.memory))
    }

    /// Goes on from a checkpoint of a run with the same spec and text, taking over what had been adjusted.
    ///
    /// # Errors
    /// A checkpoint of another run; nothing is changed then. [`CheckpointError::Engine`] when the device is lost: then
    /// [`Session::fall_back`].
    pub async fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        checkpoint.fits(&self.spec, self.model.examples().fingerprint)?;
        let numbers = checkpoint.numbers(&self.training.graph, self.training.persistent.len())?;
        self.executable.take_journal().await?;
        self.spec = ModelSpec { backend: self.spec.backend, ..checkpoint.spec.clone() };
        self.observer.drawn = checkpoint.drawn;
        self.archive = Archive::new(first(&self.initial, self.training.persistent.len()));
        self.archive.keep(Snapshot::new(checkpoint.step, numbers, checkpoint.memory.clone()));
        self.step = checkpoint.step;
        Ok(self.restore_good()?)
    }

    /// The parameters as a safetensors file with PyTorch's names.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    pub async fn export_weights(&mut self) -> Result<Vec<u8>, EngineError> {
        let flat = self.executable.read(&self.training.persistent[..1]).await?;
        Ok(doors::export(&self.training.graph, &flat, self.kind()))
    }

    /// What tells weights of equal names and shapes apart: the cell, or the kind of a model without one.
    pub fn kind(&self) -> &'static str {
        match self.spec.model {
            Architecture::Transformer | Architecture::S4d | Architecture::Mamba | Architecture::FeedForward => {
                self.spec.model.key()
            }
            Architecture::Recurrent | Architecture::EncoderDecoder | Architecture::Classifier => self.spec.cell.name(),
        }
    }

    /// Starts anew, at step 0, from the parameters of a file; [`Session::reset`] then goes back to them.
    ///
    /// # Errors
    /// Everything in the file that does not fit; nothing is changed then. [`WeightsError::Engine`] when the device is lost.
    pub async fn import_weights(&mut self, file: &[u8]) -> Result<(), Vec<WeightsError>> {
        self.initial = doors::import(&self.training.graph, file, self.kind())?;
        self.reset().await.map_err(|error| vec![WeightsError::Engine(error)])
    }

    /// Back to the newest kept state that is not after the present step.
    fn restore_good(&mut self) -> Result<(), EngineError> {
        let good = self.archive.at_or_before(self.step).clone();
        self.restore(&good)
    }

    /// Back to step 0 with the same seed.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    pub async fn reset(&mut self) -> Result<(), EngineError> {
        self.archive = Archive::new(first(&self.initial, self.training.persistent.len()));
        self.executable.take_journal().await?;
        self.restore_good()
    }

    /// Goes on on the CPU from the last good state.
    ///
    /// # Errors
    /// [`EngineError::Memory`].
    pub fn fall_back(&mut self) -> Result<(), EngineError> {
        let plan = Plan::new(self.training.graph.clone(), MEMORY_LIMIT)?;
        self.executable = on_cpu(plan, &self.training.journal);
        self.backend = BackendKind::Cpu;
        self.restore_good()
    }
}

/// The start of a run: these parameters, every optimiser state zero.
fn first(initial: &[f32], buffers: usize) -> Snapshot {
    let mut numbers = initial.to_vec();
    numbers.resize(initial.len() * buffers, 0.0);
    Snapshot::new(0, numbers, Vec::new())
}

/// A task that makes sequences makes one to look at too, where no text is given.
fn check_probe(probe: &str, spec: &ModelSpec) -> Result<(), SpecError> {
    let count = probe.chars().count();
    if limits::PROBE_CHARACTERS.contains(&count) || (count == 0 && spec.task.makes_sequences()) {
        return Ok(());
    }
    let (low, high) = (limits::PROBE_CHARACTERS.start(), limits::PROBE_CHARACTERS.end());
    Err(SpecError::new("probe", format!("The probe text has {count} characters; it takes {low} to {high}.")))
}

fn total_norm(norms: &[f32]) -> f32 {
    norms.iter().map(|norm| f64::from(*norm) * f64::from(*norm)).sum::<f64>().sqrt() as f32
}
