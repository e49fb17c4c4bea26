//! Looking at one number: the mark and its equation.

use leptos::prelude::*;

use super::{Lab, Mark};
use crate::ui::equation::Site;

impl Lab {
    /// Where the mark stands when nothing is pointed at: the open equation's place, or the chosen unit.
    pub fn resting_mark(self) -> Mark {
        let step = self.equation.with_untracked(|site| site.as_ref().map_or(0, |site| site.step));
        Mark { step, unit: self.focus.with_untracked(|focus| focus.unit) }
    }

    /// Shows the mark to somebody who came by keyboard.
    pub fn mark_focus(self) {
        if self.mark.get_untracked().is_none() {
            self.mark.set(Some(self.resting_mark()));
        }
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
        let layer = self.focus.with_untracked(|focus| focus.layer);
        let cell = untrack(|| self.cell());
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

    /// Closes the equation.
    pub fn close_equation(self) {
        self.equation.set(None);
    }
}
