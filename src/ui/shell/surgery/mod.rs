//! Surgery: gates held at a value, units silenced, weights set, in the copy of the model that the views and the writing
//! come from.

mod edits;
mod weight;

use leptos::prelude::*;

use crate::protocol::Edit;
use crate::ui::controls::{Problem, Segments};
use crate::ui::lab::Lab;
use crate::ui::late::Late;
use crate::ui::{dom, doors};

pub use edits::EditList;
use weight::WeightEditor;

/// What is done to a gate.
const VALUES: [(&str, &str, Option<f32>); 4] =
    [("free", "as learnt", None), ("0", "0", Some(0.0)), ("0.5", "\u{bd}", Some(0.5)), ("1", "1", Some(1.0))];

/// What can be done to the model, once it is opened.
#[component]
pub fn Surgery() -> impl IntoView {
    let open = RwSignal::new(false);
    view! {
        <details class="surgery" on:toggle=move |event| open.set(dom::is_open(event.target()))>
            <summary>"Operate on it"</summary>
            <p class="caption">
                "Hold a gate at a value, silence the chosen unit, set a weight: the maps and the writing show the model as "
                "operated. Training does not see it. Edits stay through Reset and time travel; a new model begins "
                "without them."
            </p>
            <Late when=open content=doors::surgery/>
            <Problem key="surgery"/>
        </details>
    }
}

/// What is done to the model at the moment; nothing where nothing is.
#[component]
pub fn Edits() -> impl IntoView {
    let lab = Lab::here();
    view! { <Late when=Signal::derive(move || lab.edits.with(|edits| !edits.is_empty())) content=doors::edits/> }
}

/// Controls that clamp the gates of the layer that is looked at, silence its chosen unit, and set single weights.
#[component]
pub fn SurgeryControls() -> impl IntoView {
    let lab = Lab::here();
    let gates = move || {
        let signals = lab.cell().signals().iter();
        signals
            .filter(|signal| !signal.signed)
            .map(|signal| view! { <Gate symbol=signal.symbol name=signal.name/> })
            .collect_view()
    };
    let layer = move || lab.focus.with(|focus| focus.layer);
    let unit = move || lab.focus.with(|focus| focus.unit);
    let silent = move || {
        let edit = Edit::Zero { layer: layer(), unit: unit() };
        lab.edits.with(|edits| edits.contains(&edit))
    };
    let silence = move |_| {
        let edit = untrack(|| Edit::Zero { layer: layer(), unit: unit() });
        lab.operate(|edits| match edits.iter().position(|known| *known == edit) {
            Some(at) => drop(edits.remove(at)),
            None => edits.push(edit),
        });
    };
    view! {
        <div class="choosers">
            {gates}
            <button type="button" aria-pressed=move || silent().to_string() on:click=silence>
                {move || format!("Silence unit {}", unit() + 1)}
            </button>
        </div>
        <WeightEditor/>
    }
}

/// One gate of the layer that is looked at.
#[component]
fn Gate(symbol: &'static str, name: &'static str) -> impl IntoView {
    let lab = Lab::here();
    let of_this = move |edit: &Edit, layer: usize| matches!(edit, Edit::Clamp { layer: of, gate, unit: None, .. } if *of == layer && gate == symbol);
    let value = Signal::derive(move || {
        let layer = lab.focus.with(|focus| focus.layer);
        let held = lab.edits.with(|edits| {
            edits.iter().find(|edit| of_this(edit, layer)).map(|edit| match edit {
                Edit::Clamp { value, .. } => *value,
                _ => f32::NAN,
            })
        });
        VALUES.iter().find(|(.., value)| *value == held).map_or("free", |(key, ..)| *key).to_owned()
    });
    let choose = move |key: String| {
        let layer = lab.focus.with_untracked(|focus| focus.layer);
        let held = VALUES.iter().find(|(known, ..)| *known == key).and_then(|(.., value)| *value);
        lab.operate(|edits| {
            edits.retain(|edit| !of_this(edit, layer));
            edits.extend(held.map(|value| Edit::Clamp { layer, gate: symbol.to_owned(), unit: None, value }));
        });
    };
    let choices = VALUES.map(|(key, label, _)| (key.to_owned(), label.to_owned())).to_vec();
    view! { <Segments name=symbol label=name choices=Signal::stored(choices) value choose/> }
}
