//! One of a few choices, all in sight.

use leptos::prelude::*;

/// Radio buttons that look like one bar.
#[component]
pub fn Segments(
    /// The group's name, one of a kind on the page.
    name: &'static str,
    label: &'static str,
    /// Values and what is read.
    choices: Signal<Vec<(String, String)>>,
    value: Signal<String>,
    #[prop(into)] choose: Callback<String>,
) -> impl IntoView {
    let option = move |(choice, text): (String, String)| {
        let (is_value, chosen) = (choice.clone(), choice.clone());
        view! {
            <label>
                <input
                    type="radio"
                    name=name
                    value=choice
                    prop:checked=move || value.get() == is_value
                    on:change=move |_| choose.run(chosen.clone())
                />
                <span>{text}</span>
            </label>
        }
    };
    view! {
        <div class="field" role="radiogroup" aria-label=label>
            <span class="label" aria-hidden="true">{label}</span>
            <div class="segments">{move || choices.get().into_iter().map(option).collect_view()}</div>
        </div>
    }
}
