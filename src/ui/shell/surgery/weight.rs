//! A single weight: found in its matrix, read, and set to another value.

use leptos::prelude::*;

use crate::number;
use crate::protocol::Edit;
use crate::spec::SpecError;
use crate::ui::charts::WeightMatrix;
use crate::ui::controls::Stepper;
use crate::ui::equation::parameter_path;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::shell::surgery::edits::{matrix, shapes};

/// The name of the parameter that is shown: the one that was, where the model has it; else what a layer carries over by.
fn name_in(shapes: &[(String, Vec<usize>)], was: Option<String>) -> Option<String> {
    let names = || shapes.iter().map(|(name, _)| name);
    let known = was.filter(|was| names().any(|name| name == was));
    known.or_else(|| names().find(|name| name.contains("weight_hh")).or(names().next()).cloned())
}

/// The parameter that is examined, as a matrix of which one number can be set.
#[component]
pub fn WeightEditor() -> impl IntoView {
    let lab = Lab::here();
    // Row and column, from 0.
    let place = RwSignal::new((0usize, 0usize));
    Effect::new(move |_| {
        let name = name_in(&shapes(lab), lab.examined.get_untracked());
        lab.examined.set(name);
    });
    on_cleanup(move || lab.examined.set(None));
    let name = Memo::new(move |_| lab.examined.get().unwrap_or_default());
    let size = Memo::new(move |_| {
        let known = shapes(lab);
        name.with(|name| known.iter().find(|(known, _)| known == name).map_or((1, 1), |(_, shape)| matrix(shape)))
    });
    // What is chosen is inside, of a smaller parameter too.
    Effect::new(move |_| {
        let (rows, columns) = size.get();
        place.update(|place| *place = (place.0.min(rows - 1), place.1.min(columns - 1)));
    });
    let rows = Signal::derive(move || size.get().0);
    let columns = Signal::derive(move || size.get().1);
    let index = move || place.get().0 * columns.get() + place.get().1;
    let values = move || {
        lab.frame.track();
        let numbers = lab.with_store(|store| {
            let tensor = name.with(|name| store.tensor(&parameter_path(name)))?;
            Some(tensor.values.to_vec())
        });
        let mut numbers = numbers?;
        name.with(|name| lab.edits.with(|edits| edits.iter().for_each(|edit| set(&mut numbers, name, edit))));
        Some((numbers, size.get()))
    };
    let now = move || {
        let value = values().and_then(|(values, _)| values.get(index()).copied());
        value.map_or_else(|| "\u{2013}".to_owned(), |value| format::significant(f64::from(value), 4))
    };
    let typed = RwSignal::new(String::new());
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match weight(&typed.get_untracked()) {
            Ok(value) => {
                let (name, index) = untrack(|| (name.get(), index()));
                lab.operate(|edits| {
                    edits.retain(|edit| !is_of(edit, &name, index));
                    edits.push(Edit::Weight { name, index, value });
                });
            }
            Err(error) => lab.refuse(error),
        }
    };
    let option = move |(known, _): (String, Vec<usize>)| {
        let (value, text) = (known.clone(), known.clone());
        view! { <option value=value selected=move || name.with(|name| *name == known)>{text}</option> }
    };
    let label = Signal::derive(move || {
        let ((row, column), (rows, columns)) = (place.get(), size.get());
        format!(
            "{}, {rows} rows, {columns} columns. Arrow keys choose a number; row {}, column {}.",
            name.get(),
            row + 1,
            column + 1
        )
    });
    view! {
        <form class="weight" on:submit=submit>
            <div class="choosers">
                <div class="field">
                    <label for="weight-name">"Weight of"</label>
                    <select id="weight-name" on:change=move |event| lab.examined.set(Some(event_target_value(&event)))>
                        {move || shapes(lab).into_iter().map(option).collect_view()}
                    </select>
                </div>
                <Stepper
                    id="weight-row"
                    label="Row"
                    value=Signal::derive(move || place.get().0 + 1)
                    low=1
                    high=rows
                    choose=move |row| place.update(|place| place.0 = row - 1)
                />
                <Stepper
                    id="weight-column"
                    label="Column"
                    value=Signal::derive(move || place.get().1 + 1)
                    low=1
                    high=columns
                    choose=move |column| place.update(|place| place.1 = column - 1)
                />
            </div>
            <WeightMatrix label read=values chosen=place/>
            <div class="buttons">
                <span class="caption">"It is "<output class="number" id="weight-now">{now}</output></span>
                <input
                    type="text"
                    id="weight-value"
                    inputmode="decimal"
                    autocomplete="off"
                    spellcheck="false"
                    aria-label="Its new value"
                    aria-describedby="surgery-problem"
                    placeholder="new value"
                    on:input=move |event| typed.set(event_target_value(&event))
                />
                <button type="submit">"Set"</button>
            </div>
        </form>
    }
}

/// Makes an edit of the parameter `of` in its numbers.
fn set(numbers: &mut [f32], of: &str, edit: &Edit) {
    if let Edit::Weight { name, index, value } = edit
        && name == of
        && let Some(number) = numbers.get_mut(*index)
    {
        *number = *value;
    }
}

fn is_of(edit: &Edit, of: &str, at: usize) -> bool {
    matches!(edit, Edit::Weight { name, index, .. } if name == of && *index == at)
}

/// A weight as it is typed.
///
/// # Errors
/// Says what a weight is, for anything else.
fn weight(text: &str) -> Result<f32, SpecError> {
    let plain = text.trim().replace('\u{2212}', "-");
    let value = number::parse(&plain).map(|value| value as f32).filter(|value| value.is_finite());
    value.ok_or_else(|| SpecError::new("surgery", "A weight is a number, such as -0.25 or 1e-3."))
}
