//! Who can reach whom: the way from a fact to the question about it in every model, and what comes through.

use std::fmt::Write as _;

use leptos::prelude::*;

use crate::order;
use crate::spec::Architecture;
use crate::ui::charts::axis::Axis;
use crate::ui::charts::palette::{self, Palette, Theme};
use crate::ui::charts::{ColourScale, Legend, Line, LineChart, Picture};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::heads::{ATTENTION, attention};
use crate::ui::views::table::{Table, TableView};

/// Powers of ten of a derivative that are told apart by colour.
const DECADES: (f32, f32) = (-6.0, 0.0);
/// The distance of two tokens in the drawing, how deep they stand where arcs go over all of it, and the room below them.
const PITCH: usize = 10;
const LINE: usize = 72;
const BELOW: usize = 24;

/// A question of the probe, by the steps that ask it and show its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Question {
    t: usize,
    source: usize,
}

impl Question {
    fn distance(self) -> usize {
        self.t - self.source
    }
}

/// Steps from a fact to the question about it: one a timestep through a state, one through attention.
fn path_length(run: Lab, question: Question) -> usize {
    if attends(run) { 1 } else { question.distance() }
}

fn attends(run: Lab) -> bool {
    untrack(|| run.architecture()) == Architecture::Transformer
}

fn questions(run: Lab) -> Vec<Question> {
    let numbers = run.measurement("reach/questions");
    let pairs = numbers.iter().flat_map(|numbers| numbers.chunks_exact(2));
    pairs.map(|pair| Question { t: pair[0] as usize, source: pair[1] as usize }).collect()
}

/// The derivatives of the answer to question `at` in every token of the probe.
fn influence(run: Lab, at: usize) -> Vec<f32> {
    let (count, Some(all)) = (questions(run).len().max(1), run.measurement("reach/influence")) else {
        return Vec::new();
    };
    let steps = all.len() / count;
    all.get(at * steps..(at + 1) * steps).unwrap_or_default().to_vec()
}

/// What reaches the answer to question `at` from the step that shows it.
fn arrives(run: Lab, at: usize) -> Option<f32> {
    let question = *questions(run).get(at)?;
    influence(run, at).get(question.source).copied()
}

/// The way of one question in all models, and the lengths of all ways.
#[component]
pub fn Reach() -> impl IntoView {
    let lab = Lab::here();
    let all = Memo::new(move |_| questions(lab));
    let chosen = RwSignal::new(None::<usize>);
    let furthest = move || {
        all.with(|all| all.iter().enumerate().max_by_key(|(_, question)| question.distance()).map(|(at, _)| at))
    };
    let shown = Memo::new(move |_| {
        let count = all.with(Vec::len);
        chosen.get().filter(|at| *at < count).or_else(furthest).unwrap_or_default()
    });
    let names = Signal::stored(lab.runs().iter().map(|run| run.name().to_owned()).collect::<Vec<_>>());
    let palette = Memo::new(move |_| Palette::sequential(lab.theme.get()));
    let ways = lab.runs().into_iter().map(|run| view! { <Way run shown palette/> }).collect_view();
    let last = move || all.with(|all| all.len().saturating_sub(1));
    let asked = move || match all.with(|all| all.get(shown.get()).copied()) {
        Some(Question { t, source }) => {
            format!("Question {}: asked at step {}, shown at step {}.", shown.get() + 1, t + 1, source + 1)
        }
        None => "Measuring\u{2026}".to_owned(),
    };
    view! {
        <section class="card reach" aria-labelledby="reach-title">
            <header>
                <h2 id="reach-title">"Who reaches whom, in how many steps"</h2>
                <p class="caption">
                    "The way from a marked vowel to the question about it. The colour of a token: how much the score of the right answer "
                    "changes with it (a derivative, by the engine, in powers of ten). Arcs are as strong as the attention."
                </p>
            </header>
            <div class="choosers">
                <label class="field">
                    <span class="label">"Question"</span>
                    <input
                        type="range"
                        min="0"
                        max=last
                        prop:value=move || shown.get()
                        aria-valuetext=asked
                        on:input=move |event| chosen.set(event_target_value(&event).parse().ok())
                    />
                </label>
                <p class="caption number">{asked}</p>
                <ColourScale palette ends=Signal::stored(DECADES)/>
            </div>
            {ways}
            <div class="pair">
                <LineChart label="Steps on the way, against the distance of fact and question" picture=move |theme| lengths(lab, theme)/>
                <LineChart label="Derivative that arrives, against the distance of fact and question" picture=move |theme| derivatives(lab, theme)/>
            </div>
            <Legend names/>
            <TableView caption="Path length and derivative of every question" table/>
        </section>
    }
}

/// The probe as one model has it, with the way of the shown question.
#[component]
fn Way(run: Lab, shown: Memo<usize>, palette: Memo<Palette>) -> impl IntoView {
    let question = Memo::new(move |_| questions(run).get(shown.get()).copied());
    let steps = move || match question.get().map(|question| path_length(run, question)) {
        Some(1) => "1 step".to_owned(),
        Some(steps) => format!("{steps} steps"),
        None => String::new(),
    };
    let derivative = move || {
        let arrives = arrives(run, shown.get());
        arrives.map_or_else(|| "\u{2013}".to_owned(), |norm| format::significant(f64::from(norm), 2))
    };
    let drawing = move || {
        let influence = influence(run, shown.get());
        let symbols = run.probe_symbols.get();
        palette.with(|palette| question.get().map(|question| draw(run, question, &influence, &symbols, palette)))
    };
    view! {
        <figure class="way">
            <figcaption>
                <b>{run.name()}</b>
                <span class="number">{steps}</span>
                <span>"derivative "<output class="number">{derivative}</output></span>
            </figcaption>
            <div aria-hidden="true" inner_html=drawing></div>
        </figure>
    }
}

