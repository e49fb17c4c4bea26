//! What a person sees of the run.

pub mod clamping;
mod cost;
mod equation;
mod gradients;
pub mod heads;
mod learning;
mod parameters;
mod poles;
mod ragged;
mod reach;
mod recall;
mod sample;
pub mod selection;
mod shares;
mod signals;
mod table;
mod tagging;
mod tensors;
mod two_modes;

pub use clamping::Clamping;
pub use cost::Cost;
pub use equation::EquationPanel;
pub use gradients::Gradients;
pub use heads::Heads;
pub use learning::Learning;
pub use parameters::Parameters;
pub use poles::Poles;
pub use ragged::Ragged;
pub use reach::Reach;
pub use recall::Recall;
pub use sample::SampleText;
pub use selection::Selection;
pub use signals::Signals;
pub use tagging::Tagging;
pub use tensors::Tensors;
pub use two_modes::TwoModes;
