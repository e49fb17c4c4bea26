//! How often a decoder in training is fed the truth: the schedules of scheduled sampling (Bengio, Vinyals, Jaitly &
//! Shazeer 2015, section 2.4). A constant 1 is teacher forcing, a constant 0 free running.

use crate::engine::kernels::real::Real;
use crate::engine::rng::{Rng, Stream};
use crate::spec::{self, ModelSpec};

/// The probability of feeding the truth, as a function of the training step i = 0, 1, ...
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// Always `ratio`, 0 to 1.
    Constant { ratio: f32 },
    /// max(`end`, `start` - `slope` i).
    Linear { start: f32, end: f32, slope: f32 },
    /// `base`^i, `base` in 0 .. 1.
    Exponential { base: f32 },
    /// k / (k + exp(i / k)), k >= 1; it is 1/2 at about i = k ln k.
    InverseSigmoid { k: f32 },
}

impl Schedule {
    /// Always the truth.
    pub const TEACHER_FORCING: Schedule = Schedule::Constant { ratio: 1.0 };

    /// The probability at a step, 0 to 1.
    pub fn ratio(self, step: u64) -> f32 {
        let i = step as f32;
        let ratio = match self {
            Schedule::Constant { ratio } => ratio,
            Schedule::Linear { start, end, slope } => (start - slope * i).max(end),
            Schedule::Exponential { base } if base <= 0.0 => f32::from(u8::from(step == 0)),
            Schedule::Exponential { base } => Real::exp(i * Real::ln(base)),
            Schedule::InverseSigmoid { k } => k / (k + Real::exp(i / k)),
        };
        ratio.clamp(0.0, 1.0)
    }
}

/// What a schedule has come to when its steps are over, for those that never arrive.
const NEARLY: f32 = 0.01;

/// The probability of feeding the truth in a step of a run: from 1 to the spec's ratio, along its schedule.
pub fn ratio(spec: &ModelSpec, step: u64) -> f32 {
    let (end, steps) = (spec.teacher_forcing, spec.schedule_steps as f32);
    let schedule = match spec.schedule {
        spec::Schedule::Constant => return end,
        spec::Schedule::Linear => Schedule::Linear { start: 1.0, end: 0.0, slope: 1.0 / steps },
        spec::Schedule::Exponential => Schedule::Exponential { base: Real::exp(Real::ln(NEARLY) / steps) },
        spec::Schedule::InverseSigmoid => Schedule::InverseSigmoid { k: half_way(0.5 * steps) },
    };
    end + (1.0 - end) * schedule.ratio(step)
}

/// The k of an inverse sigmoid that is 1/2 at this step: k ln k = step, by Newton's method.
fn half_way(step: f32) -> f32 {
    let mut k = step.max(3.0);
    for _ in 0..30 {
        let ln = Real::ln(k);
        k = (k - (k * ln - step) / (ln + 1.0)).max(1.0);
    }
    k
}

/// Numbers of the coins of a training step: step `step` takes the `count` coins from `step * count` on.
fn index(step: u64, count: usize, at: usize) -> u64 {
    step * count as u64 + at as u64
}

/// Decides for every place of a batch whether the decoder is fed the truth (1) or its own output (0): a coin for each, of
/// the seed's stream [`Stream::TeacherForcing`], that shows the truth with probability `ratio`.
pub fn toss(seed: u32, step: u64, ratio: f32, mask: &mut [f32]) {
    let rng = Rng::new(seed, Stream::TeacherForcing);
    let count = mask.len();
    for (at, place) in mask.iter_mut().enumerate() {
        *place = f32::from(u8::from(rng.uniform(index(step, count, at)) < ratio));
    }
}

/// Uniform numbers in 0 .. 1 by which a step's tokens are sampled, of the seed's stream [`Stream::Feedback`].
pub fn uniforms(seed: u32, step: u64, numbers: &mut [f32]) {
    let rng = Rng::new(seed, Stream::Feedback);
    let count = numbers.len();
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = rng.uniform(index(step, count, at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_goes_from_the_truth_to_its_ratio() {
        use crate::spec::Choice;
        for schedule in spec::Schedule::ALL {
            let spec =
                ModelSpec { schedule: *schedule, teacher_forcing: 0.25, schedule_steps: 200, ..ModelSpec::default() };
            let ratios: Vec<f32> = (0..=200).map(|step| ratio(&spec, step)).collect();
            assert!(ratios.is_sorted_by(|a, b| a >= b), "{schedule:?}");
            assert!(ratios[200] >= 0.25 && ratios[200] < 0.3, "{schedule:?}: {}", ratios[200]);
            let start = if *schedule == spec::Schedule::Constant { 0.25 } else { 0.95 };
            assert!(ratios[0] >= start, "{schedule:?}: {}", ratios[0]);
        }
    }

    #[test]
    fn schedules_follow_their_formulas() {
        let linear = Schedule::Linear { start: 1.0, end: 0.25, slope: 0.01 };
        assert_eq!([linear.ratio(0), linear.ratio(50), linear.ratio(75), linear.ratio(1000)], [1.0, 0.5, 0.25, 0.25]);
        let exponential = Schedule::Exponential { base: 0.99 };
        assert_eq!(exponential.ratio(0), 1.0);
        assert!((exponential.ratio(100) - 0.366_032_34).abs() < 1e-5);
        assert_eq!([0, 1].map(|step| Schedule::Exponential { base: 0.0 }.ratio(step)), [1.0, 0.0]);
        let sigmoid = Schedule::InverseSigmoid { k: 100.0 };
        assert!((sigmoid.ratio(0) - 100.0 / 101.0).abs() < 1e-6);
        assert!((sigmoid.ratio(461) - 0.5).abs() < 1e-2 && sigmoid.ratio(u64::MAX) < 1e-30);
        assert_eq!(Schedule::Constant { ratio: 0.3 }.ratio(7), 0.3);
    }

    #[test]
    fn coins_follow_the_ratio_and_repeat() {
        let mut mask = vec![0.0; 4000];
        for ratio in [0.0, 0.25, 1.0] {
            toss(3, 5, ratio, &mut mask);
            let share = mask.iter().sum::<f32>() / mask.len() as f32;
            assert!((share - ratio).abs() < 0.03, "{share} for {ratio}");
        }
        let (mut first, mut second, mut other) = (vec![0.0; 64], vec![0.0; 64], vec![0.0; 64]);
        toss(3, 9, 0.5, &mut first);
        toss(3, 9, 0.5, &mut second);
        toss(3, 10, 0.5, &mut other);
        assert!(first == second && first != other);
        uniforms(3, 9, &mut first);
        uniforms(3, 10, &mut second);
        assert!(first != second && first.iter().all(|number| (0.0..1.0).contains(number)));
    }
}
