//! Numbers: typed, pointed at on a slider, or stepped with the arrow keys.

use leptos::ev;
use leptos::prelude::*;

use crate::ui::controls::slider::{POSITIONS, Scale};
use crate::ui::lab::Lab;

/// A number of the setup, with its slider and, beside it, why a typed value is not taken.
#[component]
pub fn NumberInput(
    /// The setup's key.
    key: &'static str,
    label: &'static str,
    help: &'static str,
    value: Signal<String>,
    scale: Option<Scale>,
    /// Whether it may be off, which leaves the choice to PyTorch's rule.
    #[prop(optional)]
    optional: bool,
    /// Whether a change acts at once, without a new model.
    #[prop(optional)]
    live: bool,
    #[prop(optional, into)] disabled: Signal<bool>,
    /// What stands where a slider would.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let lab = Lab::here();
    let id = format!("{key}-input");
    let described = format!("{key}-help {key}-problem");
    let off = Memo::new(move |_| optional && value.get() == "off");
    let typed = move |event: ev::Event| {
        if lab.error(key).is_some() {
            lab.set(key, &event_target_value(&event));
        }
    };
    let step = move |event: ev::KeyboardEvent| {
        let by = match event.key().as_str() {
            "ArrowUp" => 1,
            "ArrowDown" => -1,
            _ => return,
        };
        if let Some(scale) = scale {
            event.prevent_default();
            lab.set(key, &stepped(scale, &value.get_untracked(), by));
        }
    };
    let switch = optional.then(|| {
        view! {
            <input
                type="checkbox"
                aria-label=format!("{label}: on")
                prop:checked=move || !off.get()
                disabled=disabled
                on:change=move |event| lab.set(key, if event_target_checked(&event) { "1" } else { "off" })
            />
        }
    });
    // What a slider is dragged over is only shown; a new model is built for where it is let go.
    let dragged = RwSignal::new(None::<String>);
    let shown = move || dragged.get().unwrap_or_else(|| value.get());
    let slider = scale.map(|scale| {
        let at = move |event: &ev::Event| scale.value(event_target_value(event).parse().unwrap_or_default());
        view! {
            <input
                type="range"
                min="0"
                max=POSITIONS
                aria-hidden="true"
                tabindex="-1"
                disabled=move || disabled.get() || off.get()
                prop:value=move || scale.position(&value.get())
                on:input=move |event| if live { lab.set(key, &at(&event)) } else { dragged.set(Some(at(&event))) }
                on:change=move |event| {
                    dragged.set(None);
                    lab.set(key, &at(&event));
                }
            />
        }
    });
    view! {
        <div class="field" class:disabled=disabled>
            <label for=id.clone()>{label}</label>
            <div class="number-row">
                {switch}
                <input
                    id=id
                    type="text"
                    inputmode="decimal"
                    autocomplete="off"
                    spellcheck="false"
                    aria-describedby=described
                    aria-invalid=move || lab.error(key).is_some().to_string()
                    disabled=disabled
                    prop:value=shown
                    on:change=move |event| lab.set(key, &event_target_value(&event))
                    on:input=typed
                    on:keydown=step
                />
                {slider}
                {children.map(|children| children())}
            </div>
            <Help key text=help/>
            <Problem key/>
        </div>
    }
}

/// The next value that the slider knows, up or down.
fn stepped(scale: Scale, value: &str, by: i64) -> String {
    let at = i64::from(scale.position(value));
    let positions = (1..=i64::from(POSITIONS)).map(|far| at + by * far);
    let inside = positions.take_while(|position| (0..=i64::from(POSITIONS)).contains(position));
    let other = inside.map(|position| scale.value(position as u32)).find(|next| next != value);
    other.unwrap_or_else(|| value.to_owned())
}

/// One sentence about a control, shown while it is pointed at or focused.
#[component]
pub fn Help(key: &'static str, text: &'static str) -> impl IntoView {
    view! { <p class="help" id=format!("{key}-help")>{text}</p> }
}

/// Why a control's value was not taken.
#[component]
pub fn Problem(key: &'static str) -> impl IntoView {
    let lab = Lab::here();
    view! { <p class="problem" id=format!("{key}-problem") role="status" aria-live="polite">{move || lab.error(key)}</p> }
}

/// A small whole number with a button to each side.
#[component]
pub fn Stepper(
    #[prop(default = "unit-input")] id: &'static str,
    label: &'static str,
    value: Signal<usize>,
    low: usize,
    high: Signal<usize>,
    #[prop(into)] choose: Callback<usize>,
) -> impl IntoView {
    let go = move |to: usize| choose.run(to.clamp(low, high.get_untracked()));
    let typed = move |event: ev::Event| match event_target_value(&event).trim().parse::<usize>() {
        Ok(number) => go(number),
        Err(_) => go(value.get_untracked()),
    };
    view! {
        <div class="field stepper">
            <label for=id>{label}</label>
            <div class="segments">
                <button type="button" aria-label=format!("{label}: one less") on:click=move |_| go(value.get_untracked().saturating_sub(1))>
                    "\u{2212}"
                </button>
                <input
                    id=id
                    type="text"
                    inputmode="numeric"
                    prop:value=move || value.get().to_string()
                    on:change=typed
                />
                <button type="button" aria-label=format!("{label}: one more") on:click=move |_| go(value.get_untracked() + 1)>
                    "+"
                </button>
            </div>
        </div>
    }
}
