//! Text classifiers.

use seqlab::engine::cell::Cell;
use seqlab::engine::graph::Op;
use seqlab::nn::classifier::Classifier;
use serde_json::Value;

use super::format::Case;
use super::sheet::{Layout, Sheet};
use super::{Backend, Produced, Refusal};

const KNOWN: &[&str] = &[
    "vocab",
    "embed",
    "hidden",
    "classes",
    "lengths",
    "layers",
    "bidirectional",
    "padding_idx",
    "dropout",
    "grad_inputs",
];

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    let model = model(case)?;
    let mut sheet = Sheet::new(case);
    let parameters = model.parameters(&mut sheet.graph);
    sheet.feed_parameters()?;
    let tokens = sheet.input("in/input_ids", Layout::TimeMajor)?;
    let lengths = sheet.input("in/lengths", Layout::Same)?;
    let labels = sheet.input("in/labels", Layout::Same)?;
    let pass = model.forward(&mut sheet.graph, &parameters, tokens, Some(lengths), None)?;
    let nll = sheet.graph.cross_entropy(pass.logits, labels, None)?;
    let loss = sheet.graph.mean(nll)?;
    let probabilities = sheet.graph.apply(Op::Softmax, &[pass.logits])?[0];
    sheet.result("out/loss", &[loss], Layout::Same);
    sheet.result("out/embedded", &[pass.embedded], Layout::TimeMajor);
    sheet.result("out/output", &[pass.recurrent.output], Layout::TimeMajor);
    sheet.result("out/h_n", &pass.recurrent.h_n, Layout::Same);
    sheet.result("out/c_n", &pass.recurrent.c_n, Layout::Same);
    sheet.result("out/hidden", &[pass.hidden], Layout::Same);
    sheet.result("out/logits", &[pass.logits], Layout::Same);
    sheet.result("out/probabilities", &[probabilities], Layout::Same);
    let gradients = sheet.differentiate(loss)?;
    for (suffix, layer) in model.recurrent().suffixes().iter().zip(&pass.recurrent.layers) {
        sheet.step_gradients(&gradients, &format!("{suffix}."), layer)?;
    }
    let mut produced = Produced::default();
    sheet.run(backend, &mut produced).await?;
    Ok(produced)
}

fn model(case: &Case) -> Result<Classifier, Refusal> {
    case.knows_only(KNOWN)?;
    if case.hyper.get("dropout").and_then(Value::as_f64).is_some_and(|p| p != 0.0) {
        return Err(Refusal::Unknown("dropout, whose masks are PyTorch's".to_owned()));
    }
    let padding = case.hyper.get("padding_idx").and_then(Value::as_u64);
    Ok(Classifier {
        cell: Cell::Lstm,
        layers: case.integer("layers")?,
        bidirectional: case.flag("bidirectional")?,
        vocabulary: case.integer("vocab")?,
        padding: padding.map(|padding| padding as u32),
        embedding: case.integer("embed")?,
        hidden: case.integer("hidden")?,
        classes: case.integer("classes")?,
    })
}
