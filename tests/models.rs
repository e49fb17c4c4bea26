//! Every kind of model through the same session: it learns, repeats after a reset and a checkpoint to the last bit, writes,
//! shows its named probes, and says in words what does not go together.
#![cfg(not(target_arch = "wasm32"))]

use pollster::block_on;
use seqlab::data::built_in;
use seqlab::engine::cell::Cell;
use seqlab::spec::{
    Architecture, Attention, Baseline, Discretisation, Feedback, ModelSpec, Objective, Positions, Reward, Scan,
    Schedule, Task,
};
use seqlab::trainer::checkpoint::Checkpoint;
use seqlab::trainer::decoding::beam::{BeamOptions, BeamSearch, Fate, LengthNormalisation, Policy};
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::{BuildError, Drained, Session};

const TEXT: &str = "the cat sat on the mat. the dog sat on the log. the frog sat on the bog. ";

/// Of the names that are built in.
const LABELS: [&str; 5] = ["Arabic", "German", "Italian", "Japanese", "Russian"];

fn text_model(model: Architecture) -> ModelSpec {
    ModelSpec {
        model,
        hidden: 24,
        sequence_length: 12,
        batch: 4,
        state_size: 4,
        learning_rate: 0.01,
        ..ModelSpec::default()
    }
}

fn translator(attention: Attention) -> ModelSpec {
    ModelSpec {
        model: Architecture::EncoderDecoder,
        task: Task::Reverse,
        attention,
        embedding: 12,
        symbols: 4,
        sequence_length: 5,
        ..text_model(Architecture::EncoderDecoder)
    }
}

fn reinforced(reward: Reward, baseline: Baseline) -> ModelSpec {
    ModelSpec { objective: Objective::Reinforce, reward, baseline, entropy: 0.02, ..translator(Attention::None) }
}

/// Each kind of model with its options.
fn specs() -> Vec<(&'static str, ModelSpec)> {
    use Architecture::{Classifier, FeedForward, Mamba, Recurrent, S4d, Transformer};
    let text = text_model;
    let asked = |task, model| ModelSpec { task, symbols: 2, sequence_length: 16, batch: 16, ..text(model) };
    let classifier = ModelSpec { task: Task::Majority, embedding: 8, symbols: 3, ..text(Classifier) };
    let scheduled = ModelSpec {
        schedule: Schedule::Linear,
        schedule_steps: 20,
        teacher_forcing: 0.25,
        ..translator(Attention::BahdanauCurrent)
    };
    vec![
        ("stacked", ModelSpec { layers: 3, dropout: 0.2, embedding: 6, ..text(Recurrent) }),
        ("bidirectional", ModelSpec { bidirectional: true, cell: Cell::Gru, ..text(Recurrent) }),
        ("transformer", ModelSpec { layers: 2, ..text(Transformer) }),
        ("transformer, sinusoidal", ModelSpec { positions: Positions::Sinusoidal, heads: 3, ..text(Transformer) }),
        ("s4d", ModelSpec { layers: 2, ..text(S4d) }),
        (
            "s4d, bilinear convolution",
            ModelSpec { discretisation: Discretisation::Bilinear, scan: Scan::Convolution, ..text(S4d) },
        ),
        ("mamba", text(Mamba)),
        ("classifier", classifier.clone()),
        ("classifier, stacked", ModelSpec { layers: 2, bidirectional: true, dropout: 0.3, ..classifier.clone() }),
        ("encoder-decoder", translator(Attention::None)),
        (
            "encoder-decoder, bidirectional",
            ModelSpec { bidirectional: true, cell: Cell::Gru, ..translator(Attention::None) },
        ),
        ("bahdanau", translator(Attention::BahdanauCurrent)),
        ("bahdanau, previous", translator(Attention::BahdanauPrevious)),
        ("luong, dot", ModelSpec { bidirectional: true, ..translator(Attention::LuongDot) }),
        ("luong, general", ModelSpec { cell: Cell::Rnn, ..translator(Attention::LuongGeneral) }),
        ("scheduled", scheduled.clone()),
        ("scheduled, sampled", ModelSpec { feedback: Feedback::Sample, ..scheduled }),
        ("recall", ModelSpec { task: Task::Recall, symbols: 3, embedding: 5, ..text(Recurrent) }),
        (
            "ahead, both directions",
            ModelSpec {
                task: Task::Ahead,
                symbols: 2,
                bidirectional: true,
                layers: 2,
                dropout: 0.1,
                ..text(Recurrent)
            },
        ),
        ("adding", ModelSpec { task: Task::Adding, cell: Cell::Gru, ..text(Recurrent) }),
        ("adding, both directions", ModelSpec { task: Task::Adding, bidirectional: true, ..text(Recurrent) }),
        ("adding, feed-forward", ModelSpec { task: Task::Adding, ..text(FeedForward) }),
        ("labelled texts", ModelSpec { task: Task::Labels, bidirectional: true, ..classifier }),
        ("recall, transformer", ModelSpec { task: Task::Recall, symbols: 3, ..text(Transformer) }),
        ("lookup", ModelSpec { embedding: 6, ..asked(Task::Lookup, Recurrent) }),
        ("lookup, transformer", asked(Task::Lookup, Transformer)),
        ("selective copy", ModelSpec { cell: Cell::Gru, embedding: 6, ..asked(Task::SelectiveCopy, Recurrent) }),
        ("selective copy, s4d", asked(Task::SelectiveCopy, S4d)),
        ("selective copy, mamba", asked(Task::SelectiveCopy, Mamba)),
        ("reinforced", reinforced(Reward::TokenAccuracy, Baseline::Moving)),
        ("reinforced, learned baseline", reinforced(Reward::NegativeEditDistance, Baseline::Learned)),
    ]
}

