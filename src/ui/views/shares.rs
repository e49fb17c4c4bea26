//! A share of right answers against something, of several models: the curve, its level of chance, its table.

use leptos::prelude::*;

use crate::ui::charts::axis::Axis;
use crate::ui::charts::palette::{self, Theme};
use crate::ui::charts::{Line, Picture};
use crate::ui::format;
use crate::ui::lab::Lab;
use crate::ui::views::table::Table;

/// What is shown.
#[derive(Clone, Copy)]
pub struct Shares {
    /// What the share is against, and the least of it.
    pub against: (&'static str, f64),
    /// What is right, with its unit.
    pub share: &'static str,
    /// The models.
    pub runs: fn(Lab) -> Vec<Lab>,
    /// The points of one, as they were last measured; empty before.
    pub points: fn(Lab) -> Vec<(f64, f64)>,
    /// Whether guessing one of the task's symbols would be right now and then.
    pub chance: bool,
}

impl Shares {
    /// The names of the models, in the order of their colours.
    pub fn names(self, lab: Lab) -> Signal<Vec<String>> {
        Signal::stored((self.runs)(lab).iter().map(|run| run.name().to_owned()).collect())
    }

    /// The curves. The level is that of guessing one of the task's symbols.
    pub fn picture(self, lab: Lab, theme: Theme) -> Option<Picture> {
        let line = |(at, run): (usize, Lab)| Line {
            colour: palette::line(theme, at),
            points: (self.points)(run),
            band: Vec::new(),
        };
        let lines: Vec<Line> = (self.runs)(lab).into_iter().enumerate().map(line).collect();
        let last = lines.iter().flat_map(|line| line.points.iter()).map(|point| point.0).fold(8.0, f64::max);
        let chance = 1.0 / lab.setup.with_untracked(|setup| setup.spec.symbols as f64);
        let (title, first) = self.against;
        Some(Picture {
            x: Axis::linear(title, first, last, 8),
            y: Axis::linear(self.share, 0.0, 1.0, 4),
            lines,
            level: self.chance.then(|| (chance, format!("chance: {}", format::fixed(chance, 2)))),
        })
    }

    /// The same numbers, a column for each model.
    pub fn table(self, lab: Lab) -> Table {
        let runs = (self.runs)(lab);
        let columns: Vec<Vec<(f64, f64)>> = runs.iter().map(|run| (self.points)(*run)).collect();
        let mut table = Table::new([self.against.0]);
        table.head.extend(runs.iter().map(|run| format!("{}: {}", run.name(), self.share)));
        let row = |(at, (place, _)): (usize, &(f64, f64))| {
            let share = |column: &Vec<(f64, f64)>| {
                column.get(at).map_or_else(String::new, |(_, share)| format::fixed(*share, 3))
            };
            std::iter::once(format::fixed(*place, 0)).chain(columns.iter().map(share)).collect()
        };
        table.rows = columns.first().map(|first| first.iter().enumerate().map(row).collect()).unwrap_or_default();
        table
    }
}
