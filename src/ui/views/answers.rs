//! The probe string and what every model answers: with the truth before each step, and with its own tokens.

use leptos::prelude::*;

use crate::data::strings::EOS;
use crate::ui::controls::ProbeField;
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::store::FrameStore;
use crate::ui::views::table::{Table, TableView};

/// What every model's frames have to bring.
pub const PATHS: [&str; 4] = ["probe/target", "probe/own/tokens", "probe/own/probabilities", "probe/probabilities"];

/// A token that was chosen.
#[derive(Clone, Debug, PartialEq)]
struct Chosen {
    symbol: String,
    /// How probable it was, in per cent.
    certainty: u32,
    right: bool,
}

/// Two answers of a model.
#[derive(Clone, Debug, Default, PartialEq)]
struct Answers {
    forced: Vec<Chosen>,
    free: Vec<Chosen>,
}

impl Answers {
    /// The first step at which the free answer is wrong.
    fn divergence(&self) -> Option<usize> {
        self.free.iter().position(|chosen| !chosen.right)
    }
}

/// The same string for all models.
#[component]
pub fn AnswersView() -> impl IntoView {
    let lab = Lab::here();
    let right = Memo::new(move |_| {
        lab.any_frame.track();
        target(lab).map(|target| symbols(lab, &target))
    });
    let truth = move || match right.get() {
        Some(right) if !right.is_empty() => {
            right.into_iter().map(|symbol| cell(&symbol, None)).collect_view().into_any()
        }
        Some(_) => {
            view! { <em>"This says nothing that has an answer; see what the models make of it."</em> }.into_any()
        }
        None => ().into_any(),
    };
    let models = lab.runs().into_iter().map(|run| view! { <OfModel run/> }).collect_view();
    view! {
        <section class="card" aria-labelledby="answers-title">
            <header>
                <h2 id="answers-title">"One string, every model"</h2>
                <p class="caption">
                    "\u{201c}Forced\u{201d}: at every step the model is shown the right symbols before it, as in training. \
                     \u{201c}Free\u{201d}: it reads what it wrote itself. Wrong symbols are struck; the bar is how sure it was."
                </p>
            </header>
            <ProbeField label="The string" longest=64/>
            <div class="transcript">
                <p class="answer"><b>"right answer"</b><span class="tokens">{truth}</span></p>
                {models}
            </div>
            <TableView caption="The answers, step by step" table/>
        </section>
    }
}

#[component]
fn OfModel(run: Lab) -> impl IntoView {
    let found = Memo::new(move |_| {
        run.frame.track();
        answers(run)
    });
    let line = move |free: bool| {
        found.with(|found| {
            let (tokens, divergence) = if free { (&found.free, found.divergence()) } else { (&found.forced, None) };
            let token = |(at, chosen): (usize, &Chosen)| {
                let mark = if divergence == Some(at) { "first" } else { "" };
                cell(&chosen.symbol, Some((chosen, mark)))
            };
            tokens.iter().enumerate().map(token).collect_view()
        })
    };
    let verdict = move || {
        found.with(|found| match found.divergence() {
            _ if found.free.is_empty() => String::new(),
            None => "right".to_owned(),
            Some(at) => format!("leaves the track at step {}", at + 1),
        })
    };
    let name = if run.name().is_empty() { "the model" } else { run.name() };
    view! {
        <div class="of-model" role="group" aria-label=name>
            <p class="model-name"><b>{name}</b>" "<span class="caption">{verdict}</span></p>
            <p class="answer"><span class="way">"forced"</span><span class="tokens">{move || line(false)}</span></p>
            <p class="answer"><span class="way">"free"</span><span class="tokens">{move || line(true)}</span></p>
        </div>
    }
}

/// A symbol; of an answer, with how sure the model was and a class.
fn cell(symbol: &str, chosen: Option<(&Chosen, &'static str)>) -> AnyView {
    let symbol = format::visible(symbol).to_owned();
    let Some((Chosen { certainty, right, .. }, mark)) = chosen else {
        return view! { <i class="token">{symbol}</i> }.into_any();
    };
    let said = format!("{symbol}: {certainty} %{}", if *right { "" } else { ", wrong" });
    let class = format!("token {mark} {}", if *right { "" } else { "wrong" });
    let bar = format!("--sure:{certainty}%");
    view! { <i class=class style=bar title=said>{symbol}</i> }.into_any()
}

/// The right answer's tokens.
fn target(run: Lab) -> Option<Vec<usize>> {
    run.with_store(|store| Some(tokens(store, "probe/target")?.collect()))
}

fn tokens<'a>(store: &'a FrameStore, path: &str) -> Option<impl Iterator<Item = usize> + use<'a>> {
    Some(store.tensor(path)?.values.iter().map(|token| *token as usize))
}

/// What tokens are shown as, without the end.
fn symbols(run: Lab, tokens: &[usize]) -> Vec<String> {
    let kept = tokens.iter().filter(|token| **token != EOS as usize);
    run.model.with(|model| {
        let vocabulary = model.as_ref().map(|model| &model.vocabulary);
        kept.filter_map(|token| vocabulary?.get(*token).cloned()).collect()
    })
}

fn answers(run: Lab) -> Answers {
    let vocabulary = run.model.with(|model| model.as_ref().map(|model| model.vocabulary.clone())).unwrap_or_default();
    run.with_store(|store| {
        let target: Vec<usize> = tokens(store, "probe/target").map(Iterator::collect).unwrap_or_default();
        let own: Vec<usize> = tokens(store, "probe/own/tokens").map(Iterator::collect).unwrap_or_default();
        let chosen = |path: &str, steps: usize| -> Vec<(usize, f32)> {
            let Some(probabilities) = store.tensor(path) else { return Vec::new() };
            let row = |step| {
                let row = probabilities.row(step).iter().copied().enumerate();
                row.fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best })
            };
            (0..steps.min(probabilities.size().0)).map(row).collect()
        };
        // An unknown target leaves nothing to be wrong.
        let known = !target.is_empty();
        let token = |(at, (token, share)): (usize, (usize, f32))| Chosen {
            symbol: vocabulary.get(token).cloned().unwrap_or_default(),
            certainty: (share * 100.0) as u32,
            right: !known || target.get(at) == Some(&token),
        };
        let list = |found: Vec<(usize, f32)>| found.into_iter().enumerate().map(token).collect();
        Answers {
            forced: list(chosen("probe/probabilities", target.len())),
            free: list(chosen("probe/own/probabilities", own.len())),
        }
    })
}

fn table(lab: Lab) -> Table {
    let runs = lab.runs();
    let mut table = Table::new(["step", "right"]);
    table.head.extend(runs.iter().flat_map(|run| ["forced", "free"].map(|way| format!("{} {way}", run.name()))));
    let right = target(lab).unwrap_or_default();
    let all: Vec<Answers> = runs.iter().map(|run| answers(*run)).collect();
    let steps = all.iter().map(|found| found.free.len()).fold(right.len(), usize::max);
    let names = symbols(lab, &right);
    let said = |list: &[Chosen], at: usize| {
        list.get(at).map_or_else(String::new, |chosen| format!("{} ({} %)", chosen.symbol, chosen.certainty))
    };
    let row = |at: usize| {
        let lead = [(at + 1).to_string(), names.get(at).cloned().unwrap_or_else(|| "end".to_owned())];
        let rest = all.iter().flat_map(|found| [said(&found.forced, at), said(&found.free, at)]);
        lead.into_iter().chain(rest).collect()
    };
    table.rows = (0..steps).map(row).collect();
    table
}
