//! Every check of the project, in the order that finds mistakes soonest.

use crate::{Result, browser, bundle, debian, process, setup, size};
use std::process::Command;
use std::time::{Duration, Instant};

/// One check.
struct Stage {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result,
}

const STAGES: [Stage; 9] = [
    Stage { name: "tools", what: "get what is missing", run: tools },
    Stage { name: "format", what: "rustfmt", run: format },
    Stage { name: "lint", what: "clippy, native: everything", run: lint_native },
    Stage { name: "lint-wasm", what: "clippy, wasm32: library, programs, browser tests", run: lint_wasm },
    Stage { name: "native", what: "tests on this machine", run: native },
    Stage { name: "browser", what: "tests/browser_*.rs in headless Chromium", run: browser_tests },
    Stage { name: "build", what: "the site, as it ships", run: build },
    Stage { name: "size", what: "what a reader downloads", run: size::check },
    Stage { name: "e2e", what: "the site in headless Chromium", run: end_to_end },
];

/// Runs the named stages, or all; always closes with what was done and how long it took.
pub fn test(names: &[String]) -> Result {
    if names.iter().any(|name| name == "--list") {
        STAGES.iter().for_each(|stage| println!("{:<10} {}", stage.name, stage.what));
        return Ok(());
    }
    let chosen = choose(names)?;
    let mut times = Vec::new();
    let mut outcome = Ok(());
    for (index, stage) in chosen.iter().enumerate() {
        println!("\n[{}/{}] {}: {}", index + 1, chosen.len(), stage.name, stage.what);
        let started = Instant::now();
        outcome = (stage.run)().map_err(|why| format!("stage {} failed: {why}", stage.name));
        times.push(started.elapsed());
        if outcome.is_err() {
            break;
        }
    }
    summarise(&chosen, &times, outcome.is_ok());
    outcome
}

/// As [`test`], on a machine of which nothing is known.
pub fn ci() -> Result {
    // SAFETY: nothing else runs in this process yet.
    unsafe {
        std::env::set_var("CI", "true");
    }
    for program in ["rustc", "cargo", "node"] {
        let version = process::output(Command::new(program).arg("--version"));
        println!("{}", version.unwrap_or_else(|| format!("no {program}")));
    }
    test(&[])
}

fn choose(names: &[String]) -> Result<Vec<&'static Stage>> {
    if names.is_empty() {
        return Ok(STAGES.iter().collect());
    }
    for name in names {
        if !STAGES.iter().any(|stage| stage.name == name) {
            return Err(format!("no stage {name}; see cargo xtask test --list"));
        }
    }
    let wanted = |stage: &&Stage| stage.name == "tools" || names.iter().any(|n| n == stage.name);
    Ok(STAGES.iter().filter(wanted).collect())
}

fn summarise(chosen: &[&Stage], times: &[Duration], passed: bool) {
    println!("\n{:<10} {:>8}", "stage", "seconds");
    for (index, stage) in chosen.iter().enumerate() {
        let last = index + 1 == times.len();
        let state = if last && !passed { "  FAILED" } else { "" };
        match times.get(index) {
            Some(time) => println!("{:<10} {:>8.1}{state}", stage.name, time.as_secs_f64()),
            None => println!("{:<10} {:>8}", stage.name, "not run"),
        }
    }
    let total: Duration = times.iter().sum();
    println!("{:<10} {:>8.1}", "total", total.as_secs_f64());
}

fn tools() -> Result {
    setup::for_building()?;
    setup::for_testing()
}

fn format() -> Result {
    process::run(process::cargo().args(["fmt", "--all", "--", "--check"]))
        .map_err(|why| format!("{why}\ncargo fmt --all puts it right"))
}

fn lint_native() -> Result {
    let mut command = process::cargo();
    command.args(["clippy", "--locked", "--workspace", "--all-targets"]);
    process::run(command.args(["--", "--deny", "warnings"]))
}

/// Native tests and benches are left out: what they depend on does not exist for wasm32.
fn lint_wasm() -> Result {
    let mut command = process::cargo();
    command.args(["clippy", "--locked", "--target", "wasm32-unknown-unknown"]);
    command.args(["--package", "seqlab", "--package", "seqlab-kernels", "--lib", "--bins", "--test", "browser_*"]);
    process::run(command.args(["--", "--deny", "warnings"]))
}

fn native() -> Result {
    let mut command = process::cargo();
    command.args(["test", "--locked", "--workspace", "--exclude", "e2e"]);
    if debian::in_ci() {
        // Without a GPU, tests of the shaders skip themselves; where all is installed they must not.
        command.env("SEQLAB_REQUIRE_GPU", "1");
    }
    process::run(&mut command)
}

/// Each file says for itself whether it runs in a window or in a dedicated worker.
fn browser_tests() -> Result {
    let mut command = process::cargo();
    command.args(["test", "--locked", "--target", "wasm32-unknown-unknown"]);
    command.args(["--package", "seqlab", "--test", "browser_*"]);
    command.env("WASM_BINDGEN_TEST_TIMEOUT", "600");
    if let Some(driver) = browser::chromedriver() {
        command.env("CHROMEDRIVER", driver);
    }
    process::run(&mut command)
}

fn build() -> Result {
    bundle::build(&bundle::Options { optimise: true })
}

/// The dev profile: the harness waits for the browser, so it need not be fast, only quick to build.
/// One test at a time: each starts a browser that wants the whole machine.
fn end_to_end() -> Result {
    let mut command = process::cargo();
    command.args(["test", "--locked", "--package", "e2e", "--profile", "dev"]);
    process::run(command.args(["--", "--test-threads", "1", "--show-output"]))
}
