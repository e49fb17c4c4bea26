//! The engine against PyTorch's results.
//!
//!     cargo test --release --test reference
//!     SEQLAB_REFERENCE=/path/to/folder cargo test --release --test reference
//!
//! runs every case of `tests/reference` and `tests/reference_more`, or of another folder in their format. What the engine
//! does not know, a case or an option, is a failure that names it. See `tests/reference/README.md`.
#![cfg(not(target_arch = "wasm32"))]

mod common;
mod reference_cases;

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use common::gpu::gpu;
use pollster::block_on;
use reference_cases::{Backend, check_folder};
use seqlab::engine::backend::Executable;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::backend::wgpu::WgpuExecutable;

fn check(backend: &Backend) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folders = match std::env::var_os("SEQLAB_REFERENCE") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => ["reference", "reference_more"].map(|folder| tests.join(folder)).to_vec(),
    };
    let mut problems = Vec::new();
    for folder in folders {
        let name = folder.display().to_string();
        let read = move |path: &str| match std::fs::read(folder.join(path)) {
            Ok(bytes) => Ok(Cow::Owned(bytes)),
            Err(error) => Err(format!("{path}: {error}")),
        };
        let report = block_on(check_folder(&read, None, backend));
        let text =
            format!("\n{name} on {}, allowed {} times the tolerance:\n{report}", backend.name, backend.allowance);
        // Past the test harness, which swallows what a passing test prints.
        std::io::stdout().write_all(text.as_bytes()).expect("standard output takes text");
        problems.extend(report.problems());
    }
    assert!(problems.is_empty(), "{}: {} problems:\n{}", backend.name, problems.len(), problems.join("\n"));
}

#[test]
fn the_cpu_meets_the_references() {
    check(&Backend {
        name: "CPU f32",
        allowance: 1.0,
        load: |plan, journal| {
            let mut machine = CpuExecutable::<f32>::new(plan, &journal);
            machine.poison(f32::NAN);
            Box::pin(async { Ok(Box::new(machine) as Box<dyn Executable>) })
        },
    });
}

/// In f64 only the formulas count, and the rounding of what is read.
#[test]
fn the_formulas_meet_the_references_twenty_times_closer() {
    check(&Backend {
        name: "CPU f64",
        allowance: 0.05,
        load: |plan, journal| {
            Box::pin(async move { Ok(Box::new(CpuExecutable::<f64>::new(plan, &journal)) as Box<dyn Executable>) })
        },
    });
}

#[test]
fn the_gpu_meets_the_references_ten_times_looser() {
    check(&Backend {
        name: "GPU",
        allowance: 10.0,
        load: |plan, journal| {
            Box::pin(async move {
                let mut machine = WgpuExecutable::new(gpu(), plan, &journal).await?;
                machine.poison(f32::NAN);
                Ok(Box::new(machine) as Box<dyn Executable>)
            })
        },
    });
}
