//! Gates and states of a layer over the probe text: linked heat maps and the text coloured by one unit.

use leptos::context::Provider;
use leptos::html;
use leptos::prelude::*;

use crate::engine::cell::Signal as CellSignal;
use crate::ui::charts::marked::marked;
use crate::ui::charts::palette::{self, Palette};
use crate::ui::charts::{ColourScale, HeatMap, readout_id};
use crate::ui::controls::{Problem, Segments, Stepper};
use crate::ui::equation::signal_path;
use crate::ui::format;
use crate::ui::lab::{Lab, Mark};
use crate::ui::late::Late;
use crate::ui::shell::{Edits, Surgery};
use crate::ui::turns::InTurn;
use crate::ui::views::table::{Table, TableView};
use crate::ui::{dom, doors};

/// The inside of the model.
#[component]
pub fn Signals() -> impl IntoView {
    let lab = Lab::here();
    let beside = move || lab.run_beside().map(|run| view! { <Provider value=run><Inside/></Provider> });
    let equation_beside = move || lab.run_beside().map(|run| view! { <Provider value=run><Equation/></Provider> });
    view! {
        <section class="card signals" aria-labelledby="signals-title">
            <header>
                <h2 id="signals-title">"Inside, step by step"</h2>
                <p class="caption">
                    "The model reads the probe below. Each row of a map is one unit, each column one timestep. "
                    "Point to mark a number everywhere; click it to see where it comes from."
                </p>
            </header>
            <Choosers/>
            {lab.shows("surgery").then(|| view! { <Surgery/> })}
            <ProbeEditor/>
            <div class="side-by-side">
                <Inside/>
                {beside}
            </div>
        </section>
        <Equation/>
        {equation_beside}
    }
}

/// Of the number that was chosen, while one is.
#[component]
fn Equation() -> impl IntoView {
    let lab = Lab::here();
    view! { <Late when=Signal::derive(move || lab.equation.with(Option::is_some)) content=doors::equation/> }
}

/// The text and the maps of one model. The mark is the same in all.
#[component]
fn Inside() -> impl IntoView {
    let lab = Lab::here();
    let shown = Memo::new(move |_| {
        let (layers, _) = lab.dimensions();
        (lab.cell(), lab.focus.with(|focus| focus.layer).min(layers - 1))
    });
    let maps = move || {
        let (cell, layer) = shown.get();
        let map = |signal: &CellSignal| {
            let signal = *signal;
            view! { <InTurn content=move || view! { <HeatMap signal layer/> }/> }
        };
        cell.signals().iter().map(map).collect_view()
    };
    let count = move || format!("maps maps-{}", shown.get().0.signals().len());
    let style = move || {
        let mark = mark_or_rest(lab);
        marked((mark.unit, mark.step), (lab.dimensions().1, lab.probe_symbols.with(|symbols| symbols.len())))
    };
    let pointed = move || lab.mark.with(Option::is_some) || lab.equation.with(Option::is_some);
    let name = move || lab.run_beside().is_some().then(|| view! { <h3>{lab.name()}</h3> });
    view! {
        <div class="inside" style=style class:pointed=pointed>
            {name}
            <Edits/>
            <InTurn content=|| view! { <ProbeText/> }/>
            <p class="readout number" id=readout_id(lab) aria-live="polite">{move || readout(lab)}</p>
            <div class=count>{maps}</div>
            <TableView caption="The chosen unit over the probe text" table/>
        </div>
    }
}

fn mark_or_rest(lab: Lab) -> Mark {
    let site = lab.equation.with(|site| site.as_ref().map_or(0, |site| site.step));
    lab.mark.get().unwrap_or_else(|| Mark { step: site, unit: lab.focus.with(|focus| focus.unit) })
}

