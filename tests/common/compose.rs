//! Recurrent layers composed of primitive ops, step by step: what the fused ops are compared with.

use seqlab::engine::cell::Cell;
use seqlab::engine::error::EngineError;
use seqlab::engine::graph::{Graph, Op, RecurrentInput, Shape, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::unary::Unary;

/// The states of every step, (1, B, H) each.
pub struct Composed {
    pub h: Vec<ValueId>,
    /// Empty for cells without.
    pub c: Vec<ValueId>,
    /// The recorded gates of every step, in [`Cell::recorded`]'s order.
    pub gates: Vec<Vec<ValueId>>,
    /// h and c of every step as the next step has them, in which total derivatives are taken: zeros are not yet put in
    /// place of the padding.
    pub carried: [Vec<ValueId>; 2],
}

type Made = Result<ValueId, EngineError>;

/// Unrolls a layer. `exists` (T, B, H) is 1 where a sequence has a step and 0 beyond its end; there states are zero and
/// the sequence waits in the state it has. Steps are in the order of time, whatever the direction.
pub fn compose(
    graph: &mut Graph,
    cell: Cell,
    input: &RecurrentInput,
    exists: Option<ValueId>,
) -> Result<Composed, EngineError> {
    let steps = graph.shape(input.x_proj).0[0];
    let mut composed = Composed { h: Vec::new(), c: Vec::new(), gates: Vec::new(), carried: Default::default() };
    let mut h = one_step(graph, input.h0)?;
    let mut c = input.c0.map(|c0| one_step(graph, c0)).transpose()?;
    for place in 0..steps {
        let t = if input.reverse { steps - 1 - place } else { place };
        let x = graph.slice(input.x_proj, 0, t, 1)?;
        let x = graph.binary(Binary::Add, x, input.bias_ih)?;
        let mut step = Step { graph, input, x, h };
        let (next, next_c, gates) = match cell {
            Cell::Rnn => step.rnn(Unary::Tanh)?,
            Cell::RnnRelu => step.rnn(Unary::Relu)?,
            Cell::Lstm => step.lstm(c.expect("an LSTM has a cell state"))?,
            Cell::Gru => step.gru()?,
            Cell::GruTextbook => step.gru_textbook()?,
        };
        composed.carried[0].push(next);
        composed.carried[1].extend(next_c);
        let Some(exists) = exists else {
            (h, c) = (next, next_c);
            composed.h.push(h);
            composed.c.extend(c);
            composed.gates.push(gates);
            continue;
        };
        let mask = graph.slice(exists, 0, t, 1)?;
        let mut masked = |x: ValueId| graph.binary(Binary::Mul, x, mask);
        composed.h.push(masked(next)?);
        composed.c.extend(next_c.map(&mut masked).transpose()?);
        composed.gates.push(gates.into_iter().map(&mut masked).collect::<Result<_, _>>()?);
        h = wait(graph, mask, next, h)?;
        c = match (c, next_c) {
            (Some(c), Some(next)) => Some(wait(graph, mask, next, c)?),
            _ => None,
        };
    }
    if input.reverse {
        composed.h.reverse();
        composed.c.reverse();
        composed.gates.reverse();
        composed.carried.iter_mut().for_each(|states| states.reverse());
    }
    Ok(composed)
}

/// The next state where there is a step, else the one before: before + mask (next - before).
fn wait(graph: &mut Graph, mask: ValueId, next: ValueId, before: ValueId) -> Made {
    let change = graph.binary(Binary::Sub, next, before)?;
    let change = graph.binary(Binary::Mul, change, mask)?;
    graph.binary(Binary::Add, before, change)
}

/// A state (B, H) as (1, B, H).
fn one_step(graph: &mut Graph, state: ValueId) -> Made {
    let shape = Shape([&[1], graph.shape(state).0.as_slice()].concat());
    Ok(graph.apply(Op::ExpandLeading { shape }, &[state])?[0])
}

/// Steps (1, B, H) as one sequence (T, B, H).
pub fn stack(graph: &mut Graph, steps: &[ValueId]) -> Made {
    let total = steps.len();
    let mut sum = None;
    for (start, step) in steps.iter().enumerate() {
        let padded = graph.apply(Op::Pad { axis: 0, start, total }, &[*step])?[0];
        sum = Some(match sum {
            Some(sum) => graph.binary(Binary::Add, sum, padded)?,
            None => padded,
        });
    }
    Ok(sum.expect("one step at least"))
}

struct Step<'a> {
    graph: &'a mut Graph,
    input: &'a RecurrentInput,
    /// W_ih x + b_ih (1, B, G H).
    x: ValueId,
    /// (1, B, H).
    h: ValueId,
}

