//! The worker without a browser: commands in, events out.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Instant;

use common::specs;
use proptest::prelude::*;
use seqlab::data::strings::PAD;
use seqlab::engine::backend::{Answer, Executable};
use seqlab::engine::cell::Cell;
use seqlab::engine::error::EngineError;
use seqlab::engine::graph::{Graph, ValueId};
use seqlab::engine::optimiser::Optimiser;
use seqlab::protocol::{Command, Edit, Event, FrameHeader, ModelInfo, Workload, WorkloadModel};
use seqlab::spec::{Architecture, BackendKind, ModelSpec, Task, limits};
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::Session;
use seqlab::trainer::trainable::{Example, Observation, Trainable, Training, Watch, open};
use seqlab::wire;
use seqlab::worker::lab::Lab;

const TEXT: &str = "a short text that repeats and repeats and repeats itself. ";

type Posted = Rc<RefCell<Vec<(Event, Vec<f32>)>>>;
type Files = Rc<RefCell<Vec<Vec<u8>>>>;

fn now() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

fn lab() -> (Lab, Posted) {
    let (lab, posted, _) = lab_with_files();
    (lab, posted)
}

/// The files that were posted are beside the events.
fn lab_with_files() -> (Lab, Posted, Files) {
    let (posted, files) = (Posted::default(), Files::default());
    let (sink, folder) = (Rc::clone(&posted), Rc::clone(&files));
    let post = move |event: &Event, bytes: Option<&[u8]>| {
        let numbers = match event {
            Event::Frame(_) => bytemuck::pod_collect_to_vec(bytes.unwrap_or_default()),
            _ => Vec::new(),
        };
        if let Event::File { .. } = event {
            folder.borrow_mut().push(bytes.unwrap_or_default().to_vec());
        }
        sink.borrow_mut().push((event.clone(), numbers));
    };
    (Lab::new(Box::new(post), now), posted, files)
}

fn tell(lab: &mut Lab, command: Command) {
    // Every command survives the wire.
    let header = wire::to_bytes(&command);
    pollster::block_on(lab.handle(wire::from_bytes(&header).expect("a command comes through")));
}

fn small() -> ModelSpec {
    ModelSpec { hidden: 8, sequence_length: 8, batch: 2, ..ModelSpec::default() }
}

fn build(lab: &mut Lab, spec: ModelSpec, text: &str, run: bool) {
    tell(lab, Command::Build { spec, text: text.to_owned(), run });
}

fn built(posted: &Posted) -> Option<ModelInfo> {
    posted.borrow().iter().rev().find_map(|(event, _)| match event {
        Event::Built(info) => Some((**info).clone()),
        _ => None,
    })
}

fn frame(lab: &mut Lab, posted: &Posted) -> (FrameHeader, Vec<f32>) {
    tell(lab, Command::NextFrame);
    while lab.busy() {
        pollster::block_on(lab.work());
        if let Some((Event::Frame(header), numbers)) = posted.borrow().last() {
            return (header.clone(), numbers.clone());
        }
    }
    panic!("no frame");
}

fn section<'a>(frame: &'a (FrameHeader, Vec<f32>), path: &str) -> Option<(&'a [usize], &'a [f32])> {
    let section = frame.0.sections.iter().find(|section| section.path == path)?;
    let len: usize = section.shape.iter().product();
    Some((&section.shape, &frame.1[section.offset..section.offset + len]))
}

#[test]
fn who_shares_the_processors_rests_in_proportion() {
    let (mut lab, _) = lab();
    build(&mut lab, small(), &TEXT.repeat(3), true);
    pollster::block_on(lab.work());
    assert_eq!(lab.rest_due(), 0.0, "alone it does not rest");
    tell(&mut lab, Command::Share { of: 0.25 });
    let start = Instant::now();
    pollster::block_on(lab.work());
    let (worked, due) = (start.elapsed().as_secs_f64(), lab.rest_due());
    assert!(due > 0.0 && due <= 3.0 * worked, "{due} s of rest for at most {worked} s of work");
    lab.rested(due + 1.0);
    assert_eq!(lab.rest_due(), 0.0, "what was too long is not owed back");
}