/// Layer, unit and colouring signal.
#[component]
fn Choosers() -> impl IntoView {
    let lab = Lab::here();
    let layers = Memo::new(move |_| lab.dimensions().0);
    let units = Signal::derive(move || lab.dimensions().1);
    let layer_choices = Signal::derive(move || {
        (1..=layers.get()).map(|layer| (layer.to_string(), layer.to_string())).collect::<Vec<_>>()
    });
    let signal_choices = Signal::derive(move || {
        let signal = |signal: &CellSignal| (signal.symbol.to_owned(), signal.symbol.to_owned());
        lab.cell().signals().iter().map(signal).collect::<Vec<_>>()
    });
    let layer = Signal::derive(move || (lab.focus.with(|focus| focus.layer) + 1).to_string());
    let signal = Signal::derive(move || lab.focus.with(|focus| focus.signal.clone()));
    let unit = Signal::derive(move || lab.focus.with(|focus| focus.unit) + 1);
    let choose_layer = move |value: String| {
        let layer = value.parse::<usize>().unwrap_or(1).saturating_sub(1);
        lab.focus.update(|focus| focus.layer = layer);
        lab.close_equations();
    };
    view! {
        <div class="choosers">
            {(lab.runs().len() > 1).then(|| view! { <Beside/> })}
            <Show when=move || { layers.get() > 1 }>
                <Segments name="layer" label="Layer" choices=layer_choices value=layer choose=choose_layer/>
            </Show>
            <Segments
                name="signal"
                label="Colour by"
                choices=signal_choices
                value=signal
                choose=move |value| lab.focus.update(|focus| focus.signal = value)
            />
            <Stepper
                label="Unit"
                value=unit
                low=1
                high=units
                choose=move |unit| lab.focus.update(|focus| focus.unit = unit - 1)
            />
        </div>
    }
}

/// Which of the other models is shown beside this one.
#[component]
fn Beside() -> impl IntoView {
    const NONE: &str = "none";
    let lab = Lab::here();
    let others = lab.runs().into_iter().filter(|run| run.place != lab.place);
    let choice = |run: Lab| (run.place.to_string(), run.name().to_owned());
    let choices = std::iter::once((NONE.to_owned(), NONE.to_owned())).chain(others.map(choice)).collect::<Vec<_>>();
    let value = Signal::derive(move || lab.run_beside().map_or(NONE.to_owned(), |run| run.place.to_string()));
    let choose = move |place: String| lab.beside.set(place.parse().ok());
    view! { <Segments name="beside" label="Beside it" choices=Signal::stored(choices) value choose/> }
}

/// The probe text, coloured by the chosen signal of the chosen unit.
#[component]
fn ProbeText() -> impl IntoView {
    let lab = Lab::here();
    let palette = Memo::new(move |_| colouring(lab).map(|signal| lab.palette(signal)).unwrap_or_default());
    let text = NodeRef::<html::P>::new();
    let seen = dom::watch_sight(text);
    let colours = Memo::new(move |last: Option<&Colours>| {
        if !seen.get() {
            return last.cloned().unwrap_or_default();
        }
        lab.frame.track();
        palette.with(|palette| colours(lab, palette)).unwrap_or_default()
    });
    let ends = Signal::derive(move || colours.with(|colours| colours.ends));
    let character = move |(step, symbol): (usize, String)| {
        let paper = move || colours.with(|colours| colours.characters.get(step).copied());
        let point = move || Mark { step, unit: lab.focus.with_untracked(|focus| focus.unit) };
        let break_after = symbol == "\n";
        view! {
            <span
                style:background=move || paper().map(palette::css)
                style:color=move || paper().map(palette::ink_on)
                class:marked=move || lab.mark.get().is_some_and(|mark| mark.step == step)
                on:pointerenter=move |_| lab.mark.set(Some(point()))
                on:click=move |_| lab.open_chosen(point())
            >
                {format::visible(&symbol).to_owned()}
            </span>
            {break_after.then(|| view! { <br/> })}
        }
    };
    let characters = move || {
        let symbols = lab.probe_symbols.get();
        symbols.iter().cloned().enumerate().map(character).collect_view()
    };
    view! {
        <div class="probe" on:pointerleave=move |_| lab.mark.set(None)>
            <p class="probe-text" node_ref=text aria-label="Probe text, coloured by the chosen unit">{characters}</p>
            <ColourScale palette ends/>
        </div>
    }
}

