//! A line of text that the models are given.

use leptos::prelude::*;

use super::Problem;
use crate::ui::lab::Lab;

/// The probe text of models that are given one line. Who empties it is about to type another: until then the last one stays.
#[component]
pub fn ProbeField(label: &'static str, longest: usize) -> impl IntoView {
    let lab = Lab::here();
    let text = Memo::new(move |_| lab.setup.with(|setup| setup.probe_text()));
    let typed = move |event: leptos::ev::Event| {
        let text = event_target_value(&event);
        if !text.is_empty() {
            lab.set("probe", &text);
        }
    };
    view! {
        <label class="field">
            <span class="label">{label}</span>
            <input
                type="text"
                class="probe-input"
                maxlength=longest
                spellcheck="false"
                autocomplete="off"
                autocapitalize="off"
                aria-describedby="probe-problem"
                prop:value=move || text.get()
                on:input=typed
            />
            <Problem key="probe"/>
        </label>
    }
}
