//! Greedy decoding, beam searches and the exhaustive best of a small language model.

use seqlab::engine::plan::Plan;
use seqlab::trainer::decoding::beam::{BeamOptions, BeamSearch, Hypothesis, LengthNormalisation, Policy};
use seqlab::trainer::decoding::{Bounds, GraphStepper, Stepper, greedy};
use seqlab::trainer::model::stepping;
use serde_json::Value;

use super::format::Case;
use super::generator::{self, model, write_parameters};
use super::{Backend, Produced, Refusal};

/// Sequences that go through the model at a time.
const BATCH: usize = 64;

/// A sequence and its log-probability.
type Found = (Vec<u32>, f64);

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(&[&generator::KNOWN[..], &["max_len", "widths", "brute_force_top", "init"]].concat())?;
    if case.word("init") != "h0 = c0 = 0, first input BOS" {
        return Err(Refusal::Unknown("init".to_owned()));
    }
    let (max_length, end) = (case.integer("max_len")?, case.integer("eos")? as u32);
    let stepping = stepping(&model(case)?, BATCH)?;
    let mut machine = (backend.load)(Plan::new(stepping.graph.clone(), usize::MAX)?, Vec::new()).await?;
    write_parameters(case, &stepping.graph, machine.as_mut())?;
    machine.run(0)?;
    let mut stepper = GraphStepper::new(machine.as_mut(), &stepping.step)?;
    let state = vec![0.0; stepper.state_len()];
    let bounds = Bounds { state: &state, first: case.integer("bos")? as u32, end: Some(end), max_length };

    let mut produced = Produced::default();
    let mut put = |name: &str, found: &[Found]| put(&mut produced, name, found, max_length);
    let best = greedy(&mut stepper, bounds).await?;
    put("greedy", &[(best.tokens.clone(), best.log_probability())]);
    for width in widths(case)? {
        for (name, policy) in [("hold", Policy::Hold), ("aside", Policy::Aside)] {
            let options = BeamOptions { width, policy, normalisation: LengthNormalisation::None, shown: 2 };
            let mut search = BeamSearch::new(options, bounds);
            search.run(&mut stepper).await?;
            let found = |hypothesis: Hypothesis| (hypothesis.tokens, hypothesis.log_probability);
            let found: Vec<Found> = search.hypotheses().into_iter().map(found).collect();
            put(&format!("beam_{name}_{width}"), &found);
        }
    }
    let mut all = brute_force(&mut stepper, bounds).await?;
    all.truncate(case.integer("brute_force_top")?);
    put("brute_force", &all);
    Ok(produced)
}

fn widths(case: &Case) -> Result<Vec<usize>, Refusal> {
    let widths = case.hyper.get("widths").and_then(Value::as_array).map(|widths| widths.iter().map(Value::as_u64));
    let widths = widths
        .and_then(|mut widths| widths.try_fold(Vec::new(), |all, width| Some([all, vec![width? as usize]].concat())));
    widths.ok_or_else(|| Refusal::Unknown("widths".to_owned()))
}

/// Tokens padded with -1, lengths, log-probabilities.
fn put(produced: &mut Produced, name: &str, found: &[Found], max_length: usize) {
    let padded = |(tokens, _): &Found| {
        let mut row = vec![-1.0; max_length];
        row.iter_mut().zip(tokens).for_each(|(to, token)| *to = f64::from(*token));
        row
    };
    let lengths = found.iter().map(|(tokens, _)| tokens.len() as f64).collect();
    let scores = found.iter().map(|(_, score)| *score).collect();
    produced.tensors.insert(format!("out/{name}.tokens"), found.iter().flat_map(padded).collect());
    produced.tensors.insert(format!("out/{name}.length"), lengths);
    produced.tensors.insert(format!("out/{name}.logp"), scores);
}

/// Every sequence that ends or has the largest length, best first.
async fn brute_force(stepper: &mut dyn Stepper, bounds: Bounds<'_>) -> Result<Vec<Found>, Refusal> {
    let (width, vocabulary) = (stepper.state_len(), stepper.vocabulary());
    let mut open: Vec<(Vec<u32>, f64, Vec<f32>)> = vec![(Vec::new(), 0.0, bounds.state.to_vec())];
    let mut done: Vec<Found> = Vec::new();
    for length in 1..=bounds.max_length {
        let states: Vec<&[f32]> = open.iter().map(|(_, _, state)| state.as_slice()).collect();
        let tokens: Vec<u32> = open.iter().map(|(tokens, ..)| tokens.last().copied().unwrap_or(bounds.first)).collect();
        let stepped = stepper.advance(&states, &tokens).await?;
        let mut longer = Vec::new();
        for (row, (tokens, score, _)) in open.iter().enumerate() {
            let logits = &stepped.logits[row * vocabulary..][..vocabulary];
            let total: f64 = logits.iter().map(|x| f64::from(*x).exp()).sum();
            for (token, logit) in logits.iter().enumerate() {
                let extended = [tokens.as_slice(), &[token as u32]].concat();
                let score = score + f64::from(*logit) - total.ln();
                if bounds.end == Some(token as u32) || length == bounds.max_length {
                    done.push((extended, score));
                } else {
                    longer.push((extended, score, stepped.states[row * width..][..width].to_vec()));
                }
            }
        }
        open = longer;
    }
    done.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(done)
}
