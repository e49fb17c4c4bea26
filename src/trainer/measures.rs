//! What is computed from other tensors when somebody asks: spectral radii, gate saturation, the spectrum of Jacobians.
//! Paths: `spectral_radius/NAME` of a recurrent weight, `saturation/PATH` of a probe, `jacobian/layers/K` of the probe text,
//! `evaluation/..` on held-out examples, `clamp/GATE/VALUE/evaluation/..` the same with a gate clamped, `count/..`,
//! `reward/..`, `beam/..` of the probe text.

use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Parameter};
use crate::number;

use super::long_view::{LongView, block_radii};
use super::saturation::gate_statistics;

/// A measure, by its path.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure<'a> {
    /// The largest |eigenvalue| of each H x H block of the parameter at the path (G H, H): (G), in the gates' order.
    SpectralRadius(String),
    /// Of a gate (.., H): (3, H), the mean of each unit, the share of steps below 0.1, the share above 0.9.
    Saturation(&'a str),
    /// Of the Jacobians dh_T/dh_t of a layer: rows t, then its singular values, largest first. See [`spectrum`].
    Jacobian(usize),
    /// A number on held-out examples; see [`super::evaluation`].
    Evaluation(&'a str),
    /// The same with a gate of every recurrent layer clamped to a value: `clamp/f/0/evaluation/loss`.
    Clamped { gate: &'a str, value: f32, path: &'a str },
    /// A number that the model keeps account of: `reward/before`, `reward/now`.
    Told(&'a str),
    /// See [`super::beam_view`].
    Beam(&'a str),
    /// How many parameters there are: of all layers, or the recurrent ones.
    Count(Counted),
}

/// Which parameters are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// `count/parameters`.
    All,
    /// `count/recurrent`.
    Recurrent,
}

impl Measure<'_> {
    /// The measure a path names, if it names one.
    pub fn parse(path: &str) -> Option<Measure<'_>> {
        let (kind, rest) = path.split_once('/')?;
        match kind {
            "spectral_radius" => Some(Measure::SpectralRadius(format!("parameters/{rest}"))),
            "saturation" => Some(Measure::Saturation(rest)),
            "evaluation" => Some(Measure::Evaluation(path)),
            "clamp" => {
                let [gate, value, path] = rest.splitn(3, '/').collect::<Vec<&str>>().try_into().ok()?;
                let value = number::parse(value)? as f32;
                path.starts_with("evaluation/").then_some(Measure::Clamped { gate, value, path })
            }
            "reward" => Some(Measure::Told(path)),
            "beam" => Some(Measure::Beam(rest)),
            "count" => match rest {
                "parameters" => Some(Measure::Count(Counted::All)),
                "recurrent" => Some(Measure::Count(Counted::Recurrent)),
                _ => None,
            },
            "jacobian" => rest.strip_prefix("layers/")?.parse().ok().map(Measure::Jacobian),
            _ => None,
        }
    }
}

/// A tensor: numbers and shape.
pub type Tensor = (Vec<f32>, Vec<usize>);

/// See [`Measure::Count`].
pub fn count(graph: &Graph, counted: Counted) -> f32 {
    let recurrent = |parameter: &&Parameter| {
        let name = parameter.name.rsplit('.').next().unwrap_or_default();
        ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].iter().any(|kind| name.starts_with(kind))
    };
    let all = graph.parameters().iter();
    all.filter(|parameter| counted == Counted::All || recurrent(parameter)).map(|parameter| parameter.len as f32).sum()
}

/// See [`Measure::SpectralRadius`].
///
/// # Errors
/// [`EngineError::Unknown`] for what is no recurrent weight.
pub fn spectral_radius((weight, shape): &Tensor) -> Result<Tensor, EngineError> {
    match shape[..] {
        [rows, units] if units > 0 && rows % units == 0 => {
            let radii: Vec<f32> = block_radii(weight, units).into_iter().map(|radius| radius as f32).collect();
            let blocks = radii.len();
            Ok((radii, vec![blocks]))
        }
        _ => Err(EngineError::Unknown { what: format!("spectral radius of a tensor {shape:?}") }),
    }
}

/// See [`Measure::Saturation`].
pub fn saturation((trace, shape): &Tensor) -> Tensor {
    let units = shape.last().copied().unwrap_or(1);
    let statistics = gate_statistics(trace, units);
    let rows = [
        statistics.iter().map(|unit| unit.mean).collect::<Vec<f32>>(),
        statistics.iter().map(|unit| unit.closed).collect(),
        statistics.iter().map(|unit| unit.open).collect(),
    ];
    (rows.concat(), vec![3, units])
}

/// Multiplications that the singular values of one answer may take, about: larger layers are looked at fewer times.
const WORK: usize = 8_000_000;

/// The singular values of dh_T/dh_t over a text of `steps` tokens that `view` has read: (n, 1 + H), rows t and the values,
/// largest first. For small layers at every t = 0..T, for larger ones at some, evenly, the first and the last among them.
///
/// # Errors
/// [`EngineError::Unknown`] for a layer there is not.
pub fn spectrum(view: &LongView, layer: usize, steps: usize, units: usize) -> Result<Tensor, EngineError> {
    let points = (WORK / units.pow(3).max(1)).clamp(2, steps + 1);
    let mut numbers = Vec::new();
    for point in 0..points {
        let t = point * steps / (points - 1);
        numbers.push(t as f32);
        numbers.extend(view.singular_values(layer, t)?.into_iter().map(|value| value as f32));
    }
    Ok((numbers, vec![points, 1 + units]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_named_by_paths() {
        let name = "parameters/rnn.weight_hh_l0".to_owned();
        assert_eq!(Measure::parse("spectral_radius/rnn.weight_hh_l0"), Some(Measure::SpectralRadius(name)));
        assert_eq!(Measure::parse("saturation/probe/layers/0/f"), Some(Measure::Saturation("probe/layers/0/f")));
        assert_eq!(Measure::parse("jacobian/layers/2"), Some(Measure::Jacobian(2)));
        let path = "evaluation/loss";
        assert_eq!(Measure::parse(path), Some(Measure::Evaluation(path)));
        assert_eq!(
            Measure::parse("clamp/f/0.5/evaluation/loss"),
            Some(Measure::Clamped { gate: "f", value: 0.5, path })
        );
        assert_eq!(Measure::parse("count/recurrent"), Some(Measure::Count(Counted::Recurrent)));
        for nothing in ["clamp/f/evaluation/loss", "clamp/f/1/loss", "clamp/f/x/evaluation/loss", "count/x"] {
            assert_eq!(Measure::parse(nothing), None, "{nothing}");
        }
        assert_eq!(Measure::parse("probe/layers/0/f"), None);
        assert_eq!(Measure::parse("jacobian/layers/x"), None);
    }
}
