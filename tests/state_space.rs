//! State-space models: both modes of S4D are the same function with the same gradients, and token by token is the whole
//! sequence.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::gpu::gpu;
use common::sketch::{Sketch, difference, numbers};
use pollster::block_on;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use seqlab::engine::backend::Executable;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::backend::wgpu::WgpuExecutable;
use seqlab::engine::graph::{Graph, Kind, ValueId};
use seqlab::engine::kernels::discretise::Discretisation;
use seqlab::engine::kernels::real::Real;
use seqlab::engine::optimiser::Optimiser;
use seqlab::engine::plan::Plan;
use seqlab::engine::rng::{Rng, Stream};
use seqlab::nn::initialise::{Initialisation, initial_parameters};
use seqlab::nn::state_space::mamba::Mamba;
use seqlab::nn::state_space::s4d::{S4d, S4dParameters};
use seqlab::nn::state_space::{Computation, Mixer, StateSpaceModel};
use seqlab::spec::{Architecture, ModelSpec, Scan};
use seqlab::trainer::model::{Training, Watch, training};
use seqlab::trainer::network::network;

/// The same cases at every run; others with PROPTEST_RNG_SEED.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() }
}

/// Output and gradients of a layer, by computation; every number of the layer is a variable.
fn results<R: Real>(layer: S4d, [steps, batch]: [usize; 2], seed: u32, computation: Computation) -> Vec<Vec<f64>> {
    let (channels, modes) = (layer.channels, layer.modes);
    let mut sketch = Sketch::new(seed);
    let u = sketch.variable([steps, batch, channels], -1.0, 1.0);
    let parameters = S4dParameters {
        log_dt: sketch.variable([channels], -4.0, -1.0),
        log_a_real: sketch.variable([channels, modes], -1.5, 0.5),
        a_imag: sketch.variable([channels, modes], 0.0, 10.0),
        b: sketch.variable([channels, modes, 2], -1.0, 1.0),
        c: sketch.variable([channels, modes, 2], -1.0, 1.0),
        d: sketch.variable([channels], -1.0, 1.0),
    };
    let graph = &mut sketch.graph;
    let system = layer.system(graph, &parameters).expect("it fits");
    let y = match computation {
        Computation::Recurrence => {
            let x0 = graph.fill(0.0, [batch, channels, modes, 2]).expect("a constant");
            layer.recurrence(graph, &parameters, &system, u, x0).expect("it fits").y
        }
        Computation::Convolution => {
            let kernel = layer.kernel(graph, &parameters, &system, steps).expect("it fits");
            layer.convolution(graph, &parameters, kernel, u).expect("it fits")
        }
    };
    sketch.keep(y);
    let loss = sketch.probed(&[y]);
    let (gradients, _) = sketch.differentiate(loss);
    let mut machine = sketch.load::<R>();
    machine.run(0).expect("the CPU runs");
    [vec![y], gradients].concat().into_iter().map(|id| numbers(&machine, id)).collect()
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn convolution_is_recurrence(
        discretisation in select(Discretisation::ALL.to_vec()),
        (steps, batch, channels, modes) in (1_usize..80, 1_usize..4, 1_usize..10, 1_usize..10),
        seed in any::<u32>(),
    ) {
        let layer = S4d { channels, modes, discretisation };
        let both = [Computation::Recurrence, Computation::Convolution];
        let [exact, other] = both.map(|computation| results::<f64>(layer, [steps, batch], seed, computation));
        for (a, b) in exact.iter().zip(&other) {
            prop_assert!(difference(a, b) < 1e-10, "f64 is off by {:e}", difference(a, b));
        }
        let [first, second] = both.map(|computation| results::<f32>(layer, [steps, batch], seed, computation));
        for ((exact, a), b) in exact.iter().zip(&first).zip(&second) {
            prop_assert!(difference(a, b) < 1e-4, "f32 is off by {:e}", difference(a, b));
            prop_assert!(difference(exact, a) < 1e-4, "f32 is off f64 by {:e}", difference(exact, a));
        }
    }
}

