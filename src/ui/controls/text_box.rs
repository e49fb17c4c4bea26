//! The training text: typed, pasted, dropped or chosen as a file.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{DragEvent, File, HtmlInputElement};

use crate::data::built_in;
use crate::spec::{SpecError, Task};
use crate::ui::controls::number::Problem;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::text::{self, LINK_BYTES};

/// Longer texts are not edited here: a text area of a megabyte makes a page crawl. Their beginning is shown.
const EDITABLE_BYTES: usize = 20_000;

/// The training text and the ways to change it.
#[component]
pub fn TextBox() -> impl IntoView {
    let lab = Lab::here();
    let area = NodeRef::<html::Textarea>::new();
    let edited = RwSignal::new(false);
    let long = Memo::new(move |_| lab.setup.with(|setup| setup.text().len() > EDITABLE_BYTES));
    let shown = Memo::new(move |_| lab.setup.with(|setup| beginning(setup.text())));
    Effect::new(move |_| {
        let text = shown.get();
        let Some(area) = area.get() else { return };
        // A refused text stays, to be mended.
        let refused = untrack(|| lab.error("text")).is_some();
        if !refused {
            area.set_value(&text);
        }
        edited.set(refused);
    });
    let train = move || {
        if let Some(area) = area.get_untracked() {
            submit(lab, text::from_str(&area.value(), task(lab)));
            edited.set(false);
        }
    };
    let paste = move |event: ev::ClipboardEvent| {
        let pasted = event.clipboard_data().and_then(|data| data.get_data("text/plain").ok()).unwrap_or_default();
        if pasted.len() > EDITABLE_BYTES {
            event.prevent_default();
            submit(lab, text::from_str(&pasted, task(lab)));
        }
    };
    let keys = move |event: ev::KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            train();
        }
    };
    view! {
        <section class="card text-box" aria-labelledby="text-title">
            <header>
                <h2 id="text-title">{move || if is_table(lab) { "The texts" } else { "The text" }}</h2>
                <p class="caption number">{move || size(lab)}</p>
                <Show when=move || is_table(lab)>
                    <p class="caption">
                        "A table, as a spreadsheet saves it: a row for each text, "<code>"label,text"</code>
                        ". A text with commas or line breaks stands in quotation marks. 2 to 20 labels; a fifth of the "
                        "texts of each is held out."
                    </p>
                </Show>
            </header>
            <textarea
                node_ref=area
                rows="7"
                spellcheck="false"
                aria-label="Training text"
                aria-describedby="text-problem"
                aria-invalid=move || lab.error("text").is_some().to_string()
                readonly=long
                on:input=move |_| edited.set(true)
                on:paste=paste
                on:keydown=keys
            ></textarea>
            <Problem key="text"/>
            <div class="buttons">
                <button type="button" class="primary" disabled=move || !edited.get() on:click=move |_| train()>
                    "Train on this text"
                </button>
                <FileButton/>
                <Show when=move || lab.setup.with(|setup| setup.own.is_some())>
                    <button type="button" class="quiet" on:click=move |_| lab.set("text", built_in(task(lab)))>
                        "Built-in text"
                    </button>
                </Show>
            </div>
            <p class="caption">{move || privacy(lab)}</p>
        </section>
    }
}

/// What can be edited, or the beginning of what cannot.
fn beginning(text: &str) -> String {
    if text.len() <= EDITABLE_BYTES {
        return text.to_owned();
    }
    let end = (0..=2_000).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}\n\u{2026}", &text[..end])
}

fn size(lab: Lab) -> String {
    lab.setup.with(|setup| {
        let name = match (&setup.own, setup.spec.task) {
            (Some(_), _) => "Your own",
            (None, Task::Labels) => "Built in: family names of five languages",
            _ => "Built in: a verse for every month",
        };
        let bytes = setup.text().len();
        let part = if bytes > EDITABLE_BYTES { "; its beginning is shown" } else { "" };
        format!("{name}, {}{part}.", format::bytes(bytes))
    })
}

fn task(lab: Lab) -> Task {
    lab.setup.with_untracked(|setup| setup.spec.task)
}

fn is_table(lab: Lab) -> bool {
    lab.setup.with(|setup| setup.spec.task == Task::Labels)
}

fn privacy(lab: Lab) -> &'static str {
    match lab.setup.with(|setup| setup.own.as_ref().map(|text| text.len() > LINK_BYTES)) {
        Some(true) => "This text is too long to travel in the link: it is only in this tab, and never leaves it.",
        Some(false) => "This text is part of the link, so whoever has the link has the text.",
        None if is_table(lab) => {
            "Paste your own or drop a file anywhere on the page: up to 5 MB. It never leaves your device."
        }
        None => {
            "Paste your own or drop a file anywhere on the page: up to 1 MB, any script. It never leaves your device."
        }
    }
}

/// Opens the system's file chooser.
#[component]
fn FileButton() -> impl IntoView {
    let lab = Lab::here();
    let chosen = move |event: ev::Event| {
        let Some(input) = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok()) else { return };
        if let Some(file) = input.files().and_then(|files| files.get(0)) {
            read_file(lab, file);
        }
        input.set_value("");
    };
    view! {
        <label class="button">
            "Open a file\u{2026}"
            <input type="file" class="hidden" accept="text/*,.txt,.md,.csv,.json,.rs,.py,.js,.html,.tex" on:change=chosen/>
        </label>
    }
}

/// Lets files be dropped anywhere on the page.
pub fn accept_drops(lab: Lab) {
    crate::ui::dom::on_window("dragover", |event| event.prevent_default());
    crate::ui::dom::on_window("drop", move |event| {
        event.prevent_default();
        let transfer = event.dyn_into::<DragEvent>().ok().and_then(|event| event.data_transfer());
        let Some(transfer) = transfer else { return };
        match transfer.files().and_then(|files| files.get(0)) {
            Some(file) => read_file(lab, file),
            None => submit(lab, text::from_str(&transfer.get_data("text/plain").unwrap_or_default(), task(lab))),
        }
    });
}

/// Reads a file's bytes; its size is judged first, so that nothing huge is read.
fn read_file(lab: Lab, file: File) {
    let task = task(lab);
    if let Err(error) = text::check_size(file.size() as usize, task) {
        return lab.refuse(error);
    }
    spawn_local(async move {
        let result = match JsFuture::from(file.array_buffer()).await {
            Ok(buffer) => text::from_bytes(&js_sys::Uint8Array::new(&buffer).to_vec(), task),
            Err(_) => Err(SpecError::new("text", "The browser could not read this file.")),
        };
        submit(lab, result);
    });
}

fn submit(lab: Lab, text: Result<String, SpecError>) {
    match text {
        Ok(text) => lab.set("text", &text),
        Err(error) => lab.refuse(error),
    }
}
