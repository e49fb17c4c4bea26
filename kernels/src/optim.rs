//! Optimisers over a flat buffer of all parameters, in place; gradient norms and clipping.
//!
//! Formulas are `torch.optim`'s. Every gradient is first multiplied with the clip factor. Hyper-parameters are
//! doubles, rounded once where they meet the numbers, as in PyTorch.

use super::lanes::{At, Lanes, each};
use super::real::Real;
use super::reduce::norm;

/// norms [P]: Euclidean norm of each parameter's part (offset, length) of the flat gradient.
pub fn group_norms<R: Real>(gradient: &[R], table: &[(usize, usize)], norms: &mut [R]) {
    for (&(offset, len), y) in table.iter().zip(norms) {
        *y = norm(&gradient[offset..offset + len]);
    }
}

/// Total norm sqrt(sum of norms^2) and clip factor min(1, max_norm / (total + 1e-6)), as
/// `torch.nn.utils.clip_grad_norm_`; an infinite `max_norm` never clips.
pub fn clip_factor<R: Real>(norms: &[R], max_norm: R) -> (R, R) {
    let total = norm(norms);
    if max_norm == R::INFINITY {
        return (total, R::ONE);
    }
    (total, (max_norm / (total + R::from_f64(1e-6))).min(R::ONE))
}

/// Stochastic gradient descent (`torch.optim.SGD`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f64,
    /// mu; 0 for none.
    pub momentum: f64,
    /// Share of the new gradient kept out of the momentum.
    pub dampening: f64,
    /// Looks ahead along the momentum.
    pub nesterov: bool,
    /// L2 penalty.
    pub weight_decay: f64,
}

/// g = factor gradient + wd p; b = g on the first step, then mu b + (1 - dampening) g; p -= lr (g + mu b if
/// nesterov, else b). Without momentum p -= lr g and `velocity` is not used (may be empty).
pub fn sgd<R: Real>(
    options: &Sgd,
    first_step: bool,
    factor: R,
    gradient: &[R],
    parameters: &mut [R],
    velocity: &mut [R],
) {
    let number = R::Lanes::constant;
    let (factor, lr, wd) = (R::Lanes::splat(factor), number(options.lr), number(options.weight_decay));
    let (mu, keep) = (number(options.momentum), number(1.0 - options.dampening));
    each!(gradient.len(), |i| {
        let p = i.get(parameters);
        let g = i.get(gradient) * factor + wd * p;
        let step = if options.momentum == 0.0 {
            g
        } else {
            let b = if first_step { g } else { mu * i.get(velocity) + keep * g };
            i.put(velocity, b);
            if options.nesterov { g + mu * b } else { b }
        };
        i.put(parameters, p - lr * step);
    });
}

/// RMSprop (`torch.optim.RMSprop`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// Learning rate.
    pub lr: f64,
    /// Smoothing of the squares.
    pub alpha: f64,
    /// Added to the root.
    pub eps: f64,
    /// mu; 0 for none.
    pub momentum: f64,
    /// Divides by the standard deviation instead of the root mean square.
    pub centered: bool,
    /// L2 penalty.
    pub weight_decay: f64,
}

/// The buffers of [`rmsprop`], zero at first; those the options do not use may be empty.
#[derive(Debug)]
pub struct RmsPropState<'a, R> {
    /// v: mean of squares.
    pub square: &'a mut [R],
    /// m: mean, if centered.
    pub mean: &'a mut [R],
    /// b: momentum.
    pub velocity: &'a mut [R],
}

/// g = factor gradient + wd p; v = a v + (1-a) g^2; avg = sqrt(v) + eps (centered: m = a m + (1-a) g,
/// sqrt(v - m^2) + eps); p -= lr g / avg; with momentum b = mu b + g / avg, p -= lr b.
pub fn rmsprop<R: Real>(
    options: &RmsProp,
    factor: R,
    gradient: &[R],
    parameters: &mut [R],
    state: RmsPropState<'_, R>,
) {
    let number = R::Lanes::constant;
    let (factor, lr, wd) = (R::Lanes::splat(factor), number(options.lr), number(options.weight_decay));
    let (alpha, rest) = (number(options.alpha), number(1.0 - options.alpha));
    let (eps, mu) = (number(options.eps), number(options.momentum));
    each!(gradient.len(), |i| {
        let p = i.get(parameters);
        let g = i.get(gradient) * factor + wd * p;
        let v = alpha * i.get(state.square) + rest * g * g;
        i.put(state.square, v);
        let mut variance = v;
        if options.centered {
            let m = alpha * i.get(state.mean) + rest * g;
            i.put(state.mean, m);
            variance = v - m * m;
        }
        let mut step = g / (variance.sqrt() + eps);
        if options.momentum != 0.0 {
            step = mu * i.get(state.velocity) + step;
            i.put(state.velocity, step);
        }
        i.put(parameters, p - lr * step);
    });
}

