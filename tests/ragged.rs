//! Sequences of unequal length: packed is one by one, padding counts for nothing. What it costs: `ragged_cost.rs`.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::sketch::{Sketch, difference, numbers};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use seqlab::engine::backend::Executable;
use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Kind, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::nn::classifier::{Class, Classifier};
use seqlab::nn::recurrent::{Dropout, Recurrent, Run, SequenceInput};
use seqlab::nn::seq2seq::{Seq2Seq, Seq2SeqBatch};

/// The same cases at every run; others with PROPTEST_RNG_SEED, more with PROPTEST_CASES.
fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    let rng_seed = if default.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { default.rng_seed };
    ProptestConfig { cases, rng_seed, ..default }
}

/// One sequence or several through a model, with a loss that is a random sum of all outputs.
struct Ran {
    /// (T, B, directions * H).
    output: Vec<f64>,
    /// Of every layer and direction (B, H): h_n, then c_n.
    finals: Vec<Vec<f64>>,
    /// dL/dx (T, B, input).
    d_x: Vec<f64>,
    /// dL/d(every parameter), one after the other.
    d_parameters: Vec<f64>,
}

/// Numbers by their place, so that a sequence alone has those it has among others.
fn drawn(seed: u32, t: usize, sequence: usize, feature: usize) -> f64 {
    let mixed = [t, sequence, feature]
        .into_iter()
        .fold(seed, |seed, at| (seed ^ at as u32).wrapping_mul(0x9E37_79B1).rotate_left(13).wrapping_add(0x7F4A_7C15));
    f64::from(mixed >> 8) / 8_388_608.0 - 1.0
}

/// Sequences side by side: (T, which sequences, width).
fn sequence(sketch: &mut Sketch, seed: u32, time: usize, which: &[usize], width: usize) -> ValueId {
    let row = |at: usize| (at / which.len(), which[at % which.len()]);
    let numbers = (0..time * which.len() * width).map(|at| {
        let (t, sequence) = row(at / width);
        drawn(seed, t, sequence, at % width)
    });
    sketch.given([time, which.len(), width], numbers.collect())
}

fn run(model: &Recurrent, which: &[usize], time: usize, lengths: Option<&[u32]>) -> Ran {
    let mut sketch = Sketch::new(1);
    let parameters = model.parameters(&mut sketch.graph, "");
    let x = sequence(&mut sketch, 1, time, which, model.input);
    let lengths = lengths.map(|lengths| sketch.given_tokens([which.len()], lengths.to_vec()));
    let run = Run { lengths, ..Run::new(SequenceInput::Features(x)) };
    let pass = model.forward(&mut sketch.graph, &parameters, &run).expect("the operands fit");
    let probe = sequence(&mut sketch, 2, time, which, model.width());
    let product = sketch.graph.binary(Binary::Mul, pass.output, probe);
    let mut loss = product.and_then(|product| sketch.graph.sum_leading(product, 0)).expect("the operands fit");
    for (at, state) in pass.h_n.iter().chain(&pass.c_n).enumerate() {
        let probe = sequence(&mut sketch, 3 + at as u32, 1, which, model.hidden);
        let probe = sketch.graph.sum_leading(probe, 2).expect("one step");
        let product = sketch.graph.binary(Binary::Mul, *state, probe);
        let term = product.and_then(|product| sketch.graph.sum_leading(product, 0)).expect("the operands fit");
        loss = sketch.graph.binary(Binary::Add, loss, term).expect("scalars");
    }
    let gradients = sketch.graph.keep_gradients(loss).expect("it is differentiable");
    let d_x = gradients.of(x).expect("the loss depends on it");
    let finals: Vec<ValueId> = pass.h_n.iter().chain(&pass.c_n).copied().collect();
    for id in finals.iter().chain([&pass.output, &d_x]) {
        sketch.keep(*id);
    }
    let mut machine = sketch.load::<f64>();
    let places: Vec<ValueId> = sketch.graph.parameters().iter().map(|parameter| parameter.value).collect();
    for (place, id) in places.iter().enumerate() {
        let view = machine.view_mut(*id).expect("a parameter");
        view.iter_mut().enumerate().for_each(|(at, value)| *value = 0.5 * drawn(77, place, 0, at));
    }
    machine.run(0).expect("the CPU runs");
    let gradients: Vec<ValueId> = sketch.graph.parameter_gradients().to_vec();
    Ran {
        output: numbers(&machine, pass.output),
        finals: finals.iter().map(|id| numbers(&machine, *id)).collect(),
        d_x: numbers(&machine, d_x),
        d_parameters: gradients.iter().flat_map(|id| numbers(&machine, *id)).collect(),
    }
}

