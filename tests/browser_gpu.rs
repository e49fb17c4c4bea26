//! The GPU backend in the browser's worker: every kernel goes through the browser's own WGSL compiler and computes what
//! the CPU computes.
#![cfg(target_arch = "wasm32")]

mod common;

use std::collections::BTreeSet;

use common::op_examples::{OpExample, op_examples};
use seqlab::engine::backend::Executable;
use seqlab::engine::backend::wgpu::lower::lower;
use seqlab::engine::backend::wgpu::{Gpu, WgpuExecutable};
use seqlab::engine::error::EngineError;
use seqlab::engine::graph::Op;
use seqlab::engine::plan::Plan;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Examples that show every kernel, and every constant of a kernel with every value. Sizes do not count as such, and
/// recurrent layers come in one size: the browser's software GPU takes seconds to compile one.
fn examples() -> Vec<OpExample> {
    let mut seen = BTreeSet::new();
    let mut is_new = |example: &OpExample| {
        let plan = Plan::new(example.build().expect("it fits").graph, usize::MAX).expect("there is memory");
        let dispatches: Vec<_> = plan.programs()[0].steps.iter().flat_map(|step| lower(&plan, step)).collect();
        let kinds = dispatches.iter().flat_map(|dispatch| {
            let is_size = |name: &str| ["UNITS", "PADDED", "LANES"].contains(&name) || name.ends_with("SLICES");
            let constants = dispatch.constants.iter().filter(move |(name, _)| !is_size(name));
            let constants = constants.map(|(name, value)| (dispatch.kernel, *name, *value));
            constants.chain([(dispatch.kernel, "", 0)])
        });
        kinds.filter(|kind| seen.insert(*kind)).count() > 0
    };
    let is_small = |example: &OpExample| example.inputs.iter().all(|input| input.shape.len() < 100_000);
    let is_chosen = |example: &OpExample| match example.op {
        Op::Recurrent { .. } | Op::RecurrentBackward { .. } => {
            example.inputs.iter().any(|input| input.shape.last() == 33)
        }
        _ => true,
    };
    let examples = op_examples().into_iter().filter(|example| is_small(example) && is_chosen(example));
    examples.filter(|example| is_new(example)).collect()
}

#[wasm_bindgen_test]
async fn every_kernel_computes_what_the_cpu_computes() {
    let gpu = Gpu::request().await.expect("the driver gives the browser an adapter");
    assert!(!gpu.name().is_empty());
    let mut failures = Vec::new();
    for example in examples() {
        let (share, place) = common::comparison::compare(&gpu, &example).await;
        if share > 1.0 {
            failures.push(format!("{}: {share:.2} of what is allowed, {place}", example.describe()));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[wasm_bindgen_test]
async fn a_lost_device_says_so() {
    let gpu = Gpu::request().await.expect("the driver gives the browser an adapter");
    let example = examples().into_iter().find(|example| example.op.name() == "affine").expect("there is one");
    let built = example.build().expect("it fits");
    let plan = || Plan::new(built.graph.clone(), usize::MAX).expect("there is memory");
    let mut machine = WgpuExecutable::new(&gpu, plan(), &[]).await.expect("the device takes the plan");
    gpu.lose();
    let lost = |result: Result<Vec<f32>, EngineError>| matches!(result, Err(EngineError::DeviceLost { .. }));
    assert!(lost(machine.read(&built.outputs).await));
    assert!(machine.run(0).is_err());
    assert!(WgpuExecutable::new(&gpu, plan(), &[]).await.is_err());
}
