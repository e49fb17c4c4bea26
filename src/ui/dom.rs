//! The few things the page asks of the browser.

use leptos::html::{self, ElementType};
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{
    Element, EventTarget, HtmlElement, IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit,
    ScrollIntoViewOptions, ScrollLogicalPosition, Storage,
};

/// Milliseconds since the page began.
pub fn now() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}

/// Marks a moment on the browser's own timeline, the first time it is called for `name`.
pub fn mark_once(name: &str) {
    if let Some(clock) = window().performance().filter(|clock| clock.get_entries_by_name(name).length() == 0) {
        // A mark is for whoever measures; the page does without.
        let _ = clock.mark(name);
    }
}

/// Device pixels of a CSS pixel.
pub fn pixel_ratio() -> f64 {
    window().device_pixel_ratio().clamp(1.0, 3.0)
}

/// Whether a media query holds.
pub fn matches(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|list| list.matches())
}

/// Whether the person wishes less motion.
pub fn prefers_less_motion() -> bool {
    matches("(prefers-reduced-motion: reduce)")
}

/// The address's fragment, with its `#`.
pub fn fragment() -> String {
    window().location().hash().unwrap_or_default()
}

/// Loads the page anew.
pub fn reload() {
    let _ = window().location().reload();
}

/// Posts an object, given as JSON, to the page around this one, if there is one.
pub fn tell_parent(json: &str) {
    let parent = window().parent().ok().flatten().filter(|parent| *parent != window());
    if let (Some(parent), Ok(message)) = (parent, js_sys::JSON::parse(json)) {
        // Only a message that cannot be cloned is refused. It says nothing that needs an origin.
        let _ = parent.post_message(&message, "*");
    }
}

/// The whole address.
pub fn address() -> String {
    window().location().href().unwrap_or_default()
}

/// Puts a text on the clipboard, where the browser allows it.
pub fn copy(text: &str) {
    let _ = window().navigator().clipboard().write_text(text);
}

/// Changes the fragment without a step in the browser's history.
pub fn replace_fragment(fragment: &str) {
    if let Ok(history) = window().history() {
        // Browsers limit how often this may be called; the next change writes it then.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(fragment));
    }
}

/// Listens on the window for as long as the page lives.
pub fn on_window(event: &str, action: impl FnMut(web_sys::Event) + 'static) {
    let closure = Closure::<dyn FnMut(web_sys::Event)>::new(action);
    let _ = window().add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
    closure.forget();
}

/// Keeps a text for this tab; where the browser forbids it, it is not kept.
pub fn store(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().session_storage() {
        let _ = storage.set_item(key, value);
    }
}

/// A text kept for this tab.
pub fn stored(key: &str) -> Option<String> {
    window().session_storage().ok().flatten()?.get_item(key).ok().flatten()
}

/// What is remembered on this device.
pub fn remembered() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

/// Whether text is typed into an element, which has an undo of its own then.
pub fn takes_text(target: Option<EventTarget>) -> bool {
    inside(target, "input:not([type=radio]):not([type=checkbox]):not([type=range]),textarea")
}

/// Whether an element takes keys itself: typing there is no shortcut.
pub fn takes_keys(target: Option<EventTarget>) -> bool {
    takes_text(target.clone()) || inside(target, "select,[role=application]")
}

/// Whether the space bar would press this element.
pub fn is_pressed_by_space(target: Option<EventTarget>) -> bool {
    inside(target, "button,summary,a,input,label")
}

/// Whether an element is on the screen or near it, kept current.
pub fn watch_sight<E>(element: NodeRef<E>) -> RwSignal<bool>
where
    E: ElementType,
    E::Output: JsCast + Clone + AsRef<Element> + 'static,
{
    let seen = RwSignal::new(false);
    Effect::new(move |_| {
        if let Some(element) = element.get() {
            observe_sight(element.as_ref(), seen);
        }
    });
    seen
}

