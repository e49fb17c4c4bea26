//! What holds for any text, any setting and any small graph.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::gpu::gpu;
use common::sketch::{Sketch, difference, numbers};
use common::specs::{config, spec};
use pollster::block_on;
use proptest::prelude::*;
use proptest::sample::select;
use seqlab::data::text::{Corpus, OTHER, Vocabulary};
use seqlab::engine::backend::Executable;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::backend::wgpu::WgpuExecutable;
use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Op, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::real::Real;
use seqlab::engine::kernels::unary::Unary;
use seqlab::engine::optimiser::Optimiser;
use seqlab::engine::plan::Plan;
use seqlab::engine::rng::{Rng, Stream};
use seqlab::nn::initialise::{Initialisation, initial_parameters};
use seqlab::nn::language_model::LanguageModel;
use seqlab::spec::{ModelSpec, PROPERTIES};
use seqlab::trainer::model::{Training, Watch, training};

/// Anything a learner or an address may hold: noise, numbers and nearly numbers, and the real values.
fn written() -> impl Strategy<Value = String> {
    let real = PROPERTIES.iter().map(|property| property.read(&ModelSpec::default())).collect::<Vec<String>>();
    prop_oneof![
        any::<String>(),
        "[-+0-9.eE]{0,12}",
        "[ \t]{0,2}[0-9]{1,3}(\\.[0-9]{1,9})?[ ]{0,2}",
        select(vec!["nan", "inf", "-inf", "off", "none", "", "LSTM", "gru-textbook", "4294967295", "4294967296"])
            .prop_map(str::to_owned),
        select(real),
    ]
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn a_spec_survives_being_written_down(spec in spec()) {
        prop_assert!(spec.validate().is_ok());
        let mut copy = ModelSpec::default();
        for property in PROPERTIES {
            property.write(&mut copy, &property.read(&spec)).expect("what was read can be written");
        }
        prop_assert_eq!(copy, spec);
    }

    #[test]
    fn any_string_is_taken_or_refused_in_words(text in written(), before in spec()) {
        for property in PROPERTIES {
            let mut spec = before.clone();
            match property.write(&mut spec, &text) {
                Ok(()) => {
                    // What was taken is within its limits; it may still contradict another property, in words.
                    let contradictions = spec.validate().err().unwrap_or_default();
                    for error in contradictions {
                        let crossed = ["task", "length", "symbols", "heads", "embedding", "pretraining"].contains(&error.key.as_str());
                        prop_assert!(crossed && error.message.ends_with('.'), "{} took {text:?}: {error}", property.key);
                    }
                    let mut again = spec.clone();
                    prop_assert!(property.write(&mut again, &property.read(&spec)).is_ok());
                    prop_assert_eq!(again, spec);
                }
                Err(error) => {
                    prop_assert_eq!(&spec, &before);
                    prop_assert_eq!(error.key, property.key);
                    prop_assert!(error.message.len() > 10 && error.message.ends_with('.'), "{}", error.message);
                }
            }
        }
    }

    #[test]
    fn a_vocabulary_gives_back_what_it_knows(text in any::<String>(), other in any::<String>(), limit in 0_usize..40) {
        let vocabulary = Vocabulary::of(&text, limit);
        let symbols = vocabulary.symbols();
        prop_assert!(symbols.len() <= limit.max(1) && symbols.is_sorted());
        prop_assert_eq!(vocabulary.is_empty(), text.is_empty());
        for (symbol, token) in text.chars().zip(vocabulary.encode(&text)) {
            let back = symbols[token as usize];
            prop_assert!(back == symbol || (back == OTHER && vocabulary.folded() > 0));
        }
        prop_assert!(vocabulary.encode(&other).iter().all(|token| (*token as usize) < symbols.len().max(1)));
        prop_assert_eq!(vocabulary.folded() > 0, distinct(&text) > limit);
    }

    #[test]
    fn batches_are_windows_of_the_text(
        text in "\\PC{1,80}",
        repeats in 1_usize..12,
        spec in spec(),
        time in 2_usize..40,
        step in 0_u64..1 << 40,
    ) {
        let text = text.repeat(repeats);
        let spec = ModelSpec { sequence_length: time, ..spec };
        let Ok(corpus) = Corpus::new(&text, &spec) else {
            prop_assert!(text.trim().is_empty() || distinct(&text) < 2 || text.chars().count() <= time);
            return Ok(());
        };
        prop_assert_eq!(corpus.len(), text.chars().count());
        let tokens = corpus.vocabulary.encode(&text);
        let (mut inputs, mut targets) = (vec![0; time * spec.batch], vec![0; time * spec.batch]);
        corpus.batch(spec.seed, step, time, spec.batch, &mut inputs, &mut targets);
        for sequence in 0..spec.batch {
            let column = |ids: &[u32]| ids.iter().skip(sequence).step_by(spec.batch).copied().collect::<Vec<u32>>();
            let window = [column(&inputs), column(&targets)[time - 1..].to_vec()].concat();
            prop_assert_eq!(&window[1..], column(&targets));
            prop_assert!(tokens.windows(time + 1).any(|part| part == window));
        }
    }

    #[test]
    fn any_text_is_read_or_refused_in_words(text in any::<String>(), spec in spec()) {
        if let Err(error) = Corpus::new(&text, &spec) {
            prop_assert_eq!(error.key, "text");
            prop_assert!(error.message.ends_with('.'));
        }
    }
}