/// One sequence of (T, B, width), up to its length.
fn part(x: &[f64], time: usize, batch: usize, at: usize, length: usize) -> Vec<f64> {
    let width = x.len() / (time * batch);
    (0..length).flat_map(|t| &x[(t * batch + at) * width..][..width]).copied().collect()
}

proptest! {
    #![proptest_config(config(48))]

    /// Every sequence of a padded batch has the outputs, final states and gradients it has alone; gradients of parameters
    /// are the sums. Beyond the ends all is zero.
    #[test]
    fn packed_is_one_by_one(
        cell in select(Cell::ALL.to_vec()),
        (layers, bidirectional, bias) in (1_usize..=4, any::<bool>(), any::<bool>()),
        (input, hidden) in (1_usize..5, 1_usize..7),
        time in 1_usize..9,
        lengths in prop::collection::vec(1_u32..9, 1..6),
    ) {
        let lengths: Vec<u32> = lengths.into_iter().map(|length| length.min(time as u32)).collect();
        let batch = lengths.len();
        let model = Recurrent { layers, bidirectional, bias, ..Recurrent::new(cell, input, hidden) };
        let all: Vec<usize> = (0..batch).collect();
        let together = run(&model, &all, time, Some(&lengths));
        let mut sums = vec![0.0; together.d_parameters.len()];
        for (at, length) in lengths.iter().enumerate() {
            let length = *length as usize;
            let alone = run(&model, &[at], length, None);
            prop_assert!(difference(&part(&together.output, time, batch, at, length), &alone.output) < 1e-12);
            prop_assert!(difference(&part(&together.d_x, time, batch, at, length), &alone.d_x) < 1e-12);
            for (together, alone) in together.finals.iter().zip(&alone.finals) {
                prop_assert!(difference(&together[at * hidden..(at + 1) * hidden], alone) < 1e-12);
            }
            sums.iter_mut().zip(&alone.d_parameters).for_each(|(sum, x)| *sum += x);
            for (x, width) in [(&together.output, model.width()), (&together.d_x, input)] {
                let beyond = (length..time).flat_map(|t| &x[(t * batch + at) * width..][..width]);
                prop_assert!(beyond.into_iter().all(|x| *x == 0.0));
            }
        }
        prop_assert!(difference(&together.d_parameters, &sums) < 1e-11);
    }
}

fn seq2seq(cell: Cell, bidirectional: bool) -> Seq2Seq {
    Seq2Seq { cell, layers: 2, bidirectional, source_vocabulary: 9, target_vocabulary: 7, embedding: 3, hidden: 4 }
}

/// Loss and gradients of a batch; `skips` if the decoder is told the targets' lengths.
fn seq2seq_step(model: &Seq2Seq, targets: &[u32], skips: bool) -> (f64, Vec<f64>) {
    let mut sketch = Sketch::new(4);
    let parameters = model.parameters(&mut sketch.graph);
    let batch = Seq2SeqBatch {
        source: sketch.tokens([5, 3], 9),
        source_lengths: Some(sketch.given_tokens([3], vec![5, 2, 3])),
        given: sketch.tokens([4, 3], 7),
        targets: sketch.given_tokens([4, 3], targets.to_vec()),
        target_lengths: skips.then(|| sketch.given_tokens([3], vec![4, 1, 2])),
        padding: 0,
    };
    let pass = model.loss(&mut sketch.graph, &parameters, &batch).expect("the operands fit");
    sketch.keep(pass.loss);
    sketch.graph.keep_gradients(pass.loss).expect("it is differentiable");
    let mut machine = sketch.load::<f64>();
    let places: Vec<ValueId> = sketch.graph.parameters().iter().map(|parameter| parameter.value).collect();
    for (place, id) in places.iter().enumerate() {
        let view = machine.view_mut(*id).expect("a parameter");
        view.iter_mut().enumerate().for_each(|(at, value)| *value = 0.5 * drawn(5, place, 0, at));
    }
    machine.run(0).expect("the CPU runs");
    let gradients = sketch.graph.parameter_gradients().to_vec();
    (numbers(&machine, pass.loss)[0], gradients.iter().flat_map(|id| numbers(&machine, *id)).collect())
}

/// PyTorch's mean of nothing is 0/0; here a batch whose targets are all padding teaches nothing.
#[test]
fn targets_of_padding_give_no_loss_and_no_gradient() {
    for (cell, bidirectional) in Cell::ALL.into_iter().flat_map(|cell| [(cell, false), (cell, true)]) {
        let (loss, gradients) = seq2seq_step(&seq2seq(cell, bidirectional), &[0; 12], false);
        assert_eq!(loss, 0.0);
        assert!(gradients.iter().all(|x| *x == 0.0), "{cell:?}");
    }
}

