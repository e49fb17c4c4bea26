//! What a person sets.

pub mod slider;
