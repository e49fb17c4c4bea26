//! One signal of a layer over the probe text: time to the right, units downwards.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::Clamped;
use web_sys::{HtmlCanvasElement, ImageData};

use crate::engine::cell::Signal as CellSignal;
use crate::ui::charts::palette::Palette;
use crate::ui::charts::plot::context;
use crate::ui::dom;
use crate::ui::equation::signal_path;
use crate::ui::format;
use crate::ui::lab::{Lab, Mark};

/// A heat map that marks, with all others, what is pointed at, and opens the equation of what is clicked.
#[component]
pub fn HeatMap(signal: CellSignal, layer: usize) -> impl IntoView {
    let lab = Lab::here();
    let canvas = NodeRef::<html::Canvas>::new();
    let ends = RwSignal::new(if signal.signed { (-1.0, 1.0) } else { (0.0, 1.0) });
    let palette = Memo::new(move |_| lab.palette(signal));
    let path = StoredValue::new(signal_path(layer, signal.symbol));
    let mut image = Vec::new();
    let body = NodeRef::<html::Div>::new();
    let seen = dom::watch_sight(body);
    Effect::new(move |_| {
        let Some(canvas) = canvas.get().filter(|_| seen.get()) else { return };
        lab.frame.track();
        lab.with_store(|store| {
            let Some(tensor) = path.with_value(|path| store.tensor(path)) else { return };
            let scale = lab.colour_scale(signal, &tensor);
            palette.with(|palette| palette.paint(tensor.values, tensor.size(), scale, &mut image));
            if ends.get_untracked() != scale {
                ends.set(scale);
            }
            put(&canvas, tensor.size(), &image);
        });
    });
    let value = move || {
        let mark = lab.mark.get()?;
        lab.frame.track();
        let value = lab.with_store(|store| path.with_value(|path| store.tensor(path)?.at(mark.step, mark.unit)));
        value.map(|value| format::fixed(f64::from(value), 3))
    };
    let place = move |event: &ev::PointerEvent| {
        let (step, unit) = place(&body.get_untracked()?, event, untrack(|| size(lab)));
        Some(Mark { step, unit })
    };
    let label = move || {
        let (steps, units) = size(lab);
        format!(
            "Heat map of the {}: {steps} timesteps to the right, {units} units downwards. Arrow keys move the mark, Enter opens the equation.",
            signal.name
        )
    };
    view! {
        <figure class="heat">
            <figcaption>
                <b>{signal.symbol}</b>
                <span class="name">{signal.name}</span>
                <output class="number">{value}</output>
                <ColourScale palette ends=ends.into()/>
            </figcaption>
            <div class="heat-frame">
                <span class="units" aria-hidden="true"><span>"1"</span><span class="axis-name">"unit"</span><span>{move || size(lab).1}</span></span>
                <div
                    class="heat-body"
                    node_ref=body
                    tabindex="0"
                    role="application"
                    aria-roledescription="heat map"
                    aria-label=label
                    aria-describedby=readout_id(lab)
                    on:pointermove=move |event| lab.mark.set(place(&event))
                    on:pointerdown=move |event| lab.mark.set(place(&event))
                    on:pointerleave=move |event| if event.pointer_type() == "mouse" { lab.mark.set(None) }
                    on:click=move |_| lab.open_equation(signal.symbol)
                    on:focus=move |_| lab.mark_focus()
                    on:keydown=move |event| keys(lab, signal.symbol, &event)
                >
                    <canvas node_ref=canvas></canvas>
                    <i class="cross row"></i>
                    <i class="cross column"></i>
                </div>
            </div>
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

/// Puts an image on a canvas, a pixel a number; the style sheet stretches it.
pub fn put(canvas: &HtmlCanvasElement, (steps, units): (usize, usize), image: &[u8]) {
    let (width, height) = (steps as u32, units as u32);
    if width == 0 || height == 0 {
        return;
    }
    if canvas.width() != width || canvas.height() != height {
        canvas.set_width(width);
        canvas.set_height(height);
    }
    let data = ImageData::new_with_u8_clamped_array_and_sh(Clamped(image), width, height);
    if let (Some(context), Ok(data)) = (context(canvas), data) {
        let _ = context.put_image_data(&data, 0.0, 0.0);
    }
}

/// Timesteps and units of the heat maps.
fn size(lab: Lab) -> (usize, usize) {
    (lab.probe_symbols.with(|symbols| symbols.len()), lab.dimensions().1)
}

/// The column and the row of a picture of so many columns and rows that the pointer is at.
pub fn place(
    body: &web_sys::HtmlDivElement,
    event: &ev::PointerEvent,
    (columns, rows): (usize, usize),
) -> (usize, usize) {
    let area = body.get_bounding_client_rect();
    let index = |at: f64, length: f64, count: usize| {
        ((at / length.max(1.0) * count as f64) as usize).min(count.saturating_sub(1))
    };
    (
        index(f64::from(event.client_x()) - area.left(), area.width(), columns),
        index(f64::from(event.client_y()) - area.top(), area.height(), rows),
    )
}

/// Where a key moves the mark of a picture: right and down.
pub fn moved_by(key: &str) -> Option<(isize, isize)> {
    Some(match key {
        "ArrowLeft" => (-1, 0),
        "ArrowRight" => (1, 0),
        "ArrowUp" => (0, -1),
        "ArrowDown" => (0, 1),
        "Home" => (-10_000, 0),
        "End" => (10_000, 0),
        "PageUp" => (0, -10),
        "PageDown" => (0, 10),
        _ => return None,
    })
}

fn keys(lab: Lab, symbol: &'static str, event: &ev::KeyboardEvent) {
    let key = event.key();
    if matches!(key.as_str(), "Enter" | " ") {
        event.prevent_default();
        return lab.open_equation(symbol);
    }
    let Some((right, down)) = moved_by(&key) else { return };
    event.prevent_default();
    let (steps, units) = untrack(|| size(lab));
    let moved = |at: usize, by: isize, count: usize| at.saturating_add_signed(by).min(count.saturating_sub(1));
    let mark = lab.mark.get_untracked().unwrap_or_else(|| lab.resting_mark());
    lab.mark.set(Some(Mark { step: moved(mark.step, right, steps), unit: moved(mark.unit, down, units) }));
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
