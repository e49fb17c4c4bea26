//! The kernels that compute, as associated functions of their number type. A generic function is compiled in the crate that
//! names its type: named here, for `f32` and `f64`, the kernels are compiled for speed and whatever calls them for size.
//! What only moves numbers (`layout`, `embedding`, ...) is called as it stands.

use super::attention::Energies;
use super::binary::Binary;
use super::cell::Cell;
use super::conv::ConvDims;
use super::diagonal_scan::{self, ScanDims};
use super::discretise::Discretisation;
use super::gemm::{Mat, Size, Start};
use super::long_conv::LongConvDims;
use super::notation::Loops;
use super::optim::{Adam, RmsProp, RmsPropState, Sgd};
use super::ragged::Sequences;
use super::recurrent::{Backward, Course, Dims, Forward};
use super::selective_scan;
use super::unary::Unary;

macro_rules! entries {
    ($($module:ident: fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?;)*) => {
        /// The kernels; each says in its file what it does.
        pub trait Kernels: Sized {
            $(#[doc = concat!("See the module `", stringify!($module), "`.")]
            fn $name($($argument: $type),*) $(-> $result)?;)*
        }
        entries!(@ f32: $($module: fn $name($($argument: $type),*) $(-> $result)?;)*);
        entries!(@ f64: $($module: fn $name($($argument: $type),*) $(-> $result)?;)*);
    };
    (@ $real:ty: $($module:ident: fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        impl Kernels for $real {
            $(#[inline(never)]
            fn $name($($argument: $type),*) $(-> $result)? {
                super::$module::$name($($argument),*)
            })*
        }
    };
}

entries! {
    attention: fn additive_energy(dims: Energies, operands: [&[Self]; 3], energies: &mut [Self], tanh: &mut [Self]);
    attention: fn additive_energy_grad(dims: Energies, operands: [&[Self]; 3], gradients: [&mut [Self]; 3]);
    attention: fn cached_attention(heads: usize, operands: [&[Self]; 3], position: &[u32], y: &mut [Self], weights: &mut [Self]);
    binary: fn binary(kind: Binary, a: &[Self], b: &[Self], y: &mut [Self]);
    binary: fn affine(scale: Self, shift: Self, x: &[Self], y: &mut [Self]);
    conv: fn conv1d_causal(dims: ConvDims, x: &[Self], weight: &[Self], y: &mut [Self], scratch: &mut [Self]);
    conv: fn conv1d_causal_grad_x(dims: ConvDims, dy: &[Self], weight: &[Self], dx: &mut [Self], scratch: &mut [Self]);
    conv: fn conv1d_causal_grad_weight(dims: ConvDims, x: &[Self], dy: &[Self], dweight: &mut [Self], scratch: &mut [Self]);
    cross_entropy: fn cross_entropy(logits: &[Self], targets: &[u32], ignore: Option<u32>, nll: &mut [Self], scratch: &mut [Self]);
    cross_entropy: fn cross_entropy_grad(logits: &[Self], targets: &[u32], ignore: Option<u32>, dnll: &[Self], dlogits: &mut [Self]);
    cross_entropy: fn argmax_equals(logits: &[Self], targets: &[u32], y: &mut [Self]);
    diagonal_scan: fn diagonal_scan(dims: ScanDims, io: diagonal_scan::Forward<'_, Self>, scratch: &mut [Self]);
    diagonal_scan: fn diagonal_scan_grad(dims: ScanDims, io: diagonal_scan::Backward<'_, Self>, scratch: &mut [Self]);
    discretise: fn discretise(rule: Discretisation, dt: &[Self], a: &[Self], b: &[Self], decay: &mut [Self], input: &mut [Self]);
    discretise: fn discretise_grad(rule: Discretisation, operands: [&[Self]; 3], gradients: [&[Self]; 2], results: [&mut [Self]; 3]);
    dropout: fn dropout(p: f32, stream: u32, key: &[u32], x: &[Self], y: &mut [Self]);
    einsum: fn einsum(loops: &Loops, a: &[Self], b: &[Self], y: &mut [Self], scratch: &mut [Self]);
    embedding: fn embedding_grad(width: usize, ids: &[u32], dy: &[Self], padding: Option<u32>, dweight: &mut [Self]);
    gemm: fn gemm(size: Size, a: Mat<'_, Self>, b: Mat<'_, Self>, c: &mut [Self], ldc: usize, start: Start<'_, Self>, scratch: &mut [Self]);
    gemm: fn pack_b(n: usize, k: usize, b: Mat<'_, Self>, packed: &mut [Self]);
    gemm: fn gemm_prepacked(size: Size, a: Mat<'_, Self>, packed: &[Self], c: &mut [Self], ldc: usize, start: Start<'_, Self>, scratch: &mut [Self]);
    layer_norm: fn layer_norm(width: usize, eps: f64, x: &[Self], y: &mut [Self]);
    layer_norm: fn layer_norm_grad(width: usize, eps: f64, x: &[Self], dy: &[Self], dx: &mut [Self], scratch: &mut [Self]);
    layout: fn transpose(rows: usize, columns: usize, x: &[Self], y: &mut [Self]);
    layout: fn expand_last(x: &[Self], width: usize, y: &mut [Self]);
    long_conv: fn long_conv(dims: LongConvDims, u: &[Self], kernel: &[Self], y: &mut [Self]);
    long_conv: fn long_conv_grad_input(dims: LongConvDims, kernel: &[Self], dy: &[Self], du: &mut [Self]);
    long_conv: fn long_conv_grad_kernel(dims: LongConvDims, u: &[Self], dy: &[Self], d_kernel: &mut [Self]);
    optim: fn group_norms(gradient: &[Self], table: &[(usize, usize)], norms: &mut [Self]);
    optim: fn sgd(options: &Sgd, first_step: bool, factor: Self, gradient: &[Self], parameters: &mut [Self], velocity: &mut [Self]);
    optim: fn rmsprop(options: &RmsProp, factor: Self, gradient: &[Self], parameters: &mut [Self], state: RmsPropState<'_, Self>);
    optim: fn adam(options: &Adam, factor: Self, gradient: &[Self], parameters: &mut [Self], mean: &mut [Self], square: &mut [Self]);
    ragged: fn matmul(size: Size, sequences: Sequences<'_>, a: &[Self], b: Mat<'_, Self>, y: &mut [Self], scratch: &mut [Self]);
    ragged: fn outer(size: Size, sequences: Sequences<'_>, a: &[Self], b: &[Self], y: &mut [Self], scratch: &mut [Self]);
    recurrent: fn forward(cell: Cell, dims: Dims, course: Course<'_>, io: Forward<'_, Self>, scratch: &mut [Self]);
    recurrent: fn backward(cell: Cell, dims: Dims, course: Course<'_>, io: Backward<'_, Self>, scratch: &mut [Self]);
    reduce: fn sum_last(x: &[Self], y: &mut [Self]);
    reduce: fn sum_leading(x: &[Self], y: &mut [Self]);
    reduce: fn row_norm(x: &[Self], y: &mut [Self]);
    reduce: fn weighted_mean(values: &[Self], weights: &[Self], y: &mut [Self]);
    reduce: fn weighted_mean_grad(weights: &[Self], dy: &[Self], dvalues: &mut [Self]);
    selective_scan: fn selective_scan(dims: ScanDims, io: selective_scan::Forward<'_, Self>);
    selective_scan: fn selective_scan_grad(dims: ScanDims, io: selective_scan::Backward<'_, Self>, scratch: &mut [Self]);
    softmax: fn softmax(width: usize, x: &[Self], mask: Option<&[Self]>, y: &mut [Self]);
    softmax: fn causal_softmax(rows: usize, columns: usize, x: &[Self], y: &mut [Self]);
    softmax: fn softmax_grad(width: usize, y: &[Self], dy: &[Self], dx: &mut [Self]);
    softmax: fn log_softmax(width: usize, x: &[Self], y: &mut [Self]);
    softmax: fn log_softmax_grad(width: usize, y: &[Self], dy: &[Self], dx: &mut [Self]);
    softmax: fn logsumexp(width: usize, x: &[Self], y: &mut [Self], scratch: &mut [Self]);
    tokens: fn argmax_rows(x: &[Self], y: &mut [u32]);
    tokens: fn sample_token(logits: &[Self], uniforms: &[Self], y: &mut [u32], scratch: &mut [Self]);
    unary: fn unary(kind: Unary, x: &[Self], y: &mut [Self]);
    unary: fn unary_grad(kind: Unary, x: &[Self], dy: &[Self], dx: &mut [Self]);
}
