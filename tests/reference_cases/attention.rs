//! Decoders with attention: Bahdanau's and Luong's.

use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Gradients, Op, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::nn::attention::{AttentionDecoder, DecoderPass, Query, Score};
use seqlab::nn::language_model::LayerState;

use super::format::Case;
use super::sheet::{Layout, Sheet};
use super::{Backend, Produced, Refusal};

const KNOWN: &[&str] = &[
    "query",
    "vocab",
    "embed",
    "enc_hidden",
    "hidden",
    "attention",
    "src_lengths",
    "tgt_lengths",
    "pad",
    "bos",
    "eos",
    "grad_inputs",
];

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(KNOWN)?;
    let model = model(case)?;
    let mut sheet = Sheet::new(case);
    let parameters = model.parameters(&mut sheet.graph, "");
    sheet.feed_parameters()?;
    let encoded = sheet.input("in/enc", Layout::TimeMajor)?;
    let s0 = sheet.input("in/s0", Layout::Same)?;
    let tokens = sheet.input("in/tgt_in", Layout::TimeMajor)?;
    let lengths = sheet.input("in/src_lengths", Layout::Same)?;
    let graph = &mut sheet.graph;
    let steps = graph.shape(encoded).0[0];
    let mask = graph.apply(Op::LengthMask { steps }, &[lengths])?[0];
    let memory = model.memory(graph, &parameters, encoded, Some(mask))?;
    let state = LayerState { h: s0, c: None };
    let pass = model.forward(graph, &parameters, tokens, state, &memory, None)?;
    let loss = loss(&mut sheet, pass.logits)?;
    signals(&mut sheet, &pass, mask)?;
    let gradients = sheet.differentiate(loss)?;
    sheet.gradient("grad/in/enc", &gradients, &[encoded], Layout::TimeMajor)?;
    sheet.gradient("grad/in/s0", &gradients, &[s0], Layout::Same)?;
    step_gradients(&mut sheet, &pass, &gradients)?;
    let mut produced = Produced::default();
    sheet.run(backend, &mut produced).await?;
    Ok(produced)
}

fn model(case: &Case) -> Result<AttentionDecoder, Refusal> {
    let query = match case.word("query") {
        "prev" => Query::Previous,
        "" | "current" => Query::Current,
        query => return Err(Refusal::Unknown(format!("query {query}"))),
    };
    let additive = case.hyper.contains_key("attention");
    let hidden = case.integer("hidden")?;
    Ok(AttentionDecoder {
        cell: Cell::Gru,
        vocabulary: case.integer("vocab")?,
        embedding: case.integer("embed")?,
        hidden,
        memory: if additive { case.integer("enc_hidden")? } else { hidden },
        score: if additive { Score::Additive { width: case.integer("attention")? } } else { Score::Dot },
        query,
        attentional: !additive,
    })
}

/// The mean over the targets that are no padding.
fn loss(sheet: &mut Sheet<'_>, logits: ValueId) -> Result<ValueId, Refusal> {
    let targets = sheet.input("in/tgt_out", Layout::TimeMajor)?;
    let padding = sheet.case.integer("pad")? as u32;
    let nll = sheet.graph.cross_entropy(logits, targets, Some(padding))?;
    sheet.result("out/token_nll", &[nll], Layout::TimeMajor);
    let kept = sheet.graph.apply(Op::NotEqual { value: padding }, &[targets])?[0];
    let loss = sheet.graph.weighted_mean(nll, kept)?;
    sheet.result("out/loss", &[loss], Layout::Same);
    Ok(loss)
}

fn signals(sheet: &mut Sheet<'_>, pass: &DecoderPass, mask: ValueId) -> Result<(), Refusal> {
    // The file has 0 where there is no token.
    let scores = sheet.graph.binary(Binary::Mul, pass.attended.energies, mask)?;
    let all = [
        ("scores", Some(scores)),
        ("alpha", Some(pass.attended.weights)),
        ("context", Some(pass.attended.context)),
        ("states", Some(pass.layer.h)),
        ("attentional", pass.attentional),
        ("logits", Some(pass.logits)),
    ];
    for (name, value) in all {
        if let Some(value) = value {
            sheet.result(format!("out/{name}"), &[value], Layout::TimeMajor);
        }
    }
    Ok(())
}

fn step_gradients(sheet: &mut Sheet<'_>, pass: &DecoderPass, gradients: &Gradients) -> Result<(), Refusal> {
    for (name, steps) in [("s", pass.state_gradients(gradients)), ("context", pass.context_gradients(gradients))] {
        let total = sheet.graph.concat(&steps, 0)?;
        let norm = sheet.graph.row_norm(total)?;
        sheet.result(format!("grad/step/{name}"), &[total], Layout::TimeMajor);
        sheet.result(format!("grad/step_norm/{name}"), &[norm], Layout::Same);
    }
    Ok(())
}
