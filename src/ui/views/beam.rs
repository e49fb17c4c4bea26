//! Beam search for the answer to the probe, as the tree it grows; a click takes the search up at another branch.

use std::fmt::Write as _;
use std::time::Duration;

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::order;
use crate::trainer::beam_view::{COLUMNS, WIDEST};
use crate::ui::controls::{Segments, Stepper};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// Between two looks at a model that trains.
const EVERY: Duration = Duration::from_millis(1000);
/// Distances of the drawing, in pixels: between steps, between branches, and around it.
const ACROSS: usize = 76;
const DOWN: usize = 26;
const EDGE: usize = 26;

/// A node of the tree; see `trainer::beam_view::table`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    parent: Option<usize>,
    token: usize,
    depth: usize,
    log_probability: f32,
    cumulated: f32,
    score: f32,
    pruned: bool,
    /// The place of the best hypothesis it belongs to; 0: to none.
    rank: usize,
}

fn nodes(numbers: &[f32]) -> Vec<Node> {
    let node = |row: &[f32]| Node {
        parent: (row[0] >= 0.0).then_some(row[0] as usize),
        token: row[1] as usize,
        depth: row[2] as usize,
        log_probability: row[3],
        cumulated: row[4],
        score: row[5],
        pruned: row[6] > 1.5,
        rank: row[7] as usize,
    };
    numbers.chunks_exact(COLUMNS).map(node).collect()
}

/// The tree and its controls.
#[component]
pub fn Beam() -> impl IntoView {
    let lab = Lab::here();
    let width = RwSignal::new(3_usize);
    let normalisation = RwSignal::new("none".to_owned());
    let picks = RwSignal::new(Vec::<usize>::new());
    let tree = RwSignal::new(Vec::<Node>::new());
    let path = Memo::new(move |_| {
        let picked: String = picks.with(|picks| picks.iter().map(|node| format!("/{node}")).collect());
        format!("beam/{}/{}{picked}", width.get(), normalisation.get())
    });
    let look = move || {
        lab.probe(
            &path.get_untracked(),
            Box::new(move |answer| {
                let found = answer.map(|(_, numbers)| nodes(&numbers)).unwrap_or_default();
                if tree.try_with_untracked(|tree| *tree != found) == Some(true) {
                    tree.set(found);
                }
            }),
        );
    };
    // What was picked is a place in one tree: that of this text, this model, this width.
    Effect::new(move |_| {
        width.track();
        normalisation.track();
        lab.probe_symbols.track();
        lab.model.track();
        picks.set(Vec::new());
    });
    Effect::new(move |_| {
        path.track();
        lab.probe_symbols.track();
        lab.edits.track();
        if lab.model.with(Option::is_some) {
            look();
        }
    });
    let seen = StoredValue::new(None::<u64>);
    let timer = set_interval_with_handle(
        move || {
            let step = lab.with_store(|store| store.header.step);
            if seen.get_value() != Some(step) {
                seen.set_value(Some(step));
                if picks.with_untracked(Vec::is_empty) {
                    look();
                }
            }
        },
        EVERY,
    );
    if let Ok(timer) = timer {
        on_cleanup(move || timer.clear());
    }
    let pick = move |target: Option<web_sys::EventTarget>| {
        let element = target.and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let group = element.and_then(|element| element.closest("[data-node]").ok().flatten());
        let node = group.and_then(|group| group.get_attribute("data-node")?.parse().ok());
        if let Some(node) = node {
            lab.pause();
            picks.update(|picks| picks.push(node));
        }
    };
    let keys = move |event: ev::KeyboardEvent| {
        if ["Enter", " "].contains(&event.key().as_str()) {
            event.prevent_default();
            event.stop_propagation();
            pick(event.target());
        }
    };
    let choices = [("none", "none"), ("mean", "mean"), ("gnmt", "GNMT 0.6")]
        .map(|(key, label)| (key.to_owned(), label.to_owned()));
    let drawing = move || tree.with(|tree| drawn(lab, tree));
    let best = move || tree.with(|tree| best(lab, tree));
    let picked = move || picks.with(|picks| !picks.is_empty());
    let undo = move |_| picks.update(|picks| picks.truncate(picks.len().saturating_sub(1)));
    view! {
        <section class="card" aria-labelledby="beam-title">
            <header>
                <h2 id="beam-title">"Beam search"</h2>
                <p class="caption">
                    "At each step the search keeps as many beginnings as it is wide, by their log-probability (under each symbol, in \
                     nats, summed from the start). Pruned ones are dim. Click a symbol: the search goes on from there."
                </p>
            </header>
            <div class="choosers">
                <Stepper id="beam-width" label="Width" value=width.into() low=1 high=Signal::stored(WIDEST) choose=move |chosen| width.set(chosen)/>
                <Segments
                    name="beam-normalisation"
                    label="Length normalisation"
                    choices=Signal::stored(choices.to_vec())
                    value=normalisation.into()
                    choose=move |key| normalisation.set(key)
                />
                <button type="button" class="quiet" disabled=move || !picked() on:click=undo>"Undo the last pick"</button>
            </div>
            <p class="number" id="beam-best" aria-live="polite">{best}</p>
            <div
                class="tree"
                tabindex="0"
                role="region"
                aria-label="The tree of the search"
                inner_html=drawing
                on:click=move |event| pick(event.target())
                on:keydown=keys
            ></div>
            <TableView caption="The tree of the search" table=move |lab| tree.with_untracked(|tree| table(lab, tree))/>
        </section>
    }
}

