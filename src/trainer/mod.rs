//! Training: a [`session::Session`] from a spec and a text, what the views observe, and the benchmark.

pub mod bench;
pub mod device;
pub mod model;
pub mod observer;
pub mod session;
