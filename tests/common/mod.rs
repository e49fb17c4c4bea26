//! What several tests share.

// Not every test needs all of it.
#![allow(dead_code)]

pub mod compose;
pub mod gpu;
pub mod op_examples;
pub mod sketch;