fn session(spec: &ModelSpec) -> Session {
    let text = TEXT.repeat(4);
    let text = if spec.task == Task::Labels { built_in(spec.task) } else { &text };
    let built = block_on(Session::new(spec, text, "abca", &mut Devices::default()));
    built.unwrap_or_else(|error| panic!("{spec:?}: {error:?}")).0
}

/// Step, loss, accuracy (or reward), ... of `count` further steps.
fn rows(session: &mut Session, count: usize) -> Vec<Vec<f32>> {
    (0..count).for_each(|_| block_on(session.train_step()).expect("the CPU does not fail"));
    match block_on(session.drain()).expect("the CPU does not fail") {
        Drained::Good(rows) => rows.numbers.chunks(rows.width).map(<[f32]>::to_vec).collect(),
        Drained::Diverged(_, divergence) => panic!("diverged: {divergence:?}"),
    }
}

fn bits(rows: &[Vec<f32>]) -> Vec<u32> {
    rows.iter().map(|row| row[1].to_bits()).collect()
}

#[test]
fn every_model_repeats_after_a_reset_and_goes_on_from_a_checkpoint_bit_for_bit() {
    for (name, spec) in specs() {
        assert_eq!(spec.validate(), Ok(()), "{name}");
        let mut run = session(&spec);
        let first = rows(&mut run, 14);
        let file = block_on(run.checkpoint()).expect("the CPU does not fail").bytes().to_vec();
        let ahead = bits(&rows(&mut run, 10));
        block_on(run.reset()).expect("the CPU does not fail");
        assert_eq!(bits(&rows(&mut run, 14)), bits(&first), "{name} after a reset");

        let mut other = session(&spec);
        let checkpoint = Checkpoint::from_bytes(&file).expect("a file just written");
        block_on(other.resume(&checkpoint)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(bits(&rows(&mut other, 10)), ahead, "{name} from a checkpoint");
    }
}

#[test]
fn every_supervised_model_learns() {
    for (name, spec) in specs() {
        if spec.objective == Objective::Reinforce {
            continue;
        }
        let mut run = session(&spec);
        let mean = |rows: &[Vec<f32>]| rows.iter().map(|row| row[1]).sum::<f32>() / rows.len() as f32;
        let start = mean(&rows(&mut run, 10));
        let _ = rows(&mut run, 240);
        let end = mean(&rows(&mut run, 20));
        println!("{name}: loss {start:.3} -> {end:.3}");
        assert!(end < 0.8 * start, "{name}: {start} -> {end}");
    }
}

/// Starts from a model that has begun to learn by teacher forcing, as is usual.
#[test]
fn reinforce_raises_its_reward() {
    for (reward, baseline) in [(Reward::TokenAccuracy, Baseline::Moving), (Reward::ExactMatch, Baseline::Learned)] {
        let spec = ModelSpec { sequence_length: 2, symbols: 2, batch: 16, ..reinforced(reward, baseline) };
        let mut run = session(&spec);
        let mean = |rows: &[Vec<f32>]| rows.iter().map(|row| row[2]).sum::<f32>() / rows.len() as f32;
        let start = mean(&rows(&mut run, 20));
        for _ in 0..4 {
            let _ = rows(&mut run, 200);
        }
        let end = mean(&rows(&mut run, 20));
        println!("{reward:?}: {start:.3} -> {end:.3}");
        assert!(end > start + 0.1, "{reward:?}, {baseline:?}: {start} -> {end}");
    }
}

#[test]
fn every_model_writes_and_shows_its_probes() {
    for (name, spec) in specs() {
        let mut run = session(&spec);
        let _ = rows(&mut run, 3);
        block_on(run.observe()).expect("the CPU does not fail");
        let written = run.sample(30, 0.8).unwrap_or_else(|error| panic!("{name}: {error}"));
        match spec.model {
            _ if spec.task == Task::Labels => assert!(LABELS.contains(&written.as_str()), "{name}: {written}"),
            Architecture::Classifier => assert_eq!(written.chars().count(), 1, "{name}: {written}"),
            Architecture::EncoderDecoder => assert!(written.chars().count() <= 30 * 5, "{name}: {written}"),
            _ if [Task::Recall, Task::Lookup, Task::SelectiveCopy].contains(&spec.task) => {
                assert!(written.is_empty(), "{name}: {written}");
            }
            _ if spec.task == Task::Ahead => assert_eq!(written.chars().count(), 12, "{name}: a tag for each letter"),
            _ if spec.task == Task::Adding => assert!(written.parse::<f32>().is_ok(), "{name}: {written}"),
            _ => assert_eq!(written.chars().count(), 30, "{name}: {written}"),
        }
        let paths = run.paths();
        let wanted: &[&str] = match spec.model {
            Architecture::Recurrent | Architecture::FeedForward => &["probe/layers/0/h", "layers/0/grad_h_norm"],
            Architecture::Transformer => &["probe/layers/0/attention", "layers/0/grad_y_norm"],
            Architecture::S4d => &["probe/layers/0/kernel", "probe/layers/0/A"],
            Architecture::Mamba => &["probe/layers/0/delta", "probe/layers/0/B", "layers/0/grad_x_norm"],
            Architecture::Classifier => &["probe/saliency", "probe/layers/0/f"],
            Architecture::EncoderDecoder => &["probe/encoder/0/h", "probe/decoder/0/h", "decoder/0/grad_h_norm"],
        };
        let attends: &[&str] = match spec.attention {
            Attention::None => &[],
            _ => &["probe/attention", "probe/energies", "probe/context"],
        };
        let measured: &[&str] = match spec.task {
            Task::Text => {
                &["evaluation/loss", "evaluation/accuracy", "evaluation/writing_accuracy", "evaluation/chance"]
            }
            Task::Recall | Task::Lookup => {
                &["evaluation/loss", "evaluation/lags", "evaluation/lag_accuracy", "evaluation/chance"]
            }
            Task::Ahead => &["evaluation/first_half_accuracy", "evaluation/position_accuracy"],
            Task::Adding => &["evaluation/loss", "evaluation/accuracy", "count/recurrent", "count/parameters"],
            _ => &["evaluation/loss", "evaluation/accuracy", "count/recurrent"],
        };
        for path in wanted.iter().chain(attends).chain(measured) {
            assert!(paths.iter().any(|(known, _)| known == path), "{name} has no {path}: {paths:?}");
        }
        for (path, shape) in paths {
            let (numbers, of) = block_on(run.view(&path)).unwrap_or_else(|error| panic!("{name}, {path}: {error}"));
            assert_eq!((numbers.len(), &of), (shape.iter().product(), &shape), "{name}, {path}");
            assert!(numbers.iter().all(|number| number.is_finite()), "{name}, {path}");
        }
    }
}

#[test]
fn an_encoder_decoder_is_evaluated_by_position() {
    let spec = ModelSpec { batch: 16, learning_rate: 0.01, ..translator(Attention::BahdanauCurrent) };
    let mut run = session(&spec);
    let before = block_on(run.evaluate(3)).expect("the CPU does not fail").expect("it decodes");
    for _ in 0..4 {
        let _ = rows(&mut run, 200);
    }
    let after = block_on(run.evaluate(3)).expect("the CPU does not fail").expect("it decodes");
    println!("exact match {} -> {}", before.exact_match, after.exact_match);
    assert!(after.exact_match > 0.9 && before.exact_match < 0.2);
    assert!(after.free.len() >= 4 && after.forced.len() == 4);
    // An evaluation leaves the run alone.
    let mut other = session(&spec);
    let undisturbed = rows(&mut other, 5);
    block_on(run.reset()).expect("the CPU does not fail");
    let _ = block_on(run.evaluate(2)).expect("the CPU does not fail");
    assert_eq!(bits(&rows(&mut run, 5)), bits(&undisturbed));
}

#[test]
fn a_classifier_is_evaluated() {
    let spec = ModelSpec { batch: 16, sequence_length: 5, learning_rate: 0.01, ..specs()[7].1.clone() };
    let mut run = session(&spec);
    for _ in 0..3 {
        let _ = rows(&mut run, 200);
    }
    let found = block_on(run.evaluate(5)).expect("the CPU does not fail").expect("it names");
    println!("right: {}", found.exact_match);
    assert!(found.exact_match > 0.8, "{}", found.exact_match);
}

#[test]
fn what_a_classifier_takes_for_what_adds_up() {
    let spec = specs().into_iter().find(|(name, _)| *name == "labelled texts").expect("it is one of them").1;
    let mut run = session(&spec);
    let _ = rows(&mut run, 100);
    let mut view = |path: &str| block_on(run.view(&format!("evaluation/{path}"))).expect("it is measured");
    let (confusion, shape) = view("confusion");
    let (labels, probabilities) = (view("labels").0, view("probabilities").0);
    assert_eq!((shape, labels.len(), probabilities.len()), (vec![5, 5], 220, 220 * 5));
    let said = |row: &[f32]| (0..5).max_by(|a, b| row[*a].total_cmp(&row[*b])).expect("five labels");
    let mut counts = [[0.0; 5]; 5];
    for (label, row) in labels.iter().zip(probabilities.chunks(5)) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        counts[*label as usize][said(row)] += 1.0 / 44.0;
    }
    assert!(confusion.iter().zip(counts.as_flattened()).all(|(a, b)| (a - b).abs() < 1e-5), "{confusion:?} {counts:?}");
    let right = (0..5).map(|label| counts[label][label]).sum::<f32>() / 5.0;
    assert!((view("accuracy").0[0] - right).abs() < 1e-5 && view("chance").0 == [0.2]);
    // What is told of a text is its letters: every one is in the table.
    let (lengths, tokens) = (view("lengths").0, view("tokens").0);
    let symbols = run.examples().symbols;
    for at in 0..labels.len() {
        let read = tokens[at..].iter().step_by(labels.len()).take(lengths[at] as usize);
        let name: String = read.map(|token| symbols[*token as usize].as_str()).collect();
        let row = format!("{},{name}", LABELS[labels[at] as usize]);
        assert!(built_in(Task::Labels).lines().any(|line| line.starts_with(&row)), "{row}");
    }
}

