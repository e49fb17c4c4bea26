//! Elementwise functions of two tensors.

/// An elementwise function of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
}
impl Binary {
    /// Its name.
    pub fn name(self) -> &'static str {
        "binary"
    }
}
