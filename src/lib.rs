//! SeqLab: train small sequence models in the browser and look inside while they learn.
//!
//! Dependencies point one way: `ui -> protocol <- worker -> trainer -> nn, data -> engine`. [`spec`] and [`labs`] are plain
//! data that everybody may read.

pub mod data;
pub mod engine;
pub mod labs;
pub mod late;
pub mod nn;
pub mod number;
pub mod order;
pub mod protocol;
pub mod spec;
pub mod trainer;
pub mod ui;
pub mod wire;
pub mod worker;
