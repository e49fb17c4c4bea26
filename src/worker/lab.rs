//! Commands in, events out: the worker without a browser, so that it is tested natively.

use crate::engine::error::EngineError;
use crate::late;
use crate::number;
use crate::protocol::{Command, Edit, Event, FrameHeader, ModelInfo, Section};
use crate::spec::{BackendKind, ModelSpec, SpecError, limits};
use crate::trainer::device::Devices;
use crate::trainer::doors;
use crate::trainer::session::{BuildError, Drained, Session};
use crate::trainer::weights::WeightsError;

/// Training goes on for about so long, in seconds, before messages are looked at.
const SLICE: f64 = 0.008;
/// However many others there are, it trains for this share of the time.
const LEAST_SHARE: f32 = 0.05;
/// The most steps a slice gives to a GPU before it waits for them.
const GPU_STEPS: u32 = 16;
/// Seconds between two observations of the probe text, between two samples, and between two snapshots.
const OBSERVE_EVERY: f64 = 0.03;
const SAMPLE_EVERY: f64 = 1.0;
const KEEP_EVERY: f64 = 1.0;
/// Characters of a sample.
const SAMPLE_LENGTH: usize = 200;
/// Rows of history kept for a page that does not ask; every second one is dropped beyond it.
const HISTORY_ROWS: usize = 4096;

/// What a command that needs a model is answered before there is one.
const NO_MODEL: &str = "There is no model yet.";

/// Where events go, with the bytes that travel along: the numbers of a frame, a file.
pub type Post = Box<dyn Fn(&Event, Option<&[u8]>)>;

/// The worker's state.
pub struct Lab {
    post: Post,
    now: fn() -> f64,
    devices: Devices,
    session: Option<Session>,
    probe: String,
    temperature: f32,
    watched: Vec<String>,
    /// Steps still to do; `None` while paused, `Some(u64::MAX)` while running freely.
    left: Option<u64>,
    frame_wanted: bool,
    /// Whether there is something a frame would show that the last one did not.
    changed: bool,
    /// Whether parameters changed since the last observation.
    stale: bool,
    history: Vec<f32>,
    width: usize,
    numbers: Vec<f32>,
    sample: String,
    sample_step: u64,
    /// Whether the learner knows that a batch had nothing to learn.
    told_of_padding: bool,
    /// The share of the time that it trains, and the seconds of rest that are due.
    share: f32,
    rest: f64,
    pace: Pace,
}

/// When things were last done, and how fast steps go.
#[derive(Default)]
struct Pace {
    observed: f64,
    sampled: f64,
    kept: f64,
    step_seconds: f64,
    /// What a step takes where nobody else works: the processor's time, as far as it can be seen.
    quickest: f64,
    /// Of all steps since the last start.
    total_seconds: f64,
    /// Steps those took; others were travelled over.
    total_steps: u64,
    window_start: f64,
    window_steps: u64,
    steps_per_second: f64,
}

impl Pace {
    fn steps(&mut self, count: u64, seconds: f64, now: f64) {
        let mean = seconds / count as f64;
        self.quickest = if self.quickest == 0.0 { mean } else { self.quickest.min(mean) };
        self.total_seconds += seconds;
        self.total_steps += count;
        self.step_seconds = if self.step_seconds == 0.0 { mean } else { 0.9 * self.step_seconds + 0.1 * mean };
        self.window_steps += count;
        let window = now - self.window_start;
        if window > 0.5 {
            self.steps_per_second = self.window_steps as f64 / window;
            self.restart(now);
        }
    }

    /// What so many steps take, by those that were timed.
    fn seconds_for(&self, steps: u64) -> f64 {
        steps as f64 * self.total_seconds / (self.total_steps as f64).max(1.0)
    }

    fn restart(&mut self, now: f64) {
        (self.window_start, self.window_steps) = (now, 0);
    }
}

impl Lab {
    /// A lab without a model. `now` gives seconds.
    pub fn new(post: Post, now: fn() -> f64) -> Lab {
        Lab {
            post,
            now,
            devices: Devices::default(),
            session: None,
            probe: "The".to_owned(),
            temperature: 0.7,
            watched: Vec::new(),
            left: None,
            frame_wanted: false,
            changed: false,
            stale: true,
            history: Vec::new(),
            width: 0,
            numbers: Vec::new(),
            sample: String::new(),
            sample_step: 0,
            told_of_padding: false,
            share: 1.0,
            rest: 0.0,
            pace: Pace::default(),
        }
    }

    /// Seconds that it should rest before it works on, by [`Command::Share`].
    pub fn rest_due(&self) -> f64 {
        self.rest
    }

    /// So many seconds it has rested.
    pub fn rested(&mut self, seconds: f64) {
        self.rest = (self.rest - seconds).max(0.0);
    }

