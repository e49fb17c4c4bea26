//! Whether the run has shown what the lab claims: the measured numbers beside their bounds.

use std::sync::Arc;

use leptos::prelude::*;

use crate::labs::{Bound, Claim, Lesson};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::shell::story::emphasised;

/// A claim's number as it was last measured; `None` until all it needs is there.
pub fn measured(lab: Lab, claim: &'static Claim) -> Option<f32> {
    let runs = lab.runs();
    let tensors = claim.reads.iter().map(|(run, path)| runs.get(*run)?.measurement(path));
    let tensors: Vec<Arc<Vec<f32>>> = tensors.collect::<Option<_>>()?;
    let slices: Vec<&[f32]> = tensors.iter().map(|tensor| tensor.as_slice()).collect();
    Some((claim.number)(&slices)).filter(|number| !number.is_nan())
}

fn holds(lab: Lab, claim: &'static Claim) -> bool {
    measured(lab, claim).is_some_and(|number| claim.bound.holds(number))
}

/// Whether every claim of a lab holds at this moment.
pub fn all_hold(lab: Lab, lesson: &'static Lesson) -> bool {
    lesson.claims.iter().all(|claim| holds(lab, claim))
}

/// The claims, each with its number and its bound.
#[component]
pub fn Claims(lesson: &'static Lesson) -> impl IntoView {
    let lab = Lab::here();
    let held = Memo::new(move |_| lesson.claims.iter().filter(|claim| holds(lab, claim)).count());
    let count = lesson.claims.len();
    let state = move || match held.get() {
        all if all == count => "The claim holds.".to_owned(),
        some => format!("Shown so far: {some} of {count}."),
    };
    view! {
        <section class="card claims" aria-labelledby="claims-title">
            <header>
                <h2 id="claims-title">"What must come out"</h2>
                <p class="caption" aria-live="polite">{state}</p>
            </header>
            <ul>{lesson.claims.iter().map(|claim| view! { <Row claim/> }).collect_view()}</ul>
        </section>
    }
}

#[component]
fn Row(claim: &'static Claim) -> impl IntoView {
    let lab = Lab::here();
    let number = Memo::new(move |_| measured(lab, claim));
    let bound = match claim.bound {
        Bound::AtLeast(limit) => format!("at least {}", show(limit)),
        Bound::AtMost(limit) => format!("at most {}", show(limit)),
        Bound::Between(low, high) if low == high => format!("exactly {}", show(low)),
        Bound::Between(low, high) => format!("{} to {}", show(low), show(high)),
    };
    let verdict = move || match number.get() {
        None => "measuring\u{2026}".to_owned(),
        Some(number) if claim.bound.holds(number) => format!("holds: {}", show(number)),
        Some(number) => format!("not yet: {}", show(number)),
    };
    view! {
        <li class:holds=move || number.get().is_some_and(|number| claim.bound.holds(number))>
            <span>{emphasised(claim.says)}</span>
            <span class="caption">{bound}</span>
            <output class="number">{verdict}</output>
        </li>
    }
}

/// Three digits, or as many as the number needs.
fn show(number: f32) -> String {
    if number == 0.0 || (0.01..10_000.0).contains(&number.abs()) {
        let text = format::fixed(f64::from(number), 3);
        let short = text.trim_end_matches('0').trim_end_matches('.');
        return if short.is_empty() { text } else { short.to_owned() };
    }
    format::significant(f64::from(number), 3)
}
