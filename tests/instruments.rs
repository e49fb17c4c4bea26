//! What a learner does to a run besides training it: going back, operating, looking at derivatives and at a ragged batch.
#![cfg(not(target_arch = "wasm32"))]

use seqlab::engine::cell::Cell;
use seqlab::protocol::Edit;
use seqlab::spec::{Architecture, Discretisation, ModelSpec, Task};
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::{Drained, Session};

const TEXT: &str = "the cat sat on the mat.\nthe dog sat on the log.\nthe frog sat on the bog.\n";
const PROBE: &str = "the cat sat\non\nthe bog of frogs";

fn spec() -> ModelSpec {
    ModelSpec { hidden: 12, sequence_length: 16, batch: 4, learning_rate: 0.01, ..ModelSpec::default() }
}

fn session(spec: &ModelSpec) -> Session {
    let (text, mut devices) = (TEXT.repeat(4), Devices::default());
    pollster::block_on(Session::new(spec, &text, PROBE, &mut devices)).expect("a valid spec and text").0
}

/// Losses of `count` further steps; the state after them is kept.
fn losses(session: &mut Session, count: usize) -> Vec<u32> {
    (0..count).for_each(|_| pollster::block_on(session.train_step()).expect("the CPU does not fail"));
    let losses = match pollster::block_on(session.drain()).expect("the CPU does not fail") {
        Drained::Good(rows) => rows.numbers.chunks(rows.width).map(|row| row[1].to_bits()).collect(),
        Drained::Diverged(_, divergence) => panic!("diverged: {divergence:?}"),
    };
    pollster::block_on(session.keep()).expect("the CPU does not fail");
    losses
}

fn view(session: &mut Session, path: &str) -> Vec<f32> {
    pollster::block_on(session.view(path)).unwrap_or_else(|error| panic!("{path}: {error}")).0
}

/// Makes edits and looks.
fn operate(session: &mut Session, edits: &[Edit]) {
    session.operate(edits.to_vec()).expect("edits that fit");
    pollster::block_on(session.observe()).expect("the CPU does not fail");
}

fn clamp(layer: usize, gate: &str, unit: Option<usize>, value: f32) -> Edit {
    Edit::Clamp { layer, gate: gate.to_owned(), unit, value }
}

#[test]
fn a_run_goes_on_from_any_snapshot_as_if_it_had_not_stopped() {
    let mut session = session(&ModelSpec { dropout: 0.2, layers: 2, ..spec() });
    let travel = |session: &mut Session, step| {
        pollster::block_on(session.travel(step)).expect("the CPU does not fail");
        session.step()
    };
    let parts: Vec<Vec<u32>> = (0..4).map(|_| losses(&mut session, 10)).collect();
    let steps = |session: &Session| session.archive().steps().collect::<Vec<u64>>();
    assert_eq!(steps(&session), [0, 10, 20, 30, 40]);
    // Looking around loses nothing, wherever one goes.
    for (wanted, found) in [(0, 0), (19, 10), (u64::MAX, 40), (20, 20)] {
        assert_eq!(travel(&mut session, wanted), found);
        assert_eq!(steps(&session), [0, 10, 20, 30, 40]);
    }
    assert_eq!(losses(&mut session, 10), parts[2]);
    assert_eq!(steps(&session), [0, 10, 20, 30], "another future");
    assert_eq!(losses(&mut session, 10), parts[3]);
    // The present need not have been kept by anybody.
    (0..5).for_each(|_| pollster::block_on(session.train_step()).expect("the CPU does not fail"));
    pollster::block_on(session.drain()).expect("the CPU does not fail");
    assert_eq!((travel(&mut session, 0), travel(&mut session, 45)), (0, 45));
    assert_eq!(travel(&mut session, 7), 0);
    assert_eq!(losses(&mut session, 10), parts[0]);
    pollster::block_on(session.reset()).expect("the CPU does not fail");
    assert_eq!((steps(&session), losses(&mut session, 10)), (vec![0], parts[0].clone()));
}

