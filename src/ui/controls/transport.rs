//! Run, pause, step, reset, and how the run goes.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::KeyboardEvent;

use crate::spec::BackendKind;
use crate::ui::dom;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::shell::SlowSwitch;

/// The bar that stays in sight.
#[component]
pub fn Transport() -> impl IntoView {
    let lab = Lab::here();
    view! {
        <div class="transport">
            <button type="button" class="primary run" aria-keyshortcuts="Space" title="Space" on:click=move |_| lab.toggle()>
                {move || if lab.any_running() { "Pause" } else { "Run" }}
                <kbd>"Space"</kbd>
            </button>
            <button type="button" aria-keyshortcuts="ArrowRight" title="Right arrow" on:click=move |_| lab.step(1, None)>
                "Step"
                <kbd>"\u{2192}"</kbd>
            </button>
            <button type="button" aria-keyshortcuts="R" title="R" on:click=move |_| lab.reset()>
                "Reset"
                <kbd>"R"</kbd>
            </button>
            <SlowSwitch/>
            <button type="button" class="wide-only" on:click=move |_| lab.new_seed()>"New seed"</button>
            <button
                type="button"
                class="quiet"
                title="Undo (Ctrl Z)"
                aria-label="Undo"
                disabled=move || !lab.undoable.get().0
                on:click=move |_| lab.undo()
            >
                "\u{21b6}"
            </button>
            <button
                type="button"
                class="quiet"
                title="Redo (Ctrl Shift Z)"
                aria-label="Redo"
                disabled=move || !lab.undoable.get().1
                on:click=move |_| lab.redo()
            >
                "\u{21b7}"
            </button>
        </div>
        <Readouts/>
    }
}

/// The numbers of the run, in figures of one width.
#[component]
fn Readouts() -> impl IntoView {
    let lab = Lab::here();
    let number = move |value: Option<f32>, decimals: usize| {
        value.map_or_else(|| "\u{2013}".to_owned(), |value| format::fixed(f64::from(value), decimals))
    };
    let read = move || lab.shown_run().readout.get();
    let items: [(&'static str, &'static str, Signal<String>); 5] = [
        ("Step", "", Signal::derive(move || format::grouped(read().step))),
        ("Loss", "", Signal::derive(move || number(read().loss, 3))),
        ("Accuracy", "%", Signal::derive(move || number(read().accuracy.map(|share| share * 100.0), 1))),
        ("Speed", "tokens/s", Signal::derive(move || speed(read().tokens_per_second))),
        ("Step time", "ms", Signal::derive(move || number(Some(read().step_ms), decimals(read().step_ms)))),
    ];
    let item = |(name, unit, value): (&'static str, &'static str, Signal<String>)| {
        view! { <div><dt>{name}" "<small>{unit}</small></dt><dd class="number">{value}</dd></div> }
    };
    view! { <dl class="readouts">{items.map(item).collect_view()}<Badge/></dl> }
}

/// Hundredths of a millisecond say nothing of a step that takes a hundred.
fn decimals(step_ms: f32) -> usize {
    if step_ms < 100.0 { 2 } else { 0 }
}

fn speed(tokens: f32) -> String {
    if tokens >= 10_000.0 {
        format!("{} k", format::grouped((tokens / 1000.0).round() as u64))
    } else {
        format::grouped(tokens.round() as u64)
    }
}

/// The backend that really runs.
#[component]
fn Badge() -> impl IntoView {
    let lab = Lab::here();
    let building = Memo::new(move |_| lab.runs().iter().any(|run| run.building.get()));
    let backend = move || {
        if building.get() {
            return "Building\u{2026}";
        }
        lab.model.with(|model| match model.as_ref().map(|model| model.backend) {
            None => "\u{2013}",
            Some(BackendKind::Cpu) => "CPU",
            Some(BackendKind::Gpu) => "GPU",
        })
    };
    let adapter = move || lab.model.with(|model| model.as_ref().map(|model| model.adapter.clone()).unwrap_or_default());
    view! { <div title=adapter><dt>"Runs on"</dt><dd><span class="badge" class:building=building id="backend-badge" role="status">{backend}</span></dd></div> }
}

/// Space, Right arrow, R, Ctrl Z and Escape, outside of what takes keys itself.
pub fn shortcuts(lab: Lab) {
    dom::on_window("keydown", move |event| {
        let Ok(event) = event.dyn_into::<KeyboardEvent>() else { return };
        if !event.default_prevented() && press(lab, &event) {
            event.prevent_default();
        }
    });
}

fn press(lab: Lab, event: &ev::KeyboardEvent) -> bool {
    let key = event.key();
    if key == "Escape" && lab.close_equations() {
        return true;
    }
    if dom::takes_text(event.target()) || dom::in_dialog(event.target()) {
        return false;
    }
    if event.ctrl_key() || event.meta_key() {
        return match (key.to_ascii_lowercase().as_str(), event.shift_key()) {
            ("z", false) => act(|| lab.undo()),
            ("z", true) | ("y", _) => act(|| lab.redo()),
            _ => false,
        };
    }
    if dom::takes_keys(event.target()) {
        return false;
    }
    match key.as_str() {
        " " if !dom::is_pressed_by_space(event.target()) => act(|| lab.toggle()),
        "ArrowRight" if !dom::is_moved_by_arrows(event.target()) => act(|| lab.step(1, None)),
        "r" | "R" if !event.alt_key() => act(|| lab.reset()),
        _ => false,
    }
}

fn act(action: impl FnOnce()) -> bool {
    action();
    true
}
