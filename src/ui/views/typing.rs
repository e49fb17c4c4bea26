//! A text that the learner types: what a classifier says of it, and which letters matter to that.

use leptos::prelude::*;

use crate::ui::charts::ColourScale;
use crate::ui::charts::palette::{self, Palette};
use crate::ui::controls::ProbeField;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// What is watched: (1, C) and (T, 1).
pub const PATHS: [&str; 2] = ["probe/probabilities", "probe/saliency"];

/// The text field, a bar for each label, the letters coloured by their saliency.
#[component]
pub fn Typing() -> impl IntoView {
    let lab = Lab::here();
    let labels = Memo::new(move |_| lab.model.with(|model| model.as_ref().map(|model| model.labels.clone())));
    let bars = move || {
        let labels = labels.get().unwrap_or_default().into_iter().enumerate();
        labels.map(|(at, label)| view! { <Bar at label/> }).collect_view()
    };
    view! {
        <section class="card typing" aria-labelledby="typing-title">
            <header>
                <h2 id="typing-title">"What it makes of yours"</h2>
                <p class="caption">
                    "Type anything. The bars are the probabilities of the labels; a letter is the stronger in colour the "
                    "more the favourite\u{2019}s score depends on it (|gradient \u{d7} input|)."
                </p>
            </header>
            <ProbeField label="Your text" longest=128/>
            <Letters/>
            <dl class="bars" aria-live="off">{bars}</dl>
            <TableView caption="Probabilities of the labels" table/>
        </section>
    }
}

/// The numbers at a path of the latest frame.
fn numbers(lab: Lab, path: &str) -> Vec<f32> {
    lab.frame.track();
    lab.with_store(|store| store.tensor(path).map(|tensor| tensor.values.to_vec())).unwrap_or_default()
}

/// The letters as the model reads them, coloured from 0 to the largest saliency among them.
#[component]
fn Letters() -> impl IntoView {
    let lab = Lab::here();
    let palette = Memo::new(move |_| Palette::sequential(lab.theme.get()));
    let saliency = Memo::new(move |_| numbers(lab, PATHS[1]));
    let largest = Memo::new(move |_| saliency.with(|saliency| saliency.iter().copied().fold(0.0, f32::max)));
    let ends = Signal::derive(move || (0.0, largest.get()));
    let letter = move |(at, symbol): (usize, String)| {
        let paper = move || {
            let value = saliency.with(|saliency| saliency.get(at).copied()).unwrap_or(0.0);
            palette.with(|palette| palette.colour(value, 0.0, largest.get().max(1e-9)))
        };
        view! {
            <span style:background=move || palette::css(paper()) style:color=move || palette::ink_on(paper())>
                {format::visible(&symbol).to_owned()}
            </span>
        }
    };
    let letters = move || lab.probe_symbols.get().iter().cloned().enumerate().map(letter).collect_view();
    view! {
        <div class="probe">
            <p class="probe-text">{letters}</p>
            <ColourScale palette ends/>
        </div>
    }
}

#[component]
fn Bar(at: usize, label: String) -> impl IntoView {
    let lab = Lab::here();
    let share = Memo::new(move |_| numbers(lab, PATHS[0]).get(at).copied().unwrap_or(0.0));
    let colour = move || palette::css(palette::line(lab.theme.get(), lab.place));
    view! {
        <dt>{label}</dt>
        <dd class="bar">
            <span class="parts" aria-hidden="true">
                <i style:width=move || format!("{:.2}%", 100.0 * share.get()) style:background=colour></i>
            </span>
            <output class="number">{move || percent(share.get())}</output>
        </dd>
    }
}

/// A share as a percentage with one digit.
pub fn percent(share: f32) -> String {
    format!("{} %", format::fixed(f64::from(share) * 100.0, 1))
}

fn table(lab: Lab) -> Table {
    let mut table = Table::new(["label", "probability"]);
    let labels = lab.model.with(|model| model.as_ref().map(|model| model.labels.clone())).unwrap_or_default();
    let row = |(label, share): (String, f32)| vec![label, format::fixed(f64::from(share), 3)];
    table.rows = labels.into_iter().zip(numbers(lab, PATHS[0])).map(row).collect();
    table
}
