//! Pictures of numbers.

pub mod axis;
pub mod palette;
