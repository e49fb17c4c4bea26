//! Attention: who looks where, how the weights come about, and what becomes of the answer when one is forced.

use std::fmt::Write as _;

use leptos::ev;
use leptos::prelude::*;

use crate::order;
use crate::protocol::Edit;
use crate::ui::charts::marked::{MarkedMap, Paint, Place, marked};
use crate::ui::charts::palette::{self, Palette};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::store::{FrameStore, Tensor};
use crate::ui::views::table::{Table, TableView};

/// What the frames of an attending model have to bring.
pub const PATHS: [&str; 4] = [WEIGHTS, "probe/own/energies", "probe/own/context", "probe/memory"];

const WEIGHTS: &str = "probe/own/attention";
/// Units of the context that are shown with their numbers.
const UNITS: usize = 6;
/// Places whose share of the context is written out.
const SHARES: usize = 3;

/// The heat map [target x source], its axes linked to both strings; the chosen step in three stages; forcing.
#[component]
pub fn Attending() -> impl IntoView {
    let lab = Lab::here();
    // A target step and a source place.
    let pair = RwSignal::new((0, 0));
    let rows = Memo::new(move |_| {
        lab.frame.track();
        written(lab)
    });
    let columns = move || lab.probe_symbols.get();
    let attends = Memo::new(move |_| {
        lab.frame.track();
        lab.with_store(|store| store.tensor(WEIGHTS).is_some())
    });
    let style = move || marked(pair.get(), (rows.with(Vec::len), columns().len()));
    let row_names = move || {
        let name = |(step, symbol): (usize, String)| {
            let chosen = move || pair.get().0 == step;
            view! {
                <span class:marked=chosen on:pointerenter=move |_| pair.update(|pair| pair.0 = step)>
                    {format::visible(&symbol).to_owned()}
                </span>
            }
        };
        rows.get().into_iter().enumerate().map(name).collect_view()
    };
    let entropies = move || {
        lab.readout.track();
        let entropy = |step: usize| lab.with_store(|store| Some(entropy(store.tensor(WEIGHTS)?.row(step))));
        let value = |step| view! { <span>{entropy(step).map(|value| format::fixed(value, 2))}</span> };
        (0..rows.with(Vec::len)).map(value).collect_view()
    };
    let column_names = move || {
        let name = |(place, symbol): (usize, &String)| {
            let chosen = move || pair.get().1 == place;
            view! {
                <span class:marked=chosen on:pointerenter=move |_| pair.update(|pair| pair.1 = place)>
                    {format::visible(symbol).to_owned()}
                </span>
            }
        };
        columns().iter().enumerate().map(name).collect_view()
    };
    view! {
        <section class="card attending pointed" aria-labelledby="attending-title" style=style>
            <header>
                <h2 id="attending-title">"Where it looks"</h2>
                <p class="caption">
                    "A row for each symbol it writes, a column for each it read; what stands out is much attention. Point at a pair, \
                     or move with the arrow keys. At the right, the entropy of each row in nats: 0 is one place alone."
                </p>
            </header>
            <Show when=move || attends.get() fallback=|| view! { <p>"This model does not attend: its decoder has the context vector and nothing else."</p> }>
                <div class="attention-map">
                    <div class="written number" aria-hidden="true">{row_names}</div>
                    <Map pair rows/>
                    <div class="entropies number" aria-label="Entropy of each row, in nats">{entropies}</div>
                    <div class="source" aria-hidden="true">{column_names}</div>
                </div>
                <Stages pair rows/>
                {lab.shows("surgery").then(|| view! { <Forcing pair rows/> })}
                <TableView caption="Attention weights, a row for each written symbol" table/>
            </Show>
        </section>
    }
}

/// The picture itself.
#[component]
fn Map(pair: RwSignal<Place>, rows: Memo<Vec<String>>) -> impl IntoView {
    let lab = Lab::here();
    let palette = Memo::new(move |_| Palette::sequential(lab.theme.get()));
    let size = Signal::derive(move || (rows.with(Vec::len), lab.probe_symbols.with(|symbols| symbols.len())));
    let paint: Paint = Box::new(move |image| {
        lab.frame.track();
        let (steps, places) = size.get();
        let weights: Vec<f32> = lab.with_store(|store| {
            let tensor = store.tensor(WEIGHTS)?;
            let at = |step, place| tensor.at(step, place).unwrap_or(0.0);
            Some((0..steps).flat_map(|step| (0..places).map(move |place| at(step, place))).collect())
        })?;
        palette.with(|palette| palette.paint_rows(&weights, (0.0, 1.0), image));
        Some((steps, places))
    });
    let label = Signal::derive(move || {
        let (steps, places) = size.get();
        format!(
            "Attention: {steps} written symbols downwards, {places} read ones to the right. Arrow keys move the mark."
        )
    });
    let marks = Callback::new(move |place: Option<Place>| place.into_iter().for_each(|place| pair.set(place)));
    view! { <MarkedMap label size mark=pair.into() marks paint described_by="attention-stages"/> }
}

