//! One reference case of each group in the browser: on the CPU engine, which there is WebAssembly, and on WebGPU through
//! the browser's own WGSL compiler. Every tensor that a case has must be compared.
#![cfg(target_arch = "wasm32")]

mod reference_cases;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;

use reference_cases::{Backend, check_folder};
use seqlab::engine::backend::Executable;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::backend::wgpu::{Gpu, WgpuExecutable};
use seqlab::engine::error::EngineError;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const MANIFEST: &str = include_str!("reference/manifest.json");

macro_rules! cases {
    ($($id:literal)*) => {
        &[$(($id, include_bytes!(concat!("reference/data/", $id, ".safetensors")))),*]
    };
}

/// One case of each group of `tests/reference`: a small one, since the browser's software GPU takes seconds to compile
/// a layer's kernels.
const CASES: &[(&str, &[u8])] = cases![
    "01a_rnn_tanh"
    "02a_lstm"
    "03a_gru_pytorch"
    "06a_bahdanau_previous"
    "07d_transformer_relu"
    "09a_s4d"
    "10c_mamba_block"
    "11d_layers"
    "12a_optimizers"
    "13b_trace_gru"
    "14a_beam_search"
    "15b_reinforce_entropy"
    "16a_jacobian_vanishing"
    "17a_scheduled_sampling"
];

fn read(path: &str) -> Result<Cow<'static, [u8]>, String> {
    let file = |(id, bytes): &(&str, &'static [u8])| (format!("data/{id}.safetensors") == path).then_some(*bytes);
    match path {
        "manifest.json" => Ok(Cow::Borrowed(MANIFEST.as_bytes())),
        _ => CASES.iter().find_map(file).map(Cow::Borrowed).ok_or_else(|| format!("{path} is not in the program")),
    }
}

/// The adapter, asked for once: it keeps its compiled pipelines.
async fn gpu() -> Result<Gpu, EngineError> {
    thread_local!(static GPU: RefCell<Option<Gpu>> = const { RefCell::new(None) });
    if let Some(gpu) = GPU.with_borrow(Clone::clone) {
        return Ok(gpu);
    }
    let gpu = Gpu::request().await?;
    GPU.set(Some(gpu.clone()));
    Ok(gpu)
}

async fn check(backend: &Backend) {
    let ids: Vec<&str> = CASES.iter().map(|(id, _)| *id).collect();
    let report = check_folder(&read, Some(&ids), backend).await;
    let problems = report.problems();
    assert!(problems.is_empty(), "{}:\n{}", backend.name, problems.join("\n"));
    wasm_bindgen_test::console_log!("{} in the browser:\n{report}", backend.name);
}

#[wasm_bindgen_test]
fn every_group_has_its_case() {
    let group = |id: &str| id.get(..2).unwrap_or(id).to_owned();
    let known = MANIFEST.lines().filter_map(|line| line.trim().strip_prefix("\"id\": \""));
    let known: BTreeSet<String> = known.map(group).collect();
    let here: BTreeSet<String> = CASES.iter().map(|(id, _)| group(id)).collect();
    assert_eq!(here, known);
}

#[wasm_bindgen_test]
async fn the_cpu_meets_a_case_of_each_group() {
    check(&Backend {
        name: "CPU f32",
        allowance: 1.0,
        load: |plan, journal| {
            Box::pin(async move {
                let mut machine = CpuExecutable::<f32>::new(plan, &journal);
                machine.poison(f32::NAN);
                Ok(Box::new(machine) as Box<dyn Executable>)
            })
        },
    })
    .await;
}

#[wasm_bindgen_test]
async fn the_gpu_meets_a_case_of_each_group() {
    check(&Backend {
        name: "GPU",
        allowance: 10.0,
        load: |plan, journal| {
            Box::pin(async move {
                let mut machine = WgpuExecutable::new(&gpu().await?, plan, &journal).await?;
                machine.poison(f32::NAN);
                Ok(Box::new(machine) as Box<dyn Executable>)
            })
        },
    })
    .await;
}
