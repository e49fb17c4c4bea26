//! Training: a [`session::Session`] from a spec and a text, what the views observe, what is kept
//! on disk, and the benchmark.

pub mod bench;
pub mod checkpoint;
pub mod device;
pub mod model;
pub mod observer;
pub mod session;
pub mod weights;