/// One training step's gradients and loss, on a machine with these parameters and tokens.
fn step(machine: &mut dyn Executable, training: &Training, graph: &Graph) -> Vec<f64> {
    let initial = initial_parameters(graph, 3, Initialisation::default());
    machine.write(training.persistent[0], &initial).expect("flat parameters");
    for (path, stream) in [("train/tokens", Stream::Batches), ("train/targets", Stream::Task)] {
        let (rng, id) = (Rng::new(2, stream), graph.find(path).expect("an input"));
        let count = graph.shape(id).len() as u64;
        let ids: Vec<u32> = (0..count).map(|at| rng.below(at, 7)).collect();
        machine.write_ids(id, &ids).expect("a batch");
    }
    machine.write(training.hyper, &Optimiser::SGD.hyper(1, 0.1, None)).expect("eight numbers");
    machine.run(0).expect("it runs");
    let mut wanted = graph.parameter_gradients().to_vec();
    wanted.push(training.journal[0]);
    block_on(machine.read(&wanted)).expect("they have memory").into_iter().map(f64::from).collect()
}

#[test]
fn both_backends_train_alike() {
    let spec = |model| ModelSpec { model, layers: 2, hidden: 9, state_size: 3, ..ModelSpec::default() };
    let s4d = spec(Architecture::S4d);
    let bilinear = ModelSpec { discretisation: seqlab::spec::Discretisation::Bilinear, ..s4d.clone() };
    let convolution = ModelSpec { scan: Scan::Convolution, ..s4d.clone() };
    for spec in [s4d, bilinear, convolution, spec(Architecture::Mamba)] {
        let training = training(network(&spec, 7).as_ref(), 37, 3, Optimiser::SGD, Watch::Everything);
        let training = training.expect("it fits");
        let graph = &training.graph;
        let plan = Plan::new(graph.clone(), usize::MAX).expect("there is memory");
        let mut exact = CpuExecutable::<f64>::new(plan.clone(), &[]);
        let mut cpu = CpuExecutable::<f32>::new(plan.clone(), &[]);
        let mut device = block_on(WgpuExecutable::new(gpu(), plan, &[])).expect("the GPU takes the plan");
        cpu.poison(f32::NAN);
        device.poison(f32::NAN);
        let want = step(&mut exact, &training, graph);
        for (name, machine) in [("CPU", &mut cpu as &mut dyn Executable), ("GPU", &mut device)] {
            let off = difference(&step(machine, &training, graph), &want);
            assert!(off < 3e-5, "{spec:?}: the {name} is off by {off:e}");
        }
    }
}

fn models() -> Vec<StateSpaceModel> {
    let s4d = |discretisation| Mixer::S4d(S4d { channels: 9, modes: 3, discretisation });
    let block = Mamba::of_width(10, 5);
    let mixers = [
        s4d(Discretisation::ZeroOrderHold),
        s4d(Discretisation::Bilinear),
        Mixer::Mamba(block),
        Mixer::Mamba(Mamba { taps: 1, ..block }),
        Mixer::Mamba(Mamba { taps: 2, rank: 3, ..block }),
    ];
    mixers.map(|mixer| StateSpaceModel { mixer, layers: 2, vocabulary: 7, outputs: 7 }).into()
}

/// A model's programs `whole`, over so many steps, and `step`, one token with everything carried over.
struct Programs {
    machine: CpuExecutable<f64>,
    tokens: [ValueId; 2],
    logits: Vec<ValueId>,
}

