//! The attention of every head over the probe.

use leptos::prelude::*;

use crate::spec::Architecture;
use crate::ui::charts::ColourScale;
use crate::ui::charts::matrix::{Matrix, MatrixMap, Pointed};
use crate::ui::charts::palette::Palette;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// The paths of every layer that there may be.
pub const ATTENTION: [&str; 4] =
    ["probe/layers/0/attention", "probe/layers/1/attention", "probe/layers/2/attention", "probe/layers/3/attention"];

/// The model that attends, if the lab has one.
pub fn attending(lab: Lab) -> Option<Lab> {
    lab.runs().into_iter().find(|run| untrack(|| run.architecture()) == Architecture::Transformer)
}

/// The attention of a head (T, T): target, source.
pub fn attention(run: Lab, layer: usize, head: usize) -> Option<Matrix> {
    let heads = run.model.with(|model| model.as_ref().map(|model| model.spec.heads))?;
    let all = run.measurement(ATTENTION.get(layer)?)?;
    let steps = ((all.len() / heads) as f64).sqrt() as usize;
    let values = all.get(head * steps * steps..(head + 1) * steps * steps)?.to_vec();
    Some(Matrix { rows: steps, columns: steps, values })
}

/// Layers and heads of the model.
fn heads_of(run: Lab) -> Vec<(usize, usize)> {
    let sizes = run.model.with(|model| model.as_ref().map(|model| (model.spec.layers, model.spec.heads)));
    let (layers, heads) = sizes.unwrap_or_default();
    (0..layers).flat_map(|layer| (0..heads).map(move |head| (layer, head))).collect()
}

/// A heat map for each head.
#[component]
pub fn Heads() -> impl IntoView {
    let lab = Lab::here();
    let place = Pointed::new(None);
    let Some(run) = attending(lab) else { return ().into_any() };
    let heads = Memo::new(move |_| heads_of(run));
    let palette = Memo::new(move |_| Palette::sequential(lab.theme.get()));
    let ends = Signal::stored((0.0, 1.0));
    let map = move |(layer, head): (usize, usize)| {
        let matrix = Memo::new(move |_| attention(run, layer, head));
        let value = move || {
            let (target, source) = place.get()?;
            matrix.with(|matrix| matrix.as_ref()?.at(target, source)).map(|weight| format::fixed(f64::from(weight), 3))
        };
        let name = format!("layer {}, head {}", layer + 1, head + 1);
        let label = format!("Attention of {name}: targets downwards, sources to the right. Arrow keys move the mark.");
        view! {
            <figure class="heat square">
                <figcaption><span>{name}</span><output class="number">{value}</output></figcaption>
                <MatrixMap label matrix palette ends place axes=["target", "source \u{2192}"]/>
            </figure>
        }
    };
    let maps = move || heads.get().into_iter().map(map).collect_view();
    view! {
        <section class="card heads" aria-labelledby="heads-title">
            <header>
                <h2 id="heads-title">"Where each head looks"</h2>
                <p class="caption">
                    "The Transformer reads the probe. Each row is a token that asks, each column a token it may look at, "
                    "itself and those before; a row adds up to 1."
                </p>
            </header>
            <div class="choosers">
                <ColourScale palette ends/>
                <p class="readout number" aria-live="polite">{move || readout(run, place)}</p>
            </div>
            <div class="maps maps-4">{maps}</div>
            <TableView caption="The strongest attention of every token" table/>
        </section>
    }
    .into_any()
}

fn symbol(run: Lab, step: usize) -> String {
    let symbol = run.probe_symbols.with(|symbols| symbols.get(step).cloned()).unwrap_or_default();
    format!("{}\u{a0}\u{201c}{}\u{201d}", step + 1, format::visible(&symbol))
}

fn readout(run: Lab, place: Pointed) -> String {
    match place.get() {
        Some((target, source)) => format!("step {} looks at step {}", symbol(run, target), symbol(run, source)),
        None => "Point at a map to read its numbers.".to_owned(),
    }
}

fn table(lab: Lab) -> Table {
    let mut table = Table::new(["layer and head", "target", "looks most at", "attention"]);
    let Some(run) = attending(lab) else { return table };
    for (layer, head) in heads_of(run) {
        let Some(matrix) = attention(run, layer, head) else { continue };
        for (target, row) in matrix.values.chunks(matrix.columns.max(1)).enumerate() {
            let strongest = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            let Some((source, weight)) = strongest else { continue };
            let weight = format::fixed(f64::from(*weight), 3);
            let name = format!("{}, {}", layer + 1, head + 1);
            table.rows.push(vec![name, symbol(run, target), symbol(run, source), weight]);
        }
    }
    table
}
