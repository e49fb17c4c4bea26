//! Training beyond teacher forcing, and the long view: what scheduled sampling feeds, that REINFORCE learns, and that the
//! Jacobians of every cell are what differences say.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::sketch::{Sketch, numbers};
use pollster::block_on;
use seqlab::engine::backend::Executable;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Op, RecurrentInput, ValueId};
use seqlab::engine::optimiser::Optimiser;
use seqlab::engine::plan::Plan;
use seqlab::engine::rng::{Rng, Stream};
use seqlab::nn::initialise::{Initialisation, initial_parameters};
use seqlab::nn::jacobian::jacobian_to_end;
use seqlab::nn::language_model::LanguageModel;
use seqlab::trainer::long_view::LongView;
use seqlab::trainer::model;
use seqlab::trainer::reinforce::{Baseline, Options as Policy, Reinforce};
use seqlab::trainer::reward::Reward;
use seqlab::trainer::schedule::{Schedule, toss, uniforms};
use seqlab::trainer::scheduled_sampling::{Options, ScheduledSampling, scheduled_sampling};

const STEPS: usize = 6;
const BATCH: usize = 5;

fn small(cell: Cell, vocabulary: usize) -> LanguageModel {
    LanguageModel { cell, layers: 1, vocabulary, embedding: Some(6), hidden: 16, bidirectional: false, dropout: 0.0 }
}

/// Ids (T, B) of which each follows from the one before: next = (2 id + 1) mod 7.
fn chain(first: u32, skipped: usize) -> Vec<u32> {
    let mut ids = Vec::new();
    for t in 0..STEPS {
        ids.extend((0..BATCH as u32).map(|b| (0..t + skipped).fold((first + b) % 7, |id, _| (2 * id + 1) % 7)));
    }
    ids
}

/// A scheduled-sampling run on the CPU.
struct Run {
    sampling: ScheduledSampling,
    machine: CpuExecutable<f32>,
    optimiser: Optimiser,
}

impl Run {
    fn new(sampled: bool) -> Run {
        let (model, optimiser) = (small(Cell::Gru, 7), Optimiser::ADAM);
        let options = Options { steps: STEPS, batch: BATCH, sampled, padding: None, optimiser };
        let sampling = scheduled_sampling(&model, &options).expect("a valid model");
        let training = &sampling.training;
        let plan = Plan::new(training.graph.clone(), usize::MAX).expect("no limit");
        let mut machine = CpuExecutable::new(plan, &training.journal);
        machine.poison(f32::NAN);
        let initial = initial_parameters(&training.graph, 3, Initialisation::default());
        machine.write(training.persistent[0], &initial).expect("flat parameters");
        let mut run = Run { sampling, machine, optimiser };
        run.give(0);
        run
    }

    fn give(&mut self, first: u32) {
        self.machine.write_ids(self.sampling.given, &chain(first, 0)).expect("a batch");
        self.machine.write_ids(self.sampling.targets, &chain(first, 1)).expect("a batch");
    }

    fn step(&mut self, number: u64, ratio: f32) -> f32 {
        let mut places = vec![0.0; STEPS * BATCH];
        toss(1, number, ratio, &mut places);
        self.machine.write(self.sampling.mask, &places).expect("a mask");
        if let Some(id) = self.sampling.uniforms {
            uniforms(1, number, &mut places);
            self.machine.write(id, &places).expect("uniform numbers");
        }
        let hyper = self.optimiser.hyper(number + 1, 0.02, Some(1.0));
        self.machine.write(self.sampling.training.hyper, &hyper).expect("eight numbers");
        self.machine.run(0).expect("the CPU runs");
        block_on(self.machine.take_journal()).expect("a row")[0]
    }

    fn fed(&self) -> &[u32] {
        self.machine.view_ids(self.sampling.fed).expect("it was computed")
    }
}

