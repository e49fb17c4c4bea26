//! What attention promises: places without a token weigh nothing, forced weights are what was asked for and all after them
//! follows, one step at a time is the whole at once, later tokens have no influence, a cache changes nothing.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::gpu::gpu;
use pollster::block_on;
use seqlab::engine::backend::Executable;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::backend::wgpu::WgpuExecutable;
use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Graph, Kind, Op, ValueId};
use seqlab::engine::kernels::unary::Unary;
use seqlab::engine::plan::Plan;
use seqlab::engine::rng::{Rng, Stream};
use seqlab::nn::attention::{AttentionDecoder, DecoderPass, DecodingStep, Forced, Query, Score};
use seqlab::nn::initialise::{Initialisation, initial_parameters};
use seqlab::nn::recurrent::LayerState;
use seqlab::nn::transformer::{Block, CachedStep, Positions, Transformer, TransformerPass};

/// Target steps, sequences, source places, target tokens.
const STEPS: usize = 5;
const BATCH: usize = 3;
const PLACES: usize = 6;
const TOKENS: usize = 7;
const LENGTHS: [u32; BATCH] = [6, 1, 4];
const HIDDEN: usize = 5;

fn numbers(seed: u32, len: usize) -> Vec<f32> {
    let rng = Rng::new(seed, Stream::Task);
    (0..len as u64).map(|at| rng.normal(at)).collect()
}

fn ids(seed: u32, len: usize) -> Vec<u32> {
    let rng = Rng::new(seed, Stream::Task);
    (0..len as u64).map(|at| rng.below(at, TOKENS as u32)).collect()
}

/// Every kind of score, query and prediction, and cells of each kind.
fn decoders() -> Vec<AttentionDecoder> {
    let scores = [Score::Additive { width: 9 }, Score::Dot, Score::General];
    let mut decoders = Vec::new();
    for (at, score) in scores.into_iter().enumerate() {
        for query in [Query::Previous, Query::Current] {
            let memory = if score == Score::Dot { HIDDEN } else { 4 };
            let cell = [Cell::Gru, Cell::Lstm, Cell::Rnn][at];
            let attentional = at > 0;
            decoders.push(AttentionDecoder {
                cell,
                vocabulary: TOKENS,
                embedding: 3,
                hidden: HIDDEN,
                memory,
                score,
                query,
                attentional,
            });
        }
    }
    decoders
}

/// A decoder's graph: the whole with weights that can be forced, and one step.
struct Attending {
    graph: Graph,
    tokens: ValueId,
    encoded: ValueId,
    lengths: ValueId,
    state: LayerState,
    mask: ValueId,
    keys: ValueId,
    forced: Forced,
    pass: DecoderPass,
    step: DecodingStep,
}

fn attending(model: &AttentionDecoder) -> Attending {
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph, "");
    graph.program("whole");
    let tokens = graph.input("tokens", [STEPS, BATCH], Kind::Ids);
    let lengths = graph.input("lengths", [BATCH], Kind::Ids);
    let encoded = graph.input("encoded", [PLACES, BATCH, model.memory], Kind::Float);
    let mut input = |name: &str| graph.input(name, [BATCH, HIDDEN], Kind::Float);
    let state = LayerState { h: input("h0"), c: model.cell.has_cell_state().then(|| input("c0")) };
    let mask = graph.apply(Op::LengthMask { steps: PLACES }, &[lengths]).expect("it fits")[0];
    let memory = model.memory(&mut graph, &parameters, encoded, Some(mask)).expect("it fits");
    let forced = AttentionDecoder::forced(&mut graph, "forced", [STEPS, BATCH, PLACES]);
    let pass = model.forward(&mut graph, &parameters, tokens, state, &memory, Some(forced)).expect("it fits");
    pass.name(&mut graph, "whole");
    graph.name(mask, "mask");
    let keys = memory.keys;
    if keys != encoded {
        graph.name(keys, "keys");
    }
    graph.program("step");
    let step = model.decoding_step(&mut graph, &parameters, "step", BATCH, PLACES).expect("it fits");
    Attending { graph, tokens, encoded, lengths, state, mask, keys, forced, pass, step }
}

