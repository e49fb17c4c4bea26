//! Text the model writes while it learns.

use leptos::prelude::*;

use crate::spec::{Architecture, Task};
use crate::ui::controls::NumberInput;
use crate::ui::controls::slider::Scale;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::store::Sample;

/// What the text is that a model gives.
#[derive(Clone, Copy, PartialEq)]
struct Says {
    title: &'static str,
    caption: &'static str,
    /// Whether it is drawn by chance, so that there is a temperature.
    draws: bool,
}

impl Says {
    fn of(model: Architecture, task: Task) -> Says {
        let answers = |caption| Says { title: "What it answers", caption, draws: false };
        match (model, task) {
            (Architecture::Classifier, _) => answers("The letter that it names, having read the probe string."),
            (_, Task::Adding) => answers("The sum that it says at the end of the probe sequence."),
            (_, Task::Recall) => answers(
                "The symbol that it names at each step of the probe sequence; where several are asked for, one after the \
                 other.",
            ),
            (_, Task::Ahead) => answers("The capital that it says comes next, at each letter of the probe string."),
            (Architecture::EncoderDecoder, _) => Says {
                title: "What it writes",
                caption: "It has read the probe string, and writes its answer symbol by symbol, each drawn from its own \
                          guesses. A low temperature takes the likeliest; a high one dares more.",
                draws: true,
            },
            _ => Says {
                title: "What it writes",
                caption: "The model writes character by character, each drawn from its own guesses. A low temperature takes \
                          the likeliest; a high one dares more.",
                draws: true,
            },
        }
    }
}

/// The latest sample, and milestones on the way to it.
#[component]
pub fn SampleText() -> impl IntoView {
    let lab = Lab::here();
    let step = move || format!("after {} steps", format::grouped(lab.sample.with(|(step, _)| *step)));
    let text = move || lab.sample.with(|(_, text)| text.clone());
    let temperature = Signal::derive(move || lab.setup.with(|setup| setup.temperature.to_string()));
    let operated = move || if lab.edits.with(|edits| edits.is_empty()) { "" } else { ", as operated" };
    let says = Memo::new(move |_| Says::of(lab.architecture(), lab.task()));
    view! {
        <section class="card sample" aria-labelledby="sample-title">
            <header>
                <h2 id="sample-title">{move || says.get().title}</h2>
                <p class="caption">{move || says.get().caption}</p>
            </header>
            <Show when=move || says.get().draws>
                <NumberInput
                    key="temperature"
                    label="Temperature"
                    help="Divides the logits before the softmax from which the next character is drawn."
                    value=temperature
                    scale=Some(Scale::Even(0.05, 2.0))
                    live=true
                />
            </Show>
            <p class="caption number">{step}{operated}</p>
            <pre class="sample-text" tabindex="0" aria-label="Sampled text">{text}</pre>
            <Milestones/>
        </section>
    }
}

/// The first line of samples taken along the way.
#[component]
fn Milestones() -> impl IntoView {
    let lab = Lab::here();
    let samples = Memo::new(move |_| {
        lab.sample.track();
        lab.with_store(|store| store.samples.clone())
    });
    let row = |sample: Sample| {
        let line: String = sample.text.chars().take(120).map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
        view! { <li><span class="number">{format::grouped(sample.step)}</span><span class="line">{line}</span></li> }
    };
    view! {
        <details class="milestones">
            <summary>"How its writing changed"</summary>
            <ol>{move || samples.get().into_iter().map(row).collect_view()}</ol>
        </details>
    }
}
