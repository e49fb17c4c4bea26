//! The system inside a channel of S4D: its poles, the kernel they make, and how it is made discrete; what it would be with
//! another step length or pole is computed by the engine (`system/..`).

use std::fmt::Write as _;

use leptos::ev;
use leptos::html;
use leptos::prelude::*;

use crate::number;
use crate::spec::{Architecture, ModelSpec};
use crate::trainer::what_if::{FINE, STEPS};
use crate::ui::charts::axis::Axis;
use crate::ui::charts::palette::{self, Theme};
use crate::ui::charts::{Legend, Line, LineChart, Picture};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::setup::Trial;
use crate::ui::views::table::{Table, TableView};

/// The side of a plane, in the drawing's units.
const SIDE: f64 = 200.0;
/// Positions of the slider for the step length: a tenth to ten times, evenly in its logarithm.
const FACTORS: i32 = 40;

/// A channel as the engine answers; see [`crate::trainer::what_if::WhatIf::answer`].
#[derive(Clone, Debug, Default, PartialEq)]
struct Channel {
    dt: f32,
    poles: Vec<[f32; 2]>,
    /// By zero-order hold and bilinear: dA, and the kernel.
    discrete: [(Vec<[f32; 2]>, Vec<f32>); 2],
    /// The chosen mode's answer to a constant input: continuous, then by both rules.
    responses: [Vec<f32>; 3],
}

impl Channel {
    fn read(numbers: &[f32], modes: usize, steps: usize) -> Option<Channel> {
        let mut rest = numbers;
        let mut take = |count: usize| {
            let (part, after) = rest.split_at_checked(count)?;
            rest = after;
            Some(part.to_vec())
        };
        let pairs = |flat: Vec<f32>| flat.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect::<Vec<_>>();
        let dt = take(1)?[0];
        let poles = pairs(take(2 * modes)?);
        let mut rule = || Some((pairs(take(2 * modes)?), take(steps)?));
        let discrete = [rule()?, rule()?];
        Some(Channel { dt, poles, discrete, responses: [take(STEPS * FINE)?, take(STEPS)?, take(STEPS)?] })
    }
}

/// The model whose poles are shown.
pub fn linear(lab: Lab) -> Option<Lab> {
    lab.runs().into_iter().find(|run| untrack(|| run.architecture()) == Architecture::S4d)
}

/// The model whose system is looked at, and what is tried out with it.
#[derive(Clone, Copy)]
struct Choice {
    run: Lab,
}

impl Choice {
    fn trial(self) -> Trial {
        self.run.trial.get()
    }

    /// The channel and the mode, of those that the model has.
    fn place(self) -> [usize; 2] {
        let ([channels, modes, _], trial) = (self.sizes(), self.trial());
        [trial.channel.min(channels - 1), trial.mode.min(modes - 1)]
    }

    /// Moves the pole of a mode, which is the chosen one then. One drag is one step of undo, that of another pole another.
    fn move_pole(self, mode: usize, pole: [f64; 2]) {
        self.run.try_out(&format!("pole {mode}"), |trial| (trial.mode, trial.pole) = (mode, Some(pole)));
    }

    fn learnt(self) -> String {
        let [channel, mode] = self.place();
        format!("system/0/{channel}/1/{mode}")
    }

    fn path(self) -> String {
        let trial = self.trial();
        let factor = number::show(10f32.powf(trial.factor as f32 / FACTORS as f32));
        let [channel, mode] = self.place();
        let mut path = format!("system/0/{channel}/{factor}/{mode}");
        if let Some(pole) = trial.pole {
            let [re, im] = pole.map(|part| number::show(part as f32));
            path += &format!("/{re}/{im}");
        }
        path
    }

    fn sizes(self) -> [usize; 3] {
        let of = |spec: &ModelSpec| [spec.hidden, spec.state_size, spec.sequence_length];
        self.run.model.with(|model| model.as_ref().map_or([1, 1, 1], |model| of(&model.spec)))
    }
}

/// The latest answer at a path that changes, asked again as the model trains; one question at a time.
fn follow(choice: Choice, path: Memo<String>) -> RwSignal<Channel> {
    let (channel, waiting) = (RwSignal::new(Channel::default()), RwSignal::new(false));
    let asked = StoredValue::new(None::<(String, u64)>);
    Effect::new(move |_| {
        choice.run.readout.track();
        let now = (path.get(), choice.run.with_store(|store| store.header.step));
        if waiting.get()
            || choice.run.model.with(Option::is_none)
            || asked.with_value(|asked| asked.as_ref() == Some(&now))
        {
            return;
        }
        waiting.set(true);
        let question = now.0.clone();
        asked.set_value(Some(now));
        let take = move |answer: Result<(Vec<usize>, Vec<f32>), String>| {
            let [_, modes, steps] = untrack(|| choice.sizes());
            if let Some(read) = answer.ok().and_then(|(_, numbers)| Channel::read(&numbers, modes, steps)) {
                channel.set(read);
            }
            waiting.set(false);
        };
        choice.run.probe(&question, Box::new(take));
    });
    channel
}

