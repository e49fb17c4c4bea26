//! Weights in and out of files: what is written is what PyTorch's reader reads, what does not fit is named and changes
//! nothing, and no file, whatever is in it, panics or takes memory. With PyTorch itself: `tests/torch`.
#![cfg(not(target_arch = "wasm32"))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell as Slot;
use std::collections::BTreeMap;

use pollster::block_on;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use seqlab::engine::cell::Cell;
use seqlab::engine::graph::Graph;
use seqlab::nn::initialise::{Initialisation, initial_parameters};
use seqlab::nn::language_model::LanguageModel;
use seqlab::spec::{Architecture, ModelSpec, Task};
use seqlab::trainer::checkpoint::Checkpoint;
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::Session;
use seqlab::trainer::weights::safetensors::{File, write};
use seqlab::trainer::weights::{WeightsError, export, import};

/// Remembers the largest single allocation of the thread.
struct Watching;

thread_local!(static LARGEST: Slot<usize> = const { Slot::new(0) });

// SAFETY: every call is passed on to the system's allocator.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(layout.size())));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

fn model(cell: Cell) -> (Graph, Vec<f32>) {
    let model = LanguageModel {
        cell,
        layers: 2,
        vocabulary: 5,
        embedding: Some(3),
        hidden: 4,
        bidirectional: false,
        dropout: 0.0,
    };
    let mut graph = Graph::default();
    model.parameters(&mut graph);
    let flat = initial_parameters(&graph, 7, Initialisation::default());
    (graph, flat)
}

/// The tensors of a file, to be changed and written again.
fn tensors(file: &[u8]) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let file = File::parse(file).expect("a whole file");
    let numbers = |view: &seqlab::trainer::weights::safetensors::View<'_>| view.numbers().expect("f32");
    file.tensors.iter().map(|(name, view)| (name.clone(), (view.shape.clone(), numbers(view)))).collect()
}

fn rewritten(tensors: &BTreeMap<String, (Vec<usize>, Vec<f32>)>) -> Vec<u8> {
    let list: Vec<_> = tensors.iter().map(|(name, (shape, data))| (name.clone(), shape.clone(), &data[..])).collect();
    write(&BTreeMap::new(), &list)
}

#[test]
fn an_independent_reader_finds_pytorchs_names_and_shapes() {
    for cell in Cell::ALL {
        let (graph, flat) = model(cell);
        let bytes = export(&graph, &flat, cell.name());
        let file = SafeTensors::deserialize(&bytes).expect("a file of the format");
        let gates = cell.gates() * 4;
        let expected = [
            ("embed.weight", vec![5, 3]),
            ("out.bias", vec![5]),
            ("out.weight", vec![5, 4]),
            ("rnn.bias_hh_l0", vec![gates]),
            ("rnn.bias_hh_l1", vec![gates]),
            ("rnn.bias_ih_l0", vec![gates]),
            ("rnn.bias_ih_l1", vec![gates]),
            ("rnn.weight_hh_l0", vec![gates, 4]),
            ("rnn.weight_hh_l1", vec![gates, 4]),
            ("rnn.weight_ih_l0", vec![gates, 3]),
            ("rnn.weight_ih_l1", vec![gates, 4]),
        ];
        let mut found: Vec<_> = file.iter().map(|(name, view)| (name, view.shape().to_vec())).collect();
        found.sort();
        assert_eq!(found, expected);
        assert_eq!(import(&graph, &bytes, cell.name()), Ok(flat));
    }
}

#[test]
fn other_number_types_are_rounded() {
    let (graph, flat) = model(Cell::Gru);
    let parts: Vec<(String, Vec<usize>, Vec<u8>)> = graph
        .parameters()
        .iter()
        .map(|parameter| {
            let numbers = &flat[parameter.offset..parameter.offset + parameter.len];
            let bytes = numbers.iter().flat_map(|number| f64::from(*number).to_le_bytes()).collect();
            (parameter.name.clone(), graph.shape(parameter.value).0.clone(), bytes)
        })
        .collect();
    let views = parts.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F64, shape.clone(), bytes).expect("the bytes fit the shape"))
    });
    let bytes = safetensors::serialize(views, None).expect("a file");
    assert_eq!(import(&graph, &bytes, "GRU"), Ok(flat));
}

