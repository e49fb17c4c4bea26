//! Choosing a token at random: temperature, top-k, top-p.

use crate::engine::kernels::cross_entropy::argmax;
use crate::engine::kernels::entries::Kernels;
use crate::engine::kernels::tokens::passes;

/// How tokens are drawn. First the temperature, then top-k, then top-p, as is usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Draws from f32::softmax(logits / temperature); 0 takes the most probable token.
    pub temperature: f32,
    /// Only the k most probable tokens (Fan, Lewis & Dauphin 2018); the lower token of equals.
    pub top_k: Option<usize>,
    /// Only the nucleus: the smallest set of most probable tokens with at least this probability together (Holtzman et
    /// al. 2020).
    pub top_p: Option<f32>,
}

impl Sampling {
    /// From f32::softmax(logits) as it is.
    pub const PLAIN: Sampling = Sampling { temperature: 1.0, top_k: None, top_p: None };
}

/// Draws tokens; after the first it allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Sampler {
    scaled: Vec<f32>,
    probabilities: Vec<f32>,
    order: Vec<u32>,
}

impl Sampler {
    /// The probabilities (V) that a token of these logits (V) is drawn with; what is left out has 0, and the others are
    /// not scaled up.
    pub fn probabilities(&mut self, sampling: &Sampling, logits: &[f32]) -> &[f32] {
        self.scaled.clear();
        let scale = 1.0 / sampling.temperature.max(f32::MIN_POSITIVE);
        // The largest is taken off first: a low temperature must not overflow.
        let largest = logits.iter().copied().fold(f32::MIN, f32::max);
        self.scaled.extend(logits.iter().map(|logit| ((logit - largest) * scale).max(f32::MIN)));
        self.probabilities.resize(logits.len(), 0.0);
        f32::softmax(logits.len(), &self.scaled, None, &mut self.probabilities);
        if sampling.top_k.is_some() || sampling.top_p.is_some() {
            self.leave_out(sampling);
        }
        &self.probabilities
    }

    /// Zeroes all but the k most probable, and of these all but the nucleus.
    fn leave_out(&mut self, sampling: &Sampling) {
        let Sampler { probabilities, order, .. } = self;
        order.clear();
        order.extend(0..probabilities.len() as u32);
        let likelier = |a: &u32, b: &u32| probabilities[*b as usize].total_cmp(&probabilities[*a as usize]);
        order.sort_unstable_by(|a, b| likelier(a, b).then(a.cmp(b)));
        let mut kept = sampling.top_k.unwrap_or(usize::MAX).clamp(1, order.len().max(1));
        if let Some(share) = sampling.top_p {
            // Of what top-k left.
            let best = &order[..kept.min(order.len())];
            let total: f32 = best.iter().map(|token| probabilities[*token as usize]).sum();
            let mut mass = 0.0;
            let enough = best.iter().position(|token| {
                mass += probabilities[*token as usize];
                mass >= share * total
            });
            kept = enough.map_or(kept, |last| last + 1);
        }
        for token in order.iter().skip(kept) {
            probabilities[*token as usize] = 0.0;
        }
    }

    /// A token of these logits (V), by a uniform number in 0..1.
    pub fn draw(&mut self, sampling: &Sampling, logits: &[f32], uniform: f32) -> u32 {
        if sampling.temperature <= 0.0 {
            return argmax(logits) as u32;
        }
        let probabilities = self.probabilities(sampling, logits);
        let total: f32 = probabilities.iter().sum();
        passes(probabilities, uniform * total) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 + ln of 0.1, 0.4, 0.2, 0.3.
    const LOGITS: [f32; 4] = [-1.302_585, 0.083_709_3, -0.609_438, -0.203_972_8];

    fn counts(sampling: Sampling) -> [usize; 4] {
        let (mut sampler, mut counts) = (Sampler::default(), [0; 4]);
        (0..1000).for_each(|at| counts[sampler.draw(&sampling, &LOGITS, at as f32 / 1000.0) as usize] += 1);
        counts
    }

    fn near(found: [usize; 4], expected: [usize; 4]) {
        assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2), "{found:?}, not {expected:?}");
    }

    #[test]
    fn draws_follow_the_probabilities() {
        near(counts(Sampling::PLAIN), [100, 400, 200, 300]);
        // Squares, scaled: 1, 16, 4, 9 of 30.
        near(counts(Sampling { temperature: 0.5, ..Sampling::PLAIN }), [33, 533, 133, 300]);
        near(counts(Sampling { temperature: 0.01, ..Sampling::PLAIN }), [0, 1000, 0, 0]);
        near(counts(Sampling { temperature: 0.0, ..Sampling::PLAIN }), [0, 1000, 0, 0]);
    }

    #[test]
    fn top_k_leaves_the_others_out() {
        near(counts(Sampling { top_k: Some(2), ..Sampling::PLAIN }), [0, 571, 0, 429]);
        near(counts(Sampling { top_k: Some(1), ..Sampling::PLAIN }), [0, 1000, 0, 0]);
        near(counts(Sampling { top_k: Some(9), ..Sampling::PLAIN }), [100, 400, 200, 300]);
    }

    #[test]
    fn the_nucleus_is_the_smallest_set_with_enough() {
        near(counts(Sampling { top_p: Some(0.65), ..Sampling::PLAIN }), [0, 571, 0, 429]);
        near(counts(Sampling { top_p: Some(0.75), ..Sampling::PLAIN }), [0, 444, 222, 333]);
        near(counts(Sampling { top_p: Some(1.0), ..Sampling::PLAIN }), [100, 400, 200, 300]);
        near(counts(Sampling { top_p: Some(0.0), ..Sampling::PLAIN }), [0, 1000, 0, 0]);
        // Of the three most probable, 0.9 together, the two first have 0.7.
        near(counts(Sampling { top_k: Some(3), top_p: Some(0.75), ..Sampling::PLAIN }), [0, 571, 0, 429]);
    }

    #[test]
    fn extreme_logits_are_drawn_from() {
        let mut sampler = Sampler::default();
        for temperature in [1e-30, 1e-3, 1.0, 1e30] {
            let sampling = Sampling { temperature, ..Sampling::PLAIN };
            let token = sampler.draw(&sampling, &[f32::MIN, 1e4, -1e4, 1e4 - 1.0], 0.999);
            assert!(token < 4 && sampler.probabilities.iter().all(|p| p.is_finite()), "{temperature}");
        }
    }

    #[test]
    fn of_equals_the_lower_tokens_are_kept() {
        let mut sampler = Sampler::default();
        let sampling = Sampling { top_k: Some(2), ..Sampling::PLAIN };
        assert_eq!(sampler.probabilities(&sampling, &[1.0; 4])[2..], [0.0, 0.0]);
    }
}
