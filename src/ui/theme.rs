//! Light and dark: the system's wish, unless the person chose.

use leptos::prelude::document;

use crate::ui::charts::palette::Theme;
use crate::ui::dom;

const KEY: &str = "seqlab-theme";

/// The theme that shows now.
pub fn current() -> Theme {
    match chosen().as_deref() {
        Some("dark") => Theme::Dark,
        Some("light") => Theme::Light,
        _ if dom::matches("(prefers-color-scheme: dark)") => Theme::Dark,
        _ => Theme::Light,
    }
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