#[test]
fn skipping_padded_targets_changes_nothing() {
    let targets = [3, 5, 2, 1, 0, 6, 4, 0, 0, 2, 0, 0];
    for cell in Cell::ALL {
        let model = seq2seq(cell, true);
        let (read, skipped) = (seq2seq_step(&model, &targets, false), seq2seq_step(&model, &targets, true));
        assert!((read.0 - skipped.0).abs() < 1e-12 && read.0 > 0.0);
        assert!(difference(&read.1, &skipped.1) < 1e-12, "{cell:?}");
    }
}

fn classifier() -> Classifier {
    Classifier {
        cell: Cell::Lstm,
        layers: 2,
        bidirectional: true,
        vocabulary: 9,
        padding: Some(0),
        embedding: 3,
        hidden: 4,
        classes: 3,
    }
}

/// To first order a logit changes by gradient times input when an embedding shrinks.
#[test]
fn saliency_is_what_a_logit_loses_with_an_input() {
    let mut sketch = Sketch::new(6);
    let model = classifier();
    let parameters = model.parameters(&mut sketch.graph);
    let tokens = sketch.given_tokens([4, 2], vec![1, 2, 3, 4, 5, 0, 6, 0]);
    let lengths = sketch.given_tokens([2], vec![4, 2]);
    let chosen = sketch.given_tokens([2], vec![1, 2]);
    let pass = model.forward(&mut sketch.graph, &parameters, tokens, Some(lengths), None).expect("the operands fit");
    let classes = [Class::Chosen(chosen), Class::Predicted];
    let [saliency, predicted] =
        classes.map(|class| model.saliency(&mut sketch.graph, &pass, class).expect("the operands fit"));
    [saliency, predicted, pass.logits].into_iter().for_each(|id| sketch.keep(id));
    let mut machine = sketch.load::<f64>();
    for (place, parameter) in sketch.graph.parameters().iter().enumerate() {
        let view = machine.view_mut(parameter.value).expect("a parameter");
        view.iter_mut().enumerate().for_each(|(at, value)| *value = drawn(9, place, 0, at));
    }
    machine.run(0).expect("the CPU runs");
    let (found, predicted) = (numbers(&machine, saliency), numbers(&machine, predicted));
    let logits = numbers(&machine, pass.logits);
    assert_eq!([found[5], found[7]], [0.0; 2], "padding says nothing");
    assert!(predicted.iter().any(|x| *x > 0.0));
    // Every token occurs once: its row of the table is its embedding.
    let table = sketch.graph.parameters()[0].value;
    for (place, token) in [1_usize, 2, 3, 4, 5, 0, 6, 0].into_iter().enumerate().filter(|(_, token)| *token > 0) {
        let (sequence, class) = (place % 2, [1, 2][place % 2]);
        let row = machine.view(table).expect("a parameter")[token * 3..(token + 1) * 3].to_vec();
        let mut logit = |factor: f64| {
            let view = &mut machine.view_mut(table).expect("a parameter")[token * 3..(token + 1) * 3];
            view.iter_mut().zip(&row).for_each(|(x, row)| *x = row * factor);
            machine.run(0).expect("the CPU runs");
            numbers(&machine, pass.logits)[sequence * 3 + class]
        };
        let slope = (logit(1.0 + 1e-5) - logit(1.0 - 1e-5)) / 2e-5;
        assert_eq!(logit(1.0), logits[sequence * 3 + class]);
        assert!((slope.abs() - found[place]).abs() < 1e-8, "{slope} and {}", found[place]);
    }
}

/// Dropout in its four places, drawn anew for every step; without it the model is the same as without the option.
#[test]
fn dropout_is_drawn_anew_in_every_step() {
    let mut sketch = Sketch::new(7);
    let model = classifier();
    let parameters = model.parameters(&mut sketch.graph);
    let tokens = sketch.tokens([4, 2], 9);
    let key = sketch.graph.input("key", [2], Kind::Ids);
    let dropout = Some(Dropout { p: 0.5, key, stream: 0 });
    let pass = model.forward(&mut sketch.graph, &parameters, tokens, None, dropout).expect("the operands fit");
    let places = sketch.graph.nodes().iter().filter(|node| node.op.name() == "dropout").count();
    assert_eq!(places, 4);
    sketch.keep(pass.logits);
    let mut machine = sketch.load::<f64>();
    for (place, parameter) in sketch.graph.parameters().iter().enumerate() {
        let view = machine.view_mut(parameter.value).expect("a parameter");
        view.iter_mut().enumerate().for_each(|(at, value)| *value = drawn(9, place, 0, at));
    }
    let mut logits = |step: u32| {
        machine.write_ids(key, &[3, step]).expect("two ids");
        machine.run(0).expect("the CPU runs");
        numbers(&machine, pass.logits)
    };
    let first = logits(1);
    assert_ne!(first, logits(2));
    assert_eq!(first, logits(1));
}
