//! The page's frame.

use leptos::html;
use leptos::prelude::*;

use crate::spec::{Architecture, Task};
use crate::ui::bench::BenchDialog;
use crate::ui::charts::palette::Theme;
use crate::ui::controls::{Settings, TextBox, Transport, accept_drops, shortcuts};
use crate::ui::help::HelpDialog;
use crate::ui::lab::{Lab, Notice, address};
use crate::ui::views::{EquationPanel, Gradients, Learning, SampleText, Signals, Tensors};
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
    shortcuts(lab);
    accept_drops(lab);
    script::install(lab);
    std::mem::forget(owner);
}

#[component]
fn App() -> impl IntoView {
    let lab = Lab::here();
    let reads_text = move || lab.setup.with(|setup| setup.spec.task == Task::Text);
    view! {
        <a class="skip" href="#instrument" on:click=skip>"Skip to the instrument"</a>
        <TopBar/>
        <Notices/>
        <div class="page">
            <main id="instrument" tabindex="-1">
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
        <EquationPanel/>
    }
}

/// The address belongs to the lab, so the skip link moves the focus itself.
fn skip(event: leptos::ev::MouseEvent) {
    event.prevent_default();
    crate::ui::dom::focus("instrument");
}

#[component]
fn TopBar() -> impl IntoView {
    let lab = Lab::here();
    let (bench, help) = (NodeRef::<html::Dialog>::new(), NodeRef::<html::Dialog>::new());
    let open = |dialog: NodeRef<html::Dialog>| {
        if let Some(dialog) = dialog.get_untracked() {
            // Fails only where it is already open.
            let _ = dialog.show_modal();
        }
    };
    let other_theme = move || if lab.theme.get() == Theme::Light { "Dark" } else { "Light" };
    view! {
        <header class="top">
            <h1>"SeqLab"</h1>
            <Introduction/>
            <nav aria-label="More">
                <button type="button" class="quiet" on:click=move |_| open(bench)>"How fast is my device?"</button>
                <button type="button" class="quiet" on:click=move |_| open(help)>"Help"</button>
                <button type="button" class="quiet" on:click=move |_| lab.toggle_theme()>{other_theme}</button>
            </nav>
        </header>
        <section class="bar" aria-label="Training">
            <Transport/>
        </section>
        <BenchDialog dialog=bench/>
        <HelpDialog dialog=help/>
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
