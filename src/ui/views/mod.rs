//! What a person sees of the run.

pub mod clamping;
pub mod confusion;
mod equation;
mod gradients;
mod learning;
mod parameters;
mod ragged;
mod recall;
mod sample;
mod shares;
mod signals;
mod table;
mod tagging;
mod tensors;
pub mod typing;

pub use clamping::Clamping;
pub use confusion::Confusion;
pub use equation::EquationPanel;
pub use gradients::Gradients;
pub use learning::Learning;
pub use parameters::Parameters;
pub use ragged::Ragged;
pub use recall::Recall;
pub use sample::SampleText;
pub use signals::Signals;
pub use tagging::Tagging;
pub use tensors::Tensors;
pub use typing::Typing;
