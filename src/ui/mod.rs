//! The page: everything a person sees and sets. It computes no model; all numbers come from the worker.
//!
//! [`lab`] holds the one state; [`url`] writes it into the address, [`link`] talks to the worker, [`store`] keeps what
//! came, [`views`] draw it and [`controls`] change it; [`shell`] is what every lab has around them.

pub mod charts;
pub mod code;
pub mod controls;
pub mod edits;
pub mod equation;
pub mod format;
pub mod history;
pub mod principal;
pub mod setup;
pub mod stop;
pub mod store;
pub mod text;
pub mod undo;
pub mod url;

#[cfg(target_arch = "wasm32")]
pub mod app;
#[cfg(target_arch = "wasm32")]
mod bench;
#[cfg(target_arch = "wasm32")]
mod dom;
#[cfg(target_arch = "wasm32")]
mod doors;
#[cfg(target_arch = "wasm32")]
mod help;
#[cfg(target_arch = "wasm32")]
mod lab;
#[cfg(target_arch = "wasm32")]
mod late;
#[cfg(target_arch = "wasm32")]
mod link;
#[cfg(target_arch = "wasm32")]
mod script;
#[cfg(target_arch = "wasm32")]
mod shell;
#[cfg(target_arch = "wasm32")]
mod theme;
#[cfg(target_arch = "wasm32")]
mod turns;
#[cfg(target_arch = "wasm32")]
mod views;
