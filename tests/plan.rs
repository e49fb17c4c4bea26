//! What a plan promises: no allocation while training, every buffer written, nothing computed in vain, memory reused and
//! limited, rows of a batch independent.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell as Counter;

use common::sketch::{Sketch, numbers};
use pollster::block_on;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::backend::{Executable, JOURNAL_ROWS};
use seqlab::engine::cell::Cell;
use seqlab::engine::error::EngineError;
use seqlab::engine::graph::{ALIGNMENT, Flat, Graph, Kind, Node, Op, Shape, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::unary::Unary;
use seqlab::engine::optimiser::Optimiser;
use seqlab::engine::plan::{Location, Plan, Role};
use seqlab::engine::rng::{Rng, Stream};
use seqlab::nn::initialise::{Initialisation, initial_parameters};
use seqlab::nn::language_model::LanguageModel;
use seqlab::trainer::bench::{self, Named, Prepared};
use seqlab::trainer::model::{Training, Watch, training};

/// The system's allocator, counting what this thread asks of it.
struct Counting;

thread_local! {
    static ALLOCATIONS: Counter<usize> = const { Counter::new(0) };
}

// SAFETY: every call is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while `work` runs.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Counter::get);
    work();
    ALLOCATIONS.with(Counter::get) - before
}

const TIME: usize = 6;
const BATCH: usize = 3;

fn input(training: &Training, name: &str) -> ValueId {
    training.graph.find(&format!("train/{name}")).expect("the training graph has it")
}

fn model(cell: Cell) -> LanguageModel {
    LanguageModel { cell, layers: 2, vocabulary: 7, embedding: Some(5), hidden: 9, bidirectional: false, dropout: 0.0 }
}

fn optimisers() -> [Optimiser; 4] {
    let sgd = Optimiser::Sgd { momentum: 0.9, dampening: 0.1, nesterov: false, weight_decay: 0.01 };
    let rms = Optimiser::RmsProp { alpha: 0.9, eps: 1e-8, momentum: 0.5, centered: true, weight_decay: 0.0 };
    [Optimiser::SGD, sgd, rms, Optimiser::ADAM]
}

fn tokens(count: usize, stream: Stream) -> Vec<u32> {
    let rng = Rng::new(3, stream);
    (0..count as u64).map(|at| rng.below(at, 7)).collect()
}

/// A model ready to train.
struct Ready {
    training: Training,
    machine: CpuExecutable<f32>,
    optimiser: Optimiser,
}

impl Ready {
    fn new(cell: Cell, optimiser: Optimiser) -> Ready {
        let training = training(&model(cell), TIME, BATCH, optimiser, Watch::Everything).expect("a valid model");
        let plan = Plan::new(training.graph.clone(), usize::MAX).expect("no limit");
        let mut machine = CpuExecutable::new(plan, &training.journal);
        let initial = initial_parameters(&training.graph, 1, Initialisation::default());
        machine.write(training.persistent[0], &initial).expect("flat parameters");
        machine.write_ids(input(&training, "tokens"), &tokens(TIME * BATCH, Stream::Batches)).expect("a batch");
        machine.write_ids(input(&training, "targets"), &tokens(TIME * BATCH, Stream::Task)).expect("a batch");
        Ready { training, machine, optimiser }
    }

    fn step(&mut self, number: u64) {
        self.machine.write(self.training.hyper, &self.optimiser.hyper(number, 0.05, Some(1.0))).expect("eight numbers");
        self.machine.run(0).expect("the CPU runs");
    }

    /// Parameters and optimiser states, to the bit.
    fn state(&mut self) -> Vec<u32> {
        let state = block_on(self.machine.read(&self.training.persistent)).expect("they have memory");
        state.into_iter().map(f32::to_bits).collect()
    }
}

#[test]
fn a_training_step_allocates_nothing() {
    for cell in Cell::ALL {
        for optimiser in optimisers() {
            let mut ready = Ready::new(cell, optimiser);
            ready.step(1);
            let count = allocations(|| (1..JOURNAL_ROWS as u64).for_each(|number| ready.step(number + 1)));
            assert_eq!(count, 0, "{cell:?} {optimiser:?}");
        }
    }
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![0_u8; 7]))), 1, "the counter counts");
}