impl Attending {
    fn load(&self, model: &AttentionDecoder) -> CpuExecutable<f32> {
        let plan = Plan::new(self.graph.clone(), usize::MAX).expect("there is memory");
        let mut machine = CpuExecutable::<f32>::new(plan, &[]);
        machine.poison(f32::NAN);
        let flat = initial_parameters(&self.graph, 1, Initialisation::default());
        for parameter in self.graph.parameters() {
            machine.write(parameter.value, &flat[parameter.offset..][..parameter.len]).expect("a parameter");
        }
        machine.write_ids(self.tokens, &ids(1, STEPS * BATCH)).expect("tokens");
        machine.write_ids(self.lengths, &LENGTHS).expect("lengths");
        machine.write(self.encoded, &numbers(2, PLACES * BATCH * model.memory)).expect("states");
        for (at, state) in [Some(self.state.h), self.state.c].into_iter().flatten().enumerate() {
            machine.write(state, &numbers(3 + at as u32, BATCH * HIDDEN)).expect("a state");
        }
        machine
    }

    fn weights(&self, machine: &CpuExecutable<f32>) -> Vec<f32> {
        machine.view(self.pass.attended.weights).expect("named").to_vec()
    }

    fn logits(&self, machine: &CpuExecutable<f32>) -> Vec<f32> {
        machine.view(self.pass.logits).expect("named").to_vec()
    }
}

fn close(a: &[f32], b: &[f32], tolerance: f32) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

