//! REINFORCE's gradient for given samples.

use seqlab::engine::graph::{Graph, Kind};
use seqlab::engine::plan::Plan;
use seqlab::nn::losses::{PolicyInput, policy_gradient};
use serde_json::Value;

use super::format::Case;
use super::generator::{self, Derivatives, model, read_batch_first, time_major, write_parameters};
use super::sheet;
use super::{Backend, Produced, Refusal};

/// `baseline` says how the numbers of `in/baseline` were drawn; whatever they are, they are taken off.
const KNOWN: &[&str] = &["lengths", "entropy_beta", "baseline", "grad_inputs"];

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(&[&generator::KNOWN[..], KNOWN].concat())?;
    let none = |inputs: &Value| inputs.as_array().is_some_and(Vec::is_empty);
    if !case.hyper.get("grad_inputs").is_none_or(none) {
        return Err(Refusal::Unknown("grad_inputs".to_owned()));
    }
    let beta = case.hyper.get("entropy_beta").and_then(Value::as_f64);
    let beta = beta.ok_or_else(|| Refusal::Unknown("entropy_beta".to_owned()))?;
    let actions_of = case.tensor("in/actions")?;
    let (batch, steps) = (actions_of.shape[0], actions_of.shape[1]);

    let (model, mut graph) = (model(case)?, Graph::default());
    graph.program("train");
    let [tokens, actions] = ["tokens", "actions"].map(|path| graph.input(path, [steps, batch], Kind::Ids));
    let [mask, advantage] = ["mask", "advantage"].map(|path| graph.input(path, [steps, batch], Kind::Float));
    let entropy_weight = graph.input("beta", [], Kind::Float);
    let parameters = model.parameters(&mut graph);
    let states = model.states(&mut graph, "train", batch);
    let pass = model.forward(&mut graph, &parameters, tokens, &states)?;
    let input = PolicyInput { logits: pass.logits, actions, mask, advantage, entropy_weight };
    let policy = policy_gradient(&mut graph, &input)?;
    let whole = graph.sum_leading(policy.log_probabilities, 1)?;
    let named = [("loss", policy.loss), ("log_prob", policy.log_probabilities), ("entropy", policy.entropy)];
    for (name, value) in named.into_iter().chain([("sequence_log_prob", whole)]) {
        graph.name(value, name);
    }
    let (derivatives, _) = Derivatives::new(&mut graph, policy.loss, &pass)?;

    let mut machine = (backend.load)(Plan::new(graph.clone(), usize::MAX)?, Vec::new()).await?;
    let machine = machine.as_mut();
    write_parameters(case, &graph, machine)?;
    let chosen = time_major(&actions_of.shape, &actions_of.data);
    let first = vec![case.integer("bos")? as u32; batch];
    machine.write_ids(tokens, &[&first, &chosen[..(steps - 1) * batch]].concat())?;
    machine.write_ids(actions, &chosen)?;
    let [lengths, rewards, baselines] =
        [case.tensor("in/lengths")?, case.tensor("in/reward")?, case.tensor("in/baseline")?].map(|x| &x.data);
    let places = || (0..steps).flat_map(|t| (0..batch).map(move |b| (t, b)));
    let kept: Vec<f64> = places().map(|(t, b)| f64::from(u8::from((t as f64) < lengths[b]))).collect();
    let gained: Vec<f64> = places().map(|(_, b)| rewards[b] - baselines[b]).collect();
    sheet::write(machine, mask, &kept)?;
    sheet::write(machine, advantage, &gained)?;
    sheet::write(machine, entropy_weight, &[beta])?;
    machine.run(0)?;

    let mut produced = Produced::default();
    derivatives.collect(machine, &mut produced).await?;
    for (name, value) in [("loss", policy.loss), ("sequence_log_prob", whole)] {
        produced.tensors.insert(format!("out/{name}"), sheet::read(machine, &[value]).await?);
    }
    for (name, value) in [("log_prob", policy.log_probabilities), ("entropy", policy.entropy)] {
        produced.tensors.insert(format!("out/{name}"), read_batch_first(machine, value).await?);
    }
    Ok(produced)
}
