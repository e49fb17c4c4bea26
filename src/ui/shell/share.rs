//! Taking a lab elsewhere: a link, a line for a course page, the program in PyTorch, the weights.

use js_sys::ArrayBuffer;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::HtmlInputElement;

use crate::ui::code;
use crate::ui::dom;
use crate::ui::lab::Lab;
use crate::ui::setup::Layout;

/// The dialog behind "Share".
#[component]
pub fn ShareDialog(dialog: NodeRef<html::Dialog>) -> impl IntoView {
    let lab = Lab::here();
    let close = move |_| {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    let link = move || lab.link(Layout::default());
    let embed = move || {
        let link = lab.link(Layout { embedded: true, ..Layout::default() });
        format!(
            "<iframe src=\"{}\" title=\"SeqLab\" width=\"100%\" height=\"900\" style=\"border:0\"></iframe>",
            link.replace('&', "&amp;").replace('"', "&quot;")
        )
    };
    let program = move || {
        let run = lab.shown_run();
        let own = lab.setup.with(|setup| run.setup_of(setup));
        own.map(|own| code::program(&own.spec)).unwrap_or_default()
    };
    view! {
        <dialog node_ref=dialog aria-labelledby="share-title">
            <div class="head">
                <h2 id="share-title">"Share"</h2>
                <button type="button" class="quiet" aria-label="Close" on:click=close>"\u{d7}"</button>
            </div>
            <p class="caption">"The link holds the lab, its settings, seed, texts, what is looked at and what was done to a model. Whoever opens it sees the same run."</p>
            <Copyable label="Link" text=Signal::derive(link)/>
            <Copyable label="A line for a course page (add hide=key,key to its address to take controls away)" text=Signal::derive(embed)/>
            <Copyable label="The model that is looked into, in PyTorch" text=Signal::derive(program)/>
            <Weights/>
        </dialog>
    }
}

/// A text to be copied.
#[component]
fn Copyable(label: &'static str, text: Signal<String>) -> impl IntoView {
    let done = RwSignal::new(false);
    let copy = move |_| {
        dom::copy(&text.get_untracked());
        done.set(true);
        set_timeout(move || done.set(false), std::time::Duration::from_secs(2));
    };
    view! {
        <section class="copyable">
            <h3>{label}</h3>
            <pre tabindex="0" aria-label=label>{move || text.get()}</pre>
            <button type="button" on:click=copy>{move || if done.get() { "Copied" } else { "Copy" }}</button>
        </section>
    }
}

/// Parameters out of the page and into it.
#[component]
fn Weights() -> impl IntoView {
    let lab = Lab::here();
    let export = move |_| untrack(|| lab.shown_run()).export_weights();
    let import = move |event: leptos::ev::Event| {
        let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        let Some(file) = input.as_ref().and_then(HtmlInputElement::files).and_then(|files| files.get(0)) else {
            return;
        };
        let run = untrack(|| lab.shown_run());
        spawn_local(async move {
            match JsFuture::from(file.array_buffer()).await.map(JsCast::dyn_into::<ArrayBuffer>) {
                Ok(Ok(buffer)) => run.import_weights(&buffer),
                _ => lab.tell("The file could not be read.", false),
            }
        });
    };
    view! {
        <section>
            <h3>"Weights"</h3>
            <p class="caption">
                "A safetensors file with PyTorch\u{2019}s names, shapes and gate order: load_state_dict takes it, and a file "
                "saved there is taken here."
            </p>
            <div class="buttons">
                <button type="button" on:click=export>"Save weights"</button>
                <label class="button">
                    "Load weights\u{2026}"
                    <input class="hidden" type="file" accept=".safetensors" on:change=import/>
                </label>
            </div>
        </section>
    }
}
