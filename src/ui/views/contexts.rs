//! The context vectors of many strings, seen along their two principal components.

use std::fmt::Write as _;

use leptos::prelude::*;

use crate::data::strings::FIRST_LETTER;
use crate::ui::charts::palette;
use crate::ui::controls::Segments;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::principal::{explained, principal};
use crate::ui::views::table::{Table, TableView};

/// What is measured for it.
pub const PATHS: &[&str] = &["evaluation/contexts", "evaluation/context_ends"];

/// Half the width of the picture's plane.
const REACH: f64 = 100.0;

/// A point: its place, and the tokens of its string's first and last symbol.
type Points = Vec<([f64; 2], [usize; 2])>;

/// The map, and what its axes and the two symbols explain of all variance.
#[derive(Clone, Debug, Default, PartialEq)]
struct Found {
    points: Points,
    axes: [f64; 2],
    ends: [f64; 2],
}

/// A map of contexts, coloured by the first or the last symbol of what was read.
#[component]
pub fn Contexts() -> impl IntoView {
    let lab = Lab::here();
    let by = RwSignal::new("last".to_owned());
    let found = Memo::new(move |_| find(lab));
    let choices =
        [("first", "first symbol"), ("last", "last symbol")].map(|(key, label)| (key.to_owned(), label.to_owned()));
    let end = move || usize::from(by.with(|by| by == "last"));
    let dots = move || {
        let theme = lab.theme.get();
        found.with(|found| drawn(&found.points, end(), |token| palette::css(palette::line(theme, token))))
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
    let percent = |share: f64| format::fixed(share * 100.0, 0);
    let shares = move || {
        found.with(|found| format!("{} % and {} % of the variance", percent(found.axes[0]), percent(found.axes[1])))
    };
    let explains = move || {
        found.with(|found| {
            let [first, last] = found.ends.map(percent);
            format!("Of the variance in all directions the first symbol explains {first} %, the last {last} %.")
        })
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
            <p class="caption number">{explains}</p>
            <TableView caption="Context vectors along their principal components" table=move |lab| table(&find(lab).points, lab)/>
        </section>
    }
}

fn find(lab: Lab) -> Found {
    let (Some(contexts), Some(ends)) =
        (lab.measurement("evaluation/contexts"), lab.measurement("evaluation/context_ends"))
    else {
        return Found::default();
    };
    let count = ends.len() / 2;
    let width = contexts.len() / count.max(1);
    let (places, axes) = principal(&contexts, width);
    let letter = |token: f32| (token as usize).saturating_sub(FIRST_LETTER as usize);
    let ends: Vec<[usize; 2]> = ends.chunks_exact(2).map(|pair| [letter(pair[0]), letter(pair[1])]).collect();
    let explains = |end: usize| explained(&contexts, width, &ends.iter().map(|pair| pair[end]).collect::<Vec<usize>>());
    Found { axes, ends: [explains(0), explains(1)], points: places.into_iter().zip(ends.iter().copied()).collect() }
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