/// Poles, kernel and one mode of a channel.
#[component]
pub fn Poles() -> impl IntoView {
    let lab = Lab::here();
    let Some(run) = linear(lab) else { return ().into_any() };
    let choice = Choice { run };
    let learnt = follow(choice, Memo::new(move |_| choice.learnt()));
    let shown = follow(choice, Memo::new(move |_| choice.path()));
    let last = move |at: usize| move || choice.sizes()[at] - 1;
    let number = |event: &ev::Event| event_target_value(event).parse::<i32>().unwrap_or_default();
    let rules = Signal::stored(["as learnt", "zero-order hold", "bilinear"].map(str::to_owned).to_vec());
    let ways = Signal::stored(["continuous", "zero-order hold", "bilinear"].map(str::to_owned).to_vec());
    view! {
        <section class="card poles" aria-labelledby="poles-title">
            <header>
                <h2 id="poles-title">"The system inside a channel of S4D"</h2>
                <p class="caption">
                    "Each pole is a damped oscillation; together they are the kernel with which the channel weighs the past. Drag a pole "
                    "or move \u{394}: the engine computes what the channel would be. Training goes on without your change."
                </p>
            </header>
            <div class="choosers">
                <label class="field">
                    <span class="label">"Channel "{move || choice.place()[0] + 1}</span>
                    <input type="range" min="0" max=last(0) prop:value=move || choice.place()[0]
                        on:input=move |event| run.try_out("channel", |trial| {
                            *trial = Trial { channel: number(&event) as usize, ..trial.as_learnt() };
                        })/>
                </label>
                <label class="field">
                    <span class="label">"Pole "{move || choice.place()[1] + 1}</span>
                    <input type="range" min="0" max=last(1) prop:value=move || choice.place()[1]
                        on:input=move |event| run.try_out("mode", |trial| {
                            *trial = Trial { mode: number(&event) as usize, pole: None, ..*trial };
                        })/>
                </label>
                <label class="field">
                    <span class="label">"Step length \u{394}"</span>
                    <input type="range" min=-FACTORS max=FACTORS id="delta-input" prop:value=move || choice.trial().factor
                        on:input=move |event| run.try_out("delta", |trial| trial.factor = number(&event))/>
                </label>
                <button type="button" disabled=move || !choice.trial().is_changed()
                    on:click=move |_| run.try_out("reset", |trial| *trial = trial.as_learnt())>"Reset"</button>
            </div>
            <Facts choice shown/>
            <div class="planes">
                <Plane choice learnt shown/>
                <figure>
                    <figcaption>"The same in steps: dA, inside the unit circle"</figcaption>
                    <div class="plane" role="img" aria-label="Discrete poles and the unit circle" inner_html=move || circle(lab, choice, shown)></div>
                </figure>
            </div>
            <div class="pair">
                <div>
                    <LineChart label="Kernel of the channel against lag" picture=move |theme| kernel(learnt, shown, theme)/>
                    <Legend names=rules/>
                </div>
                <div>
                    <LineChart label="The chosen pole's answer to a constant input, continuous and in steps" picture=move |theme| response(shown, theme)/>
                    <Legend names=ways/>
                </div>
            </div>
            <TableView caption="Poles of the channel" table=move |_| table(shown)/>
        </section>
    }
    .into_any()
}

fn complex([re, im]: [f32; 2]) -> String {
    let (sign, im) = if im < 0.0 { ("\u{2212}", -im) } else { ("+", im) };
    format!("{} {sign} {}i", format::fixed(f64::from(re), 3), format::fixed(f64::from(im), 3))
}

#[component]
fn Facts(choice: Choice, shown: RwSignal<Channel>) -> impl IntoView {
    let pole = move |of: fn(&Channel) -> &[[f32; 2]]| {
        let at = choice.place()[1];
        shown.with(|channel| of(channel).get(at).copied()).map_or_else(|| "\u{2013}".to_owned(), complex)
    };
    let dt = move || format::significant(f64::from(shown.with(|channel| channel.dt)), 3);
    view! {
        <dl class="facts">
            <div><dt>"\u{394}"</dt><dd class="number" id="delta">{dt}</dd></div>
            <div><dt>"A, continuous"</dt><dd class="number">{move || pole(|channel| &channel.poles)}</dd></div>
            <div><dt>"dA by zero-order hold"</dt><dd class="number">{move || pole(|channel| &channel.discrete[0].0)}</dd></div>
            <div><dt>"dA, bilinear"</dt><dd class="number">{move || pole(|channel| &channel.discrete[1].0)}</dd></div>
        </dl>
    }
}

