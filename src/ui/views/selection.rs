//! What Mamba selects: its step lengths over the tokens it reads.

use leptos::prelude::*;

use crate::spec::Architecture;
use crate::ui::charts::ColourScale;
use crate::ui::charts::axis;
use crate::ui::charts::matrix::{Matrix, MatrixMap, Place};
use crate::ui::charts::palette::Palette;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// The paths of every layer that there may be.
pub const DELTA: [&str; 4] =
    ["probe/layers/0/delta", "probe/layers/1/delta", "probe/layers/2/delta", "probe/layers/3/delta"];

/// The model that selects, if the lab has one.
fn selective(lab: Lab) -> Option<Lab> {
    lab.runs().into_iter().find(|run| untrack(|| run.architecture()) == Architecture::Mamba)
}

/// The step lengths of a layer: a row for each channel, a column for each token.
fn delta(run: Lab, layer: usize) -> Option<Matrix> {
    let all = run.measurement(DELTA.get(layer)?)?;
    let columns = run.probe_symbols.with(|symbols| symbols.len());
    let rows = all.len().checked_div(columns)?;
    let of_channel = |channel: usize| all.iter().skip(channel).step_by(rows).copied();
    Some(Matrix { rows, columns, values: (0..rows).flat_map(of_channel).collect() })
}

/// A heat map for each layer, and the means at each kind of token.
#[component]
pub fn Selection() -> impl IntoView {
    let lab = Lab::here();
    let Some(run) = selective(lab) else { return ().into_any() };
    let place = Place::new(None);
    let palette = Memo::new(move |_| Palette::sequential(lab.theme.get()));
    let layers = Memo::new(move |_| run.dimensions().0);
    let steps = move || run.probe_symbols.with(|symbols| symbols.len()).max(1);
    let map = move |layer: usize| {
        let matrix = Memo::new(move |_| delta(run, layer));
        let end = StoredValue::new(1.0);
        let ends = Signal::derive(move || {
            let largest = matrix
                .with(|matrix| matrix.as_ref().map_or(0.0, |matrix| matrix.values.iter().copied().fold(0.0, f32::max)));
            end.update_value(|end| *end = axis::follow(*end, f64::from(largest)));
            (0.0, end.get_value() as f32)
        });
        let value = move || {
            let (channel, t) = place.get()?;
            matrix.with(|matrix| matrix.as_ref()?.at(channel, t)).map(|value| format::fixed(f64::from(value), 3))
        };
        let label = format!(
            "Step lengths of layer {}: channels downwards, tokens to the right. Arrow keys move the mark.",
            layer + 1
        );
        view! {
            <figure class="heat">
                <figcaption>
                    <b>"\u{394}"</b>
                    <span class="name">{format!("layer {}", layer + 1)}</span>
                    <output class="number">{value}</output>
                    <ColourScale palette ends/>
                </figcaption>
                <MatrixMap label matrix palette ends place axes=["channel", "token \u{2192}"]/>
            </figure>
        }
    };
    let tokens = move || {
        let symbols = run.probe_symbols.get();
        symbols.iter().map(|symbol| view! { <span>{format::visible(symbol).to_owned()}</span> }).collect_view()
    };
    let maps = move || (0..layers.get()).map(map).collect_view();
    let kinds = KINDS.into_iter().map(|(name, kind)| {
        let mean = move || mean_at(run, kind).map_or_else(|| "\u{2013}".to_owned(), |mean| format::fixed(mean, 3));
        view! { <div><dt>{name}</dt><dd class="number">{mean}</dd></div> }
    });
    view! {
        <section class="card selection" aria-labelledby="selection-title" style=move || format!("--steps:{}", steps())>
            <header>
                <h2 id="selection-title">"What Mamba selects"</h2>
                <p class="caption">
                    "Mamba makes a step length \u{394} of its own for every token and channel. A large one overwrites the channel\u{2019}s state with "
                    "the token, a small one leaves the state as it was. S4D has one \u{394} a channel, whatever it reads."
                </p>
            </header>
            <dl class="facts">{kinds.collect_view()}</dl>
            <p class="readout number" aria-live="polite">{move || readout(run, place)}</p>
            {maps}
            <div class="time-axis" aria-hidden="true"><span></span><div class="characters">{tokens}</div></div>
            <TableView caption="Mean step length of every token" table=move |_| table(run)/>
        </section>
    }
    .into_any()
}

/// A kind of token: its name, and whether a symbol is one.
type Kind = fn(&str) -> bool;
const KINDS: [(&str, Kind); 3] = [
    ("Mean \u{394} at letters", |symbol| !BLANKS.contains(&symbol)),
    ("at blanks", |symbol| symbol == BLANKS[0]),
    ("at questions", |symbol| symbol == BLANKS[1]),
];
const BLANKS: [&str; 2] = ["\u{b7}", "?"];

/// The mean over the channels of the lowest layer, at every token.
fn means(run: Lab) -> Vec<f64> {
    let Some(matrix) = delta(run, 0) else { return Vec::new() };
    let mean = |t: usize| (0..matrix.rows).filter_map(|channel| matrix.at(channel, t)).map(f64::from).sum::<f64>();
    (0..matrix.columns).map(|t| mean(t) / matrix.rows as f64).collect()
}

fn mean_at(run: Lab, kind: Kind) -> Option<f64> {
    let (means, symbols) = (means(run), run.probe_symbols.get());
    let of_kind: Vec<f64> =
        means.into_iter().zip(symbols.iter()).filter(|(_, symbol)| kind(symbol)).map(|(mean, _)| mean).collect();
    (!of_kind.is_empty()).then(|| of_kind.iter().sum::<f64>() / of_kind.len() as f64)
}

fn readout(run: Lab, place: Place) -> String {
    let Some((channel, t)) = place.get() else { return "Point at a map to read its numbers.".to_owned() };
    let symbol = run.probe_symbols.with(|symbols| symbols.get(t).cloned()).unwrap_or_default();
    format!("channel {}, t\u{a0}{} \u{201c}{symbol}\u{201d}", channel + 1, t + 1)
}

fn table(run: Lab) -> Table {
    let mut table = Table::new(["t", "token", "mean step length, layer 1"]);
    let symbols = run.probe_symbols.get();
    let row = |(t, (mean, symbol)): (usize, (f64, &String))| {
        vec![(t + 1).to_string(), symbol.clone(), format::fixed(mean, 4)]
    };
    table.rows = means(run).into_iter().zip(symbols.iter()).enumerate().map(row).collect();
    table
}