#[test]
fn a_frame_has_the_history_and_what_is_watched() {
    let (mut lab, posted) = lab();
    build(&mut lab, small(), &TEXT.repeat(3), false);
    let info = built(&posted).expect("built");
    let paths = ["probe/layers/0/f", "layers/0/grad_h_norm", "probe/probabilities", "parameters/out.bias", "nonsense"];
    tell(&mut lab, Command::Observe { probe: "repeat".to_owned(), temperature: 1.0 });
    tell(&mut lab, Command::Watch { paths: paths.map(str::to_owned).to_vec() });
    tell(&mut lab, Command::Step { count: 5 });
    while lab.busy() {
        pollster::block_on(lab.work());
    }
    let frame = frame(&mut lab, &posted);
    assert_eq!((frame.0.step, frame.0.running), (5, false));
    let (shape, history) = section(&frame, "history").expect("history");
    assert_eq!(shape, [5, 4 + info.parameter_shapes.len()]);
    assert_eq!(history.chunks(shape[1]).map(|row| row[0]).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0, 5.0]);
    for row in history.chunks(shape[1]) {
        let total = row[4..].iter().map(|norm| norm * norm).sum::<f32>().sqrt();
        assert!((row[3] - total).abs() < 1e-5 * total, "{row:?}");
    }
    let (shape, gate) = section(&frame, "probe/layers/0/f").expect("watched");
    assert_eq!(shape, [6, 1, 8]);
    assert!(gate.iter().all(|f| *f > 0.0 && *f < 1.0));
    let (shape, probabilities) = section(&frame, "probe/probabilities").expect("watched");
    assert_eq!(shape, [6, 1, info.vocabulary.len()]);
    for row in probabilities.chunks(info.vocabulary.len()) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
    assert_eq!(section(&frame, "layers/0/grad_h_norm").expect("watched").0, [8]);
    assert!(section(&frame, "nonsense").is_none());
    assert_eq!(frame.0.sample.chars().count(), 200);
    assert!(!lab.busy(), "nothing changed, so nothing is to be done");
}