#[test]
fn places_without_a_token_weigh_exactly_nothing_and_the_others_one() {
    for model in decoders() {
        let attending = attending(&model);
        let mut machine = attending.load(&model);
        machine.run(0).expect("it runs");
        for (row, weights) in attending.weights(&machine).chunks(PLACES).enumerate() {
            let (seen, padding) = weights.split_at(LENGTHS[row % BATCH] as usize);
            assert!(padding.iter().all(|weight| *weight == 0.0), "{model:?}");
            assert!(seen.iter().all(|weight| *weight > 0.0) && (seen.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
        // What is there is not looked at.
        let (before, mut encoded) = (attending.logits(&machine), numbers(2, PLACES * BATCH * model.memory));
        encoded.chunks_mut(model.memory).enumerate().for_each(|(row, state)| {
            if row / BATCH >= LENGTHS[row % BATCH] as usize {
                state.fill(1e3);
            }
        });
        machine.write(attending.encoded, &encoded).expect("states");
        machine.run(0).expect("it runs");
        assert_eq!(before, attending.logits(&machine), "{model:?}");
    }
}

#[test]
fn a_forced_pair_has_its_weight_and_everything_after_it_follows() {
    const STEP: usize = 1;
    for model in decoders() {
        let attending = attending(&model);
        let mut machine = attending.load(&model);
        machine.run(0).expect("it runs");
        let (free, free_logits) = (attending.weights(&machine), attending.logits(&machine));
        // The third place of the first sequence, at the second step; padding of the second sequence.
        let row = STEP * BATCH * PLACES;
        let (mut pairs, mut wanted) = (vec![0.0; STEPS * BATCH * PLACES], vec![f32::NAN; STEPS * BATCH * PLACES]);
        wanted.fill(0.5);
        (pairs[row + 2], wanted[row + 2]) = (1.0, 0.75);
        pairs[row + PLACES + 3] = 1.0;
        machine.write(attending.forced.pairs, &pairs).expect("an input");
        machine.write(attending.forced.weights, &wanted).expect("an input");
        machine.run(0).expect("it runs");
        let (forced, logits) = (attending.weights(&machine), attending.logits(&machine));
        assert_eq!(forced[row + 2], 0.75);
        let others = |weights: &[f32]| -> Vec<f32> {
            let rest = 1.0 - weights[row + 2];
            [0, 1, 3, 4, 5].map(|place| weights[row + place] / rest).to_vec()
        };
        assert!(close(&others(&forced), &others(&free), 1e-5), "{model:?}");
        assert!(
            close(&forced[row + PLACES..][..PLACES], &free[row + PLACES..][..PLACES], 1e-6),
            "padding is not forced"
        );
        // Steps before are untouched, the step itself changes; later ones where the context is fed back.
        let of = |logits: &[f32], step: usize| logits[step * BATCH * TOKENS..][..TOKENS].to_vec();
        assert_eq!(of(&logits, 0), of(&free_logits, 0), "{model:?}");
        assert!(!close(&of(&logits, STEP), &of(&free_logits, STEP), 1e-6), "{model:?}");
        let later = close(&of(&logits, STEP + 1), &of(&free_logits, STEP + 1), 0.0);
        assert_eq!(later, model.query == Query::Current, "{model:?}");
    }
}

#[test]
fn one_step_at_a_time_is_the_whole() {
    for model in decoders() {
        let attending = attending(&model);
        let mut machine = attending.load(&model);
        machine.run(0).expect("it runs");
        let (whole, weights) = (attending.logits(&machine), attending.weights(&machine));
        let step = &attending.step;
        let copy = |machine: &mut CpuExecutable<f32>, from: ValueId, to: ValueId| {
            let numbers = machine.view(from).expect("named").to_vec();
            machine.write(to, &numbers).expect("an input");
        };
        let mask = step.memory.mask.expect("it has one");
        copy(&mut machine, attending.mask, mask);
        copy(&mut machine, attending.keys, step.memory.keys);
        copy(&mut machine, attending.encoded, step.memory.states);
        copy(&mut machine, attending.state.h, step.before.h);
        if let (Some(from), Some(to)) = (attending.state.c, step.before.c) {
            copy(&mut machine, from, to);
        }
        for (at, tokens) in ids(1, STEPS * BATCH).chunks(BATCH).enumerate() {
            machine.write_ids(step.tokens, tokens).expect("tokens");
            machine.run(1).expect("it runs");
            let logits = machine.view(step.logits).expect("named");
            assert!(close(logits, &whole[at * BATCH * TOKENS..][..BATCH * TOKENS], 1e-5), "{model:?} step {at}");
            let attended = machine.view(step.attended.weights).expect("named");
            assert!(close(attended, &weights[at * BATCH * PLACES..][..BATCH * PLACES], 1e-5), "{model:?} step {at}");
            copy(&mut machine, step.after.h, step.before.h);
            if let (Some(from), Some(to)) = (step.after.c, step.before.c) {
                copy(&mut machine, from, to);
            }
        }
    }
}

const LONGEST: usize = 9;

fn transformers() -> Vec<Transformer> {
    let block = Block { model: 12, heads: 3, feed_forward: 17, activation: Unary::Gelu, causal: true, eps: 1e-5 };
    let model = |positions, layers, final_norm| Transformer {
        vocabulary: TOKENS,
        outputs: TOKENS,
        block: block.clone(),
        layers,
        positions,
        longest: LONGEST,
        final_norm,
    };
    vec![model(Positions::Sinusoidal, 1, false), model(Positions::Learned, 2, true)]
}

/// The whole sequence, and one token with a cache.
struct Generating {
    graph: Graph,
    tokens: ValueId,
    pass: TransformerPass,
    step: CachedStep,
}

fn generating(model: &Transformer) -> Generating {
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph).expect("it has places");
    graph.program("whole");
    let tokens = graph.input("tokens", [LONGEST, BATCH], Kind::Ids);
    let pass = model.forward(&mut graph, &parameters, tokens).expect("it fits");
    pass.name(&mut graph, "whole");
    graph.program("step");
    let step = model.cached_step(&mut graph, &parameters, "step", BATCH).expect("it fits");
    Generating { graph, tokens, pass, step }
}

impl Generating {
    fn plan(&self) -> Plan {
        Plan::new(self.graph.clone(), usize::MAX).expect("there is memory")
    }

    fn start(&self, machine: &mut dyn Executable) {
        let flat = initial_parameters(&self.graph, 1, Initialisation::default());
        for parameter in self.graph.parameters() {
            machine.write(parameter.value, &flat[parameter.offset..][..parameter.len]).expect("a parameter");
        }
        machine.write_ids(self.tokens, &ids(1, LONGEST * BATCH)).expect("tokens");
    }
}

fn read(machine: &mut dyn Executable, id: ValueId) -> Vec<f32> {
    block_on(machine.read(&[id])).expect("it can be read")
}

/// Reads the sequence token by token and compares each step with the whole.
fn cache_is_the_whole(model: &Transformer, machine: &mut dyn Executable, tolerance: f32) {
    let generating = generating(model);
    generating.start(machine);
    machine.run(0).expect("it runs");
    let whole = read(machine, generating.pass.logits);
    let weights = read(machine, generating.pass.layers[0].weights);
    let cached = generating.graph.find("step/layers/0/attention").expect("named");
    for (at, tokens) in ids(1, LONGEST * BATCH).chunks(BATCH).enumerate() {
        machine.write_ids(generating.step.tokens, tokens).expect("tokens");
        machine.write_ids(generating.step.position, &[at as u32; BATCH]).expect("a position");
        machine.run(1).expect("it runs");
        let logits = read(machine, generating.step.logits);
        assert!(close(&logits, &whole[at * BATCH * TOKENS..][..BATCH * TOKENS], tolerance), "{model:?} token {at}");
        // (B, heads, L) of this token against (B, heads, T, T).
        for (head, row) in read(machine, cached).chunks(LONGEST).enumerate() {
            let whole = &weights[(head * LONGEST + at) * LONGEST..][..LONGEST];
            assert!(close(row, whole, tolerance) && row[at + 1..].iter().all(|weight| *weight == 0.0));
        }
    }
}

#[test]
fn a_cache_changes_nothing() {
    for model in transformers() {
        let plan = generating(&model).plan();
        let mut machine = CpuExecutable::<f32>::new(plan.clone(), &[]);
        machine.poison(f32::NAN);
        cache_is_the_whole(&model, &mut machine, 1e-5);
        let mut machine = block_on(WgpuExecutable::new(gpu(), plan, &[])).expect("the device takes the plan");
        machine.poison(f32::NAN);
        cache_is_the_whole(&model, &mut machine, 1e-4);
    }
}

#[test]
fn later_tokens_have_no_influence() {
    for model in transformers() {
        let generating = generating(&model);
        let mut machine = CpuExecutable::<f32>::new(generating.plan(), &[]);
        generating.start(&mut machine);
        machine.run(0).expect("it runs");
        let before = read(&mut machine, generating.pass.logits);
        for changed in 0..LONGEST {
            let mut tokens = ids(1, LONGEST * BATCH);
            tokens[changed * BATCH] = (tokens[changed * BATCH] + 1) % TOKENS as u32;
            machine.write_ids(generating.tokens, &tokens).expect("tokens");
            machine.run(0).expect("it runs");
            let after = read(&mut machine, generating.pass.logits);
            let of = |logits: &[f32], place: usize| logits[place * BATCH * TOKENS..][..TOKENS].to_vec();
            assert!((0..changed).all(|place| of(&before, place) == of(&after, place)), "{model:?}");
            assert!((changed..LONGEST).all(|place| of(&before, place) != of(&after, place)), "{model:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut model = transformers().remove(0);
    model.block.heads = 5;
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph).expect("it has places");
    graph.program("whole");
    let tokens = graph.input("tokens", [4, 2], Kind::Ids);
    assert!(model.forward(&mut graph, &parameters, tokens).is_err(), "5 heads do not divide 12 units");
    let long = graph.input("long", [LONGEST + 1, 2], Kind::Ids);
    let error = model.forward(&mut graph, &parameters, long).expect_err("it is too long");
    assert!(error.to_string().contains("at most 9"), "{error}");
}
