//! Which places of a sequence a model tags right: what it can know there.

use leptos::prelude::*;

use crate::spec::Task;
use crate::ui::charts::{Legend, LineChart};
use crate::ui::lab::Lab;
use crate::ui::views::shares::Shares;
use crate::ui::views::table::TableView;

const SHARES: Shares = Shares {
    against: ("place in the sequence", 1.0),
    share: "right (share)",
    runs: tagging_runs,
    points,
    chance: true,
};

/// Accuracy on sequences that are not trained on, against the place in the sequence.
#[component]
pub fn Tagging() -> impl IntoView {
    let lab = Lab::here();
    let names = SHARES.names(lab);
    view! {
        <section class="card" aria-labelledby="tagging-title">
            <header>
                <h2 id="tagging-title">"What it can know at each place"</h2>
                <p class="caption">
                    "The share of places tagged right, from the first to the last, on sequences it was not trained on. "
                    "The tag depends on what comes later; the dashed line is blind guessing."
                </p>
            </header>
            <LineChart label="Share of tags right, against the place in the sequence" picture=move |theme| SHARES.picture(lab, theme)/>
            <Legend names/>
            <TableView caption="Share of tags right against place" table=|lab| SHARES.table(lab)/>
        </section>
    }
}

/// The models whose task is to tag.
fn tagging_runs(lab: Lab) -> Vec<Lab> {
    let tags = |run: &Lab| untrack(|| run.task()) == Task::Ahead;
    lab.runs().into_iter().filter(tags).collect()
}

/// (place, accuracy) of a model; a place that no sequence has a tag for is left out.
fn points(run: Lab) -> Vec<(f64, f64)> {
    let Some(shares) = run.measurement("evaluation/position_accuracy") else { return Vec::new() };
    let places = shares.iter().enumerate().filter(|(_, share)| share.is_finite());
    places.map(|(at, share)| ((at + 1) as f64, f64::from(*share))).collect()
}
