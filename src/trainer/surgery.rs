//! Operations on a model's parameters: on a copy, for looking at what the model does without a gate, a unit, a weight.

use crate::engine::cell::Cell;
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Parameter};
use crate::number;
use crate::protocol::Edit;
use crate::spec::{ModelSpec, SpecError, limits};

/// What stands for an infinite input: its sigmoid is 1 or below every normal number, its tanh 1 or -1.
const INFINITE: f32 = 100.0;

/// Makes edits, one after the other, in the flat parameters of `graph`, those of `spec`'s model. Here it is checked what an
/// edit may be; that an [`Edit::Attend`] has its place, the session finds.
///
/// # Errors
/// More than [`limits::EDITS`], or the first edit that does not fit, under the key `surgery`; the edits before it are made
/// then. A message counts layers, units and numbers from 1.
pub fn apply(graph: &Graph, parameters: &mut [f32], spec: &ModelSpec, edits: &[Edit]) -> Result<(), SpecError> {
    let refuse = |message: String| SpecError::new("surgery", message);
    if edits.len() > limits::EDITS {
        return Err(refuse(format!("A model takes {} edits at once.", limits::EDITS)));
    }
    for edit in edits {
        match edit {
            Edit::Clamp { layer, gate, unit, value } => {
                let low = if is_signed(spec.cell, gate) { -1.0 } else { 0.0 };
                if !(low..=1.0).contains(value) {
                    return Err(refuse(format!("The gate {gate} goes from {} to 1.", number::show(low))));
                }
                let unit_named = unit.map_or_else(String::new, |unit| format!(", unit {}", unit + 1));
                clamp_gate(graph, parameters, spec.cell, *layer, gate, *unit, *value).map_err(|_| {
                    let layer = layer + 1;
                    refuse(format!("This model has no gate \u{201c}{gate}\u{201d} of layer {layer}{unit_named}."))
                })?;
            }
            Edit::Zero { layer, unit } => zero_unit(graph, parameters, *layer, *unit).map_err(|_| {
                let (layer, unit) = (layer + 1, unit + 1);
                refuse(format!("This model has no unit {unit} of layer {layer} that can be zeroed."))
            })?,
            Edit::Weight { name, index, value } => {
                let found = graph.parameters().iter().find(|known| known.name == *name);
                let parameter =
                    found.ok_or_else(|| refuse(format!("\u{201c}{name}\u{201d} is no parameter of this model.")))?;
                if *index >= parameter.len {
                    let (count, number) = (parameter.len, index + 1);
                    return Err(refuse(format!("\u{201c}{name}\u{201d} has {count} numbers, and no number {number}.")));
                }
                if !value.is_finite() {
                    return Err(refuse("A weight is a finite number.".to_owned()));
                }
                parameters[parameter.offset + index] = *value;
            }
            Edit::Attend { weight, .. } if !(0.0..=1.0).contains(weight) => {
                return Err(refuse("An attention weight goes from 0 to 1.".to_owned()));
            }
            // Not of the parameters: `Session` forces it upon the probe text's answer.
            Edit::Attend { .. } => {}
        }
    }
    Ok(())
}

/// Hides a unit's hidden state, in every direction of its layer, from all that read it: its columns of weight_hh, of the
/// weights of the layer above, or of those of the output, become 0. What a GRU's unit keeps of its own state it keeps.
///
/// # Errors
/// [`EngineError::Unknown`] for a layer or unit there is not, and for a model whose states are read by something else;
/// nothing is changed then.
pub fn zero_unit(graph: &Graph, parameters: &mut [f32], layer: usize, unit: usize) -> Result<(), EngineError> {
    let unknown = || EngineError::Unknown { what: format!("unit {unit} of layer {layer}") };
    let of = |layer: usize, name: &'static str| {
        graph.parameters().iter().filter(move |known| is_weight(known, name, layer)).collect::<Vec<&Parameter>>()
    };
    let own = of(layer, "weight_hh");
    let units = own.first().map(|weight| graph.shape(weight.value).last()).ok_or_else(unknown)?;
    let above = of(layer + 1, "weight_ih");
    let outputs = graph.parameters().iter().filter(|known| OUTPUTS.contains(&known.name.as_str())).collect();
    let readers: Vec<&Parameter> = if above.is_empty() { outputs } else { above };
    let whole = |reader: &&Parameter| graph.shape(reader.value).last() == units * own.len();
    if unit >= units || own.len() > 2 || readers.is_empty() || !readers.iter().all(whole) {
        return Err(unknown());
    }
    for weight in own.iter().chain(&readers) {
        let rows = parameters[weight.offset..weight.offset + weight.len].chunks_exact_mut(units);
        rows.for_each(|of_a_direction| of_a_direction[unit] = 0.0);
    }
    Ok(())
}

/// What reads the states of the top layer.
const OUTPUTS: [&str; 2] = ["out.weight", "classifier.0.weight"];

fn is_weight(parameter: &Parameter, name: &str, layer: usize) -> bool {
    let end = parameter.name.rsplit('.').next().unwrap_or_default();
    let end = end.strip_suffix("_reverse").unwrap_or(end);
    end.strip_prefix(name).and_then(|end| end.strip_prefix("_l")) == Some(layer.to_string().as_str())
}

