//! Loss and accuracy against step.

use leptos::prelude::*;

use crate::ui::charts::axis::{self, Axis};
use crate::ui::charts::palette::{self, Theme};
use crate::ui::charts::{Line, LineChart, Picture};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::store::{FrameStore, column};
use crate::ui::views::table::{Table, TableView};

/// Rows of a table of a curve.
const TABLE_ROWS: usize = 24;

/// The loss and the accuracy of the training batches.
#[component]
pub fn Learning() -> impl IntoView {
    let lab = Lab::here();
    let end = StoredValue::new(1.0f64);
    let loss = move |store: &FrameStore, theme: Theme| {
        let line = curve(store, column::LOSS, theme, 0);
        let chance = chance(lab);
        let top = line.points.iter().map(|point| point.1).chain(chance).fold(0.0, f64::max) * 1.08;
        end.update_value(|end| *end = axis::follow(*end, top));
        Some(Picture {
            x: steps(store),
            y: Axis::linear("loss (nats per character)", 0.0, end.get_value(), 4),
            lines: vec![line],
            level: chance.map(|chance| (chance, format!("chance: ln V = {}", format::fixed(chance, 2)))),
        })
    };
    let accuracy = |store: &FrameStore, theme: Theme| {
        Some(Picture {
            x: steps(store),
            y: Axis::linear("accuracy (share)", 0.0, 1.0, 4),
            lines: vec![curve(store, column::ACCURACY, theme, 2)],
            level: None,
        })
    };
    view! {
        <section class="card" aria-labelledby="learning-title">
            <header>
                <h2 id="learning-title">"How well it guesses"</h2>
                <p class="caption">
                    "The loss is the surprise at the next character; a model that knows nothing sits at the dashed line."
                </p>
            </header>
            <div class="pair grow">
                <LineChart label="Loss against training step, in nats per character" picture=loss/>
                <LineChart label="Accuracy against training step: share of next characters guessed right" picture=accuracy/>
            </div>
            <p class="caption note"><Merged/></p>
            <TableView caption="Loss and accuracy against step" table/>
        </section>
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

/// ln V: the loss of guessing every character alike.
fn chance(lab: Lab) -> Option<f64> {
    lab.model.with_untracked(|model| model.as_ref().map(|model| (model.vocabulary.len() as f64).ln()))
}

/// The axis of training steps.
pub fn steps(store: &FrameStore) -> Axis {
    Axis::linear("training step", 0.0, axis::round_up((store.history.last_step() as f64).max(50.0)), 5)
}

/// A column of the history as a line.
pub fn curve(store: &FrameStore, column: usize, theme: Theme, colour: usize) -> Line {
    let finite = store.history.points(column).filter(|(_, stat)| stat.mean.is_finite());
    let points = finite.clone().map(|(step, stat)| (step as f64, f64::from(stat.mean))).collect();
    let merged = store.history.stride() > 1;
    let band = finite.filter(|_| merged).map(|(step, stat)| (step as f64, f64::from(stat.low), f64::from(stat.high)));
    Line { colour: palette::line(theme, colour), points, band: band.collect() }
}

fn table(lab: Lab) -> Table {
    let mut table = Table::new(["step", "loss (nats per character)", "accuracy"]);
    lab.with_store(|store| {
        let stride = store.history.len().div_ceil(TABLE_ROWS).max(1);
        let rows = store.history.points(column::LOSS).zip(store.history.points(column::ACCURACY));
        table.rows = rows
            .rev()
            .step_by(stride)
            .map(|((step, loss), (_, accuracy))| {
                let number = |value: f32| format::fixed(f64::from(value), 3);
                vec![step.to_string(), number(loss.mean), number(accuracy.mean)]
            })
            .collect();
    });
    table
}