#[test]
fn no_step_of_the_benchmark_allocates() {
    for Named { name, workload } in bench::workloads() {
        let Prepared { training, initial, inputs } = bench::prepare(&workload, Optimiser::ADAM).expect("it fits");
        let plan = Plan::new(training.graph, usize::MAX).expect("no limit");
        let mut machine = CpuExecutable::<f32>::new(plan, &training.journal[..1]);
        machine.write(training.persistent[0], &initial).expect("parameters");
        inputs.iter().for_each(|(id, ids)| machine.write_ids(*id, ids).expect("the batch"));
        let found = allocations(|| machine.run(0).expect("it runs"));
        assert_eq!(found, 0, "{name}");
    }
}

/// A weight, a bias and an input's slices, used at every step of a recurrence.
#[test]
fn an_unrolled_recurrence_has_one_product_for_its_weights_gradient() {
    let mut sketch = Sketch::new(1);
    let x = sketch.variable([4, 2, 3], -1.0, 1.0);
    let (weight, bias) = (sketch.variable([3, 3], -1.0, 1.0), sketch.variable([3], -1.0, 1.0));
    let mut state = sketch.variable([1, 2, 3], -1.0, 1.0);
    for start in 0..4 {
        let input = sketch.apply(Op::Slice { axis: 0, start, len: 1 }, &[x]);
        let sum = sketch.apply(Op::Binary(Binary::Add), &[state, input]);
        state = sketch.graph.linear(sum, weight, Some(bias)).expect("it fits");
    }
    let loss = sketch.probed(&[state]);
    sketch.differentiate(loss);
    let count = |name: &str| sketch.graph.nodes().iter().filter(|node| node.op.name() == name).count();
    let products = |node: &&Node| matches!(node.op, Op::MatMul { transpose_a: true, .. });
    assert_eq!(sketch.graph.nodes().iter().filter(products).count(), 1);
    // What was multiplied, what came back (for weight and bias), the parts of x. One sum is the loss's.
    assert_eq!((count("concat"), count("pad"), count("sum_leading")), (3, 0, 2));
}

#[test]
fn every_buffer_is_written_before_it_is_read() {
    for cell in Cell::ALL {
        for optimiser in optimisers() {
            let (mut clean, mut poisoned) = (Ready::new(cell, optimiser), Ready::new(cell, optimiser));
            for number in 1..4 {
                poisoned.machine.poison(f32::NAN);
                clean.step(number);
                poisoned.step(number);
            }
            let state = clean.state();
            assert!(state.iter().all(|bits| f32::from_bits(*bits).is_finite()));
            assert_eq!(state, poisoned.state(), "{cell:?} {optimiser:?}");
        }
    }
}

/// But not where a run in f64 would see it.
#[test]
fn a_constant_tensor_is_made_in_one_step() {
    let mut sketch = Sketch::new(1);
    let filled = |sketch: &mut Sketch, value: f32| sketch.apply(Op::Fill { value, shape: Shape::from([2]) }, &[]);
    let [exact, rounded] = [0.5, 0.1].map(|value| {
        let x = filled(&mut sketch, value);
        let scaled = sketch.apply(Op::Affine { scale: 0.1, shift: 0.0 }, &[x]);
        let wide = sketch.apply(Op::ExpandLast { width: 3 }, &[scaled]);
        sketch.keep(wide);
        wide
    });
    let plan = Plan::new(sketch.graph.clone(), usize::MAX).expect("no limit");
    let steps: Vec<&str> = plan.programs()[0].steps.iter().map(|step| step.op.name()).collect();
    assert_eq!(steps, ["fill", "fill", "affine", "expand_last"]);
    let mut machine = sketch.load::<f64>();
    machine.run(0).expect("the CPU runs");
    let tenth = f64::from(0.1_f32);
    assert_eq!(numbers(&machine, exact), [0.5 * tenth; 6]);
    assert_eq!(numbers(&machine, rounded), [tenth * tenth; 6]);
}