    /// Whether there is work to do without another command.
    pub fn busy(&self) -> bool {
        self.left.is_some() || (self.frame_wanted && self.changed)
    }

    /// Does what a command says.
    pub async fn handle(&mut self, command: Command) {
        self.changed = true;
        match command {
            Command::Build { spec, text, run } => self.build(&spec, &text, run).await,
            Command::Adjust { learning_rate, clip } => {
                let adjusted = self.session.as_mut().map(|session| session.adjust(learning_rate, clip));
                if let Some(Err(errors)) = adjusted {
                    self.reject(errors);
                }
            }
            Command::Run => self.go(u64::MAX),
            Command::Share { of } => self.share = of.clamp(LEAST_SHARE, 1.0),
            Command::Pause => self.left = None,
            Command::Step { count } => self.go(u64::from(count)),
            Command::Reset => self.reset().await,
            Command::Observe { probe, temperature } => self.observe(probe, temperature),
            Command::Watch { paths } => self.watched = paths,
            Command::NextFrame => self.frame_wanted = true,
            Command::Probe { id, path } => self.probe(id, path).await,
            Command::Travel { step } => self.travel(step).await,
            Command::Operate { edits } => self.operate(edits),
            Command::LoseGpu => self.devices.lose_gpu(),
            Command::Export { id } | Command::Import { id, .. } | Command::Bench { id, .. } => {
                match late::load().await {
                    Ok(()) => self.handle_late(command).await,
                    Err(missing) => self.fail(id, &missing.to_string()),
                }
            }
        }
    }

    /// What needs the program's second half.
    async fn handle_late(&mut self, command: Command) {
        match command {
            Command::Export { id } => self.export(id).await,
            Command::Import { id, bytes } => self.import(id, &bytes).await,
            Command::Bench { id, workload } => match doors::measure(&workload, &mut self.devices, &self.now).await {
                Ok(result) => self.tell(&Event::Bench { id, result }),
                Err(error) => self.fail(id, &error.to_string()),
            },
            _ => {}
        }
    }

    /// A slice of training, then a frame if one is wanted.
    pub async fn work(&mut self) {
        if let Err(error) = self.slice().await {
            self.recover(error).await;
        }
        if self.frame_wanted
            && self.changed
            && let Err(error) = self.frame().await
        {
            self.recover(error).await;
        }
    }

    fn tell(&self, event: &Event) {
        (self.post)(event, None);
    }

    fn reject(&self, errors: Vec<SpecError>) {
        self.tell(&Event::Rejected { errors });
    }

    fn refuse(&self, error: BuildError) {
        match error {
            BuildError::Invalid(errors) => self.reject(errors),
            BuildError::Engine(error) => {
                self.reject(vec![SpecError::new("hidden", format!("This cannot be built: {error}."))])
            }
        }
    }

    fn go(&mut self, steps: u64) {
        if self.session.is_some() && steps > 0 {
            self.left = Some(steps);
            self.pace.restart((self.now)());
        }
    }

    async fn build(&mut self, spec: &ModelSpec, text: &str, run: bool) {
        if !spec.is_basic()
            && let Err(missing) = late::load().await
        {
            return self.reject(vec![SpecError::new("model", missing.to_string())]);
        }
        let (session, refusal) = match Session::new(spec, text, &self.probe, &mut self.devices).await {
            Ok(built) => built,
            Err(error) => return self.refuse(error),
        };
        self.adopt(session, refusal, run);
    }

    /// Goes on with a session that is built, and says why it is not on the GPU where that was refused.
    pub fn adopt(&mut self, mut session: Session, refusal: Option<EngineError>, run: bool) {
        session.set_clock(self.now);
        self.width = session.row_width();
        self.tell(&Event::Built(Box::new(describe(&session))));
        if let Some(error) = refusal {
            let message = format!("Training runs on the CPU: {error}.");
            self.tell(&Event::Notice { message });
        }
        if let Some(message) = session.examples().remark {
            self.tell(&Event::Notice { message });
        }
        self.session = Some(session);
        self.forget();
        self.left = None;
        if run {
            self.go(u64::MAX);
        }
    }

    /// Nothing of an earlier run is shown after a build or a reset.
    fn forget(&mut self) {
        self.history.clear();
        self.sample.clear();
        self.sample_step = 0;
        self.told_of_padding = false;
        self.stale = true;
        self.pace = Pace::default();
        self.pace.restart((self.now)());
    }

    async fn reset(&mut self) {
        let Some(session) = &mut self.session else { return };
        if let Err(error) = session.reset().await {
            return self.recover(error).await;
        }
        self.left = None;
        self.forget();
    }

