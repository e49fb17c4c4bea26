//! Models of random specs on the GPU against the CPU: losses and gradient norms of the first steps.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::specs::{config, spec};
use pollster::block_on;
use proptest::prelude::*;
use seqlab::data::built_in;
use seqlab::spec::{BackendKind, ModelSpec, Task};
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::{Drained, Session};

const TEXT: &str = "one fish, two fish, red fish, blue fish; old fish, new fish, this one has a little star. ";

/// A spec that a software driver runs in a moment, and whose training is no chaos: every choice stays as it was drawn.
fn small(spec: ModelSpec) -> ModelSpec {
    let heads = spec.heads.min(4);
    let shortest = if matches!(spec.task, Task::Lookup | Task::SelectiveCopy) { 16 } else { 2 };
    ModelSpec {
        layers: spec.layers.min(2),
        heads,
        hidden: (8 + spec.hidden % 33).next_multiple_of(heads),
        embedding: if spec.task.makes_strings() { 1 + spec.embedding % 12 } else { spec.embedding % 12 },
        state_size: 1 + spec.state_size % 7,
        sequence_length: shortest + spec.sequence_length % 8,
        pretraining: spec.pretraining % 3,
        symbols: 2 + spec.symbols % 5,
        batch: 1 + spec.batch % 6,
        learning_rate: spec.learning_rate.min(1e-3),
        spectral_radius: spec.spectral_radius.map(|radius| radius.min(1.5)),
        forget_bias: spec.forget_bias.map(|bias| bias.clamp(-2.0, 2.0)),
        ..spec
    }
}

/// Loss and gradient norms of three steps; `None` where numbers are not finite.
fn rows(spec: &ModelSpec, backend: BackendKind, devices: &mut Devices) -> Option<Vec<Vec<f32>>> {
    let spec = ModelSpec { backend, ..spec.clone() };
    let verse = TEXT.repeat(3);
    let text = if spec.task == Task::Labels { built_in(spec.task) } else { &verse };
    let (mut session, refusal) = block_on(Session::new(&spec, text, "fish", devices)).expect("a valid spec");
    assert!(refusal.is_none(), "no Vulkan adapter ({refusal:?}): install a driver, in Debian mesa-vulkan-drivers");
    for _ in 0..3 {
        block_on(session.train_step()).expect("the device is there");
    }
    match block_on(session.drain()).expect("the device is there") {
        Drained::Good(rows) => Some(rows.numbers.chunks(rows.width).map(<[f32]>::to_vec).collect()),
        Drained::Diverged(..) => None,
    }
}

/// What differs by more than rounding explains: (step, place in the row, CPU, GPU). The accuracy, in place 2, jumps.
fn difference(cpu: &[Vec<f32>], gpu: &[Vec<f32>]) -> Option<(usize, usize, f32, f32)> {
    cpu.iter().zip(gpu).enumerate().find_map(|(step, (cpu, gpu))| {
        let norm = cpu[3..].iter().fold(1e-3_f32, |most, norm| most.max(*norm));
        (0..cpu.len()).filter(|at| *at != 2).find_map(|at| {
            let scale = if at > 2 { norm } else { cpu[at].abs().max(0.1) };
            ((cpu[at] - gpu[at]).abs() > 3e-3 * scale).then_some((step, at, cpu[at], gpu[at]))
        })
    })
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn the_gpu_trains_any_model_as_the_cpu_does(drawn in spec()) {
        let (spec, mut devices) = (small(drawn), Devices::default());
        prop_assert_eq!(spec.validate(), Ok(()));
        if let Some(cpu) = rows(&spec, BackendKind::Cpu, &mut devices) {
            let gpu = rows(&spec, BackendKind::Gpu, &mut devices);
            prop_assert!(gpu.is_some(), "only the GPU diverged");
            prop_assert_eq!(difference(&cpu, &gpu.unwrap_or_default()), None);
        }
    }
}
