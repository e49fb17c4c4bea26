//! Decoding: what beams of width one and of unlimited width find, the search tree, taking a search up again, ties, and that
//! the number of sequences a step takes does not matter.
#![cfg(not(target_arch = "wasm32"))]

use pollster::block_on;
use seqlab::engine::backend::cpu::CpuExecutable;
use seqlab::engine::backend::{Answer, Executable};
use seqlab::engine::cell::Cell;
use seqlab::engine::plan::Plan;
use seqlab::engine::rng::{Rng, Stream};
use seqlab::nn::language_model::LanguageModel;
use seqlab::trainer::decoding::beam::{BeamOptions, BeamSearch, Fate, LengthNormalisation, Policy};
use seqlab::trainer::decoding::{Bounds, Generated, GraphStepper, Stepped, Stepper, generate, greedy};
use seqlab::trainer::model::{Stepping, stepping};

const END: u32 = 0;
const FIRST: u32 = 1;
const VOCABULARY: usize = 4;
const LONGEST: usize = 4;

const NORMALISATIONS: [LengthNormalisation; 3] =
    [LengthNormalisation::None, LengthNormalisation::Mean, LengthNormalisation::Gnmt { alpha: 0.7 }];

/// A model with random weights, large enough that its distributions are uneven.
struct Machine {
    executable: CpuExecutable<f32>,
    stepping: Stepping,
}

impl Machine {
    fn new(seed: u32, batch: usize) -> Machine {
        let cell = Cell::ALL[seed as usize % Cell::ALL.len()];
        let model = LanguageModel {
            cell,
            layers: 2,
            vocabulary: VOCABULARY,
            embedding: Some(3),
            hidden: 5,
            bidirectional: false,
            dropout: 0.0,
        };
        let stepping = stepping(&model, batch).expect("a valid model");
        let plan = Plan::new(stepping.graph.clone(), usize::MAX).expect("no limit");
        let mut executable = CpuExecutable::new(plan, &[]);
        let rng = Rng::new(seed, Stream::Task);
        let weights: Vec<f32> = (0..stepping.graph.flat_len() as u64).map(|at| 1.5 * rng.normal(at)).collect();
        executable.write(stepping.parameters, &weights).expect("flat parameters");
        executable.run(0).expect("the CPU runs");
        Machine { executable, stepping }
    }

    fn stepper(&mut self) -> GraphStepper<'_> {
        GraphStepper::new(&mut self.executable, &self.stepping.step).expect("the plan has the program")
    }
}

fn bounds(state: &[f32]) -> Bounds<'_> {
    Bounds { state, first: FIRST, end: Some(END), max_length: LONGEST }
}

fn options(width: usize, policy: Policy, normalisation: LengthNormalisation) -> BeamOptions {
    BeamOptions { width, policy, normalisation, shown: VOCABULARY }
}

fn search(stepper: &mut dyn Stepper, options: BeamOptions) -> BeamSearch {
    let state = vec![0.0; stepper.state_len()];
    let mut search = BeamSearch::new(options, bounds(&state));
    block_on(search.run(stepper)).expect("the CPU runs");
    search
}

/// The likelihood of a sequence, read token by token.
fn forced(stepper: &mut dyn Stepper, tokens: &[u32]) -> Generated {
    let state = vec![0.0; stepper.state_len()];
    let bounds = Bounds { max_length: tokens.len(), ..bounds(&state) };
    let mut next = tokens.iter();
    block_on(generate(stepper, bounds, |_| *next.next().expect("as many as asked for"))).expect("the CPU runs")
}

/// Every sequence that ends or has the largest length.
fn all_sequences() -> Vec<Vec<u32>> {
    let (mut open, mut done) = (vec![Vec::new()], Vec::new());
    for length in 1..=LONGEST {
        let extended = open.iter().flat_map(|prefix: &Vec<u32>| {
            (0..VOCABULARY as u32).map(move |token| [prefix.as_slice(), &[token]].concat())
        });
        let (ended, longer) = extended.partition(|tokens: &Vec<u32>| tokens.last() == Some(&END) || length == LONGEST);
        done.extend::<Vec<_>>(ended);
        open = longer;
    }
    done
}

