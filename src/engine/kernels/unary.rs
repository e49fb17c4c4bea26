//! Elementwise functions of one tensor.

/// An elementwise function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    Neg,
    Exp,
    Ln,
    Sqrt,
    Square,
    Reciprocal,
    Sigmoid,
    Tanh,
    Relu,
    Silu,
    Gelu,
    GeluTanh,
    Softplus,
    LogSigmoid,
}
impl Unary {
    /// Its name.
    pub fn name(self) -> &'static str {
        "unary"
    }
}
