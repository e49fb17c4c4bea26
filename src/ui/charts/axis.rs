//! Axes: round ends and round ticks, so that an axis changes seldom while its curve grows.

use crate::ui::format;

/// One axis of a chart, in the coordinates it is drawn in: logarithmic ones are powers of ten.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What is measured, with its unit.
    pub title: &'static str,
    /// Left or lower end.
    pub low: f64,
    /// Right or upper end.
    pub high: f64,
    /// Where labels stand.
    pub ticks: Vec<f64>,
    /// Whether coordinates are exponents of ten.
    pub logarithmic: bool,
}

impl Axis {
    /// From `low` to `high` with about `count` round ticks.
    pub fn linear(title: &'static str, low: f64, high: f64, count: usize) -> Axis {
        Axis { title, low, high, ticks: ticks(low, high, count), logarithmic: false }
    }

    /// Whole decades around the positive values `low` to `high`; at least two.
    pub fn decades(title: &'static str, low: f64, high: f64) -> Axis {
        let low_end = low.max(1e-30).log10().floor();
        let high_end = high.max(1e-30).log10().ceil().max(low_end + 2.0);
        let stride = ((high_end - low_end) / 6.0).ceil().max(1.0);
        let first = (low_end / stride).ceil() * stride;
        let count = ((high_end - first) / stride) as usize;
        let ticks = (0..=count).map(|at| first + at as f64 * stride).collect();
        Axis { title, low: low_end, high: high_end, ticks, logarithmic: true }
    }

    /// A value's coordinate; `None` where the axis cannot show it.
    pub fn place(&self, value: f64) -> Option<f64> {
        let place = if self.logarithmic { value.log10() } else { value };
        place.is_finite().then_some(place)
    }

    /// The label of a tick.
    pub fn label(&self, tick: f64) -> String {
        if self.logarithmic {
            return format::power(tick.round() as i32);
        }
        let step = self.ticks.windows(2).next().map_or(1.0, |pair| pair[1] - pair[0]);
        if step >= 1.0 && tick.abs() >= 10_000.0 {
            return short(tick);
        }
        format::fixed(tick, (-step.log10()).ceil().clamp(0.0, 6.0) as usize)
    }
}

fn short(value: f64) -> String {
    let (scaled, suffix) = if value.abs() >= 1e6 { (value / 1e6, " M") } else { (value / 1e3, " k") };
    let text = format::fixed(scaled, 1);
    text.strip_suffix(".0").unwrap_or(&text).to_owned() + suffix
}

/// The smallest round number that is not below `value`.
pub fn round_up(value: f64) -> f64 {
    if !(value.is_finite() && value > 0.0) {
        return 1.0;
    }
    let unit = 10f64.powf(value.log10().floor());
    let round = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    round.iter().map(|factor| factor * unit).find(|round| *round >= value * (1.0 - 1e-9)).unwrap_or(10.0 * unit)
}

/// The end of an axis that follows `value` without trembling: kept while it fits and is not far too large.
pub fn follow(end: f64, value: f64) -> f64 {
    if value <= end && value > 0.4 * end { end } else { round_up(value) }
}

fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let rough = (high - low) / count.max(1) as f64;
    if !(rough.is_finite() && rough > 0.0) {
        return vec![low];
    }
    let unit = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].iter().map(|factor| factor * unit).find(|step| *step >= rough).unwrap_or(rough);
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    (0..=(last - first).max(0.0) as usize).map(|at| (first + at as f64) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(Axis::linear("", 0.0, 4.0, 4).ticks, [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Axis::linear("", 0.0, 1200.0, 5).ticks, [0.0, 500.0, 1000.0]);
        let axis = Axis::linear("", 0.0, 60_000.0, 4);
        assert_eq!(axis.label(axis.ticks[1]), "20 k");
        assert_eq!(Axis::linear("", 0.0, 1.0, 4).label(0.5), "0.5");
    }

    #[test]
    fn decades_hold_their_values() {
        let axis = Axis::decades("", 3e-9, 0.2);
        assert_eq!((axis.low, axis.high), (-9.0, 0.0));
        assert!(axis.ticks.len() <= 7 && axis.ticks.contains(&0.0));
        assert_eq!(axis.label(-8.0), "10⁻⁸");
        assert_eq!(axis.place(0.0), None);
        assert_eq!(axis.place(f64::NAN), None);
    }

    #[test]
    fn ends_grow_in_round_steps_and_stay() {
        assert_eq!(round_up(13.0), 15.0);
        assert_eq!(round_up(0.0), 1.0);
        assert_eq!(round_up(f64::NAN), 1.0);
        assert_eq!(follow(15.0, 14.0), 15.0);
        assert_eq!(follow(15.0, 16.0), 20.0);
        assert_eq!(follow(15.0, 2.9), 3.0);
    }
}
