//! The page's frame.

use leptos::context::Provider;
use leptos::html;
use leptos::prelude::*;

use crate::labs::{Lesson, View};
use crate::spec::{Architecture, Task};
use crate::ui::bench::BenchDialog;
use crate::ui::charts::palette::Theme;
use crate::ui::controls::{Segments, Settings, TextBox, Transport, accept_drops, shortcuts};
use crate::ui::dom;
use crate::ui::help::HelpDialog;
use crate::ui::lab::{Lab, Notice, address};
use crate::ui::setup::Layout;
use crate::ui::shell::{Claims, ShareDialog, Start, Story, Travel, Unrolled, embed, slow};
use crate::ui::views::{
    AnswersView, Attending, Beam, Clamping, Confusion, Contexts, Cost, Exposure, Gradients, Heads, Learning, Lengths,
    Parameters, Poles, Ragged, Reach, Recall, Rewards, SampleText, Selection, Signals, Tagging, Tensors, TwoModes,
    Typing,
};
use crate::ui::{script, theme};

/// Starts the page: the engine's worker first, so that it loads while the page is drawn.
pub fn start() {
    console_error_panic_hook::set_once();
    let owner = Owner::new();
    owner.set();
    let (state, message) = address::read_address();
    let lab = Lab::new(state);
    theme::show(lab.theme.get_untracked());
    mount_to_body(move || {
        provide_context(lab);
        lab.start();
        view! { <App/> }
    });
    if let Some(message) = message {
        lab.tell(message, false);
    }
    theme::follow_system(move |theme| lab.theme.set(theme));
    embed::start(lab);
    slow::start(lab);
    Effect::new(move |_| dom::set_root_class("present", lab.presenter.get()));
    shortcuts(lab);
    accept_drops(lab);
    script::install(lab);
    std::mem::forget(owner);
}

#[component]
fn App() -> impl IntoView {
    let lab = Lab::here();
    let page = match lab.lesson {
        Some(lesson) if !lesson.is_playground() => view! { <LessonPage lesson/> }.into_any(),
        Some(_) => view! { <Playground/> }.into_any(),
        None => view! { <Start/><Playground/> }.into_any(),
    };
    view! {
        <a class="skip" href="#instrument" on:click=skip>"Skip to the instrument"</a>
        <TopBar/>
        <Notices/>
        {page}
    }
}

/// Where everything can be set: what there is to see follows from the model that is looked into.
#[component]
fn Playground() -> impl IntoView {
    let lab = Lab::here();
    let reads_text = move || lab.runs().iter().any(|run| run.task().reads_text());
    let two = lab.runs().len() > 1;
    // What is seen of one model is drawn anew where another one, or one of another kind, is looked into.
    let seen = Memo::new(move |_| (lab.shown_run().place, lab.shown_run().views()));
    let seen = move |writing: bool| {
        let (place, views) = seen.get();
        let views = views.iter().filter(|view| (**view == View::Writing) == writing);
        let views = views.map(|view| content(*view)).collect_view();
        view! { <Provider value=lab.runs()[place]>{views}</Provider> }
    };
    view! {
        <div class="page">
            <main id="instrument" tabindex="-1">
                <Show when=move || lab.slow.get()>
                    <Unrolled/>
                </Show>
                <div class="overview">
                    <Learning/>
                    {move || seen(true)}
                </div>
                {two.then(|| view! { <div class="look-into"><WhichModel name="look"/></div> })}
                {move || seen(false)}
            </main>
            <aside class="settings" aria-label="Text and settings">
                <Show when=reads_text>
                    <TextBox/>
                </Show>
                {lab.shows("settings").then(|| view! { <Settings/> })}
                {(two && lab.shows("settings")).then(|| view! { <Settings second=true/> })}
            </aside>
        </div>
    }
}

/// A lab: its story, and beside it the instrument.
#[component]
fn LessonPage(lesson: &'static Lesson) -> impl IntoView {
    let lab = Lab::here();
    let reads_text = lesson.controls.contains(&"text") && lab.shows("text");
    view! {
        <div class="page lesson">
            {lab.shows("story").then(|| view! { <Story lesson/> })}
            <main id="instrument" tabindex="-1">
                <Show when=move || lab.slow.get()>
                    <Unrolled/>
                </Show>
                {lab.shows("claims").then(|| view! { <Claims lesson/> })}
                {lesson.views.iter().take(1).map(|view| soon(1, *view, picture)).collect_view()}
                {lab.shows("settings").then(|| soon(2, (), |()| view! { <Settings/> }.into_any()))}
                {lesson.views.iter().enumerate().skip(1).map(|(at, view)| soon(at + 2, *view, picture)).collect_view()}
                {reads_text.then(|| view! { <TextBox/> })}
            </main>
        </div>
    }
}