#[test]
fn an_unlimited_beam_is_exhaustive_search() {
    for seed in 0..10 {
        let mut machine = Machine::new(seed, 16);
        let mut stepper = machine.stepper();
        let every = all_sequences();
        for normalisation in NORMALISATIONS {
            let mut expected: Vec<(f64, &Vec<u32>)> = every
                .iter()
                .map(|tokens| {
                    (normalisation.score(forced(&mut stepper, tokens).log_probability(), tokens.len()), tokens)
                })
                .collect();
            expected.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
            for policy in [Policy::Hold, Policy::Aside] {
                let found = search(&mut stepper, options(every.len() + 1, policy, normalisation)).hypotheses();
                let found: Vec<(f64, &Vec<u32>)> =
                    found.iter().map(|hypothesis| (hypothesis.score, &hypothesis.tokens)).collect();
                assert!(found == expected, "seed {seed}, {policy:?}, {normalisation:?}");
            }
        }
        let total: f64 = every.iter().map(|tokens| forced(&mut stepper, tokens).log_probability().exp()).sum();
        assert!((total - 1.0).abs() < 1e-5, "probabilities sum to one: {total}");
    }
}

#[test]
fn a_beam_of_one_is_greedy() {
    for seed in 0..30 {
        let mut machine = Machine::new(seed, 1);
        let mut stepper = machine.stepper();
        let state = vec![0.0; stepper.state_len()];
        let expected = block_on(greedy(&mut stepper, bounds(&state))).expect("the CPU runs");
        for policy in [Policy::Hold, Policy::Aside] {
            let found = search(&mut stepper, options(1, policy, LengthNormalisation::None)).hypotheses();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].tokens, expected.tokens, "seed {seed}, {policy:?}");
            assert_eq!(found[0].log_probability, expected.log_probability());
            assert_eq!(found[0].finished, expected.tokens.last() == Some(&END));
        }
    }
}

/// Every score in the tree is that of the prefix read from the start, and no beam beats the best sequence there is.
#[test]
fn the_tree_is_consistent() {
    for seed in 0..10 {
        let mut machine = Machine::new(seed, 4);
        let mut stepper = machine.stepper();
        let best = all_sequences()
            .iter()
            .map(|tokens| forced(&mut stepper, tokens).log_probability())
            .fold(f64::MIN, f64::max);
        for policy in [Policy::Hold, Policy::Aside] {
            for width in [2, 3] {
                let search = search(&mut stepper, options(width, policy, LengthNormalisation::None));
                for (at, node) in search.nodes().iter().enumerate().skip(1) {
                    let parent = node.parent.expect("only the root has none");
                    assert!(parent < at && node.depth == search.nodes()[parent].depth + 1);
                    let whole = forced(&mut stepper, &search.tokens(at));
                    assert_eq!(whole.log_probability(), node.cumulated);
                    assert_eq!(whole.log_probabilities.last(), Some(&node.log_probability));
                    assert!(node.fate != Fate::Finished || node.token == END);
                    let next = search.next_log_probabilities(at);
                    assert!(next.is_none_or(|next| (next.iter().map(|x| x.exp()).sum::<f32>() - 1.0).abs() < 1e-5));
                }
                let found = search.hypotheses();
                assert!(found.len() <= width && found.is_sorted_by(|a, b| a.score >= b.score));
                assert!(found[0].log_probability <= best);
                // Of the children of a node that went on, all are in the tree.
                let root = search.nodes().iter().filter(|node| node.parent == Some(0)).count();
                assert_eq!(root, VOCABULARY);
            }
        }
    }
}

