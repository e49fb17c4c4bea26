//! The worker without a browser: commands in, events out.
#![cfg(not(target_arch = "wasm32"))]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Instant;

use seqlab::engine::cell::Cell;
use seqlab::protocol::{Command, Event, FrameHeader, ModelInfo, Workload, WorkloadModel};
use seqlab::spec::{BackendKind, ModelSpec};
use seqlab::wire;
use seqlab::worker::lab::Lab;

const TEXT: &str = "a short text that repeats and repeats and repeats itself. ";

type Posted = Rc<RefCell<Vec<(Event, Vec<f32>)>>>;

fn now() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

fn lab() -> (Lab, Posted) {
    let posted = Posted::default();
    let sink = Rc::clone(&posted);
    let post = move |event: &Event, numbers: Option<&[f32]>| {
        sink.borrow_mut().push((event.clone(), numbers.unwrap_or_default().to_vec()));
    };
    (Lab::new(Box::new(post), now), posted)
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
        seconds: 0.5,
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
