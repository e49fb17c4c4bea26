//! What a model computes on the probe text, by name: for kinds of models whose gates, if any, are not drawn.

use leptos::prelude::*;

use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// Every tensor of the probe, with its shape.
#[component]
pub fn Tensors() -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="tensors-title">
            <header>
                <h2 id="tensors-title">"Inside, by name"</h2>
                <p class="caption">
                    "Every tensor that this model computes on the probe text can be read in the browser\u{2019}s console by its "
                    "path, as it stands at this moment of training: "
                    <code>"await seqlab.probe(path)"</code>
                    " gives its shape and its numbers."
                </p>
            </header>
            <TableView caption="Tensors of the probe text" table/>
        </section>
    }
}

fn table(lab: Lab) -> Table {
    let paths = lab.model.with(|model| model.as_ref().map(|model| model.paths.clone()).unwrap_or_default());
    let row = |(path, shape): (String, Vec<usize>)| {
        let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
        vec![path, axes.join(" \u{00d7} ")]
    };
    Table {
        head: vec!["path".to_owned(), "shape".to_owned()],
        rows: paths.into_iter().filter(|(path, _)| path.starts_with("probe/")).map(row).collect(),
    }
}