/// Adam (`torch.optim.Adam`) and AdamW.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// Smoothing of the gradient.
    pub beta1: f64,
    /// Smoothing of the squares.
    pub beta2: f64,
    /// Added to the root.
    pub eps: f64,
    /// L2 penalty, or the decoupled decay.
    pub weight_decay: f64,
    /// AdamW: p *= 1 - lr wd instead of a penalty.
    pub decoupled: bool,
    /// 1 - beta1^k at step k = 1, 2, ...
    pub correction1: f64,
    /// 1 - beta2^k.
    pub correction2: f64,
}

/// Adam: g = factor gradient + wd p (decoupled: p *= 1 - lr wd first); m = b1 m + (1-b1) g;
/// v = b2 v + (1-b2) g^2; p -= lr / (1-b1^k) m / (sqrt(v) / sqrt(1-b2^k) + eps).
pub fn adam<R: Real>(
    options: &Adam,
    factor: R,
    gradient: &[R],
    parameters: &mut [R],
    mean: &mut [R],
    square: &mut [R],
) {
    let number = R::Lanes::constant;
    let (penalty, shrink) = match options.decoupled {
        true => (0.0, 1.0 - options.lr * options.weight_decay),
        false => (options.weight_decay, 1.0),
    };
    let (factor, penalty, shrink) = (R::Lanes::splat(factor), number(penalty), number(shrink));
    let (beta1, rest1) = (number(options.beta1), number(1.0 - options.beta1));
    let (beta2, rest2) = (number(options.beta2), number(1.0 - options.beta2));
    let rate = number(options.lr / options.correction1);
    let (root, eps) = (number(1.0 / options.correction2.sqrt()), number(options.eps));
    each!(gradient.len(), |i| {
        let p = i.get(parameters) * shrink;
        let g = i.get(gradient) * factor + penalty * p;
        let m = beta1 * i.get(mean) + rest1 * g;
        let v = beta2 * i.get(square) + rest2 * g * g;
        i.put(mean, m);
        i.put(square, v);
        i.put(parameters, p - rate * m / (v.sqrt() * root + eps));
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, cast, numbers, widen};
    use super::*;

    /// Parameters after three steps in R, with the gradients of `numbers(10 + step)`.
    fn run<R: Real>(len: usize, mut step: impl FnMut(i32, &[R], &mut [R], [&mut [R]; 3])) -> Vec<f64> {
        let mut p: Vec<R> = cast(&numbers(1, len));
        let mut buffers = [(); 3].map(|()| vec![R::ZERO; len]);
        for k in 1..=3 {
            let [a, b, c] = &mut buffers;
            step(k, &cast(&numbers(10 + k as u64, len)), &mut p, [a, b, c]);
        }
        widen(&p)
    }

    /// Both precisions give what `scalar(k, g, p, [a, b, c])` gives for each number in double precision.
    fn check(
        single: impl FnMut(i32, &[f32], &mut [f32], [&mut [f32]; 3]),
        double: impl FnMut(i32, &[f64], &mut [f64], [&mut [f64]; 3]),
        scalar: impl Fn(i32, f64, &mut f64, &mut [f64; 3]),
    ) {
        let len = 33;
        let expected: Vec<f64> = (0..len)
            .map(|i| {
                let (mut p, mut state) = (numbers(1, len)[i], [0.0; 3]);
                for k in 1..=3 {
                    scalar(k, 0.5 * numbers(10 + k as u64, len)[i], &mut p, &mut state);
                }
                p
            })
            .collect();
        assert_close(&run(len, single), &expected, 1e-6);
        assert_close(&run(len, double), &expected, 1e-14);
    }

    #[test]
    fn sgd_is_torchs() {
        for (momentum, dampening, nesterov, weight_decay) in
            [(0.0, 0.0, false, 0.0), (0.9, 0.0, false, 0.1), (0.9, 0.0, true, 0.0), (0.8, 0.3, false, 0.0)]
        {
            let o = Sgd { lr: 0.1, momentum, dampening, nesterov, weight_decay };
            check(
                |k, g, p, [b, ..]| sgd(&o, k == 1, 0.5, g, p, b),
                |k, g, p, [b, ..]| sgd(&o, k == 1, 0.5, g, p, b),
                |k, g, p, [b, ..]| {
                    let g = g + weight_decay * *p;
                    *b = if k == 1 { g } else { momentum * *b + (1.0 - dampening) * g };
                    *p -= 0.1 * if nesterov { g + momentum * *b } else { *b };
                    if momentum == 0.0 {
                        *b = 0.0;
                    }
                },
            );
        }
        let o = Sgd { lr: 0.1, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
        let mut p = [1.0f32];
        sgd(&o, true, 1.0, &[1.0], &mut p, &mut []);
        assert_eq!(p, [0.9]);
    }

    #[test]
    fn rmsprop_is_torchs() {
        for (momentum, centered, weight_decay) in [(0.0, false, 0.0), (0.9, false, 0.1), (0.5, true, 0.0)] {
            let o = RmsProp { lr: 0.01, alpha: 0.9, eps: 1e-8, momentum, centered, weight_decay };
            check(
                |_, g, p, [square, mean, velocity]| {
                    rmsprop(&o, 0.5, g, p, RmsPropState { square, mean, velocity });
                },
                |_, g, p, [square, mean, velocity]| {
                    rmsprop(&o, 0.5, g, p, RmsPropState { square, mean, velocity });
                },
                |_, g, p, [v, m, b]| {
                    let g = g + weight_decay * *p;
                    *v = 0.9 * *v + (1.0 - 0.9) * g * g;
                    *m = 0.9 * *m + (1.0 - 0.9) * g;
                    let variance = if centered { *v - *m * *m } else { *v };
                    *b = momentum * *b + g / (variance.sqrt() + 1e-8);
                    *p -= 0.01 * *b;
                },
            );
        }
    }

    #[test]
    fn adam_is_torchs() {
        for (decoupled, weight_decay) in [(false, 0.0), (false, 0.1), (true, 0.1)] {
            let o = |k: i32| Adam {
                lr: 0.01,
                beta1: 0.9,
                beta2: 0.999,
                eps: 1e-8,
                weight_decay,
                decoupled,
                correction1: 1.0 - 0.9f64.powi(k),
                correction2: 1.0 - 0.999f64.powi(k),
            };
            check(
                |k, g, p, [m, v, _]| adam(&o(k), 0.5, g, p, m, v),
                |k, g, p, [m, v, _]| adam(&o(k), 0.5, g, p, m, v),
                |k, g, p, [m, v, _]| {
                    let g = if decoupled { g } else { g + weight_decay * *p };
                    if decoupled {
                        *p *= 1.0 - 0.01 * weight_decay;
                    }
                    *m = 0.9 * *m + (1.0 - 0.9) * g;
                    *v = 0.999 * *v + (1.0 - 0.999) * g * g;
                    let root = v.sqrt() / o(k).correction2.sqrt();
                    *p -= 0.01 / o(k).correction1 * *m / (root + 1e-8);
                },
            );
        }
    }

    #[test]
    fn norms_and_clipping() {
        let mut norms = [f64::NAN; 2];
        group_norms(&[3.0, 4.0, 0.0, 12.0], &[(0, 2), (2, 2)], &mut norms);
        assert_eq!(norms, [5.0, 12.0]);
        assert_eq!(clip_factor(&norms, f64::INFINITY), (13.0, 1.0));
        assert_eq!(clip_factor(&norms, 100.0), (13.0, 1.0));
        assert_eq!(clip_factor(&norms, 1.0), (13.0, 1.0 / (13.0 + 1e-6)));
    }
}
