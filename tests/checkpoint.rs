//! A run that was written to disk and read again goes on as if it had not stopped; a file that is not such a run is
//! refused with a reason, and nothing is lost.
#![cfg(not(target_arch = "wasm32"))]

use pollster::block_on;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;
use seqlab::engine::cell::Cell;
use seqlab::spec::{BackendKind, ModelSpec, OptimiserKind};
use seqlab::trainer::checkpoint::{Checkpoint, CheckpointError};
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::{Drained, Session};

const TEXT: &str = "Rain on the roof, rain in the lane; rain on the river and rain on the grain. ";

fn session(spec: &ModelSpec, text: &str, devices: &mut Devices) -> Session {
    let built = block_on(Session::new(spec, text, "rain", devices)).expect("a valid spec and text");
    assert!(built.1.is_none(), "{:?}", built.1);
    built.0
}

/// The bits of the losses of `count` further steps.
fn losses(session: &mut Session, count: usize) -> Vec<u32> {
    (0..count).for_each(|_| block_on(session.train_step()).expect("the device is there"));
    match block_on(session.drain()).expect("the device is there") {
        Drained::Good(rows) => rows.numbers.chunks(rows.width).map(|row| row[1].to_bits()).collect(),
        Drained::Diverged(_, found) => panic!("diverged: {found:?}"),
    }
}

fn sampled(session: &mut Session) -> String {
    block_on(session.observe()).expect("the device is there");
    session.sample(12, 1.0).expect("the CPU does not fail")
}

fn written(session: &mut Session) -> Vec<u8> {
    block_on(session.checkpoint()).expect("the device is there").bytes().to_vec()
}

/// Trains before + after steps with and without a stop between.
fn check(spec: &ModelSpec, before: usize, after: usize) {
    let devices = &mut Devices::default();
    let mut whole = session(spec, TEXT, devices);
    losses(&mut whole, before);
    sampled(&mut whole);
    let file = written(&mut whole);
    let ahead = (losses(&mut whole, after), sampled(&mut whole));

    let checkpoint = Checkpoint::from_bytes(&file).expect("our own file");
    let mut second = session(&checkpoint.spec, TEXT, devices);
    losses(&mut second, 2);
    block_on(second.resume(&checkpoint)).expect("the same run");
    assert_eq!(second.step(), before as u64);
    assert_eq!((losses(&mut second, after), sampled(&mut second)), ahead, "{spec:?}");
    assert_eq!(written(&mut second), written(&mut whole));
}

fn spec() -> impl Strategy<Value = ModelSpec> {
    let optimisers = vec![
        OptimiserKind::Sgd,
        OptimiserKind::Momentum,
        OptimiserKind::RmsProp,
        OptimiserKind::Adam,
        OptimiserKind::AdamW,
    ];
    let kinds = (select(Cell::ALL.to_vec()), select(optimisers), any::<u32>());
    let sizes = (1..=2_usize, 8..=33_usize, 2..=12_usize, 1..=5_usize);
    let options = (1e-4..0.02_f32, proptest::option::of(0.1..2.0_f32), proptest::option::of(0.3..1.2_f32));
    (kinds, sizes, options).prop_map(|(kinds, sizes, options)| ModelSpec {
        cell: kinds.0,
        optimiser: kinds.1,
        seed: kinds.2,
        layers: sizes.0,
        hidden: sizes.1,
        sequence_length: sizes.2,
        batch: sizes.3,
        learning_rate: options.0,
        clip: options.1,
        spectral_radius: options.2,
        ..ModelSpec::default()
    })
}

fn small() -> ModelSpec {
    ModelSpec { hidden: 8, sequence_length: 6, batch: 2, ..ModelSpec::default() }
}

fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    let rng_seed = if default.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { default.rng_seed };
    ProptestConfig { cases, rng_seed, ..default }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn a_resumed_run_goes_on_bit_for_bit(spec in spec(), before in 0..40_usize, after in 1..20_usize) {
        check(&spec, before, after);
    }

    #[test]
    fn a_damaged_checkpoint_is_refused(place in any::<Index>(), change in 1..=u8::MAX, cut in any::<Index>()) {
        let mut session = session(&small(), TEXT, &mut Devices::default());
        losses(&mut session, 3);
        let file = written(&mut session);
        let mut changed = file.clone();
        changed[place.index(file.len())] ^= change;
        match Checkpoint::from_bytes(&changed) {
            // White space between names may be other white space.
            Ok(read) => prop_assert!(block_on(session.resume(&read)).is_ok() && written(&mut session) == file),
            Err(error) => prop_assert!(error.to_string().ends_with('.')),
        }
        prop_assert!(Checkpoint::from_bytes(&file[..cut.index(file.len())]).is_err());
    }
}

/// Every bit of the numbers and of the header counts.
#[test]
fn no_changed_number_passes() {
    let mut session = session(&small(), TEXT, &mut Devices::default());
    let file = written(&mut session);
    for place in (file.len() / 2..file.len()).step_by(97) {
        let mut changed = file.clone();
        changed[place] ^= 1;
        assert_eq!(Checkpoint::from_bytes(&changed), Err(CheckpointError::Corrupted), "byte {place}");
    }
}

#[test]
fn a_run_resumes_on_the_same_gpu_bit_for_bit() {
    let gpu = ModelSpec { backend: BackendKind::Gpu, hidden: 17, layers: 2, ..small() };
    check(&gpu, 7, 6);
    check(&ModelSpec { cell: Cell::Gru, optimiser: OptimiserKind::RmsProp, layers: 1, ..gpu }, 3, 4);
}

#[test]
fn a_checkpoint_of_another_run_is_refused_and_nothing_is_lost() {
    let devices = &mut Devices::default();
    let mut from = session(&small(), TEXT, devices);
    losses(&mut from, 4);
    let checkpoint = block_on(from.checkpoint()).expect("the CPU does not fail");
    let mut refused = |spec: &ModelSpec, text: &str| {
        let mut to = session(spec, text, devices);
        losses(&mut to, 3);
        let before = block_on(to.snapshot()).expect("the CPU does not fail");
        let error = block_on(to.resume(&checkpoint)).expect_err("another run");
        assert_eq!(block_on(to.snapshot()).expect("the CPU does not fail"), before);
        assert_eq!(to.spec(), spec);
        error
    };
    let other = ModelSpec { hidden: 9, seed: 2, ..small() };
    let differ = vec!["Hidden size", "Seed"];
    assert_eq!(refused(&other, TEXT), CheckpointError::Spec { differ });
    assert_eq!(refused(&small(), &TEXT.repeat(2)), CheckpointError::Text);
}

#[test]
fn what_was_adjusted_is_taken_over() {
    let devices = &mut Devices::default();
    let mut from = session(&small(), TEXT, devices);
    losses(&mut from, 4);
    from.adjust(0.01, None).expect("within the limits");
    let checkpoint = block_on(from.checkpoint()).expect("the CPU does not fail");
    let mut to = session(&small(), TEXT, devices);
    block_on(to.resume(&checkpoint)).expect("it may be adjusted while training");
    assert_eq!(to.spec(), from.spec());
    assert_eq!(losses(&mut to, 4), losses(&mut from, 4));
}

#[test]
fn a_file_of_weights_is_no_checkpoint() {
    let mut session = session(&small(), TEXT, &mut Devices::default());
    let weights = block_on(session.export_weights()).expect("the CPU does not fail");
    let error = Checkpoint::from_bytes(&weights).expect_err("weights only");
    assert_eq!(error, CheckpointError::NoCheckpoint { missing: "seqlab" });
}
