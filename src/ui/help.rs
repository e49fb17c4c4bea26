//! What the keys do, and the page for course authors.

use leptos::html;
use leptos::prelude::*;

const KEYS: [(&str, &str); 7] = [
    ("Space", "run or pause"),
    ("\u{2192}", "train one step"),
    ("R", "reset to step 0, same seed"),
    ("Ctrl Z", "undo the last change: settings, text, operations"),
    ("Arrow keys", "move the mark, in a heat map"),
    ("Enter", "open the equation of the marked number"),
    ("Esc", "close it"),
];

const EXAMPLE: &str = r#"await seqlab.ready
seqlab.state()                    // settings, text length, step, backend
await seqlab.set({cell: "gru", hidden: 128, lr: 0.01})
await seqlab.step(100)            // resolves when they are done
seqlab.metrics()                  // loss, accuracy, tokensPerSecond, ...
await seqlab.probe("parameters/rnn.weight_hh_l0")   // {shape, values}
seqlab.run(); seqlab.pause(); seqlab.reset()
await seqlab.bench({cell: "lstm", vocab: 64, hidden: 128, steps: 64,
                    batch: 32, backend: "cpu", seconds: 2})"#;

/// Keys, links and scripting.
#[component]
pub fn HelpDialog(dialog: NodeRef<html::Dialog>) -> impl IntoView {
    let close = move || {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    let key = |(key, action): (&'static str, &'static str)| view! { <dt><kbd>{key}</kbd></dt><dd>{action}</dd> };
    view! {
        <dialog class="help-dialog" node_ref=dialog aria-labelledby="help-title">
            <div class="head">
                <h2 id="help-title">"Help"</h2>
                <button type="button" class="quiet" aria-label="Close" on:click=move |_| close()>"\u{d7}"</button>
            </div>
            <h3>"Keys"</h3>
            <dl class="keys">{KEYS.map(key).collect_view()}</dl>
            <h3>"The link is the lab"</h3>
            <p>
                "The address always holds the settings, the seed, the probe text, what you look at and what you did to a model. "
                "Copy it, and whoever opens it starts the same run."
            </p>
            <h3>"For authors"</h3>
            <p>
                "A script on the page, or the browser\u{2019}s console, can set and read everything. The keys are those of "
                "the link; a bad value rejects with the message its control would show."
            </p>
            <pre tabindex="0">{EXAMPLE}</pre>
        </dialog>
    }
}
