//! Slow motion: one training step a second, its four stages one after the other ([`super::unrolled`] draws them).

use std::time::Duration;

use leptos::prelude::*;

use crate::ui::lab::Lab;

/// A stage of a step lasts so long: four make a second.
const STAGE: Duration = Duration::from_millis(250);

/// What happens in a training step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    #[default]
    Forward,
    Loss,
    Backward,
    Update,
}

impl Stage {
    fn next(self) -> Stage {
        match self {
            Stage::Forward => Stage::Loss,
            Stage::Loss => Stage::Backward,
            Stage::Backward => Stage::Update,
            Stage::Update => Stage::Forward,
        }
    }
}

/// Keeps the stages going while slow motion is on and the models train.
pub fn start(lab: Lab) {
    let tick = move || {
        if !lab.slow.get_untracked() || !untrack(|| lab.any_running()) {
            return;
        }
        lab.stage.update(|stage| *stage = stage.next());
        if lab.stage.get_untracked() == Stage::Update {
            lab.step_slowly();
        }
    };
    set_interval(tick, STAGE);
}

/// A switch between one step a second and as fast as it goes.
#[component]
pub fn SlowSwitch() -> impl IntoView {
    let lab = Lab::here();
    view! {
        <button
            type="button"
            aria-pressed=move || lab.slow.get().to_string()
            title="One step a second, each stage shown"
            on:click=move |_| lab.set_slow(!lab.slow.get_untracked())
        >
            "Slow motion"
        </button>
    }
}
