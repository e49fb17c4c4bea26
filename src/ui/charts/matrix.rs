//! A matrix as a heat map: rows downwards, columns to the right.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;

use crate::ui::charts::heatmap::{self, moved_by, put};
use crate::ui::charts::palette::Palette;

/// Numbers, row after row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f32>,
}

impl Matrix {
    /// The number at a row and a column.
    pub fn at(&self, row: usize, column: usize) -> Option<f32> {
        (column < self.columns).then(|| self.values.get(row * self.columns + column).copied()).flatten()
    }
}

/// A row and a column that is pointed at.
pub type Place = RwSignal<Option<(usize, usize)>>;

/// A heat map that marks, with all others of the same `place`, what is pointed at.
#[component]
pub fn MatrixMap(
    /// What it shows, in words.
    label: String,
    matrix: Memo<Option<Matrix>>,
    palette: Memo<Palette>,
    ends: Signal<(f32, f32)>,
    place: Place,
    /// What rows and columns are.
    axes: [&'static str; 2],
) -> impl IntoView {
    let (canvas, body) = (NodeRef::<html::Canvas>::new(), NodeRef::<html::Div>::new());
    Effect::new(move |_| {
        let Some(canvas) = canvas.get() else { return };
        matrix.with(|matrix| {
            let Some(matrix) = matrix else { return };
            let (low, high) = ends.get();
            let image: Vec<u8> = palette.with(|palette| {
                let pixel = |value: &f32| {
                    let [red, green, blue] = palette.colour(*value, low, high);
                    [red, green, blue, 255]
                };
                matrix.values.iter().flat_map(pixel).collect()
            });
            put(&canvas, (matrix.columns, matrix.rows), &image);
        });
    });
    let size = move || matrix.with(|matrix| matrix.as_ref().map_or((0, 0), |matrix| (matrix.rows, matrix.columns)));
    let point = move |event: &ev::PointerEvent| {
        let Some(body) = body.get_untracked() else { return };
        let (rows, columns) = untrack(size);
        let (column, row) = heatmap::place(&body, event, (columns, rows));
        place.set(Some((row, column)));
    };
    let keys = move |event: ev::KeyboardEvent| {
        let Some((right, down)) = moved_by(&event.key()) else { return };
        event.prevent_default();
        let (rows, columns) = untrack(size);
        let (row, column) = place.get_untracked().unwrap_or_default();
        let moved = |at: usize, by: isize, count: usize| at.saturating_add_signed(by).min(count.saturating_sub(1));
        place.set(Some((moved(row, down, rows), moved(column, right, columns))));
    };
    let marked = move || {
        let ((rows, columns), (row, column)) = (size(), place.get().unwrap_or_default());
        format!("--t:{column};--unit:{row};--steps:{};--units:{}", columns.max(1), rows.max(1))
    };
    let [rows, columns] = axes;
    view! {
        <div class="heat-frame">
            <span class="units" aria-hidden="true">
                <span>"1"</span>
                <span class="axis-name">{rows}</span>
                <span>{move || size().0}</span>
            </span>
            <div
                class="map-body"
                style=marked
                class:pointed=move || place.get().is_some()
                node_ref=body
                tabindex="0"
                role="application"
                aria-roledescription="heat map"
                aria-label=label
                on:pointermove=move |event| point(&event)
                on:pointerdown=move |event| point(&event)
                on:pointerleave=move |event| if event.pointer_type() == "mouse" { place.set(None) }
                on:keydown=keys
            >
                <canvas node_ref=canvas></canvas>
                <i class="cross row"></i>
                <i class="cross column"></i>
            </div>
        </div>
        <p class="columns-name" aria-hidden="true">{columns}</p>
    }
}
