//! How long a string may be: the share of strings that are answered right from beginning to end, against their length.

use leptos::prelude::*;

use crate::ui::charts::{Legend, LineChart};
use crate::ui::lab::Lab;
use crate::ui::views::shares::Shares;
use crate::ui::views::table::TableView;

/// What is measured for it.
pub const PATHS: &[&str] = &["evaluation/lengths", "evaluation/exact_match"];

const SHARES: Shares = Shares {
    against: ("length of the string (symbols)", 1.0),
    share: "right to the end (share)",
    runs: Lab::runs,
    points,
    chance: false,
};

/// Exact match against length.
#[component]
pub fn Lengths() -> impl IntoView {
    let lab = Lab::here();
    let names = SHARES.names(lab);
    view! {
        <section class="card" aria-labelledby="lengths-title">
            <header>
                <h2 id="lengths-title">"How long a string may be"</h2>
                <p class="caption">
                    "The share of strings, of each length, that a model writes right from the first symbol to the end, reading \
                     its own tokens. None of them was trained on."
                </p>
            </header>
            <LineChart label="Exact match, against the length of the string" picture=move |theme| SHARES.picture(lab, theme)/>
            <Legend names/>
            <TableView caption="Exact match against length" table=|lab| SHARES.table(lab)/>
        </section>
    }
}

/// (length, share) of a model.
fn points(run: Lab) -> Vec<(f64, f64)> {
    let (Some(lengths), Some(shares)) =
        (run.measurement("evaluation/lengths"), run.measurement("evaluation/exact_match"))
    else {
        return Vec::new();
    };
    lengths.iter().zip(shares.iter()).map(|(length, share)| (f64::from(*length), f64::from(*share))).collect()
}
