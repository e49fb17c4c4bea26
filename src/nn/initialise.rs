//! Initial parameters: PyTorch's defaults, and the options a spec has.

use crate::engine::cell::Cell;
use crate::engine::graph::{Graph, Initial};
use crate::engine::kernels::real::Real;
use crate::engine::rng::{Rng, Stream};
use crate::engine::spectrum::spectral_radius;
use crate::spec::ModelSpec;

/// Options besides the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Initialisation {
    /// LSTM: the sum of the forget gate's two biases (Gers et al. 2000; Jozefowicz et al. 2015 recommend 1).
    pub forget_bias: Option<f32>,
    /// The largest |eigenvalue| of every H x H block of weight_hh.
    pub spectral_radius: Option<f32>,
}

impl Initialisation {
    /// What a spec asks for; only an LSTM has forget gates.
    pub fn of(spec: &ModelSpec) -> Initialisation {
        let forget_bias = spec.forget_bias.filter(|_| spec.cell == Cell::Lstm);
        Initialisation { forget_bias, spectral_radius: spec.spectral_radius }
    }
}

/// The flat parameters of `graph`, as [`Graph::parameters`] lays them out.
///
/// Each parameter starts as its model said ([`Initial`]); the numbers come from the project's own generator.
pub fn initial_parameters(graph: &Graph, seed: u32, options: Initialisation) -> Vec<f32> {
    let mut flat = vec![0.0; graph.flat_len()];
    for (place, parameter) in graph.parameters().iter().enumerate() {
        let rng = Rng::new(seed, Stream::Initialisation(place as u32));
        let values = &mut flat[parameter.offset..parameter.offset + parameter.len];
        fill(values, &parameter.initial, &rng);
        if let Some(radius) = options.spectral_radius.filter(|_| parameter.name.contains("weight_hh")) {
            let hidden = graph.shape(parameter.value).last();
            values.chunks_exact_mut(hidden * hidden).for_each(|block| rescale(block, hidden, radius));
        }
        if let Some(bias) = options.forget_bias {
            let value = match () {
                () if parameter.name.contains("bias_ih") => bias,
                () if parameter.name.contains("bias_hh") => 0.0,
                () => continue,
            };
            // Rows i, f, g, o.
            let hidden = parameter.len / 4;
            values[hidden..2 * hidden].fill(value);
        }
    }
    flat
}

fn fill(values: &mut [f32], initial: &Initial, rng: &Rng) {
    let draw = |at: usize| match initial {
        Initial::Uniform(bound) => (2.0 * rng.uniform(at as u64) - 1.0) * bound,
        Initial::Between(low, high) => low + (high - low) * rng.uniform(at as u64),
        Initial::SoftplusOf(low, high) => {
            let (low, high) = (Real::ln(*low), Real::ln(*high));
            inverse_softplus(Real::exp(low + (high - low) * rng.uniform(at as u64)))
        }
        Initial::Normal(deviation) => rng.normal(at as u64) * deviation,
        Initial::Constant(number) => *number,
        Initial::Listed(numbers) => numbers.get(at).copied().unwrap_or(0.0),
    };
    values.iter_mut().enumerate().for_each(|(at, value)| *value = draw(at));
}

/// The x with ln(1 + e^x) = y, for y > 0: y + ln(1 - e^-y).
fn inverse_softplus(y: f32) -> f32 {
    y + Real::ln(-Real::exp_m1(-y))
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