/// Energies, their softmax, the weighted sum, of the chosen step.
#[component]
fn Stages(pair: RwSignal<Place>, rows: Memo<Vec<String>>) -> impl IntoView {
    let lab = Lab::here();
    let bars = move || {
        lab.readout.track();
        let (step, place) = pair.get();
        let colour = palette::css(palette::line(lab.theme.get(), 2));
        lab.probe_symbols.with(|source| lab.with_store(|store| bars(store, source, step, place, &colour)))
    };
    let sum = move || {
        lab.readout.track();
        lab.probe_symbols.with(|source| lab.with_store(|store| weighted_sum(store, source, pair.get().0)))
    };
    let title = move || {
        let step = pair.get().0;
        let symbol = rows.with(|rows| rows.get(step).cloned()).unwrap_or_default();
        format!("Writing symbol {}, \u{201c}{}\u{201d}", step + 1, format::visible(&symbol))
    };
    view! {
        <div id="attention-stages" class="stages">
            <h3>{title}</h3>
            <div class="table-scroll stage-bars" tabindex="0" role="region" aria-label="Energies and weights of the chosen step" inner_html=bars></div>
            <p class="caption">"energies e \u{2192} softmax \u{2192} weights \u{3b1} \u{2192} context c = \u{2211} \u{3b1}\u{2c7c} h\u{2c7c}, its first numbers:"</p>
            <pre class="weighted-sum number">{sum}</pre>
        </div>
    }
}

/// One weight given by hand: the answer is written again at once.
#[component]
fn Forcing(pair: RwSignal<Place>, rows: Memo<Vec<String>>) -> impl IntoView {
    let lab = Lab::here();
    let chosen = RwSignal::new((0, 0));
    let hold = move || chosen.set(pair.get_untracked());
    let of = |edit: &Edit, (step, place): Place| matches!(edit, Edit::Attend { step: s, place: p, .. } if (*s, *p) == (step, place));
    let weight = move || {
        let pair = chosen.get();
        lab.edits.with(|edits| {
            edits.iter().find(|edit| of(edit, pair)).and_then(|edit| match edit {
                Edit::Attend { weight, .. } => Some(*weight),
                _ => None,
            })
        })
    };
    let own = move || {
        lab.readout.track();
        let (step, place) = chosen.get();
        lab.with_store(|store| store.tensor(WEIGHTS)?.at(step, place))
    };
    let force = move |event: ev::Event| {
        let weight = event_target_value(&event).parse::<u8>().unwrap_or_default();
        let (step, place) = chosen.get_untracked();
        lab.operate(|edits| {
            edits.retain(|edit| !of(edit, (step, place)));
            edits.push(Edit::Attend { step, place, weight: f32::from(weight.min(100)) / 100.0 });
        });
    };
    let any = move || lab.edits.with(|edits| edits.iter().any(|edit| matches!(edit, Edit::Attend { .. })));
    let release = move |_| lab.operate(|edits| edits.retain(|edit| !matches!(edit, Edit::Attend { .. })));
    let name = move || {
        let (step, place) = chosen.get();
        let symbol =
            |symbols: &[String], at: usize| symbols.get(at).map_or("", |symbol| format::visible(symbol)).to_owned();
        let (row, column) = (rows.with(|rows| symbol(rows, step)), lab.probe_symbols.with(|read| symbol(read, place)));
        format!("Weight of written {} \u{201c}{row}\u{201d} on read {} \u{201c}{column}\u{201d}", step + 1, place + 1)
    };
    let number = move || weight().or_else(own).map_or_else(String::new, |weight| format::fixed(f64::from(weight), 2));
    let position = move || (weight().or_else(own).unwrap_or(0.0) * 100.0) as u32;
    view! {
        <details class="surgery" on:toggle=move |_| hold()>
            <summary>"Force a weight"</summary>
            <p class="caption">
                "The chosen pair gets the weight you give it; the other places share the rest. The answer is decoded anew at once. "
                "Training does not see it."
            </p>
            <div class="choosers">
                <button type="button" on:click=move |_| hold()>"Take the pair that is marked"</button>
                <label class="field number-row">
                    <span class="label">{name}</span>
                    <input type="range" min="0" max="100" aria-label=name prop:value=position on:input=force/>
                    <output class="number">{number}</output>
                </label>
                <button type="button" class="quiet" disabled=move || !any() on:click=release>"Let it attend freely"</button>
            </div>
        </details>
    }
}

