//! CPU kernels, one file each, generic over [`Real`](real::Real).
pub mod binary;
pub mod real;
pub mod unary;