fn programs(model: &StateSpaceModel, [steps, batch]: [usize; 2], whole: &[Computation]) -> Programs {
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph);
    graph.program("whole");
    let tokens = graph.input("whole/tokens", [steps, batch], Kind::Ids);
    let states = model.states(&mut graph, "whole", batch);
    let mut logits = Vec::new();
    for (at, computation) in whole.iter().enumerate() {
        let pass = model.forward(&mut graph, &parameters, *computation, tokens, &states).expect("it fits");
        graph.name(pass.logits, format!("whole/{at}"));
        logits.push(pass.logits);
    }
    graph.program("step");
    let token = graph.input("step/tokens", [1, batch], Kind::Ids);
    let states = model.states(&mut graph, "step", batch);
    let pass = model.forward(&mut graph, &parameters, Computation::Recurrence, token, &states).expect("it fits");
    graph.name(pass.logits, "step/logits");
    logits.push(pass.logits);
    for [before, after] in model.carried(&mut graph, &pass, &states).expect("a recurrence has states") {
        graph.carry(after, before).expect("a state is as large as the next");
    }
    let flat = graph.flat(seqlab::engine::graph::Flat::Parameters);
    let initial = initial_parameters(&graph, 3, Initialisation::default());
    let mut machine = CpuExecutable::new(Plan::new(graph, usize::MAX).expect("there is memory"), &[]);
    machine.poison(f64::NAN);
    machine.write(flat, &initial).expect("flat parameters");
    Programs { machine, tokens: [tokens, token], logits }
}

#[test]
fn token_by_token_is_the_whole_sequence_and_so_is_the_convolution() {
    let [steps, batch] = [11, 3];
    for model in models() {
        let computations = match model.mixer {
            Mixer::S4d(_) => vec![Computation::Recurrence, Computation::Convolution],
            Mixer::Mamba(_) => vec![Computation::Recurrence],
        };
        let mut all = programs(&model, [steps, batch], &computations);
        let rng = Rng::new(5, Stream::Task);
        let ids: Vec<u32> = (0..(steps * batch) as u64).map(|at| rng.below(at, 7)).collect();
        all.machine.write_ids(all.tokens[0], &ids).expect("tokens");
        all.machine.run(0).expect("the CPU runs");
        let mut stepped = Vec::new();
        for tokens in ids.chunks(batch) {
            all.machine.write_ids(all.tokens[1], tokens).expect("tokens");
            all.machine.run(1).expect("the CPU runs");
            stepped.extend(numbers(&all.machine, all.logits[computations.len()]));
        }
        for logits in &all.logits[..computations.len()] {
            let whole = numbers(&all.machine, *logits);
            let off = difference(&whole, &stepped);
            assert!(off < 1e-12, "{model:?} is off by {off:e}");
            assert!(whole.iter().any(|x| x.abs() > 1e-3));
        }
    }
}

/// softplus(dt_proj.bias) and exp(log_dt) are step lengths between 0.001 and 0.1 at the start, and both extremes occur.
#[test]
fn step_lengths_start_where_the_papers_say() {
    for (mixer, name) in [
        (Mixer::Mamba(Mamba::of_width(256, 4)), "dt_proj.bias"),
        (Mixer::S4d(S4d { channels: 256, modes: 2, discretisation: Discretisation::ZeroOrderHold }), "log_dt"),
    ] {
        let mut graph = Graph::default();
        let model = StateSpaceModel { mixer, layers: 1, vocabulary: 3, outputs: 3 };
        model.parameters(&mut graph);
        let flat = initial_parameters(&graph, 1, Initialisation::default());
        let parameter = graph.parameters().iter().find(|parameter| parameter.name.ends_with(name)).expect("it has one");
        let step = |x: &f32| if name == "log_dt" { x.exp() } else { x.exp().ln_1p() };
        let steps: Vec<f32> = flat[parameter.offset..parameter.offset + parameter.len].iter().map(step).collect();
        assert!(steps.iter().all(|dt| (0.000_999..0.1001).contains(dt)), "{steps:?}");
        assert!(steps.iter().any(|dt| *dt < 0.002) && steps.iter().any(|dt| *dt > 0.05));
    }
}
