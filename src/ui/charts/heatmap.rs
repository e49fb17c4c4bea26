//! One signal of a layer over the probe text: time to the right, units downwards.

use leptos::prelude::*;

use crate::engine::cell::Signal as CellSignal;
use crate::ui::charts::marked::{MarkedMap, Paint, Place, RowsFrame};
use crate::ui::charts::palette::Palette;
use crate::ui::equation::signal_path;
use crate::ui::format;
use crate::ui::lab::{Lab, Mark};

/// A heat map that marks, with all others, what is pointed at, and opens the equation of what is clicked.
#[component]
pub fn HeatMap(signal: CellSignal, layer: usize) -> impl IntoView {
    let lab = Lab::here();
    let ends = RwSignal::new(if signal.signed { (-1.0, 1.0) } else { (0.0, 1.0) });
    let palette = Memo::new(move |_| lab.palette(signal));
    let path = StoredValue::new(signal_path(layer, signal.symbol));
    let paint: Paint = Box::new(move |image| {
        lab.frame.track();
        lab.with_store(|store| {
            let tensor = path.with_value(|path| store.tensor(path))?;
            let (steps, units) = tensor.size();
            let scale = lab.colour_scale(signal, &tensor);
            palette.with(|palette| palette.paint(tensor.values, (steps, units), scale, image));
            if ends.get_untracked() != scale {
                ends.set(scale);
            }
            Some((units, steps))
        })
    });
    let value = move || {
        let mark = lab.mark.get()?;
        lab.frame.track();
        let value = lab.with_store(|store| path.with_value(|path| store.tensor(path)?.at(mark.step, mark.unit)));
        value.map(|value| format::fixed(f64::from(value), 3))
    };
    let size = Signal::derive(move || size(lab));
    let label = Signal::derive(move || {
        let (units, steps) = size.get();
        format!(
            "Heat map of the {}: {steps} timesteps to the right, {units} units downwards. Arrow keys move the mark, Enter opens the equation.",
            signal.name
        )
    });
    let mark = Signal::derive(move || {
        let Mark { step, unit } = lab.mark.get().unwrap_or_else(|| lab.resting_mark());
        (unit, step)
    });
    view! {
        <figure class="heat">
            <figcaption>
                <b>{signal.symbol}</b>
                <span class="name">{signal.name}</span>
                <output class="number">{value}</output>
                <ColourScale palette ends=ends.into()/>
            </figcaption>
            <RowsFrame name="unit" rows=Signal::derive(move || size.get().0)>
                <MarkedMap
                    label
                    size
                    mark
                    marks=Callback::new(move |place: Option<Place>| lab.mark.set(place.map(|(unit, step)| Mark { step, unit })))
                    paint
                    opens=Callback::new(move |()| lab.open_equation(signal.symbol))
                    described_by=readout_id(lab)
                />
            </RowsFrame>
            <Characters/>
        </figure>
    }
}

/// What the colours of a view mean.
#[component]
pub fn ColourScale(palette: Memo<Palette>, ends: Signal<(f32, f32)>) -> impl IntoView {
    let end = |value: f32| match f64::from(value) {
        // Of a small reach the one digit that says how small.
        small if small.abs() < 1.0 => format::significant(small, 1),
        value => format::fixed(value, usize::from(value.fract() != 0.0)),
    };
    view! {
        <span class="scale" aria-label="Colour scale">
            <span>{move || end(ends.get().0)}</span>
            <i style:background=move || palette.with(Palette::gradient)></i>
            <span>{move || end(ends.get().1)}</span>
        </span>
    }
}

/// The id of the line that says what is marked in the maps of a model.
pub fn readout_id(lab: Lab) -> String {
    let place = if lab.place == untrack(|| lab.shown_run()).place { "" } else { "-beside" };
    format!("signals-readout{place}")
}

/// Units and timesteps of the heat maps.
fn size(lab: Lab) -> Place {
    (lab.dimensions().1, lab.probe_symbols.with(|symbols| symbols.len()))
}

/// The probe's characters under a heat map.
#[component]
fn Characters() -> impl IntoView {
    let lab = Lab::here();
    let characters = move || {
        let symbols = lab.probe_symbols.get();
        symbols.iter().map(|symbol| view! { <span>{format::visible(symbol).to_owned()}</span> }).collect_view()
    };
    view! {
        <div class="time-axis" aria-hidden="true">
            <span class="axis-name">"t \u{2192}"</span>
            <div class="characters">{characters}</div>
        </div>
    }
}
