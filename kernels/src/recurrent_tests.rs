//! Every cell against its formulas, unit by unit, and against finite differences.

use super::ragged::Sequences;
use super::real::Real;
use super::recurrent::*;
use super::testing::{assert_close, assert_gradient, cast, numbers, probe, unset, widen};

/// Inputs of a layer.
#[derive(Clone)]
struct Inputs {
    cell: Cell,
    dims: Dims,
    course: Course<'static>,
    x_proj: Vec<f64>,
    weight: Vec<f64>,
    bias_ih: Vec<f64>,
    bias_hh: Vec<f64>,
    h0: Vec<f64>,
    c0: Vec<f64>,
}

/// Outputs of the forward pass.
struct Outputs {
    h: Vec<f64>,
    c: Vec<f64>,
    gates: Vec<f64>,
}

/// Outputs of the backward pass.
struct Gradients {
    d_x: Vec<f64>,
    d_h: Vec<f64>,
    grad_h: Vec<f64>,
    grad_c: Vec<f64>,
    dh0: Vec<f64>,
    dc0: Vec<f64>,
}

impl Inputs {
    fn new(cell: Cell, steps: usize, batch: usize, hidden: usize) -> Self {
        let dims = Dims { steps, batch, hidden };
        let width = cell.gates() * hidden;
        let scaled = |seed, len, scale: f64| numbers(seed, len).iter().map(|x| scale * x).collect();
        Self {
            cell,
            dims,
            course: Course::default(),
            x_proj: numbers(1, steps * batch * width),
            weight: scaled(2, width * hidden, 1.5 / (hidden as f64).sqrt()),
            bias_ih: scaled(3, width, 0.5),
            bias_hh: scaled(4, width, 0.5),
            h0: numbers(5, batch * hidden),
            c0: if cell.has_cell_state() { numbers(6, batch * hidden) } else { Vec::new() },
        }
    }

    /// Numbers in a [T, B, H] tensor.
    fn len(&self) -> usize {
        self.dims.steps * self.dims.state()
    }

    fn c_len(&self) -> usize {
        if self.cell.has_cell_state() { self.len() } else { 0 }
    }

    fn forward<R: Real>(&self) -> Outputs {
        let (mut h, mut c) = (unset::<R>(self.len()), unset::<R>(self.c_len()));
        let mut gates = unset::<R>(self.cell.recorded() * self.len());
        let io = Forward {
            x_proj: &cast(&self.x_proj),
            weight_hh: &cast(&self.weight),
            bias_ih: &cast(&self.bias_ih),
            bias_hh: &cast(&self.bias_hh),
            h0: &cast(&self.h0),
            c0: &cast(&self.c0),
            h: &mut h,
            c: &mut c,
            gates: &mut gates,
        };
        let scratch = &mut unset(forward_scratch(self.cell, self.dims, !self.course.lengths.is_empty()));
        forward(self.cell, self.dims, self.course, io, scratch);
        Outputs { h: widen(&h), c: widen(&c), gates: widen(&gates) }
    }

