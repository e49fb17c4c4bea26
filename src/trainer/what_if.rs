//! One channel of a diagonal state-space layer, with another step length or another pole than it has learnt: what it would
//! be, by the engine's own formulas. Path: `system/LAYER/CHANNEL/FACTOR/MODE`, the step length FACTOR times the learnt one and
//! MODE the mode whose response is followed, or `system/LAYER/CHANNEL/FACTOR/MODE/RE/IM`, its pole moved there too.

use crate::engine::error::EngineError;
use crate::engine::kernels::discretise::Discretisation;
use crate::engine::kernels::entries::Kernels;
use crate::number;

use super::measures::Tensor;

/// Where the paths begin.
pub const PREFIX: &str = "system/";
/// Steps over which a mode's response is followed, and how finely the continuous one is.
pub const STEPS: usize = 24;
pub const FINE: usize = 16;

/// What a path asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WhatIf {
    /// The layer.
    pub layer: usize,
    channel: usize,
    factor: f32,
    mode: usize,
    pole: Option<[f32; 2]>,
}

impl WhatIf {
    /// What a path asks, if it is one.
    pub fn parse(path: &str) -> Option<WhatIf> {
        let parts: Vec<&str> = path.strip_prefix(PREFIX)?.split('/').collect();
        let number = |part: &str| number::parse(part).map(|number| number as f32).filter(|number| number.is_finite());
        let (place, pole) = match parts[..] {
            [layer, channel, factor, mode] => ([layer, channel, factor, mode], None),
            [layer, channel, factor, mode, re, im] => {
                ([layer, channel, factor, mode], Some([number(re)?, number(im)?]))
            }
            _ => return None,
        };
        let [layer, channel, factor, mode] = place;
        let factor = number(factor).filter(|factor| *factor > 0.0)?;
        Some(WhatIf {
            layer: layer.parse().ok()?,
            channel: channel.parse().ok()?,
            factor,
            mode: mode.parse().ok()?,
            pole,
        })
    }

    /// The paths of the parameters that [`WhatIf::answer`] needs, in order.
    pub fn parameters(&self) -> [String; 5] {
        ["log_dt", "log_A_real", "A_imag", "B", "C"]
            .map(|name| format!("parameters/layers.{}.mixer.{name}", self.layer))
    }

    /// The channel, of the parameters ln dt (H), ln(-Re A) (H, N), Im A (H, N), B and C (H, N, 2), over T steps. One after the
    /// other: dt, A (N, 2); for both rules, zero-order hold first, dA (N, 2) and the kernel (T); the real part of the mode's
    /// answer to an input that is 1 from step 0 on: continuous, [`FINE`] numbers a step, then by both rules, [`STEPS`] each.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] for a channel or mode there is not.
    pub fn answer(&self, parameters: &[Tensor; 5], steps: usize) -> Result<Tensor, EngineError> {
        let modes = parameters[1].1.last().copied().unwrap_or(0);
        let row = |at: usize, width: usize| parameters[at].0.get(self.channel * width..(self.channel + 1) * width);
        let found = (row(0, 1), row(1, modes), row(2, modes), row(3, 2 * modes), row(4, 2 * modes));
        let (Some([log_dt]), Some(log_real), Some(imaginary), Some(b), Some(c)) = found else {
            return Err(EngineError::Unknown { what: format!("channel {}", self.channel) });
        };
        if self.mode >= modes {
            return Err(EngineError::Unknown { what: format!("mode {}", self.mode) });
        }
        let dt = self.factor * log_dt.exp();
        let mut a: Vec<f32> = log_real.iter().zip(imaginary).flat_map(|(log, im)| [-log.exp(), *im]).collect();
        if let Some([re, im]) = self.pole {
            a[2 * self.mode..2 * self.mode + 2].copy_from_slice(&[re.min(0.0), im]);
        }
        let mut numbers = vec![dt];
        numbers.extend(&a);
        let systems = Discretisation::ALL.map(|rule| System::new(rule, dt, &a, b));
        for system in &systems {
            numbers.extend(&system.decay);
            numbers.extend(system.kernel(c, steps));
        }
        // Under a constant input zero-order hold is exact at any step length.
        let fine = System::new(Discretisation::ZeroOrderHold, dt / FINE as f32, &a, b);
        numbers.extend(fine.response(self.mode, STEPS * FINE));
        systems.iter().for_each(|system| numbers.extend(system.response(self.mode, STEPS)));
        let length = numbers.len();
        Ok((numbers, vec![length]))
    }
}

