//! What the models cost on the learner's own device: training against the length of a sequence, writing against the
//! place of the token.

use leptos::prelude::*;

use crate::protocol::{BenchResult, Workload, WorkloadModel};
use crate::spec::{Architecture, BackendKind, ModelSpec};
use crate::ui::bench::Queue;
use crate::ui::charts::axis::Axis;
use crate::ui::charts::palette::{self, Theme};
use crate::ui::charts::{Legend, Line, LineChart, Picture};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// Lengths of training sequences.
const LENGTHS: [usize; 5] = [32, 64, 128, 256, 512];
/// Places of a written token.
const PLACES: [usize; 5] = [16, 64, 256, 1024, 4096];
/// Of both, for every model.
const EACH: usize = LENGTHS.len() + PLACES.len();
/// Sequences of a training step, and symbols.
const BATCH: usize = 4;
const SYMBOLS: usize = 64;
/// How long one point is measured.
const SECONDS: f32 = 0.25;

/// What is measured of one model: training at every length, then writing at every place.
fn workloads(spec: &ModelSpec) -> impl Iterator<Item = Workload> {
    let ModelSpec { cell, layers, hidden, heads, backend, .. } = *spec;
    let feed_forward = 4 * hidden;
    let (train, write) = match spec.model {
        Architecture::Transformer => (
            WorkloadModel::Transformer { heads, feed_forward },
            WorkloadModel::WritingTransformer { heads, feed_forward },
        ),
        _ => (WorkloadModel::Characters, WorkloadModel::Writing),
    };
    let of = move |model, backend, steps| Workload {
        model,
        cell,
        layers,
        vocab: SYMBOLS,
        hidden,
        steps,
        batch: BATCH,
        backend,
        seconds: SECONDS,
    };
    let training = LENGTHS.into_iter().map(move |steps| of(train, backend, steps));
    training.chain(PLACES.into_iter().map(move |steps| of(write, BackendKind::Cpu, steps)))
}

/// The models in turn, point by point, so that all curves grow together.
fn jobs(lab: Lab) -> Vec<Workload> {
    let chosen = lab.setup.get_untracked();
    let spec = |run: Lab| run.setup_of(&chosen).unwrap_or_else(|_| chosen.clone()).spec;
    let all: Vec<Vec<Workload>> = lab.runs().into_iter().map(|run| workloads(&spec(run)).collect()).collect();
    (0..EACH).flat_map(|at| all.iter().map(move |of| of[at].clone())).collect()
}

/// What is drawn of a result.
#[derive(Clone, Copy, PartialEq)]
enum Quantity {
    Training,
    Writing,
    Memory,
}

impl Quantity {
    fn places(self) -> &'static [usize] {
        if self == Quantity::Training { &LENGTHS } else { &PLACES }
    }

    /// Where its points begin among those of a model.
    fn first(self) -> usize {
        if self == Quantity::Training { 0 } else { LENGTHS.len() }
    }

    fn titles(self) -> [&'static str; 2] {
        match self {
            Quantity::Training => ["length of the sequences T", "training step (ms)"],
            Quantity::Writing => ["place of the token", "a written token (\u{b5}s)"],
            Quantity::Memory => ["place of the token", "carried along (bytes)"],
        }
    }

    fn number(self, result: &BenchResult) -> f64 {
        match self {
            Quantity::Training => 1e3 / result.steps_per_second,
            Quantity::Writing => 1e6 / result.steps_per_second,
            Quantity::Memory => result.carried_bytes as f64,
        }
    }
}

fn result(queue: Queue, run: Lab, quantity: Quantity, at: usize) -> Option<f64> {
    let job = (quantity.first() + at) * run.runs().len() + run.place;
    queue.outcome(job)?.ok().map(|result| quantity.number(&result))
}

