//! Training: a [`session::Session`] from a spec and a text, what the views observe, and the benchmark.

pub mod bench;
pub mod decoding;
pub mod device;
pub mod model;
pub mod observer;
pub mod reward;
pub mod saturation;
pub mod schedule;
pub mod session;