fn distinct(text: &str) -> usize {
    text.chars().collect::<std::collections::HashSet<char>>().len()
}

/// One node of a random graph over matrices (4, 4): what it does and to which earlier values.
type Pick = (u8, usize, usize);

const SIDE: [usize; 2] = [4, 4];

fn add_node(sketch: &mut Sketch, values: &[ValueId], (kind, a, b): Pick) -> ValueId {
    let (a, b) = (values[a % values.len()], values[b % values.len()]);
    let unary = |kind: Unary| Op::Unary(kind);
    match kind % 16 {
        0 => sketch.apply(unary(Unary::Tanh), &[a]),
        1 => sketch.apply(unary(Unary::Sigmoid), &[a]),
        2 => sketch.apply(unary(Unary::Softplus), &[a]),
        3 => sketch.apply(unary(Unary::Gelu), &[a]),
        4 => sketch.apply(unary(Unary::Silu), &[a]),
        5 => sketch.apply(Op::Binary(Binary::Add), &[a, b]),
        6 => sketch.apply(Op::Binary(Binary::Sub), &[a, b]),
        7 => {
            let small = sketch.apply(unary(Unary::Tanh), &[b]);
            sketch.apply(Op::Binary(Binary::Mul), &[a, small])
        }
        8 => sketch.apply(Op::Affine { scale: -0.75, shift: 0.25 }, &[a]),
        9 => {
            let small = sketch.apply(Op::Softmax, &[b]);
            sketch.apply(Op::MatMul { transpose_a: kind > 128, transpose_b: false }, &[small, a])
        }
        10 => {
            let small = sketch.apply(unary(Unary::Tanh), &[b]);
            sketch.apply(Op::MatMul { transpose_a: false, transpose_b: true }, &[a, small])
        }
        11 => sketch.apply(Op::Transpose, &[a]),
        12 => sketch.apply(Op::LayerNorm { eps: 0.5 }, &[a]),
        13 => {
            let row = sketch.apply(Op::LogSumExp, &[a]);
            sketch.apply(Op::ExpandLast { width: 4 }, &[row])
        }
        14 => {
            let part = sketch.apply(Op::Slice { axis: usize::from(kind > 128), start: 1, len: 2 }, &[a]);
            sketch.apply(Op::Pad { axis: usize::from(kind > 128), start: 2, total: 4 }, &[part])
        }
        _ => {
            let sum = sketch.apply(Op::SumLeading { keep: 1 }, &[a]);
            let means = sketch.apply(Op::Affine { scale: 0.25, shift: 0.0 }, &[sum]);
            sketch.apply(Op::Binary(Binary::Add), &[b, means])
        }
    }
}

/// A loss that depends on the last values, and its derivatives in the inputs.
fn random_graph(choices: &[Pick]) -> (Sketch, Vec<ValueId>) {
    let mut sketch = Sketch::new(11);
    let mut values: Vec<ValueId> = (0..3).map(|_| sketch.variable(SIDE, -1.0, 1.0)).collect();
    for choice in choices {
        let next = add_node(&mut sketch, &values, *choice);
        values.push(next);
    }
    let loss = sketch.probed(&values[values.len().saturating_sub(3)..]);
    let (gradients, _) = sketch.differentiate(loss);
    sketch.keep(loss);
    (sketch, [vec![loss], gradients].concat())
}

