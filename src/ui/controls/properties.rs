//! The settings: one control for every row of [`PROPERTIES`].

use leptos::prelude::*;

use crate::spec::{Control, PROPERTIES, Property};
use crate::ui::controls::number::{Help, NumberInput, Problem};
use crate::ui::controls::segments::Segments;
use crate::ui::controls::slider::Scale;
use crate::ui::lab::Lab;
use crate::ui::setup::Setup;
use crate::ui::stop::{CONDITIONS, Condition};
use crate::ui::turns::InTurn;

/// Up to so many choices are shown side by side; the cell's always are.
const SEGMENTS: usize = 3;

/// So many controls are made at once.
const FEW: usize = 6;

/// All settings of the model and its training; in the playground those of the first or of the second model.
#[component]
pub fn Settings(#[prop(optional)] second: bool) -> impl IntoView {
    let lab = Lab::here();
    let title = match (lab.is_playground() && lab.runs().len() > 1, second) {
        (false, _) => "The model",
        (true, false) => "Model A",
        (true, true) => "Model B",
    };
    let id = if second { "second-title" } else { "settings-title" };
    let few = move |properties: &[&'static Property]| {
        let properties = properties.to_vec();
        let controls = move || properties.iter().map(|property| while_it_applies(lab, property, second)).collect_view();
        view! { <InTurn content=controls/> }
    };
    let fields = move |properties: Vec<&'static Property>| properties.chunks(FEW).map(few).collect_view();
    let opened = RwSignal::new(false);
    view! {
        <section class="card" aria-labelledby=id>
            <header>
                <h2 id=id>{title}</h2>
                <p class="caption number">{move || summary(lab.runs()[usize::from(second)])}</p>
            </header>
            <div class="fields">{fields(front(lab).collect())}</div>
            {(!lab.is_playground()).then(|| view! {
                <details on:toggle=move |_| opened.set(true)>
                    <summary>"All settings"</summary>
                    <Show when=move || opened.get()><div class="fields">{fields(behind(lab).collect())}</div></Show>
                </details>
            })}
            {(!second).then(|| view! { <StopWhen/> })}
            <p class="caption">{if second {
                "What is not set here follows model A. Every change starts a new model."
            } else {
                "Learning rate and clipping act at once; everything else starts a new model."
            }}</p>
            <Another second/>
        </section>
    }
}

/// The way to a second model and back; from a lab the way to the playground.
#[component]
fn Another(second: bool) -> impl IntoView {
    let lab = Lab::here();
    if !lab.is_playground() {
        return view! {
            <p class="caption"><a href=move || lab.playground_link()>"Open in the playground"</a>": everything can be set there."</p>
        }
        .into_any();
    }
    match (lab.runs().len(), second) {
        (1, _) => view! { <button type="button" on:click=move |_| lab.set_second(true)>"Add a second model"</button> }
            .into_any(),
        (_, true) => {
            view! { <button type="button" on:click=move |_| lab.set_second(false)>"Remove model B"</button> }.into_any()
        }
        _ => ().into_any(),
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

/// What can be set: in the playground everything, in a lab what its models have in common, but not what they are.
fn settable(lab: Lab) -> impl Iterator<Item = &'static Property> {
    let kept = move |key: &str| lab.lesson.is_some_and(|lesson| lesson.keeps(key));
    let in_front = move |key: &str| lab.lesson.is_some_and(|lesson| lesson.controls.contains(&key));
    let theirs = move |key: &str| ["model", "task"].contains(&key) && !in_front(key) && !lab.is_playground();
    let fixed = move |key: &str| theirs(key) || kept(key) || !lab.shows(key);
    PROPERTIES.iter().filter(move |property| !fixed(property.key))
}

fn is_in_front(lab: Lab, property: &Property) -> bool {
    lab.is_playground() || lab.lesson.is_some_and(|lesson| lesson.controls.contains(&property.key))
}

fn front(lab: Lab) -> impl Iterator<Item = &'static Property> {
    settable(lab).filter(move |property| is_in_front(lab, property))
}

fn behind(lab: Lab) -> impl Iterator<Item = &'static Property> {
    settable(lab).filter(move |property| !is_in_front(lab, property))
}

/// The control of a property, as long as it changes anything.
fn while_it_applies(lab: Lab, property: &'static Property, second: bool) -> impl IntoView {
    let applies = move || {
        let of = |run: &Lab| lab.setup.with(|setup| run.setup_of(setup).is_ok_and(|own| (property.applies)(&own.spec)));
        let runs = lab.runs();
        if lab.is_playground() { of(&runs[usize::from(second)]) } else { runs.iter().any(of) }
    };
    let followers = lab.lesson.map(|lesson| lesson.followers(property.key)).filter(|names| !names.is_empty());
    let of_whom = followers.map(|names| format!("{}: for {}.", property.label, names.join(", ")));
    let note = move || of_whom.clone().map(|text| view! { <p class="caption">{text}</p> });
    view! { <Show when=applies><div>{field(property, second)}{note.clone()}</div></Show> }
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

fn field(property: &'static Property, second: bool) -> AnyView {
    let control = Setting { property, key: if second { property.second_key } else { property.key }, second };
    match property.control {
        Control::Choice(choices) => choice(control, choices),
        Control::Integer(low, high) if high - low < SEGMENTS => {
            let choices = (low..=high).map(|number| (number.to_string(), number.to_string())).collect();
            segments(control, choices)
        }
        _ => number(control),
    }
}

/// A property of one of the models.
#[derive(Clone, Copy)]
struct Setting {
    property: &'static Property,
    key: &'static str,
    second: bool,
}

fn value(Setting { property, second, .. }: Setting) -> Signal<String> {
    let lab = Lab::here();
    let read = move |setup: &Setup| property.read(&if second { setup.second_spec() } else { setup.spec.clone() });
    Signal::derive(move || lab.setup.with(read))
}

fn choice(setting: Setting, choices: &'static [(&'static str, &'static str)]) -> AnyView {
    let owned = || choices.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect();
    let Setting { property, key, .. } = setting;
    if choices.len() <= SEGMENTS || property.key == "cell" {
        return segments(setting, owned());
    }
    let lab = Lab::here();
    let value = value(setting);
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

fn segments(setting: Setting, choices: Vec<(String, String)>) -> AnyView {
    let lab = Lab::here();
    let Setting { property, key, .. } = setting;
    view! {
        <div class="field">
            <Segments
                name=key
                label=property.label
                choices=Signal::stored(choices)
                value=value(setting)
                choose=move |value: String| lab.set(key, &value)
            />
            <Help key text=property.help/>
            <Problem key/>
        </div>
    }
    .into_any()
}

fn number(setting: Setting) -> AnyView {
    let lab = Lab::here();
    let Setting { property, key, second } = setting;
    let optional = matches!(property.control, Control::OptionalNumber(..));
    let new_seed = (key == "seed").then(|| {
        view! { <button type="button" on:click=move |_| lab.new_seed()>"New seed"</button> }
    });
    view! {
        <NumberInput
            key=key
            label=property.label
            help=property.help
            value=value(setting)
            scale=Scale::of(&property.control)
            optional
            live=property.live && !second
        >
            {new_seed}
        </NumberInput>
    }
    .into_any()
}
