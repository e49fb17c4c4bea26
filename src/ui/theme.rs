//! Light and dark: the system's wish, unless the person chose.

use leptos::prelude::{document, window};
use wasm_bindgen::prelude::*;

use crate::ui::charts::palette::Theme;
use crate::ui::dom;

const KEY: &str = "seqlab-theme";
const DARK: &str = "(prefers-color-scheme: dark)";

/// The theme that shows now.
pub fn current() -> Theme {
    match chosen().as_deref() {
        Some("dark") => Theme::Dark,
        Some("light") => Theme::Light,
        _ if dom::matches(DARK) => Theme::Dark,
        _ => Theme::Light,
    }
}

/// Calls `change` when the system's wish changes and the person has not chosen.
pub fn follow_system(change: impl Fn(Theme) + 'static) {
    let Ok(Some(list)) = window().match_media(DARK) else { return };
    let closure = Closure::<dyn FnMut()>::new(move || {
        if chosen().is_none() {
            show(current());
            change(current());
        }
    });
    // Without this the theme of the first moment stays.
    let _ = list.add_event_listener_with_callback("change", closure.as_ref().unchecked_ref());
    closure.forget();
}

fn chosen() -> Option<String> {
    dom::remembered()?.get_item(KEY).ok().flatten()
}

/// Remembers a choice on this device and shows it.
pub fn choose(theme: Theme) {
    if let Some(storage) = dom::remembered() {
        let _ = storage.set_item(KEY, name(theme));
    }
    show(theme);
}

/// Tells the style sheet.
pub fn show(theme: Theme) {
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-theme", name(theme));
    }
}

fn name(theme: Theme) -> &'static str {
    match theme {
        Theme::Light => "light",
        Theme::Dark => "dark",
    }
}