#[test]
fn edits_show_in_the_probe_are_taken_back_and_never_reach_training() {
    let (mut operated, mut whole) =
        (session(&ModelSpec { layers: 2, ..spec() }), session(&ModelSpec { layers: 2, ..spec() }));
    for session in [&mut operated, &mut whole] {
        losses(session, 10);
        operate(session, &[]);
    }
    let before = view(&mut operated, "probe/probabilities");
    operate(&mut operated, &[clamp(0, "f", None, 0.0), clamp(1, "o", Some(3), 0.25), clamp(1, "g", Some(2), -1.0)]);
    let [i, f, g, c] = ["i", "f", "g", "c"].map(|gate| view(&mut operated, &format!("probe/layers/0/{gate}")));
    // Nothing, but for a rest below all normal numbers: what is kept of a cell state is lost in rounding.
    assert!(f.iter().all(|f| *f < f32::MIN_POSITIVE));
    assert!(i.iter().zip(&g).zip(&c).all(|((i, g), c)| i * g == *c));
    let unit = |numbers: Vec<f32>, unit: usize| numbers.into_iter().skip(unit).step_by(12).collect::<Vec<f32>>();
    assert!(unit(view(&mut operated, "probe/layers/1/o"), 3).iter().all(|o| (o - 0.25).abs() < 1e-6));
    assert!(unit(view(&mut operated, "probe/layers/1/g"), 2).iter().all(|g| *g == -1.0));
    assert_ne!(view(&mut operated, "probe/probabilities"), before);

    let refused = [
        clamp(0, "z", None, 0.0),
        clamp(2, "f", None, 0.0),
        clamp(0, "f", Some(12), 0.0),
        clamp(0, "f", None, 1.5),
        clamp(0, "i", None, -0.5),
        clamp(0, "i", None, f32::NAN),
        Edit::Zero { layer: 2, unit: 0 },
        Edit::Zero { layer: 0, unit: 12 },
        Edit::Weight { name: "out.bias".to_owned(), index: 1000, value: 0.0 },
        Edit::Weight { name: "out.bias".to_owned(), index: 0, value: f32::INFINITY },
        Edit::Weight { name: "nonsense".to_owned(), index: 0, value: 0.0 },
    ];
    for edit in refused {
        let error = operated.operate(vec![clamp(1, "i", None, 1.0), edit.clone()]).expect_err("refused");
        println!("{error}");
        assert_eq!((error.key.as_str(), operated.edits().len()), ("surgery", 3), "{edit:?}");
    }
    assert_eq!(losses(&mut operated, 10), losses(&mut whole, 10), "training does not know");
    for session in [&mut operated, &mut whole] {
        operate(session, &[]);
    }
    assert_eq!(view(&mut operated, "probe/probabilities"), view(&mut whole, "probe/probabilities"));
}

#[test]
fn a_zeroed_unit_is_as_if_its_state_were_read_by_nobody() {
    for (layers, bidirectional) in [(2, false), (1, true)] {
        let mut session = session(&ModelSpec { layers, bidirectional, ..spec() });
        let top = layers - 1;
        operate(&mut session, &[]);
        let before = view(&mut session, "probe/probabilities");
        operate(&mut session, &[Edit::Zero { layer: 0, unit: 5 }]);
        let zeroed = view(&mut session, "probe/probabilities");
        assert_ne!(before, zeroed);
        // What the unit is made of does not matter any more.
        let bias = |name: &str| Edit::Weight { name: format!("rnn.{name}"), index: 3 * 12 + 5, value: 3.0 };
        operate(&mut session, &[Edit::Zero { layer: 0, unit: 5 }, bias("bias_ih_l0"), bias("bias_hh_l0")]);
        assert_eq!(view(&mut session, "probe/probabilities"), zeroed);
        operate(&mut session, &[Edit::Zero { layer: top, unit: 5 }, bias(&format!("bias_ih_l{top}"))]);
        let last = view(&mut session, "probe/probabilities");
        operate(&mut session, &[Edit::Zero { layer: top, unit: 5 }]);
        assert_eq!(view(&mut session, "probe/probabilities"), last);
    }
}

