//! Pictures of numbers.

pub mod axis;
pub mod palette;
pub mod picture;

#[cfg(target_arch = "wasm32")]
pub mod heatmap;
#[cfg(target_arch = "wasm32")]
mod line;
#[cfg(target_arch = "wasm32")]
pub mod marked;
#[cfg(target_arch = "wasm32")]
pub mod matrix;
#[cfg(target_arch = "wasm32")]
mod plot;
#[cfg(target_arch = "wasm32")]
#[cfg(target_arch = "wasm32")]
pub use heatmap::{ColourScale, HeatMap, readout_id};
#[cfg(target_arch = "wasm32")]
pub use line::{Legend, LineChart};
pub use picture::{Line, Picture};