    /// Goes to a kept step. Rows after it that no frame has told yet are of another future.
    async fn travel(&mut self, step: u64) {
        let Some(session) = &mut self.session else { return };
        self.left = None;
        if let Err(error) = session.travel(step).await {
            return self.recover(error).await;
        }
        let at = session.step() as f32;
        let rows = self.history.chunks_exact(self.width).filter(|row| row[0] <= at);
        self.history = rows.flatten().copied().collect();
        self.stale = true;
        self.pace.sampled = 0.0;
    }

    fn operate(&mut self, edits: Vec<Edit>) {
        let Some(session) = &mut self.session else { return };
        let errors = session.operate_as_fits(edits);
        if !errors.is_empty() {
            let edits = session.edits().to_vec();
            self.tell(&Event::EditsRefused { edits, errors });
        }
        self.stale = true;
        self.pace.sampled = 0.0;
    }

    async fn export(&mut self, id: u32) {
        let Some(session) = &mut self.session else { return self.fail(id, NO_MODEL) };
        match session.export_weights().await {
            Ok(file) => {
                let name = format!("{}-step-{}.safetensors", session.kind(), session.step());
                let name =
                    name.to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.', "-");
                (self.post)(&Event::File { id, name }, Some(&file));
            }
            Err(error) => {
                self.fail(id, &error.to_string());
                self.recover(error).await;
            }
        }
    }

    async fn import(&mut self, id: u32, file: &[u8]) {
        let Some(session) = &mut self.session else { return self.fail(id, NO_MODEL) };
        match session.import_weights(file).await {
            Ok(()) => {
                self.left = None;
                self.forget();
                self.tell(&Event::Imported { id });
            }
            Err(errors) => {
                let sentences: Vec<String> = errors.iter().map(ToString::to_string).collect();
                self.fail(id, &sentences.join(" "));
                if let Some(WeightsError::Engine(error)) = errors.into_iter().next() {
                    self.recover(error).await;
                }
            }
        }
    }

    fn fail(&self, id: u32, message: &str) {
        self.tell(&Event::Failed { id, message: message.to_owned() });
    }

    fn observe(&mut self, probe: String, temperature: f32) {
        if !limits::TEMPERATURE.contains(&temperature) {
            let (low, high) = (limits::TEMPERATURE.start(), limits::TEMPERATURE.end());
            let message = format!("The temperature goes from {} to {}.", number::show(*low), number::show(*high));
            return self.reject(vec![SpecError::new("temperature", message)]);
        }
        if let Some(session) = &mut self.session
            && let Err(error) = session.set_probe(&probe)
        {
            return self.refuse(error);
        }
        (self.probe, self.temperature) = (probe, temperature);
        self.stale = true;
        self.pace.sampled = 0.0;
    }

    async fn probe(&mut self, id: u32, path: String) {
        let answer = match &mut self.session {
            None => Err(EngineError::Unknown { what: "model yet".to_owned() }),
            Some(session) => {
                if self.stale && Session::observes(&path) {
                    if let Err(error) = session.observe().await {
                        return self.recover(error).await;
                    }
                    self.stale = false;
                }
                session.view(&path).await
            }
        };
        let event = match answer {
            Ok((values, shape)) => Event::Probe { id, path, shape, values, error: None },
            Err(error) => {
                Event::Probe { id, path, shape: Vec::new(), values: Vec::new(), error: Some(error.to_string()) }
            }
        };
        self.tell(&event);
    }

    async fn slice(&mut self) -> Result<(), EngineError> {
        let (Some(left), Some(session)) = (self.left, &mut self.session) else { return Ok(()) };
        let gpu = session.backend() == BackendKind::Gpu;
        let most = left.min(if gpu { u64::from(GPU_STEPS) } else { crate::engine::backend::JOURNAL_ROWS as u64 });
        // A slice ends where a snapshot is due.
        let due = session.archive().next_due(session.step());
        let most = most.min(due - session.step());
        let start = (self.now)();
        let mut done = 0;
        while done < most {
            session.train_step().await?;
            done += 1;
            if (self.now)() - start > SLICE {
                break;
            }
        }
        let drained = session.drain().await?;
        let all_padding = session.take_all_padding();
        let now = (self.now)();
        self.pace.steps(done, now - start, now);
        if !gpu {
            self.rest += done as f64 * self.pace.quickest * f64::from(1.0 / self.share - 1.0);
        }
        self.left = if left == u64::MAX { Some(left) } else { Some(left - done).filter(|left| *left > 0) };
        (self.changed, self.stale) = (true, true);
        if let Some(step) = all_padding.filter(|_| !std::mem::replace(&mut self.told_of_padding, true)) {
            let message = format!("All targets of step {step} are padding: its loss and gradient are 0.");
            self.tell(&Event::Notice { message });
        }
        match drained {
            Drained::Good(rows) => {
                self.remember(&rows.numbers);
                if let Some(session) = &mut self.session
                    && (now - self.pace.kept > KEEP_EVERY || session.step() == due)
                {
                    self.pace.kept = now;
                    session.keep().await?;
                }
            }
            Drained::Diverged(rows, divergence) => {
                self.remember(&rows.numbers);
                self.left = None;
                let advice = "Lower the learning rate or clip the gradient norm, then run again: \
                              the model is back at its last good state."
                    .to_owned();
                self.tell(&Event::Diverged { step: divergence.step, node: divergence.node, advice });
            }
        }
        Ok(())
    }

