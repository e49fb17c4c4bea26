//! Scheduled sampling with a given teacher mask.

use seqlab::engine::graph::{Graph, Kind, ValueId};
use seqlab::engine::plan::Plan;
use seqlab::nn::losses::masked_cross_entropy;
use seqlab::nn::rollout::{Feed, Feedback};
use seqlab::trainer::scheduled_sampling::roll;
use serde_json::Value;

use super::format::Case;
use super::generator::{self, Derivatives, model, read_batch_first, time_major, write_parameters};
use super::sheet::{self, swap_axes};
use super::{Backend, Produced, Refusal};

/// Targets beyond `tgt_lengths` are padding already.
const KNOWN: &[&str] = &["tgt_lengths", "pad", "grad_inputs"];

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(&[&generator::KNOWN[..], KNOWN].concat())?;
    let inputs = case.hyper.get("grad_inputs").and_then(Value::as_array).cloned().unwrap_or_default();
    if inputs.iter().any(|name| !matches!(name.as_str(), Some("h0" | "c0"))) {
        return Err(Refusal::Unknown("grad_inputs".to_owned()));
    }
    let target = case.tensor("in/target")?;
    let (batch, steps) = (target.shape[0], target.shape[1]);
    let padding = case.integer("pad")? as u32;

    let (model, mut graph) = (model(case)?, Graph::default());
    graph.program("train");
    let [truth, targets] = ["truth", "targets"].map(|path| graph.input(path, [steps, batch], Kind::Ids));
    let mask = graph.input("mask", [steps, batch], Kind::Float);
    let parameters = model.parameters(&mut graph);
    let states = model.states(&mut graph, "train", batch);
    let feeding = (Feed::Mixed { truth, mask }, Feedback::Argmax);
    let run = roll(&mut graph, &model, &parameters, steps, feeding, &states)?;
    let pass = model.forward(&mut graph, &parameters, run.fed, &states)?;
    let loss = masked_cross_entropy(&mut graph, pass.logits, targets, Some(padding))?;
    for (name, value) in [("fed", run.fed), ("logits", pass.logits), ("loss", loss)] {
        graph.name(value, name);
    }
    let (derivatives, gradients) = Derivatives::new(&mut graph, loss, &pass)?;
    let initial: Vec<(&str, ValueId)> = [("h0", Some(states[0].h)), ("c0", states[0].c)]
        .into_iter()
        .filter_map(|(name, id)| Some((name, id?)))
        .collect();
    let mut initial_gradients = Vec::new();
    for (name, state) in &initial {
        let gradient = gradients.of(*state).ok_or_else(|| Refusal::Failed(format!("no gradient of {name}")))?;
        graph.name(gradient, format!("grad/in/{name}"));
        initial_gradients.push(gradient);
    }

    let mut machine = (backend.load)(Plan::new(graph.clone(), usize::MAX)?, Vec::new()).await?;
    let machine = machine.as_mut();
    write_parameters(case, &graph, machine)?;
    for (name, state) in &initial {
        sheet::write(machine, *state, &case.tensor(&format!("in/{name}"))?.data)?;
    }
    let wanted = time_major(&target.shape, &target.data);
    let first = vec![case.integer("bos")? as u32; batch];
    machine.write_ids(truth, &[&first, &wanted[..(steps - 1) * batch]].concat())?;
    machine.write_ids(targets, &wanted)?;
    let teacher = case.tensor("in/teacher")?;
    sheet::write(machine, mask, &swap_axes(&teacher.shape, &teacher.data).1)?;
    machine.run(0)?;

    let mut produced = Produced::default();
    derivatives.collect(machine, &mut produced).await?;
    for ((name, _), gradient) in initial.iter().zip(initial_gradients) {
        produced.tensors.insert(format!("grad/in/{name}"), sheet::read(machine, &[gradient]).await?);
    }
    let fed: Vec<f64> = machine.read_ids(&[run.fed]).await?.into_iter().map(f64::from).collect();
    produced.tensors.insert("out/fed".to_owned(), swap_axes(&[steps, batch], &fed).1);
    produced.tensors.insert("out/loss".to_owned(), sheet::read(machine, &[loss]).await?);
    produced.tensors.insert("out/logits".to_owned(), read_batch_first(machine, pass.logits).await?);
    Ok(produced)
}