#[test]
fn a_ratio_of_one_is_teacher_forcing() {
    let mut run = Run::new(false);
    let model = small(Cell::Gru, 7);
    let usual = model::training(&model, STEPS, BATCH, Optimiser::ADAM, model::Watch::Nothing).expect("a valid model");
    let plan = Plan::new(usual.graph.clone(), usize::MAX).expect("no limit");
    let mut machine = CpuExecutable::<f32>::new(plan, &usual.journal);
    let initial = initial_parameters(&usual.graph, 3, Initialisation::default());
    machine.write(usual.persistent[0], &initial).expect("flat parameters");
    for (path, skipped) in [("train/tokens", 0), ("train/targets", 1)] {
        machine.write_ids(usual.graph.find(path).expect("an input"), &chain(0, skipped)).expect("a batch");
    }
    for step in 0..5 {
        machine.write(usual.hyper, &Optimiser::ADAM.hyper(step + 1, 0.02, Some(1.0))).expect("eight numbers");
        machine.run(0).expect("the CPU runs");
        let expected = block_on(machine.take_journal()).expect("a row")[0];
        assert_eq!(run.step(step, 1.0).to_bits(), expected.to_bits());
        assert_eq!(run.fed(), chain(0, 0));
    }
}

/// With a ratio of 0 the model reads what it writes: after the first step, `evaluate/free` of the same parameters.
#[test]
fn a_ratio_of_zero_is_free_running() {
    let mut run = Run::new(false);
    block_on(run.sampling.evaluate(&mut run.machine, &chain(0, 1), 99)).expect("the CPU runs");
    let free = run.machine.view_ids(run.sampling.free).expect("it was computed").to_vec();
    run.step(0, 0.0);
    assert_eq!(run.fed()[..BATCH], chain(0, 0)[..BATCH]);
    assert_eq!(run.fed()[BATCH..], free[..(STEPS - 1) * BATCH]);
}

#[test]
fn coins_decide_token_by_token() {
    for sampled in [false, true] {
        let mut run = Run::new(sampled);
        let (mut mask, given) = (vec![0.0; STEPS * BATCH], chain(0, 0));
        toss(1, 0, 0.5, &mut mask);
        run.step(0, 0.5);
        let own = (BATCH..STEPS * BATCH).filter(|at| mask[*at] == 0.0);
        assert!((BATCH..STEPS * BATCH).filter(|at| mask[*at] != 0.0).all(|at| run.fed()[at] == given[at]));
        assert!(own.clone().count() > 0 && own.clone().any(|at| run.fed()[at] != given[at]));
        assert!(run.fed().iter().all(|token| *token < 7));
    }
}

#[test]
fn a_schedule_ends_with_a_model_that_runs_free() {
    for sampled in [false, true] {
        let mut run = Run::new(sampled);
        let schedule = Schedule::InverseSigmoid { k: 40.0 };
        let before = block_on(run.sampling.evaluate(&mut run.machine, &chain(0, 1), 99)).expect("the CPU runs");
        assert!(before.free.wrong.iter().sum::<u32>() > 10);
        for step in 0..400 {
            run.give(step as u32 % 7);
            run.step(step, schedule.ratio(step));
        }
        run.give(2);
        let after = block_on(run.sampling.evaluate(&mut run.machine, &chain(2, 1), 99)).expect("the CPU runs");
        assert_eq!(after.free.total, [BATCH as u32; STEPS]);
        assert!(after.free.wrong.iter().sum::<u32>() <= 2, "{after:?}");
        assert!(after.forced.wrong.iter().sum::<u32>() <= 2, "{after:?}");
    }
}

const END: u32 = 0;
const EPISODES: u64 = 800;

