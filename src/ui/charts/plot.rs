//! Line charts on two canvases: axes below, drawn by plotters only when they change; lines above, every frame.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters_canvas::CanvasBackend;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use crate::ui::charts::axis::Axis;
use crate::ui::charts::palette::Rgb;
use crate::ui::charts::picture::Picture;

/// The size of a chart: CSS pixels and device pixels of each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Size {
    pub width: f64,
    pub height: f64,
    pub ratio: f64,
    /// The page's font size.
    pub font: f64,
}

impl Size {
    fn pixels(&self, length: f64) -> u32 {
        (length * self.ratio).round() as u32
    }

    fn font_pixels(&self) -> u32 {
        self.pixels(self.font * 0.78)
    }
}

type Area = DrawingArea<CanvasBackend, Shift>;
type Chart<'a> = ChartContext<'a, CanvasBackend, Cartesian2d<Scale, Scale>>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws the axes of `picture`.
pub fn draw_axes(canvas: &HtmlCanvasElement, picture: &Picture, size: Size, ink: Rgb) -> Drawn {
    resize(canvas, size);
    let area = area(canvas)?;
    let mut chart = chart(&area, picture, size)?;
    let (x, y) = (&picture.x, &picture.y);
    let [red, green, blue] = ink;
    let ink = RGBColor(red, green, blue);
    let family = FontFamily::Name("system-ui, sans-serif");
    let font = |scale: f64| (family, f64::from(size.font_pixels()) * scale).into_font().color(&ink);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(ink.mix(0.13).stroke_width(size.pixels(1.0)))
        .axis_style(ink.mix(0.45).stroke_width(size.pixels(1.0)))
        .set_all_tick_mark_size(size.pixels(3.0))
        .label_style(font(1.0))
        .axis_desc_style(font(1.0))
        .x_labels(x.ticks.len().max(2))
        .y_labels(y.ticks.len().max(2))
        .x_desc(x.title)
        .y_desc(y.title)
        .draw()?;
    if let Some((level, name)) = &picture.level {
        let dash = size.pixels(4.0);
        let ends = [(x.low, *level), (x.high, *level)];
        chart.draw_series(DashedLineSeries::new(ends, dash, dash, ink.mix(0.8).stroke_width(size.pixels(1.0))))?;
        let label = EmptyElement::at((x.high, *level))
            + Text::new(name.clone(), (0, -(size.pixels(3.0) as i32)), font(1.0).pos(text_right()));
        chart.draw_series(std::iter::once(label))?;
    }
    Ok(())
}

/// Draws the lines of `picture`.
pub fn draw_lines(canvas: &HtmlCanvasElement, picture: &Picture, size: Size) -> Drawn {
    resize(canvas, size);
    let area = area(canvas)?;
    let mut chart = chart(&area, picture, size)?;
    for line in &picture.lines {
        let [red, green, blue] = line.colour;
        let colour = RGBColor(red, green, blue);
        if !line.band.is_empty() {
            let upper = line.band.iter().map(|(x, _, high)| (*x, *high));
            let lower = line.band.iter().rev().map(|(x, low, _)| (*x, *low));
            chart
                .draw_series(std::iter::once(Polygon::new(upper.chain(lower).collect::<Vec<_>>(), colour.mix(0.22))))?;
        }
        let points = line.points.iter().copied();
        if line.points.len() < 3 {
            let dot = |point| Circle::new(point, size.pixels(2.0), colour.filled());
            chart.draw_series(points.clone().map(dot))?;
        }
        chart.draw_series(LineSeries::new(points, colour.stroke_width(size.pixels(1.5))))?;
    }
    Ok(())
}

fn text_right() -> plotters::style::text_anchor::Pos {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    Pos::new(HPos::Right, VPos::Bottom)
}

/// Clears the canvas, in the size it has on the screen.
fn resize(canvas: &HtmlCanvasElement, size: Size) {
    let (width, height) = (size.pixels(size.width), size.pixels(size.height));
    if canvas.width() != width || canvas.height() != height {
        canvas.set_width(width);
        canvas.set_height(height);
    } else if let Some(context) = context(canvas) {
        context.clear_rect(0.0, 0.0, f64::from(width), f64::from(height));
    }
}

/// The canvas's 2D context.
pub fn context(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    canvas.get_context("2d").ok()??.dyn_into().ok()
}

fn area(canvas: &HtmlCanvasElement) -> Result<Area, Box<dyn std::error::Error>> {
    Ok(CanvasBackend::with_canvas_object(canvas.clone()).ok_or("no canvas")?.into_drawing_area())
}

/// The same frame for axes and lines. Without a mesh nothing is measured, so that lines cost little.
fn chart<'a>(area: &'a Area, picture: &Picture, size: Size) -> Result<Chart<'a>, Box<dyn std::error::Error>> {
    let font = f64::from(size.font_pixels());
    let chart = ChartBuilder::on(area)
        .margin_top(font * 0.6)
        .margin_right(font * 1.7)
        .x_label_area_size(font * 2.7)
        .y_label_area_size(font * 4.2)
        .build_cartesian_2d(Scale::of(&picture.x), Scale::of(&picture.y))?;
    Ok(chart)
}

/// An [`Axis`] as plotters wants it: our ticks, our labels.
struct Scale {
    axis: Axis,
    linear: RangedCoordf64,
}

impl Scale {
    fn of(axis: &Axis) -> Scale {
        Scale { axis: axis.clone(), linear: (axis.low..axis.high).into() }
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.linear.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.axis.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.axis.low..self.axis.high
    }
}

impl ValueFormatter<f64> for Scale {
    fn format(value: &f64) -> String {
        value.to_string()
    }

    fn format_ext(&self, value: &f64) -> String {
        self.axis.label(*value)
    }
}
