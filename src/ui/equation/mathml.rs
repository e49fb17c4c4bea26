//! The little MathML that the equations need, as text.

use crate::ui::format;

/// A name with the index t.
pub fn now(symbol: &str) -> String {
    format!("<msub><mi>{symbol}</mi><mi>t</mi></msub>")
}

/// A name with the index t − 1.
pub fn before(symbol: &str) -> String {
    format!("<msub><mi>{symbol}</mi><mrow><mi>t</mi><mo>\u{2212}</mo><mn>1</mn></mrow></msub>")
}

/// A weight or bias with its index.
pub fn indexed(symbol: &str, index: &str) -> String {
    format!("<msub><mi>{symbol}</mi><mi mathvariant=\"normal\">{index}</mi></msub>")
}

/// A number with three decimals; in brackets where it is negative.
pub fn number(value: f64) -> String {
    let digits = format!("<mn>{}</mn>", format::fixed(value, 3));
    if value < -0.0005 { format!("<mrow><mo>(</mo>{digits}<mo>)</mo></mrow>") } else { digits }
}

/// A number that stands alone.
pub fn result(value: f64) -> String {
    format!("<mn>{}</mn>", format::fixed(value, 3))
}

/// A number and, under a brace, what it is.
pub fn labelled(value: f64, label: &str) -> String {
    format!(
        "<munder><munder><mrow>{}</mrow><mo stretchy=\"true\">\u{23df}</mo></munder><mrow>{label}</mrow></munder>",
        number(value)
    )
}

/// An operator.
pub fn operator(sign: &str) -> String {
    format!("<mo>{sign}</mo>")
}

/// Words.
pub fn text(words: &str) -> String {
    format!("<mtext>{}</mtext>", format::escaped(words))
}

/// A function's value.
pub fn apply(function: &str, argument: &str) -> String {
    format!("<mrow><mi>{function}</mi><mo>(</mo>{argument}<mo>)</mo></mrow>")
}

/// Several parts with a sign between them.
pub fn joined(parts: &[String], sign: &str) -> String {
    parts.join(&operator(sign))
}

/// A whole equation.
pub fn equation(parts: &[String]) -> String {
    format!("<math display=\"block\"><mrow>{}</mrow></math>", parts.join("<mo>=</mo>"))
}
