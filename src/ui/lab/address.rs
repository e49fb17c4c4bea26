//! The address bar follows the lab, and the lab follows the address bar.

use std::time::Duration;

use leptos::prelude::*;

use super::Lab;
use crate::labs::PLAYGROUND;
use crate::ui::dom;
use crate::ui::setup::{Doings, Layout, PageState};
use crate::ui::text::LINK_BYTES;
use crate::ui::url;

/// A quiet time before the address is written.
const DEBOUNCE: Duration = Duration::from_millis(250);

/// Where a tab keeps a text that is too long for the address.
const STORED_TEXT: &str = "seqlab-text";

impl Lab {
    pub(super) fn keep_address(self) {
        let write = debounced(move || {
            let fragment = url::write(&self.page_state_untracked());
            if dom::fragment() != fragment {
                dom::replace_fragment(&fragment);
            }
        });
        Effect::new(move |_| {
            self.page_state();
            write();
        });
        let text = Memo::new(move |_| self.setup.with(|setup| setup.own.clone()));
        Effect::new(move |_| {
            if let Some(text) = text.get().filter(|text| text.len() > LINK_BYTES) {
                dom::store(STORED_TEXT, &text);
            }
        });
        dom::on_window("hashchange", move |_| self.follow_address());
    }

    /// The address of the page as it stands, laid out otherwise.
    pub fn link(self, layout: Layout) -> String {
        let address = dom::address();
        let page = address.split('#').next().unwrap_or_default();
        format!("{page}{}", url::write(&PageState { layout, ..self.page_state() }))
    }

    fn page_state_untracked(self) -> PageState {
        untrack(|| self.page_state())
    }

    /// Begins again from the address of the present state.
    pub(super) fn restart(self) {
        dom::replace_fragment(&url::write(&self.page_state_untracked()));
        dom::reload();
    }

    /// Where the playground goes on with this lab's settings: the model that is looked into, and another beside it.
    pub fn playground_link(self) -> String {
        let (chosen, shown) = (self.setup.get(), self.shown_run());
        let mut setup = shown.setup_of(&chosen).unwrap_or_else(|_| chosen.clone());
        let other = self.runs().into_iter().find(|run| run.place != shown.place);
        if let Some(Ok(other)) = other.map(|run| run.setup_of(&chosen)) {
            setup.compare_with(&other.spec);
        }
        url::write(&PageState { setup, ..PageState::of(Some(&PLAYGROUND)) })
    }

    /// Somebody changed the address: go there, as a step that can be undone.
    fn follow_address(self) {
        let fragment = dom::fragment();
        if fragment == url::write(&self.page_state_untracked()) {
            return;
        }
        let state = self.read_address();
        let runs = self.runs();
        if state.lesson != self.lesson || state.models() != runs.len() {
            // Another lab, or another number of models, is another page.
            return dom::reload();
        }
        self.inner.update_value(|inner| inner.layout.clone_from(&state.layout));
        self.errors.update(Vec::clear);
        self.focus.set(state.focus);
        self.shown.set(state.look);
        self.beside.set(state.beside);
        self.presenter.set(state.presenter);
        if state.running != untrack(|| self.any_running()) {
            self.toggle();
        }
        runs.iter().for_each(|run| run.inner.update_value(|inner| inner.linked = true));
        let mut edits = state.edits.into_iter();
        let edits = runs.iter().map(|_| edits.next().unwrap_or_default()).collect();
        self.go_to(Doings { edits, ..self.doings().with(state.setup) }, "link", None);
    }

    /// Reads the address and tells what could not be read.
    pub(super) fn read_address(self) -> PageState {
        let (state, message) = read_address();
        if let Some(message) = message {
            self.tell(message, false);
        }
        state
    }
}

/// The state in the address, and what to say about it.
pub fn read_address() -> (PageState, Option<String>) {
    let mut reading = url::read(&dom::fragment());
    let mut message = url::explain(&reading.problems);
    if let Some(bytes) = reading.absent_text {
        match dom::stored(STORED_TEXT).filter(|text| text.len() == bytes) {
            Some(text) => reading.state.setup.own = Some(text.into()),
            None => {
                let absent = "This link was made with a text too long to travel in it; the built-in text stands in.";
                message = Some(message.map_or_else(|| absent.to_owned(), |message| format!("{message} {absent}")));
            }
        }
    }
    (reading.state, message)
}

/// `action` once, some time after the last call.
fn debounced(action: impl Fn() + Copy + 'static) -> impl Fn() + Copy {
    let handle = StoredValue::new_local(None::<TimeoutHandle>);
    move || {
        if let Some(waiting) = handle.try_update_value(Option::take).flatten() {
            waiting.clear();
        }
        handle.set_value(set_timeout_with_handle(action, DEBOUNCE).ok());
    }
}