/// A part that comes so many frames after the page has begun: all at once would be one long task.
fn soon<T: Copy + Send + Sync + 'static>(frames: usize, of: T, part: fn(T) -> AnyView) -> impl IntoView {
    let there = RwSignal::new(false);
    dom::after_frames(frames, move || there.set(true));
    view! { <Show when=move || there.get()>{part(of)}</Show> }
}

/// How a view of a lab is drawn: one that shows a single model lets choose which.
fn picture(view: View) -> AnyView {
    let name = match view {
        View::Signals => "look-signals",
        View::Writing => "look-writing",
        View::Typing => "look-typing",
        View::Confusion => "look-confusion",
        View::Tensors => "look-tensors",
        View::Contexts => "look-contexts",
        View::Attention => "look-attention",
        View::Beam => "look-beam",
        _ => return content(view),
    };
    view! { <LookInto name>{content(view)}</LookInto> }.into_any()
}

fn content(view: View) -> AnyView {
    match view {
        View::Learning => view! { <Learning/> }.into_any(),
        View::Signals => view! { <Inside/> }.into_any(),
        View::Gradients => view! { <Gradients/> }.into_any(),
        View::Writing => view! { <SampleText/> }.into_any(),
        View::Typing => view! { <Typing/> }.into_any(),
        View::Confusion => view! { <Confusion/> }.into_any(),
        View::Tensors => view! { <Tensors/> }.into_any(),
        View::Recall => view! { <Recall/> }.into_any(),
        View::Tagging => view! { <Tagging/> }.into_any(),
        View::Ragged => view! { <Ragged/> }.into_any(),
        View::Clamping => view! { <Clamping/> }.into_any(),
        View::Parameters => view! { <Parameters/> }.into_any(),
        View::Answers => view! { <AnswersView/> }.into_any(),
        View::Lengths => view! { <Lengths/> }.into_any(),
        View::Contexts => view! { <Contexts/> }.into_any(),
        View::Attention => view! { <Attending/> }.into_any(),
        View::Exposure => view! { <Exposure/> }.into_any(),
        View::Rewards => view! { <Rewards/> }.into_any(),
        View::Beam => view! { <Beam/> }.into_any(),
        View::Reach => view! { <Reach/> }.into_any(),
        View::Heads => view! { <Heads/> }.into_any(),
        View::Cost => view! { <Cost/> }.into_any(),
        View::Poles => view! { <Poles/> }.into_any(),
        View::Modes => view! { <TwoModes/> }.into_any(),
        View::Selection => view! { <Selection/> }.into_any(),
    }
}

/// Gates and states of a recurrent network; of another model, its tensors by name.
#[component]
fn Inside() -> impl IntoView {
    let lab = Lab::here();
    view! {
        <Show when=move || lab.is_recurrent() fallback=|| view! { <Tensors/> }>
            <Signals/>
        </Show>
    }
}

/// Views of one model, and which one it is.
#[component]
fn LookInto(name: &'static str, children: ChildrenFn) -> impl IntoView {
    let lab = Lab::here();
    let several = lab.runs().len() > 1;
    let children = StoredValue::new(children);
    let inside = move || {
        let run = lab.shown_run();
        view! { <Provider value=run>{children.with_value(|children| children())}</Provider> }
    };
    view! {
        <div class="look-into">
            {several.then(|| view! { <WhichModel name/> })}
            {inside}
        </div>
    }
}

/// Which of several models is looked into.
#[component]
fn WhichModel(name: &'static str) -> impl IntoView {
    let lab = Lab::here();
    let names = lab.runs().iter().map(|run| (run.place.to_string(), run.name().to_owned())).collect::<Vec<_>>();
    let choices = Signal::stored(names);
    let value = Signal::derive(move || lab.shown.get().to_string());
    let choose = move |place: String| lab.shown.set(place.parse().unwrap_or_default());
    view! { <Segments name label="Look into" choices value choose/> }
}

/// The address belongs to the lab, so the skip link moves the focus itself.
fn skip(event: leptos::ev::MouseEvent) {
    event.prevent_default();
    dom::focus("instrument");
}

