//! What the models' own answers are worth, while they learn.

use leptos::prelude::*;

use crate::spec::Choice;
use crate::ui::charts::axis::{self, Axis};
use crate::ui::charts::palette::{self, Theme};
use crate::ui::charts::{Legend, Line, LineChart, Picture};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// What is measured for it.
pub const PATHS: &[&str] = &["evaluation/reward"];

/// Rewards that were measured, a list of (step, reward) for each model.
type Measured = Vec<Vec<(f64, f64)>>;
/// Points of a line before every second one is dropped.
const MOST: usize = 400;

/// The reward of free answers against step.
#[component]
pub fn Rewards() -> impl IntoView {
    let lab = Lab::here();
    let rewards = RwSignal::new(Measured::new());
    for run in lab.runs() {
        Effect::new(move |_| {
            let Some(reward) = run.measurement(PATHS[0]).and_then(|reward| reward.first().copied()) else { return };
            let step = run.with_store(|store| store.header.step) as f64;
            rewards.update(|rewards| {
                rewards.resize(lab.runs().len(), Vec::new());
                note(&mut rewards[run.place], (step, f64::from(reward)));
            });
        });
    }
    let names = Signal::stored(lab.runs().iter().map(|run| run.name().to_owned()).collect());
    let kind = move || lab.setup.with(|setup| setup.spec.reward.key().replace('-', " "));
    let table = move |lab: Lab| rewards.with(|rewards| table(lab, rewards));
    view! {
        <section class="card" aria-labelledby="rewards-title">
            <header>
                <h2 id="rewards-title">"What its answers are worth"</h2>
                <p class="caption">
                    "The mean reward ("{kind}") of the most probable answers, written freely, to strings that were not trained on. \
                     REINFORCE raises this number itself; the others raise the likelihood of the right answer."
                </p>
            </header>
            <LineChart label="Reward of free answers, against training steps" picture=move |theme| rewards.with(|rewards| picture(rewards, theme))/>
            <Legend names/>
            <TableView caption="Reward against training step" table/>
        </section>
    }
}

/// Adds a point; where training went back, what came after is void.
fn note(line: &mut Vec<(f64, f64)>, point: (f64, f64)) {
    line.retain(|known| known.0 < point.0);
    line.push(point);
    if line.len() > MOST {
        let mut at = 0;
        line.retain(|_| {
            at += 1;
            at % 2 == 1
        });
    }
}

fn picture(rewards: &Measured, theme: Theme) -> Option<Picture> {
    let points = || rewards.iter().flatten();
    let last = points().map(|point| point.0).fold(50.0, f64::max);
    let lowest = points().map(|point| point.1).fold(0.0, f64::min);
    let line = |(at, points): (usize, &Vec<(f64, f64)>)| Line {
        colour: palette::line(theme, at),
        points: points.clone(),
        band: Vec::new(),
    };
    let (low, high) = if lowest < 0.0 { (-axis::round_up(-lowest), 0.0) } else { (0.0, 1.0) };
    Some(Picture {
        x: Axis::linear("training step", 0.0, axis::round_up(last), 5),
        y: Axis::linear("reward", low, high, 4),
        lines: rewards.iter().enumerate().map(line).collect(),
        level: None,
    })
}

fn table(lab: Lab, rewards: &Measured) -> Table {
    let mut table = Table::new(["model", "step", "reward"]);
    let name = |run: &Lab| run.name().to_owned();
    let row = |run: &Lab, point: &(f64, f64)| vec![name(run), format::fixed(point.0, 0), format::fixed(point.1, 3)];
    let runs = lab.runs();
    table.rows =
        runs.iter().zip(rewards).flat_map(|(run, line)| line.iter().map(move |point| row(run, point))).collect();
    table
}