#[test]
fn every_model_that_writes_is_searched_and_a_beam_is_no_worse_than_greedy() {
    let normalisation = LengthNormalisation::None;
    let options = |width| BeamOptions { width, policy: Policy::Hold, normalisation, shown: 2 };
    for (name, spec) in specs() {
        let mut run = session(&spec);
        let _ = rows(&mut run, 3);
        block_on(run.observe()).expect("the CPU does not fail");
        let mut search = |width| block_on(run.search(options(width), 6)).expect("the CPU does not fail");
        let (Some(greedy), Some(mut wide)) = (search(1), search(5)) else {
            assert!(spec.model == Architecture::Classifier || spec.task.makes_sequences(), "{name}");
            continue;
        };
        let best = |search: &BeamSearch| search.hypotheses()[0].log_probability;
        assert!(greedy.hypotheses().len() == 1 && wide.hypotheses().len() > 1, "{name}");
        let pruned = (0..wide.nodes().len()).find(|node| wide.nodes()[*node].fate == Fate::Pruned);
        let pruned = pruned.unwrap_or_else(|| panic!("{name}: nothing was pruned"));
        let before = wide.nodes().len();
        if block_on(run.continue_search(&mut wide, pruned)).expect("the CPU does not fail") {
            assert!(wide.nodes().len() > before, "{name}");
            let tokens = wide.tokens(pruned);
            assert!(wide.hypotheses().iter().all(|found| found.tokens.starts_with(&tokens)), "{name}");
        }
        assert!(best(&greedy) <= 0.0, "{name}");
    }
}

