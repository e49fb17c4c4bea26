//! Encoder-decoders, teacher forced.

use seqlab::engine::cell::Cell;
use seqlab::engine::graph::ValueId;
use seqlab::nn::seq2seq::{Seq2Seq, Seq2SeqBatch, Seq2SeqPass};
use serde_json::Value;

use super::format::Case;
use super::sheet::{Layout, Sheet};
use super::{Backend, Produced, Refusal};

const KNOWN: &[&str] =
    &["src_vocab", "tgt_vocab", "embed", "hidden", "pad", "bos", "eos", "src_lengths", "tgt_lengths", "grad_inputs"];

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(KNOWN)?;
    let model = Seq2Seq {
        cell: Cell::Lstm,
        layers: 1,
        bidirectional: false,
        source_vocabulary: case.integer("src_vocab")?,
        target_vocabulary: case.integer("tgt_vocab")?,
        embedding: case.integer("embed")?,
        hidden: case.integer("hidden")?,
    };
    let packed = case.hyper.get("src_lengths").is_some_and(|lengths| *lengths != Value::Null);
    let mut sheet = Sheet::new(case);
    let parameters = model.parameters(&mut sheet.graph);
    sheet.feed_parameters()?;
    let batch = Seq2SeqBatch {
        source: sheet.input("in/src", Layout::TimeMajor)?,
        source_lengths: if packed { Some(sheet.input("in/src_lengths", Layout::Same)?) } else { None },
        given: sheet.input("in/tgt_in", Layout::TimeMajor)?,
        targets: sheet.input("in/tgt_out", Layout::TimeMajor)?,
        target_lengths: None,
        padding: case.integer("pad")? as u32,
    };
    let pass = model.loss(&mut sheet.graph, &parameters, &batch)?;
    results(&mut sheet, &batch, &pass)?;
    let gradients = sheet.differentiate(pass.loss)?;
    sheet.step_gradients(&gradients, "encoder.", &pass.encoded.encoder.layers[0])?;
    sheet.step_gradients(&gradients, "decoder.", &pass.decoded.layers[0])?;
    let mut produced = Produced::default();
    sheet.run(backend, &mut produced).await?;
    Ok(produced)
}

fn results(sheet: &mut Sheet<'_>, batch: &Seq2SeqBatch, pass: &Seq2SeqPass) -> Result<(), Refusal> {
    let Seq2SeqPass { encoded, decoded, loss } = pass;
    let nll = sheet.graph.cross_entropy(decoded.logits, batch.targets, Some(batch.padding))?;
    sheet.result("out/loss", &[*loss], Layout::Same);
    sheet.result("out/token_nll", &[nll], Layout::TimeMajor);
    sheet.result("out/encoder_output", &[encoded.encoder.output], Layout::TimeMajor);
    sheet.result("out/decoder_output", &[decoded.output], Layout::TimeMajor);
    sheet.result("out/logits", &[decoded.logits], Layout::TimeMajor);
    let h: Vec<ValueId> = encoded.states.iter().map(|state| state.h).collect();
    let c: Vec<ValueId> = encoded.states.iter().filter_map(|state| state.c).collect();
    sheet.result("out/context_h", &h, Layout::Same);
    sheet.result("out/context_c", &c, Layout::Same);
    Ok(())
}
