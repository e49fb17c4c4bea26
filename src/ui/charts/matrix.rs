//! Matrices as heat maps: rows downwards, columns to the right.

use leptos::prelude::*;

use crate::ui::charts::ColourScale;
use crate::ui::charts::axis;
use crate::ui::charts::marked::{MarkedMap, Paint, Place, RowsFrame, marked};
use crate::ui::charts::palette::Palette;
use crate::ui::lab::Lab;

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

    fn size(&self) -> Place {
        (self.rows, self.columns)
    }
}

/// A row and a column that is pointed at.
pub type Pointed = RwSignal<Option<Place>>;

/// A heat map that marks, with all others of the same `place`, what is pointed at.
#[component]
pub fn MatrixMap(
    /// What it shows, in words.
    label: String,
    matrix: Memo<Option<Matrix>>,
    palette: Memo<Palette>,
    ends: Signal<(f32, f32)>,
    place: Pointed,
    /// What rows and columns are.
    axes: [&'static str; 2],
) -> impl IntoView {
    let paint: Paint = Box::new(move |image| {
        matrix.with(|matrix| {
            let matrix = matrix.as_ref()?;
            palette.with(|palette| palette.paint_rows(&matrix.values, ends.get(), image));
            Some(matrix.size())
        })
    });
    let size = Signal::derive(move || matrix.with(|matrix| matrix.as_ref().map(Matrix::size).unwrap_or_default()));
    let mark = Signal::derive(move || place.get().unwrap_or_default());
    let [rows, columns] = axes;
    view! {
        <div style=move || marked(mark.get(), size.get()) class:pointed=move || place.get().is_some()>
            <RowsFrame name=rows rows=Signal::derive(move || size.get().0)>
                <MarkedMap label size mark marks=Callback::new(move |at| place.set(at)) paint/>
            </RowsFrame>
        </div>
        <p class="columns-name" aria-hidden="true">{columns}</p>
    }
}

/// A matrix of signed numbers, on a scale of its own. A click or the arrow keys choose a number.
#[component]
pub fn WeightMatrix(
    label: Signal<String>,
    read: impl Fn() -> Option<Matrix> + Send + 'static,
    /// Row and column, from 0.
    chosen: RwSignal<Place>,
) -> impl IntoView {
    let lab = Lab::here();
    let palette = Memo::new(move |_| Palette::diverging(lab.theme.get()));
    let size = RwSignal::new((1usize, 1usize));
    let reach = RwSignal::new(1.0f32);
    let paint: Paint = Box::new(move |image| {
        let matrix = read()?;
        let largest = matrix.values.iter().fold(0.0f32, |largest, number| largest.max(number.abs()));
        let end = axis::follow(f64::from(reach.get_untracked()), f64::from(largest)) as f32;
        if reach.get_untracked() != end {
            reach.set(end);
        }
        if size.get_untracked() != matrix.size() {
            size.set(matrix.size());
        }
        palette.with(|palette| palette.paint_rows(&matrix.values, (-end, end), image));
        Some(matrix.size())
    });
    let marks = Callback::new(move |place: Option<Place>| place.into_iter().for_each(|place| chosen.set(place)));
    let ends = Signal::derive(move || (-reach.get(), reach.get()));
    view! {
        <div class="matrix pointed" style=move || marked(chosen.get(), size.get())>
            <RowsFrame name="row" rows=Signal::derive(move || size.get().0)>
                <MarkedMap label role="matrix" size=size.into() mark=chosen.into() marks paint pressed=true/>
            </RowsFrame>
            <div class="foot">
                <span class="caption number">"columns 1 to "{move || size.get().1}" \u{2192}"</span>
                <ColourScale palette ends/>
            </div>
        </div>
    }
}