fn draw(run: Lab, question: Question, influence: &[f32], symbols: &[String], palette: &Palette) -> String {
    let high = if attends(run) { LINE } else { 2 * PITCH };
    let mut svg = format!("<svg viewBox=\"0 {} {} {}\">", LINE - high, influence.len() * PITCH, high + BELOW);
    let x = |step: usize| step * PITCH + PITCH / 2;
    // Writing into a string does not fail.
    let mut put = |part: std::fmt::Arguments<'_>| _ = svg.write_fmt(part);
    let mut hop = |from: usize, to: usize, strength: f32| {
        let (foot, rise) = (LINE - 6, (6 + (to - from) / 2).min(2 * high - 20));
        put(format_args!(
            "<path class=\"hop\" style=\"stroke-opacity:{}\" d=\"M{from} {foot}Q{} {} {to} {foot}\"/>",
            format::fixed(f64::from(strength), 3),
            usize::midpoint(from, to),
            foot as isize - rise as isize,
        ));
    };
    if attends(run) {
        looked_at(run, question.t).into_iter().for_each(|(source, weight)| hop(x(source), x(question.t), weight));
    } else {
        (question.source..question.t).for_each(|step| hop(x(step), x(step + 1), 1.0));
    }
    for (step, norm) in influence.iter().enumerate() {
        let colour = palette::css(palette.colour(norm.log10(), DECADES.0, DECADES.1));
        let end = [question.t, question.source].contains(&step);
        let (class, radius) = if end { ("end", 5) } else { ("", 4) };
        put(format_args!(
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{LINE}\" r=\"{radius}\" fill=\"{colour}\"/>",
            x(step)
        ));
        let symbol = symbols.get(step).map_or("", String::as_str);
        put(format_args!(
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
            x(step),
            LINE + 18,
            format::escaped(symbol)
        ));
    }
    svg + "</svg>"
}

/// Where a token looks, in any head of any layer, and how much there.
fn looked_at(run: Lab, target: usize) -> Vec<(usize, f32)> {
    let heads = run.model.with(|model| model.as_ref().map_or(0, |model| model.spec.heads));
    let maps: Vec<_> =
        (0..ATTENTION.len()).flat_map(|layer| (0..heads).filter_map(move |head| attention(run, layer, head))).collect();
    let most = |source: usize| maps.iter().filter_map(|map| map.at(target, source)).fold(0.0, f32::max);
    (0..target).map(|source| (source, most(source))).filter(|(_, weight)| *weight > 0.02).collect()
}

/// A point for every distance of fact and question that the probe has: the mean over its questions.
fn by_distance(run: Lab, value: impl Fn(usize, Question) -> Option<f64>) -> Vec<(f64, f64)> {
    let mut points: Vec<(usize, f64)> = questions(run)
        .into_iter()
        .enumerate()
        .filter_map(|(at, question)| Some((question.distance(), value(at, question)?)))
        .collect();
    order::sort_by(&mut points, |a, b| a.0.cmp(&b.0));
    let mean = |group: &[(usize, f64)]| {
        (group[0].0 as f64, group.iter().map(|(_, value)| value).sum::<f64>() / group.len() as f64)
    };
    points.chunk_by(|a, b| a.0 == b.0).map(mean).collect()
}

fn distances(lab: Lab) -> Axis {
    let longest = questions(lab).into_iter().map(Question::distance).max().unwrap_or(8);
    Axis::linear("distance (timesteps)", 0.0, longest.max(8) as f64, 6)
}

fn lines(lab: Lab, theme: Theme, points: impl Fn(Lab) -> Vec<(f64, f64)>) -> Vec<Line> {
    let line = |run: Lab| Line { colour: palette::line(theme, run.place), points: points(run), ..Line::default() };
    lab.runs().into_iter().map(line).collect()
}

fn lengths(lab: Lab, theme: Theme) -> Option<Picture> {
    let x = distances(lab);
    let y = Axis::linear("steps on the way", 0.0, x.high, 5);
    let lines = lines(lab, theme, |run| by_distance(run, |_, question| Some(path_length(run, question) as f64)));
    Some(Picture { x, y, lines, level: None })
}

fn derivatives(lab: Lab, theme: Theme) -> Option<Picture> {
    let log = |run: Lab| {
        by_distance(run, |at, _| arrives(run, at).filter(|norm| *norm > 0.0).map(|norm| f64::from(norm).log10()))
    };
    let lines = lines(lab, theme, log);
    let values = lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
    let (low, high) = values.fold((0.0, -1.0), |(low, high): (f64, f64), value| (low.min(value), high.max(value)));
    let y = Axis::decades("derivative that arrives", 10f64.powf(low), 10f64.powf(high));
    Some(Picture { x: distances(lab), y, lines, level: None })
}

fn table(lab: Lab) -> Table {
    let mut table = Table::new(["asked at", "shown at"]);
    let runs = lab.runs();
    table
        .head
        .extend(runs.iter().flat_map(|run| [format!("{}: steps", run.name()), format!("{}: derivative", run.name())]));
    let row = |(at, question): (usize, Question)| {
        let of_run = |run: &Lab| {
            let norm = arrives(*run, at).map_or_else(String::new, |norm| format::significant(f64::from(norm), 3));
            [path_length(*run, question).to_string(), norm]
        };
        let place = [question.t + 1, question.source + 1].map(|step| step.to_string());
        place.into_iter().chain(runs.iter().flat_map(of_run)).collect()
    };
    table.rows = questions(lab).into_iter().enumerate().map(row).collect();
    table
}