    fn remember(&mut self, rows: &[f32]) {
        self.history.extend(rows);
        if self.history.len() > HISTORY_ROWS * self.width {
            let kept = self.history.chunks_exact(self.width).step_by(2).flatten().copied().collect();
            self.history = kept;
        }
    }

    /// A device that failed is left for the CPU; a CPU that failed stops the run.
    async fn recover(&mut self, error: EngineError) {
        let Some(session) = &mut self.session else { return };
        let on_gpu = session.backend() == BackendKind::Gpu;
        match if on_gpu { session.fall_back() } else { Err(error.clone()) } {
            Ok(()) => {
                let step = session.step();
                let info = Box::new(describe(session));
                let message = format!("{error}. Training goes on on the CPU from step {step}.");
                self.tell(&Event::Notice { message });
                self.tell(&Event::Moved(info));
                (self.changed, self.stale) = (true, true);
            }
            Err(error) => {
                self.left = None;
                self.tell(&Event::Notice { message: format!("Training stopped: {error}.") });
            }
        }
    }

    async fn frame(&mut self) -> Result<(), EngineError> {
        let now = (self.now)();
        let (observe_now, sample_now) = (
            self.stale && (self.left.is_none() || now - self.pace.observed > OBSERVE_EVERY),
            self.left.is_none() || now - self.pace.sampled > SAMPLE_EVERY,
        );
        let Some(session) = &mut self.session else { return Ok(()) };
        let resample = sample_now && (self.stale || self.pace.sampled == 0.0);
        if observe_now || resample {
            session.observe().await?;
            (self.stale, self.pace.observed) = (false, now);
        }
        if resample {
            self.sample = session.sample(SAMPLE_LENGTH, self.temperature)?;
            (self.sample_step, self.pace.sampled) = (session.step(), now);
        }
        let mut sections = Vec::new();
        self.numbers.clear();
        let rows = self.history.len() / self.width;
        put(&mut sections, &mut self.numbers, "history", vec![rows, self.width], &self.history);
        for path in &self.watched {
            // A page may still watch what the last model had.
            match session.view(path).await {
                Ok((values, shape)) => put(&mut sections, &mut self.numbers, path, shape, &values),
                Err(EngineError::Unknown { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let running = self.left.is_some();
        let tokens = session.tokens_per_step();
        let header = FrameHeader {
            step: session.step(),
            running,
            step_ms: (self.pace.step_seconds * 1e3) as f32,
            seconds: self.pace.seconds_for(session.step()) as f32,
            tokens_per_second: if running { (self.pace.steps_per_second * tokens as f64) as f32 } else { 0.0 },
            probe_tokens: session.observer().probe().to_vec(),
            sample: self.sample.clone(),
            sample_step: self.sample_step,
            snapshots: session.archive().steps().collect(),
            operated: !session.edits().is_empty(),
            sections,
        };
        self.history.clear();
        (self.frame_wanted, self.changed) = (false, self.stale && self.left.is_none());
        (self.post)(&Event::Frame(header), Some(bytemuck::cast_slice(&self.numbers)));
        Ok(())
    }
}

fn put(sections: &mut Vec<Section>, numbers: &mut Vec<f32>, path: &str, shape: Vec<usize>, values: &[f32]) {
    sections.push(Section { path: path.to_owned(), shape, offset: numbers.len() });
    numbers.extend_from_slice(values);
}

fn describe(session: &Session) -> ModelInfo {
    let plan = session.executable().plan();
    let parameters = plan.graph().parameters();
    let examples = session.examples();
    ModelInfo {
        spec: session.spec().clone(),
        backend: session.backend(),
        adapter: session.executable().adapter().to_owned(),
        vocabulary: examples.symbols,
        labels: examples.labels,
        folded: examples.folded,
        characters: examples.characters,
        parameters: parameters.iter().map(|parameter| parameter.len).sum(),
        parameter_shapes: parameters
            .iter()
            .map(|parameter| (parameter.name.clone(), plan.graph().shape(parameter.value).0.clone()))
            .collect(),
        paths: session.paths(),
        flops_per_step: plan.matmul_flops(0),
        bytes: plan.bytes(),
        dispatches: session.executable().dispatches(0),
        plan: plan.to_string(),
    }
}