    fn backward<R: Real>(&self, out: &Outputs, grad_output: &[f64], grad_cell: Option<&[f64]>) -> Gradients {
        let projected = self.cell.gates() * self.len();
        let mut d_x = unset::<R>(projected);
        let mut d_h = unset::<R>(if self.cell == Cell::Gru { projected } else { 0 });
        let (mut grad_h, mut grad_c) = (unset::<R>(self.len()), unset::<R>(self.c_len()));
        let (mut dh0, mut dc0) = (unset::<R>(self.h0.len()), unset::<R>(self.c0.len()));
        let grad_cell = grad_cell.map(cast);
        let io = Backward {
            weight_hh: &cast(&self.weight),
            gates: &cast(&out.gates),
            h: &cast(&out.h),
            c: &cast(&out.c),
            h0: &cast(&self.h0),
            c0: &cast(&self.c0),
            grad_output: &cast(grad_output),
            grad_cell: grad_cell.as_deref(),
            d_x_proj: &mut d_x,
            d_h_proj: &mut d_h,
            grad_h: &mut grad_h,
            grad_c: &mut grad_c,
            dh0: &mut dh0,
            dc0: &mut dc0,
        };
        let scratch = &mut unset(backward_scratch(self.cell, self.dims, !self.course.lengths.is_empty()));
        backward(self.cell, self.dims, self.course, io, scratch);
        Gradients {
            d_x: widen(&d_x),
            d_h: widen(&d_h),
            grad_h: widen(&grad_h),
            grad_c: widen(&grad_c),
            dh0: widen(&dh0),
            dc0: widen(&dc0),
        }
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// One step of one sequence, straight from the formulas; `kick` is added to the new (h, c).
fn step(i: &Inputs, x: &[f64], h: &[f64], c: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let n = i.dims.hidden;
    let product = |row: usize, h: &[f64]| probe(&i.weight[row * n..(row + 1) * n], h);
    let sum = |row: usize| x[row] + i.bias_ih[row] + product(row, h) + i.bias_hh[row];
    let each = |f: &dyn Fn(usize) -> f64| (0..n).map(f).collect::<Vec<f64>>();
    match i.cell {
        Cell::Rnn => (each(&|j| sum(j).tanh()), vec![]),
        Cell::RnnRelu => (each(&|j| sum(j).max(0.0)), vec![]),
        Cell::Lstm => {
            let c = each(&|j| sigmoid(sum(n + j)) * c[j] + sigmoid(sum(j)) * sum(2 * n + j).tanh());
            (each(&|j| sigmoid(sum(3 * n + j)) * c[j].tanh()), c)
        }
        Cell::Gru => {
            let new = |j: usize| {
                let row = 2 * n + j;
                (x[row] + i.bias_ih[row] + sigmoid(sum(j)) * (product(row, h) + i.bias_hh[row])).tanh()
            };
            (each(&|j| (1.0 - sigmoid(sum(n + j))) * new(j) + sigmoid(sum(n + j)) * h[j]), vec![])
        }
        Cell::GruTextbook => {
            let reset = each(&|j| sigmoid(sum(j)) * h[j]);
            let new = |j: usize| {
                let row = 2 * n + j;
                (x[row] + i.bias_ih[row] + product(row, &reset) + i.bias_hh[row]).tanh()
            };
            (each(&|j| (1.0 - sigmoid(sum(n + j))) * h[j] + sigmoid(sum(n + j)) * new(j)), vec![])
        }
    }
}

/// All states; `kick_h` and `kick_c` [T, B, H] are added to the states as they arise, to differentiate in them.
fn plain(i: &Inputs, kick_h: &[f64], kick_c: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (n, width) = (i.dims.hidden, i.cell.gates() * i.dims.hidden);
    let (mut hs, mut cs) = (Vec::new(), Vec::new());
    for t in 0..i.dims.steps {
        for b in 0..i.dims.batch {
            let at = |states: &[f64], first: &[f64]| match t {
                _ if first.is_empty() => vec![],
                0 => first[b * n..(b + 1) * n].to_vec(),
                _ => states[((t - 1) * i.dims.batch + b) * n..][..n].to_vec(),
            };
            let row = t * i.dims.batch + b;
            let (h, c) = (at(&hs, &i.h0), at(&cs, &i.c0));
            // c first: h depends on the kicked c.
            let (mut h, mut c) = step(i, &i.x_proj[row * width..(row + 1) * width], &h, &c);
            if let Some(kick) = kick_c.get(row * n..(row + 1) * n) {
                for j in 0..c.len() {
                    let open = h[j] / c[j].tanh();
                    c[j] += kick[j];
                    h[j] = open * c[j].tanh();
                }
            }
            for (h, kick) in h.iter_mut().zip(&kick_h[row * n..]) {
                *h += kick;
            }
            hs.extend(h);
            cs.extend(c);
        }
    }
    (hs, cs)
}

#[test]
fn forward_is_the_formula_and_precisions_agree() {
    for cell in Cell::ALL {
        for (steps, batch, hidden) in [(1, 1, 1), (1, 1, 33), (3, 1, 7), (5, 3, 7), (2, 5, 33), (2, 7, 130)] {
            let inputs = Inputs::new(cell, steps, batch, hidden);
            let none = vec![0.0; inputs.len()];
            let (h, c) = plain(&inputs, &none, &[]);
            let (single, double) = (inputs.forward::<f32>(), inputs.forward::<f64>());
            assert_close(&double.h, &h, 1e-12);
            assert_close(&double.c, &c, 1e-12);
            assert_close(&single.h, &double.h, 3e-6);
            assert_close(&single.gates, &double.gates, 3e-6);
            let (dh, dc) = (numbers(8, inputs.len()), numbers(9, inputs.c_len()));
            let outside = cell.has_cell_state().then_some(&dc[..]);
            let (a, b) = (inputs.backward::<f32>(&double, &dh, outside), inputs.backward::<f64>(&double, &dh, outside));
            for (a, b) in [(a.d_x, b.d_x), (a.d_h, b.d_h), (a.grad_h, b.grad_h), (a.grad_c, b.grad_c)] {
                assert_close(&a, &b, 1e-5);
            }
            assert_close(&a.dh0, &b.dh0, 1e-5);
            assert_close(&a.dc0, &b.dc0, 1e-5);
        }
    }
}

/// Every output of the backward pass against differences of the plain formulas.
#[test]
fn backward_matches_differences() {
    for cell in Cell::ALL {
        let inputs = Inputs::new(cell, 4, 2, 3);
        let (dh, dc) = (numbers(8, inputs.len()), numbers(9, inputs.c_len()));
        let none = vec![0.0; inputs.len()];
        let loss = |i: &Inputs, kick_h: &[f64], kick_c: &[f64]| {
            let (h, c) = plain(i, kick_h, kick_c);
            probe(&h, &dh) + probe(&c, &dc)
        };
        let with = |change: &dyn Fn(&mut Inputs)| {
            let mut inputs = inputs.clone();
            change(&mut inputs);
            loss(&inputs, &none, &[])
        };
        let g = inputs.backward::<f64>(&inputs.forward::<f64>(), &dh, cell.has_cell_state().then_some(&dc[..]));
        assert_gradient(&inputs.x_proj, &g.d_x, |x| with(&|i| i.x_proj = x.to_vec()));
        assert_gradient(&inputs.h0, &g.dh0, |x| with(&|i| i.h0 = x.to_vec()));
        assert_gradient(&inputs.c0, &g.dc0, |x| with(&|i| i.c0 = x.to_vec()));
        assert_gradient(&none, &g.grad_h, |x| loss(&inputs, x, &[]));
        if cell.has_cell_state() {
            assert_gradient(&none, &g.grad_c, |x| loss(&inputs, &none, x));
        }
        check_weight_gradient(&inputs, &g, |weight| with(&|i| i.weight = weight.to_vec()));
        let d_bias_hh = column_sums(if cell == Cell::Gru { &g.d_h } else { &g.d_x }, inputs.bias_hh.len());
        assert_gradient(&inputs.bias_hh, &d_bias_hh, |x| with(&|i| i.bias_hh = x.to_vec()));
        let d_bias_ih = column_sums(&g.d_x, inputs.bias_ih.len());
        assert_gradient(&inputs.bias_ih, &d_bias_ih, |x| with(&|i| i.bias_ih = x.to_vec()));
    }
}

fn column_sums(x: &[f64], width: usize) -> Vec<f64> {
    (0..width).map(|j| x.iter().skip(j).step_by(width).sum()).collect()
}

/// What the caller does: weight gradient = d_h_proj^T times the operand of the product (h_{t-1}, or s for the
/// textbook GRU's n rows).
fn check_weight_gradient(inputs: &Inputs, g: &Gradients, loss: impl Fn(&[f64]) -> f64) {
    let (n, rows) = (inputs.dims.hidden, inputs.len() / inputs.dims.hidden);
    let width = inputs.cell.gates() * n;
    let out = inputs.forward::<f64>();
    let mut before = unset(inputs.len());
    let sequences = Sequences { steps: inputs.dims.steps, batch: inputs.dims.batch, lengths: &[] };
    super::ragged::previous(sequences, false, &out.h, &inputs.h0, &mut before);
    let d = if inputs.cell == Cell::Gru { &g.d_h } else { &g.d_x };
    let operand = |row: usize, gate: usize, j: usize| match (inputs.cell, gate) {
        (Cell::GruTextbook, 2) => out.gates[row * 4 * n + 3 * n + j],
        _ => before[row * n + j],
    };
    let element = |at: usize| {
        let (i, j) = (at / n, at % n);
        (0..rows).map(|row| d[row * width + i] * operand(row, i / n, j)).sum::<f64>()
    };
    let gradient: Vec<f64> = (0..width * n).map(element).collect();
    assert_gradient(&inputs.weight, &gradient, loss);
}

/// A sequence's result has the same bits alone and among others, in one call and step by step.
#[test]
fn neither_batch_nor_call_matters() {
    for cell in Cell::ALL {
        let (steps, batch, hidden) = (3, 5, 33);
        let all = Inputs::new(cell, steps, batch, hidden);
        let width = cell.gates() * hidden;
        let together = all.forward::<f32>();
        let mut one = Inputs { dims: Dims { steps: 1, batch: 1, hidden }, ..all.clone() };
        let row = |x: &[f64], row: usize, width: usize| x.get(row * width..(row + 1) * width).unwrap_or(&[]).to_vec();
        one.h0 = row(&all.h0, 2, hidden);
        one.c0 = row(&all.c0, 2, hidden);
        for t in 0..steps {
            one.x_proj = row(&all.x_proj, t * batch + 2, width);
            let out = one.forward::<f32>();
            assert_eq!(out.h, row(&together.h, t * batch + 2, hidden));
            assert_eq!(out.c, row(&together.c, t * batch + 2, hidden));
            (one.h0, one.c0) = (out.h, out.c);
        }
    }
}

/// Lengths of the batches below: sorted, not sorted, without padding, with sequences of one step and of none.
const LENGTHS: [[u32; 5]; 5] = [[7, 5, 5, 2, 1], [2, 7, 1, 0, 4], [7, 7, 7, 7, 7], [3, 1, 2, 3, 3], [0, 0, 7, 9, 0]];

/// The steps of one sequence of [T, B, width] in the order they are taken; [T, 1, width] of its own length.
fn alone(x: &[f64], inputs: &Inputs, sequence: usize) -> Vec<f64> {
    let Dims { steps, batch, .. } = inputs.dims;
    let width = x.len() / (steps * batch);
    let length = steps.min(inputs.course.lengths[sequence] as usize);
    let step = |t: usize| &x[(t * batch + sequence) * width..][..width];
    let order: Vec<usize> = if inputs.course.reverse { (0..length).rev().collect() } else { (0..length).collect() };
    order.into_iter().flat_map(step).copied().collect()
}

/// Every output of the layer and of its backward pass, with the width of its rows.
fn everything(inputs: &Inputs, grad_output: &[f64], grad_cell: &[f64]) -> [Vec<f64>; 9] {
    let out = inputs.forward::<f32>();
    let g = inputs.backward::<f32>(&out, grad_output, inputs.cell.has_cell_state().then_some(grad_cell));
    [out.h, out.c, out.gates, g.d_x, g.d_h, g.grad_h, g.grad_c, g.dh0, g.dc0]
}

/// To the bit, in both directions; what lies beyond the ends is zero.
#[test]
fn a_batch_is_its_sequences_one_by_one() {
    for (cell, lengths, reverse) in
        Cell::ALL.into_iter().flat_map(|c| LENGTHS.iter().flat_map(move |l| [(c, l, false), (c, l, true)]))
    {
        let mut all = Inputs::new(cell, 7, 5, 9);
        all.course = Course { reverse, lengths };
        let (dh, dc) = (numbers(8, all.len()), numbers(9, all.c_len()));
        let together = everything(&all, &dh, &dc);
        let mut real = 0;
        for sequence in 0..5 {
            let steps = 7.min(lengths[sequence] as usize);
            real += steps;
            let state = |x: &[f64]| x.get(sequence * 9..(sequence + 1) * 9).unwrap_or(&[]).to_vec();
            let one = Inputs {
                dims: Dims { steps, batch: 1, hidden: 9 },
                course: Course::default(),
                x_proj: alone(&all.x_proj, &all, sequence),
                h0: state(&all.h0),
                c0: state(&all.c0),
                ..all.clone()
            };
            let outside_c = if dc.is_empty() { vec![] } else { alone(&dc, &all, sequence) };
            let own = everything(&one, &alone(&dh, &all, sequence), &outside_c);
            for (at, (together, own)) in together.iter().zip(&own).enumerate() {
                let found = match at {
                    7 | 8 => state(together),
                    _ if together.is_empty() => vec![],
                    _ => alone(together, &all, sequence),
                };
                assert_eq!(&found, own, "{cell:?} {lengths:?} reverse {reverse}: output {at} of sequence {sequence}");
            }
        }
        for x in together[..7].iter().filter(|x| !x.is_empty()) {
            let width = x.len() / 35;
            let zeros = x.chunks(width).filter(|row| row.iter().all(|x| *x == 0.0)).count();
            assert_eq!(zeros, 35 - real, "{cell:?} {lengths:?}");
        }
    }
}