#[component]
fn TopBar() -> impl IntoView {
    let lab = Lab::here();
    let [bench, help, share] = [(); 3].map(|()| NodeRef::<html::Dialog>::new());
    let open = |dialog: NodeRef<html::Dialog>| {
        if let Some(dialog) = dialog.get_untracked() {
            // Fails only where it is already open.
            let _ = dialog.show_modal();
        }
    };
    let deck = NodeRef::<html::Section>::new();
    dom::tell_height(deck);
    let other_theme = move || if lab.theme.get() == Theme::Light { "Dark" } else { "Light" };
    view! {
        <header class="top">
            <h1>{if lab.is_embedded() { view! { <OwnTab/> }.into_any() } else { view! { <a href="#v=1">"SeqLab"</a> }.into_any() }}</h1>
            {match lab.lesson {
                Some(lesson) => view! { <p class="introduction">{lesson.title}": "{lesson.summary}</p> }.into_any(),
                None => view! { <Introduction/> }.into_any(),
            }}
            <nav aria-label="More">
                {lab.shows("share").then(|| view! {
                    <button type="button" class="quiet" on:click=move |_| open(share)>"Share"</button>
                })}
                {(!lab.is_embedded()).then(|| view! {
                    <button
                        type="button"
                        class="quiet"
                        aria-pressed=move || lab.presenter.get().to_string()
                        title="Large type, for a lecture hall"
                        on:click=move |_| lab.presenter.update(|on| *on = !*on)
                    >
                        "Present"
                    </button>
                    <button type="button" class="quiet" on:click=move |_| open(bench)>"How fast is my device?"</button>
                    <button type="button" class="quiet" on:click=move |_| open(help)>"Help"</button>
                })}
                <button type="button" class="quiet" on:click=move |_| lab.toggle_theme()>{other_theme}</button>
            </nav>
        </header>
        <section class="deck" aria-label="Training" node_ref=deck>
            {lab.shows("transport").then(|| view! { <Transport/> })}
            {lab.shows("travel").then(|| view! { <Travel/> })}
        </section>
        <BenchDialog dialog=bench/>
        <HelpDialog dialog=help/>
        <ShareDialog dialog=share/>
    }
}

/// Inside another page: the way to all of this lab, as it stands. What a page of its own has besides is there.
#[component]
fn OwnTab() -> impl IntoView {
    let lab = Lab::here();
    let name = lab.lesson.map_or("SeqLab", |lesson| lesson.title);
    view! {
        <a href=move || lab.link(Layout::default()) target="_blank" rel="noopener" title="Opens this lab in a tab of its own">
            {name}" \u{2197}"
        </a>
    }
}

#[component]
fn Notices() -> impl IntoView {
    let lab = Lab::here();
    let notice = move |notice: Notice| {
        let Notice { id, message, reset } = notice;
        view! {
            <div class="notice" class:alarm=reset role=if reset { "alert" } else { "status" }>
                <p>{message}</p>
                {reset.then(|| view! { <button type="button" on:click=move |_| lab.reset()>"Reset"</button> })}
                <button type="button" class="quiet" aria-label="Dismiss" on:click=move |_| lab.dismiss(id)>"\u{d7}"</button>
            </div>
        }
    };
    view! { <div class="notices"><For each=move || lab.notices.get() key=|notice| notice.id children=notice/></div> }
}

/// What am I looking at?
#[component]
fn Introduction() -> impl IntoView {
    let lab = Lab::here();
    let model = move || match lab.architecture() {
        Architecture::Recurrent if lab.cell().name() == "GRU" => "A GRU",
        Architecture::Recurrent if lab.cell().name() == "LSTM" => "An LSTM",
        Architecture::Recurrent => "A recurrent network",
        Architecture::Transformer => "A Transformer",
        Architecture::S4d => "A diagonal state-space model",
        Architecture::Mamba => "A selective state-space model",
        Architecture::EncoderDecoder => "An encoder-decoder",
        Architecture::Classifier => "A classifier",
        Architecture::FeedForward => "A feed-forward network",
    };
    let task = move || match lab.architecture() {
        Architecture::EncoderDecoder => {
            " is learning, here and now, to write strings again or backwards. One network reads a string, another writes \
             its answer, symbol by symbol."
        }
        Architecture::Classifier if lab.task() == Task::Labels => {
            " is learning, here and now, to label texts. It reads the whole text, and then decides."
        }
        Architecture::Classifier => {
            " is learning, here and now, to name the letter that a string has most of. It reads the whole string, and then \
             decides."
        }
        _ => {
            " is learning, here and now, to guess the next character of a text. It reads one character at a time and keeps \
             what it needs. Watch the guesses get better, and look at what makes them."
        }
    };
    view! {
        <p class="introduction">
            {model}
            {task}
        </p>
    }
}
