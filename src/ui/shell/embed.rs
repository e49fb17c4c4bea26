//! Inside another page: compact, quiet while nobody sees it, as high as its content.

use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{IntersectionObserver, IntersectionObserverEntry, ResizeObserver};

use crate::ui::dom;
use crate::ui::lab::Lab;

/// Makes the page fit to be embedded, if its address says so.
pub fn start(lab: Lab) {
    if !lab.is_embedded() {
        return;
    }
    dom::set_root_class("embed", true);
    let watch = Watch { lab, seen: StoredValue::new(true) };
    watch.follow_tab();
    watch.follow_scrolling();
    tell_height();
}

/// Whether anybody can see the page.
#[derive(Clone, Copy)]
struct Watch {
    lab: Lab,
    seen: StoredValue<bool>,
}

impl Watch {
    fn follow_tab(self) {
        let changed = Closure::<dyn FnMut()>::new(move || self.set(!document().hidden()));
        // Without it a hidden tab goes on training.
        let _ = document().add_event_listener_with_callback("visibilitychange", changed.as_ref().unchecked_ref());
        changed.forget();
    }

    fn follow_scrolling(self) {
        let changed = Closure::<dyn FnMut(js_sys::Array)>::new(move |entries: js_sys::Array| {
            let last = entries.pop().dyn_into::<IntersectionObserverEntry>().ok();
            self.set(last.is_none_or(|entry| entry.is_intersecting()));
        });
        if let (Ok(observer), Some(root)) =
            (IntersectionObserver::new(changed.as_ref().unchecked_ref()), document().document_element())
        {
            observer.observe(&root);
        }
        changed.forget();
    }

    fn set(self, seen: bool) {
        if self.seen.get_value() == seen {
            return;
        }
        self.seen.set_value(seen);
        if seen { self.lab.release() } else { self.lab.hold() }
    }
}

/// Tells the page around how high this one is, in the two forms that course systems listen for.
fn tell_height() {
    let told = StoredValue::new(0);
    let tell = Closure::<dyn FnMut()>::new(move || {
        let Some(body) = document().body() else { return };
        let height = body.scroll_height();
        if told.get_value() != height {
            told.set_value(height);
            dom::tell_parent(&format!("{{\"subject\":\"lti.frameResize\",\"height\":{height}}}"));
            dom::tell_parent(&format!("{{\"context\":\"iframe.resize\",\"height\":{height}}}"));
        }
    });
    if let (Ok(observer), Some(body)) = (ResizeObserver::new(tell.as_ref().unchecked_ref()), document().body()) {
        observer.observe(&body);
    }
    tell.forget();
}
