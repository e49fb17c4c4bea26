//! A session as the worker drives it: it learns, repeats bit for bit, survives what goes wrong.
#![cfg(not(target_arch = "wasm32"))]

use seqlab::engine::cell::Cell;
use seqlab::spec::{BackendKind, ModelSpec, OptimiserKind};
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::{BuildError, Drained, Session};

const TEXT: &str = "the cat sat on the mat. the dog sat on the log. the frog sat on the bog. ";

fn spec() -> ModelSpec {
    ModelSpec { hidden: 24, sequence_length: 16, batch: 4, learning_rate: 0.01, ..ModelSpec::default() }
}

fn session(spec: &ModelSpec) -> Session {
    let built = pollster::block_on(Session::new(spec, &TEXT.repeat(4), "the cat", &mut Devices::default()))
        .expect("a valid spec and text");
    assert!(built.1.is_none(), "the CPU needs no fallback");
    built.0
}

/// Losses of `count` further steps.
fn losses(session: &mut Session, count: usize) -> Vec<u32> {
    (0..count).for_each(|_| pollster::block_on(session.train_step()).expect("the CPU does not fail"));
    match pollster::block_on(session.drain()).expect("the CPU does not fail") {
        Drained::Good(rows) => rows.numbers.chunks(rows.width).map(|row| row[1].to_bits()).collect(),
        Drained::Diverged(_, divergence) => panic!("diverged: {divergence:?}"),
    }
}

#[test]
fn every_cell_learns_and_repeats_after_a_reset() {
    for cell in [Cell::Rnn, Cell::Lstm, Cell::Gru, Cell::GruTextbook] {
        for layers in [1, 2] {
            let mut session = session(&ModelSpec { cell, layers, ..spec() });
            let first = losses(&mut session, 120);
            let (start, end) = (f32::from_bits(first[0]), f32::from_bits(first[119]));
            assert!(end < 0.5 * start, "{cell:?} x{layers}: {start} -> {end}");
            pollster::block_on(session.reset()).expect("the CPU does not fail");
            assert_eq!(losses(&mut session, 120), first, "{cell:?}");
        }
    }
}

#[test]
fn a_restored_snapshot_goes_on_bit_for_bit() {
    let mut session = session(&spec());
    losses(&mut session, 20);
    let snapshot = pollster::block_on(session.snapshot()).expect("the CPU does not fail");
    let ahead = losses(&mut session, 20);
    session.restore(&snapshot).expect("its own snapshot");
    assert_eq!(losses(&mut session, 20), ahead);
}

#[test]
fn a_run_that_diverges_says_where_and_keeps_the_last_good_state() {
    let wild = ModelSpec {
        cell: Cell::RnnRelu,
        spectral_radius: Some(5.0),
        clip: None,
        optimiser: OptimiserKind::Sgd,
        learning_rate: 10.0,
        sequence_length: 128,
        ..spec()
    };
    let mut session = session(&wild);
    for _ in 0..40 {
        (0..10).for_each(|_| pollster::block_on(session.train_step()).expect("the CPU does not fail"));
        if let Drained::Diverged(_, found) = pollster::block_on(session.drain()).expect("the CPU does not fail") {
            assert!(found.step >= 1 && !found.node.is_empty());
            assert_eq!(session.step(), 0);
            let (numbers, _) = pollster::block_on(session.view("parameters/out.weight")).expect("a parameter");
            assert!(numbers.iter().all(|number| number.is_finite()));
            println!("{found:?}");
            return;
        }
    }
    panic!("a ReLU RNN with spectral radius 5 and learning rate 10 stayed finite");
}

#[test]
fn bad_specs_and_texts_are_refused_with_their_key() {
    let refused = |spec: &ModelSpec, text: &str, probe: &str| match pollster::block_on(Session::new(
        spec,
        text,
        probe,
        &mut Devices::default(),
    )) {
        Err(BuildError::Invalid(errors)) => errors.into_iter().map(|error| error.key).collect::<Vec<_>>(),
        Err(BuildError::Engine(error)) => panic!("{error}"),
        Ok(_) => panic!("accepted"),
    };
    assert_eq!(refused(&ModelSpec { hidden: 1_000_000, ..spec() }, TEXT, "a"), ["hidden"]);
    assert_eq!(refused(&ModelSpec { hidden: 0, learning_rate: f32::NAN, ..spec() }, TEXT, "a"), ["hidden", "lr"]);
    assert_eq!(refused(&spec(), "", ""), ["text", "probe"]);
}

#[test]
fn a_gpu_that_cannot_be_had_is_replaced_by_the_cpu_with_the_same_losses() {
    let gpu = ModelSpec { backend: BackendKind::Gpu, ..spec() };
    let (mut there, refusal) = pollster::block_on(Session::new(&gpu, &TEXT.repeat(4), "the", &mut Devices::default()))
        .expect("a valid spec and text");
    if refusal.is_some() {
        assert_eq!(there.backend(), BackendKind::Cpu);
        assert_eq!(losses(&mut there, 10), losses(&mut session(&spec()), 10));
    }
}

#[test]
fn sampling_gives_known_characters() {
    let mut session = session(&spec());
    losses(&mut session, 200);
    pollster::block_on(session.observe()).expect("the CPU does not fail");
    let text = session.sample(60, 0.5).expect("the CPU does not fail");
    assert_eq!(text.chars().count(), 60);
    assert!(text.contains("the"), "{text}");
}
