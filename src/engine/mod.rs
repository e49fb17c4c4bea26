//! The tensor engine: graph, autodiff, plan, kernels, backends. Knows nothing of the page.

pub mod backend;
pub mod error;
pub mod graph;
pub mod optimiser;
pub mod plan;
pub mod spectrum;

pub use seqlab_kernels as kernels;
pub use seqlab_kernels::{cell, notation as einsum, rng};
