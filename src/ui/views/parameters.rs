//! What the models are made of: their parameters, matrix by matrix.

use leptos::prelude::*;

use crate::ui::charts::palette;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::{Table, TableView};

/// A bar for each model, in parts as large as its parameters.
#[component]
pub fn Parameters() -> impl IntoView {
    let lab = Lab::here();
    let largest = Memo::new(move |_| lab.runs().iter().map(|run| total(*run)).max().unwrap_or(1).max(1));
    let bar = move |run: Lab| {
        let parts = move || {
            let theme = lab.theme.get();
            let part = |(at, (name, size)): (usize, (String, usize))| {
                let width = format!("{:.3}%", 100.0 * size as f64 / largest.get() as f64);
                let colour = palette::css(palette::line(theme, at));
                let title = format!("{name}: {}", format::grouped(size as u64));
                view! { <i style:width=width style:background=colour title=title></i> }
            };
            sizes(run).into_iter().enumerate().map(part).collect_view()
        };
        view! {
            <dt>{run.name()}</dt>
            <dd>
                <span class="parts" aria-hidden="true">{parts}</span>
                <span class="number">{move || format!("{} parameters", format::grouped(total(run) as u64))}</span>
            </dd>
        }
    };
    view! {
        <section class="card" aria-labelledby="parameters-title">
            <header>
                <h2 id="parameters-title">"What they are made of"</h2>
                <p class="caption">"Each part is one parameter tensor, as wide as it has numbers; point at a part for its name."</p>
            </header>
            <dl class="bars">{lab.runs().into_iter().map(bar).collect_view()}</dl>
            <TableView caption="Parameters of every model" table/>
        </section>
    }
}

fn sizes(run: Lab) -> Vec<(String, usize)> {
    run.model.with(|model| {
        let shapes = model.as_ref().map(|model| model.parameter_shapes.iter());
        shapes.into_iter().flatten().map(|(name, shape)| (name.clone(), shape.iter().product())).collect()
    })
}

fn total(run: Lab) -> usize {
    sizes(run).iter().map(|(_, size)| size).sum()
}

fn table(lab: Lab) -> Table {
    let mut table = Table::new(["model", "parameter", "numbers"]);
    let row = |run: Lab| {
        sizes(run).into_iter().map(move |(name, size)| vec![run.name().to_owned(), name, format::grouped(size as u64)])
    };
    table.rows = lab.runs().into_iter().flat_map(row).collect();
    table
}
