//! The same numbers as a table, for readers who cannot see the picture.

use leptos::prelude::*;

use crate::ui::lab::Lab;
use crate::ui::{dom, doors, late};

/// A table's head and rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column names.
    pub fn new<const N: usize>(head: [&str; N]) -> Table {
        Table { head: head.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    /// RFC 4180: comma-separated, quoted where it must be.
    pub fn csv(&self) -> String {
        let cell = |cell: &String| {
            let quoted = cell.contains([',', '"', '\n', '\r']);
            if quoted { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() }
        };
        let line = |row: &Vec<String>| row.iter().map(cell).collect::<Vec<_>>().join(",");
        let lines: Vec<String> = std::iter::once(&self.head).chain(&self.rows).map(line).collect();
        lines.join("\r\n")
    }
}

/// A table that is made when it is opened, and again on request: one that changes by itself cannot be read.
#[component]
pub fn TableView(caption: &'static str, #[prop(into)] table: Callback<Lab, Table>) -> impl IntoView {
    let lab = Lab::here();
    let shown = RwSignal::new(None::<Table>);
    let read = move || late::then(lab, move || _ = shown.try_set(Some(untrack(|| table.run(lab)))));
    let toggle = move |event: leptos::ev::Event| {
        if dom::is_open(event.target()) { read() } else { shown.set(None) }
    };
    let body = move || shown.get().map(|table| doors::table(caption, table));
    let save = move |_| late::then(lab, move || save(caption, &untrack(|| table.run(lab))));
    view! {
        <details class="table" on:toggle=toggle>
            <summary>"As a table"</summary>
            <div class="buttons">
                <button type="button" class="quiet" on:click=move |_| read()>"Read the latest numbers"</button>
                <button type="button" class="quiet" on:click=save>"Save as CSV"</button>
            </div>
            <div class="table-scroll" tabindex="0" role="region" aria-label=caption>{body}</div>
        </details>
    }
}

fn save(caption: &str, table: &Table) {
    let name = caption.to_ascii_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    dom::save(&format!("{name}.csv"), "text/csv", &js_sys::Array::of1(&doors::csv(table).into()));
}

/// The table itself.
pub fn rows(caption: &'static str, table: Table) -> impl IntoView {
    let head = table.head.into_iter().map(|name| view! { <th scope="col">{name}</th> }).collect_view();
    let row = |cells: Vec<String>| {
        let cells = cells.into_iter().map(|cell| view! { <td>{cell}</td> }).collect_view();
        view! { <tr>{cells}</tr> }
    };
    let rows = table.rows.into_iter().map(row).collect_view();
    view! {
        <table>
            <caption>{caption}</caption>
            <thead><tr>{head}</tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
}
