//! What views see of recurrent layers: their gates and states by name.

use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, RecurrentOutput, ValueId};
use crate::nn::recurrent::Recurrent;

/// Values by their path.
pub type Named = Vec<(String, ValueId)>;

/// The states of every layer and direction, by the path of the norms of their derivatives (`{prefix}/K/grad_h_norm`), and
/// every gate and state (T, B, H) by its own (`{prefix}/K/f`). The direction that reads backwards is `K_reverse`.
///
/// # Errors
/// [`EngineError::Shape`] for outputs of another cell.
pub fn recurrent_signals(
    graph: &mut Graph,
    recurrent: &Recurrent,
    layers: &[RecurrentOutput],
    prefix: &str,
) -> Result<(Named, Named), EngineError> {
    let (mut watched, mut signals) = (Vec::new(), Vec::new());
    let symbols = recurrent.cell.recorded_symbols();
    for (at, layer) in layers.iter().enumerate() {
        let (number, backwards) = (at / recurrent.directions(), at % recurrent.directions() == 1);
        let path = format!("{prefix}/{number}{}", if backwards { "_reverse" } else { "" });
        if let Some(gates) = layer.gates {
            for (place, symbol) in symbols.iter().enumerate() {
                let signal = graph.slice(gates, 2, place * recurrent.hidden, recurrent.hidden)?;
                signals.push((format!("{path}/{symbol}"), signal));
            }
        }
        for (symbol, states) in [("c", layer.c), ("h", Some(layer.h))] {
            if let Some(states) = states {
                watched.push((format!("{path}/grad_{symbol}_norm"), states));
                signals.push((format!("{path}/{symbol}"), states));
            }
        }
    }
    Ok((watched, signals))
}
