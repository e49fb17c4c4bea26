//! Text the model writes while it learns.

use leptos::prelude::*;

use crate::ui::controls::NumberInput;
use crate::ui::controls::slider::Scale;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::store::Sample;

/// The latest sample, and milestones on the way to it.
#[component]
pub fn SampleText() -> impl IntoView {
    let lab = Lab::here();
    let step = move || format!("after {} steps", format::grouped(lab.sample.with(|(step, _)| *step)));
    let text = move || lab.sample.with(|(_, text)| text.clone());
    let temperature = Signal::derive(move || lab.setup.with(|setup| setup.temperature.to_string()));
    view! {
        <section class="card sample" aria-labelledby="sample-title">
            <header>
                <h2 id="sample-title">"What it writes"</h2>
                <p class="caption">
                    "The model writes character by character, each drawn from its own guesses. "
                    "A low temperature takes the likeliest; a high one dares more."
                </p>
            </header>
            <NumberInput
                key="temperature"
                label="Temperature"
                help="Divides the logits before the softmax from which the next character is drawn."
                value=temperature
                scale=Some(Scale::Even(0.05, 2.0))
                live=true
            />
            <p class="caption number">{step}</p>
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