/// dL/d(bias of a gate) is the sum over time of dL/d(gate) times the gate's slope: against finite differences of L.
#[test]
fn derivatives_in_gates_are_those_of_the_loss() {
    let text = |cell, layers, bidirectional| ModelSpec { cell, layers, bidirectional, ..spec() };
    let made = |cell, task| ModelSpec { task, ..text(cell, 1, false) };
    let specs = [
        text(Cell::Lstm, 2, true),
        text(Cell::Gru, 2, true),
        text(Cell::GruTextbook, 2, true),
        made(Cell::Lstm, Task::Recall),
        made(Cell::Gru, Task::Adding),
        ModelSpec { task: Task::Ahead, ..text(Cell::Lstm, 1, true) },
    ];
    let slope = |gate: &str, value: f32| if "gn".contains(gate) { 1.0 - value * value } else { value * (1.0 - value) };
    for spec in specs {
        let cell = spec.cell;
        let gates = if cell == Cell::Lstm { "ifgo" } else { "rzn" };
        let directions = if spec.bidirectional { &["", "_reverse"][..] } else { &[""] };
        let places: Vec<(usize, &str)> =
            (0..spec.layers).flat_map(|layer| directions.iter().map(move |end| (layer, *end))).collect();
        let mut session = session(&spec);
        losses(&mut session, 30);
        let (mut worst, mut largest) = (0.0_f32, 0.0_f32);
        for (place, gate) in gates.chars().map(String::from).enumerate() {
            for &(layer, end) in &places {
                operate(&mut session, &[]);
                let gradient = view(&mut session, &format!("probe_gradient/layers/{layer}{end}/{gate}"));
                let values = view(&mut session, &format!("probe/layers/{layer}{end}/{gate}"));
                let unit = 7;
                let terms = gradient.iter().zip(&values).map(|(dx, x)| dx * slope(&gate, *x));
                let expected: f32 = terms.skip(unit).step_by(12).sum();
                let (name, index) = (format!("rnn.bias_ih_l{layer}{end}"), place * 12 + unit);
                let bias = view(&mut session, &format!("parameters/{name}"))[index];
                let mut loss = |value: f32| {
                    operate(&mut session, &[Edit::Weight { name: name.clone(), index, value }]);
                    view(&mut session, "probe_gradient/loss")[0]
                };
                let measured = (loss(bias + 0.02) - loss(bias - 0.02)) / 0.04;
                (worst, largest) = (worst.max((measured - expected).abs()), largest.max(expected.abs()));
                assert!(
                    (measured - expected).abs() < 5e-5 + 0.02 * expected.abs(),
                    "{cell:?} {layer}{end} {gate}: {measured} {expected}"
                );
            }
        }
        println!("{cell:?}, {:?}: finite differences differ by at most {worst:.1e}, of {largest:.1e}", spec.task);
    }
}

/// The derivative of a score in the token that answers it, which stands there once: against finite differences of its row
/// of the embedding, the score taken from the probabilities.
#[test]
fn what_reaches_an_answer_is_its_derivative() {
    let asked = |model, task| ModelSpec {
        model,
        task,
        symbols: 3,
        sequence_length: 24,
        embedding: 12,
        heads: 2,
        state_size: 4,
        ..spec()
    };
    for (spec, name) in [
        (asked(Architecture::Recurrent, Task::Lookup), "embed.weight"),
        (asked(Architecture::Transformer, Task::Lookup), "embed.weight"),
        (asked(Architecture::S4d, Task::Lookup), "embedding.weight"),
    ] {
        let mut session = session(&spec);
        losses(&mut session, 30);
        operate(&mut session, &[]);
        let questions = view(&mut session, "reach/questions");
        let influence = view(&mut session, "reach/influence");
        let (count, steps) = (questions.len() / 2, session.observer().probe().len());
        assert_eq!(influence.len(), count * steps);
        let (at, [t, source]) = (count - 1, [questions[2 * count - 2] as usize, questions[2 * count - 1] as usize]);
        let token = session.observer().probe()[source] as usize;
        // Marked vowels come after a blank and the five bare ones; the right tag is which mark.
        let tag = (token - 6) % 3;
        let table = view(&mut session, &format!("parameters/{name}"));
        let mut squares = 0.0;
        for (index, start) in table.iter().enumerate().skip(12 * token).take(12) {
            let mut score = |value: f32| {
                operate(&mut session, &[Edit::Weight { name: name.to_owned(), index, value }]);
                let logs: Vec<f32> =
                    view(&mut session, "probe/probabilities")[3 * t..3 * t + 3].iter().map(|p| p.ln()).collect();
                logs[tag] - logs.iter().sum::<f32>() / 3.0
            };
            let slope = (score(start + 0.02) - score(start - 0.02)) / 0.04;
            squares += slope * slope;
        }
        let (measured, expected) = (squares.sqrt(), influence[at * steps + source]);
        println!("{:?}: {measured} by differences, {expected} by the graph", spec.model);
        assert!((measured - expected).abs() < 1e-5 + 0.02 * expected, "{:?}: {measured} {expected}", spec.model);
        // Nothing comes back from later steps.
        assert!(influence[at * steps + t + 1..(at + 1) * steps].iter().all(|norm| *norm == 0.0));
    }
}

