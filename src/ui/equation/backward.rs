//! The gradient of one number of a heat map, with its own numbers: what comes back to it, and from where. L is the probe
//! text's own loss.

use super::mathml::{apply, before, equation, labelled, now, operator};
use super::{Numbers, Worked};
use crate::engine::cell::Cell;
use crate::ui::format;

/// The path of dL/dX of a signal X over the probe text.
pub fn gradient_path(layer: usize, symbol: &str) -> String {
    format!("probe_gradient/layers/{layer}/{symbol}")
}

/// dL/dX at the numbers' place, worked out where it is a product of what stands beside it; `None` where nothing came.
pub fn explain(numbers: &Numbers<'_>) -> Option<(Vec<String>, Option<f64>, f64)> {
    let engine = gradient(numbers, numbers.site.signal)?;
    let worked = match (numbers.site.cell, numbers.site.signal) {
        (Cell::Lstm, signal @ ("f" | "i" | "g" | "o" | "c")) => lstm(numbers, signal)?,
        (Cell::Gru | Cell::GruTextbook, signal @ ("z" | "n")) => gru(numbers, signal)?,
        _ => return Some((vec![equation(&[derivative(numbers.site.signal), small(engine)])], None, engine)),
    };
    Some((worked.0, Some(worked.1), engine))
}

/// dL/dX_t of the engine.
fn gradient(numbers: &Numbers<'_>, symbol: &str) -> Option<f64> {
    numbers
        .store
        .tensor(&gradient_path(numbers.site.layer, symbol))?
        .at(numbers.site.step, numbers.site.unit)
        .map(f64::from)
}

/// ∂L/∂X_t as MathML.
fn derivative(symbol: &str) -> String {
    format!("<mfrac><mrow><mo>\u{2202}</mo><mi>L</mi></mrow><mrow><mo>\u{2202}</mo>{}</mrow></mfrac>", now(symbol))
}

/// Gradients are small: three digits that count.
fn small(value: f64) -> String {
    format!("<mn>{}</mn>", format::significant(value, 3))
}

/// A small number and what it is.
fn named(value: f64, label: &str) -> String {
    format!(
        "<munder><munder><mrow>{}</mrow><mo stretchy=\"true\">\u{23df}</mo></munder><mrow>{label}</mrow></munder>",
        small(value)
    )
}

/// A product of two: as a rule, and with its numbers.
fn product(symbol: &str, incoming: (f64, &str), factor: (f64, String)) -> Worked {
    let dot = operator("\u{b7}");
    let computed = incoming.0 * factor.0;
    let label = derivative(incoming.1);
    let rule = label.clone() + &dot + &factor.1;
    let filled = named(incoming.0, &label) + &dot + &labelled(factor.0, &factor.1);
    (vec![equation(&[derivative(symbol), rule]), equation(&[derivative(symbol), filled, small(computed)])], computed)
}

/// Through c_t = f_t c_{t-1} + i_t g_t and h_t = o_t tanh(c_t).
fn lstm(numbers: &Numbers<'_>, signal: &str) -> Option<Worked> {
    let (dh, dc) = (gradient(numbers, "h")?, gradient(numbers, "c")?);
    Some(match signal {
        "f" => product("f", (dc, "c"), (numbers.before("c")?, before("c"))),
        "i" => product("i", (dc, "c"), (numbers.now("g")?, now("g"))),
        "g" => product("g", (dc, "c"), (numbers.now("i")?, now("i"))),
        "o" => product("o", (dh, "h"), (numbers.now("c")?.tanh(), apply("tanh", &now("c")))),
        _ => cell_state(numbers, dh)?,
    })
}

/// dL/dc_t: through h_t, and through c_{t+1}, where the forget gate decides how much comes back.
fn cell_state(numbers: &Numbers<'_>, dh: f64) -> Option<Worked> {
    let (o, c) = (numbers.now("o")?, numbers.now("c")?);
    let slope = o * (1.0 - c.tanh().powi(2));
    let after = |symbol: &str| format!("<msub><mi>{symbol}</mi><mrow><mi>t</mi><mo>+</mo><mn>1</mn></mrow></msub>");
    let (later, forget) = numbers.later()?;
    let dot = operator("\u{b7}");
    let next =
        format!("<mfrac><mrow><mo>\u{2202}</mo><mi>L</mi></mrow><mrow><mo>\u{2202}</mo>{}</mrow></mfrac>", after("c"));
    let slope_name = format!(
        "{}{dot}<mo>(</mo><mn>1</mn><mo>\u{2212}</mo><msup><mi>tanh</mi><mn>2</mn></msup><mo>(</mo>{}<mo>)</mo><mo>)</mo>",
        now("o"),
        now("c")
    );
    let computed = dh * slope + later * forget;
    let rule = format!("{}{dot}{slope_name}<mo>+</mo>{next}{dot}{}", derivative("h"), after("f"));
    let filled = format!(
        "{}{dot}{}<mo>+</mo>{}{dot}{}",
        named(dh, &derivative("h")),
        labelled(slope, &slope_name),
        named(later, &next),
        labelled(forget, &after("f"))
    );
    Some((vec![equation(&[derivative("c"), rule]), equation(&[derivative("c"), filled, small(computed)])], computed))
}

/// Through h_t = (1 - z) a + z b; the two GRUs differ in which is the candidate.
fn gru(numbers: &Numbers<'_>, signal: &str) -> Option<Worked> {
    let dh = gradient(numbers, "h")?;
    let (z, n, h) = (numbers.now("z")?, numbers.now("n")?, numbers.before("h")?);
    let keeps = numbers.site.cell == Cell::Gru;
    let minus = |left: &str, right: &str| format!("<mo>(</mo>{left}<mo>\u{2212}</mo>{right}<mo>)</mo>");
    Some(match (signal, keeps) {
        ("z", true) => product("z", (dh, "h"), (h - n, minus(&before("h"), &now("n")))),
        ("z", false) => product("z", (dh, "h"), (n - h, minus(&now("n"), &before("h")))),
        (_, true) => product("n", (dh, "h"), (1.0 - z, minus("<mn>1</mn>", &now("z")))),
        (_, false) => product("n", (dh, "h"), (z, now("z"))),
    })
}

impl Numbers<'_> {
    /// dL/dc and f one step later; nothing comes back after the last.
    fn later(&self) -> Option<(f64, f64)> {
        let (step, unit) = (self.site.step + 1, self.site.unit);
        let forget = self.signal("f")?;
        if step >= forget.size().0 {
            return Some((0.0, 0.0));
        }
        let gradient = self.store.tensor(&gradient_path(self.site.layer, "c"))?.at(step, unit)?;
        Some((f64::from(gradient), f64::from(forget.at(step, unit)?)))
    }
}
