//! The engine's worker: [`lab::Lab`] does what commands say; [`browser`] is its message loop.

#[cfg(target_arch = "wasm32")]
pub mod browser;
pub mod lab;
