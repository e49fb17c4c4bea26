//! SeqLab: train small sequence models in the browser and look inside while they learn.
//!
//! Dependencies point one way: `ui -> protocol <- worker -> trainer -> nn, data -> engine`. [`spec`] and [`labs`] are plain
//! data that everybody may read.

/// Whether this program has every kind of model: the page starts a smaller one where [`spec::ModelSpec::is_basic`] says it
/// does. What is behind `if EVERY_MODEL` is not in that one's download.
pub const EVERY_MODEL: bool = cfg!(feature = "every-model");

pub mod data;
pub mod engine;
pub mod labs;
pub mod nn;
pub mod number;
pub mod order;
pub mod protocol;
pub mod spec;
pub mod trainer;
pub mod ui;
pub mod wire;
pub mod worker;