/// The model is shown two tokens and is to say the second, then the end.
fn repeats_the_prompt(baseline: Baseline, reward: Reward) -> (f32, f32) {
    let (model, optimiser) = (LanguageModel { layers: 2, ..small(Cell::Lstm, 5) }, Optimiser::ADAM);
    let (prompt, steps, batch) = (2, 3, 16);
    let options = Policy { prompt, steps, batch, end: END, reward, baseline, entropy_weight: 0.01, optimiser };
    let mut policy = Reinforce::new(&model, options).expect("a valid model");
    let plan = Plan::new(policy.training.graph.clone(), usize::MAX).expect("no limit");
    let mut machine = CpuExecutable::<f32>::new(plan, &policy.training.journal);
    machine.poison(f32::NAN);
    let initial = initial_parameters(&policy.training.graph, 3, Initialisation::default());
    machine.write(policy.training.persistent[0], &initial).expect("flat parameters");
    let rng = Rng::new(5, Stream::Task);
    let mut rewards = Vec::new();
    for step in 0..EPISODES {
        let token = |at: usize| 1 + rng.below(step * 32 + at as u64, 4);
        let prompts: Vec<u32> = (0..2 * batch).map(token).collect();
        let references: Vec<Vec<u32>> = prompts[batch..].iter().map(|token| vec![*token]).collect();
        let sampled = policy.sample(&mut machine, (1, step), &prompts, &references);
        let episode = block_on(sampled).expect("the CPU runs");
        machine.write(policy.training.hyper, &optimiser.hyper(step + 1, 0.01, Some(1.0))).expect("eight numbers");
        machine.run(0).expect("the CPU runs");
        let row = block_on(machine.take_journal()).expect("a row");
        assert!(row.iter().all(|number| number.is_finite()), "step {step}: {row:?}");
        assert!((row[1] - episode.mean_reward).abs() < 1e-5);
        assert!(episode.samples.iter().all(|sample| (1..=steps).contains(&sample.len())));
        rewards.push(episode.mean_reward);
    }
    let mean = |rewards: &[f32]| rewards.iter().sum::<f32>() / rewards.len() as f32;
    (mean(&rewards[..20]), mean(&rewards[EPISODES as usize - 20..]))
}

#[test]
fn reinforce_learns_from_rewards_alone() {
    for baseline in [Baseline::MovingAverage { decay: 0.9 }, Baseline::Learned] {
        let (before, after) = repeats_the_prompt(baseline, Reward::TokenAccuracy);
        println!("{baseline:?}: token accuracy {before:.2} to {after:.2}");
        assert!(after > 0.6 && after > before + 0.4, "{baseline:?}: {before} to {after}");
    }
    let (before, after) = repeats_the_prompt(Baseline::MovingAverage { decay: 0.9 }, Reward::NegativeEditDistance);
    assert!(after > before + 0.3, "edit distance: {before} to {after}");
}

/// dh_T/dh_t of every cell, also through a second layer, against differences in f64.
#[test]
fn jacobians_to_the_end_agree_with_differences() {
    const UNITS: usize = 4;
    for cell in Cell::ALL {
        let mut sketch = Sketch::new(11);
        let gates = cell.gates() * UNITS;
        let lone: Vec<f64> = (0..5 * gates).map(|_| 4.0 * sketch.uniform() - 2.0).collect();
        let copies: Vec<f64> = lone.chunks(gates).flat_map(|row| row.repeat(UNITS)).collect();
        let x_proj = sketch.given([5, UNITS, gates], copies);
        let state = |sketch: &mut Sketch| {
            let row: Vec<f64> = (0..UNITS).map(|_| sketch.uniform() - 0.5).collect();
            sketch.given([UNITS, UNITS], row.repeat(UNITS))
        };
        let h0 = state(&mut sketch);
        let c0 = cell.has_cell_state().then(|| state(&mut sketch));
        let input = RecurrentInput {
            x_proj,
            weight_hh: sketch.constant([gates, UNITS], -1.0, 1.0),
            bias_ih: sketch.constant([gates], -0.5, 0.5),
            bias_hh: sketch.constant([gates], -0.5, 0.5),
            h0,
            c0,
            lengths: None,
            reverse: false,
        };
        let below = sketch.graph.recurrent(cell, &input).expect("it fits");
        let x_proj = sketch.apply(Op::MatMul { transpose_a: false, transpose_b: true }, &[below.h, input.weight_hh]);
        let above = sketch.graph.recurrent(cell, &RecurrentInput { x_proj, ..input }).expect("it fits");
        let (seed, gradients) = jacobian_to_end(&mut sketch.graph, above.h, "identity").expect("it fits");
        let found = gradients.of(h0).expect("it matters");
        [above.h, found].into_iter().for_each(|id| sketch.keep(id));
        let mut machine = sketch.load::<f64>();
        let ones = machine.view_mut(seed).expect("an input");
        ones.iter_mut().enumerate().for_each(|(at, x)| *x = f64::from(u8::from(at % (UNITS + 1) == 0)));
        machine.run(0).expect("the CPU runs");
        let jacobian = numbers(&machine, found);
        for column in 0..UNITS {
            let end = |machine: &mut CpuExecutable<f64>, shift: f64| {
                let middle = numbers(machine, h0)[column];
                machine.view_mut(h0).expect("an input")[column] = middle + shift;
                machine.run(0).expect("the CPU runs");
                machine.view_mut(h0).expect("an input")[column] = middle;
                // Of the copies the first, at the last step.
                numbers(machine, above.h)[4 * UNITS * UNITS..][..UNITS].to_vec()
            };
            let (high, low) = (end(&mut machine, 1e-5), end(&mut machine, -1e-5));
            for row in 0..UNITS {
                let slope = (high[row] - low[row]) / 2e-5;
                let error = (slope - jacobian[row * UNITS + column]).abs();
                assert!(error < 1e-8, "{cell:?} [{row}, {column}]: {slope} and {}", jacobian[row * UNITS + column]);
            }
        }
    }
}