/// What a plane of continuous poles shows: real parts from `left` to a little beyond 0, imaginary ones from `low` to `high`.
#[derive(Clone, Copy, PartialEq)]
struct Window {
    left: f64,
    low: f64,
    high: f64,
}

impl Window {
    fn of(channel: &Channel) -> Window {
        let part = |at: usize| channel.poles.iter().map(move |pole| f64::from(pole[at]));
        let (low, high) = (part(1).fold(-1.0, f64::min), part(1).fold(1.0, f64::max));
        let room = 0.08 * (high - low);
        Window { left: 1.6 * part(0).fold(-1.0, f64::min), low: low - room, high: high + room }
    }

    fn right(self) -> f64 {
        -0.15 * self.left
    }

    fn place(self, [re, im]: [f32; 2]) -> [f64; 2] {
        let x = (f64::from(re) - self.left) / (self.right() - self.left);
        let y = (self.high - f64::from(im)) / (self.high - self.low);
        [x, y].map(|share| SIDE * share)
    }

    fn pole(self, [x, y]: [f64; 2]) -> [f64; 2] {
        [(self.left + x * (self.right() - self.left)).min(0.0), self.high - y * (self.high - self.low)]
    }
}

/// The plane of the continuous poles; the chosen one is dragged, or moved with the arrow keys.
#[component]
fn Plane(choice: Choice, learnt: RwSignal<Channel>, shown: RwSignal<Channel>) -> impl IntoView {
    let body = NodeRef::<html::Div>::new();
    let window = move || learnt.with(Window::of);
    let share = move |event: &ev::PointerEvent| {
        let area = body.get_untracked()?.get_bounding_client_rect();
        let x = (f64::from(event.client_x()) - area.left()) / area.width().max(1.0);
        Some([x, (f64::from(event.client_y()) - area.top()) / area.height().max(1.0)])
    };
    let move_to = move |event: &ev::PointerEvent| {
        if let Some(share) = share(event) {
            let (window, mode) = untrack(|| (window(), choice.place()[1]));
            choice.move_pole(mode, window.pole(share));
        }
    };
    let take = move |event: ev::PointerEvent| {
        let Some(share) = share(&event) else { return };
        let window = untrack(window);
        let far = |pole: &[f32; 2]| {
            let [x, y] = window.place(*pole);
            (x - SIDE * share[0]).powi(2) + (y - SIDE * share[1]).powi(2)
        };
        let poles = shown.with_untracked(|channel| channel.poles.clone());
        let nearest = poles.iter().enumerate().min_by(|a, b| far(a.1).total_cmp(&far(b.1)));
        if let Some((mode, _)) = nearest {
            choice.move_pole(mode, window.pole(share));
        }
    };
    let keys = move |event: ev::KeyboardEvent| {
        let [right, up] = match event.key().as_str() {
            "ArrowLeft" => [-1.0, 0.0],
            "ArrowRight" => [1.0, 0.0],
            "ArrowUp" => [0.0, 1.0],
            "ArrowDown" => [0.0, -1.0],
            _ => return,
        };
        event.prevent_default();
        let (window, mode) = (untrack(window), untrack(|| choice.place())[1]);
        let Some([re, im]) = shown.with_untracked(|channel| channel.poles.get(mode).copied()) else { return };
        let step = [0.02 * (window.right() - window.left), 0.02 * (window.high - window.low)];
        choice.move_pole(mode, [(f64::from(re) + right * step[0]).min(0.0), f64::from(im) + up * step[1]]);
    };
    let drawing = move || plane(choice, window(), &learnt.get(), &shown.get());
    view! {
        <figure>
            <figcaption>"Poles of A: how fast they decay, how fast they turn"</figcaption>
            <div
                class="plane dragged"
                node_ref=body
                tabindex="0"
                role="application"
                aria-roledescription="complex plane"
                aria-label="Poles of the channel. Arrow keys move the chosen one."
                inner_html=drawing
                on:pointerdown=take
                on:pointermove=move |event| if event.buttons() & 1 == 1 { move_to(&event) }
                on:keydown=keys
            ></div>
        </figure>
    }
}

