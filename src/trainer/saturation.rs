//! How gates are used: means and saturation over a recorded trace (Karpathy, Johnson & Fei-Fei 2015, section 4.2).

/// A gate of one unit over time (and sequences).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GateStatistics {
    /// The mean activation.
    pub mean: f32,
    /// The share of steps with an activation below 0.1: left-saturated.
    pub closed: f32,
    /// The share of steps with an activation above 0.9: right-saturated.
    pub open: f32,
}

/// The statistics of each of `units` units; `trace` (.., units) is a gate at every step, as `probe/layers/K/f` has it.
/// Meant for gates in 0..1. All zero where the trace is empty.
pub fn gate_statistics(trace: &[f32], units: usize) -> Vec<GateStatistics> {
    let mut sums = vec![[0.0_f64; 3]; units];
    for row in trace.chunks_exact(units.max(1)) {
        for ([mean, closed, open], gate) in sums.iter_mut().zip(row) {
            *mean += f64::from(*gate);
            *closed += f64::from(u8::from(*gate < 0.1));
            *open += f64::from(u8::from(*gate > 0.9));
        }
    }
    let steps = (trace.len() / units.max(1)).max(1) as f64;
    let statistics = |[mean, closed, open]: [f64; 3]| GateStatistics {
        mean: (mean / steps) as f32,
        closed: (closed / steps) as f32,
        open: (open / steps) as f32,
    };
    sums.into_iter().map(statistics).collect()
}

#[test]
fn a_trace_of_two_units() {
    let trace = [0.05, 0.5, 0.95, 0.5, 0.02, 0.5, 0.1, 0.9];
    let [first, second] = gate_statistics(&trace, 2)[..] else { panic!("two units") };
    assert!((first.mean - 0.28).abs() < 1e-6);
    assert_eq!((first.closed, first.open), (0.5, 0.25));
    assert_eq!((second.closed, second.open), (0.0, 0.0));
    assert_eq!(gate_statistics(&[], 2), [GateStatistics::default(); 2]);
}
