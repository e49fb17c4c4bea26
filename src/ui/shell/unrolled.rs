//! The unrolled network in slow motion.

use leptos::prelude::*;

use crate::spec::Task;
use crate::ui::charts::palette::{self, Palette};
use crate::ui::dom;
use crate::ui::equation::{gradient_path, signal_path};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::shell::Stage;

/// Timesteps that are drawn, and on a narrow screen, where the numbers of more could not be read.
const COLUMNS: usize = 10;
const FEW_COLUMNS: usize = 5;
const NARROW: &str = "(max-width: 40rem)";

/// The width and the height of a column, in the drawing's units.
const COLUMN: usize = 72;
const HEIGHT: usize = 190;

/// The unrolled network, with the numbers of the stage that is on.
#[component]
pub fn Unrolled() -> impl IntoView {
    let lab = Lab::here();
    let most = if dom::matches(NARROW) { FEW_COLUMNS } else { COLUMNS };
    let columns = move || {
        let run = lab.shown_run();
        run.probe_symbols.with(|symbols| symbols.len()).min(most)
    };
    let count = Memo::new(move |_| columns());
    let picture = move || (0..count.get()).map(|t| view! { <Column t last=count.get_untracked() - 1/> }).collect_view();
    let update = move || {
        let readout = lab.shown_run().readout.get();
        let gradient = readout.gradient.map_or_else(String::new, |norm| format::significant(f64::from(norm), 3));
        let rate = lab.setup.with(|setup| setup.spec.learning_rate);
        format!("step {}: gradient norm {gradient}, learning rate {rate}", format::grouped(readout.step))
    };
    view! {
        <section class="card" aria-labelledby="slow-title">
            <header>
                <h2 id="slow-title">"One step, slowly"</h2>
                <p class="caption" aria-live="polite">{move || explained(lab.stage.get())}</p>
            </header>
            <svg
                class=move || class(lab.stage.get())
                viewBox=move || format!("0 0 {} {HEIGHT}", count.get().max(1) * COLUMN)
                role="img"
                aria-label="The network unrolled over the first characters of the probe text"
            >
                {picture}
            </svg>
            <p class="caption number">
                "The first characters of the probe text, unit "{move || lab.focus.with(|focus| focus.unit) + 1}" of layer "
                {move || lab.focus.with(|focus| focus.layer) + 1}". "{update}
            </p>
        </section>
    }
}

/// What a column shows.
#[derive(Clone, Default, PartialEq)]
struct Numbers {
    /// `None` where the model has no such state.
    state: Option<f32>,
    /// -ln p of the next symbol; `None` where the model does not predict one.
    surprise: Option<f32>,
    /// The norm of dL/dh_t.
    gradient: Option<f32>,
}

fn numbers(run: Lab, t: usize) -> Numbers {
    let guesses = run.task() == Task::Text;
    let (layer, unit) = run.focus.with(|focus| (focus.layer.min(run.dimensions().0 - 1), focus.unit));
    run.with_store(|store| {
        let state = store.tensor(&signal_path(layer, "h")).and_then(|tensor| tensor.at(t, unit));
        let next = store.header.probe_tokens.get(t + 1).filter(|_| guesses).map(|token| *token as usize);
        let surprise = next.and_then(|next| Some(-store.tensor("probe/probabilities")?.at(t, next)?.ln()));
        let gradient = store.tensor(&gradient_path(layer, "h"));
        let gradient = gradient.map(|tensor| tensor.row(t).iter().map(|value| value * value).sum::<f32>().sqrt());
        Numbers { state, surprise, gradient }
    })
}

#[component]
fn Column(t: usize, last: usize) -> impl IntoView {
    let lab = Lab::here();
    let shown = Memo::new(move |_| {
        let run = lab.shown_run();
        run.frame.track();
        numbers(run, t)
    });
    let symbol = move || {
        let run = lab.shown_run();
        run.probe_symbols.with(|symbols| symbols.get(t).map(|symbol| format::visible(symbol).to_owned()))
    };
    let colour = move || {
        palette::css(Palette::diverging(lab.theme.get()).colour(shown.with(|n| n.state.unwrap_or(0.0)), -1.0, 1.0))
    };
    let state = move || shown.with(|n| n.state.map(|state| format::fixed(f64::from(state), 2)));
    let some = |value: Option<f32>| value.map_or_else(String::new, |value| format::significant(f64::from(value), 2));
    let x = t * COLUMN + COLUMN / 2;
    let right = x + COLUMN / 2;
    view! {
        <g style=format!("--t:{t};--back:{}", last - t)>
            <text class="symbol" x=x y="182">{symbol}</text>
            <line class="up" x1=x y1="168" x2=x y2="118"></line>
            <circle cx=x cy="100" r="17" style:fill=colour></circle>
            <text class="state" x=x y="134">{state}</text>
            <line class="up" x1=x y1="82" x2=x y2="48"></line>
            <text class="surprise" x=x y="40">{move || some(shown.with(|n| n.surprise))}</text>
            <text class="gradient" x=x y="16">{move || some(shown.with(|n| n.gradient))}</text>
            {(t < last).then(|| view! { <line class="on" x1=x + 18 y1="100" x2=right + COLUMN / 2 - 18 y2="100"></line> })}
        </g>
    }
}

fn explained(stage: Stage) -> &'static str {
    match stage {
        Stage::Forward => "1. Forward through time: each state from its input and the state before.",
        Stage::Loss => "2. The loss: the surprise at what comes next, at every timestep.",
        Stage::Backward => "3. Backward through time: the same path, from the end to the start.",
        Stage::Update => "4. Update: every parameter a small step down its gradient.",
    }
}

fn class(stage: Stage) -> &'static str {
    match stage {
        Stage::Forward => "unrolled forward",
        Stage::Loss => "unrolled loss",
        Stage::Backward => "unrolled backward",
        Stage::Update => "unrolled update",
    }
}
