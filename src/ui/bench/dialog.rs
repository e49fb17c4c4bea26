//! The dialog with the table of measurements.

use leptos::html;
use leptos::prelude::*;

use crate::protocol::{BenchResult, Workload};
use crate::spec::BackendKind;
use crate::ui::bench::{Outcome, Queue, WORKLOADS};
use crate::ui::format;
use crate::ui::lab::Lab;

const BACKENDS: [BackendKind; 2] = [BackendKind::Cpu, BackendKind::Gpu];
const JOBS: usize = WORKLOADS.len() * BACKENDS.len();

/// Every workload on the CPU, then on the GPU.
fn jobs() -> Vec<Workload> {
    let both = |(_, workload): &(&str, Workload)| BACKENDS.map(|backend| Workload { backend, ..workload.clone() });
    WORKLOADS.iter().flat_map(both).collect()
}

/// A dialog that measures this device.
#[component]
pub fn BenchDialog(dialog: NodeRef<html::Dialog>) -> impl IntoView {
    let bench = Queue::new(Lab::here());
    let close = move || {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    let busy = move || bench.busy();
    let progress = move || match bench.job.get() {
        Some(job) => format!("Measuring {} of {JOBS}\u{2026}", job + 1),
        None => String::new(),
    };
    view! {
        <dialog class="bench" node_ref=dialog aria-labelledby="bench-title" on:close=move |_| bench.stop()>
            <div class="head">
                <h2 id="bench-title">"How fast is my device?"</h2>
                <button type="button" class="quiet" aria-label="Close" on:click=move |_| close()>"\u{d7}"</button>
            </div>
            <p class="caption">
                "One step is a forward pass, the loss at every timestep, the whole way back through time, and Adam. "
                "The lab stands still meanwhile. The bound is what this processor could do if matrix products ran at their "
                "measured best."
            </p>
            <div class="buttons">
                <button type="button" class="primary" disabled=busy on:click=move |_| bench.start(jobs())>"Measure"</button>
                <button type="button" disabled=move || !busy() on:click=move |_| bench.stop()>"Stop"</button>
                <progress max=JOBS prop:value=move || bench.job.get().unwrap_or(0) class:idle=move || !busy()></progress>
                <span class="caption number" role="status">{progress}</span>
            </div>
            <div class="table-scroll"><Results bench/></div>
            <p class="caption">{move || adapter(bench)}</p>
            <p class="problem" role="status">{move || failure(bench)}</p>
        </dialog>
    }
}

#[component]
fn Results(bench: Queue) -> impl IntoView {
    let row = move |(at, (name, workload)): (usize, &'static (&'static str, Workload))| {
        let outcome = move |side: usize| bench.outcome(2 * at + side);
        let size = format!("V {} H {} T {} B {}", workload.vocab, workload.hidden, workload.steps, workload.batch);
        view! {
            <tr>
                <th scope="row">{*name}<small>{size}</small></th>
                <td>{move || steps(outcome(0))}</td>
                <td>{move || rate(outcome(0))}</td>
                <td>{move || share(outcome(0))}</td>
                <td>{move || steps(outcome(1))}</td>
                <td>{move || rate(outcome(1))}</td>
                <td>{move || ratio(outcome(0), outcome(1))}</td>
            </tr>
        }
    };
    view! {
        <table class="number">
            <thead>
                <tr>
                    <th scope="col" rowspan="2">"Workload"</th>
                    <th scope="colgroup" colspan="3">"CPU"</th>
                    <th scope="colgroup" colspan="2">"GPU"</th>
                    <th scope="col" rowspan="2">"GPU : CPU"</th>
                </tr>
                <tr>
                    <th scope="col">"steps/s"</th>
                    <th scope="col">"GFLOP/s"</th>
                    <th scope="col">"of bound"</th>
                    <th scope="col">"steps/s"</th>
                    <th scope="col">"GFLOP/s"</th>
                </tr>
            </thead>
            <tbody>{WORKLOADS.iter().enumerate().map(row).collect_view()}</tbody>
        </table>
    }
}

fn dash() -> String {
    "\u{2013}".to_owned()
}

fn shown(outcome: Outcome, show: impl Fn(&BenchResult) -> String) -> String {
    match outcome {
        None => dash(),
        Some(Ok(result)) => show(&result),
        Some(Err(_)) => "failed".to_owned(),
    }
}

fn steps(outcome: Outcome) -> String {
    shown(outcome, |result| format::significant(result.steps_per_second, 3))
}

fn rate(outcome: Outcome) -> String {
    let found = outcome.and_then(Result::ok);
    found.map_or_else(dash, |result| format::significant(result.steps_per_second * result.flops_per_step / 1e9, 3))
}

fn share(outcome: Outcome) -> String {
    let found = outcome.and_then(Result::ok).filter(|result| result.bound_steps_per_second > 0.0);
    found.map_or_else(dash, |result| {
        format!("{} %", format::fixed(100.0 * result.steps_per_second / result.bound_steps_per_second, 0))
    })
}

fn ratio(cpu: Outcome, gpu: Outcome) -> String {
    match (cpu, gpu) {
        (Some(Ok(cpu)), Some(Ok(gpu))) => {
            format!("{} \u{d7}", format::significant(gpu.steps_per_second / cpu.steps_per_second, 2))
        }
        _ => dash(),
    }
}

/// Why a measurement failed.
fn failure(bench: Queue) -> Option<String> {
    bench.outcomes.with(|outcomes| outcomes.iter().flatten().find_map(|outcome| outcome.as_ref().err().cloned()))
}

fn adapter(bench: Queue) -> Option<String> {
    let adapter = bench.outcomes.with(|outcomes| {
        outcomes.iter().flatten().flatten().map(|result| result.adapter.clone()).find(|name| !name.is_empty())
    });
    adapter.map(|name| format!("GPU: {name}."))
}