fn symbol(lab: Lab, token: usize) -> String {
    lab.model
        .with_untracked(|model| model.as_ref().and_then(|model| model.vocabulary.get(token).cloned()))
        .unwrap_or_default()
}

/// The rows of a node and its forebears, the root left out.
fn line(tree: &[Node], node: usize) -> Vec<usize> {
    let mut line = Vec::new();
    let mut at = node;
    while let Some(parent) = tree[at].parent {
        line.push(at);
        at = parent;
    }
    line.reverse();
    line
}

fn best(lab: Lab, tree: &[Node]) -> String {
    let last = tree.iter().enumerate().filter(|(_, node)| node.rank == 1).max_by_key(|(_, node)| node.depth);
    let Some((at, node)) = last else { return "Nothing is found yet.".to_owned() };
    let text: String = line(tree, at).into_iter().map(|at| symbol(lab, tree[at].token)).collect();
    let number = |value: f32| format::fixed(f64::from(value), 3);
    format!("Best: {text}   log-probability {}, score {}", number(node.cumulated), number(node.score))
}

/// Rows of the drawing: leaves one under the other, the best first, a parent beside its first child.
fn rows(tree: &[Node]) -> Vec<usize> {
    let mut children = vec![Vec::new(); tree.len()];
    for (at, node) in tree.iter().enumerate() {
        if let Some(parent) = node.parent {
            children[parent].push(at);
        }
    }
    let place = |at: &usize| if tree[*at].rank > 0 { tree[*at].rank } else { usize::MAX };
    children.iter_mut().for_each(|children| order::sort_by(children, |a, b| place(a).cmp(&place(b))));
    let mut rows = vec![0; tree.len()];
    let mut leaves = 0;
    // Depth first: a node is met before its children, and placed after them.
    let mut stack: Vec<(usize, bool)> = if tree.is_empty() { Vec::new() } else { vec![(0, false)] };
    while let Some((at, placed)) = stack.pop() {
        let below = &children[at];
        if below.is_empty() {
            rows[at] = leaves;
            leaves += 1;
        } else if placed {
            rows[at] = rows[below[0]];
        } else {
            stack.push((at, true));
            stack.extend(below.iter().rev().map(|child| (*child, false)));
        }
    }
    rows
}

/// The tree as SVG.
fn drawn(lab: Lab, tree: &[Node]) -> String {
    let rows = rows(tree);
    let place = |at: usize| (EDGE + tree[at].depth * ACROSS, EDGE + rows[at] * DOWN);
    let deepest = tree.iter().map(|node| node.depth).max().unwrap_or_default();
    let lowest = rows.iter().copied().max().unwrap_or_default();
    let (width, height) = (2 * EDGE + deepest * ACROSS + ACROSS / 2, 2 * EDGE + lowest * DOWN);
    let mut svg = format!("<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">");
    for (at, node) in tree.iter().enumerate() {
        let Some(parent) = node.parent else { continue };
        let ((x, y), (from_x, from_y)) = (place(at), place(parent));
        let class = if node.rank == 1 {
            "best"
        } else if node.pruned {
            "pruned"
        } else {
            ""
        };
        let middle = (from_x + x) / 2;
        // Writing into a string does not fail.
        let _ =
            write!(svg, "<path class=\"{class}\" d=\"M{from_x} {from_y}C{middle} {from_y} {middle} {y} {x} {y}\"/>");
    }
    for (at, node) in tree.iter().enumerate() {
        let (x, y) = place(at);
        let class = if node.rank == 1 {
            "best"
        } else if node.pruned {
            "pruned"
        } else {
            ""
        };
        let (name, number) = (symbol(lab, node.token), format::fixed(f64::from(node.cumulated), 2));
        let shown = format::escaped(format::visible(&name));
        // What has several letters is made to fit into its circle.
        let fit = if name.chars().count() > 1 { " textLength=\"15\" lengthAdjust=\"spacingAndGlyphs\"" } else { "" };
        let role = "tabindex=\"0\" role=\"button\"";
        let _ = write!(
            svg,
            "<g {role} class=\"{class}\" data-node=\"{at}\" aria-label=\"{shown}, {number}\" transform=\"translate({x} {y})\">\
             <circle r=\"10\"/><text y=\"4\"{fit}>{shown}</text><text class=\"sum\" x=\"15\" y=\"3\">{}</text></g>",
            if node.parent.is_some() { number.as_str() } else { "" }
        );
    }
    svg + "</svg>"
}

fn table(lab: Lab, tree: &[Node]) -> Table {
    let mut table =
        Table::new(["beginning", "log-probability of its last symbol", "sum", "score", "in the beam", "hypothesis"]);
    let number = |value: f32| format::fixed(f64::from(value), 3);
    let row = |(at, node): (usize, &Node)| {
        let text: String = line(tree, at).into_iter().map(|at| symbol(lab, tree[at].token)).collect();
        let rank = if node.rank > 0 { node.rank.to_string() } else { String::new() };
        let kept = if node.pruned { "pruned" } else { "kept" };
        vec![text, number(node.log_probability), number(node.cumulated), number(node.score), kept.to_owned(), rank]
    };
    table.rows = tree.iter().enumerate().skip(1).map(row).collect();
    table
}
