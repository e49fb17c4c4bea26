//! What each gate is for: the held-out loss with it held shut and with it held open.

use leptos::prelude::*;

use crate::ui::charts::palette;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// What is held, and the path of the loss then.
const HELD: [(&str, &str); 7] = [
    ("as learnt", "evaluation/loss"),
    ("f held at 0", "clamp/f/0/evaluation/loss"),
    ("f held at 1", "clamp/f/1/evaluation/loss"),
    ("i held at 0", "clamp/i/0/evaluation/loss"),
    ("i held at 1", "clamp/i/1/evaluation/loss"),
    ("o held at 0", "clamp/o/0/evaluation/loss"),
    ("o held at 1", "clamp/o/1/evaluation/loss"),
];

/// The paths that are shown.
pub fn paths() -> impl Iterator<Item = &'static str> {
    HELD.iter().map(|(_, path)| *path)
}

/// A bar for each gate of each gated model, as long as the loss.
#[component]
pub fn Clamping() -> impl IntoView {
    let lab = Lab::here();
    let gated = |run: &Lab| untrack(|| run.is_recurrent() && run.cell().has_cell_state());
    let runs: Vec<Lab> = lab.runs().into_iter().filter(gated).collect();
    let of_run = |run: Lab| {
        let largest = Memo::new(move |_| paths().filter_map(|path| loss(run, path)).fold(1e-9, f32::max));
        let bars = HELD.iter().map(move |(name, path)| view! { <Bar run name path largest/> }).collect_view();
        view! {
            <h3>{run.name()}</h3>
            <dl class="bars">{bars}</dl>
        }
    };
    view! {
        <section class="card" aria-labelledby="clamping-title">
            <header>
                <h2 id="clamping-title">"What each gate is for"</h2>
                <p class="caption">
                    "The loss on examples it was not trained on, as it is and with one gate held at 0 or 1 in every unit. "
                    "The longer the bar, the more was lost with that gate."
                </p>
            </header>
            {runs.into_iter().map(of_run).collect_view()}
            <TableView caption="Loss with each gate held" table/>
        </section>
    }
}

fn loss(run: Lab, path: &str) -> Option<f32> {
    run.measurement(path)?.first().copied()
}

#[component]
fn Bar(run: Lab, name: &'static str, path: &'static str, largest: Memo<f32>) -> impl IntoView {
    let value = Memo::new(move |_| loss(run, path));
    let width = move || format!("{:.2}%", 100.0 * value.get().unwrap_or(0.0) / largest.get());
    let colour = move || palette::css(palette::line(run.theme.get(), usize::from(path.starts_with("clamp"))));
    let text =
        move || value.get().map_or_else(|| "\u{2013}".to_owned(), |loss| format::significant(f64::from(loss), 3));
    view! {
        <dt>{name}</dt>
        <dd class="bar">
            <span class="parts" aria-hidden="true"><i style:width=width style:background=colour></i></span>
            <span class="number">{text}</span>
        </dd>
    }
}

fn table(lab: Lab) -> Table {
    let mut table = Table::new(["model", "gate", "loss"]);
    let row = |run: Lab| {
        HELD.iter().filter_map(move |(name, path)| {
            let loss = loss(run, path)?;
            Some(vec![run.name().to_owned(), (*name).to_owned(), format::significant(f64::from(loss), 3)])
        })
    };
    table.rows = lab.runs().into_iter().flat_map(row).collect();
    table
}