/// The probe text, to be changed.
#[component]
fn ProbeEditor() -> impl IntoView {
    let lab = Lab::here();
    let probe = move || lab.setup.with(|setup| setup.probe_text());
    view! {
        <details class="probe-edit">
            <summary>"Probe another text"</summary>
            <input
                type="text"
                aria-label="Probe text"
                aria-describedby="probe-problem"
                maxlength="128"
                spellcheck="false"
                prop:value=probe
                on:change=move |event| lab.set("probe", &event_target_value(&event))
            />
            <Problem key="probe"/>
        </details>
    }
}

/// The colours of the probe text, and the ends of their scale.
#[derive(Clone, Default, PartialEq)]
struct Colours {
    characters: Vec<palette::Rgb>,
    ends: (f32, f32),
}

/// The signal that colours the probe text.
fn colouring(lab: Lab) -> Option<CellSignal> {
    lab.focus.with(|focus| lab.cell().signals().iter().find(|signal| signal.symbol == focus.signal).copied())
}

fn colours(lab: Lab, palette: &Palette) -> Option<Colours> {
    let (layer, unit) = lab.focus.with(|focus| (focus.layer.min(lab.dimensions().0 - 1), focus.unit));
    let signal = colouring(lab)?;
    lab.with_store(|store| {
        let tensor = store.tensor(&signal_path(layer, signal.symbol))?;
        let (low, high) = lab.colour_scale(signal, &tensor);
        let colour = |step| palette.colour(tensor.at(step, unit).unwrap_or(0.0), low, high);
        Some(Colours { characters: (0..tensor.size().0).map(colour).collect(), ends: (low, high) })
    })
}

/// What the mark points at, with every signal's value.
fn readout(lab: Lab) -> String {
    let Some(mark) = lab.mark.get() else {
        return "Point at a map to read its numbers.".to_owned();
    };
    lab.frame.track();
    let layer = lab.focus.with(|focus| focus.layer).min(lab.dimensions().0 - 1);
    let character = lab.probe_symbols.with(|symbols| symbols.get(mark.step).cloned()).unwrap_or_default();
    let place = format!(
        "t\u{a0}{}  \u{201c}{}\u{201d}  unit\u{a0}{}",
        mark.step + 1,
        format::visible(&character),
        mark.unit + 1
    );
    lab.with_store(|store| {
        let value = |signal: &CellSignal| {
            let value = store.tensor(&signal_path(layer, signal.symbol))?.at(mark.step, mark.unit)?;
            Some(format!("  {}\u{a0}{}", signal.symbol, format::fixed(f64::from(value), 3)))
        };
        place + &lab.cell().signals().iter().filter_map(value).collect::<String>()
    })
}

fn table(lab: Lab) -> Table {
    let focus = lab.focus.get();
    let signals = lab.cell().signals();
    let mut table = Table::new(["t", "character"]);
    table.head.extend(signals.iter().map(|signal| format!("{} ({})", signal.symbol, signal.name)));
    let symbols = lab.probe_symbols.get();
    table.rows = lab.with_store(|store| {
        let value = |symbol: &str, step: usize| {
            let value = store.tensor(&signal_path(focus.layer, symbol)).and_then(|tensor| tensor.at(step, focus.unit));
            value.map_or_else(String::new, |value| format::fixed(f64::from(value), 3))
        };
        let row = |(step, symbol): (usize, &String)| {
            let mut row = vec![(step + 1).to_string(), format::visible(symbol).to_owned()];
            row.extend(signals.iter().map(|signal| value(signal.symbol, step)));
            row
        };
        symbols.iter().enumerate().map(row).collect()
    });
    table
}
