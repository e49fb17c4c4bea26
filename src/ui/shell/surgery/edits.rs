//! What is done to a model at the moment, each with the button that takes it back.

use leptos::prelude::*;

use crate::protocol::Edit;
use crate::ui::format;
use crate::ui::lab::Lab;

/// The edits of the model that is looked into.
#[component]
pub fn EditList() -> impl IntoView {
    let lab = Lab::here();
    let item = move |edit: Edit| {
        let says = described(&edit, &untrack(|| shapes(lab)));
        let label = format!("Take back: {says}");
        let take_back = move |_| lab.operate(|edits| edits.retain(|known| *known != edit));
        view! {
            <li>
                <span>{says}</span>
                <button type="button" class="quiet" aria-label=label on:click=take_back>"\u{d7}"</button>
            </li>
        }
    };
    view! {
        <div class="edits">
            <span class="label">"Operated:"</span>
            <ul>{move || lab.edits.get().into_iter().map(item).collect_view()}</ul>
            <button type="button" class="quiet" on:click=move |_| lab.operate(Vec::clear)>"Take all back"</button>
        </div>
    }
}

/// Name and shape of every parameter of the model.
pub fn shapes(lab: Lab) -> Vec<(String, Vec<usize>)> {
    lab.model.with(|model| model.as_ref().map(|model| model.parameter_shapes.clone())).unwrap_or_default()
}

/// An edit in words. Layers, units, rows and columns count from 1.
fn described(edit: &Edit, shapes: &[(String, Vec<usize>)]) -> String {
    match edit {
        Edit::Clamp { layer, gate, unit, value } => {
            let of = unit.map_or_else(String::new, |unit| format!(" of unit {}", unit + 1));
            format!("{gate}{of} held at {value}, layer {}", layer + 1)
        }
        Edit::Attend { step, place, weight } => {
            let weight = format::significant(f64::from(*weight), 2);
            format!("written symbol {} attends to read symbol {} by {weight}", step + 1, place + 1)
        }
        Edit::Zero { layer, unit } => format!("unit {} silent, layer {}", unit + 1, layer + 1),
        Edit::Weight { name, index, value } => {
            let shape = shapes.iter().find(|(known, _)| known == name).map_or(&[][..], |(_, shape)| shape);
            let (_, columns) = matrix(shape);
            let value = format::significant(f64::from(*value), 4);
            format!("{name} [{}, {}] = {value}", index / columns + 1, index % columns + 1)
        }
    }
}

/// Rows and columns of a parameter: a vector is one column, and inner dimensions count as one.
pub fn matrix(shape: &[usize]) -> (usize, usize) {
    match shape {
        [] => (1, 1),
        [rows, inner @ ..] => (*rows, inner.iter().product::<usize>().max(1)),
    }
}
