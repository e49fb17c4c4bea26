//! The same trained S4D as a recurrence and as a convolution.

use leptos::prelude::*;

use crate::ui::charts::axis::Axis;
use crate::ui::charts::palette::{self, Theme};
use crate::ui::charts::{Legend, Line, LineChart, Picture};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::poles::linear;
use crate::ui::views::table::{Table, TableView};

const WAYS: [&str; 2] = ["modes/recurrence", "modes/convolution"];

/// Both computations of a channel over the probe, and how far they are apart.
#[component]
pub fn TwoModes() -> impl IntoView {
    let lab = Lab::here();
    let Some(run) = linear(lab) else { return ().into_any() };
    let channel = RwSignal::new(0usize);
    let names = Signal::stored(["state by state", "one convolution"].map(str::to_owned).to_vec());
    let last = move || run.dimensions().1 - 1;
    let choose = move |event: leptos::ev::Event| channel.set(event_target_value(&event).parse().unwrap_or_default());
    let difference = move || {
        let measured = run.measurement("modes/difference").and_then(|numbers| numbers.first().copied());
        measured.map_or_else(|| "\u{2013}".to_owned(), |number| format::significant(f64::from(number), 2))
    };
    view! {
        <section class="card modes" aria-labelledby="modes-title">
            <header>
                <h2 id="modes-title">"One system, computed in two ways"</h2>
                <p class="caption">
                    "What a channel of S4D makes of the probe, step by step through its states, and at once, as a convolution with its "
                    "kernel. Both are computed here from the same parameters; the curves lie on each other."
                </p>
            </header>
            <div class="choosers">
                <label class="field">
                    <span class="label">"Channel "{move || channel.get() + 1}</span>
                    <input type="range" min="0" max=last prop:value=move || channel.get() on:input=choose/>
                </label>
                <dl class="facts">
                    <div>
                        <dt>"Largest difference, all channels, layers and answers"</dt>
                        <dd class="number" id="modes-difference">{difference}</dd>
                    </div>
                </dl>
            </div>
            <LineChart label="Output of a channel by recurrence and by convolution" picture=move |theme| picture(run, channel.get(), theme)/>
            <Legend names/>
            <TableView caption="Output of the channel, both ways" table=move |_| table(run, channel.get_untracked())/>
        </section>
    }
    .into_any()
}

/// y of a channel over the probe.
fn output(run: Lab, way: &str, channel: usize) -> Vec<f32> {
    let width = run.dimensions().1;
    run.measurement(way).map(|all| all.iter().skip(channel).step_by(width).copied().collect()).unwrap_or_default()
}

fn picture(run: Lab, channel: usize, theme: Theme) -> Option<Picture> {
    let line = |(at, way): (usize, &&str)| {
        let values = output(run, way, channel).into_iter().enumerate();
        let points = values.map(|(t, value)| ((t + 1) as f64, f64::from(value))).collect();
        Line { colour: palette::line(theme, at), points, ..Line::default() }
    };
    let lines: Vec<Line> = WAYS.iter().enumerate().map(line).collect();
    let values = || lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
    let reach = values().fold(1e-3, |reach: f64, value| reach.max(value.abs())) * 1.05;
    let length = lines[0].points.len().max(2) as f64;
    let (x, y) = (Axis::linear("timestep t", 1.0, length, 6), Axis::linear("output y", -reach, reach, 5));
    Some(Picture { x, y, lines, level: None })
}

fn table(run: Lab, channel: usize) -> Table {
    let mut table = Table::new(["t", "state by state", "one convolution"]);
    let [steps, whole] = WAYS.map(|way| output(run, way, channel));
    let shown = |value: &f32| format::fixed(f64::from(*value), 6);
    let row = |(t, (a, b)): (usize, (&f32, &f32))| vec![(t + 1).to_string(), shown(a), shown(b)];
    table.rows = steps.iter().zip(&whole).enumerate().map(row).collect();
    table
}
