//! The way back in time: a slider over the states that were kept while training.

use leptos::prelude::*;

use crate::ui::format;
use crate::ui::lab::Lab;

/// A slider over the kept steps. Training goes on from the one it stands at.
#[component]
pub fn Travel() -> impl IntoView {
    let lab = Lab::here();
    let kept = Memo::new(move |_| {
        lab.frame.track();
        lab.with_store(|store| store.header.snapshots.clone())
    });
    let step = move || lab.readout.get().step;
    let place = move || kept.with(|kept| kept.partition_point(|known| *known <= step()).saturating_sub(1));
    let last = move || kept.with(|kept| kept.len().saturating_sub(1));
    let go = move |event: leptos::ev::Event| {
        let at = event_target_value(&event).parse::<usize>().unwrap_or_default();
        if let Some(step) = kept.with_untracked(|kept| kept.get(at).copied()) {
            lab.travel(step);
        }
    };
    let here = move || format!("step {}", format::grouped(step()));
    let back = Memo::new(move |_| {
        lab.frame.track();
        lab.with_store(|store| store.header.snapshots.last().is_some_and(|last| *last > store.header.step))
    });
    let note = move || if back.get() { "Run goes on from here, at the present learning rate" } else { "" };
    view! {
        <label class="travel">
            <span class="label">"Back in time"</span>
            <input
                type="range"
                min="0"
                max=move || last().to_string()
                prop:value=move || place().to_string()
                disabled=move || last() == 0
                aria-valuetext=here
                title="Goes back to a kept moment of the training; Run goes on from there, with the learning rate and clipping \
                       that are set now"
                on:input=go
            />
            <span class="travel-note" role="status">{note}</span>
        </label>
    }
}