fn results<R: Real>(sketch: &Sketch, wanted: &[ValueId]) -> Vec<Vec<f64>> {
    let mut machine: CpuExecutable<R> = sketch.load();
    machine.run(0).expect("the CPU runs");
    wanted.iter().map(|id| numbers(&machine, *id)).collect()
}

/// What one training step leaves in the flat gradients and the journal.
fn step(machine: &mut dyn Executable, training: &Training, model: &LanguageModel, seed: u32) -> [Vec<f64>; 2] {
    let initial = initial_parameters(&training.graph, seed, Initialisation::default());
    machine.write(training.persistent[0], &initial).expect("flat parameters");
    for (path, stream) in [("train/tokens", Stream::Batches), ("train/targets", Stream::Task)] {
        let input = training.graph.find(path).expect("the training graph has it");
        let rng = Rng::new(seed, stream);
        let len = training.graph.shape(input).len() as u64;
        let ids: Vec<u32> = (0..len).map(|at| rng.below(at, model.vocabulary as u32)).collect();
        machine.write_ids(input, &ids).expect("a batch");
    }
    machine.write(training.hyper, &Optimiser::SGD.hyper(1, 0.1, None)).expect("eight numbers");
    machine.run(0).expect("the backend runs");
    let wide = |numbers: Vec<f32>| numbers.into_iter().map(f64::from).collect();
    let journal = wide(block_on(machine.take_journal()).expect("one row"));
    let gradients = training.graph.parameter_gradients();
    [wide(block_on(machine.read(gradients)).expect("they have memory")), journal]
}

proptest! {
    // Each compiles kernels of its own.
    #![proptest_config(config(16))]

    #[test]
    fn the_gpu_trains_as_the_cpu_at_any_size(
        cell in select(Cell::ALL.to_vec()),
        layers in 1_usize..=3,
        hidden in 1_usize..70,
        embedding in proptest::option::of(1_usize..20),
        vocabulary in 2_usize..40,
        (time, batch) in (1_usize..14, 1_usize..14),
        seed in any::<u32>(),
    ) {
        let model = LanguageModel { cell, layers, vocabulary, embedding, hidden, bidirectional: false, dropout: 0.0 };
        let training = training(&model, time, batch, Optimiser::SGD, Watch::Everything).expect("a valid model");
        let plan = Plan::new(training.graph.clone(), usize::MAX).expect("no limit");
        let mut exact = CpuExecutable::<f64>::new(plan.clone(), &training.journal);
        let mut cpu = CpuExecutable::<f32>::new(plan.clone(), &training.journal);
        let mut gpu = block_on(WgpuExecutable::new(gpu(), plan, &training.journal)).expect("the GPU takes the plan");
        cpu.poison(f32::NAN);
        gpu.poison(f32::NAN);
        let want = step(&mut exact, &training, &model, seed);
        for (name, machine) in [("CPU", &mut cpu as &mut dyn Executable), ("GPU", &mut gpu)] {
            for (got, want) in step(machine, &training, &model, seed).iter().zip(&want) {
                let off = difference(got, want);
                prop_assert!(off < 3e-5, "the {name} is off by {off:e}");
            }
        }
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn f32_and_f64_agree_on_any_graph(choices in prop::collection::vec(any::<Pick>(), 1..14)) {
        let (sketch, wanted) = random_graph(&choices);
        let (single, double) = (results::<f32>(&sketch, &wanted), results::<f64>(&sketch, &wanted));
        // By one scale, at least that of the inputs: what is zero but for rounding has none of its own.
        let scaled = |results: Vec<Vec<f64>>| [results.concat(), vec![1.0]].concat();
        let off = difference(&scaled(single), &scaled(double));
        prop_assert!(off < 1e-4, "off by {off:e}");
    }

    /// With a path every value has memory of its own: sharing must not change a bit.
    #[test]
    fn sharing_memory_changes_nothing(choices in prop::collection::vec(any::<Pick>(), 1..14)) {
        let (mut sketch, wanted) = random_graph(&choices);
        let shared = results::<f32>(&sketch, &wanted);
        let outputs: Vec<ValueId> = sketch.graph.nodes().iter().flat_map(|node| node.outputs.clone()).collect();
        outputs.into_iter().for_each(|id| sketch.keep(id));
        prop_assert_eq!(shared, results::<f32>(&sketch, &wanted));
    }
}
