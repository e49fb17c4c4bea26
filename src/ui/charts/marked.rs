//! What all heat maps have in common: a picture of numbers with a mark that the pointer and the arrow keys move.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::Clamped;
use web_sys::{HtmlCanvasElement, HtmlDivElement, ImageData};

use crate::ui::charts::plot::context;
use crate::ui::dom;

/// A row and a column, from 0; or how many rows and columns there are.
pub type Place = (usize, usize);

/// Fills an image, four bytes a number, row after row, and says how many rows and columns it has; `None` where there is
/// nothing to show yet.
pub type Paint = Box<dyn FnMut(&mut Vec<u8>) -> Option<Place> + Send>;

/// The picture: a pixel a number, which the style sheet stretches. The cross lies where the style's variables `--unit` (row)
/// and `--t` (column) of `--units` and `--steps` say, as [`marked`] writes them; with the class `pointed` it is seen.
#[component]
pub fn MarkedMap(
    #[prop(into)] label: Signal<String>,
    /// What kind of thing it is, to a screen reader.
    #[prop(default = "heat map")]
    role: &'static str,
    size: Signal<Place>,
    /// Where the mark is, or would be.
    mark: Signal<Place>,
    /// Told of every new place; of `None` when a mouse leaves.
    marks: Callback<Option<Place>>,
    paint: Paint,
    /// Whether pointing is not enough to move the mark, it takes a click.
    #[prop(optional)]
    pressed: bool,
    /// What a click and the Enter key do besides.
    #[prop(optional)]
    opens: Option<Callback<()>>,
    /// The id of what says more.
    #[prop(optional, into)]
    described_by: Option<String>,
) -> impl IntoView {
    let (canvas, body) = (NodeRef::<html::Canvas>::new(), NodeRef::<html::Div>::new());
    let seen = dom::watch_sight(body);
    let (mut paint, mut image) = (paint, Vec::new());
    Effect::new(move |_| {
        let Some(canvas) = canvas.get().filter(|_| seen.get()) else { return };
        if let Some(size) = paint(&mut image) {
            put(&canvas, size, &image);
        }
    });
    let point = move |event: &ev::PointerEvent| {
        if let Some(body) = body.get_untracked() {
            marks.run(Some(pointed_at(&body, event, size.get_untracked())));
        }
    };
    let keys = move |event: ev::KeyboardEvent| {
        let key = event.key();
        if let Some(opens) = opens.filter(|_| matches!(key.as_str(), "Enter" | " ")) {
            event.prevent_default();
            return opens.run(());
        }
        let Some(by) = moved_by(&key) else { return };
        event.prevent_default();
        marks.run(Some(moved(mark.get_untracked(), by, size.get_untracked())));
    };
    view! {
        <div
            class="heat-body"
            node_ref=body
            tabindex="0"
            role="application"
            aria-roledescription=role
            aria-label=label
            aria-describedby=described_by
            on:pointermove=move |event| if !pressed { point(&event) }
            on:pointerdown=move |event| point(&event)
            on:pointerleave=move |event| if !pressed && event.pointer_type() == "mouse" { marks.run(None) }
            on:click=move |_| if let Some(opens) = opens { opens.run(()) }
            on:focus=move |_| marks.run(Some(mark.get_untracked()))
            on:keydown=keys
        >
            <canvas node_ref=canvas></canvas>
            <i class="cross row"></i>
            <i class="cross column"></i>
        </div>
    }
}

/// A picture with the numbers of its rows at its left.
#[component]
pub fn RowsFrame(name: &'static str, #[prop(into)] rows: Signal<usize>, children: Children) -> impl IntoView {
    view! {
        <div class="heat-frame">
            <span class="units" aria-hidden="true">
                <span>"1"</span>
                <span class="axis-name">{name}</span>
                <span>{rows}</span>
            </span>
            {children()}
        </div>
    }
}

/// The style that puts the cross of all maps below it at a place.
pub fn marked((row, column): Place, (rows, columns): Place) -> String {
    format!("--t:{column};--unit:{row};--steps:{};--units:{}", columns.max(1), rows.max(1))
}

fn put(canvas: &HtmlCanvasElement, (rows, columns): Place, image: &[u8]) {
    let (width, height) = (columns as u32, rows as u32);
    if width == 0 || height == 0 {
        return;
    }
    if canvas.width() != width || canvas.height() != height {
        canvas.set_width(width);
        canvas.set_height(height);
    }
    let data = ImageData::new_with_u8_clamped_array_and_sh(Clamped(image), width, height);
    if let (Some(context), Ok(data)) = (context(canvas), data) {
        // Only an image of another size is refused.
        let _ = context.put_image_data(&data, 0.0, 0.0);
    }
}

fn pointed_at(body: &HtmlDivElement, event: &ev::PointerEvent, (rows, columns): Place) -> Place {
    let area = body.get_bounding_client_rect();
    let index = |at: f64, length: f64, count: usize| {
        ((at / length.max(1.0) * count as f64) as usize).min(count.saturating_sub(1))
    };
    (
        index(f64::from(event.client_y()) - area.top(), area.height(), rows),
        index(f64::from(event.client_x()) - area.left(), area.width(), columns),
    )
}

/// How far a key moves the mark: down and to the right.
fn moved_by(key: &str) -> Option<(isize, isize)> {
    Some(match key {
        "ArrowUp" => (-1, 0),
        "ArrowDown" => (1, 0),
        "ArrowLeft" => (0, -1),
        "ArrowRight" => (0, 1),
        "PageUp" => (-10, 0),
        "PageDown" => (10, 0),
        "Home" => (0, -10_000),
        "End" => (0, 10_000),
        _ => return None,
    })
}

fn moved((row, column): Place, (down, right): (isize, isize), (rows, columns): Place) -> Place {
    let along = |at: usize, by: isize, count: usize| at.saturating_add_signed(by).min(count.saturating_sub(1));
    (along(row, down, rows), along(column, right, columns))
}
