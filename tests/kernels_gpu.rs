//! Every op on the GPU against the CPU in f64, and what a GPU executable promises. Needs a Vulkan driver; a software one
//! will do.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::comparison::compare;
use common::gpu::gpu as shared;
use common::op_examples::{VARIANTS, op_examples, variant};
use pollster::block_on;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::backend::wgpu::lower::lower;
use seqlab::engine::backend::wgpu::{Gpu, WgpuExecutable};
use seqlab::engine::backend::{Executable, JOURNAL_ROWS};
use seqlab::engine::cell::Cell;
use seqlab::engine::error::EngineError;
use seqlab::engine::graph::{Graph, Kind, Op, ValueId};
use seqlab::engine::optimiser::Optimiser;
use seqlab::engine::plan::Plan;
use seqlab::engine::rng::{Rng, Stream};
use seqlab::nn::language_model::LanguageModel;

/// Software drivers use all cores for one test; two at a time only get in each other's way.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(gpu: &Gpu, graph: &Graph, journal: &[ValueId]) -> WgpuExecutable {
    let plan = Plan::new(graph.clone(), usize::MAX).expect("there is memory");
    block_on(WgpuExecutable::new(gpu, plan, journal)).expect("the device takes the plan")
}

fn read(machine: &mut dyn Executable, id: ValueId) -> Vec<f32> {
    block_on(machine.read(&[id])).expect("it can be read")
}

#[test]
fn every_variant_of_op_is_in_the_table() {
    let found: BTreeSet<&str> = op_examples().iter().map(|example| variant(&example.op)).collect();
    assert_eq!(found.len(), VARIANTS, "{found:?}");
}

