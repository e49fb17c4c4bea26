//! A ragged batch that the learner edits: packed, padded, and one by one.

use std::sync::Arc;

use leptos::prelude::*;

use crate::ui::controls::Problem;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// The batch as a grid, what each way of running it makes of the last state, and what padding costs.
#[component]
pub fn Ragged() -> impl IntoView {
    let lab = Lab::here();
    let lines = Memo::new(move |_| lab.setup.with(|setup| lines(&setup.probe_text())));
    let width = move || lines.with(|lines| lines.iter().map(Vec::len).max().unwrap_or_default());
    let grid = move || lines.get().into_iter().enumerate().map(|(at, line)| row(lab, at, line, width())).collect_view();
    let text = move || lab.setup.with(|setup| setup.probe_text());
    let saved = move || share(lab.measurement("ragged/saved").as_ref().and_then(|saved| saved.first().copied()));
    let measured = move || {
        let time = lab.measurement("ragged/time");
        share(time.as_ref().and_then(|time| Some(1.0 - time.first()? / time.get(1)?)))
    };
    view! {
        <section class="card" aria-labelledby="ragged-title">
            <header>
                <h2 id="ragged-title">"A ragged batch"</h2>
                <p class="caption">
                    "One sequence a line; grey cells are padding. The last two columns: how far the final hidden state is "
                    "from that of the sequence run alone, when padding is skipped and when the model reads it."
                </p>
            </header>
            <div class="ragged" role="table" aria-label="The batch and its errors">
                <div class="ragged-row ragged-head" role="row">
                    <span role="columnheader">"sequence"</span>
                    <span role="columnheader">"packed"</span>
                    <span role="columnheader">"padded, no mask"</span>
                </div>
                {grid}
            </div>
            <dl class="facts">
                <div><dt>"Steps that are padding"</dt><dd class="number">{saved}</dd></div>
                <div><dt>"Time that packing saved just now"</dt><dd class="number">{measured}</dd></div>
            </dl>
            <label class="field">
                <span class="label">"The batch, a line for each sequence"</span>
                <textarea
                    rows="6"
                    spellcheck="false"
                    aria-describedby="probe-problem"
                    prop:value=text
                    on:change=move |event| lab.set("probe", &event_target_value(&event))
                ></textarea>
                <Problem key="probe"/>
            </label>
            <TableView caption="Lengths and errors of the batch" table/>
        </section>
    }
}

fn lines(text: &str) -> Vec<Vec<char>> {
    text.lines().filter(|line| !line.is_empty()).map(|line| line.chars().collect()).collect()
}

fn row(lab: Lab, at: usize, line: Vec<char>, width: usize) -> impl IntoView {
    let padding = width - line.len();
    let cell = |symbol: char| view! { <i>{format::visible(&symbol.to_string()).to_owned()}</i> };
    let cells = line.into_iter().map(cell).collect_view();
    let blanks = (0..padding).map(|_| view! { <i class="padding"></i> }).collect_view();
    view! {
        <div class="ragged-row" role="row">
            <span class="cells" role="cell">{cells}{blanks}</span>
            <output class="number" role="cell">{move || difference(lab, 0, at)}</output>
            <output class="number" role="cell">{move || difference(lab, 1, at)}</output>
        </div>
    }
}

/// Row `of` of `ragged/difference` (2, B).
fn difference(lab: Lab, of: usize, at: usize) -> String {
    let numbers: Option<Arc<Vec<f32>>> = lab.measurement("ragged/difference");
    let number = numbers.and_then(|numbers| numbers.get(of * (numbers.len() / 2) + at).copied());
    number.map_or_else(|| "\u{2013}".to_owned(), |number| format::significant(f64::from(number), 2))
}

fn share(value: Option<f32>) -> String {
    value.map_or_else(|| "\u{2013}".to_owned(), |value| format!("{} %", format::fixed(f64::from(value) * 100.0, 1)))
}

fn table(lab: Lab) -> Table {
    let mut table = Table::new(["sequence", "length", "packed: error", "padded without mask: error"]);
    let lines = lab.setup.with(|setup| lines(&setup.probe_text()));
    let row = |(at, line): (usize, &Vec<char>)| {
        vec![line.iter().collect(), line.len().to_string(), difference(lab, 0, at), difference(lab, 1, at)]
    };
    table.rows = lines.iter().enumerate().map(row).collect();
    table
}
