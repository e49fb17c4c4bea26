//! A line chart as a component.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::HtmlCanvasElement;

use crate::ui::charts::palette::{self, Rgb, Theme};
use crate::ui::charts::picture::Picture;
use crate::ui::charts::plot::{self, Size};
use crate::ui::lab::Lab;
use crate::ui::turns::Turn;
use crate::ui::{dom, doors, late};

/// What the axes canvas shows; it is drawn again when this changes.
type Axes = (Picture, Size, Theme);

/// Draws what `picture` makes, whenever what that reads has changed.
#[component]
pub fn LineChart(
    /// What the chart shows, in words.
    label: &'static str,
    #[prop(into)] picture: Callback<Theme, Option<Picture>>,
    /// A class for its height.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let lab = Lab::here();
    let (axes, lines) = (NodeRef::<html::Canvas>::new(), NodeRef::<html::Canvas>::new());
    let size = watch_size(lines);
    let seen = dom::watch_sight(lines);
    let turn = Turn::new();
    let drawn = StoredValue::new_local(None::<Axes>);
    let read = move |theme: Theme| picture.run(theme);
    Effect::new(move |_| {
        let (theme, size) = (lab.theme.get(), size.get());
        let (Some(axes), Some(lines)) = (axes.get(), lines.get()) else { return };
        // Out of sight it is not even read: what changes then does not call it.
        if size.width < 1.0 || !seen.get() || !turn.has_come() {
            return;
        }
        let Some(mut picture) = read(theme) else { return };
        let result = plot::draw_lines(&lines, &picture, size);
        picture.lines.clear();
        let wanted = (picture, size, theme);
        let result = if drawn.with_value(|drawn| drawn.as_ref() == Some(&wanted)) {
            result
        } else {
            let result = result.and_then(|()| plot::draw_axes(&axes, &wanted.0, size, ink(&axes)));
            drawn.set_value(Some(wanted));
            result
        };
        if let Err(error) = result {
            leptos::logging::error!("{label}: {error}");
        }
    });
    let save_png = move || {
        let (Some(axes), Some(lines)) = (axes.get_untracked(), lines.get_untracked()) else { return };
        if let Some(url) = flattened([&axes, &lines], lab.theme.get_untracked().paper()) {
            dom::save_url(&file_name(label, "png"), &url);
        }
    };
    let save_svg = move || {
        let theme = lab.theme.get_untracked();
        let (Some(axes), Some(picture)) = (axes.get_untracked(), untrack(|| read(theme))) else { return };
        let size = size.get_untracked();
        late::then(lab, move || {
            let svg = doors::svg(&picture, (size.width, size.height), ink(&axes), theme.paper());
            dom::save(&file_name(label, "svg"), "image/svg+xml", &js_sys::Array::of1(&svg.into()));
        });
    };
    view! {
        <div class="chart-frame">
        <div class=format!("chart {class}") role="img" aria-label=label>
            <canvas node_ref=axes></canvas>
            <canvas node_ref=lines></canvas>
        </div>
        <p class="save-chart">
            <button type="button" class="quiet" aria-label=format!("{label}: save as PNG") on:click=move |_| save_png()>"PNG"</button>
            <button type="button" class="quiet" aria-label=format!("{label}: save as SVG") on:click=move |_| save_svg()>"SVG"</button>
        </p>
        </div>
    }
}

/// A file name of a chart's label.
fn file_name(label: &str, ending: &str) -> String {
    let short = label.split([',', ':']).next().unwrap_or(label).to_ascii_lowercase();
    format!("{}.{ending}", short.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"))
}

/// One picture of a chart's canvases, on paper.
fn flattened(layers: [&HtmlCanvasElement; 2], paper: Rgb) -> Option<String> {
    let whole: HtmlCanvasElement = document().create_element("canvas").ok()?.dyn_into().ok()?;
    whole.set_width(layers[0].width());
    whole.set_height(layers[0].height());
    let context = plot::context(&whole)?;
    context.set_fill_style_str(&palette::css(paper));
    context.fill_rect(0.0, 0.0, f64::from(whole.width()), f64::from(whole.height()));
    layers.into_iter().try_for_each(|layer| context.draw_image_with_html_canvas_element(layer, 0.0, 0.0)).ok()?;
    whole.to_data_url().ok()
}

/// The text colour that the style sheet gives the canvas.
fn ink(canvas: &HtmlCanvasElement) -> Rgb {
    let style = window().get_computed_style(canvas).ok().flatten();
    let colour = style.and_then(|style| style.get_property_value("color").ok()).unwrap_or_default();
    let mut channels = colour.split(|character: char| !character.is_ascii_digit()).filter_map(|part| part.parse().ok());
    [(); 3].map(|()| channels.next().unwrap_or(128))
}

/// The size of a canvas's box, kept current.
fn watch_size(canvas: NodeRef<html::Canvas>) -> RwSignal<Size> {
    let size = RwSignal::new(Size::default());
    Effect::new(move |_| {
        let Some(element) = canvas.get() else { return };
        let measured = element.clone();
        let measure = Closure::<dyn FnMut()>::new(move || {
            let (width, height) = (f64::from(measured.client_width()), f64::from(measured.client_height()));
            let next = Size { width, height, ratio: dom::pixel_ratio(), font: dom::font_size() };
            if size.try_get_untracked().is_some_and(|size| size != next) {
                size.set(next);
            }
        });
        if let Ok(observer) = web_sys::ResizeObserver::new(measure.as_ref().unchecked_ref()) {
            observer.observe(&element);
        }
        measure.forget();
    });
    size
}

/// Names the lines of a chart by their colours.
#[component]
pub fn Legend(names: Signal<Vec<String>>) -> impl IntoView {
    let lab = Lab::here();
    let items = move || {
        let theme = lab.theme.get();
        let item = |(at, name): (usize, String)| {
            let colour = palette::css(palette::line(theme, at));
            view! { <li><i style:background=colour></i>{name}</li> }
        };
        names.get().into_iter().enumerate().map(item).collect_view()
    };
    view! { <ul class="legend">{items}</ul> }
}
