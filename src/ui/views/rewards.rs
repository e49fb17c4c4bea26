//! What the models' own answers are worth, and how likely the right ones are to them, while they learn: comparable for all,
//! whatever each is trained on.

use leptos::prelude::*;

use crate::spec::Choice;
use crate::ui::charts::axis::{self, Axis};
use crate::ui::charts::palette::{self, Theme};
use crate::ui::charts::{Legend, Line, LineChart, Picture};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// What is measured for it.
pub const PATHS: &[&str] = &[REWARD, LOSS];

const REWARD: &str = "evaluation/reward";
const LOSS: &str = "evaluation/loss";

/// Numbers that were measured, a list of (step, number) for each model.
type Measured = Vec<Vec<(f64, f64)>>;
/// Points of a line before every second one is dropped.
const MOST: usize = 400;

/// Reward of free answers and loss of forced ones, against step.
#[component]
pub fn Rewards() -> impl IntoView {
    let lab = Lab::here();
    let [rewards, losses] = [REWARD, LOSS].map(|path| followed(lab, path));
    let names = Signal::stored(lab.runs().iter().map(|run| run.name().to_owned()).collect());
    let kind = move || lab.setup.with(|setup| setup.spec.reward.key().replace('-', " "));
    let table =
        move |lab: Lab| rewards.with_untracked(|rewards| losses.with_untracked(|losses| table(lab, rewards, losses)));
    view! {
        <section class="card" aria-labelledby="rewards-title">
            <header>
                <h2 id="rewards-title">"What its answers are worth"</h2>
                <p class="caption">
                    "On strings that were not trained on. The mean reward ("{kind}") of the answers it writes freely, which \
                     REINFORCE raises itself; and the loss of the right answer, with the truth before each step, which the others lower."
                </p>
            </header>
            <div class="pair">
                <LineChart
                    label="Reward of free answers, against training steps"
                    picture=move |theme| rewards.with(|rewards| picture("reward", rewards, theme))
                />
                <LineChart
                    label="Loss of the right answers, against training steps"
                    picture=move |theme| losses.with(|losses| picture("loss (nats per symbol)", losses, theme))
                />
            </div>
            <Legend names/>
            <TableView caption="Reward and loss against training step" table/>
        </section>
    }
}

/// All that was measured at a path since the page began, or training went back.
fn followed(lab: Lab, path: &'static str) -> RwSignal<Measured> {
    let followed = RwSignal::new(vec![Vec::new(); lab.runs().len()]);
    for run in lab.runs() {
        Effect::new(move |_| {
            let Some(number) = run.measurement(path).and_then(|numbers| numbers.first().copied()) else { return };
            let step = run.with_store(|store| store.header.step) as f64;
            followed.update(|followed: &mut Measured| note(&mut followed[run.place], (step, f64::from(number))));
        });
    }
    followed
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

fn picture(name: &'static str, measured: &Measured, theme: Theme) -> Option<Picture> {
    let points = || measured.iter().flatten();
    let last = points().map(|point| point.0).fold(50.0, f64::max);
    let (lowest, highest) = points().fold((0.0, 0.0), |(low, high), point| (point.1.min(low), point.1.max(high)));
    let line = |(at, points): (usize, &Vec<(f64, f64)>)| Line {
        colour: palette::line(theme, at),
        points: points.clone(),
        band: Vec::new(),
    };
    let end = |furthest: f64| if furthest > 0.0 { axis::round_up(furthest) } else { 0.0 };
    let (low, high) = (-end(-lowest), end(highest));
    Some(Picture {
        x: Axis::linear("training step", 0.0, axis::round_up(last), 5),
        y: Axis::linear(name, low, if low < 0.0 || high > 0.0 { high } else { 1.0 }, 4),
        lines: measured.iter().enumerate().map(line).collect(),
        level: None,
    })
}

fn table(lab: Lab, rewards: &Measured, losses: &Measured) -> Table {
    let mut table = Table::new(["model", "step", "reward", "loss"]);
    for ((run, rewards), losses) in lab.runs().iter().zip(rewards).zip(losses) {
        table.rows.extend(rewards.iter().map(|point| {
            let loss = losses.iter().find(|loss| loss.0 >= point.0).map_or(f64::NAN, |loss| loss.1);
            vec![run.name().to_owned(), format::fixed(point.0, 0), format::fixed(point.1, 3), format::fixed(loss, 3)]
        }));
    }
    table
}