#[test]
fn radii_saturation_and_jacobians_are_answered_by_path() {
    let spec = ModelSpec { cell: Cell::Lstm, spectral_radius: Some(0.8), ..text_model(Architecture::Recurrent) };
    let mut run = session(&spec);
    block_on(run.observe()).expect("the CPU does not fail");
    let mut view = |path: &str| block_on(run.view(path));
    let (radii, shape) = view("spectral_radius/rnn.weight_hh_l0").expect("a recurrent weight");
    assert_eq!(shape, [4]);
    assert!(radii.iter().all(|radius| (radius - 0.8).abs() < 1e-3), "{radii:?}");
    let (gates, shape) = view("saturation/probe/layers/0/f").expect("a gate");
    assert_eq!((shape, gates.len()), (vec![3, 24], 72));
    assert!(gates.iter().all(|number| (0.0..=1.0).contains(number)));
    let (rows, shape) = view("jacobian/layers/0").expect("a recurrent network");
    assert_eq!(shape, [5, 25], "t, and a value for every unit, at t = 0..T of the probe");
    let last = &rows[4 * 25..];
    assert!(last[0] == 4.0 && last[1..].iter().all(|value| (value - 1.0).abs() < 1e-5), "dh_T/dh_T = 1: {last:?}");
    assert!(rows[1] < 1.0, "it vanishes: {}", rows[1]);
    assert!(view("jacobian/layers/1").is_err() && view("spectral_radius/out.weight").is_err());
    let mut other = session(&text_model(Architecture::Transformer));
    assert!(block_on(other.view("jacobian/layers/0")).is_err());
}

