//! Initial parameters: PyTorch's defaults, and the options a spec has.

use crate::engine::cell::Cell;
use crate::engine::graph::Graph;
use crate::engine::kernels::gemm::{self, Mat, Size, Start};
use crate::engine::rng::{Rng, Stream};

/// Options besides the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Initialisation {
    /// LSTM: the sum of the forget gate's two biases (Gers et al. 2000; Jozefowicz et al. 2015 recommend 1).
    pub forget_bias: Option<f32>,
    /// The largest |eigenvalue| of every H x H block of weight_hh.
    pub spectral_radius: Option<f32>,
}

/// The flat parameters of `graph`, as [`Graph::parameters`] lays them out.
///
/// Distributions are PyTorch's: recurrent layers U(-1/sqrt(H), 1/sqrt(H)), `nn.Linear` U(-1/sqrt(in), 1/sqrt(in)) for
/// weight and bias, `nn.Embedding` N(0, 1). The numbers come from the project's own generator.
pub fn initial_parameters(graph: &Graph, cell: Cell, hidden: usize, seed: u32, options: Initialisation) -> Vec<f32> {
    let mut flat = vec![0.0; graph.flat_len()];
    for (place, parameter) in graph.parameters().iter().enumerate() {
        let rng = Rng::new(seed, Stream::Initialisation(place as u32));
        let values = &mut flat[parameter.offset..parameter.offset + parameter.len];
        let normal = parameter.name.starts_with("embed");
        let bound = 1.0 / (hidden as f32).sqrt();
        for (at, value) in values.iter_mut().enumerate() {
            let at = at as u64;
            *value = if normal { rng.normal(at) } else { (2.0 * rng.uniform(at) - 1.0) * bound };
        }
        if let Some(radius) = options.spectral_radius.filter(|_| parameter.name.contains("weight_hh")) {
            values.chunks_exact_mut(hidden * hidden).for_each(|block| rescale(block, hidden, radius));
        }
        if let (Cell::Lstm, Some(bias)) = (cell, options.forget_bias) {
            let value = match () {
                () if parameter.name.contains("bias_ih") => bias,
                () if parameter.name.contains("bias_hh") => 0.0,
                () => continue,
            };
            values[hidden..2 * hidden].fill(value);
        }
    }
    flat
}

fn rescale(matrix: &mut [f32], size: usize, radius: f32) {
    let now = spectral_radius(matrix, size);
    if now > 0.0 {
        let factor = radius / now;
        matrix.iter_mut().for_each(|value| *value *= factor);
    }
}

/// The largest |eigenvalue| of a (size, size) matrix: Gelfand's formula |A^k|^(1/k) at k = 2^16 by repeated squaring,
/// which complex pairs do not disturb as they do power iteration. Roots are taken by `sqrt`, the same everywhere.
pub fn spectral_radius(matrix: &[f32], size: usize) -> f32 {
    const SQUARINGS: u32 = 16;
    let mut current = matrix.to_vec();
    let mut next = vec![0.0_f32; size * size];
    let product = Size { m: size, n: size, k: size };
    let mut scratch = vec![0.0_f32; gemm::gemm_scratch(product)];
    let mut radius = 1.0_f64;
    for squaring in 0..=SQUARINGS {
        let norm = current.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
        if norm == 0.0 {
            return 0.0;
        }
        radius *= (0..squaring).fold(norm, |root, _| root.sqrt());
        current.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
        let (a, b) = (Mat::rows(&current, size), Mat::rows(&current, size));
        gemm::gemm(product, a, b, &mut next, size, Start::Zero, &mut scratch);
        std::mem::swap(&mut current, &mut next);
    }
    radius as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spectral_radius_of_a_scaled_rotation_is_its_scale() {
        let (cos, sin) = (0.6 * 0.9, 0.8 * 0.9);
        assert!((spectral_radius(&[cos, -sin, sin, cos], 2) - 0.9).abs() < 1e-4);
        assert!((spectral_radius(&[0.5, 3.0, 0.0, -0.7], 2) - 0.7).abs() < 1e-3);
        assert_eq!(spectral_radius(&[0.0, 1.0, 0.0, 0.0], 2), 0.0);
    }
}
