//! Exposure bias: the error at each step of the answer, with the truth before it and with the model's own tokens.

use leptos::prelude::*;

use crate::ui::charts::axis::Axis;
use crate::ui::charts::palette::{self, Rgb, Theme};
use crate::ui::charts::{Line, LineChart, Picture};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// What is measured for it.
pub const PATHS: &[&str] = &[FORCED, FREE];

const FORCED: &str = "evaluation/forced_error";
const FREE: &str = "evaluation/free_error";
/// How much of its colour a line of forced answers keeps.
const PALE: f32 = 0.4;

/// Error against position, two lines for each model, and the gap between them.
#[component]
pub fn Exposure() -> impl IntoView {
    let lab = Lab::here();
    let legend = move || {
        let theme = lab.theme.get();
        let item = |run: Lab| {
            let pair = [(true, "free"), (false, "forced")];
            pair.map(|(free, way)| {
                let name = format!("{} {way}", run.name());
                view! { <li><i style:background=palette::css(colour(theme, run, free))></i>{name}</li> }
            })
            .collect_view()
        };
        lab.runs().into_iter().map(item).collect_view()
    };
    let gaps = lab.runs().into_iter().map(|run| {
        let gap = move || gap(run).map_or_else(|| "\u{2013}".to_owned(), |gap| format::fixed(gap, 3));
        view! { <div><dt>{run.name()}</dt><dd class="number">{gap}</dd></div> }
    });
    view! {
        <section class="card" aria-labelledby="exposure-title">
            <header>
                <h2 id="exposure-title">"What its own mistakes cost"</h2>
                <p class="caption">
                    "The share of wrong symbols at each step, on the longest strings, none of them trained on. Pale: the right \
                     symbols were before it. Full: its own were. The distance between the two is the exposure bias."
                </p>
            </header>
            <LineChart label="Error at each step of the answer, forced and free" picture=move |theme| picture(lab, theme)/>
            <ul class="legend">{legend}</ul>
            <h3>"Mean gap, free minus forced (share of symbols)"</h3>
            <dl class="facts">{gaps.collect_view()}</dl>
            <TableView caption="Error at each step, forced and free" table/>
        </section>
    }
}

fn colour(theme: Theme, run: Lab, free: bool) -> Rgb {
    let (full, paper) = (palette::line(theme, run.place), theme.paper());
    if free {
        return full;
    }
    let mixed = |at: usize| (f32::from(full[at]) * PALE + f32::from(paper[at]) * (1.0 - PALE)) as u8;
    [mixed(0), mixed(1), mixed(2)]
}

/// (step from 1, share of errors).
fn points(run: Lab, path: &str) -> Vec<(f64, f64)> {
    let shares = run.measurement(path);
    let shares = shares.iter().flat_map(|shares| shares.iter());
    shares.enumerate().map(|(at, share)| ((at + 1) as f64, f64::from(*share))).collect()
}

/// The mean distance of the two errors.
fn gap(run: Lab) -> Option<f64> {
    let (free, forced) = (points(run, FREE), points(run, FORCED));
    let sum: f64 = free.iter().zip(&forced).map(|(free, forced)| free.1 - forced.1).sum();
    (!free.is_empty() && !forced.is_empty()).then(|| sum / free.len() as f64)
}

fn picture(lab: Lab, theme: Theme) -> Option<Picture> {
    let line = |run: Lab, free: bool| Line {
        colour: colour(theme, run, free),
        points: points(run, if free { FREE } else { FORCED }),
        band: Vec::new(),
    };
    let lines: Vec<Line> = lab.runs().into_iter().flat_map(|run| [line(run, false), line(run, true)]).collect();
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let last = points().map(|point| point.0).fold(8.0, f64::max);
    let highest = points().map(|point| point.1).fold(0.2, f64::max);
    Some(Picture {
        x: Axis::linear("step of the answer", 1.0, last, 8),
        y: Axis::linear("wrong (share)", 0.0, if highest > 0.5 { 1.0 } else { 0.5 }, 5),
        lines,
        level: None,
    })
}

fn table(lab: Lab) -> Table {
    let columns: Vec<(String, Vec<(f64, f64)>)> = lab
        .runs()
        .into_iter()
        .flat_map(|run| {
            [("forced", FORCED), ("free", FREE)].map(|(way, path)| (format!("{} {way}", run.name()), points(run, path)))
        })
        .collect();
    let mut table = Table::new(["step"]);
    table.head.extend(columns.iter().map(|(name, _)| name.clone()));
    let steps = columns.iter().map(|(_, column)| column.len()).max().unwrap_or_default();
    let share = |column: &Vec<(f64, f64)>, at: usize| {
        column.get(at).map_or_else(String::new, |point| format::fixed(point.1, 3))
    };
    let row = |at: usize| {
        std::iter::once((at + 1).to_string()).chain(columns.iter().map(|(_, column)| share(column, at))).collect()
    };
    table.rows = (0..steps).map(row).collect();
    table
}
