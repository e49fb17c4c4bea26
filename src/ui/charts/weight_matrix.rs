//! A matrix of signed numbers, of which one is chosen.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;

use crate::ui::charts::ColourScale;
use crate::ui::charts::axis;
use crate::ui::charts::heatmap::{moved_by, place, put};
use crate::ui::charts::palette::Palette;
use crate::ui::dom;
use crate::ui::lab::Lab;

/// Numbers, row after row, and how many rows and columns they are.
type Numbers = (Vec<f32>, (usize, usize));

/// A picture of what `read` gives: rows downwards, columns to the right. A click or the arrow keys choose a number.
#[component]
pub fn WeightMatrix(
    label: Signal<String>,
    read: impl Fn() -> Option<Numbers> + Send + Sync + 'static,
    /// Row and column, from 0.
    chosen: RwSignal<(usize, usize)>,
) -> impl IntoView {
    let lab = Lab::here();
    let canvas = NodeRef::<html::Canvas>::new();
    let body = NodeRef::<html::Div>::new();
    let palette = Memo::new(move |_| Palette::diverging(lab.theme.get()));
    let size = RwSignal::new((1usize, 1usize));
    let reach = RwSignal::new(1.0f32);
    let seen = dom::watch_sight(body);
    let mut image = Vec::new();
    Effect::new(move |_| {
        let Some(canvas) = canvas.get().filter(|_| seen.get()) else { return };
        let Some((numbers, (rows, columns))) = read() else { return };
        let largest = numbers.iter().fold(0.0f32, |largest, number| largest.max(number.abs()));
        let end = axis::follow(f64::from(reach.get_untracked()), f64::from(largest)) as f32;
        if reach.get_untracked() != end {
            reach.set(end);
        }
        if size.get_untracked() != (rows, columns) {
            size.set((rows, columns));
        }
        // A picture has its first index to the right.
        let turned: Vec<f32> =
            (0..columns).flat_map(|c| numbers.iter().skip(c).step_by(columns.max(1)).copied()).collect();
        palette.with(|palette| palette.paint(&turned, (columns, rows), (-end, end), &mut image));
        put(&canvas, (columns, rows), &image);
    });
    let point = move |event: &ev::PointerEvent| {
        let (rows, columns) = size.get_untracked();
        if let Some(body) = body.get_untracked() {
            let (column, row) = place(&body, event, (columns, rows));
            chosen.set((row, column));
        }
    };
    let keys = move |event: ev::KeyboardEvent| {
        let Some((right, down)) = moved_by(&event.key()) else { return };
        event.prevent_default();
        let (rows, columns) = size.get_untracked();
        let moved = |at: usize, by: isize, count: usize| at.saturating_add_signed(by).min(count.saturating_sub(1));
        chosen.update(|(row, column)| (*row, *column) = (moved(*row, down, rows), moved(*column, right, columns)));
    };
    let marked = move || {
        let ((row, column), (rows, columns)) = (chosen.get(), size.get());
        format!("--t:{column};--unit:{row};--steps:{columns};--units:{rows}")
    };
    let ends = Signal::derive(move || (-reach.get(), reach.get()));
    view! {
        <div class="matrix pointed" style=marked>
            <div class="heat-frame">
                <span class="units" aria-hidden="true">
                    <span>"1"</span>
                    <span class="axis-name">"row"</span>
                    <span>{move || size.get().0}</span>
                </span>
                <div
                    class="heat-body"
                    node_ref=body
                    tabindex="0"
                    role="application"
                    aria-roledescription="matrix"
                    aria-label=label
                    on:pointerdown=move |event| point(&event)
                    on:keydown=keys
                >
                    <canvas node_ref=canvas></canvas>
                    <i class="cross row"></i>
                    <i class="cross column"></i>
                </div>
            </div>
            <div class="foot">
                <span class="caption number">"columns 1 to "{move || size.get().1}" \u{2192}"</span>
                <ColourScale palette ends/>
            </div>
        </div>
    }
}
