//! The textbooks' cells, written out step by step on the concatenation [h, x], against the engine's layers with the
//! parameters mapped to and fro.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::sketch::{Sketch, difference, numbers};
use seqlab::engine::backend::Executable;
use seqlab::engine::cell::Cell;
use seqlab::engine::error::EngineError;
use seqlab::engine::graph::{Graph, RecurrentInput, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::unary::Unary;
use seqlab::nn::recurrent::LayerParameters;
use seqlab::nn::textbook::{Gru, Lstm, Rnn};

/// Steps, sequences, inputs, units.
type Sizes = (usize, usize, usize, usize);

const SIZES: [Sizes; 4] = [(1, 1, 1, 1), (5, 2, 3, 4), (3, 1, 9, 7), (4, 3, 2, 33)];

type Made = Result<ValueId, EngineError>;

/// The sequence, its steps (B, input), and the states at the start.
struct Start {
    sequence: ValueId,
    steps: Vec<ValueId>,
    h: ValueId,
    c: ValueId,
}

fn start(sketch: &mut Sketch, (time, batch, input, hidden): Sizes) -> Start {
    let steps: Vec<ValueId> = (0..time).map(|_| sketch.constant([1, batch, input], -1.0, 1.0)).collect();
    let sequence = sketch.graph.concat(&steps, 0).expect("equal steps");
    let mut state = || sketch.constant([1, batch, hidden], -1.0, 1.0);
    Start { sequence, steps, h: state(), c: state() }
}

fn layer(sketch: &mut Sketch, cell: Cell, (_, _, input, hidden): Sizes, bias: bool) -> LayerParameters {
    let rows = cell.gates() * hidden;
    LayerParameters {
        weight_ih: sketch.constant([rows, input], -0.8, 0.8),
        weight_hh: sketch.constant([rows, hidden], -0.8, 0.8),
        biases: bias.then(|| [sketch.constant([rows], -0.5, 0.5), sketch.constant([rows], -0.5, 0.5)]),
    }
}

/// The states (T, B, H) of the engine's layer.
fn engine(graph: &mut Graph, cell: Cell, layer: &LayerParameters, start: &Start) -> Made {
    let x_proj = graph.matmul(start.sequence, layer.weight_ih, false, true)?;
    let (batch, hidden) = (graph.shape(start.h).0[1], graph.shape(start.h).last());
    let biases = match layer.biases {
        Some(biases) => biases,
        None => [graph.fill(0.0, [cell.gates() * hidden])?; 2],
    };
    let mut state = |value| graph.sum_leading(value, 2);
    let (h0, c0) = (state(start.h)?, state(start.c)?);
    assert_eq!(graph.shape(h0).0, [batch, hidden]);
    let c0 = cell.has_cell_state().then_some(c0);
    Ok(graph.recurrent(cell, &RecurrentInput::new(x_proj, layer.weight_hh, biases, h0, c0))?.h)
}

/// `a` and `b` side by side, times the transposed matrix.
fn on_both(graph: &mut Graph, a: ValueId, b: ValueId, weight: ValueId) -> Made {
    let both = graph.concat(&[a, b], 2)?;
    graph.matmul(both, weight, false, true)
}

fn rnn(graph: &mut Graph, form: &Rnn, start: &Start) -> Made {
    let (mut h, mut all) = (start.h, Vec::new());
    for x in &start.steps {
        let from_x = graph.linear(*x, form.input, Some(form.bias))?;
        let from_h = graph.matmul(h, form.hidden, false, true)?;
        let sum = graph.binary(Binary::Add, from_x, from_h)?;
        h = graph.unary(Unary::Tanh, sum)?;
        all.push(h);
    }
    graph.concat(&all, 0)
}

fn lstm(graph: &mut Graph, form: &Lstm, start: &Start) -> Made {
    let (mut h, mut c, mut all) = (start.h, start.c, Vec::new());
    let hidden = graph.shape(h).last();
    for x in &start.steps {
        let product = on_both(graph, h, *x, form.weight)?;
        let sums = graph.binary(Binary::Add, product, form.bias)?;
        let mut gate = |at: usize, kind: Unary| {
            let sum = graph.slice(sums, 2, at * hidden, hidden)?;
            graph.unary(kind, sum)
        };
        let (i, f) = (gate(0, Unary::Sigmoid)?, gate(1, Unary::Sigmoid)?);
        let (g, o) = (gate(2, Unary::Tanh)?, gate(3, Unary::Sigmoid)?);
        let (kept, new) = (graph.binary(Binary::Mul, f, c)?, graph.binary(Binary::Mul, i, g)?);
        c = graph.binary(Binary::Add, kept, new)?;
        let squashed = graph.unary(Unary::Tanh, c)?;
        h = graph.binary(Binary::Mul, o, squashed)?;
        all.push(h);
    }
    graph.concat(&all, 0)
}

fn gru(graph: &mut Graph, form: &Gru, start: &Start) -> Made {
    let (mut h, mut all) = (start.h, Vec::new());
    for x in &start.steps {
        let (r, z) = (on_both(graph, h, *x, form.reset)?, on_both(graph, h, *x, form.update)?);
        let (r, z) = (graph.unary(Unary::Sigmoid, r)?, graph.unary(Unary::Sigmoid, z)?);
        let reset = graph.binary(Binary::Mul, r, h)?;
        let sum = on_both(graph, reset, *x, form.candidate)?;
        let n = graph.unary(Unary::Tanh, sum)?;
        let rest = graph.affine(z, -1.0, 1.0)?;
        let (kept, new) = (graph.binary(Binary::Mul, rest, h)?, graph.binary(Binary::Mul, z, n)?);
        h = graph.binary(Binary::Add, kept, new)?;
        all.push(h);
    }
    graph.concat(&all, 0)
}

/// Computes pairs in f64 and compares them.
fn agree(sketch: &mut Sketch, what: &str, pairs: &[(ValueId, ValueId)]) {
    pairs.iter().for_each(|(a, b)| [*a, *b].into_iter().for_each(|id| sketch.keep(id)));
    let mut machine = sketch.load::<f64>();
    machine.run(0).expect("the CPU runs");
    for (place, (a, b)) in pairs.iter().enumerate() {
        let off = difference(&numbers(&machine, *a), &numbers(&machine, *b));
        assert!(off < 1e-12, "{what}, pair {place}: {off:.2e}");
    }
}

/// The engine's layer = the textbook's cell with its parameters mapped = the layer with them mapped back.
#[test]
fn an_rnn_is_the_textbooks() -> Result<(), EngineError> {
    for sizes in SIZES {
        for bias in [true, false] {
            let mut sketch = Sketch::new(3);
            let (start, layer) = (start(&mut sketch, sizes), layer(&mut sketch, Cell::Rnn, sizes, bias));
            let graph = &mut sketch.graph;
            let form = Rnn::of(graph, &layer)?;
            let back = form.layer(graph)?;
            let ours = engine(graph, Cell::Rnn, &layer, &start)?;
            let pairs = [(ours, rnn(graph, &form, &start)?), (ours, engine(graph, Cell::Rnn, &back, &start)?)];
            agree(&mut sketch, &format!("{sizes:?}"), &pairs);
        }
    }
    Ok(())
}

#[test]
fn an_lstm_is_the_textbooks() -> Result<(), EngineError> {
    for sizes in SIZES {
        for bias in [true, false] {
            let mut sketch = Sketch::new(4);
            let (start, layer) = (start(&mut sketch, sizes), layer(&mut sketch, Cell::Lstm, sizes, bias));
            let graph = &mut sketch.graph;
            let form = Lstm::of(graph, &layer)?;
            let back = form.layer(graph)?;
            let ours = engine(graph, Cell::Lstm, &layer, &start)?;
            let again = engine(graph, Cell::Lstm, &back, &start)?;
            let weights = [(layer.weight_ih, back.weight_ih), (layer.weight_hh, back.weight_hh)];
            let pairs = [[(ours, lstm(graph, &form, &start)?), (ours, again)], weights].concat();
            agree(&mut sketch, &format!("{sizes:?}"), &pairs);
        }
    }
    Ok(())
}

#[test]
fn the_textbooks_gru_is_the_textbooks_and_not_pytorchs() -> Result<(), EngineError> {
    for sizes in SIZES {
        let mut sketch = Sketch::new(5);
        let (start, layer) = (start(&mut sketch, sizes), layer(&mut sketch, Cell::GruTextbook, sizes, false));
        let graph = &mut sketch.graph;
        let form = Gru::of(graph, &layer)?;
        let back = form.layer(graph)?;
        let ours = engine(graph, Cell::GruTextbook, &layer, &start)?;
        let again = engine(graph, Cell::GruTextbook, &back, &start)?;
        let weights = [(layer.weight_ih, back.weight_ih), (layer.weight_hh, back.weight_hh)];
        let pairs = [[(ours, gru(graph, &form, &start)?), (ours, again)], weights].concat();
        let torchs = engine(graph, Cell::Gru, &layer, &start)?;
        sketch.keep(torchs);
        agree(&mut sketch, &format!("{sizes:?}"), &pairs);
        let mut machine = sketch.load::<f64>();
        machine.run(0)?;
        assert!(difference(&numbers(&machine, ours), &numbers(&machine, torchs)) > 1e-3, "{sizes:?}");
    }
    Ok(())
}

#[test]
fn biases_are_not_dropped_in_silence() {
    let mut sketch = Sketch::new(6);
    let layer = layer(&mut sketch, Cell::GruTextbook, SIZES[1], true);
    assert!(matches!(Gru::of(&mut sketch.graph, &layer), Err(EngineError::Shape { .. })));
}