#[test]
fn what_nobody_reads_is_dropped() {
    let mut sketch = Sketch::new(1);
    let x = sketch.constant([4], -1.0, 1.0);
    let used = sketch.apply(Op::Unary(Unary::Tanh), &[x]);
    let dead = sketch.apply(Op::Unary(Unary::Exp), &[x]);
    let also_dead = sketch.apply(Op::Binary(Binary::Add), &[dead, used]);
    let kept = sketch.apply(Op::Unary(Unary::Square), &[used]);
    sketch.keep(kept);
    let plan = Plan::new(sketch.graph.clone(), usize::MAX).expect("no limit");
    let steps: Vec<&str> = plan.programs()[0].steps.iter().map(|step| step.op.name()).collect();
    assert_eq!(steps, ["tanh", "square"]);
    assert_eq!(plan.location(dead), None);
    let mut machine = sketch.load::<f32>();
    assert!(matches!(block_on(machine.read(&[also_dead])), Err(EngineError::Unknown { .. })));
    sketch.keep(also_dead);
    let plan = Plan::new(sketch.graph, usize::MAX).expect("no limit");
    assert_eq!(plan.programs()[0].steps.len(), 4, "a path keeps a value and what it needs");
}

#[test]
fn a_long_chain_needs_two_buffers() {
    let mut sketch = Sketch::new(1);
    let x = sketch.constant([64], -1.0, 1.0);
    let mut value = x;
    for _ in 0..100 {
        value = sketch.apply(Op::Affine { scale: 0.5, shift: 1.0 }, &[value]);
    }
    sketch.keep(value);
    let plan = Plan::new(sketch.graph.clone(), usize::MAX).expect("no limit");
    let shared = plan.slots().iter().filter(|slot| slot.role == Role::Shared).count();
    assert!(shared <= 2, "{shared} shared buffers");
    let mut machine = sketch.load::<f64>();
    machine.run(0).expect("the CPU runs");
    assert!(numbers(&machine, value).iter().all(|y| (y - 2.0).abs() < 1e-12));
}

/// Without sharing, a buffer for every value.
#[test]
fn a_model_shares_its_buffers() {
    let training =
        training(&model(Cell::Lstm), TIME, BATCH, Optimiser::ADAM, Watch::Everything).expect("a valid model");
    let all: usize = training.graph.values().iter().map(|value| value.shape.len() * 4).sum();
    let plan = Plan::new(training.graph, usize::MAX).expect("no limit");
    assert!(plan.bytes() < all * 3 / 4, "{} of {all} bytes", plan.bytes());
}

/// Asserts that what adjoins does; how many values lie together, by step.
fn adjoining(plan: &Plan) -> Vec<usize> {
    let check = |step: &Node| {
        let group = &step.outputs[step.op.adjoining()];
        let places: Vec<Location> = group.iter().map(|id| plan.placed(*id)).collect();
        for pair in places.windows(2) {
            let next = (pair[0].offset + pair[0].len).next_multiple_of(ALIGNMENT);
            assert_eq!((pair[1].slot, pair[1].offset), (pair[0].slot, next), "{}", plan.describe(step));
        }
        group.len()
    };
    plan.programs()[0].steps.iter().map(check).collect()
}

#[test]
fn states_of_a_layer_lie_side_by_side_and_so_do_their_gradients() {
    for cell in Cell::ALL {
        let training = training(&model(cell), TIME, BATCH, Optimiser::ADAM, Watch::Everything).expect("a valid model");
        let together = adjoining(&Plan::new(training.graph, usize::MAX).expect("no limit"));
        let states = 1 + usize::from(cell.has_cell_state());
        assert!([states, 2 * states].iter().all(|count| together.contains(count)), "{cell:?}: {together:?}");
    }
}

/// Its gradient has its place beside others, and is copied to the flat gradients.
#[test]
fn an_initial_state_may_be_a_parameter() {
    let mut sketch = Sketch::new(4);
    let mut constant = |shape: &[usize]| sketch.constant(shape, -1.0, 1.0);
    let mut inputs = vec![constant(&[2, 3, 4]), constant(&[4, 4]), constant(&[4]), constant(&[4])];
    inputs.push(sketch.graph.parameter("h0", [3, 4]));
    let h = sketch.apply(Op::Recurrent { cell: Cell::Rnn, reverse: false }, &inputs);
    let loss = sketch.probed(&[h]);
    sketch.graph.keep_gradients(loss).expect("it is differentiable");
    let plan = Plan::new(sketch.graph, usize::MAX).expect("no limit");
    let gradient = plan.placed(plan.graph().parameter_gradients()[0]);
    assert_eq!(plan.slots()[gradient.slot].role, Role::Flat(Flat::Gradients));
    assert!(adjoining(&plan).contains(&2));
}

