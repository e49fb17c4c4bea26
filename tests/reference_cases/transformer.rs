//! Scaled dot-product attention and the Transformer's block.

use seqlab::engine::kernels::unary::Unary;
use seqlab::nn::transformer::{Block, scaled_dot_product};
use serde_json::Value;

use super::format::Case;
use super::sheet::{Layout, Sheet};
use super::{Backend, Produced, Refusal};

const KNOWN: &[&str] =
    &["model", "heads", "feed_forward", "activation", "batch", "time", "layer_norm_eps", "dropout", "grad_inputs"];

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(KNOWN)?;
    let block = block(case)?;
    let mut sheet = Sheet::new(case);
    let parameters = block.parameters(&mut sheet.graph, "");
    sheet.feed_parameters()?;
    let x = sheet.input("in/x", Layout::TimeMajor)?;
    let pass = block.forward(&mut sheet.graph, &parameters, x)?;
    for (name, value) in [("y", pass.y), ("attention", pass.attention), ("norm1", pass.norm1)] {
        sheet.result(format!("out/{name}"), &[value], Layout::TimeMajor);
    }
    sheet.result("out/alpha", &[pass.weights], Layout::Same);
    let probe = sheet.input("in/probe", Layout::TimeMajor)?;
    let loss = sheet.probed(pass.y, probe)?;
    sheet.result("out/loss", &[loss], Layout::Same);
    let gradients = sheet.differentiate(loss)?;
    sheet.gradient("grad/in/x", &gradients, &[x], Layout::TimeMajor)?;
    let mut produced = Produced::default();
    sheet.run(backend, &mut produced).await?;
    Ok(produced)
}

fn block(case: &Case) -> Result<Block, Refusal> {
    let unknown = |what: &str| Refusal::Unknown(what.to_owned());
    if case.hyper.get("dropout").is_some_and(|dropout| dropout.as_f64() != Some(0.0)) {
        return Err(unknown("dropout"));
    }
    let activation = match case.word("activation") {
        "relu" => Unary::Relu,
        "gelu" => Unary::Gelu,
        "gelu_tanh" => Unary::GeluTanh,
        _ => return Err(unknown("activation")),
    };
    let eps = case.hyper.get("layer_norm_eps").map_or(Some(1e-5), Value::as_f64).ok_or_else(|| unknown("eps"))?;
    Ok(Block {
        model: case.integer("model")?,
        heads: case.integer("heads")?,
        feed_forward: case.integer("feed_forward")?,
        activation,
        causal: true,
        eps: eps as f32,
    })
}

/// Only the attention: each head is a sequence of its own.
pub async fn produce_attention(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(&["causal", "heads", "head_dim", "batch", "time", "grad_inputs"])?;
    let causal = case.hyper["causal"].as_bool().ok_or_else(|| Refusal::Unknown("causal".to_owned()))?;
    let mut sheet = Sheet::new(case);
    let mut input = |name: &str| sheet.input(&format!("in/{name}"), Layout::Heads);
    let (operands, probe) = ([input("q")?, input("k")?, input("v")?], input("probe")?);
    let (y, weights) = scaled_dot_product(&mut sheet.graph, operands, 1, causal)?;
    sheet.result("out/y", &[y], Layout::Heads);
    sheet.result("out/alpha", &[weights], Layout::Same);
    let loss = sheet.probed(y, probe)?;
    sheet.result("out/loss", &[loss], Layout::Same);
    let gradients = sheet.graph.gradients(loss)?;
    for (name, id) in ["q", "k", "v"].into_iter().zip(operands) {
        sheet.gradient(&format!("grad/in/{name}"), &gradients, &[id], Layout::Heads)?;
    }
    let mut produced = Produced::default();
    sheet.run(backend, &mut produced).await?;
    Ok(produced)
}
