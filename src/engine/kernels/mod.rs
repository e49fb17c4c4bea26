//! CPU kernels, one file each, generic over [`Real`](real::Real).
pub mod real;
