//! The page's colours for numbers: one diverging palette for signed values, one sequential for gates, and the colours
//! of lines. Safe for colour-blind eyes, the same in every view; zero is near the paper, in light and in dark.

/// Whether the page is light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark ink on light paper.
    #[default]
    Light,
    /// Light ink on dark paper.
    Dark,
}

impl Theme {
    /// The colour of the cards that charts are on, as in the style sheet.
    pub fn paper(self) -> Rgb {
        match self {
            Theme::Light => [255, 255, 255],
            Theme::Dark => [0x1a, 0x1c, 0x20],
        }
    }
}

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// A colour scale for 256 values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    colours: [Rgb; 256],
}

const fn hex(code: u32) -> Rgb {
    [(code >> 16) as u8, (code >> 8) as u8, code as u8]
}

/// Blue for below zero, the paper for zero, orange for above.
const DIVERGING: [[Rgb; 7]; 2] = [
    [hex(0x0a3a78), hex(0x2f6fb7), hex(0x8fbbe0), hex(0xf6f5f2), hex(0xf2b77c), hex(0xc96a17), hex(0x7a3300)],
    [hex(0xa8d4ff), hex(0x4f9ae6), hex(0x1f5594), hex(0x1a1c20), hex(0x99500f), hex(0xe8872e), hex(0xffd3a1)],
];

/// From the paper, a closed gate, to deep green, an open one.
const SEQUENTIAL: [[Rgb; 5]; 2] = [
    [hex(0xf6f5f2), hex(0xb9ddcf), hex(0x5fae9d), hex(0x1c726a), hex(0x073b3a)],
    [hex(0x1a1c20), hex(0x1c4a47), hex(0x2b8176), hex(0x6fc4ad), hex(0xdcfbef)],
];

/// Colours of lines: Okabe and Ito's, darkened or lightened to stand out from the paper.
const LINES: [[Rgb; 8]; 2] = [
    [
        hex(0x1f5fa8),
        hex(0xc15a0e),
        hex(0x0c7d63),
        hex(0xa8447f),
        hex(0x6b5b00),
        hex(0x2a93c4),
        hex(0x7b3f1d),
        hex(0x5b5f66),
    ],
    [
        hex(0x6fb1f5),
        hex(0xf29a4a),
        hex(0x4cc9a4),
        hex(0xe38fc0),
        hex(0xe0cf53),
        hex(0x8fdcff),
        hex(0xd2a07f),
        hex(0xb4b8bf),
    ],
];

impl Default for Palette {
    fn default() -> Self {
        Palette::diverging(Theme::Light)
    }
}

impl Palette {
    /// For signed values: -1 to 1.
    pub fn diverging(theme: Theme) -> Palette {
        Palette::through(&DIVERGING[theme as usize])
    }

    /// For gates: 0 to 1.
    pub fn sequential(theme: Theme) -> Palette {
        Palette::through(&SEQUENTIAL[theme as usize])
    }

    fn through(stops: &[Rgb]) -> Palette {
        let mut colours = [[0; 3]; 256];
        for (at, colour) in colours.iter_mut().enumerate() {
            let place = at as f32 / 255.0 * (stops.len() - 1) as f32;
            let left = (place as usize).min(stops.len() - 2);
            let share = place - left as f32;
            for channel in 0..3 {
                let (from, to) = (f32::from(stops[left][channel]), f32::from(stops[left + 1][channel]));
                colour[channel] = (from + (to - from) * share).round() as u8;
            }
        }
        Palette { colours }
    }

    /// The colour of `value` on a scale from `low` to `high`; what is outside gets the end's colour.
    pub fn colour(&self, value: f32, low: f32, high: f32) -> Rgb {
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        self.colours[(share * 255.0 + 0.5) as usize]
    }

    /// The scale as a CSS gradient, low to high.
    pub fn gradient(&self) -> String {
        let stops: Vec<String> = (0..=16).map(|at| css(self.colours[at * 255 / 16])).collect();
        format!("linear-gradient(to right,{})", stops.join(","))
    }