#[test]
fn the_long_view_of_a_model() {
    let steps = 7;
    for cell in Cell::ALL {
        let model = LanguageModel { layers: 2, ..small(cell, 9) };
        let mut view = LongView::new(&model, steps).expect("a valid model");
        let mut graph = seqlab::engine::graph::Graph::default();
        model.parameters(&mut graph);
        let parameters = initial_parameters(&graph, 2, Initialisation::default());
        view.run(&parameters, &[1, 2, 3, 4, 5, 6, 7]).expect("the CPU runs");
        // The last top state depends on itself as the identity says.
        assert!(view.singular_values(1, steps).expect("it is there").iter().all(|value| *value == 1.0));
        let largest: Vec<f64> = (0..=steps).map(|t| view.singular_values(1, t).expect("it is there")[0]).collect();
        assert!(largest.iter().all(|value| value.is_finite() && *value > 0.0), "{cell:?} {largest:?}");
        assert!(view.singular_values(0, 3).expect("it is there").is_sorted_by(|a, b| a >= b));
        assert!(view.jacobian(1, steps + 1).is_err() && view.jacobian(2, 1).is_err());
        assert_eq!(view.cell_jacobian(0, 1).is_ok(), cell.has_cell_state());
        assert!(view.run(&parameters, &[1, 2]).is_err());
    }
}

/// What the caller does not see of a graph: no id is left from a run before.
#[test]
fn ids_are_computed_anew() {
    let mut sketch = Sketch::new(3);
    let logits = sketch.constant([4, 7], -1.0, 1.0);
    let uniforms = sketch.constant([4], 0.0, 1.0);
    let both: Vec<ValueId> =
        [sketch.apply(Op::Argmax, &[logits]), sketch.apply(Op::SampleToken, &[logits, uniforms])].into();
    let pair = sketch.apply(Op::Concat { axis: 0 }, &both);
    let middle = sketch.apply(Op::Slice { axis: 0, start: 2, len: 4 }, &[pair]);
    both.iter().chain([&pair, &middle]).for_each(|id| sketch.keep(*id));
    let mut machine = sketch.load::<f32>();
    machine.run(0).expect("the CPU runs");
    let ids = |id: ValueId| machine.view_ids(id).expect("it was computed").to_vec();
    assert_eq!(ids(pair), [ids(both[0]), ids(both[1])].concat());
    assert_eq!(ids(middle), ids(pair)[2..6]);
    assert!(ids(pair).iter().all(|id| *id < 7));
    let mixed = sketch.graph.apply(Op::Concat { axis: 0 }, &[pair, uniforms]);
    assert!(mixed.is_err(), "ids and floats do not go together");
}
