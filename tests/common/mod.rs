//! What several tests share.

// Not every test needs all of it.
#![allow(dead_code)]

pub mod comparison;
pub mod compose;
#[cfg(not(target_arch = "wasm32"))]
pub mod gpu;
pub mod op_example;
pub mod op_examples;
pub mod scan_examples;
pub mod sketch;
#[cfg(not(target_arch = "wasm32"))]
pub mod specs;