/// Measured on request, point by point.
#[component]
pub fn Cost() -> impl IntoView {
    let lab = Lab::here();
    let queue = Queue::new(lab);
    on_cleanup(move || queue.stop());
    let names = Signal::stored(lab.runs().iter().map(|run| run.name().to_owned()).collect::<Vec<_>>());
    let count = EACH * lab.runs().len();
    let progress = move || match queue.job.get() {
        Some(job) => format!("Measuring {} of {count}\u{2026}", job + 1),
        None if queue.outcomes.with(Vec::is_empty) => "Nothing is measured yet.".to_owned(),
        None => "Measured on this device, just now.".to_owned(),
    };
    let failure = move || {
        queue.outcomes.with(|outcomes| outcomes.iter().flatten().find_map(|outcome| outcome.as_ref().err().cloned()))
    };
    let chart = move |quantity| move |theme: Theme| picture(queue, lab, quantity, theme);
    view! {
        <section class="card cost" aria-labelledby="cost-title">
            <header>
                <h2 id="cost-title">"What they cost, here"</h2>
                <p class="caption">
                    "Models of these sizes on your device: a training step by the length of its sequences, a written token by "
                    "its place, and what has to be kept for the next one. The lab stands still meanwhile. Both axes are logarithmic."
                </p>
            </header>
            <div class="buttons">
                <button type="button" class="primary" disabled=move || queue.busy() on:click=move |_| queue.start(jobs(lab))>
                    "Measure"
                </button>
                <button type="button" disabled=move || !queue.busy() on:click=move |_| queue.stop()>"Stop"</button>
                <progress
                    max=count
                    aria-label="Points measured"
                    prop:value=move || queue.job.get().unwrap_or(0)
                    class:idle=move || !queue.busy()
                ></progress>
                <span class="caption number" role="status">{progress}</span>
            </div>
            <p class="problem" role="status">{failure}</p>
            <div class="triple">
                <LineChart label="Time of a training step against the length of its sequences" picture=chart(Quantity::Training)/>
                <LineChart label="Time of a written token against its place" picture=chart(Quantity::Writing)/>
                <LineChart label="Bytes carried from token to token against its place" picture=chart(Quantity::Memory)/>
            </div>
            <Legend names/>
            <TableView caption="Time and memory of every model" table=move |lab| table(queue, lab)/>
        </section>
    }
}

fn picture(queue: Queue, lab: Lab, quantity: Quantity, theme: Theme) -> Option<Picture> {
    let [across, up] = quantity.titles();
    let places = quantity.places();
    let x = Axis::decades(across, places[0] as f64, places[places.len() - 1] as f64);
    let line = |run: Lab| {
        let point =
            |(at, place): (usize, &usize)| Some(((*place as f64).log10(), result(queue, run, quantity, at)?.log10()));
        let points: Vec<(f64, f64)> = places.iter().enumerate().filter_map(point).collect();
        Line { colour: palette::line(theme, run.place), points, ..Line::default() }
    };
    let lines: Vec<Line> = lab.runs().into_iter().map(line).collect();
    let values = lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let (low, high) = if low > high { (0.0, 2.0) } else { (low, high) };
    Some(Picture { x, y: Axis::decades(up, 10f64.powf(low), 10f64.powf(high)), lines, level: None })
}

fn table(queue: Queue, lab: Lab) -> Table {
    let mut table = Table::new(["what", "T or place"]);
    let runs = lab.runs();
    table.head.extend(runs.iter().map(|run| run.name().to_owned()));
    for quantity in [Quantity::Training, Quantity::Writing, Quantity::Memory] {
        for (at, place) in quantity.places().iter().enumerate() {
            let number = |run: &Lab| {
                let result = result(queue, *run, quantity, at);
                result.map_or_else(|| "\u{2013}".to_owned(), |number| format::significant(number, 3))
            };
            let head = [quantity.titles()[1].to_owned(), place.to_string()];
            table.rows.push(head.into_iter().chain(runs.iter().map(number)).collect());
        }
    }
    table
}
