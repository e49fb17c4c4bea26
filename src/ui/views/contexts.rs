//! The context vectors of many strings, seen along their two principal components.

use std::fmt::Write as _;

use leptos::prelude::*;

use crate::data::strings::FIRST_LETTER;
use crate::ui::charts::palette;
use crate::ui::controls::Segments;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::principal::principal;
use crate::ui::views::table::{Table, TableView};

/// What is measured for it.
pub const PATHS: &[&str] = &["evaluation/contexts", "evaluation/context_ends"];

/// Half the width of the picture's plane.
const REACH: f64 = 100.0;

/// A point: its place, and the tokens of its string's first and last symbol.
type Points = Vec<([f64; 2], [usize; 2])>;

/// A map of contexts, coloured by the first or the last symbol of what was read.
#[component]
pub fn Contexts() -> impl IntoView {
    let lab = Lab::here();
    let by = RwSignal::new("last".to_owned());
    let found = Memo::new(move |_| points(lab));
    let choices =
        [("first", "first symbol"), ("last", "last symbol")].map(|(key, label)| (key.to_owned(), label.to_owned()));
    let end = move || usize::from(by.with(|by| by == "last"));
    let dots = move || {
        let theme = lab.theme.get();
        found.with(|(points, _)| drawn(points, end(), |token| palette::css(palette::line(theme, token))))
    };
    let legend = move || {
        let theme = lab.theme.get();
        let symbols = lab.setup.with(|setup| setup.spec.symbols);
        let item = |at: usize| {
            let letter = char::from(b'a' + at as u8).to_string();
            view! { <li><i style:background=palette::css(palette::line(theme, at))></i>{letter}</li> }
        };
        (0..symbols.min(26)).map(item).collect_view()
    };
    let shares = move || {
        let percent = |share: f64| format::fixed(share * 100.0, 0);
        found.with(|(_, shares)| format!("{} % and {} % of the variance", percent(shares[0]), percent(shares[1])))
    };
    view! {
        <section class="card" aria-labelledby="contexts-title">
            <header>
                <h2 id="contexts-title">"All that the decoder is told"</h2>
                <p class="caption">
                    "Each dot is the context vector of one string: the encoder\u{2019}s last hidden state, along the two directions \
                     in which these vectors differ most ("{shares}")."
                </p>
            </header>
            <Segments name="contexts-by" label="Colour by" choices=Signal::stored(choices.to_vec()) value=by.into() choose=move |key| by.set(key)/>
            <svg
                class="contexts"
                viewBox="-110 -110 220 220"
                role="img"
                aria-label="Context vectors along their first two principal components"
                inner_html=dots
            ></svg>
            <ul class="legend">{legend}</ul>
            <TableView caption="Context vectors along their principal components" table=move |lab| table(&points(lab).0, lab)/>
        </section>
    }
}

fn points(lab: Lab) -> (Points, [f64; 2]) {
    let (Some(contexts), Some(ends)) =
        (lab.measurement("evaluation/contexts"), lab.measurement("evaluation/context_ends"))
    else {
        return (Vec::new(), [0.0; 2]);
    };
    let count = ends.len() / 2;
    let (places, shares) = principal(&contexts, contexts.len() / count.max(1));
    let letter = |token: f32| (token as usize).saturating_sub(FIRST_LETTER as usize);
    let ends = ends.chunks_exact(2).map(|pair| [letter(pair[0]), letter(pair[1])]);
    (places.into_iter().zip(ends).collect(), shares)
}

/// The dots as SVG.
fn drawn(points: &Points, end: usize, colour: impl Fn(usize) -> String) -> String {
    let furthest = points.iter().flat_map(|(place, _)| place).fold(1e-9, |most: f64, at| most.max(at.abs()));
    let mut svg = "<path d=\"M-105 0H105M0 -105V105\" class=\"axes\"/>".to_owned();
    for (place, ends) in points {
        let [x, y] = place.map(|at| (at / furthest * REACH * 10.0).round() / 10.0);
        // Writing into a string does not fail.
        let _ = write!(svg, "<circle cx=\"{x}\" cy=\"{}\" r=\"2.2\" fill=\"{}\"/>", -y, colour(ends[end]));
    }
    svg
}

fn table(points: &Points, lab: Lab) -> Table {
    let mut table = Table::new(["first symbol", "last symbol", "component 1", "component 2"]);
    let letters =
        lab.model.with_untracked(|model| model.as_ref().map(|model| model.vocabulary.clone())).unwrap_or_default();
    let letter = |at: usize| letters.get(at + FIRST_LETTER as usize).cloned().unwrap_or_default();
    let row = |(place, ends): &([f64; 2], [usize; 2])| {
        vec![letter(ends[0]), letter(ends[1]), format::fixed(place[0], 3), format::fixed(place[1], 3)]
    };
    table.rows = points.iter().map(row).collect();
    table
}