/// An S4D model is a recurrence and a convolution; Mamba, whose system changes as it reads, is no convolution.
#[test]
fn a_linear_system_is_computed_in_two_ways() {
    for discretisation in [Discretisation::ZeroOrderHold, Discretisation::Bilinear] {
        let s4d = ModelSpec { model: Architecture::S4d, discretisation, layers: 2, state_size: 4, ..spec() };
        let s4d = ModelSpec { task: Task::SelectiveCopy, symbols: 3, sequence_length: 20, ..s4d };
        let mut run = session(&s4d);
        losses(&mut run, 30);
        operate(&mut run, &[]);
        let [steps, whole] = ["recurrence", "convolution"].map(|way| view(&mut run, &format!("modes/{way}")));
        assert_eq!((steps.len(), whole.len()), (20 * 12, 20 * 12));
        assert!(steps.iter().any(|y| y.abs() > 1e-3));
        let [difference] = view(&mut run, "modes/difference")[..] else { panic!("one number") };
        let own = steps.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{discretisation:?}: {difference:.1e}");
        assert!(own <= difference && difference < 1e-4 && difference > 0.0, "{own} {difference}");
    }
    let mut mamba = session(&ModelSpec { model: Architecture::Mamba, task: Task::SelectiveCopy, ..spec() });
    operate(&mut mamba, &[]);
    assert!(pollster::block_on(mamba.view("modes/difference")).is_err());
}

#[test]
fn a_packed_batch_is_its_lines_alone_and_a_padded_one_is_not() {
    for cell in Cell::ALL {
        for (layers, bidirectional) in [(1, false), (2, true)] {
            let mut session = session(&ModelSpec { cell, layers, bidirectional, ..spec() });
            losses(&mut session, 20);
            pollster::block_on(session.observe()).expect("the CPU does not fail");
            assert_eq!(view(&mut session, "ragged/lengths"), [11.0, 2.0, 16.0]);
            assert!((view(&mut session, "ragged/saved")[0] - (1.0 - 29.0 / 48.0)).abs() < 1e-6);
            let width = 12 * (1 + usize::from(bidirectional));
            for path in ["packed", "padded", "alone"] {
                assert_eq!(view(&mut session, &format!("ragged/{path}")).len(), 3 * width);
            }
            let difference = view(&mut session, "ragged/difference");
            assert!(difference[..3].iter().all(|packed| *packed <= 1e-6), "{cell:?} {difference:?}");
            assert!(difference[3] > 1e-3 && difference[4] > 1e-3 && difference[5] <= 1e-6, "{cell:?} {difference:?}");
            let [masked, plain] = view(&mut session, "ragged/loss")[..] else { panic!("two losses") };
            assert!(masked.is_finite() && plain.is_finite() && masked != plain);
        }
    }
}

#[test]
fn what_cannot_be_looked_at_is_an_unknown_path() {
    let mut session = session(&spec());
    let unknown = |session: &mut Session, path: &str| pollster::block_on(session.view(path)).is_err();
    assert!(unknown(&mut session, "probe_gradient/layers/0/f"), "before an observation");
    pollster::block_on(session.observe()).expect("the CPU does not fail");
    for path in ["probe_gradient/layers/1/f", "probe_gradient/", "ragged/", "ragged/nonsense"] {
        assert!(unknown(&mut session, path), "{path}");
    }
    assert!(!unknown(&mut session, "probe_gradient/layers/0/f"));
    session.set_probe("\n\n").map_err(|_| "refused").expect("a probe text");
    pollster::block_on(session.observe()).expect("the CPU does not fail");
    assert!(unknown(&mut session, "ragged/lengths"), "no line has a character");
    session.set_probe("a").map_err(|_| "refused").expect("a probe text");
    pollster::block_on(session.observe()).expect("the CPU does not fail");
    assert!(unknown(&mut session, "probe_gradient/layers/0/f"), "nothing to predict");
    assert_eq!(view(&mut session, "ragged/lengths"), [1.0]);
}
