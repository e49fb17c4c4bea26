//! What padding, a second direction and a second layer cost on the CPU, as ratios within one run:
//!
//!     cargo test --release --test ragged_cost -- --nocapture
//!
//! Alone in its file, so that no other test takes its time, and in time of the processor where the system tells it, so
//! that other programs do not either. A layer is compared with itself too: where that is not 1, nothing was measured.
#![cfg(not(target_arch = "wasm32"))]

use std::time::Instant;

use seqlab::engine::backend::Executable;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Graph, Kind, ValueId};
use seqlab::engine::plan::Plan;
use seqlab::engine::rng::{Rng, Stream};
use seqlab::nn::recurrent::{Recurrent, Run, SequenceInput};

const TIME: usize = 48;
const BATCH: usize = 16;

/// Rounds of a measurement; each times a run of both sides, one side after the other.
const ROUNDS: usize = 60;

/// How often something is measured until it is quick enough.
const ATTEMPTS: usize = 4;

/// How far from 1 a layer may be from itself.
const NOISE: f64 = 0.15;

/// A model's forward and backward pass over sequences of at most `time` steps, ready to run.
fn load(model: &Recurrent, time: usize, lengths: Option<&[u32]>) -> CpuExecutable<f32> {
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph, "");
    graph.program("train");
    let x = graph.input("x", [time, BATCH, model.input], Kind::Float);
    let ids = lengths.map(|_| graph.input("lengths", [BATCH], Kind::Ids));
    let run = Run { lengths: ids, ..Run::new(SequenceInput::Features(x)) };
    let pass = model.forward(&mut graph, &parameters, &run).expect("the operands fit");
    let loss = graph.mean(pass.output).expect("it fits");
    graph.keep_gradients(loss).expect("it is differentiable");
    let written: Vec<ValueId> = graph.parameters().iter().map(|parameter| parameter.value).chain([x]).collect();
    let mut machine = CpuExecutable::<f32>::new(Plan::new(graph, usize::MAX).expect("no limit"), &[]);
    let rng = Rng::new(1, Stream::Task);
    for id in written {
        let view = machine.view_mut(id).expect("it has memory");
        view.iter_mut().enumerate().for_each(|(at, value)| *value = 0.2 * rng.uniform(at as u64) - 0.1);
    }
    if let (Some(ids), Some(lengths)) = (ids, lengths) {
        machine.write_ids(ids, lengths).expect("as many as sequences");
    }
    machine
}

/// Seconds this thread has worked; by the clock where the system does not tell (Linux does, as of the last time it
/// looked: it does when a thread yields).
fn worked(since: Instant) -> f64 {
    std::thread::yield_now();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| since.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

fn seconds(machine: &mut CpuExecutable<f32>) -> f64 {
    let since = Instant::now();
    let before = worked(since);
    machine.run(0).expect("the CPU runs");
    worked(since) - before
}

/// How many times as long as `one` the `other` takes, by the shortest time of each: others who use the processor's
/// caches only make a run longer.
fn ratio(one: &mut CpuExecutable<f32>, other: &mut CpuExecutable<f32>) -> f64 {
    let shortest =
        (0..ROUNDS).fold([f64::MAX; 2], |[first, second], _| [first.min(seconds(one)), second.min(seconds(other))]);
    shortest[1] / shortest[0]
}

#[test]
fn a_batch_costs_what_its_tokens_cost() {
    let layer = Recurrent::new(Cell::Lstm, 64, 64);
    let mut whole = load(&layer, TIME, None);
    let same = ratio(&mut whole, &mut load(&layer, TIME, None));
    println!("a layer against itself: {same:.2}");
    assert!(
        (same - 1.0).abs() < NOISE,
        "this machine is too busy to measure: a layer takes {same:.2} times as long as itself"
    );
    let mut wrong = Vec::new();
    // `parts`: what it is made of, in runs of `one`.
    let mut check =
        |what: &str, one: &mut CpuExecutable<f32>, other: &mut CpuExecutable<f32>, parts: f64, most: f64| {
            // Other programs take memory bandwidth from the one and not the other: what looks too slow is measured again.
            let mut least = f64::MAX;
            for _ in 0..ATTEMPTS {
                least = least.min(ratio(one, other) / parts);
                if least <= most {
                    break;
                }
            }
            println!("{what}: {least:.2} times what its tokens or parts cost");
            if least > most {
                wrong.push(format!("{what}: {least:.2}, at most {most} is allowed"));
            }
        };
    let longest = TIME as u32;
    let falling: Vec<u32> = (0..16).map(|at| longest - 3 * at).collect();
    let mixed: Vec<u32> = (0..16).map(|at| 3 + 3 * (at * 7 % 16)).collect();
    let one_long: Vec<u32> = (0..16).map(|at| if at == 5 { longest } else { 6 }).collect();
    let cases = [
        ("full lengths", vec![longest; BATCH], 1.3),
        ("sorted lengths", falling, 1.3),
        ("mixed lengths", mixed, 1.3),
        // What is left here are the zeros of the padding, nearly five rows to a real one, and products of a single row.
        ("one long sequence", one_long, 1.7),
    ];
    for (what, lengths, most) in cases {
        let tokens = f64::from(lengths.iter().sum::<u32>());
        let mut ragged = load(&layer, TIME, Some(&lengths));
        let share = tokens / (TIME * BATCH) as f64;
        let what = format!("{what} ({:.0} % real)", 100.0 * share);
        check(&what, &mut whole, &mut ragged, share, most);
        // Beside a batch without padding that has as many tokens, to the next whole step.
        let steps = (tokens / BATCH as f64).ceil() as usize;
        let parts = tokens / (steps * BATCH) as f64;
        check(&format!("{what}, beside an even batch"), &mut load(&layer, steps, None), &mut ragged, parts, most);
    }
    let both = Recurrent { bidirectional: true, ..layer.clone() };
    check("two directions", &mut whole, &mut load(&both, TIME, None), 2.0, 1.4);
    let stacked = Recurrent { layers: 2, ..layer.clone() };
    check("two layers", &mut whole, &mut load(&stacked, TIME, None), 2.0, 1.4);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
