//! What a person sees of the run.

mod equation;
mod gradients;
mod learning;
mod sample;
mod signals;
mod table;
mod tensors;

pub use equation::EquationPanel;
pub use gradients::Gradients;
pub use learning::Learning;
pub use sample::SampleText;
pub use signals::Signals;
pub use tensors::Tensors;
