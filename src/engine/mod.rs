//! The tensor engine: graph, autodiff, plan, kernels, backends. Knows nothing of the page.

pub mod cell;
pub mod kernels;