#[test]
fn everything_that_does_not_fit_is_named() {
    let (graph, flat) = model(Cell::Lstm);
    let mut parts = tensors(&export(&graph, &flat, "LSTM"));
    parts.remove("out.bias");
    parts.insert("decoder.weight".to_owned(), (vec![1], vec![0.0]));
    parts.get_mut("rnn.weight_hh_l1").expect("a parameter").0 = vec![4, 16];
    parts.get_mut("embed.weight").expect("a parameter").1[7] = f32::NAN;
    let errors = import(&graph, &rewritten(&parts), "LSTM").expect_err("four things are wrong");
    let named = |name: &str| name.to_owned();
    let expected = [
        WeightsError::Shape { name: named("rnn.weight_hh_l1"), expected: vec![16, 4], got: vec![4, 16] },
        WeightsError::Missing { name: named("out.bias") },
        WeightsError::NotFinite { name: named("embed.weight"), place: 7 },
        WeightsError::Superfluous { name: named("decoder.weight") },
    ];
    assert_eq!(errors, expected);
    let sentences = errors.iter().map(ToString::to_string).all(|text| text.ends_with('.') && text.len() > 20);
    assert!(sentences, "{errors:?}");

    let integers = TensorView::new(Dtype::I64, vec![5], &[0; 40]).expect("the bytes fit the shape");
    let bytes = safetensors::serialize([("out.bias", integers)], None).expect("a file");
    let errors = import(&graph, &bytes, "LSTM").expect_err("most is missing");
    assert!(errors.contains(&WeightsError::Type { name: named("out.bias"), got: named("I64") }), "{errors:?}");
}

#[test]
fn the_weights_of_another_cell_are_refused_though_their_shapes_fit() {
    let (graph, flat) = model(Cell::Gru);
    let bytes = export(&graph, &flat, Cell::Gru.name());
    let (other, _) = model(Cell::GruTextbook);
    let errors = import(&other, &bytes, Cell::GruTextbook.name()).expect_err("another function");
    assert!(matches!(errors[..], [WeightsError::Cell { .. }]), "{errors:?}");
}

const TEXT: &str = "the cat sat on the mat. the dog sat on the log. ";

fn session(seed: u32) -> Session {
    let spec = ModelSpec { hidden: 8, sequence_length: 8, batch: 2, seed, ..ModelSpec::default() };
    block_on(Session::new(&spec, TEXT, "the", &mut Devices::default())).expect("a valid spec and text").0
}

#[test]
fn a_session_starts_from_a_file_or_stays_as_it_is() {
    let (mut from, mut to) = (session(1), session(2));
    (0..5).for_each(|_| block_on(from.train_step()).expect("the CPU does not fail"));
    (0..3).for_each(|_| block_on(to.train_step()).expect("the CPU does not fail"));
    let file = block_on(from.export_weights()).expect("the CPU does not fail");
    let before = block_on(to.snapshot()).expect("the CPU does not fail");
    let mut damaged = tensors(&file);
    damaged.get_mut("out.bias").expect("a parameter").1[0] = f32::INFINITY;
    block_on(to.import_weights(&rewritten(&damaged))).expect_err("not finite");
    assert_eq!(block_on(to.snapshot()).expect("the CPU does not fail"), before);

    block_on(to.import_weights(&file)).expect("the same model");
    assert_eq!(to.step(), 0);
    assert_eq!(block_on(to.export_weights()).expect("the CPU does not fail"), file);
    block_on(to.train_step()).expect("the CPU does not fail");
    block_on(to.reset()).expect("the CPU does not fail");
    assert_eq!(block_on(to.export_weights()).expect("the CPU does not fail"), file);
}

const TABLE: &str = "a,one\na,two\na,three\na,four\na,five\nb,x\nb,y\nb,z\nb,xy\nb,yz\n";

/// The names, shapes and order of the `state_dict()` of question 12's `LSTMClassifier`.
fn classifier_names(vocabulary: usize) -> Vec<(String, Vec<usize>)> {
    let (embedding, hidden, classes) = (4, 8, 2);
    let mut names = vec![("embedding.weight".to_owned(), vec![vocabulary, embedding])];
    for layer in 0..2 {
        let inputs = if layer == 0 { embedding } else { 2 * hidden };
        for direction in ["", "_reverse"] {
            for (name, shape) in [
                ("weight_ih", vec![4 * hidden, inputs]),
                ("weight_hh", vec![4 * hidden, hidden]),
                ("bias_ih", vec![4 * hidden]),
                ("bias_hh", vec![4 * hidden]),
            ] {
                names.push((format!("lstm.{name}_l{layer}{direction}"), shape));
            }
        }
    }
    for (name, shape) in [
        ("0.weight", vec![hidden, 2 * hidden]),
        ("0.bias", vec![hidden]),
        ("3.weight", vec![classes, hidden]),
        ("3.bias", vec![classes]),
    ] {
        names.push((format!("classifier.{name}"), shape));
    }
    names
}

