//! A session on the GPU: it agrees with the CPU, and goes on there when the GPU is lost in the middle of a run.
#![cfg(not(target_arch = "wasm32"))]

use seqlab::engine::cell::Cell;
use seqlab::engine::error::EngineError;
use seqlab::spec::{BackendKind, ModelSpec};
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::{Drained, Session};

const TEXT: &str = "one fish, two fish, red fish, blue fish; old fish, new fish, this one has a little star. ";

fn session(spec: &ModelSpec, backend: BackendKind, devices: &mut Devices) -> Session {
    let spec = ModelSpec { backend, ..spec.clone() };
    let built =
        pollster::block_on(Session::new(&spec, &TEXT.repeat(3), "fish", devices)).expect("a valid spec and text");
    assert!(
        built.1.is_none(),
        "no Vulkan adapter ({:?}): install a driver, in Debian mesa-vulkan-drivers and libvulkan1",
        built.1
    );
    built.0
}

fn drain(session: &mut Session) -> Result<Vec<f32>, EngineError> {
    match pollster::block_on(session.drain())? {
        Drained::Good(rows) => Ok(rows.numbers.chunks(rows.width).map(|row| row[1]).collect()),
        Drained::Diverged(_, found) => panic!("diverged: {found:?}"),
    }
}

fn losses(session: &mut Session, steps: usize) -> Result<Vec<f32>, EngineError> {
    for _ in 0..steps {
        pollster::block_on(session.train_step())?;
    }
    drain(session)
}

#[test]
fn the_gpu_learns_as_the_cpu_does() {
    let mut devices = Devices::default();
    for cell in [Cell::Lstm, Cell::Gru, Cell::Rnn] {
        let spec = ModelSpec { cell, layers: 2, hidden: 16, sequence_length: 12, batch: 3, ..ModelSpec::default() };
        let cpu = losses(&mut session(&spec, BackendKind::Cpu, &mut devices), 20).expect("the CPU does not fail");
        let gpu = losses(&mut session(&spec, BackendKind::Gpu, &mut devices), 20).expect("the GPU is there");
        for (step, (a, b)) in cpu.iter().zip(&gpu).enumerate() {
            assert!((a - b).abs() < 1e-3 * a, "{cell:?}, step {}: {a} on the CPU, {b} on the GPU", step + 1);
        }
    }
}

#[test]
fn a_lost_gpu_leaves_the_run_to_the_cpu_from_the_last_good_state() {
    let mut devices = Devices::default();
    let spec = ModelSpec { hidden: 16, sequence_length: 12, batch: 3, ..ModelSpec::default() };
    let expected = losses(&mut session(&spec, BackendKind::Cpu, &mut devices), 30).expect("the CPU does not fail");
    let mut session = session(&spec, BackendKind::Gpu, &mut devices);
    losses(&mut session, 10).expect("the GPU is there");
    pollster::block_on(session.keep()).expect("the GPU is there");
    losses(&mut session, 5).expect("the GPU is there");
    devices.lose_gpu();
    let error = losses(&mut session, 5).expect_err("the GPU is gone");
    assert!(matches!(error, EngineError::DeviceLost { .. }), "{error:?}");
    session.fall_back().expect("the CPU is there");
    assert_eq!((session.step(), session.backend()), (10, BackendKind::Cpu));
    let rest = losses(&mut session, 20).expect("the CPU does not fail");
    for (a, b) in expected[10..].iter().zip(&rest) {
        assert!((a - b).abs() < 1e-3 * a, "{a} {b}");
    }
}

#[test]
fn a_gpu_goes_on_from_where_one_went_back_to_and_so_does_the_cpu_after_it() {
    let mut devices = Devices::default();
    let spec = ModelSpec { hidden: 16, sequence_length: 12, batch: 3, ..ModelSpec::default() };
    let mut session = session(&spec, BackendKind::Gpu, &mut devices);
    let first = losses(&mut session, 10).expect("the GPU is there");
    pollster::block_on(session.keep()).expect("the GPU is there");
    let second = losses(&mut session, 10).expect("the GPU is there");
    for (step, ahead) in [(10, &second), (0, &first)] {
        pollster::block_on(session.travel(step)).expect("the GPU is there");
        assert_eq!(session.step(), step);
        assert_eq!(&losses(&mut session, 10).expect("the GPU is there"), ahead);
    }
    pollster::block_on(session.travel(0)).expect("the GPU is there");
    devices.lose_gpu();
    losses(&mut session, 10).expect_err("the GPU is gone");
    session.fall_back().expect("the CPU is there");
    assert_eq!((session.step(), session.backend()), (0, BackendKind::Cpu));
}

#[test]
fn a_step_of_the_first_workload_takes_at_most_30_dispatches() {
    let mut devices = Devices::default();
    let spec = ModelSpec { hidden: 128, sequence_length: 64, batch: 32, ..ModelSpec::default() };
    let session = session(&spec, BackendKind::Gpu, &mut devices);
    let dispatches = session.executable().dispatches(0);
    println!("{dispatches} dispatches");
    assert!(dispatches <= 30, "{dispatches}");
}
