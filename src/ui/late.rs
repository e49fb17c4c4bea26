//! Parts of the page whose program is fetched when they are asked for ([`crate::late`]).

use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::late;
use crate::ui::lab::Lab;

/// Does `action` when all of the program is there: now, or after a fetch. Where that fails, the page says so.
pub fn then(lab: Lab, action: impl FnOnce() + 'static) {
    if late::is_there() {
        return action();
    }
    spawn_local(async move {
        match late::load().await {
            Ok(()) => action(),
            Err(missing) => lab.tell(missing.to_string(), false),
        }
    });
}

/// Shows something of the program's second half while it is wanted.
#[component]
pub fn Late(
    #[prop(optional, into)] when: Option<Signal<bool>>,
    /// From [`crate::ui::doors`].
    #[prop(into)]
    content: ViewFn,
) -> impl IntoView {
    let lab = Lab::here();
    let there = RwSignal::new(late::is_there());
    let wanted = Memo::new(move |_| when.is_none_or(|when| when.get()));
    Effect::new(move |_| {
        if wanted.get() && !there.get_untracked() {
            // Who asked may have gone meanwhile.
            then(lab, move || _ = there.try_set(true));
        }
    });
    view! { <Show when=move || wanted.get() && there.get()>{content.run()}</Show> }
}
