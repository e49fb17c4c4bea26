//! Models as graphs, with PyTorch's parameter names, and their initialisation.

pub mod initialise;
pub mod jacobian;
pub mod language_model;
pub mod losses;
pub mod rollout;