#[test]
fn every_op_computes_what_the_cpu_computes() {
    let _turn = alone();
    let mut failures = Vec::new();
    for example in op_examples() {
        let (share, place) = block_on(compare(shared(), &example));
        if share > 1.0 {
            failures.push(format!("{}: {share:.2} of what is allowed, {place}", example.describe()));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// A language model's training step.
struct Training {
    graph: Graph,
    tokens: ValueId,
    targets: ValueId,
    hyper: ValueId,
    loss: ValueId,
    norms: ValueId,
}

/// Steps, sequences, vocabulary.
type Sizes = [usize; 3];

fn training(cell: Cell, hidden: usize, [steps, batch, vocabulary]: Sizes) -> Training {
    let model =
        LanguageModel { cell, layers: 1, vocabulary, embedding: None, hidden, bidirectional: false, dropout: 0.0 };
    let mut graph = Graph::default();
    graph.program("train");
    let tokens = graph.input("tokens", [steps, batch], Kind::Ids);
    let targets = graph.input("targets", [steps, batch], Kind::Ids);
    let parameters = model.parameters(&mut graph);
    let states = model.states(&mut graph, "train", batch);
    let logits = model.forward(&mut graph, &parameters, tokens, &states).expect("it fits").logits;
    let nll = graph.cross_entropy(logits, targets, None).expect("it fits");
    let loss = graph.mean(nll).expect("it fits");
    graph.name(loss, "loss");
    graph.keep_gradients(loss).expect("it is differentiable");
    graph.optimise(Optimiser::ADAM).expect("it fits");
    let (hyper, norms) = (graph.find("hyper").expect("named"), graph.find("gradient_norms").expect("named"));
    Training { graph, tokens, targets, hyper, loss, norms }
}

impl Training {
    fn start(&self, machine: &mut dyn Executable, sizes: Sizes) {
        let rng = Rng::new(1, Stream::Task);
        for (at, parameter) in self.graph.parameters().iter().enumerate() {
            let number = |i: usize| 0.2 * rng.uniform((at << 24 | i) as u64) - 0.1;
            let data: Vec<f32> = (0..parameter.len).map(number).collect();
            machine.write(parameter.value, &data).expect("a parameter can be written");
        }
        let count = sizes[0] * sizes[1];
        let ids =
            |from: usize| -> Vec<u32> { (0..count).map(|at| rng.below((from + at) as u64, sizes[2] as u32)).collect() };
        machine.write_ids(self.tokens, &ids(0)).expect("tokens can be written");
        machine.write_ids(self.targets, &ids(sizes[1])).expect("targets can be written");
    }

    fn steps(&self, machine: &mut dyn Executable, count: u64) {
        for step in 1..=count {
            machine.write(self.hyper, &Optimiser::ADAM.hyper(step, 1e-2, Some(1.0))).expect("hyper can be written");
            machine.run(0).expect("it runs");
        }
    }
}

#[test]
fn every_cell_trains_as_on_the_cpu() {
    let _turn = alone();
    let sizes = [7, 5, 11];
    for cell in Cell::ALL {
        let training = training(cell, 12, sizes);
        let journal = [training.loss, training.norms];
        let plan = Plan::new(training.graph.clone(), usize::MAX).expect("there is memory");
        let mut oracle = CpuExecutable::<f64>::new(plan, &journal);
        let mut machine = load(shared(), &training.graph, &journal);
        let rows = [&mut oracle as &mut dyn Executable, &mut machine].map(|machine| {
            training.start(machine, sizes);
            training.steps(machine, 20);
            block_on(machine.take_journal()).expect("there is a journal")
        });
        assert_eq!(rows[0].len(), rows[1].len());
        for (at, (want, got)) in rows[0].iter().zip(&rows[1]).enumerate() {
            assert!(
                (want - got).abs() <= 1e-3 * want.abs().max(0.1),
                "{cell:?} journal {at}: {want} on the CPU, {got}"
            );
        }
    }
}

#[test]
fn a_run_repeats_bit_for_bit() {
    let _turn = alone();
    let sizes = [9, 6, 33];
    let training = training(Cell::Lstm, 40, sizes);
    let parameters: Vec<ValueId> = training.graph.parameters().iter().map(|parameter| parameter.value).collect();
    let runs: Vec<Vec<u32>> = (0..2)
        .map(|_| {
            let mut machine = load(shared(), &training.graph, &[]);
            training.start(&mut machine, sizes);
            training.steps(&mut machine, 10);
            let numbers = block_on(machine.read(&parameters)).expect("parameters can be read");
            numbers.into_iter().map(f32::to_bits).collect()
        })
        .collect();
    assert!(runs[0] == runs[1]);
}

#[test]
fn the_journal_has_a_row_for_each_run_and_is_empty_once_taken() {
    let _turn = alone();
    let mut graph = Graph::default();
    graph.program("train");
    let x = graph.input("x", [3], Kind::Float);
    let y = graph.affine(x, 2.0, 0.0).expect("it fits");
    let sum = graph.sum_leading(y, 0).expect("it fits");
    graph.name(sum, "sum");
    graph.name(y, "y");
    graph.program("other");
    let z = graph.affine(x, 3.0, 0.0).expect("it fits");
    graph.name(z, "z");
    let mut machine = load(shared(), &graph, &[sum, y]);
    for start in [1.0, 10.0] {
        machine.write(x, &[start, 2.0, 3.0]).expect("it can be written");
        machine.run(0).expect("it runs");
        machine.run(1).expect("it runs");
    }
    let rows = block_on(machine.take_journal()).expect("there is a journal");
    assert_eq!(rows, [12.0, 2.0, 4.0, 6.0, 30.0, 20.0, 4.0, 6.0]);
    assert!(block_on(machine.take_journal()).expect("there is a journal").is_empty());
    assert_eq!(read(&mut machine, z), [30.0, 6.0, 9.0]);
    for _ in 0..JOURNAL_ROWS {
        machine.run(0).expect("it runs");
    }
    assert!(matches!(machine.run(0), Err(EngineError::Size { .. })));
    assert_eq!(block_on(machine.take_journal()).expect("there is a journal").len(), 4 * JOURNAL_ROWS);
}

#[test]
fn what_is_not_there_is_refused() {
    let _turn = alone();
    let training = training(Cell::Rnn, 4, [2, 2, 5]);
    let mut machine = load(shared(), &training.graph, &[]);
    assert!(matches!(machine.write(training.hyper, &[1.0]), Err(EngineError::Size { expected: 8, got: 1, .. })));
    assert!(matches!(machine.write(training.tokens, &[1.0; 4]), Err(EngineError::Unknown { .. })));
    assert!(matches!(block_on(machine.read(&[training.tokens])), Err(EngineError::Unknown { .. })));
    let wide = super_wide();
    let plan = Plan::new(wide, usize::MAX).expect("there is memory");
    assert!(matches!(block_on(WgpuExecutable::new(shared(), plan, &[])), Err(EngineError::Shape { .. })));
}

/// A layer with more units than a workgroup has invocations.
fn super_wide() -> Graph {
    let mut graph = training(Cell::Rnn, 257, [1, 1, 2]).graph;
    graph.program("nothing");
    graph
}

#[test]
fn a_lost_device_says_so() {
    let _turn = alone();
    let gpu = block_on(Gpu::request()).expect("another device of the same adapter");
    let training = training(Cell::Rnn, 4, [2, 2, 5]);
    let mut machine = load(&gpu, &training.graph, &[training.loss]);
    training.start(&mut machine, [2, 2, 5]);
    training.steps(&mut machine, 1);
    gpu.lose();
    assert!(matches!(machine.run(0), Err(EngineError::DeviceLost { .. })));
    assert!(matches!(block_on(machine.take_journal()), Err(EngineError::DeviceLost { .. })));
    assert!(matches!(block_on(machine.read(&[training.loss])), Err(EngineError::DeviceLost { .. })));
    let plan = Plan::new(training.graph.clone(), usize::MAX).expect("there is memory");
    assert!(matches!(block_on(WgpuExecutable::new(&gpu, plan, &[])), Err(EngineError::DeviceLost { .. })));
}

/// Whatever the cell, its direction, its size, its lengths and the derivatives that come from outside.
#[test]
fn a_recurrent_layer_is_one_dispatch_forward_and_one_back() {
    let mut seen = BTreeSet::new();
    for example in op_examples() {
        let (cell, reverse, back) = match example.op {
            Op::Recurrent { cell, reverse } => (cell, reverse, false),
            Op::RecurrentBackward { cell, reverse } => (cell, reverse, true),
            _ => continue,
        };
        let plan = Plan::new(example.build().expect("it fits").graph, usize::MAX).expect("there is memory");
        let steps = &plan.programs()[0].steps;
        let dispatches: usize = steps.iter().map(|step| lower(&plan, step).len()).sum();
        assert_eq!((steps.len(), dispatches), (1, 1), "{}", example.describe());
        let ragged = example.inputs.last().is_some_and(|last| last.kind() == Kind::Ids);
        seen.insert((cell.description().key, reverse, back, ragged));
    }
    assert_eq!(seen.len(), 8 * Cell::ALL.len(), "{seen:?}");
}

#[test]
fn a_training_step_is_few_dispatches_and_few_pipelines() {
    let _turn = alone();
    let training = training(Cell::Lstm, 128, [64, 32, 64]);
    let gpu = block_on(Gpu::request()).expect("another device of the same adapter");
    let machine = load(&gpu, &training.graph, &[training.loss]);
    assert!(machine.dispatches(0) <= 25, "{} dispatches", machine.dispatches(0));
    let before = gpu.pipelines();
    assert!(before < machine.dispatches(0));
    let again = load(&gpu, &training.graph, &[]);
    assert_eq!(gpu.pipelines(), before);
    assert!(!again.adapter().is_empty());
    println!("{} dispatches, {before} pipelines", again.dispatches(0));
}
