//! Initial parameters: PyTorch's defaults, and the options a spec has.

use crate::engine::cell::Cell;
use crate::engine::graph::Graph;
use crate::engine::rng::{Rng, Stream};
use crate::engine::spectrum::spectral_radius;

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
    /// To about 1e-4.
    const SQUARINGS: u32 = 16;
    let now = spectral_radius(matrix, size, SQUARINGS) as f32;
    if now > 0.0 {
        let factor = radius / now;
        matrix.iter_mut().for_each(|value| *value *= factor);
    }
}
