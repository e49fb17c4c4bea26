//! The settings: one control for every row of [`PROPERTIES`].

use leptos::prelude::*;

use crate::spec::{Control, PROPERTIES, Property};
use crate::ui::controls::number::{Help, NumberInput, Problem};
use crate::ui::controls::segments::Segments;
use crate::ui::controls::slider::Scale;
use crate::ui::lab::Lab;
use crate::ui::stop::{CONDITIONS, Condition};

/// Up to so many choices are shown side by side; the cell's always are.
const SEGMENTS: usize = 3;

/// All settings of the model and its training.
#[component]
pub fn Settings() -> impl IntoView {
    let lab = Lab::here();
    view! {
        <section class="card" aria-labelledby="settings-title">
            <header>
                <h2 id="settings-title">"The model"</h2>
                <p class="caption number">{move || summary(lab)}</p>
            </header>
            <div class="fields">{front(lab).map(|property| while_it_applies(lab, property)).collect_view()}</div>
            {lab.lesson.is_some().then(|| view! {
                <details>
                    <summary>"All settings"</summary>
                    <div class="fields">{behind(lab).map(|property| while_it_applies(lab, property)).collect_view()}</div>
                </details>
            })}
            <StopWhen/>
            <p class="caption">"Learning rate and clipping act at once; everything else starts a new model."</p>
        </section>
    }
}

/// When the run stops by itself.
#[component]
fn StopWhen() -> impl IntoView {
    let lab = Lab::here();
    let field = move |condition: &'static Condition| {
        let key = condition.key;
        let value = Signal::derive(move || lab.setup.with(|setup| setup.stop.read(key)));
        view! { <NumberInput key label=condition.label help=condition.help value scale=None/> }
    };
    view! {
        <details>
            <summary>"Stop by itself"</summary>
            <div class="fields">{CONDITIONS.iter().map(field).collect_view()}</div>
        </details>
    }
}

/// What can be set for all models at once. The free page is about one kind of model and task; a lab has its own.
fn settable(lab: Lab) -> impl Iterator<Item = &'static Property> {
    let varies = move |key: &str| lab.lesson.is_some_and(|lesson| lesson.varies(key));
    let fixed = move |key: &str| ["model", "task"].contains(&key) || varies(key) || !lab.shows(key);
    PROPERTIES.iter().filter(move |property| !fixed(property.key))
}

fn is_in_front(lab: Lab, property: &Property) -> bool {
    lab.lesson.is_none_or(|lesson| lesson.controls.contains(&property.key))
}

fn front(lab: Lab) -> impl Iterator<Item = &'static Property> {
    settable(lab).filter(move |property| is_in_front(lab, property))
}

fn behind(lab: Lab) -> impl Iterator<Item = &'static Property> {
    settable(lab).filter(move |property| !is_in_front(lab, property))
}

/// The control of a property, as long as it changes anything.
fn while_it_applies(lab: Lab, property: &'static Property) -> impl IntoView {
    let applies = move || {
        let of = |run: &Lab| lab.setup.with(|setup| run.setup_of(setup).is_ok_and(|own| (property.applies)(&own.spec)));
        lab.runs().iter().any(of)
    };
    view! { <Show when=applies>{field(property)}</Show> }
}

/// The model that stands, in a line.
fn summary(lab: Lab) -> String {
    if lab.building.get() {
        return "Building\u{2026}".to_owned();
    }
    lab.model.with(|model| {
        let Some(model) = model else { return "No model stands.".to_owned() };
        let parameters = crate::ui::format::grouped(model.parameters as u64);
        let folded = if model.folded > 0 { format!(", {} rare ones as \u{fffd}", model.folded) } else { String::new() };
        format!("{parameters} parameters, {} symbols{folded}", model.vocabulary.len())
    })
}

fn field(property: &'static Property) -> AnyView {
    match property.control {
        Control::Choice(choices) => choice(property, choices),
        Control::Integer(low, high) if high - low < SEGMENTS => {
            let choices = (low..=high).map(|number| (number.to_string(), number.to_string())).collect();
            segments(property, choices)
        }
        _ => number(property),
    }
}

fn value(property: &'static Property) -> Signal<String> {
    let lab = Lab::here();
    Signal::derive(move || lab.setup.with(|setup| property.read(&setup.spec)))
}

fn choice(property: &'static Property, choices: &'static [(&'static str, &'static str)]) -> AnyView {
    let owned = || choices.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect();
    if choices.len() <= SEGMENTS || property.key == "cell" {
        return segments(property, owned());
    }
    let lab = Lab::here();
    let value = value(property);
    let key = property.key;
    let option = move |(choice, label): &(&'static str, &'static str)| {
        let choice = *choice;
        view! { <option value=choice selected=move || value.get() == choice>{*label}</option> }
    };
    view! {
        <div class="field">
            <label for=format!("{key}-input")>{property.label}</label>
            <select
                id=format!("{key}-input")
                aria-describedby=format!("{key}-help {key}-problem")
                prop:value=move || value.get()
                on:change=move |event| lab.set(key, &event_target_value(&event))
            >
                {choices.iter().map(option).collect_view()}
            </select>
            <Help key text=property.help/>
            <Problem key/>
        </div>
    }
    .into_any()
}

fn segments(property: &'static Property, choices: Vec<(String, String)>) -> AnyView {
    let lab = Lab::here();
    let key = property.key;
    view! {
        <div class="field">
            <Segments
                name=key
                label=property.label
                choices=Signal::stored(choices)
                value=value(property)
                choose=move |value| lab.set(key, &value)
            />
            <Help key text=property.help/>
            <Problem key/>
        </div>
    }
    .into_any()
}

fn number(property: &'static Property) -> AnyView {
    let lab = Lab::here();
    let optional = matches!(property.control, Control::OptionalNumber(..));
    let new_seed = (property.key == "seed").then(|| {
        view! { <button type="button" on:click=move |_| lab.new_seed()>"New seed"</button> }
    });
    view! {
        <NumberInput
            key=property.key
            label=property.label
            help=property.help
            value=value(property)
            scale=Scale::of(&property.control)
            optional
            live=property.live
        >
            {new_seed}
        </NumberInput>
    }
    .into_any()
}