/// A search taken up at a branch that was pruned is a search that begins there.
#[test]
fn a_search_goes_on_from_any_node() {
    let mut taken_up = 0;
    for seed in 0..10 {
        let mut machine = Machine::new(seed, 3);
        let mut stepper = machine.stepper();
        let mut search = search(&mut stepper, options(2, Policy::Hold, LengthNormalisation::None));
        for node in 0..search.nodes().len() {
            let (tokens, ended) = (search.tokens(node), search.nodes()[node].token == END && node > 0);
            let before = search.nodes()[node].cumulated;
            assert_eq!(search.continue_from(node), !ended && tokens.len() < LONGEST);
            if ended || tokens.len() == LONGEST {
                continue;
            }
            block_on(search.run(&mut stepper)).expect("the CPU runs");
            let found: Vec<(Vec<u32>, f64)> =
                search.hypotheses().into_iter().map(|found| (found.tokens, found.log_probability)).collect();

            let mut state = vec![0.0; stepper.state_len()];
            let mut last = FIRST;
            for token in &tokens {
                state = block_on(stepper.advance(&[&state], &[last])).expect("the CPU runs").states;
                last = *token;
            }
            let there = Bounds { state: &state, first: last, end: Some(END), max_length: LONGEST - tokens.len() };
            let mut anew = BeamSearch::new(options(2, Policy::Hold, LengthNormalisation::None), there);
            block_on(anew.run(&mut stepper)).expect("the CPU runs");
            for ((whole, score), rest) in found.iter().zip(anew.hypotheses()) {
                assert_eq!(*whole, [tokens.as_slice(), &rest.tokens].concat(), "seed {seed}, node {node}");
                assert!((score - before - rest.log_probability).abs() < 1e-9);
            }
            taken_up += 1;
        }
    }
    assert!(taken_up > 50, "{taken_up}");
}

#[test]
fn the_number_of_sequences_a_run_takes_does_not_matter() {
    for seed in 0..5 {
        let mut found = [1, 2, 7].map(|batch| {
            let mut machine = Machine::new(seed, batch);
            let search = search(&mut machine.stepper(), options(3, Policy::Aside, LengthNormalisation::Mean));
            search.nodes().to_vec()
        });
        assert!(found[0] == found[1] && found[0] == found[2], "{:?}", found.each_mut());
    }
}

/// A model to which every token is as likely as every other.
struct Indifferent;

impl Stepper for Indifferent {
    fn vocabulary(&self) -> usize {
        VOCABULARY
    }

    fn state_len(&self) -> usize {
        0
    }

    fn advance<'a>(&'a mut self, _: &'a [&'a [f32]], tokens: &'a [u32]) -> Answer<'a, Stepped> {
        let stepped = Stepped { states: Vec::new(), logits: vec![0.0; tokens.len() * VOCABULARY] };
        Box::pin(std::future::ready(Ok(stepped)))
    }
}

#[test]
fn ties_go_to_the_lower_tokens() {
    let endless = Bounds { state: &[], first: FIRST, end: None, max_length: 3 };
    for policy in [Policy::Hold, Policy::Aside] {
        let mut search = BeamSearch::new(options(3, policy, LengthNormalisation::None), endless);
        block_on(search.run(&mut Indifferent)).expect("it answers");
        let found: Vec<Vec<u32>> = search.hypotheses().into_iter().map(|hypothesis| hypothesis.tokens).collect();
        assert_eq!(found, [[0, 0, 0], [0, 0, 1], [0, 0, 2]]);
        assert!(search.hypotheses().iter().all(|hypothesis| !hypothesis.finished));
    }
}

/// An empty search, one that can only end, and a width of none.
#[test]
fn small_searches() {
    let nothing = Bounds { state: &[], first: FIRST, end: Some(END), max_length: 0 };
    let mut search = BeamSearch::new(options(2, Policy::Hold, LengthNormalisation::Mean), nothing);
    block_on(search.run(&mut Indifferent)).expect("it answers");
    assert!(search.hypotheses().is_empty() && search.nodes().len() == 1 && !search.continue_from(0));
    assert!(!search.continue_from(7));

    let one = Bounds { max_length: 1, ..nothing };
    let mut search = BeamSearch::new(options(0, Policy::Aside, LengthNormalisation::None), one);
    block_on(search.run(&mut Indifferent)).expect("it answers");
    assert_eq!(search.hypotheses().len(), 1);
    assert_eq!(search.hypotheses()[0].tokens, [END]);
}
