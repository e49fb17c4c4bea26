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
    Clamping, Gradients, Learning, Parameters, Ragged, Recall, SampleText, Signals, Tagging, Tensors,
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
        Some(lesson) => view! { <LessonPage lesson/> }.into_any(),
        None => view! { <FreePage/> }.into_any(),
    };
    view! {
        <a class="skip" href="#instrument" on:click=skip>"Skip to the instrument"</a>
        <TopBar/>
        <Notices/>
        {page}
    }
}

/// The doors to the labs, and the free instrument.
#[component]
fn FreePage() -> impl IntoView {
    let lab = Lab::here();
    let reads_text = move || lab.setup.with(|setup| setup.spec.task == Task::Text);
    view! {
        <Start/>
        <div class="page">
            <main id="instrument" tabindex="-1">
                <Show when=move || lab.slow.get()>
                    <Unrolled/>
                </Show>
                <div class="overview">
                    <Learning/>
                    <SampleText/>
                </div>
                <Show when=move || lab.is_recurrent() fallback=|| view! { <Tensors/> }>
                    <Signals/>
                    <Gradients/>
                </Show>
            </main>
            <aside class="settings" aria-label="Text and settings">
                <Show when=reads_text>
                    <TextBox/>
                </Show>
                <Settings/>
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
                {lesson.views.iter().take(1).map(|view| picture(*view)).collect_view()}
                {lab.shows("settings").then(|| view! { <Settings/> })}
                {lesson.views.iter().enumerate().skip(1).map(|(at, view)| soon(at, *view)).collect_view()}
                {reads_text.then(|| view! { <TextBox/> })}
            </main>
        </div>
    }
}

/// A view that comes so many frames after the page has begun: all at once would be one long task.
fn soon(frames: usize, view: View) -> impl IntoView {
    let there = RwSignal::new(false);
    dom::after_frames(frames, move || there.set(true));
    view! { <Show when=move || there.get()>{picture(view)}</Show> }
}

/// How a view of a lab is drawn.
fn picture(view: View) -> AnyView {
    match view {
        View::Learning => view! { <Learning/> }.into_any(),
        View::Signals => view! { <LookInto name="look-signals"><Signals/></LookInto> }.into_any(),
        View::Gradients => view! { <Gradients/> }.into_any(),
        View::Writing => view! { <LookInto name="look-writing"><SampleText/></LookInto> }.into_any(),
        View::Recall => view! { <Recall/> }.into_any(),
        View::Tagging => view! { <Tagging/> }.into_any(),
        View::Ragged => view! { <Ragged/> }.into_any(),
        View::Clamping => view! { <Clamping/> }.into_any(),
        View::Parameters => view! { <Parameters/> }.into_any(),
    }
}

/// Views of one model, and which one it is.
#[component]
fn LookInto(name: &'static str, children: ChildrenFn) -> impl IntoView {
    let lab = Lab::here();
    let names = lab.runs().iter().map(|run| (run.place.to_string(), run.name().to_owned())).collect::<Vec<_>>();
    let several = names.len() > 1;
    let choices = Signal::stored(names);
    let value = Signal::derive(move || lab.shown.get().to_string());
    let choose = move |place: String| lab.shown.set(place.parse().unwrap_or_default());
    let children = StoredValue::new(children);
    let inside = move || {
        let run = lab.shown_run();
        view! { <Provider value=run>{children.with_value(|children| children())}</Provider> }
    };
    view! {
        <div class="look-into">
            {several.then(|| view! { <Segments name label="Look into" choices value choose/> })}
            {inside}
        </div>
    }
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