/// A discrete channel: dA and dB (N, 2).
struct System {
    decay: Vec<f32>,
    input: Vec<f32>,
}

impl System {
    fn new(rule: Discretisation, dt: f32, a: &[f32], b: &[f32]) -> System {
        let (mut decay, mut input) = (vec![0.0; a.len()], vec![0.0; a.len()]);
        f32::discretise(rule, &[dt], a, b, &mut decay, &mut input);
        System { decay, input }
    }

    /// K_l = 2 Re(sum over n of C dB dA^l), l below `steps`.
    fn kernel(&self, c: &[f32], steps: usize) -> Vec<f32> {
        let mut kernel = vec![0.0; steps];
        let modes = self.decay.chunks_exact(2).zip(self.input.chunks_exact(2)).zip(c.chunks_exact(2));
        for ((decay, input), c) in modes {
            let mut term = product(c, input);
            for value in &mut kernel {
                *value += 2.0 * term[0];
                term = product(&term, decay);
            }
        }
        kernel
    }

    /// Re x_l of a mode for an input that is 1 from the start.
    fn response(&self, mode: usize, steps: usize) -> Vec<f32> {
        let [decay, input] = [&self.decay, &self.input].map(|numbers| &numbers[2 * mode..2 * mode + 2]);
        let mut x = [0.0, 0.0];
        let step = |_| {
            let moved = product(&x, decay);
            x = [moved[0] + input[0], moved[1] + input[1]];
            x[0]
        };
        (0..steps).map(step).collect()
    }
}

/// The product of two complex numbers (re, im).
fn product(a: &[f32], b: &[f32]) -> [f32; 2] {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_system() {
        let asked = WhatIf { layer: 0, channel: 3, factor: 0.5, mode: 1, pole: None };
        assert_eq!(WhatIf::parse("system/0/3/0.5/1"), Some(asked));
        assert_eq!(WhatIf::parse("system/0/3/0.5/1/-2/3.5"), Some(WhatIf { pole: Some([-2.0, 3.5]), ..asked }));
        for nothing in ["system/0/3/0/1", "system/0/3/x/1", "system/0/3/1/1/2", "modes/0/3/1/1"] {
            assert_eq!(WhatIf::parse(nothing), None, "{nothing}");
        }
    }

    /// One real mode: A = -1, B = 1, C = 1/2, dt = ln 2. Held, it halves each step and K_l = 2^-(l + 1).
    #[test]
    fn a_held_mode_halves() {
        let tensor = |numbers: &[f32], shape: &[usize]| (numbers.to_vec(), shape.to_vec());
        let dt = std::f32::consts::LN_2;
        let parameters = [
            tensor(&[dt.ln()], &[1]),
            tensor(&[0.0], &[1, 1]),
            tensor(&[0.0], &[1, 1]),
            tensor(&[1.0, 0.0], &[1, 1, 2]),
            tensor(&[0.5, 0.0], &[1, 1, 2]),
        ];
        let asked = WhatIf::parse("system/0/0/1/0").expect("a path");
        let (numbers, shape) = asked.answer(&parameters, 4).expect("there is a mode");
        assert_eq!(shape, [1 + 2 + 2 * (2 + 4) + STEPS * FINE + 2 * STEPS]);
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near(&numbers[..5], &[dt, -1.0, 0.0, 0.5, 0.0]), "{:?}", &numbers[..5]);
        assert!(near(&numbers[5..9], &[0.5, 0.25, 0.125, 0.0625]));
        // Bilinear: (1 - dt / 2) / (1 + dt / 2).
        assert!((numbers[9] - (1.0 - dt / 2.0) / (1.0 + dt / 2.0)).abs() < 1e-6);
        // The continuous response is 1 - e^-t; the held one is on it, the other is not.
        let (fine, rest) = numbers[15..].split_at(STEPS * FINE);
        let (held, bilinear) = rest.split_at(STEPS);
        assert!(near(&[fine[FINE - 1], fine[2 * FINE - 1]], &[0.5, 0.75]) && near(&held[..2], &[0.5, 0.75]));
        assert!((bilinear[0] - 0.5).abs() > 0.01);
        assert!(WhatIf::parse("system/0/1/1/0").is_some_and(|asked| asked.answer(&parameters, 4).is_err()));
    }
}
