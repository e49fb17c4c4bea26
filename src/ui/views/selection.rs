//! What Mamba selects: its step lengths over the tokens it reads.

use leptos::prelude::*;

use crate::order;
use crate::spec::Architecture;
use crate::ui::charts::ColourScale;
use crate::ui::charts::axis;
use crate::ui::charts::matrix::{Matrix, MatrixMap, Pointed};
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

/// The step lengths of a layer: a row for each channel, a column for each token. The channels that step furthest at letters,
/// as a multiple of their steps at blanks, come first.
#[derive(Clone, PartialEq)]
struct Steps {
    matrix: Matrix,
    /// The channel of each row, with its means at letters and at blanks.
    channels: Vec<(usize, [f64; 2])>,
}

fn delta(run: Lab, layer: usize) -> Option<Steps> {
    let all = run.measurement(DELTA.get(layer)?)?;
    let symbols = run.probe_symbols.get();
    let columns = symbols.len();
    let rows = all.len().checked_div(columns)?;
    let of_channel = |channel: usize| all.iter().skip(channel).step_by(rows).copied();
    let mean = |channel: usize, kind: Kind| {
        let chosen = of_channel(channel).zip(symbols.iter()).filter(|(_, symbol)| kind(symbol));
        let (sum, count) = chosen.fold((0.0, 0.0), |(sum, count), (step, _)| (sum + f64::from(step), count + 1.0));
        sum / f64::max(count, 1.0)
    };
    let mut channels: Vec<(usize, [f64; 2])> =
        (0..rows).map(|channel| (channel, [mean(channel, is_letter), mean(channel, is_blank)])).collect();
    let ratio = |[letters, blanks]: [f64; 2]| letters / blanks;
    order::sort_by(&mut channels, |a, b| ratio(b.1).total_cmp(&ratio(a.1)));
    let values = channels.iter().flat_map(|(channel, _)| of_channel(*channel)).collect();
    Some(Steps { matrix: Matrix { rows, columns, values }, channels })
}

/// A heat map for each layer, and the means of its most selective channel.
#[component]
pub fn Selection() -> impl IntoView {
    let lab = Lab::here();
    let Some(run) = selective(lab) else { return ().into_any() };
    let place = Pointed::new(None);
    let palette = Memo::new(move |_| Palette::sequential(lab.theme.get()));
    let layers = Memo::new(move |_| run.dimensions().0);
    let steps = move || run.probe_symbols.with(|symbols| symbols.len()).max(1);
    let map = move |layer: usize| {
        let steps = Memo::new(move |_| delta(run, layer));
        let matrix = Memo::new(move |_| steps.get().map(|steps| steps.matrix));
        let end = StoredValue::new(1.0);
        let ends = Signal::derive(move || {
            let largest = matrix
                .with(|matrix| matrix.as_ref().map_or(0.0, |matrix| matrix.values.iter().copied().fold(0.0, f32::max)));
            end.update_value(|end| *end = axis::follow(*end, f64::from(largest)));
            (0.0, end.get_value() as f32)
        });
        let value = move || {
            let (row, t) = place.get()?;
            let (channel, value) =
                steps.with(|steps| Some((steps.as_ref()?.channels.get(row)?.0, steps.as_ref()?.matrix.at(row, t)?)))?;
            Some(format!("channel {}: {}", channel + 1, format::fixed(f64::from(value), 3)))
        };
        let most = move || {
            let of = |channel: Option<&(usize, [f64; 2])>| channel.map(|(_, [letters, blanks])| letters / blanks);
            let (first, last) = steps.with(|steps| {
                let channels = &steps.as_ref()?.channels;
                Some((of(channels.first())?, of(channels.last())?))
            })?;
            let [first, last] = [first, last].map(|ratio| format::significant(ratio, 2));
            Some(format!("letters over blanks: {first} (top) to {last}"))
        };
        let label = format!(
            "Step lengths of layer {}: channels downwards, tokens to the right. Arrow keys move the mark.",
            layer + 1
        );
        view! {
            <figure class="heat">
                <figcaption>
                    <b>"\u{394}"</b>
                    <span class="name number">{format!("layer {}", layer + 1)}" "{most}</span>
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
    view! {
        <section class="card selection" aria-labelledby="selection-title" style=move || format!("--steps:{}", steps())>
            <header>
                <h2 id="selection-title">"What Mamba selects"</h2>
                <p class="caption">
                    "Mamba makes a step length \u{394} of its own for every token and channel. A large one overwrites the channel\u{2019}s state with "
                    "the token, a small one leaves the state as it was. Channels that step furthest at letters come first. S4D has one \u{394} a channel, "
                    "whatever it reads."
                </p>
            </header>
            <p class="readout number" aria-live="polite">{move || readout(run, place)}</p>
            {maps}
            <div class="time-axis" aria-hidden="true"><span></span><div class="characters">{tokens}</div></div>
            <TableView caption="Mean step length of every token" table=move |_| table(run)/>
        </section>
    }
    .into_any()
}

/// Whether a symbol is of a kind.
type Kind = fn(&str) -> bool;

fn is_blank(symbol: &str) -> bool {
    symbol == "\u{b7}"
}

fn is_letter(symbol: &str) -> bool {
    !is_blank(symbol) && symbol != "?"
}

fn readout(run: Lab, place: Pointed) -> String {
    let Some((_, t)) = place.get() else { return "Point at a map to read its numbers.".to_owned() };
    let symbol = run.probe_symbols.with(|symbols| symbols.get(t).cloned()).unwrap_or_default();
    format!("t\u{a0}{} \u{201c}{symbol}\u{201d}", t + 1)
}

fn table(run: Lab) -> Table {
    let mut table = Table::new(["layer", "channel", "mean step at letters", "mean step at blanks"]);
    for layer in 0..run.dimensions().0 {
        let channels = delta(run, layer).map(|steps| steps.channels).unwrap_or_default();
        let row = |(channel, means): (usize, [f64; 2])| {
            let place = [layer, channel].map(|at| (at + 1).to_string());
            place.into_iter().chain(means.map(|mean| format::fixed(mean, 4))).collect()
        };
        table.rows.extend(channels.into_iter().map(row));
    }
    table
}