#[test]
fn the_memory_limit_is_kept_and_said_in_numbers() {
    let graph =
        || training(&model(Cell::Gru), TIME, BATCH, Optimiser::SGD, Watch::Everything).expect("a valid model").graph;
    let needed = Plan::new(graph(), usize::MAX).expect("no limit").bytes();
    assert!(Plan::new(graph(), needed).is_ok());
    let error = Plan::new(graph(), needed - 1).expect_err("one byte is missing");
    assert_eq!(error, EngineError::Memory { needed, limit: needed - 1 });
    let text = error.to_string();
    assert!(text.contains(&needed.to_string()) && text.contains(&(needed - 1).to_string()), "{text}");
}

#[test]
fn the_printed_plan_names_its_steps_and_values() {
    for cell in Cell::ALL {
        let training = training(&model(cell), TIME, BATCH, Optimiser::ADAM, Watch::Everything).expect("a valid model");
        let plan = Plan::new(training.graph, usize::MAX).expect("no limit");
        let text = plan.to_string();
        for step in &plan.programs()[0].steps {
            assert!(text.contains(&format!(" {}(", step.op.name())), "{} in\n{text}", step.op.name());
        }
        for value in ["program train", "rnn.weight_hh_l1", "train/tokens", "gradients/out.bias", "loss"] {
            assert!(text.contains(value), "{value} in\n{text}");
        }
        assert!(text.contains(&plan.bytes().to_string()));
    }
}

/// Logits and states of a forward pass, (T, B, ..) each.
fn forward(cell: Cell, hidden: usize, batch: usize, tokens: &[u32]) -> Vec<Vec<f32>> {
    let mut graph = Graph::default();
    let model =
        LanguageModel { cell, layers: 2, vocabulary: 7, embedding: None, hidden, bidirectional: false, dropout: 0.0 };
    let parameters = model.parameters(&mut graph);
    graph.program("forward");
    let input = graph.input("tokens", [TIME, batch], Kind::Ids);
    let states = model.states(&mut graph, "forward", batch);
    let pass = model.forward(&mut graph, &parameters, input, &states).expect("a valid model");
    let mut wanted = vec![pass.logits];
    wanted.extend(pass.layers.iter().flat_map(|layer| [Some(layer.h), layer.c, layer.gates]).flatten());
    wanted.iter().enumerate().for_each(|(at, id)| graph.name(*id, format!("wanted/{at}")));
    let initial = initial_parameters(&graph, 1, Initialisation::default());
    let flat = graph.flat(Flat::Parameters);
    let mut machine = CpuExecutable::<f32>::new(Plan::new(graph, usize::MAX).expect("no limit"), &[]);
    machine.write(flat, &initial).expect("flat parameters");
    machine.write_ids(input, tokens).expect("a batch");
    machine.run(0).expect("the CPU runs");
    wanted.iter().map(|id| machine.view(*id).expect("kept").to_vec()).collect()
}

/// One sequence of a batch (T, B, ..).
fn row(values: &[f32], batch: usize, at: usize) -> Vec<u32> {
    let width = values.len() / TIME / batch;
    let steps = values.chunks(batch * width);
    steps.flat_map(|step| step[at * width..(at + 1) * width].iter().map(|x| x.to_bits())).collect()
}

#[test]
fn a_sequence_does_not_depend_on_its_batch() {
    for cell in Cell::ALL {
        for (hidden, batch) in [(1, 2), (8, 5), (9, 3), (33, 4), (40, 17)] {
            let tokens = tokens(TIME * batch, Stream::Batches);
            let together = forward(cell, hidden, batch, &tokens);
            for at in 0..batch {
                let own: Vec<u32> = tokens.chunks(batch).map(|step| step[at]).collect();
                let alone = forward(cell, hidden, 1, &own);
                for (together, alone) in together.iter().zip(&alone) {
                    let alone: Vec<u32> = alone.iter().map(|x| x.to_bits()).collect();
                    assert_eq!(row(together, batch, at), alone, "{cell:?}, hidden {hidden}, sequence {at} of {batch}");
                }
            }
        }
    }
}

