//! The engine against PyTorch's results.
//!
//!     cargo test --release --test reference
//!     SEQLAB_REFERENCE=/path/to/folder cargo test --release --test reference
//!
//! runs every case of `tests/reference` and `tests/reference_more`, or of another folder in their format, that the engine
//! knows, and names the others. See `tests/reference/README.md`.
#![cfg(not(target_arch = "wasm32"))]

mod common;
mod reference_cases;

use std::io::Write;
use std::path::{Path, PathBuf};

use common::gpu::gpu;
use pollster::block_on;
use reference_cases::{Backend, check_folder};
use seqlab::engine::backend::Executable;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::backend::wgpu::WgpuExecutable;

fn check(backend: &Backend) {
    match std::env::var_os("SEQLAB_REFERENCE").map(PathBuf::from) {
        Some(folder) => {
            check_one(&folder, backend);
        }
        None => {
            let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
            for folder in ["reference", "reference_more"] {
                let unknown = check_one(&tests.join(folder), backend);
                assert!(unknown.is_empty(), "not known: {}", unknown.join(", "));
            }
        }
    }
}

/// Checks a folder; returns the cases the engine does not know.
fn check_one(folder: &Path, backend: &Backend) -> Vec<String> {
    let report = block_on(check_folder(folder, backend));
    let mut text =
        format!("\n{} on {}, allowed {} times the tolerance:\n", folder.display(), backend.name, backend.allowance);
    for line in &report.lines {
        text += &format!("  {line}\n");
    }
    if !report.unknown.is_empty() {
        text += &format!("  not known yet: {}\n", report.unknown.join(", "));
    }
    // Past the test harness, which swallows what a passing test prints.
    std::io::stdout().write_all(text.as_bytes()).expect("standard output takes text");
    assert!(report.failures.is_empty(), "{}:\n{}", backend.name, report.failures.join("\n"));
    assert!(report.compared > 0, "no tensor was compared");
    report.unknown
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
