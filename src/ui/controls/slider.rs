//! Sliders over wide ranges: even ratios where a property spans decades, round values everywhere.

use crate::number;
use crate::spec::Control;

/// Positions of every slider: 0 to this.
pub const POSITIONS: u32 = 240;

/// How positions of a slider become values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Even steps.
    Even(f64, f64),
    /// Even ratios; whole numbers or two digits.
    Ratio { low: f64, high: f64, whole: bool },
}

impl Scale {
    /// The scale that fits a control; a choice and a range too wide to point at have none.
    pub fn of(control: &Control) -> Option<Scale> {
        match *control {
            Control::Choice(_) => None,
            Control::Integer(low, high) if low > 0 && high <= 100_000 => {
                Some(Scale::Ratio { low: low as f64, high: high as f64, whole: true })
            }
            Control::Integer(..) => None,
            Control::Number(low, high) | Control::OptionalNumber(low, high) => Some(Scale::number(low, high)),
        }
    }

    fn number(low: f32, high: f32) -> Scale {
        let (low, high) = (f64::from(low), f64::from(high));
        if low > 0.0 && high / low > 20.0 { Scale::Ratio { low, high, whole: false } } else { Scale::Even(low, high) }
    }

    /// The value at a position, as text for the property.
    pub fn value(&self, position: u32) -> String {
        let share = f64::from(position.min(POSITIONS)) / f64::from(POSITIONS);
        match *self {
            Scale::Even(low, high) => {
                let step = (high - low) / 80.0;
                let value = low + ((high - low) * share / step).round() * step;
                number::show(value as f32)
            }
            Scale::Ratio { low, high, whole } => {
                let value = low * (high / low).powf(share);
                let round = if whole { round_whole(value) } else { round_digits(value) };
                number::show(round.clamp(low, high) as f32)
            }
        }
    }

    /// The position of a value.
    pub fn position(&self, value: &str) -> u32 {
        let Some(value) = number::parse(value) else { return 0 };
        let share = match *self {
            Scale::Even(low, high) => (value - low) / (high - low),
            Scale::Ratio { low, high, .. } => (value / low).ln() / (high / low).ln(),
        };
        (share.clamp(0.0, 1.0) * f64::from(POSITIONS)).round() as u32
    }
}

/// Whole numbers a person would choose: all up to 16, then multiples of 4, 8, 16.
fn round_whole(value: f64) -> f64 {
    let step = match value {
        ..16.0 => 1.0,
        16.0..64.0 => 4.0,
        64.0..192.0 => 8.0,
        _ => 16.0,
    };
    (value / step).round() * step
}

/// 1, 1.5, 2, 3, 5, 7 and their decades.
fn round_digits(value: f64) -> f64 {
    let exponent = value.log10().floor();
    let mantissa = value / 10f64.powf(exponent);
    let round = [1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0];
    let nearest = round.iter().min_by(|a, b| (mantissa / *a).ln().abs().total_cmp(&(mantissa / *b).ln().abs()));
    nearest.map_or(value, |round| round * 10f64.powf(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ModelSpec, PROPERTIES};

    #[test]
    fn every_position_is_a_valid_value() {
        for property in PROPERTIES {
            let Some(scale) = Scale::of(&property.control) else { continue };
            for position in 0..=POSITIONS + 1 {
                let value = scale.value(position);
                property.write(&mut ModelSpec::default(), &value).unwrap_or_else(|error| panic!("{error}"));
                let back = scale.position(&value);
                assert!(scale.value(back) == value, "{}: {value} at {position} comes back at {back}", property.key);
            }
        }
    }

    #[test]
    fn ends_are_reached() {
        let hidden = Scale::of(&Control::Integer(8, 256)).unwrap();
        assert_eq!((hidden.value(0).as_str(), hidden.value(POSITIONS).as_str()), ("8", "256"));
        assert_eq!(hidden.value(hidden.position("64")), "64");
    }
}
