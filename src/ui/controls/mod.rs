//! What a person sets.

pub mod slider;

#[cfg(target_arch = "wasm32")]
mod number;
#[cfg(target_arch = "wasm32")]
mod probe_field;
#[cfg(target_arch = "wasm32")]
mod properties;
#[cfg(target_arch = "wasm32")]
mod segments;
#[cfg(target_arch = "wasm32")]
mod text_box;
#[cfg(target_arch = "wasm32")]
mod transport;

#[cfg(target_arch = "wasm32")]
pub use number::{NumberInput, Problem, Stepper};
#[cfg(target_arch = "wasm32")]
pub use probe_field::ProbeField;
#[cfg(target_arch = "wasm32")]
pub use properties::Settings;
#[cfg(target_arch = "wasm32")]
pub use segments::Segments;
#[cfg(target_arch = "wasm32")]
pub use text_box::{TextBox, accept_drops};
#[cfg(target_arch = "wasm32")]
pub use transport::{Transport, shortcuts};
