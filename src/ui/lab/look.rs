//! Looking at one number: the mark and its equation.

use leptos::prelude::*;

use super::{Lab, Mark};
use crate::engine::cell::Signal;
use crate::ui::charts::axis;
use crate::ui::charts::palette::Palette;
use crate::ui::equation::Site;
use crate::ui::store::Tensor;

impl Lab {
    /// Where the mark stands when nothing is pointed at: the open equation's place, or the chosen unit.
    pub fn resting_mark(self) -> Mark {
        let step = self.equation.with_untracked(|site| site.as_ref().map_or(0, |site| site.step));
        Mark { step, unit: self.focus.with_untracked(|focus| focus.unit) }
    }

    /// Opens the equation of the marked number of `symbol`, whose unit becomes the chosen one.
    pub fn open_equation(self, symbol: &'static str) {
        let mark = self.mark.get_untracked().unwrap_or_else(|| self.resting_mark());
        self.focus.update(|focus| {
            focus.unit = mark.unit;
            symbol.clone_into(&mut focus.signal);
        });
        self.show_equation(symbol, mark);
    }

    /// Opens the equation of one number.
    pub fn show_equation(self, signal: &'static str, mark: Mark) {
        let symbols = self.probe_symbols.get_untracked();
        let Some(character) = symbols.get(mark.step).cloned() else { return };
        let (cell, layers) = untrack(|| (self.cell(), self.dimensions().0));
        let layer = self.focus.with_untracked(|focus| focus.layer).min(layers - 1);
        self.close_equations();
        self.equation.set(Some(Site { cell, layer, signal, unit: mark.unit, step: mark.step, character }));
    }

    /// Opens the equation of the signal that colours the text.
    pub fn open_chosen(self, mark: Mark) {
        let symbol = self.focus.with_untracked(|focus| focus.signal.clone());
        let signals = untrack(|| self.cell()).signals();
        if let Some(signal) = signals.iter().find(|signal| signal.symbol == symbol) {
            self.show_equation(signal.symbol, mark);
        }
    }

    /// The palette of a signal, the same wherever it is shown.
    pub fn palette(self, signal: Signal) -> Palette {
        let theme = self.theme.get();
        if signal.signed { Palette::diverging(theme) } else { Palette::sequential(theme) }
    }

    /// The ends of a signal's colour scale: 0 to 1 for gates, -1 to 1 for tanh values, and for what may grow further
    /// as far as it goes, in round steps.
    pub fn colour_scale(self, signal: Signal, tensor: &Tensor) -> (f32, f32) {
        if !signal.signed {
            return (0.0, 1.0);
        }
        let largest = tensor.values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let reach = self.reaches.try_update_value(|reaches| {
            let reach = reaches.entry((signal.symbol, self.place)).or_insert(1.0);
            *reach = if largest <= 1.0 { 1.0 } else { axis::follow(f64::from(*reach), f64::from(largest)) as f32 };
            // Models side by side have one scale.
            let shown = untrack(|| [Some(self.shown_run()), self.run_beside()]).into_iter().flatten();
            let reaches = shown.filter_map(|run| reaches.get(&(signal.symbol, run.place)).copied());
            reaches.fold(1.0, f32::max)
        });
        let reach = reach.unwrap_or(1.0);
        (-reach, reach)
    }

    /// Closes the equation.
    pub fn close_equation(self) {
        self.equation.set(None);
    }

    /// Closes every model's equation; says whether one was open.
    pub fn close_equations(self) -> bool {
        let open = self.runs().into_iter().filter(|run| run.equation.with_untracked(Option::is_some));
        open.map(Lab::close_equation).count() > 0
    }

    /// Whether an equation is open, of whichever model.
    pub fn reads_equation(self) -> bool {
        self.runs().iter().any(|run| run.equation.with(Option::is_some))
    }
}
