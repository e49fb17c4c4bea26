//! The tensor engine: graph, autodiff, plan, kernels, backends. Knows nothing of the page.

pub mod backend;
pub mod cell;
pub mod einsum;
pub mod error;
pub mod graph;
pub mod kernels;
pub mod optimiser;
pub mod plan;
pub mod rng;
pub mod spectrum;
