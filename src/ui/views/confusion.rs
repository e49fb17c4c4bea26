//! What a classifier takes for what, on examples that it was not trained on.

use std::sync::Arc;

use leptos::prelude::*;

use crate::protocol::ModelInfo;
use crate::ui::charts::palette::{self, Palette};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};
use crate::ui::views::typing::percent;

/// What is measured for this view, N held-out examples of C labels: (C, C), (N), (N), (S, N), (N, C).
pub const PATHS: [&str; 5] = [
    "evaluation/confusion",
    "evaluation/labels",
    "evaluation/lengths",
    "evaluation/tokens",
    "evaluation/probabilities",
];

/// Mistakes that are shown at most.
const MISTAKES: usize = 8;

/// The matrix, and the mistakes that the model is surest of.
#[component]
pub fn Confusion() -> impl IntoView {
    let lab = Lab::here();
    let matrix = Memo::new(move |_| Matrix::of(lab));
    let head = move || {
        let labels = matrix.get().labels;
        labels.into_iter().map(|label| view! { <th scope="col"><span>{label}</span></th> }).collect_view()
    };
    let palette = Memo::new(move |_| Palette::sequential(lab.theme.get()));
    let rows = move || {
        let Matrix { labels, shares, counts } = matrix.get();
        let width = labels.len();
        let row = |(at, label): (usize, &String)| {
            let cells = shares.get(at * width..(at + 1) * width).unwrap_or(&[]).iter().enumerate();
            let cells = cells.map(|(said, share)| cell(palette, *share, counts[at], &labels[said])).collect_view();
            view! { <tr><th scope="row">{label.clone()}</th>{cells}</tr> }
        };
        labels.iter().enumerate().map(row).collect_view()
    };
    let right = move || {
        let accuracy = matrix.with(Matrix::accuracy);
        accuracy.map_or_else(|| "\u{2013}".to_owned(), |(right, all)| format!("{right} of {all} are right."))
    };
    view! {
        <section class="card" aria-labelledby="confusion-title">
            <header>
                <h2 id="confusion-title">"What it takes for what"</h2>
                <p class="caption">
                    "Held-out texts: a row for each true label, a column for what the model says; the number is how many, "
                    "the colour their share of the row. "
                    <span class="number">{right}</span>
                </p>
            </header>
            <div class="table-scroll whole" tabindex="0" role="region" aria-label="Confusion matrix">
                <table class="confusion">
                    <thead><tr><th scope="col">"true \u{2193}  said \u{2192}"</th>{head}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <h3>"Mistakes it is surest of"</h3>
            <Mistakes/>
            <TableView caption="What is taken for what" table/>
        </section>
    }
}

fn cell(palette: Memo<Palette>, share: f32, count: usize, said: &str) -> impl IntoView + use<> {
    let paper = palette.with(|palette| palette.colour(share, 0.0, 1.0));
    let title = format!("{said}: {}", percent(share));
    let number = (share * count as f32).round() as usize;
    view! {
        <td title=title style:background=palette::css(paper) style:color=palette::ink_on(paper)>
            {number.to_string()}
        </td>
    }
}

/// The matrix as it was last measured.
#[derive(Clone, Default, PartialEq)]
struct Matrix {
    labels: Vec<String>,
    /// (C, C): of a true label's examples, the share that is taken for each.
    shares: Vec<f32>,
    /// Examples of each label.
    counts: Vec<usize>,
}

impl Matrix {
    fn of(lab: Lab) -> Matrix {
        let labels = lab.model.with(|model| model.as_ref().map(|model| model.labels.clone())).unwrap_or_default();
        let shares = lab.measurement(PATHS[0]).map(|shares| shares.to_vec()).unwrap_or_default();
        let mut counts = vec![0; labels.len()];
        for label in lab.measurement(PATHS[1]).iter().flat_map(|all| all.iter()) {
            if let Some(count) = counts.get_mut(*label as usize) {
                *count += 1;
            }
        }
        if shares.len() == labels.len() * labels.len() { Matrix { labels, shares, counts } } else { Matrix::default() }
    }

    /// How many are right, of how many.
    fn accuracy(&self) -> Option<(usize, usize)> {
        let diagonal = self.shares.iter().step_by(self.labels.len() + 1).zip(&self.counts);
        let right: f32 = diagonal.map(|(share, count)| share * *count as f32).sum();
        (!self.labels.is_empty()).then(|| (right.round() as usize, self.counts.iter().sum()))
    }
}

/// A held-out example whose label is not the most probable one.
#[derive(Clone, PartialEq)]
struct Mistake {
    text: String,
    label: String,
    said: String,
    sure: f32,
}

/// Some mistakes, the surest first: a sort of them all would be more code than it saves time.
fn surest(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    let mut surest = Vec::new();
    let sure = |mistakes: &[Mistake]| {
        let places = mistakes.iter().enumerate().max_by(|(_, a), (_, b)| a.sure.total_cmp(&b.sure));
        places.map(|(place, _)| place)
    };
    while surest.len() < MISTAKES
        && let Some(place) = sure(&mistakes)
    {
        surest.push(mistakes.swap_remove(place));
    }
    surest
}

fn mistakes(lab: Lab) -> Vec<Mistake> {
    let numbers: Option<Vec<Arc<Vec<f32>>>> = PATHS[1..].iter().map(|path| lab.measurement(path)).collect();
    let model = lab.model.get();
    let (Some(numbers), Some(model)) = (numbers, model) else { return Vec::new() };
    let [labels, lengths, tokens, probabilities] = &numbers[..] else { return Vec::new() };
    let classes = model.labels.len().max(1);
    let of = |(at, row): (usize, &[f32])| {
        let (said, sure) = row.iter().copied().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let label = *labels.get(at)? as usize;
        let read = tokens.iter().skip(at).step_by(labels.len()).take(*lengths.get(at)? as usize);
        let text = || read.filter_map(|token| model.vocabulary.get(*token as usize)).map(String::as_str).collect();
        let name = |model: &ModelInfo, at: usize| model.labels.get(at).cloned().unwrap_or_default();
        (said != label).then(|| Mistake { text: text(), label: name(&model, label), said: name(&model, said), sure })
    };
    probabilities.chunks_exact(classes).enumerate().filter_map(of).collect()
}

#[component]
fn Mistakes() -> impl IntoView {
    let lab = Lab::here();
    let shown = Memo::new(move |_| surest(mistakes(lab)));
    let row = |Mistake { text, label, said, sure }: Mistake| {
        view! {
            <li>
                <b>{text}</b>
                <span>{label}</span>
                <span>{said}</span>
                <span class="number">{percent(sure)}</span>
            </li>
        }
    };
    view! {
        <ul class="mistakes">
            <li class="caption"><span>"text"</span><span>"true"</span><span>"said"</span><span>"how sure"</span></li>
            {move || shown.get().into_iter().map(row).collect_view()}
        </ul>
    }
}

fn table(lab: Lab) -> Table {
    let Matrix { labels, shares, counts } = Matrix::of(lab);
    let head = std::iter::once("true label".to_owned()).chain(labels.iter().map(|label| format!("taken for {label}")));
    let row = |(at, label): (usize, &String)| {
        let shares = shares.iter().skip(at * labels.len()).take(labels.len());
        let number = |share: &f32| format::fixed(f64::from(share * counts[at] as f32), 0);
        std::iter::once(label.clone()).chain(shares.map(number)).collect()
    };
    Table { head: head.collect(), rows: labels.iter().enumerate().map(row).collect() }
}