    /// Paints a matrix, row after row, as it lies.
    pub fn paint_rows(&self, values: &[f32], (low, high): (f32, f32), image: &mut Vec<u8>) {
        image.clear();
        for value in values {
            image.extend(self.colour(*value, low, high));
            image.push(255);
        }
    }

    /// Paints values [T, H] as an image of H rows and T columns: units downwards, time to the right.
    pub fn paint(&self, values: &[f32], (steps, units): (usize, usize), (low, high): (f32, f32), image: &mut Vec<u8>) {
        image.resize(steps * units * 4, 255);
        for (t, row) in values.chunks_exact(units.max(1)).take(steps).enumerate() {
            for (unit, &value) in row.iter().enumerate() {
                let [red, green, blue] = self.colour(value, low, high);
                image[(unit * steps + t) * 4..][..4].copy_from_slice(&[red, green, blue, 255]);
            }
        }
    }
}

/// The colour of line `at`.
pub fn line(theme: Theme, at: usize) -> Rgb {
    LINES[theme as usize][at % LINES[0].len()]
}

/// The colour of line `at` for what no longer counts: most of it is paper.
pub fn faint(theme: Theme, at: usize) -> Rgb {
    let (paper, line) = (theme.paper(), line(theme, at));
    [0, 1, 2].map(|channel| ((u16::from(paper[channel]) * 2 + u16::from(line[channel])) / 3) as u8)
}

/// A colour as CSS writes it.
pub fn css([red, green, blue]: Rgb) -> String {
    format!("rgb({red} {green} {blue})")
}

/// As a file for other programs names a colour.
pub fn code([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Black or white, whichever is read better on `paper`: the better contrast is never below 4.58 (WCAG 2.2, 1.4.3 asks 4.5).
pub fn ink_on(paper: Rgb) -> &'static str {
    let against = luminance(paper);
    if (against + 0.05) * (against + 0.05) > 0.05 * 1.05 { "#000" } else { "#fff" }
}

/// Relative luminance (WCAG 2.2).
fn luminance([red, green, blue]: Rgb) -> f32 {
    let linear = |channel: u8| {
        let share = f32::from(channel) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lightness_tells_the_value() {
        for (theme, sign) in [(Theme::Light, -1.0), (Theme::Dark, 1.0)] {
            let sequential = Palette::sequential(theme);
            let diverging = Palette::diverging(theme);
            for at in 1..=50 {
                let (less, more) = ((at - 1) as f32 / 50.0, at as f32 / 50.0);
                let rises = |palette: &Palette, a: f32, b: f32| {
                    (luminance(palette.colour(b, -1.0, 1.0)) - luminance(palette.colour(a, -1.0, 1.0))) * sign > 0.0
                };
                assert!(rises(&sequential, less * 2.0 - 1.0, more * 2.0 - 1.0));
                assert!(rises(&diverging, less, more) && rises(&diverging, -less, -more));
            }
        }
    }

    #[test]
    fn numbers_are_read_on_every_colour() {
        for theme in [Theme::Light, Theme::Dark] {
            for palette in [Palette::sequential(theme), Palette::diverging(theme)] {
                for paper in palette.colours {
                    let ink = if ink_on(paper) == "#000" { 0.0 } else { 1.0 };
                    let (low, high) = (luminance(paper).min(ink) + 0.05, luminance(paper).max(ink) + 0.05);
                    assert!(high / low >= 4.5, "{paper:?}: {}", high / low);
                }
            }
        }
    }

    #[test]
    fn values_outside_take_the_ends() {
        let palette = Palette::sequential(Theme::Light);
        assert_eq!(palette.colour(9.0, 0.0, 1.0), palette.colour(1.0, 0.0, 1.0));
        assert_eq!(palette.colour(f32::NAN, 0.0, 1.0), palette.colour(0.0, 0.0, 1.0));
    }

    #[test]
    fn a_picture_has_units_downwards() {
        let palette = Palette::sequential(Theme::Light);
        let mut image = Vec::new();
        palette.paint(&[0.0, 0.0, 0.0, 1.0], (2, 2), (0.0, 1.0), &mut image);
        assert_eq!(image[12..15], palette.colour(1.0, 0.0, 1.0));
        assert_eq!(image[4..7], palette.colour(0.0, 0.0, 1.0));
    }
}
