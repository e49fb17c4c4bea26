//! When a run stops by itself: at a step, at a loss, at an accuracy. All are off until they are set.

use crate::number;
use crate::spec::SpecError;

/// The conditions; the first that is met stops the run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stop {
    /// Steps done.
    pub step: Option<f32>,
    /// A loss at or below this.
    pub loss: Option<f32>,
    /// A share of right answers at or above this.
    pub accuracy: Option<f32>,
}

/// A condition: its key in the address, its label, its limits.
pub struct Condition {
    pub key: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    low: f32,
    high: f32,
}

/// Every condition.
pub const CONDITIONS: [Condition; 3] = [
    Condition { key: "stop-step", label: "At step", help: "Stops when so many steps are done.", low: 1.0, high: 1e7 },
    Condition {
        key: "stop-loss",
        label: "At a loss of",
        help: "Stops when the loss is no more.",
        low: 0.0,
        high: 100.0,
    },
    Condition {
        key: "stop-accuracy",
        label: "At an accuracy of",
        help: "Stops when this share of answers is right, from 0 to 1.",
        low: 0.0,
        high: 1.0,
    },
];

impl Stop {
    fn slot(&mut self, key: &str) -> Option<&mut Option<f32>> {
        match key {
            "stop-step" => Some(&mut self.step),
            "stop-loss" => Some(&mut self.loss),
            "stop-accuracy" => Some(&mut self.accuracy),
            _ => None,
        }
    }

    /// The condition of this key as the address writes it.
    pub fn read(mut self, key: &str) -> String {
        self.slot(key).and_then(|slot| *slot).map_or_else(|| "off".to_owned(), number::show)
    }

    /// Sets the condition of this key; `None` where there is none of this name.
    pub fn write(&mut self, key: &str, text: &str) -> Option<Result<(), SpecError>> {
        let condition = CONDITIONS.iter().find(|condition| condition.key == key)?;
        let slot = self.slot(key)?;
        if matches!(text.trim(), "" | "off") {
            *slot = None;
            return Some(Ok(()));
        }
        let (low, high) = (condition.low, condition.high);
        Some(match number::parse(text.trim()).map(|number| number as f32) {
            Some(number) if (low..=high).contains(&number) => {
                *slot = Some(number);
                Ok(())
            }
            _ => {
                let message = format!("This is a number from {} to {}, or off.", number::show(low), number::show(high));
                Err(SpecError::new(key, message))
            }
        })
    }

    /// Why a run that stands there stops, if it does.
    pub fn met(&self, step: u64, loss: Option<f32>, accuracy: Option<f32>) -> Option<&'static str> {
        let reached =
            |limit: Option<f32>, value: Option<f32>| limit.zip(value).is_some_and(|(limit, value)| value >= limit);
        if reached(self.step, Some(step as f32)) {
            return Some("The step at which it was to stop is reached.");
        }
        if self.loss.zip(loss).is_some_and(|(limit, loss)| loss <= limit) {
            return Some("The loss at which it was to stop is reached.");
        }
        reached(self.accuracy, accuracy).then_some("The accuracy at which it was to stop is reached.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_set_read_refused_and_met() {
        let mut stop = Stop::default();
        assert_eq!(stop.met(1_000_000, Some(0.0), Some(1.0)), None);
        for (key, value) in [("stop-step", "500"), ("stop-loss", "0.25"), ("stop-accuracy", "0.9")] {
            assert_eq!(stop.write(key, value), Some(Ok(())));
            assert_eq!(stop.read(key), value);
            assert!(stop.write(key, "abc").is_some_and(|result| result.is_err()));
            assert!(stop.write(key, "-1").is_some_and(|result| result.is_err()));
            assert_eq!(stop.read(key), value);
        }
        assert_eq!(stop.write("lr", "1"), None);
        assert_eq!(stop.met(499, Some(0.3), Some(0.8)), None);
        assert!(stop.met(500, None, None).is_some());
        assert!(stop.met(1, Some(0.25), None).is_some());
        assert!(stop.met(1, Some(f32::NAN), Some(0.9)).is_some());
        assert_eq!(stop.write("stop-step", "off"), Some(Ok(())));
        assert_eq!(stop.step, None);
    }
}
