//! How far back a model remembers: accuracy against lag.

use leptos::prelude::*;

use crate::ui::charts::axis::Axis;
use crate::ui::charts::palette::{self, Theme};
use crate::ui::charts::{Legend, Line, LineChart, Picture};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// Accuracy on sequences that are not trained on, against how many steps ago the symbol was seen.
#[component]
pub fn Recall() -> impl IntoView {
    let lab = Lab::here();
    let names = Signal::stored(lab.runs().iter().map(|run| run.name().to_owned()).collect::<Vec<_>>());
    view! {
        <section class="card" aria-labelledby="recall-title">
            <header>
                <h2 id="recall-title">"How far back it remembers"</h2>
                <p class="caption">
                    "Asked for the symbol that it read so many steps ago, how often is it right? Measured on sequences it "
                    "was not trained on; the dashed line is blind guessing."
                </p>
            </header>
            <LineChart label="Share of symbols recalled, against the lag in timesteps" picture=move |theme| picture(lab, theme)/>
            <Legend names/>
            <TableView caption="Share of symbols recalled against lag" table/>
        </section>
    }
}

/// (lag, accuracy) of a model.
fn points(run: Lab) -> Vec<(f64, f64)> {
    let (Some(lags), Some(shares)) = (run.measurement("evaluation/lags"), run.measurement("evaluation/lag_accuracy"))
    else {
        return Vec::new();
    };
    lags.iter().zip(shares.iter()).map(|(lag, share)| (f64::from(*lag), f64::from(*share))).collect()
}

fn picture(lab: Lab, theme: Theme) -> Option<Picture> {
    let line = |run: &Lab| Line { colour: palette::line(theme, run.place), points: points(*run), band: Vec::new() };
    let lines: Vec<Line> = lab.runs().iter().map(line).collect();
    let longest = lines.iter().flat_map(|line| line.points.iter()).map(|point| point.0).fold(8.0, f64::max);
    let chance = 1.0 / lab.setup.with_untracked(|setup| setup.spec.symbols as f64);
    Some(Picture {
        x: Axis::linear("lag (timesteps ago)", 0.0, longest, 8),
        y: Axis::linear("recalled (share)", 0.0, 1.0, 4),
        lines,
        level: Some((chance, format!("chance: {}", format::fixed(chance, 2)))),
    })
}

fn table(lab: Lab) -> Table {
    let runs = lab.runs();
    let columns: Vec<Vec<(f64, f64)>> = runs.iter().map(|run| points(*run)).collect();
    let mut table = Table::new(["lag"]);
    table.head.extend(runs.iter().map(|run| format!("{}: share recalled", run.name())));
    let row = |(at, (lag, _)): (usize, &(f64, f64))| {
        let share =
            |column: &Vec<(f64, f64)>| column.get(at).map_or_else(String::new, |(_, share)| format::fixed(*share, 3));
        std::iter::once(format::fixed(*lag, 0)).chain(columns.iter().map(share)).collect()
    };
    table.rows = columns.first().map(|first| first.iter().enumerate().map(row).collect()).unwrap_or_default();
    table
}
