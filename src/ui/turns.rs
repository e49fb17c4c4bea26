//! What takes long takes turns: in each animation frame one chart is drawn, or one part of the page is made, so that no frame
//! takes long, however much there is.

use std::cell::RefCell;
use std::collections::VecDeque;

use leptos::prelude::*;

thread_local! {
    /// Those that have something to draw, the longest waiting first.
    static WAITING: RefCell<VecDeque<Turn>> = const { RefCell::new(VecDeque::new()) };
}

/// A place among those that wait.
#[derive(Clone, Copy)]
pub struct Turn {
    called: Trigger,
    waits: StoredValue<bool>,
    granted: StoredValue<bool>,
}

impl Turn {
    /// Of one that does not wait yet.
    pub fn new() -> Turn {
        Turn { called: Trigger::new(), waits: StoredValue::new(false), granted: StoredValue::new(false) }
    }

    /// Whether an effect may do its work now. If not, it runs again as soon as it may.
    pub fn has_come(self) -> bool {
        self.called.track();
        if self.granted.try_update_value(std::mem::take).unwrap_or_default() {
            return true;
        }
        if self.waits.try_update_value(|waits| std::mem::replace(waits, true)) == Some(false) {
            WAITING.with_borrow_mut(|waiting| {
                waiting.push_back(self);
                if waiting.len() == 1 {
                    request_animation_frame(call_next);
                }
            });
        }
        false
    }

    /// Says whether it is still there.
    fn call(self) -> bool {
        let there = self.granted.try_set_value(true).is_none();
        if there {
            self.waits.set_value(false);
            self.called.notify();
        }
        there
    }
}

fn call_next() {
    // It may have gone while it waited.
    while let Some(turn) = WAITING.with_borrow_mut(VecDeque::pop_front) {
        if turn.call() {
            break;
        }
    }
    if WAITING.with_borrow(|waiting| !waiting.is_empty()) {
        request_animation_frame(call_next);
    }
}

/// Does something when its turn has come, once.
pub fn then(action: impl FnOnce() + 'static) {
    let turn = Turn::new();
    let mut action = Some(action);
    Effect::new(move |_| {
        if action.is_some() && turn.has_come() {
            action.take().into_iter().for_each(|action| action());
        }
    });
}

/// A part of the page that is made when its turn has come.
#[component]
pub fn InTurn(#[prop(into)] content: ViewFn) -> impl IntoView {
    let there = RwSignal::new(false);
    then(move || there.set(true));
    view! { <Show when=move || there.get()>{content.run()}</Show> }
}
