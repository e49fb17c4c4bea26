//! The doors to the labs.

use leptos::prelude::*;

use crate::labs::{self, Lesson};

/// A card for every lab, in the order of the questions.
#[component]
pub fn Start() -> impl IntoView {
    view! {
        <nav class="doors" aria-labelledby="doors-title">
            <h2 id="doors-title">"Questions to answer by experiment"</h2>
            <ul>{labs::ALL.iter().map(|lesson| door(lesson)).collect_view()}</ul>
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
            </a>
        </li>
    }
}
