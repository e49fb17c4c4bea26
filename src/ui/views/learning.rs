//! Loss and accuracy against step.

use leptos::prelude::*;

use crate::spec::Task;
use crate::ui::charts::axis::{self, Axis};
use crate::ui::charts::palette::{self, Theme};
use crate::ui::charts::{Legend, Line, LineChart, Picture};
use crate::ui::controls::Segments;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::store::{FrameStore, column};
use crate::ui::views::table::{Table, TableView};

/// Rows of a table of a curve.
const TABLE_ROWS: usize = 24;

/// What the curves are drawn against.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Against {
    #[default]
    Steps,
    Seconds,
}

/// The loss and the accuracy of the training batches, of all models in one picture.
#[component]
pub fn Learning() -> impl IntoView {
    let lab = Lab::here();
    let end = StoredValue::new(1.0f64);
    let against = RwSignal::new(Against::default());
    let loss = move |theme: Theme| {
        lab.any_frame.track();
        let lines = curves(lab, column::LOSS, theme, 0, against.get());
        let chance = untrack(|| chance(lab));
        let tops = lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
        let top = tops.chain(chance).fold(0.0, f64::max) * 1.08;
        end.update_value(|end| *end = axis::follow(*end, top));
        Some(Picture {
            x: axis_of(lab, against.get()),
            y: Axis::linear(untrack(|| loss_name(lab)), 0.0, end.get_value(), 4),
            lines,
            level: chance.map(|chance| (chance, format!("chance: {}", format::fixed(chance, 2)))),
        })
    };
    let accuracy = move |theme: Theme| {
        lab.any_frame.track();
        Some(Picture {
            x: axis_of(lab, against.get()),
            y: Axis::linear("accuracy (share)", 0.0, 1.0, 4),
            lines: curves(lab, column::ACCURACY, theme, 2, against.get()),
            level: None,
        })
    };
    let several = lab.runs().len() > 1;
    let names = Signal::stored(lab.runs().iter().map(|run| run.name().to_owned()).collect::<Vec<_>>());
    let choices = ["steps", "seconds"].map(|name| (name.to_owned(), format!("per {}", name.trim_end_matches('s'))));
    let choices = Signal::stored(choices.to_vec());
    let value = Signal::derive(move || match against.get() {
        Against::Steps => "steps".to_owned(),
        Against::Seconds => "seconds".to_owned(),
    });
    let choose = move |value: String| against.set(if value == "seconds" { Against::Seconds } else { Against::Steps });
    view! {
        <section class="card" aria-labelledby="learning-title">
            <header>
                <h2 id="learning-title">"How well it learns"</h2>
                <p class="caption">
                    "Loss and accuracy of every training step. A model that knows nothing sits at the dashed line."
                </p>
            </header>
            {several.then(|| view! {
                <div class="choosers">
                    <Legend names/>
                    <Segments name="against" label="Drawn" choices value choose/>
                </div>
            })}
            <div class="pair grow">
                <LineChart label="Loss of the training batches" picture=loss/>
                <LineChart label="Accuracy on the training batches" picture=accuracy/>
            </div>
            <p class="caption note"><Merged/></p>
            <TableView caption="Loss and accuracy against step" table/>
        </section>
    }
}

/// A column of every model's history. Models side by side are told apart by their colours; one alone shows its range.
fn curves(lab: Lab, column: usize, theme: Theme, alone: usize, against: Against) -> Vec<Line> {
    let runs = lab.runs();
    let several = runs.len() > 1;
    let line = |run: &Lab| {
        let colour = if several { run.place } else { alone };
        let mut lines = run.with_store(|store| {
            let mut lines = [later(store, column, theme, colour), curve(store, column, theme, colour)];
            if against == Against::Seconds {
                let pace = store.seconds_per_step();
                for line in &mut lines {
                    line.points.iter_mut().for_each(|point| point.0 *= pace);
                    line.band.iter_mut().for_each(|point| point.0 *= pace);
                }
            }
            lines
        });
        if several {
            lines[1].band.clear();
        }
        lines
    };
    runs.iter().flat_map(line).filter(|line| !line.points.is_empty()).collect()
}