#[test]
fn attention_is_forced_for_a_pair_and_given_back() {
    let mut run = session(&translator(Attention::BahdanauCurrent));
    block_on(run.observe()).expect("the CPU does not fail");
    let (free, shape) = block_on(run.view("probe/attention")).expect("it attends");
    assert_eq!(shape, [6, 1, 5], "target steps, one sequence, source places");
    block_on(run.force_attention(&[(0, 2, 1.0), (1, 0, 0.5)])).expect("a pair of the probe");
    let (forced, _) = block_on(run.view("probe/attention")).expect("it attends");
    assert_eq!(forced[..5], [0.0, 0.0, 1.0, 0.0, 0.0]);
    assert!((forced[5] - 0.5).abs() < 1e-6 && (forced[5..10].iter().sum::<f32>() - 1.0).abs() < 1e-6);
    assert_eq!(forced[10..], free[10..], "other steps attend as before");
    assert!(block_on(run.force_attention(&[(9, 0, 1.0)])).is_err());
    block_on(run.force_attention(&[])).expect("nothing forced");
    assert_eq!(block_on(run.view("probe/attention")).expect("it attends").0, free);
    let mut plain = session(&translator(Attention::None));
    assert!(block_on(plain.force_attention(&[(0, 0, 1.0)])).is_err());
}

#[test]
fn weights_of_every_model_go_out_and_come_back() {
    for (name, spec) in specs() {
        let mut run = session(&spec);
        let _ = rows(&mut run, 4);
        let file = block_on(run.export_weights()).expect("the CPU does not fail");
        let mut other = session(&ModelSpec { seed: 9, ..spec.clone() });
        block_on(other.import_weights(&file)).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        assert_eq!(block_on(other.export_weights()).expect("the CPU does not fail"), file, "{name}");
        let _ = rows(&mut other, 2);
    }
}