/// What `carry` is for: a sequence token by token, as sampling reads it, ends where the whole one does.
#[test]
fn carried_states_go_on_where_they_were() {
    for cell in Cell::ALL {
        let tokens = tokens(TIME, Stream::Batches);
        let whole = forward(cell, 9, 1, &tokens);
        let mut graph = Graph::default();
        let model = LanguageModel {
            cell,
            layers: 2,
            vocabulary: 7,
            embedding: None,
            hidden: 9,
            bidirectional: false,
            dropout: 0.0,
        };
        let parameters = model.parameters(&mut graph);
        graph.program("sample");
        let input = graph.input("token", [1, 1], Kind::Ids);
        let states = model.states(&mut graph, "sample", 1);
        let pass = model.forward(&mut graph, &parameters, input, &states).expect("a valid model");
        graph.name(pass.logits, "logits");
        for (layer, state) in pass.layers.iter().zip(&states) {
            graph.carry(layer.h, state.h).expect("one size");
            layer.c.into_iter().zip(state.c).for_each(|(from, to)| graph.carry(from, to).expect("one size"));
        }
        let flat = graph.flat(Flat::Parameters);
        let initial = initial_parameters(&graph, 1, Initialisation::default());
        let mut machine = CpuExecutable::<f32>::new(Plan::new(graph, usize::MAX).expect("no limit"), &[]);
        machine.write(flat, &initial).expect("flat parameters");
        for (t, token) in tokens.iter().enumerate() {
            machine.write_ids(input, &[*token]).expect("a token");
            machine.run(0).expect("the CPU runs");
            let logits = machine.view(pass.logits).expect("kept");
            assert_eq!(logits, &whole[0][t * 7..(t + 1) * 7], "{cell:?} at step {t}");
        }
    }
}

#[test]
fn programs_do_not_disturb_each_other() {
    let mut sketch = Sketch::new(2);
    let x = sketch.constant([33], -1.0, 1.0);
    let chain = |sketch: &mut Sketch, kind: Unary| -> ValueId {
        let a = sketch.apply(Op::Unary(kind), &[x]);
        let b = sketch.apply(Op::Binary(Binary::Mul), &[a, x]);
        let c = sketch.apply(Op::Binary(Binary::Sub), &[b, a]);
        sketch.keep(c);
        c
    };
    let first = chain(&mut sketch, Unary::Tanh);
    sketch.graph.program("other");
    let second = chain(&mut sketch, Unary::Sigmoid);
    let mut machine = sketch.load::<f32>();
    machine.run(0).expect("the CPU runs");
    let (alone, untouched) = (numbers(&machine, first), numbers(&machine, second));
    assert!(untouched.iter().all(|x| x.is_nan()), "the other program has not run");
    machine.run(1).expect("the CPU runs");
    assert_eq!(numbers(&machine, first), alone);
    machine.run(0).expect("the CPU runs");
    assert_eq!(numbers(&machine, first), alone);
}

#[test]
fn wrong_sizes_and_names_are_refused() {
    let mut ready = Ready::new(Cell::Lstm, Optimiser::SGD);
    let error = ready.machine.write(ready.training.hyper, &[0.0; 3]).expect_err("eight are wanted");
    assert_eq!(error, EngineError::Size { what: "hyper".to_owned(), expected: 8, got: 3 });
    assert!(ready.machine.write_ids(input(&ready.training, "tokens"), &[0; 5]).is_err());
    assert!(ready.machine.write_ids(ready.training.hyper, &[0; 8]).is_err(), "floats are no ids");
    assert!(ready.machine.write(input(&ready.training, "tokens"), &[0.0; TIME * BATCH]).is_err(), "ids are no floats");
    assert!(ready.machine.plan().graph().find("no such path").is_err());
    assert!(ready.machine.plan().program("no such program").is_err());
}