fn axis_of(lab: Lab, against: Against) -> Axis {
    let furthest =
        |end: &dyn Fn(&FrameStore) -> f64| lab.runs().iter().map(|run| run.with_store(end)).fold(0.0, f64::max);
    match against {
        Against::Steps => {
            let last = furthest(&|store| store.history.last_step() as f64);
            Axis::linear("training step", 0.0, axis::round_up(last.max(50.0)), 5)
        }
        Against::Seconds => {
            let last = furthest(&|store| store.history.last_step() as f64 * store.seconds_per_step());
            Axis::linear("seconds of training", 0.0, axis::round_up(last.max(1.0)), 5)
        }
    }
}

/// What the loss is, with its unit.
fn loss_name(lab: Lab) -> &'static str {
    match lab.setup.with(|setup| setup.spec.task) {
        Task::Adding => "mean squared error",
        Task::Text => "loss (nats per character)",
        Task::Labels | Task::Majority => "loss (nats per text)",
        _ => "loss (nats per symbol)",
    }
}

/// Says when a point stands for several steps.
#[component]
pub fn Merged() -> impl IntoView {
    let lab = Lab::here();
    let stride = Memo::new(move |_| {
        lab.readout.track();
        lab.with_store(|store| store.history.stride())
    });
    move || {
        (stride.get() > 1).then(|| format!("Each point is the mean of {} steps, the shade their range.", stride.get()))
    }
}

/// The loss of guessing every character, or every label, alike: the logarithm of their number.
fn chance(lab: Lab) -> Option<f64> {
    let task = lab.setup.with(|setup| setup.spec.task);
    let count = lab.model.with_untracked(|model| {
        let model = model.as_ref()?;
        match task {
            Task::Text => Some(model.vocabulary.len()),
            Task::Labels | Task::Majority => Some(model.labels.len()),
            _ => None,
        }
    });
    count.map(|count| (count as f64).ln())
}

/// The axis of training steps.
pub fn steps(store: &FrameStore) -> Axis {
    Axis::linear("training step", 0.0, axis::round_up((store.history.last_step() as f64).max(50.0)), 5)
}

/// A column of the history as a line, up to the present step.
pub fn curve(store: &FrameStore, column: usize, theme: Theme, colour: usize) -> Line {
    let now = store.header.step;
    let finite = store.history.points(column).filter(|(step, stat)| *step <= now && stat.mean.is_finite());
    let points = finite.clone().map(|(step, stat)| (step as f64, f64::from(stat.mean))).collect();
    let merged = store.history.stride() > 1;
    let band = finite.filter(|_| merged).map(|(step, stat)| (step as f64, f64::from(stat.low), f64::from(stat.high)));
    Line { colour: palette::line(theme, colour), points, band: band.collect() }
}

/// What came after the present step, before one went back to it: faint, as it may come otherwise.
fn later(store: &FrameStore, column: usize, theme: Theme, colour: usize) -> Line {
    let backwards = store.history.points(column).rev();
    let later = backwards.clone().take_while(|(step, _)| *step > store.header.step).count();
    // It begins where the present one ends.
    let length = if later > 0 { later + 1 } else { 0 };
    let finite = backwards.take(length).filter(|(_, stat)| stat.mean.is_finite());
    let points = finite.map(|(step, stat)| (step as f64, f64::from(stat.mean))).collect();
    Line { colour: palette::faint(theme, colour), points, band: Vec::new() }
}

fn table(lab: Lab) -> Table {
    let runs = lab.runs();
    let mut table = Table::new(["step"]);
    let head = |run: &Lab| {
        let name = if runs.len() > 1 { format!("{}: ", run.name()) } else { String::new() };
        [format!("{name}{}", loss_name(lab)), format!("{name}accuracy")]
    };
    table.head.extend(runs.iter().flat_map(head));
    let number = |value: f32| format::fixed(f64::from(value), 3);
    // By the steps of the first model: the others have theirs near them.
    let steps: Vec<u64> = lab.with_store(|store| {
        let stride = store.history.len().div_ceil(TABLE_ROWS).max(1);
        store.history.points(column::LOSS).rev().step_by(stride).map(|(step, _)| step).collect()
    });
    let at = |run: &Lab, step: u64, column: usize| {
        run.with_store(|store| {
            let mut points = store.history.points(column);
            points.find(|(known, _)| *known >= step).map(|(_, stat)| number(stat.mean)).unwrap_or_default()
        })
    };
    let row = |step: u64| {
        let numbers = runs.iter().flat_map(|run| [column::LOSS, column::ACCURACY].map(|column| at(run, step, column)));
        std::iter::once(step.to_string()).chain(numbers).collect()
    };
    table.rows = steps.into_iter().map(row).collect();
    table
}
