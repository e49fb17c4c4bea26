//! The CPU kernels, one file each, generic over [`Real`](real::Real), and what they know of cells, of products' notation and
//! of random numbers. They know nothing of graphs.
//!
//! Slices in, slices out, row-major; a kernel overwrites all of its outputs and allocates nothing: where it needs
//! memory, `..._scratch` says how much and the caller brings it.

pub mod attention;
pub mod binary;
pub mod cell;
mod complex;
pub mod conv;
pub mod cross_entropy;
pub mod diagonal_scan;
pub mod discretise;
pub mod dropout;
pub mod einsum;
pub mod embedding;
pub mod entries;
pub mod gemm;
mod gemv;
pub(crate) mod gru;
pub(crate) mod gru_textbook;
pub mod lanes;
pub mod layer_norm;
pub mod layout;
pub mod long_conv;
pub(crate) mod lstm;
mod math;
pub mod notation;
pub mod optim;
pub mod ragged;
pub mod real;
pub mod recurrent;
#[cfg(test)]
mod recurrent_tests;
pub mod reduce;
pub mod rng;
pub(crate) mod rnn;
pub mod selective_scan;
pub mod softmax;
#[cfg(test)]
mod testing;
pub mod tokens;
pub mod unary;
