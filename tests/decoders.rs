//! What is seen of an encoder-decoder: its own answer is what greedy decoding finds, its measures are those of its answers one
//! by one, a forced weight is the weight, and REINFORCE begins as teacher forcing.
#![cfg(not(target_arch = "wasm32"))]

use pollster::block_on;
use seqlab::data::strings::{EOS, Strings};
use seqlab::protocol::Edit;
use seqlab::spec::{Architecture, Attention, Choice, ModelSpec, Objective, Task};
use seqlab::trainer::beam_view::COLUMNS;
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::{Drained, Session};

fn spec(task: Task, attention: Attention) -> ModelSpec {
    ModelSpec {
        model: Architecture::EncoderDecoder,
        task,
        attention,
        embedding: 8,
        hidden: 24,
        symbols: 4,
        sequence_length: 5,
        batch: 16,
        learning_rate: 0.01,
        ..ModelSpec::default()
    }
}

fn trained(spec: &ModelSpec, probe: &str, steps: u32) -> Session {
    let mut session = block_on(Session::new(spec, "", probe, &mut Devices::default())).expect("a valid spec").0;
    for _ in 0..steps {
        block_on(session.train_step()).expect("the CPU does not fail");
    }
    assert!(matches!(block_on(session.drain()), Ok(Drained::Good(_))));
    block_on(session.observe()).expect("the CPU does not fail");
    session
}

fn view(session: &mut Session, path: &str) -> Vec<f32> {
    block_on(session.view(path)).unwrap_or_else(|error| panic!("{path}: {error}")).0
}

fn answer(session: &mut Session) -> Vec<u32> {
    view(session, "probe/own/tokens").into_iter().map(|token| token as u32).collect()
}

#[test]
fn the_answer_that_is_shown_is_what_greedy_decoding_finds() {
    for attention in Attention::ALL {
        for task in [Task::Copy, Task::Dates] {
            let mut session = trained(&spec(task, *attention), "5.3.1998", 30);
            let shown = answer(&mut session);
            let tree = view(&mut session, "beam/1/none");
            let kept = tree.chunks_exact(COLUMNS).skip(1).filter(|node| node[7] == 1.0);
            let found: Vec<u32> = kept.map(|node| node[1] as u32).collect();
            assert_eq!(shown, found, "{attention:?} {task:?}");
            let gain = view(&mut session, "beam/4/none/greedy");
            assert_eq!(gain.len(), 16, "{attention:?} {task:?}");
            assert!(gain.iter().all(|sum| *sum <= 0.0), "{gain:?}");
        }
    }
}

#[test]
fn a_share_of_right_answers_is_that_of_answers_one_by_one() {
    let spec = spec(Task::Chain, Attention::LuongDot);
    let mut session = trained(&spec, "abc", 250);
    let (shares, lengths) = (view(&mut session, "evaluation/exact_match"), view(&mut session, "evaluation/lengths"));
    assert_eq!(lengths, [1.0, 2.0, 3.0, 4.0, 5.0]);
    let strings = Strings::new(&spec);
    // 240 strings of 5 lengths; 96 more of the longest.
    for (length, share) in [(2, shares[1]), (5, shares[4])] {
        let count = if length == 5 { 48 + 96 } else { 48 };
        let mut right = 0;
        for source in strings.held_out(count, length) {
            session.set_probe(&strings.decode(&source)).expect("a string");
            block_on(session.observe()).expect("the CPU does not fail");
            let target: Vec<u32> = strings.target(&source).into_iter().chain([EOS]).collect();
            right += usize::from(answer(&mut session) == target);
        }
        assert!((share - right as f32 / count as f32).abs() < 1e-6, "length {length}: {share}, {right} of {count}");
    }
    assert!(shares[1] > 0.5, "it has learnt something: {shares:?}");
    let [free, forced] = ["evaluation/free_error", "evaluation/forced_error"].map(|path| view(&mut session, path));
    assert_eq!((free.len(), free[0]), (6, forced[0]), "before the first step nothing was written");
}

#[test]
fn a_forced_weight_is_the_weight_until_it_is_let_go() {
    let mut session = trained(&spec(Task::Copy, Attention::BahdanauCurrent), "abcd", 40);
    let before = view(&mut session, "probe/own/attention");
    session.operate(vec![Edit::Attend { step: 1, place: 3, weight: 0.75 }]).expect("there is such a pair");
    block_on(session.observe()).expect("the CPU does not fail");
    let row = |weights: &[f32]| weights[5..10].to_vec();
    let forced = row(&view(&mut session, "probe/own/attention"));
    assert_eq!(forced[3], 0.75);
    assert!((forced.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{forced:?}");
    for refused in [(9, 0, 0.5), (0, 9, 0.5), (0, 0, 1.5)] {
        let (step, place, weight) = refused;
        let edit = Edit::Attend { step, place, weight };
        assert_eq!(session.operate(vec![edit]).expect_err("no such pair").key, "surgery", "{refused:?}");
    }
    session.operate(Vec::new()).expect("nothing is always possible");
    block_on(session.observe()).expect("the CPU does not fail");
    assert_eq!(view(&mut session, "probe/own/attention"), before);
    // Another text lets it go too.
    session.operate(vec![Edit::Attend { step: 0, place: 0, weight: 1.0 }]).expect("there is such a pair");
    session.set_probe("dcba").expect("a string");
    assert_eq!(session.edits(), []);
    let mut without = trained(&spec(Task::Copy, Attention::None), "abcd", 1);
    assert!(without.operate(vec![Edit::Attend { step: 0, place: 0, weight: 0.5 }]).is_err());
}

#[test]
fn reinforce_begins_as_teacher_forcing_and_keeps_account() {
    let forced = spec(Task::Reverse, Attention::None);
    let reinforced = ModelSpec { objective: Objective::Reinforce, pretraining: 40, policy_rate: 0.5, ..forced.clone() };
    assert_eq!([reinforced.rate(39), reinforced.rate(40)], [0.01, 0.005]);
    let (mut forced, mut reinforced) = (trained(&forced, "ab", 40), trained(&reinforced, "ab", 40));
    let [one, other] = [&mut forced, &mut reinforced].map(|session| view(session, "evaluation/loss")[0]);
    assert!((one - other).abs() < 1e-3, "{one} {other}");
    assert!(block_on(reinforced.view("reward/now")).is_err(), "nothing was rewarded yet");
    for _ in 0..20 {
        block_on(reinforced.train_step()).expect("the CPU does not fail");
    }
    let kept = block_on(reinforced.snapshot()).expect("the CPU does not fail");
    let told = ["reward/before", "reward/now"].map(|path| view(&mut reinforced, path)[0]);
    assert!(told[0] != told[1] && told.iter().all(|reward| (0.0..=1.0).contains(reward)), "{told:?}");
    block_on(reinforced.train_step()).expect("the CPU does not fail");
    reinforced.restore(&kept).expect("its own");
    assert_eq!(["reward/before", "reward/now"].map(|path| view(&mut reinforced, path)[0]), told);
}
