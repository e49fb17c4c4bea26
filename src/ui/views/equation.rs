//! The panel with one number's equation.

use leptos::prelude::*;

use crate::ui::dom;
use crate::ui::equation::{self, Explanation, Gradient, Site};
use crate::ui::format;
use crate::ui::lab::{Lab, Mark};

/// While the model trains, the numbers are read again this often: they are to be read, not watched.
const READ_MS: f64 = 600.0;

/// What is explained, and at which step of the training.
#[derive(Clone, Default, PartialEq)]
struct Reading {
    site: Option<Site>,
    explanation: Option<Explanation>,
    step: u64,
    at: f64,
}

/// The equation that is open, at the foot of the page.
#[component]
pub fn EquationPanel() -> impl IntoView {
    let lab = Lab::here();
    let reading = RwSignal::new(Reading::default());
    Effect::new(move |_| {
        lab.frame.track();
        let site = lab.equation.get();
        let now = dom::now();
        let known = reading.with_untracked(|reading| {
            reading.site == site && (site.is_none() || reading.explanation.is_some()) && now - reading.at < READ_MS
        });
        if !known {
            reading.set(lab.with_store(|store| Reading {
                explanation: site.as_ref().and_then(|site| equation::explain(store, site)),
                step: store.header.step,
                at: now,
                site,
            }));
        }
    });
    dom::set_root_class("reading", true);
    on_cleanup(move || dom::set_root_class("reading", untrack(|| lab.reads_equation())));
    request_animation_frame(dom::show_focused);
    view! {
        <div class="equation" role="dialog" aria-labelledby="equation-title">
            <div class="head">
                <h2 id="equation-title" aria-live="polite">{move || lab.equation.get().map(|site| title(lab, &site))}</h2>
                <SignalTabs/>
                <button type="button" class="quiet" aria-label="Close the equation" on:click=move |_| lab.close_equation()>
                    "\u{d7}"
                </button>
            </div>
            {move || reading.with(body)}
            {move || (!lab.edits.with(Vec::is_empty)).then(|| view! {
                <p class="caption">"The model is operated; the parameters written here are as trained."</p>
            })}
        </div>
    }
}

fn title(lab: Lab, site: &Site) -> String {
    let of = if lab.run_beside().is_some() { format!("{} \u{b7} ", lab.name()) } else { String::new() };
    format!(
        "{of}{} {} \u{b7} unit {} \u{b7} t = {} \u{b7} \u{201c}{}\u{201d}",
        equation::heading(site),
        site.signal,
        site.unit + 1,
        site.step + 1,
        format::visible(&site.character)
    )
}

fn body(reading: &Reading) -> AnyView {
    let Some(explanation) = &reading.explanation else {
        return view! { <p class="caption">"Waiting for the parameters\u{2026}"</p> }.into_any();
    };
    let lines = explanation.lines.iter().map(|line| view! { <div class="math" inner_html=line.clone()></div> });
    let engine = format::fixed(explanation.engine, 3);
    let verdict = if explanation.agrees() {
        format!("The engine computed {engine}: the same.")
    } else {
        format!("The engine computed {engine}; the written numbers come to {}.", format::fixed(explanation.computed, 3))
    };
    view! {
        <div class="lines">{lines.collect_view()}</div>
        <p class="caption number">{verdict}" Numbers of training step "{format::grouped(reading.step)}"."</p>
        {explanation.gradient.as_ref().map(gradient)}
    }
    .into_any()
}

/// What comes back to the number.
fn gradient(gradient: &Gradient) -> impl IntoView {
    let lines = gradient.lines.iter().map(|line| view! { <div class="math" inner_html=line.clone()></div> });
    let engine = format::significant(gradient.engine, 3);
    let verdict = match gradient.computed {
        Some(computed) if (computed - gradient.engine).abs() <= 1e-3 * gradient.engine.abs() + 1e-9 => {
            format!("The engine computed {engine}: the same.")
        }
        Some(computed) => {
            format!("The engine computed {engine}; the written numbers come to {}.", format::significant(computed, 3))
        }
        None => "All that comes back to it, from the output and from the next timestep, as the engine computed it."
            .to_owned(),
    };
    view! {
        <h3>"Backward, for the loss of the probe text"</h3>
        <div class="lines">{lines.collect_view()}</div>
        <p class="caption number">{verdict}</p>
    }
}

/// The same unit and timestep in the other signals.
#[component]
fn SignalTabs() -> impl IntoView {
    let lab = Lab::here();
    let chosen = move |symbol: &str| lab.equation.with(|site| site.as_ref().is_some_and(|site| site.signal == symbol));
    let show = move |symbol: &'static str| {
        if let Some(site) = lab.equation.get_untracked() {
            lab.show_equation(symbol, Mark { step: site.step, unit: site.unit });
        }
    };
    let tab = move |signal: &crate::engine::cell::Signal| {
        let symbol = signal.symbol;
        view! {
            <button type="button" title=signal.name aria-pressed=move || chosen(symbol).to_string() on:click=move |_| show(symbol)>
                {symbol}
            </button>
        }
    };
    view! { <div class="segments">{move || lab.cell().signals().iter().map(tab).collect_view()}</div> }
}
