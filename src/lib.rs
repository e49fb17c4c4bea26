//! SeqLab: train small sequence models in the browser and look inside while they learn.

pub mod engine;
