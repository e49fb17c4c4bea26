//! Pictures of numbers.

pub mod axis;
pub mod palette;

#[cfg(target_arch = "wasm32")]
mod heatmap;
#[cfg(target_arch = "wasm32")]
mod line;
#[cfg(target_arch = "wasm32")]
mod plot;

#[cfg(target_arch = "wasm32")]
pub use heatmap::{ColourScale, HeatMap};
#[cfg(target_arch = "wasm32")]
pub use line::{Legend, LineChart};
#[cfg(target_arch = "wasm32")]
pub use plot::{Line, Picture};
