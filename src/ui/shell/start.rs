//! The doors to the labs.

use leptos::prelude::*;

use crate::labs::pictures::PICTURES;
use crate::labs::{self, Lesson};
use crate::ui::charts::palette;
use crate::ui::lab::Lab;
use crate::ui::turns::InTurn;

/// So many cards are made at once.
const FEW: usize = 5;

/// A card for every lab, in the order of the questions.
#[component]
pub fn Start() -> impl IntoView {
    let all: Vec<&'static Lesson> = labs::ALL.iter().copied().chain([&labs::PLAYGROUND]).collect();
    let few = |lessons: &[&'static Lesson]| {
        let lessons = lessons.to_vec();
        view! { <InTurn content=move || lessons.iter().copied().map(door).collect_view()/> }
    };
    view! {
        <nav class="doors" aria-labelledby="doors-title">
            <h2 id="doors-title">"Questions to answer by experiment"</h2>
            <ul>{all.chunks(FEW).map(few).collect_view()}</ul>
        </nav>
    }
}

fn door(lesson: &'static Lesson) -> impl IntoView {
    view! {
        <li>
            <a href=format!("#v=1&lab={}", lesson.slug)>
                <span class="number" aria-hidden="true">{lesson.number}</span>
                <strong>{lesson.title}</strong>
                <span>{lesson.summary}</span>
                <Curves lesson/>
            </a>
        </li>
    }
}

/// The loss of the lab's models in a real run.
#[component]
fn Curves(lesson: &'static Lesson) -> impl IntoView {
    let lab = Lab::here();
    let curves = PICTURES.iter().find(|(slug, _)| *slug == lesson.slug).map_or(&[][..], |(_, curves)| *curves);
    let line = move |(at, curve): (usize, &&'static [u8])| {
        let last = curve.len().saturating_sub(1).max(1);
        let point = |(x, y): (usize, &u8)| {
            format!("{:.1},{:.1}", 200.0 * x as f64 / last as f64, 2.0 + 36.0 * (1.0 - f64::from(*y) / 99.0))
        };
        let points: Vec<String> = curve.iter().enumerate().map(point).collect();
        let colour = move || palette::css(palette::line(lab.theme.get(), at));
        view! { <polyline points=points.join(" ") style:stroke=colour></polyline> }
    };
    view! {
        <svg viewBox="0 0 200 40" preserveAspectRatio="none" aria-hidden="true">
            {curves.iter().enumerate().map(line).collect_view()}
        </svg>
    }
}
