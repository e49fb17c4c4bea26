//! What a chart shows, whoever draws it.

use std::fmt::Write as _;

use crate::ui::charts::axis::Axis;
use crate::ui::charts::palette::{Rgb, code};
use crate::ui::format;

/// What a chart shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
    /// A level to compare with, and its name.
    pub level: Option<(f64, String)>,
}

/// A line of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    pub colour: Rgb,
    pub points: Vec<(f64, f64)>,
    /// Lowest and highest value at each place, where steps were merged.
    pub band: Vec<(f64, f64, f64)>,
}

/// Edges of the drawing around the plot, in the SVG's units: left, right, top, bottom.
const EDGES: (f64, f64, f64, f64) = (56.0, 20.0, 10.0, 40.0);

impl Picture {
    /// The picture as a file of its own.
    pub fn svg(&self, (width, height): (f64, f64), ink: Rgb, paper: Rgb) -> String {
        let (left, right, top, bottom) = EDGES;
        let (plot_width, plot_height) = (width - left - right, height - top - bottom);
        let share = |value: f64, axis: &Axis| ((value - axis.low) / (axis.high - axis.low)).clamp(0.0, 1.0);
        let x = |value: f64| left + plot_width * share(value, &self.x);
        let y = |value: f64| top + plot_height * (1.0 - share(value, &self.y));
        let (ink, paper) = (code(ink), code(paper));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" \
             font-size=\"11\" fill=\"{ink}\"><rect width=\"100%\" height=\"100%\" fill=\"{paper}\"/>"
        );
        // Writing into a string does not fail.
        let mut put = |part: std::fmt::Arguments<'_>| _ = svg.write_fmt(part);
        let (foot, end) = (top + plot_height, left + plot_width);
        for tick in &self.y.ticks {
            let (at, label) = (y(*tick), format::escaped(&self.y.label(*tick)));
            put(format_args!("<path d=\"M{left} {at:.1}H{end}\" stroke=\"{ink}\" stroke-opacity=\".13\"/>"));
            put(format_args!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", left - 6.0, at + 4.0));
        }
        for tick in &self.x.ticks {
            let label = format::escaped(&self.x.label(*tick));
            put(format_args!(
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                x(*tick),
                foot + 15.0
            ));
        }
        put(format_args!(
            "<path d=\"M{left} {top}V{foot}H{end}\" fill=\"none\" stroke=\"{ink}\" stroke-opacity=\".45\"/>"
        ));
        let titles = [&self.x, &self.y].map(|axis| format::escaped(axis.title));
        put(format_args!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            left + plot_width / 2.0,
            height - 8.0,
            titles[0]
        ));
        put(format_args!(
            "<text transform=\"translate(13 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            top + plot_height / 2.0,
            titles[1]
        ));
        if let Some((level, name)) = &self.level {
            let (at, name) = (y(*level), format::escaped(name));
            put(format_args!("<path d=\"M{left} {at:.1}H{end}\" stroke=\"{ink}\" stroke-dasharray=\"4\"/>"));
            put(format_args!("<text x=\"{end}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>", at - 4.0));
        }
        for line in &self.lines {
            let points: Vec<String> =
                line.points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
            let (points, colour) = (points.join(" "), code(line.colour));
            put(format_args!("<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"));
        }
        svg + "</svg>"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_svg_has_every_line_inside_its_edges() {
        let line = |value: f64| Line { colour: [1, 2, 3], points: vec![(0.0, value), (10.0, 9e9)], band: Vec::new() };
        let picture = Picture {
            x: Axis::linear("step & more", 0.0, 10.0, 5),
            y: Axis::linear("loss", 0.0, 2.0, 4),
            lines: vec![line(0.0), line(1.0)],
            level: Some((1.0, "chance <1>".to_owned())),
        };
        let svg = picture.svg((400.0, 200.0), [0; 3], [255; 3]);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("56.0,160.0 380.0,10.0") && svg.contains("56.0,85.0 380.0,10.0"), "{svg}");
        assert!(svg.contains("step &amp; more") && svg.contains("chance &lt;1"), "{svg}");
    }
}