#[test]
fn a_classifier_takes_pytorchs_file_and_names_every_mismatch() {
    let spec = ModelSpec {
        model: Architecture::Classifier,
        task: Task::Labels,
        embedding: 4,
        hidden: 8,
        layers: 2,
        bidirectional: true,
        ..ModelSpec::default()
    };
    let built = block_on(Session::new(&spec, TABLE, "xy", &mut Devices::default()));
    let mut session = built.expect("a valid spec and table").0;
    let number = |at: usize| (at as f32 * 0.37).sin() / 3.0;
    let mut parts: BTreeMap<String, (Vec<usize>, Vec<f32>)> = classifier_names(session.examples().symbols.len())
        .into_iter()
        .map(|(name, shape)| (name, (shape.clone(), (0..shape.iter().product()).map(number).collect())))
        .collect();
    block_on(session.import_weights(&rewritten(&parts))).expect("PyTorch's names and shapes");
    let file = block_on(session.export_weights()).expect("the CPU does not fail");
    assert_eq!(tensors(&file), parts, "every number is where PyTorch has it");

    let before = block_on(session.snapshot()).expect("the CPU does not fail");
    parts.remove("classifier.3.bias");
    parts.insert("lstm.weight_ih_l2".to_owned(), (vec![32, 16], vec![0.0; 512]));
    parts.insert("embedding.weight".to_owned(), (vec![3, 4], vec![0.0; 12]));
    let errors = block_on(session.import_weights(&rewritten(&parts))).expect_err("three things are wrong");
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    for (said, part) in said.iter().zip(["embedding.weight", "classifier.3.bias", "lstm.weight_ih_l2"]) {
        assert!(said.contains(part), "{said} does not name {part}");
    }
    assert_eq!(block_on(session.snapshot()).expect("the CPU does not fail"), before);
}

/// Reads bytes as whatever we read; returns the largest allocation that took.
fn read_as_everything(bytes: &[u8]) -> usize {
    let (graph, _) = model(Cell::Lstm);
    LARGEST.set(0);
    let _ = File::parse(bytes);
    let _ = import(&graph, bytes, "LSTM");
    let _ = Checkpoint::from_bytes(bytes);
    LARGEST.get()
}

/// The model's own size, a message, and what a file of this length may hold.
fn allowed(bytes: &[u8]) -> usize {
    8192 + 8 * bytes.len()
}

fn config() -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let rng_seed = if default.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { default.rng_seed };
    ProptestConfig { rng_seed, ..default }
}

fn header(length: u64, json: &str, data: &[u8]) -> Vec<u8> {
    [&length.to_le_bytes(), json.as_bytes(), data].concat()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn noise_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), length in any::<u64>()) {
        prop_assert!(read_as_everything(&bytes) <= allowed(&bytes));
        let claimed = header(length >> (length % 64), &String::from_utf8_lossy(&bytes), &bytes);
        prop_assert!(read_as_everything(&claimed) <= allowed(&claimed));
    }

    #[test]
    fn headers_that_lie_are_refused(
        shape in proptest::collection::vec(prop_oneof![any::<u64>(), 0..5_u64], 0..6),
        offsets in (prop_oneof![any::<u64>(), 0..64_u64], prop_oneof![any::<u64>(), 0..64_u64]),
        data in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let (start, end) = offsets;
        let json = format!(r#"{{"out.bias":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{end}]}}}}"#);
        let bytes = header(json.len() as u64, &json, &data);
        prop_assert!(read_as_everything(&bytes) <= allowed(&bytes));
        let says = shape.iter().try_fold(4_u64, |bytes, axis| bytes.checked_mul(*axis));
        let honest = start == 0 && end == data.len() as u64 && says == Some(end);
        prop_assert_eq!(File::parse(&bytes).is_ok(), honest);
    }

    #[test]
    fn changed_files_do_no_harm(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let (graph, flat) = model(Cell::Lstm);
        let mut bytes = export(&graph, &flat, "LSTM");
        changes.iter().for_each(|(place, byte)| bytes[place.index(600)] ^= byte);
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        prop_assert!(read_as_everything(&bytes) <= allowed(&bytes));
        if cut.is_some() {
            prop_assert!(import(&graph, &bytes, "LSTM").is_err());
        }
    }
}
