//! What a person sees of the run.

pub mod clamping;
mod cost;
mod equation;
mod gradients;
pub mod heads;
mod learning;
mod parameters;
mod ragged;
mod reach;
mod recall;
mod sample;
mod shares;
mod signals;
mod table;
mod tagging;
mod tensors;

pub use clamping::Clamping;
pub use cost::Cost;
pub use equation::EquationPanel;
pub use gradients::Gradients;
pub use heads::Heads;
pub use learning::Learning;
pub use parameters::Parameters;
pub use ragged::Ragged;
pub use reach::Reach;
pub use recall::Recall;
pub use sample::SampleText;
pub use signals::Signals;
pub use tagging::Tagging;
pub use tensors::Tensors;