#[test]
fn what_does_not_go_together_is_refused_with_its_key() {
    let keys = |spec: ModelSpec| match block_on(Session::new(&spec, &TEXT.repeat(4), "a", &mut Devices::default())) {
        Err(BuildError::Invalid(errors)) => errors.into_iter().map(|error| error.key).collect::<Vec<_>>(),
        _ => panic!("accepted {spec:?}"),
    };
    assert_eq!(keys(ModelSpec { task: Task::Reverse, ..text_model(Architecture::Recurrent) }), ["task"]);
    assert_eq!(keys(ModelSpec { heads: 5, ..text_model(Architecture::Transformer) }), ["heads"]);
    assert_eq!(keys(ModelSpec { embedding: 0, ..translator(Attention::None) }), ["embedding"]);
    assert_eq!(keys(ModelSpec { sequence_length: 65, ..translator(Attention::None) }), ["length"]);
    let labels = ModelSpec { model: Architecture::Classifier, task: Task::Labels, ..translator(Attention::None) };
    assert_eq!(keys(labels), ["text"]);
    let feed_forward = ModelSpec { task: Task::Adding, ..text_model(Architecture::FeedForward) };
    assert_eq!(keys(ModelSpec { sequence_length: 129, ..feed_forward.clone() }), ["length"]);
    assert_eq!(keys(ModelSpec { task: Task::Recall, ..feed_forward }), ["task"]);
    let lookup = ModelSpec { task: Task::Lookup, symbols: 9, ..text_model(Architecture::Transformer) };
    assert_eq!(keys(lookup), ["symbols", "length"]);
    assert_eq!(keys(ModelSpec { task: Task::Adding, ..text_model(Architecture::Transformer) }), ["task"]);
}

#[test]
fn a_clamped_gate_changes_what_is_measured_and_nothing_else() {
    let spec = ModelSpec { task: Task::Adding, layers: 2, ..text_model(Architecture::Recurrent) };
    let mut run = session(&spec);
    let _ = rows(&mut run, 5);
    let mut view = |path: &str| block_on(run.view(path)).map(|(numbers, _)| numbers[0]);
    let plain = view("evaluation/loss").expect("it is measured");
    let half = view("clamp/f/0.5/evaluation/loss").expect("it has forget gates");
    let shut = view("clamp/f/0/evaluation/loss").expect("it has forget gates");
    assert!(plain != half && half != shut, "{plain} {half} {shut}");
    assert_eq!(view("evaluation/loss").expect("it is measured").to_bits(), plain.to_bits());
    assert!(view("clamp/z/0/evaluation/loss").is_err() && view("clamp/f/0/evaluation/lags").is_err());
    let after = bits(&rows(&mut run, 5));
    let mut undisturbed = session(&spec);
    assert_eq!(bits(&rows(&mut undisturbed, 10))[5..], after);
}

#[test]
fn the_loss_of_a_made_probe_is_differentiated() {
    for (name, spec) in specs().into_iter().filter(|(_, spec)| spec.task.makes_sequences()) {
        let mut run = session(&spec);
        let _ = rows(&mut run, 3);
        block_on(run.observe()).expect("the CPU does not fail");
        let found = block_on(run.view("probe_gradient/layers/0/h"));
        if spec.model != Architecture::Recurrent {
            assert!(found.is_err());
            continue;
        }
        let (gradient, shape) = found.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(shape, block_on(run.view("probe/layers/0/h")).expect("it is observed").1, "{name}");
        assert!(gradient.iter().all(|number| number.is_finite()), "{name}");
        assert!(gradient.iter().any(|number| *number != 0.0), "{name}");
    }
}

#[test]
fn a_probe_is_the_learners_where_it_is_one_of_the_tasks() {
    let spec = ModelSpec { task: Task::Ahead, symbols: 2, ..text_model(Architecture::Recurrent) };
    let probe = |text: &str| {
        let built = block_on(Session::new(&spec, "", text, &mut Devices::default()));
        built.unwrap_or_else(|error| panic!("{error:?}")).0.observer().probe().to_vec()
    };
    assert_eq!(probe("abBAa"), [0, 1, 3, 2, 0]);
    assert_eq!((probe("").len(), probe("")), (12, probe("hello")));
}

#[test]
fn with_both_directions_a_language_model_reads_the_answer_and_cannot_write() {
    let spec = |bidirectional| ModelSpec { bidirectional, sequence_length: 48, ..text_model(Architecture::Recurrent) };
    let accuracies = |bidirectional| {
        let mut run = session(&spec(bidirectional));
        let _ = rows(&mut run, 200);
        ["accuracy", "writing_accuracy"].map(|name| {
            let (numbers, shape) = block_on(run.view(&format!("evaluation/{name}"))).expect("it is measured");
            assert!(shape.is_empty());
            numbers[0]
        })
    };
    let ([read, written], [both_read, both_written]) = (accuracies(false), accuracies(true));
    println!("forwards {read} {written}, both {both_read} {both_written}");
    assert!(both_read > 0.97 && both_read > read, "{both_read} {read}");
    assert!(both_written < both_read - 0.4 && both_written < written - 0.1, "{both_written} {written}");
}