#[test]
fn what_is_refused_leaves_the_run_untouched() {
    let (mut lab, posted) = lab();
    build(&mut lab, small(), &TEXT.repeat(3), false);
    tell(&mut lab, Command::Step { count: 3 });
    while lab.busy() {
        pollster::block_on(lab.work());
    }
    let before = built(&posted);
    posted.borrow_mut().clear();
    build(&mut lab, ModelSpec { hidden: 1_000_000, ..small() }, TEXT, true);
    build(&mut lab, ModelSpec { learning_rate: 1e9, ..small() }, TEXT, true);
    build(&mut lab, small(), "", true);
    tell(&mut lab, Command::Observe { probe: String::new(), temperature: 1.0 });
    tell(&mut lab, Command::Observe { probe: "ok".to_owned(), temperature: 1e9 });
    tell(&mut lab, Command::Adjust { learning_rate: -1.0, clip: None });
    let keys: Vec<String> = posted
        .borrow()
        .iter()
        .map(|(event, _)| match event {
            Event::Rejected { errors } => errors[0].key.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(keys, ["hidden", "lr", "text", "probe", "temperature", "lr"]);
    assert!(before.is_some() && !lab.busy());
    assert_eq!(frame(&mut lab, &posted).0.step, 3);
}

#[test]
fn tensors_are_answered_by_path() {
    let (mut lab, posted) = lab();
    tell(&mut lab, Command::Probe { id: 1, path: "loss".to_owned() });
    build(&mut lab, ModelSpec { cell: Cell::Gru, ..small() }, &TEXT.repeat(3), false);
    for (path, shape) in &built(&posted).expect("built").paths {
        tell(&mut lab, Command::Probe { id: 2, path: path.clone() });
        match &posted.borrow().last().expect("answered").0 {
            Event::Probe { shape: got, values, error: None, .. } => {
                assert_eq!((got, values.len()), (shape, shape.iter().product()), "{path}");
            }
            other => panic!("{path}: {other:?}"),
        }
    }
    tell(&mut lab, Command::Probe { id: 3, path: "no/such/path".to_owned() });
    let answers = posted.borrow();
    let errors = answers.iter().filter(|(event, _)| matches!(event, Event::Probe { error: Some(_), .. }));
    assert_eq!(errors.count(), 2, "before the build, and the unknown path");
}

fn train(lab: &mut Lab, count: u32) {
    tell(lab, Command::Step { count });
    while lab.busy() {
        pollster::block_on(lab.work());
    }
}

/// The steps and losses of a frame's history.
fn history(frame: &(FrameHeader, Vec<f32>)) -> Vec<(u32, u32)> {
    let (shape, rows) = section(frame, "history").expect("history");
    rows.chunks(shape[1]).map(|row| (row[0] as u32, row[1].to_bits())).collect()
}

#[test]
fn time_travel_goes_back_and_on_again() {
    let (mut lab, posted) = lab();
    tell(&mut lab, Command::Travel { step: 3 });
    tell(&mut lab, Command::Operate { edits: Vec::new() });
    assert!(posted.borrow().is_empty() && !lab.busy(), "before a build nothing happens");
    build(&mut lab, small(), &TEXT.repeat(3), false);
    train(&mut lab, 400);
    let first = frame(&mut lab, &posted);
    let kept = first.0.snapshots.clone();
    assert!(kept[0] == 0 && kept.is_sorted() && kept.len() > 15, "{kept:?}");
    let middle = kept[kept.len() / 2];
    tell(&mut lab, Command::Run);
    tell(&mut lab, Command::Travel { step: middle });
    let back = frame(&mut lab, &posted);
    assert_eq!((back.0.step, back.0.running, history(&back)), (middle, false, Vec::new()));
    assert_eq!((back.0.sample_step, back.0.snapshots.last()), (middle, Some(&400)));
    for (step, found) in [(u64::MAX, 400), (0, 0), (middle, middle)] {
        tell(&mut lab, Command::Travel { step });
        assert_eq!(frame(&mut lab, &posted).0.step, found);
    }
    train(&mut lab, 400 - middle as u32);
    let again = frame(&mut lab, &posted);
    assert_eq!(again.0.step, 400);
    assert_eq!(history(&again), history(&first)[middle as usize..]);
    // Rows that no frame has told are not told of a future that is left.
    train(&mut lab, 50);
    tell(&mut lab, Command::Travel { step: 0 });
    assert_eq!(history(&frame(&mut lab, &posted)), Vec::new());
}

#[test]
fn operations_are_told_and_what_does_not_fit_is_left_out() {
    let (mut lab, posted) = lab();
    build(&mut lab, small(), &TEXT.repeat(3), false);
    tell(
        &mut lab,
        Command::Watch { paths: vec!["probe/layers/0/f".to_owned(), "probe_gradient/layers/0/f".to_owned()] },
    );
    tell(&mut lab, Command::Observe { probe: "repeat".to_owned(), temperature: 1.0 });
    let before = frame(&mut lab, &posted);
    assert!(!before.0.operated);
    assert_eq!(section(&before, "probe_gradient/layers/0/f").expect("watched").0, [6, 1, 8]);
    let clamp = |value: f32| Edit::Clamp { layer: 0, gate: "f".to_owned(), unit: None, value };
    tell(&mut lab, Command::Operate { edits: vec![clamp(1.0)] });
    let after = frame(&mut lab, &posted);
    assert!(after.0.operated && section(&after, "probe/layers/0/f").expect("watched").1.iter().all(|f| *f == 1.0));
    let unfit = [clamp(2.0), Edit::Zero { layer: 0, unit: 8 }];
    tell(&mut lab, Command::Operate { edits: vec![unfit[0].clone(), clamp(1.0), unfit[1].clone()] });
    match &posted.borrow().last().expect("answered").0 {
        Event::EditsRefused { edits, errors } => {
            assert_eq!(edits, &[clamp(1.0)]);
            let told: Vec<_> = errors.iter().map(|error| (error.key.as_str(), error.message.as_str())).collect();
            let messages = ["The gate f goes from 0 to 1.", "This model has no unit 9 of layer 1 that can be zeroed."];
            assert_eq!(told, messages.map(|message| ("surgery", message)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(section(&frame(&mut lab, &posted), "probe/layers/0/f"), section(&after, "probe/layers/0/f"));
    tell(&mut lab, Command::Operate { edits: vec![unfit[1].clone(); limits::EDITS + 1] });
    assert!(!frame(&mut lab, &posted).0.operated);
    tell(&mut lab, Command::Operate { edits: vec![clamp(1.0); limits::EDITS + 1] });
    match &posted.borrow().last().expect("answered").0 {
        Event::EditsRefused { edits, errors } => assert_eq!((edits.len(), errors.len()), (limits::EDITS, 1)),
        other => panic!("{other:?}"),
    }
    tell(&mut lab, Command::Operate { edits: Vec::new() });
    let undone = frame(&mut lab, &posted);
    assert!(!undone.0.operated);
    assert_eq!(section(&undone, "probe/layers/0/f"), section(&before, "probe/layers/0/f"));
    // What a ragged batch takes is measured by the worker's clock.
    tell(&mut lab, Command::Observe { probe: "repeat\nit".to_owned(), temperature: 1.0 });
    tell(&mut lab, Command::Probe { id: 4, path: "ragged/time".to_owned() });
    match &posted.borrow().last().expect("answered").0 {
        Event::Probe { values, error: None, .. } => assert!(values.iter().all(|seconds| *seconds > 0.0)),
        other => panic!("{other:?}"),
    }
}

/// Imports a file; what failed, if it did.
fn import(lab: &mut Lab, posted: &Posted, bytes: Vec<u8>) -> Result<(), String> {
    pollster::block_on(lab.handle(Command::Import { id: 5, bytes }));
    match &posted.borrow().last().expect("answered").0 {
        Event::Imported { id: 5 } => Ok(()),
        Event::Failed { id: 5, message } => Err(message.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn weights_go_out_and_come_back() {
    let (mut lab, posted, files) = lab_with_files();
    tell(&mut lab, Command::Export { id: 5 });
    assert!(matches!(posted.borrow()[0].0, Event::Failed { id: 5, .. }));
    assert!(import(&mut lab, &posted, Vec::new()).is_err());
    build(&mut lab, small(), &TEXT.repeat(3), false);
    train(&mut lab, 20);
    tell(&mut lab, Command::Export { id: 6 });
    let file = files.borrow().last().cloned().expect("a file");
    match &posted.borrow().last().expect("answered").0 {
        Event::File { id: 6, name } => assert_eq!(name, "lstm-step-20.safetensors"),
        other => panic!("{other:?}"),
    }
    let parameter = |lab: &mut Lab| {
        tell(lab, Command::Probe { id: 7, path: "parameters/rnn.weight_hh_l0".to_owned() });
        match &posted.borrow().last().expect("answered").0 {
            Event::Probe { values, .. } => values.clone(),
            other => panic!("{other:?}"),
        }
    };
    let trained = parameter(&mut lab);
    train(&mut lab, 20);
    import(&mut lab, &posted, file.clone()).expect("its own weights");
    let header = frame(&mut lab, &posted).0;
    assert_eq!((header.step, header.snapshots, parameter(&mut lab)), (0, vec![0], trained.clone()));
    train(&mut lab, 5);
    assert_ne!(parameter(&mut lab), trained);
    tell(&mut lab, Command::Reset);
    assert_eq!(parameter(&mut lab), trained, "a reset goes back to the file");

    build(&mut lab, ModelSpec { hidden: 9, layers: 2, ..small() }, &TEXT.repeat(3), false);
    let refused = import(&mut lab, &posted, file.clone()).expect_err("another model");
    assert!(["weight_hh_l0", "weight_ih_l1", "out.weight"].iter().all(|name| refused.contains(name)), "{refused}");
    import(&mut lab, &posted, file[..file.len() - 1].to_vec()).expect_err("cut short");
    assert_eq!(frame(&mut lab, &posted).0.step, 0);
}

proptest! {
    #![proptest_config(specs::config(64))]

    /// Any bytes, and a good file with some changed, are answered.
    #[test]
    fn no_file_stops_the_worker(noise in any::<Vec<u8>>(), changes in any::<Vec<(u16, u8)>>()) {
        let (mut lab, posted, files) = lab_with_files();
        build(&mut lab, small(), &TEXT.repeat(3), false);
        tell(&mut lab, Command::Export { id: 5 });
        let mut file = files.borrow().last().cloned().expect("a file");
        let _ = import(&mut lab, &posted, noise);
        let length = file.len();
        changes.iter().for_each(|(place, byte)| file[usize::from(*place) % length] = *byte);
        let _ = import(&mut lab, &posted, file);
        train(&mut lab, 1);
        prop_assert!(frame(&mut lab, &posted).0.step <= 1);
    }
}

#[test]
fn the_benchmark_answers_with_a_loss_that_falls() {
    let (mut lab, posted) = lab();
    let workload = Workload {
        model: WorkloadModel::Characters,
        cell: Cell::Lstm,
        layers: 1,
        vocab: 16,
        hidden: 32,
        steps: 20,
        batch: 16,
        backend: BackendKind::Cpu,
        seconds: 2.0,
    };
    tell(&mut lab, Command::Bench { id: 9, workload });
    match &posted.borrow()[0].0 {
        Event::Bench { id: 9, result } => {
            assert!(result.last_loss < 0.7 * result.first_loss, "{result:?}");
            assert!(result.steps_per_second > 1.0 && result.gemm_peak > 1e8);
            assert_eq!(result.parameters, 4 * 32 * (16 + 32 + 2) + 16 * 33);
        }
        other => panic!("{other:?}"),
    }
}

/// A translator's model, every second batch of which is all padding.
struct HalfPadded {
    model: Box<dyn Trainable>,
    targets: Option<ValueId>,
    padding: Vec<u32>,
    counted: Option<usize>,
}

impl Trainable for HalfPadded {
    fn training(&mut self, optimiser: Optimiser, watch: Watch) -> Result<Training, EngineError> {
        let training = self.model.training(optimiser, watch)?;
        let targets = training.graph.find("train/targets")?;
        self.padding = vec![PAD; training.graph.shape(targets).len()];
        self.targets = Some(targets);
        Ok(training)
    }

    fn initial(&self, graph: &Graph) -> Vec<f32> {
        self.model.initial(graph)
    }

    fn write_batch<'a>(&'a mut self, step: u64, machine: &'a mut dyn Executable) -> Answer<'a, ()> {
        Box::pin(async move {
            self.model.write_batch(step, machine).await?;
            self.counted = self.model.targets();
            if step % 2 == 1 {
                machine.write_ids(self.targets.expect("the graph stands"), &self.padding)?;
                self.counted = Some(0);
            }
            Ok(())
        })
    }

    fn targets(&self) -> Option<usize> {
        self.counted
    }

    fn observation(&self, probe: &str) -> Result<Observation, EngineError> {
        self.model.observation(probe)
    }

    fn examples(&self) -> Example {
        self.model.examples()
    }
}

#[test]
fn a_batch_of_padding_has_loss_0_and_the_learner_is_told_once() {
    let spec = ModelSpec { model: Architecture::EncoderDecoder, task: Task::Copy, embedding: 4, ..small() };
    assert_eq!(spec.validate(), Ok(()));
    let model = open(&spec, "").expect("it needs no text");
    let model = Box::new(HalfPadded { model, targets: None, padding: Vec::new(), counted: None });
    let built = pollster::block_on(Session::of(model, &spec, "ab", &mut Devices::default()));
    let (mut lab, posted) = lab();
    lab.adopt(built.expect("it fits").0, None, false);
    tell(&mut lab, Command::Step { count: 6 });
    while lab.busy() {
        pollster::block_on(lab.work());
    }
    let frame = frame(&mut lab, &posted);
    let (shape, history) = section(&frame, "history").expect("always there");
    for row in history.chunks(shape[1]) {
        let (step, numbers) = (row[0] as u64, [row[1], row[3]]);
        assert!(numbers.iter().all(|number| (*number == 0.0) == (step % 2 == 0)), "loss and gradient {numbers:?}");
    }
    let told: Vec<Event> = posted.borrow().iter().map(|(event, _)| event.clone()).collect();
    let told = told.into_iter().filter(|event| matches!(event, Event::Notice { .. })).collect::<Vec<_>>();
    let message = "All targets of step 2 are padding: its loss and gradient are 0.".to_owned();
    assert_eq!(told, [Event::Notice { message }]);
}