/// h, c and the gates.
type Stepped = Result<(ValueId, Option<ValueId>, Vec<ValueId>), EngineError>;

impl Step<'_> {
    fn hidden(&self) -> usize {
        self.graph.shape(self.h).last()
    }

    /// A block of H columns.
    fn block(&mut self, x: ValueId, at: usize) -> Made {
        let (hidden, axis) = (self.hidden(), self.graph.shape(x).0.len() - 1);
        self.graph.slice(x, axis, at * hidden, hidden)
    }

    /// x + W_hh h + b_hh for all gates.
    fn projected(&mut self) -> Result<(ValueId, ValueId), EngineError> {
        let product = self.graph.matmul(self.h, self.input.weight_hh, false, true)?;
        let product = self.graph.binary(Binary::Add, product, self.input.bias_hh)?;
        Ok((self.graph.binary(Binary::Add, self.x, product)?, product))
    }

    fn gate(&mut self, sums: ValueId, at: usize, kind: Unary) -> Made {
        let block = self.block(sums, at)?;
        self.graph.unary(kind, block)
    }

    fn mul(&mut self, a: ValueId, b: ValueId) -> Made {
        self.graph.binary(Binary::Mul, a, b)
    }

    /// (1 - z) a + z b.
    fn mix(&mut self, z: ValueId, a: ValueId, b: ValueId) -> Made {
        let rest = self.graph.affine(z, -1.0, 1.0)?;
        let (first, second) = (self.mul(rest, a)?, self.mul(z, b)?);
        self.graph.binary(Binary::Add, first, second)
    }

    fn rnn(&mut self, kind: Unary) -> Stepped {
        let (sums, _) = self.projected()?;
        Ok((self.graph.unary(kind, sums)?, None, Vec::new()))
    }

    fn lstm(&mut self, c: ValueId) -> Stepped {
        let (sums, _) = self.projected()?;
        let i = self.gate(sums, 0, Unary::Sigmoid)?;
        let f = self.gate(sums, 1, Unary::Sigmoid)?;
        let g = self.gate(sums, 2, Unary::Tanh)?;
        let o = self.gate(sums, 3, Unary::Sigmoid)?;
        let (kept, new) = (self.mul(f, c)?, self.mul(i, g)?);
        let c = self.graph.binary(Binary::Add, kept, new)?;
        let squashed = self.graph.unary(Unary::Tanh, c)?;
        Ok((self.mul(o, squashed)?, Some(c), vec![i, f, g, o]))
    }

    fn gru(&mut self) -> Stepped {
        let (sums, product) = self.projected()?;
        let r = self.gate(sums, 0, Unary::Sigmoid)?;
        let z = self.gate(sums, 1, Unary::Sigmoid)?;
        let q = self.block(product, 2)?;
        let reset = self.mul(r, q)?;
        let x = self.block(self.x, 2)?;
        let candidate = self.graph.binary(Binary::Add, x, reset)?;
        let n = self.graph.unary(Unary::Tanh, candidate)?;
        Ok((self.mix(z, n, self.h)?, None, vec![r, z, n, q]))
    }

    /// b_hh's third block is added to the candidate like b_ih's.
    fn gru_textbook(&mut self) -> Stepped {
        let (sums, _) = self.projected()?;
        let r = self.gate(sums, 0, Unary::Sigmoid)?;
        let z = self.gate(sums, 1, Unary::Sigmoid)?;
        let s = self.mul(r, self.h)?;
        let hidden = self.hidden();
        let weight = self.graph.slice(self.input.weight_hh, 0, 2 * hidden, hidden)?;
        let bias = self.graph.slice(self.input.bias_hh, 0, 2 * hidden, hidden)?;
        let product = self.graph.matmul(s, weight, false, true)?;
        let product = self.graph.binary(Binary::Add, product, bias)?;
        let x = self.block(self.x, 2)?;
        let candidate = self.graph.binary(Binary::Add, x, product)?;
        let n = self.graph.unary(Unary::Tanh, candidate)?;
        Ok((self.mix(z, self.h, n)?, None, vec![r, z, n, s]))
    }
}