/// Without an observer everything is in sight.
fn observe_sight(element: &Element, seen: RwSignal<bool>) {
    let changed = Closure::<dyn FnMut(js_sys::Array)>::new(move |entries: js_sys::Array| {
        let last = entries.pop().dyn_into::<IntersectionObserverEntry>().ok();
        let now = last.is_none_or(|entry| entry.is_intersecting());
        if seen.try_get_untracked().is_some_and(|before| before != now) {
            seen.set(now);
        }
    });
    let options = IntersectionObserverInit::new();
    options.set_root_margin("200px");
    match IntersectionObserver::new_with_options(changed.as_ref().unchecked_ref(), &options) {
        Ok(observer) => observer.observe(element),
        Err(_) => seen.set(true),
    }
    changed.forget();
}

/// Keeps the style sheet's variable `--deck` at the height of this element, which stays at the top of the window.
pub fn tell_height(element: NodeRef<html::Section>) {
    Effect::new(move |_| {
        let Some(element) = element.get() else { return };
        let measured = element.clone();
        let tell = Closure::<dyn FnMut()>::new(move || {
            let style = document().document_element().and_then(|root| root.dyn_into::<HtmlElement>().ok());
            if let Some(root) = style {
                // Only the name of a variable that is none is refused.
                let _ = root.style().set_property("--deck", &format!("{}px", measured.offset_height()));
            }
        });
        if let Ok(observer) = web_sys::ResizeObserver::new(tell.as_ref().unchecked_ref()) {
            observer.observe(&element);
        }
        tell.forget();
    });
}

/// Whether a `details` element, the target of its toggle, stands open.
pub fn is_open(target: Option<EventTarget>) -> bool {
    let details = target.and_then(|target| target.dyn_into::<web_sys::HtmlDetailsElement>().ok());
    details.is_some_and(|details| details.open())
}

/// Whether arrow keys move something in this element.
pub fn is_moved_by_arrows(target: Option<EventTarget>) -> bool {
    inside(target, "input,.table-scroll,pre")
}

/// Whether an element is part of a dialog.
pub fn in_dialog(target: Option<EventTarget>) -> bool {
    inside(target, "dialog")
}

fn inside(target: Option<EventTarget>, selector: &str) -> bool {
    let element = target.and_then(|target| target.dyn_into::<Element>().ok());
    element.is_some_and(|element| element.closest(selector).ok().flatten().is_some())
}

/// The page's font size in CSS pixels.
pub fn font_size() -> f64 {
    let style = document().document_element().and_then(|root| window().get_computed_style(&root).ok().flatten());
    let size = style.and_then(|style| style.get_property_value("font-size").ok());
    size.and_then(|size| crate::number::parse(size.trim_end_matches("px"))).unwrap_or(16.0)
}

/// Has the browser save a file made of `parts` (strings, buffers).
pub fn save(name: &str, kind: &str, parts: &JsValue) {
    let options = web_sys::BlobPropertyBag::new();
    options.set_type(kind);
    let Ok(blob) = web_sys::Blob::new_with_buffer_source_sequence_and_options(parts, &options) else { return };
    if let Ok(url) = web_sys::Url::create_object_url_with_blob(&blob) {
        save_url(name, &url);
        let _ = web_sys::Url::revoke_object_url(&url);
    }
}

/// Has the browser save what is at an address of this page.
pub fn save_url(name: &str, url: &str) {
    let link = document().create_element("a").ok().and_then(|link| link.dyn_into::<web_sys::HtmlAnchorElement>().ok());
    if let Some(link) = link {
        link.set_href(url);
        link.set_download(name);
        link.click();
    }
}

/// Moves the focus to the element with this id.
pub fn focus(id: &str) {
    let element = document().get_element_by_id(id).and_then(|element| element.dyn_into::<HtmlElement>().ok());
    if let Some(element) = element {
        let _ = element.focus();
    }
}

/// Sets or takes a class of the root element.
pub fn set_root_class(name: &str, on: bool) {
    if let Some(root) = document().document_element() {
        // Only a name with spaces is refused.
        let _ = root.class_list().toggle_with_force(name, on);
    }
}

/// Scrolls the focused element into sight, no further than needed.
pub fn show_focused() {
    if let Some(element) = document().active_element().filter(|element| element.tag_name() != "BODY") {
        let options = ScrollIntoViewOptions::new();
        options.set_block(ScrollLogicalPosition::Nearest);
        element.scroll_into_view_with_scroll_into_view_options(&options);
    }
}
