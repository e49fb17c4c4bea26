//! The page's frame.

use leptos::context::Provider;
use leptos::html;
use leptos::prelude::*;

use crate::labs::{Lesson, View};
use crate::spec::{Architecture, Task};
use crate::ui::charts::palette::Theme;
use crate::ui::controls::{Segments, Settings, TextBox, Transport, accept_drops, shortcuts};
use crate::ui::lab::{Lab, Notice, address};
use crate::ui::late::{self, Late};
use crate::ui::setup::Layout;
use crate::ui::shell::{Claims, Start, Story, Travel, embed, slow};
use crate::ui::turns::{self, InTurn};
use crate::ui::views::{Clamping, Gradients, Learning, Parameters, Ragged, Recall, SampleText, Signals, Tagging};
use crate::ui::{dom, doors, script, theme};

/// Starts the page.
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
    let is_basic = |run: &Lab| matches!(run.architecture(), Architecture::Recurrent | Architecture::FeedForward);
    if !untrack(|| lab.runs().iter().all(is_basic)) {
        // Its views are in the second half, which may as well come now.
        late::then(lab, || ());
    }
    // Workers that compile beside the page would make its tasks long.
    turns::then(move || lab.start_worker());
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
                <Late when=lab.slow content=doors::unrolled/>
                <div class="overview">
                    <InTurn content=|| view! { <Learning/> }/>
                    <InTurn content=move || move || seen(true)/>
                </div>
                {two.then(|| view! { <div class="look-into"><WhichModel name="look"/></div> })}
                <InTurn content=move || move || seen(false)/>
            </main>
            <aside class="settings" aria-label="Text and settings">
                <InTurn content=move || view! { <Show when=reads_text><TextBox/></Show> }/>
                {lab.shows("settings").then(|| view! { <InTurn content=|| view! { <Settings/> }/> })}
                {(two && lab.shows("settings")).then(|| view! { <InTurn content=|| view! { <Settings second=true/> }/> })}
            </aside>
        </div>
    }
}

/// A lab: its story, and beside it the instrument.
#[component]
fn LessonPage(lesson: &'static Lesson) -> impl IntoView {
    let lab = Lab::here();
    let reads_text = lesson.controls.contains(&"text") && lab.shows("text");
    let (first, others) = lesson.views.split_at(lesson.views.len().min(1));
    let part = |view: &'static View| view! { <InTurn content=move || picture(*view)/> };
    view! {
        <div class="page lesson">
            {lab.shows("story").then(|| view! { <Story lesson/> })}
            <main id="instrument" tabindex="-1">
                <Late when=lab.slow content=doors::unrolled/>
                {lab.shows("claims").then(|| view! { <InTurn content=move || view! { <Claims lesson/> }/> })}
                {first.iter().map(part).collect_view()}
                {lab.shows("settings").then(|| view! { <InTurn content=|| view! { <Settings/> }/> })}
                {others.iter().map(part).collect_view()}
                {reads_text.then(|| view! { <TextBox/> })}
            </main>
        </div>
    }
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
        View::Recall => view! { <Recall/> }.into_any(),
        View::Tagging => view! { <Tagging/> }.into_any(),
        View::Ragged => view! { <Ragged/> }.into_any(),
        View::Clamping => view! { <Clamping/> }.into_any(),
        View::Parameters => view! { <Parameters/> }.into_any(),
        _ => view! { <Late content=move || doors::view(view)/> }.into_any(),
    }
}

/// Gates and states of a recurrent network; of another model, its tensors by name.
#[component]
fn Inside() -> impl IntoView {
    let lab = Lab::here();
    view! {
        <Show when=move || lab.is_recurrent() fallback=|| content(View::Tensors)>
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
    let [share, bench, help] = [doors::share, doors::bench, doors::help].map(Dialog::new);
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
                    <button type="button" class="quiet" on:click=move |_| share.open(lab)>"Share"</button>
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
                    <button type="button" class="quiet" on:click=move |_| bench.open(lab)>"How fast is my device?"</button>
                    <button type="button" class="quiet" on:click=move |_| help.open(lab)>"Help"</button>
                })}
                <button type="button" class="quiet" on:click=move |_| lab.toggle_theme()>{other_theme}</button>
            </nav>
        </header>
        <section class="deck" aria-label="Training" node_ref=deck>
            {lab.shows("transport").then(|| view! { <Transport/> })}
            {lab.shows("travel").then(|| view! { <Travel/> })}
        </section>
        {[share, bench, help].map(Dialog::made).collect_view()}
    }
}

/// A dialog that is made when it is first opened, and stays.
#[derive(Clone, Copy)]
struct Dialog {
    element: NodeRef<html::Dialog>,
    content: fn(NodeRef<html::Dialog>) -> AnyView,
    wanted: RwSignal<bool>,
}

impl Dialog {
    fn new(content: fn(NodeRef<html::Dialog>) -> AnyView) -> Dialog {
        let dialog = Dialog { element: NodeRef::new(), content, wanted: RwSignal::new(false) };
        Effect::new(move |_| {
            if let Some(element) = dialog.element.get() {
                show(&element);
            }
        });
        dialog
    }

    fn open(self, lab: Lab) {
        match self.element.get_untracked() {
            Some(element) => show(&element),
            None => late::then(lab, move || self.wanted.set(true)),
        }
    }

    fn made(self) -> impl IntoView {
        view! { <Show when=move || self.wanted.get()>{(self.content)(self.element)}</Show> }
    }
}

fn show(dialog: &web_sys::HtmlDialogElement) {
    // Fails only where it is already open.
    let _ = dialog.show_modal();
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
