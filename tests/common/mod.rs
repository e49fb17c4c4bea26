//! What several test programs share; none uses all of it.
#![allow(dead_code)]

pub mod compose;
pub mod sketch;