fn is_signed(cell: Cell, gate: &str) -> bool {
    cell.signals().iter().any(|signal| signal.symbol == gate && signal.signed)
}

/// Clamps a gate (or candidate) of one recurrent layer, in both directions where it has two, to a value, whatever it reads:
/// the gate's rows of weight_ih, weight_hh and bias_hh become 0, those of bias_ih the value's logit (of a candidate: its
/// inverse tanh). `unit` clamps one unit only. `parameters` are the flat parameters of `graph`.
///
/// # Errors
/// [`EngineError::Unknown`] for a gate, layer or unit there is not; nothing is changed then.
pub fn clamp_gate(
    graph: &Graph,
    parameters: &mut [f32],
    cell: Cell,
    layer: usize,
    gate_symbol: &str,
    unit: Option<usize>,
    value: f32,
) -> Result<(), EngineError> {
    let gates = &cell.recorded_symbols()[..cell.gates().min(cell.recorded_symbols().len())];
    let place = gates.iter().position(|symbol| *symbol == gate_symbol);
    let unknown = || EngineError::Unknown { what: format!("gate \"{gate_symbol}\" of layer {layer}") };
    let place = place.ok_or_else(unknown)?;
    let bias = if is_signed(cell, gate_symbol) { inverse_tanh(value) } else { logit(value) };

    let found: Vec<(&Parameter, Part)> = graph.parameters().iter().filter_map(|known| part(known, layer)).collect();
    if found.is_empty() {
        return Err(unknown());
    }
    for (parameter, part) in &found {
        let units = graph.shape(parameter.value).0[0] / cell.gates();
        if unit.is_some_and(|unit| unit >= units) {
            return Err(unknown());
        }
        let width = parameter.len / (units * cell.gates());
        let rows = unit.map_or(0..units, |unit| unit..unit + 1);
        let start = parameter.offset + (place * units + rows.start) * width;
        let number = if *part == Part::InputBias { bias } else { 0.0 };
        parameters[start..start + rows.len() * width].fill(number);
    }
    Ok(())
}

/// What a parameter of a recurrent layer is.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    InputBias,
    Other,
}

/// The part a parameter plays in a layer, in PyTorch's names; `None` for one of another layer.
fn part(parameter: &Parameter, layer: usize) -> Option<(&Parameter, Part)> {
    let end = parameter.name.rsplit('.').next()?;
    let end = end.strip_suffix("_reverse").unwrap_or(end);
    let name = end.strip_suffix(&format!("_l{layer}"))?;
    match name {
        "bias_ih" => Some((parameter, Part::InputBias)),
        "weight_ih" | "weight_hh" | "bias_hh" => Some((parameter, Part::Other)),
        _ => None,
    }
}

/// The x with s(x) = p.
fn logit(p: f32) -> f32 {
    let p = f64::from(p.clamp(0.0, 1.0));
    ((p / (1.0 - p)).ln() as f32).clamp(-INFINITE, INFINITE)
}

/// The x with tanh(x) = y.
fn inverse_tanh(y: f32) -> f32 {
    (f64::from(y.clamp(-1.0, 1.0)).atanh() as f32).clamp(-INFINITE, INFINITE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::recurrent::Recurrent;

    #[test]
    fn the_rows_of_one_gate_change() {
        let mut graph = Graph::default();
        let layers = Recurrent { layers: 2, bidirectional: true, ..Recurrent::new(Cell::Lstm, 3, 4) };
        layers.parameters(&mut graph, "rnn.");
        let before = vec![0.5; graph.flat_len()];
        let mut after = before.clone();
        clamp_gate(&graph, &mut after, Cell::Lstm, 1, "f", None, 0.0).expect("an LSTM has one");
        for parameter in graph.parameters() {
            let numbers = &after[parameter.offset..parameter.offset + parameter.len];
            let rows: Vec<&[f32]> = numbers.chunks(parameter.len / 16).collect();
            let wanted = match () {
                () if !parameter.name.contains("_l1") => 0.5,
                () if parameter.name.contains("bias_ih") => -INFINITE,
                () => 0.0,
            };
            for (row, numbers) in rows.iter().enumerate() {
                let wanted = if (4..8).contains(&row) { wanted } else { 0.5 };
                assert!(numbers.iter().all(|number| *number == wanted), "{} row {row}", parameter.name);
            }
        }
        let mut one = before.clone();
        clamp_gate(&graph, &mut one, Cell::Lstm, 0, "g", Some(2), 1.0).expect("a unit");
        assert_eq!(one.iter().filter(|number| **number == INFINITE).count(), 2, "both directions");
        for (layer, gate, unit) in [(2, "f", None), (0, "z", None), (0, "f", Some(4))] {
            assert!(clamp_gate(&graph, &mut one, Cell::Lstm, layer, gate, unit, 0.0).is_err());
        }
        assert!(clamp_gate(&graph, &mut one, Cell::Rnn, 0, "h", None, 0.0).is_err());
    }

    #[test]
    fn half_open_is_zero() {
        assert_eq!([logit(0.5), logit(0.0), logit(1.0), inverse_tanh(0.0)], [0.0, -INFINITE, INFINITE, 0.0]);
    }
}
