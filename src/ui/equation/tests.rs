use super::*;
use crate::protocol::{FrameHeader, Section};

const UNITS: usize = 5;
const TOKENS: [u32; 4] = [2, 0, 1, 2];

/// A repeatable number in -0.8..0.8.
fn noise(seed: usize) -> f32 {
    ((seed * 7919 + 13) % 1601) as f32 / 1000.0 - 0.8
}

#[derive(Default)]
struct Frame {
    header: FrameHeader,
    data: Vec<f32>,
}

impl Frame {
    fn put(&mut self, path: &str, shape: &[usize], values: &[f32]) {
        self.header.sections.push(Section { path: path.into(), shape: shape.into(), offset: self.data.len() });
        self.data.extend(values);
    }

    fn noise(&mut self, path: &str, shape: &[usize]) -> Vec<f32> {
        let salt = path.len() * 31 + self.data.len();
        let values: Vec<f32> = (0..shape.iter().product()).map(|at| noise(at * 3 + salt)).collect();
        self.put(path, shape, &values);
        values
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn product(weights: &[f32], row: usize, x: &[f32]) -> f32 {
    weights[row * x.len()..][..x.len()].iter().zip(x).map(|(w, x)| w * x).sum()
}

/// A layer computed the plain way, every signal recorded.
fn run(frame: &mut Frame, cell: Cell, layer: usize, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let rows = cell.gates() * UNITS;
    let paths = parameter_paths(layer);
    let w_i = frame.noise(&paths[0], &[rows, inputs[0].len()]);
    let w_h = frame.noise(&paths[1], &[rows, UNITS]);
    let b_i = frame.noise(&paths[2], &[rows]);
    let b_h = frame.noise(&paths[3], &[rows]);
    let (mut h, mut c) = (vec![0.0; UNITS], vec![0.0; UNITS]);
    let mut recorded: Vec<Vec<f32>> = vec![Vec::new(); cell.signals().len()];
    let mut states = Vec::new();
    for x in inputs {
        let (mut next, old) = (h.clone(), h.clone());
        for unit in 0..UNITS {
            let left = |gate: usize| product(&w_i, gate * UNITS + unit, x) + b_i[gate * UNITS + unit];
            let right = |gate: usize, h: &[f32]| product(&w_h, gate * UNITS + unit, h) + b_h[gate * UNITS + unit];
            let gate = |gate: usize| sigmoid(left(gate) + right(gate, &old));
            let values = match cell {
                Cell::Rnn => vec![(left(0) + right(0, &old)).tanh()],
                Cell::RnnRelu => vec![(left(0) + right(0, &old)).max(0.0)],
                Cell::Lstm => {
                    let (i, f, g, o) = (gate(0), gate(1), (left(2) + right(2, &old)).tanh(), gate(3));
                    c[unit] = f * c[unit] + i * g;
                    vec![i, f, g, o, c[unit], o * c[unit].tanh()]
                }
                Cell::Gru => {
                    let (r, z) = (gate(0), gate(1));
                    let n = (left(2) + r * right(2, &old)).tanh();
                    vec![r, z, n, (1.0 - z) * n + z * old[unit]]
                }
                Cell::GruTextbook => {
                    let resets: Vec<f32> = (0..UNITS)
                        .map(|k| {
                            let a = product(&w_i, k, x) + b_i[k] + product(&w_h, k, &old) + b_h[k];
                            sigmoid(a) * old[k]
                        })
                        .collect();
                    let z = gate(1);
                    let n = (left(2) + right(2, &resets)).tanh();
                    vec![gate(0), z, n, (1.0 - z) * old[unit] + z * n]
                }
            };
            next[unit] = *values.last().unwrap();
            recorded.iter_mut().zip(values).for_each(|(signal, value)| signal.push(value));
        }
        h = next;
        states.push(h.clone());
    }
    for (signal, values) in cell.signals().iter().zip(&recorded) {
        frame.put(&signal_path(layer, signal.symbol), &[inputs.len(), UNITS], values);
    }
    states
}

fn store(cell: Cell) -> FrameStore {
    let mut frame = Frame::default();
    frame.header.probe_tokens = TOKENS.to_vec();
    let one_hot = |token: &u32| (0..3).map(|at| if at == *token { 1.0 } else { 0.0 }).collect();
    let below = run(&mut frame, cell, 0, &TOKENS.iter().map(one_hot).collect::<Vec<Vec<f32>>>());
    run(&mut frame, cell, 1, &below);
    let mut store = FrameStore::default();
    store.accept(frame.header, |data| *data = frame.data);
    store
}

#[test]
fn every_number_of_every_cell_is_explained() {
    for cell in Cell::ALL {
        let store = store(cell);
        for (layer, step, unit) in [(0, 0, 0), (0, 2, 4), (1, 0, 1), (1, 3, 3)] {
            for signal in cell.signals() {
                let site = Site { cell, layer, signal: signal.symbol, unit, step, character: "<".into() };
                let explained = explain(&store, &site).unwrap_or_else(|| panic!("{site:?}"));
                assert!(explained.agrees(), "{site:?}: {explained:?}");
                assert!(explained.lines.iter().all(|line| balanced(line)), "{explained:?}");
            }
        }
    }
}

#[test]
fn a_frame_without_parameters_explains_no_gate() {
    let site = Site { cell: Cell::Lstm, layer: 0, signal: "f", unit: 0, step: 0, character: "a".into() };
    assert_eq!(explain(&FrameStore::default(), &site), None);
}

/// Every tag is closed in its turn.
fn balanced(markup: &str) -> bool {
    let mut open = Vec::new();
    for tag in markup.split('<').skip(1) {
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else {
            open.push(name);
        }
    }
    open.is_empty()
}