/// What the model wrote, its end too.
fn written(lab: Lab) -> Vec<String> {
    lab.model.with(|model| {
        let Some(model) = model else { return Vec::new() };
        let symbol = |token: &f32| model.vocabulary.get(*token as usize).cloned().unwrap_or_default();
        lab.with_store(|store| store.tensor("probe/own/tokens").map(|own| own.values.iter().map(symbol).collect()))
            .unwrap_or_default()
    })
}

/// -sum p ln p, in nats.
fn entropy(weights: &[f32]) -> f64 {
    weights
        .iter()
        .map(|weight| f64::from(*weight))
        .filter(|weight| *weight > 0.0)
        .map(|weight| -weight * weight.ln())
        .sum()
}

/// A column for each place: its symbol, its energy, its weight with a bar.
fn bars(store: &FrameStore, source: &[String], step: usize, place: usize, colour: &str) -> String {
    let (Some(energies), Some(weights)) = (store.tensor("probe/own/energies"), store.tensor(WEIGHTS)) else {
        return String::new();
    };
    let number = |tensor: &Tensor<'_>, at: usize| f64::from(tensor.at(step, at).unwrap_or(f32::NAN));
    let mut rows = [
        "<tr><th scope=\"row\">read</th>",
        "<tr><th scope=\"row\">energy e</th>",
        "<tr><th scope=\"row\">weight \u{3b1}</th>",
    ]
    .map(str::to_owned);
    for (at, symbol) in source.iter().enumerate() {
        let marked = if at == place { " class=\"marked\"" } else { "" };
        let weight = number(&weights, at);
        // Writing into a string does not fail.
        let _ = write!(rows[0], "<th scope=\"col\"{marked}>{}</th>", format::escaped(format::visible(symbol)));
        let _ = write!(rows[1], "<td{marked}>{}</td>", format::fixed(number(&energies, at), 2));
        let fill = format::fixed(weight * 100.0, 0);
        let _ = write!(
            rows[2],
            "<td{marked} style=\"background:linear-gradient(to top,color-mix(in srgb,{colour} 35%,transparent) {fill}%,transparent {fill}%)\">{}</td>",
            format::fixed(weight, 3)
        );
    }
    format!("<table>{}</tr>{}</tr>{}</tr></table>", rows[0], rows[1], rows[2])
}

/// The largest shares of the context, unit by unit.
fn weighted_sum(store: &FrameStore, source: &[String], step: usize) -> String {
    let tensors = (store.tensor(WEIGHTS), store.tensor("probe/memory"), store.tensor("probe/own/context"));
    let (Some(weights), Some(memory), Some(context)) = tensors else { return String::new() };
    let row = weights.row(step);
    let places = order::places(source.len().min(row.len()), &|a, b| row[b].total_cmp(&row[a]));
    let numbers = |tensor: &Tensor<'_>, at: usize| {
        let units = (0..UNITS).filter_map(|unit| tensor.at(at, unit));
        units.map(|number| format!("{:>7}", format::fixed(f64::from(number), 2))).collect::<String>()
    };
    let mut text = String::new();
    for place in places.iter().take(SHARES) {
        let symbol = format::visible(&source[*place]);
        let _ = writeln!(
            text,
            "\u{3b1} \u{d7} h({symbol}{}) = {} \u{d7} [{} \u{2026}]",
            place + 1,
            format::fixed(f64::from(row[*place]), 3),
            numbers(&memory, *place)
        );
    }
    let rest: f32 = places.iter().skip(SHARES).map(|place| row[*place]).sum();
    let _ = writeln!(text, "the other places together: {}", format::fixed(f64::from(rest), 3));
    let _ = write!(text, "c = [{} \u{2026}]", numbers(&context, step));
    text
}

fn table(lab: Lab) -> Table {
    let source = lab.probe_symbols.get();
    let mut table = Table::new(["written"]);
    table.head.extend(source.iter().map(|symbol| format::visible(symbol).to_owned()));
    table.head.push("entropy (nats)".to_owned());
    let rows = written(lab);
    table.rows = lab.with_store(|store| {
        let Some(weights) = store.tensor(WEIGHTS) else { return Vec::new() };
        let row = |(step, symbol): (usize, &String)| {
            let row = &weights.row(step)[..source.len().min(weights.size().1)];
            let numbers = row.iter().map(|weight| format::fixed(f64::from(*weight), 3));
            std::iter::once(symbol.clone()).chain(numbers).chain([format::fixed(entropy(row), 3)]).collect()
        };
        rows.iter().enumerate().map(row).collect()
    });
    table
}
