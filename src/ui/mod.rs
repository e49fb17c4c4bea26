//! The page: everything a person sees and sets. It computes no model; all numbers come from the worker.

pub mod charts;
pub mod controls;
pub mod equation;
pub mod format;
pub mod history;
pub mod setup;
pub mod store;
pub mod text;
pub mod undo;
pub mod url;
