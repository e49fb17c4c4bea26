//! A single weight: found in its matrix, read, and set to another value.

use leptos::prelude::*;

use crate::number;
use crate::protocol::Edit;
use crate::spec::SpecError;
use crate::ui::charts::matrix::{Matrix, WeightMatrix};
use crate::ui::controls::Stepper;
use crate::ui::equation::parameter_path;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::shell::surgery::edits::{matrix, shapes};
use crate::ui::store::FrameStore;

/// A place in a parameter of the model that is looked into.
#[derive(Clone, Copy)]
struct Chosen {
    lab: Lab,
    name: Memo<String>,
    /// Rows and columns of the parameter.
    size: Memo<(usize, usize)>,
    /// Row and column, from 0.
    place: RwSignal<(usize, usize)>,
}

impl Chosen {
    /// The first number of what a layer carries over by, until another is chosen. Stays inside what the model has.
    fn of(lab: Lab) -> Chosen {
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
        let place = RwSignal::new((0, 0));
        Effect::new(move |_| {
            let (rows, columns) = size.get();
            place.update(|place| *place = (place.0.min(rows - 1), place.1.min(columns - 1)));
        });
        Chosen { lab, name, size, place }
    }

    fn index(self) -> usize {
        let (row, column) = self.place.get();
        row * self.size.get().1 + column
    }

    /// The parameter's numbers, with those that were set in their places.
    fn numbers(self) -> Option<Matrix> {
        self.lab.frame.track();
        self.name.with(|name| {
            let trained = |store: &FrameStore| Some(store.tensor(&parameter_path(name))?.values.to_vec());
            let mut values = self.lab.with_store(trained)?;
            self.lab.edits.with(|edits| edits.iter().for_each(|edit| set(&mut values, name, edit)));
            let (rows, columns) = self.size.get();
            Some(Matrix { rows, columns, values })
        })
    }

    fn now(self) -> String {
        let value = self.numbers().and_then(|matrix| matrix.values.get(self.index()).copied());
        value.map_or_else(|| "\u{2013}".to_owned(), |value| format::significant(f64::from(value), 4))
    }

    /// Sets the number to what was typed, or says what is wrong with that.
    fn write(self, text: &str) {
        let value = match weight(text) {
            Ok(value) => value,
            Err(error) => return self.lab.refuse(error),
        };
        let (name, index) = untrack(|| (self.name.get(), self.index()));
        self.lab.operate(|edits| {
            edits.retain(|edit| !is_of(edit, &name, index));
            edits.push(Edit::Weight { name, index, value });
        });
    }

    fn described(self) -> String {
        let ((row, column), (rows, columns), name) = (self.place.get(), self.size.get(), self.name.get());
        let (row, column) = (row + 1, column + 1);
        format!("{name}, {rows} rows, {columns} columns. Arrow keys choose a number; row {row}, column {column}.")
    }
}

/// The parameter that is examined, as a matrix of which one number can be set.
#[component]
pub fn WeightEditor() -> impl IntoView {
    let lab = Lab::here();
    let chosen = Chosen::of(lab);
    let place = chosen.place;
    let typed = RwSignal::new(String::new());
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        chosen.write(&typed.get_untracked());
    };
    let option = move |(known, _): (String, Vec<usize>)| {
        let (value, text) = (known.clone(), known.clone());
        view! { <option value=value selected=move || chosen.name.with(|name| *name == known)>{text}</option> }
    };
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
                    high=Signal::derive(move || chosen.size.get().0)
                    choose=move |row| place.update(|place| place.0 = row - 1)
                />
                <Stepper
                    id="weight-column"
                    label="Column"
                    value=Signal::derive(move || place.get().1 + 1)
                    low=1
                    high=Signal::derive(move || chosen.size.get().1)
                    choose=move |column| place.update(|place| place.1 = column - 1)
                />
            </div>
            <WeightMatrix label=Signal::derive(move || chosen.described()) read=move || chosen.numbers() chosen=place/>
            <div class="buttons">
                <span class="caption">"It is "<output class="number" id="weight-now">{move || chosen.now()}</output></span>
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

/// The name of the parameter that is shown: the one that was, where the model has it; else what a layer carries over by.
fn name_in(shapes: &[(String, Vec<usize>)], was: Option<String>) -> Option<String> {
    let names = || shapes.iter().map(|(name, _)| name);
    let known = was.filter(|was| names().any(|name| name == was));
    known.or_else(|| names().find(|name| name.contains("weight_hh")).or(names().next()).cloned())
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
