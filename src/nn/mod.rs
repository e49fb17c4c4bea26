//! Models as graphs, with PyTorch's parameter names, and their initialisation.

pub mod initialise;
pub mod language_model;
pub mod recurrent;
