//! A lab's story: the question, what there is to know, and what to guess before one looks.

use leptos::prelude::*;

use crate::labs::{self, Block, Lesson};
use crate::ui::lab::Lab;
use crate::ui::shell::claims;
use crate::ui::turns::InTurn;

/// The question and its story.
#[component]
pub fn Story(lesson: &'static Lesson) -> impl IntoView {
    view! {
        <article class="story" aria-labelledby="question">
            <p class="place number">"Question "{lesson.number}" of 12"</p>
            <h2 id="question">{lesson.question}</h2>
            <InTurn content=move || lesson.story.iter().map(block).collect_view()/>
            <InTurn content=move || view! { <Predict lesson/><Neighbours lesson/> }/>
        </article>
    }
}

fn block(block: &Block) -> AnyView {
    match block {
        Block::Text(text) => view! { <p>{emphasised(text)}</p> }.into_any(),
        Block::Equation(rows) => {
            let html = format!("<math display=\"block\">{rows}</math>");
            view! { <div class="math" inner_html=html></div> }.into_any()
        }
    }
}

/// `*word*` is emphasised.
pub fn emphasised(text: &'static str) -> impl IntoView {
    let part = |(at, part): (usize, &'static str)| {
        if at % 2 == 1 { view! { <em>{part}</em> }.into_any() } else { part.into_any() }
    };
    text.split('*').enumerate().map(part).collect_view()
}

/// A guess before the run, and what the run says to it.
#[component]
fn Predict(lesson: &'static Lesson) -> impl IntoView {
    let lab = Lab::here();
    let prediction = &lesson.prediction;
    let guess = RwSignal::new(None::<usize>);
    let answer = move |(at, text): (usize, &'static str)| {
        let chosen = move || guess.get() == Some(at);
        view! {
            <button type="button" aria-pressed=move || chosen().to_string() on:click=move |_| guess.set(Some(at))>
                {text}
            </button>
        }
    };
    let shown = Memo::new(move |_| claims::all_hold(lab, lesson));
    let verdict = move || {
        let Some(guess) = guess.get() else { return "Choose, then look.".into_any() };
        if !shown.get() {
            return "Noted. The run has not shown it yet.".into_any();
        }
        let word = if guess == prediction.right { "As you said. " } else { "Not so. " };
        view! { <strong>{word}</strong>{prediction.because} }.into_any()
    };
    view! {
        <section class="predict" aria-labelledby="predict-title">
            <h3 id="predict-title">"Predict, then look"</h3>
            <p>{prediction.asks}</p>
            <div class="answers">{prediction.answers.iter().copied().enumerate().map(answer).collect_view()}</div>
            <p class="caption" aria-live="polite">{verdict}</p>
        </section>
    }
}

/// The labs before and after.
#[component]
fn Neighbours(lesson: &'static Lesson) -> impl IntoView {
    let at = labs::ALL.iter().position(|known| *known == lesson).unwrap_or_default();
    let link = |lesson: &'static Lesson, before: bool| {
        let title = format!("{}. {}", lesson.number, lesson.title);
        let text = if before { format!("\u{2190} {title}") } else { format!("{title} \u{2192}") };
        view! { <a href=format!("#v=1&lab={}", lesson.slug) rel=if before { "prev" } else { "next" }>{text}</a> }
    };
    let before = at.checked_sub(1).map(|at| link(labs::ALL[at], true));
    let after = labs::ALL.get(at + 1).map(|lesson| link(lesson, false));
    view! {
        <nav class="neighbours" aria-label="Other labs">
            {before}
            <a href="#v=1">"All labs"</a>
            {after}
        </nav>
    }
}