fn svg(draw: impl FnOnce(&mut dyn FnMut(std::fmt::Arguments<'_>))) -> String {
    let mut svg = format!("<svg viewBox=\"0 0 {SIDE} {SIDE}\">");
    // Writing into a string does not fail.
    draw(&mut |part| _ = svg.write_fmt(part));
    svg + "</svg>"
}

fn dot(put: &mut dyn FnMut(std::fmt::Arguments<'_>), class: &str, [x, y]: [f64; 2]) {
    put(format_args!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>"));
}

fn plane(choice: Choice, window: Window, learnt: &Channel, shown: &Channel) -> String {
    let [zero_x, zero_y] = window.place([0.0, 0.0]);
    svg(|put| {
        put(format_args!("<path d=\"M{zero_x:.1} 0V{SIDE}M0 {zero_y:.1}H{SIDE}\"/>"));
        put(format_args!(
            "<text x=\"4\" y=\"{:.1}\">Re</text><text x=\"{:.1}\" y=\"12\">Im</text>",
            zero_y - 4.0,
            zero_x - 18.0
        ));
        let low = format::fixed(window.left, 1);
        put(format_args!("<text x=\"4\" y=\"{:.1}\">{low}</text>", SIDE - 4.0));
        put(format_args!("<text x=\"{:.1}\" y=\"24\">{}</text>", zero_x - 24.0, format::fixed(window.high, 0)));
        learnt.poles.iter().for_each(|pole| dot(put, "old", window.place(*pole)));
        let chosen = choice.place()[1];
        for (at, pole) in shown.poles.iter().enumerate() {
            dot(put, if at == chosen { "chosen" } else { "" }, window.place(*pole));
        }
    })
}

/// dA in the unit circle, by both rules: filled and hollow.
fn circle(lab: Lab, choice: Choice, shown: RwSignal<Channel>) -> String {
    let theme = lab.theme.get();
    let place =
        |[re, im]: [f32; 2]| [1.0 + f64::from(re) / 1.1, 1.0 - f64::from(im) / 1.1].map(|share| SIDE / 2.0 * share);
    let chosen = choice.place()[1];
    svg(|put| {
        let (middle, radius) = (SIDE / 2.0, SIDE / 2.2);
        put(format_args!("<circle class=\"unit\" cx=\"{middle}\" cy=\"{middle}\" r=\"{radius:.1}\"/>"));
        put(format_args!("<path d=\"M{middle} 0V{SIDE}M0 {middle}H{SIDE}\"/>"));
        shown.with(|channel| {
            for (rule, (decay, _)) in channel.discrete.iter().enumerate() {
                let colour = palette::css(palette::line(theme, 1 + rule));
                for (at, pole) in decay.iter().enumerate() {
                    let [x, y] = place(*pole);
                    let radius = if at == chosen { 6 } else { 3 };
                    put(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\"/>"));
                }
            }
        });
    })
}

fn picture(x: Axis, title: &'static str, lines: Vec<Line>) -> Option<Picture> {
    let values = || lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
    let (low, high) = (values().fold(0.0, f64::min), values().fold(0.0, f64::max));
    let room = (0.05 * (high - low)).max(1e-6);
    Some(Picture { x, y: Axis::linear(title, low - room, high + room, 5), lines, level: None })
}

fn line(theme: Theme, colour: usize, points: Vec<(f64, f64)>) -> Line {
    Line { colour: palette::line(theme, colour), points, ..Line::default() }
}

fn kernel(learnt: RwSignal<Channel>, shown: RwSignal<Channel>, theme: Theme) -> Option<Picture> {
    let (learnt, shown) = (learnt.get(), shown.get());
    let kernels = [&learnt.discrete[0].1, &shown.discrete[0].1, &shown.discrete[1].1];
    let points =
        |values: &Vec<f32>| values.iter().enumerate().map(|(lag, value)| (lag as f64, f64::from(*value))).collect();
    let lines: Vec<Line> =
        kernels.into_iter().enumerate().map(|(at, values)| line(theme, at, points(values))).collect();
    picture(Axis::linear("lag (timesteps)", 0.0, (learnt.discrete[0].1.len().max(2) - 1) as f64, 6), "kernel K", lines)
}

fn response(shown: RwSignal<Channel>, theme: Theme) -> Option<Picture> {
    let shown = shown.get();
    let points = |values: &Vec<f32>, pace: usize| {
        values.iter().enumerate().map(|(at, value)| ((at + 1) as f64 / pace as f64, f64::from(*value))).collect()
    };
    let lines = shown.responses.iter().zip([FINE, 1, 1]).enumerate();
    let lines = lines.map(|(at, (values, pace))| line(theme, at, points(values, pace))).collect();
    picture(Axis::linear("time (steps of length \u{394})", 0.0, STEPS as f64, 6), "state, real part", lines)
}

fn table(shown: RwSignal<Channel>) -> Table {
    let mut table = Table::new(["pole", "A", "dA, zero-order hold", "dA, bilinear"]);
    shown.with_untracked(|channel| {
        let row = |(at, pole): (usize, &[f32; 2])| {
            let [held, bilinear] =
                [0, 1].map(|rule| channel.discrete[rule].0.get(at).copied().map(complex).unwrap_or_default());
            vec![(at + 1).to_string(), complex(*pole), held, bilinear]
        };
        table.rows = channel.poles.iter().enumerate().map(row).collect();
    });
    table
}
