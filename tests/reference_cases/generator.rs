//! The small language model of the decoding cases: Embedding, one-layer LSTM, Linear, under PyTorch's names.

use seqlab::engine::backend::Executable;
use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Gradients, Graph, ValueId};
use seqlab::nn::language_model::{ForwardPass, LanguageModel};

use super::format::Case;
use super::sheet::{self, swap_axes};
use super::{Produced, Refusal};

/// What of the hyper-parameters all of these cases have.
pub const KNOWN: [&str; 5] = ["vocab", "embed", "hidden", "bos", "eos"];

pub fn model(case: &Case) -> Result<LanguageModel, Refusal> {
    Ok(LanguageModel {
        cell: Cell::Lstm,
        layers: 1,
        vocabulary: case.integer("vocab")?,
        embedding: Some(case.integer("embed")?),
        hidden: case.integer("hidden")?,
        bidirectional: false,
        dropout: 0.0,
    })
}

/// A parameter's name in the file: the product's models call the recurrent layer `rnn`.
fn in_file(name: &str) -> String {
    name.replace("rnn.", "lstm.")
}

/// Writes the case's parameters.
pub fn write_parameters(case: &Case, graph: &Graph, machine: &mut dyn Executable) -> Result<(), Refusal> {
    for parameter in graph.parameters() {
        let data = &case.tensor(&format!("param/{}", in_file(&parameter.name)))?.data;
        sheet::write(machine, parameter.value, data)?;
    }
    Ok(())
}

/// Ids (batch, time) as the engine has them, (T, B); what is no id (-1, a padding) as 0.
pub fn time_major(shape: &[usize], ids: &[f64]) -> Vec<u32> {
    swap_axes(shape, ids).1.iter().map(|id| id.max(0.0) as u32).collect()
}

/// Derivatives in parameters and in the states at every step.
pub struct Derivatives {
    parameters: Vec<(String, ValueId)>,
    /// Of h and c: totals (T, B, H), and norms (T).
    steps: Vec<(&'static str, ValueId, ValueId)>,
}

impl Derivatives {
    /// Differentiates.
    pub fn new(graph: &mut Graph, loss: ValueId, pass: &ForwardPass) -> Result<(Self, Gradients), Refusal> {
        let gradients = graph.keep_gradients(loss)?;
        let names = graph.parameters().iter().map(|parameter| in_file(&parameter.name));
        let parameters = names.zip(graph.parameter_gradients().iter().copied()).collect();
        let (mut steps, layer) = (Vec::new(), &pass.layers[0]);
        for (name, states) in [("h", Some(layer.h)), ("c", layer.c)] {
            let Some(total) = states.and_then(|states| gradients.total(states)) else { continue };
            let norm = graph.row_norm(total)?;
            graph.name(total, format!("grad/step/{name}"));
            graph.name(norm, format!("grad/step_norm/{name}"));
            steps.push((name, total, norm));
        }
        Ok((Derivatives { parameters, steps }, gradients))
    }

    /// Reads them after a run.
    pub async fn collect(&self, machine: &mut dyn Executable, produced: &mut Produced) -> Result<(), Refusal> {
        for (name, gradient) in &self.parameters {
            let data = sheet::read(machine, &[*gradient]).await?;
            produced.tensors.insert(format!("grad/param/{name}"), data);
        }
        for (name, total, norm) in &self.steps {
            let data = read_batch_first(machine, *total).await?;
            produced.tensors.insert(format!("grad/step/{name}"), data);
            let data = sheet::read(machine, &[*norm]).await?;
            produced.tensors.insert(format!("grad/step_norm/{name}"), data);
        }
        Ok(())
    }
}

/// A value (T, B, ..) as (B, T, ..).
pub async fn read_batch_first(machine: &mut dyn Executable, id: ValueId) -> Result<Vec<f64>, Refusal> {
    let data = sheet::read(machine, &[id]).await?;
    let shape = machine.plan().graph().shape(id).0.clone();
    Ok(swap_axes(&shape, &data).1)
}
