//! How far back a model remembers: accuracy against lag.

use leptos::prelude::*;

use crate::ui::charts::{Legend, LineChart};
use crate::ui::lab::Lab;
use crate::ui::views::shares::Shares;
use crate::ui::views::table::TableView;

const SHARES: Shares =
    Shares { against: ("lag (timesteps ago)", 0.0), share: "recalled (share)", runs: Lab::runs, points, chance: true };

/// Accuracy on sequences that are not trained on, against how many steps ago the symbol was seen.
#[component]
pub fn Recall() -> impl IntoView {
    let lab = Lab::here();
    let names = SHARES.names(lab);
    view! {
        <section class="card" aria-labelledby="recall-title">
            <header>
                <h2 id="recall-title">"How far back it remembers"</h2>
                <p class="caption">
                    "Asked for the symbol that it read so many steps ago, how often is it right? Measured on sequences it "
                    "was not trained on; the dashed line is blind guessing."
                </p>
            </header>
            <LineChart label="Share of symbols recalled, against the lag in timesteps" picture=move |theme| SHARES.picture(lab, theme)/>
            <Legend names/>
            <TableView caption="Share of symbols recalled against lag" table=|lab| SHARES.table(lab)/>
        </section>
    }
}

/// (lag, accuracy) of a model.
fn points(run: Lab) -> Vec<(f64, f64)> {
    let (Some(lags), Some(shares)) = (run.measurement("evaluation/lags"), run.measurement("evaluation/lag_accuracy"))
    else {
        return Vec::new();
    };
    lags.iter().zip(shares.iter()).map(|(lag, share)| (f64::from(*lag), f64::from(*share))).collect()
}
