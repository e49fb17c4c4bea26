//! Optimisers and their coefficients, as in `torch.optim`.

/// An optimiser. What may change while training (the learning rate, the clip norm, bias corrections) is not here but in
/// the `hyper` input of its op.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimiser {
    /// `torch.optim.SGD`.
    Sgd { momentum: f64, dampening: f64, nesterov: bool, weight_decay: f64 },
    /// `torch.optim.RMSprop`; eps is added outside the root.
    RmsProp { alpha: f64, eps: f64, momentum: f64, centered: bool, weight_decay: f64 },
    /// `torch.optim.Adam`, or `AdamW` with `decoupled` weight decay; eps is added outside the root.
    Adam { beta1: f64, beta2: f64, eps: f64, weight_decay: f64, decoupled: bool },
}

/// Entries of the `hyper` input.
pub const HYPER: usize = 8;

impl Optimiser {
    /// Plain SGD.
    pub const SGD: Optimiser = Optimiser::Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
    /// Adam with PyTorch's defaults.
    pub const ADAM: Optimiser =
        Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, decoupled: false };

    /// State buffers, each as large as the parameters: SGD momentum b; RMSprop v, momentum b, mean m; Adam m, v.
    pub fn states(&self) -> usize {
        match *self {
            Optimiser::Sgd { momentum, .. } => usize::from(momentum != 0.0),
            Optimiser::RmsProp { momentum, centered, .. } => 1 + usize::from(momentum != 0.0) + usize::from(centered),
            Optimiser::Adam { .. } => 2,
        }
    }

    /// The `hyper` input for step `step` (the first is 1): learning rate, largest gradient norm (infinite: no clipping),
    /// 1 - beta1^step, sqrt(1 - beta2^step), 1 at the first step else 0.
    pub fn hyper(&self, step: u64, learning_rate: f32, clip: Option<f32>) -> [f32; HYPER] {
        let (beta1, beta2) = match *self {
            Optimiser::Adam { beta1, beta2, .. } => (beta1, beta2),
            _ => (0.0, 0.0),
        };
        let correction1 = 1.0 - power(beta1, step);
        let correction2 = (1.0 - power(beta2, step)).sqrt();
        let first = if step == 1 { 1.0 } else { 0.0 };
        [learning_rate, clip.unwrap_or(f32::MAX), correction1 as f32, correction2 as f32, first, 0.0, 0.0, 0.0]
    }
}

/// base^exponent by squaring: the same bits on every platform, which `powi` does not promise.
fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut result = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    result
}
