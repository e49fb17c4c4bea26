//! The derivative of a loss in the value of every recorded gate of a recurrent layer. Backpropagation through time leaves
//! the total derivatives dL/dh_t and dL/dc_t of the states; those of the gates follow from them by the cell's equations
//! ([`Cell`]), step by step.

use super::recurrent::LayerState;
use crate::engine::cell::Cell;
use crate::engine::error::EngineError;
use crate::engine::graph::{Gradients, Graph, Op, RecurrentOutput, ValueId};
use crate::engine::kernels::binary::Binary;
use crate::engine::kernels::unary::Unary;

/// A recurrent layer that has been run over whole sequences.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// The cell.
    pub cell: Cell,
    /// Whether it read from the last step to the first.
    pub reverse: bool,
    /// (G H, H).
    pub weight_hh: ValueId,
    /// What it started from.
    pub state: LayerState,
    /// What it computed.
    pub output: &'a RecurrentOutput,
}

/// dL/d(signal) for each recorded gate in [`Cell::recorded_symbols`]'s order, then c where there is one, then h: each
/// (T, B, H). Zero where the loss does not depend on the layer.
///
/// # Errors
/// [`EngineError::Shape`] for an output of another cell.
pub fn gate_gradients(
    graph: &mut Graph,
    layer: &Layer<'_>,
    gradients: &Gradients,
) -> Result<Vec<(&'static str, ValueId)>, EngineError> {
    let Layer { cell, output, .. } = *layer;
    let dh = total(graph, gradients, output.h)?;
    let dc = output.c.map(|c| total(graph, gradients, c)).transpose()?;
    let mut formulas = Formulas { graph, layer };
    let mut found = match (cell, dc, output.gates) {
        (Cell::Lstm, Some(dc), Some(gates)) => formulas.lstm(gates, dh, dc)?,
        (Cell::Gru, _, Some(gates)) => formulas.gru(gates, dh)?,
        (Cell::GruTextbook, _, Some(gates)) => formulas.gru_textbook(gates, dh)?,
        _ => Vec::new(),
    };
    found.extend(dc.map(|dc| ("c", dc)));
    found.push(("h", dh));
    Ok(found)
}

fn total(graph: &mut Graph, gradients: &Gradients, states: ValueId) -> Result<ValueId, EngineError> {
    match gradients.total(states) {
        Some(total) => Ok(total),
        None => graph.fill(0.0, graph.shape(states).clone()),
    }
}

struct Formulas<'a> {
    graph: &'a mut Graph,
    layer: &'a Layer<'a>,
}

type Found = Result<Vec<(&'static str, ValueId)>, EngineError>;

impl Formulas<'_> {
    fn gate(&mut self, gates: ValueId, at: usize) -> Result<ValueId, EngineError> {
        let hidden = self.graph.shape(self.layer.output.h).last();
        self.graph.slice(gates, 2, at * hidden, hidden)
    }

    fn mul(&mut self, a: ValueId, b: ValueId) -> Result<ValueId, EngineError> {
        self.graph.binary(Binary::Mul, a, b)
    }

    /// The states before each step.
    fn previous(&mut self, states: ValueId, first: ValueId) -> Result<ValueId, EngineError> {
        let previous = Op::Previous { reverse: self.layer.reverse };
        Ok(self.graph.apply(previous, &[states, first])?[0])
    }

    /// dL/d(what tanh gave n of), of dL/dn: dn (1 - n^2).
    fn before_tanh(&mut self, dn: ValueId, n: ValueId) -> Result<ValueId, EngineError> {
        let square = self.graph.unary(Unary::Square, n)?;
        let slope = self.graph.affine(square, -1.0, 1.0)?;
        self.mul(dn, slope)
    }

    /// c = f c_prev + i g, h = o tanh(c): di = dc g, df = dc c_prev, dg = dc i, do = dh tanh(c).
    fn lstm(&mut self, gates: ValueId, dh: ValueId, dc: ValueId) -> Found {
        let (Some(c), Some(c0)) = (self.layer.output.c, self.layer.state.c) else { return Ok(Vec::new()) };
        let (i, g) = (self.gate(gates, 0)?, self.gate(gates, 2)?);
        let previous = self.previous(c, c0)?;
        let squashed = self.graph.unary(Unary::Tanh, c)?;
        let (di, df) = (self.mul(dc, g)?, self.mul(dc, previous)?);
        let (dg, d_o) = (self.mul(dc, i)?, self.mul(dh, squashed)?);
        Ok(vec![("i", di), ("f", df), ("g", dg), ("o", d_o)])
    }

    /// n = tanh(x + r q), h = (1 - z) n + z h_prev: dz = dh (h_prev - n), dn = dh (1 - z), dr = dn (1 - n^2) q and dq the
    /// same with r.
    fn gru(&mut self, gates: ValueId, dh: ValueId) -> Found {
        let (r, z) = (self.gate(gates, 0)?, self.gate(gates, 1)?);
        let (n, q) = (self.gate(gates, 2)?, self.gate(gates, 3)?);
        let previous = self.previous(self.layer.output.h, self.layer.state.h)?;
        let apart = self.graph.binary(Binary::Sub, previous, n)?;
        let rest = self.graph.affine(z, -1.0, 1.0)?;
        let (dz, dn) = (self.mul(dh, apart)?, self.mul(dh, rest)?);
        let inner = self.before_tanh(dn, n)?;
        let (dr, dq) = (self.mul(inner, q)?, self.mul(inner, r)?);
        Ok(vec![("r", dr), ("z", dz), ("n", dn), ("q", dq)])
    }

    /// s = r h_prev, n = tanh(x + W_hn s), h = (1 - z) h_prev + z n: dz = dh (n - h_prev), dn = dh z,
    /// ds = W_hn^T (dn (1 - n^2)), dr = ds h_prev.
    fn gru_textbook(&mut self, gates: ValueId, dh: ValueId) -> Found {
        let (z, n) = (self.gate(gates, 1)?, self.gate(gates, 2)?);
        let previous = self.previous(self.layer.output.h, self.layer.state.h)?;
        let apart = self.graph.binary(Binary::Sub, n, previous)?;
        let (dz, dn) = (self.mul(dh, apart)?, self.mul(dh, z)?);
        let hidden = self.graph.shape(dh).last();
        let weight = self.graph.slice(self.layer.weight_hh, 0, 2 * hidden, hidden)?;
        let inner = self.before_tanh(dn, n)?;
        let ds = self.graph.matmul(inner, weight, false, false)?;
        let dr = self.mul(ds, previous)?;
        Ok(vec![("r", dr), ("z", dz), ("n", dn), ("s", ds)])
    }
}
