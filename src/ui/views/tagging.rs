//! Which places of a sequence a model tags right: what it can know there.

use leptos::prelude::*;

use crate::ui::charts::axis::Axis;
use crate::ui::charts::palette::{self, Theme};
use crate::ui::charts::{Legend, Line, LineChart, Picture};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// Accuracy on sequences that are not trained on, against the place in the sequence.
#[component]
pub fn Tagging() -> impl IntoView {
    let lab = Lab::here();
    let names = Signal::stored(tagging_runs(lab).iter().map(|run| run.name().to_owned()).collect::<Vec<_>>());
    view! {
        <section class="card" aria-labelledby="tagging-title">
            <header>
                <h2 id="tagging-title">"What it can know at each place"</h2>
                <p class="caption">
                    "The share of places tagged right, from the first to the last, on sequences it was not trained on. "
                    "The tag depends on what comes later; the dashed line is blind guessing."
                </p>
            </header>
            <LineChart label="Share of tags right, against the place in the sequence" picture=move |theme| picture(lab, theme)/>
            <Legend names/>
            <TableView caption="Share of tags right against place" table/>
        </section>
    }
}

/// The models whose task is to tag.
fn tagging_runs(lab: Lab) -> Vec<Lab> {
    let tags = |run: &Lab| untrack(|| run.task()) == crate::spec::Task::Ahead;
    lab.runs().into_iter().filter(tags).collect()
}

fn shares(run: Lab) -> Vec<f64> {
    let shares = run.measurement("evaluation/position_accuracy");
    shares.map(|shares| shares.iter().map(|share| f64::from(*share)).collect()).unwrap_or_default()
}

fn picture(lab: Lab, theme: Theme) -> Option<Picture> {
    let line = |(at, run): (usize, Lab)| {
        let places = shares(run).into_iter().enumerate().filter(|(_, share)| share.is_finite());
        let points = places.map(|(at, share)| ((at + 1) as f64, share)).collect();
        Line { colour: palette::line(theme, at), points, band: Vec::new() }
    };
    let lines: Vec<Line> = tagging_runs(lab).into_iter().enumerate().map(line).collect();
    let last = lines.iter().flat_map(|line| line.points.iter()).map(|point| point.0).fold(8.0, f64::max);
    let chance = 1.0 / lab.setup.with_untracked(|setup| setup.spec.symbols as f64);
    Some(Picture {
        x: Axis::linear("place in the sequence", 1.0, last, 8),
        y: Axis::linear("right (share)", 0.0, 1.0, 4),
        lines,
        level: Some((chance, format!("chance: {}", format::fixed(chance, 2)))),
    })
}

fn table(lab: Lab) -> Table {
    let runs = tagging_runs(lab);
    let columns: Vec<Vec<f64>> = runs.iter().map(|run| shares(*run)).collect();
    let mut table = Table::new(["place"]);
    table.head.extend(runs.iter().map(|run| format!("{}: share right", run.name())));
    let length = columns.iter().map(Vec::len).max().unwrap_or_default();
    let row = |at: usize| {
        let share = |column: &Vec<f64>| column.get(at).map_or_else(String::new, |share| format::fixed(*share, 3));
        std::iter::once((at + 1).to_string()).chain(columns.iter().map(share)).collect()
    };
    table.rows = (0..length).map(row).collect();
    table
}
