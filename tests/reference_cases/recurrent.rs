//! Recurrent layers: `nn.RNN`, `nn.LSTM`, `nn.GRU`, and the textbook conventions as views of the same parameters.

use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Gradients, Op, RecurrentInput, RecurrentOutput, ValueId};
use serde_json::Value;

use super::format::Case;
use super::sheet::{Layout, Sheet};
use super::{Backend, Produced, Refusal};

const KNOWN: &[&str] = &[
    "kind",
    "convention",
    "input",
    "hidden",
    "batch",
    "time",
    "layers",
    "bidirectional",
    "bias",
    "loss",
    "nonlinearity",
    "output",
    "lengths",
    "initial_state",
    "param_prefix",
    "grad_inputs",
];

/// What a layer multiplies with.
struct Weights {
    ih: ValueId,
    hh: ValueId,
    bias_ih: ValueId,
    bias_hh: ValueId,
}

/// A layer with the states it starts from.
struct Layer {
    output: RecurrentOutput,
    h0: ValueId,
    c0: Option<ValueId>,
}

/// What of the hyper-parameters decides the graph.
struct Options {
    cell: Cell,
    textbook: bool,
    layers: usize,
    hidden: usize,
}

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    let options = options(case)?;
    let mut sheet = Sheet::new(case);
    let x = sheet.input("in/x", Layout::TimeMajor)?;
    let mut layers: Vec<Layer> = Vec::new();
    for at in 0..options.layers {
        let weights = weights(&mut sheet, &options, at)?;
        let below = layers.last().map_or(x, |layer| layer.output.h);
        let layer = layer(&mut sheet, &options, &weights, below, at)?;
        layers.push(layer);
    }
    let loss = loss(&mut sheet, &layers)?;
    sheet.result("out/loss", &[loss], Layout::Same);
    let gradients = sheet.differentiate(loss)?;
    sheet.gradient("grad/in/x", &gradients, &[x], Layout::TimeMajor)?;
    let h0: Vec<ValueId> = layers.iter().map(|layer| layer.h0).collect();
    let c0: Vec<ValueId> = layers.iter().filter_map(|layer| layer.c0).collect();
    sheet.gradient("grad/in/h0", &gradients, &h0, Layout::Same)?;
    sheet.gradient("grad/in/c0", &gradients, &c0, Layout::Same)?;
    for (at, layer) in layers.iter().enumerate() {
        signals(&mut sheet, &options, &layer.output, at)?;
        step_gradients(&mut sheet, &options, &gradients, &layer.output, at)?;
    }
    let mut produced = Produced::default();
    sheet.run(backend, &mut produced).await?;
    Ok(produced)
}

fn options(case: &Case) -> Result<Options, Refusal> {
    case.knows_only(KNOWN)?;
    let unknown = |what: &str| Err(Refusal::Unknown(what.to_owned()));
    if case.hyper.get("bidirectional").is_some_and(|value| *value != Value::Bool(false)) {
        return unknown("bidirectional");
    }
    if !matches!(case.word("loss"), "" | "dense" | "last") {
        return unknown("loss");
    }
    let time = case.hyper.get("time").cloned();
    let full = |lengths: &Vec<Value>| lengths.iter().all(|length| Some(length) == time.as_ref());
    if case.hyper.get("lengths").is_some_and(|lengths| !lengths.as_array().is_some_and(full)) {
        return unknown("lengths");
    }
    let textbook = match case.word("convention") {
        "pytorch" => false,
        "textbook" => true,
        _ => return unknown("convention"),
    };
    let cell = match (case.word("kind"), textbook, case.word("nonlinearity")) {
        ("rnn", _, "" | "tanh") => Cell::Rnn,
        ("rnn", _, "relu") => Cell::RnnRelu,
        ("lstm", _, "") => Cell::Lstm,
        ("gru", false, "") => Cell::Gru,
        ("gru", true, "") => Cell::GruTextbook,
        _ => return unknown("kind"),
    };
    let layers = if case.hyper.contains_key("layers") { case.integer("layers")? } else { 1 };
    if layers == 0 || (textbook && layers > 1) {
        return unknown("layers");
    }
    Ok(Options { cell, textbook, layers, hidden: case.integer("hidden")? })
}

fn weights(sheet: &mut Sheet<'_>, options: &Options, layer: usize) -> Result<Weights, Refusal> {
    match (options.textbook, options.cell) {
        (false, _) => torch_weights(sheet, options, layer),
        (true, Cell::Lstm) => textbook_lstm(sheet, options),
        (true, Cell::GruTextbook) => textbook_gru(sheet, options),
        (true, _) => textbook_rnn(sheet, options),
    }
}

fn torch_weights(sheet: &mut Sheet<'_>, options: &Options, layer: usize) -> Result<Weights, Refusal> {
    let prefix = sheet.case.word("param_prefix").to_owned();
    let ih = sheet.parameter(&format!("{prefix}weight_ih_l{layer}"))?;
    let hh = sheet.parameter(&format!("{prefix}weight_hh_l{layer}"))?;
    let biased = sheet.case.hyper.get("bias").is_none_or(|bias| *bias == Value::Bool(true));
    let mut bias = |which: &str| match biased {
        true => sheet.parameter(&format!("{prefix}bias_{which}_l{layer}")),
        false => no_bias(sheet, options),
    };
    let (bias_ih, bias_hh) = (bias("ih")?, bias("hh")?);
    Ok(Weights { ih, hh, bias_ih, bias_hh })
}

fn no_bias(sheet: &mut Sheet<'_>, options: &Options) -> Result<ValueId, Refusal> {
    Ok(sheet.graph.fill(0.0, [options.cell.gates() * options.hidden])?)
}

fn textbook_rnn(sheet: &mut Sheet<'_>, options: &Options) -> Result<Weights, Refusal> {
    let ih = sheet.parameter("W_xh.weight")?;
    let bias_ih = sheet.parameter("W_xh.bias")?;
    let hh = sheet.parameter("W_hh.weight")?;
    let bias_hh = no_bias(sheet, options)?;
    Ok(Weights { ih, hh, bias_ih, bias_hh })
}

fn textbook_lstm(sheet: &mut Sheet<'_>, options: &Options) -> Result<Weights, Refusal> {
    let both = sheet.parameter("gates.weight")?;
    let bias_ih = sheet.parameter("gates.bias")?;
    let (hh, ih) = split_columns(sheet, both, options.hidden)?;
    let bias_hh = no_bias(sheet, options)?;
    Ok(Weights { ih, hh, bias_ih, bias_hh })
}

/// W_r, W_z and W stacked as the engine's rows r, z, n.
fn textbook_gru(sheet: &mut Sheet<'_>, options: &Options) -> Result<Weights, Refusal> {
    let names = ["W_r", "W_z", "W"];
    let blocks = [sheet.parameter(names[0])?, sheet.parameter(names[1])?, sheet.parameter(names[2])?];
    let total = 3 * options.hidden;
    let mut padded = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        let op = Op::Pad { axis: 0, start: at * options.hidden, total };
        padded.push(sheet.graph.apply(op, &[*block])?[0]);
    }
    let both = sheet.sum(&padded)?;
    let (hh, ih) = split_columns(sheet, both, options.hidden)?;
    let (bias_ih, bias_hh) = (no_bias(sheet, options)?, no_bias(sheet, options)?);
    Ok(Weights { ih, hh, bias_ih, bias_hh })
}

/// A matrix on the concatenation [h, x] as the one on h and the one on x.
fn split_columns(sheet: &mut Sheet<'_>, both: ValueId, hidden: usize) -> Result<(ValueId, ValueId), Refusal> {
    let width = sheet.graph.shape(both).last();
    let hh = sheet.graph.slice(both, 1, 0, hidden)?;
    let ih = sheet.graph.slice(both, 1, hidden, width - hidden)?;
    Ok((hh, ih))
}

fn layer(
    sheet: &mut Sheet<'_>,
    options: &Options,
    weights: &Weights,
    below: ValueId,
    at: usize,
) -> Result<Layer, Refusal> {
    let x_proj = sheet.graph.matmul(below, weights.ih, false, true)?;
    let batch = sheet.graph.shape(below).0[1];
    let mut initial = |name: &str| match sheet.case.has(name) {
        true => state(sheet, name, at),
        false => Ok(sheet.graph.fill(0.0, [batch, options.hidden])?),
    };
    let h0 = initial("in/h0")?;
    let c0 = if options.cell.has_cell_state() { Some(initial("in/c0")?) } else { None };
    let Weights { hh, bias_ih, bias_hh, .. } = *weights;
    let input = RecurrentInput::new(x_proj, hh, [bias_ih, bias_hh], h0, c0);
    Ok(Layer { output: sheet.graph.recurrent(options.cell, &input)?, h0, c0 })
}

/// The part (batch, hidden) of a layer in a tensor (layers, batch, hidden), or (batch, hidden) in the textbook cells.
fn state(sheet: &mut Sheet<'_>, name: &str, layer: usize) -> Result<ValueId, Refusal> {
    let layout = if sheet.case.tensor(name)?.shape.len() == 3 { Layout::Piece(layer) } else { Layout::Same };
    sheet.input(name, layout)
}

/// Adds the outputs and the sum of those that have a probe.
fn loss(sheet: &mut Sheet<'_>, layers: &[Layer]) -> Result<ValueId, Refusal> {
    let top = layers.last().expect("one layer at least").output.h;
    sheet.result("out/output", &[top], Layout::TimeMajor);
    let mut terms = Vec::new();
    if sheet.case.has("in/probe_output") {
        let probe = sheet.input("in/probe_output", Layout::TimeMajor)?;
        terms.push(sheet.probed(top, probe)?);
    }
    if sheet.case.has("param/W_hy.weight") {
        terms.push(output_layer(sheet, top)?);
    }
    let h: Vec<ValueId> = layers.iter().map(|layer| layer.output.h).collect();
    let c: Vec<ValueId> = layers.iter().filter_map(|layer| layer.output.c).collect();
    for (name, states) in [("h_n", h), ("c_n", c)] {
        terms.extend(final_states(sheet, name, &states)?);
    }
    sheet.sum(&terms)
}

fn output_layer(sheet: &mut Sheet<'_>, top: ValueId) -> Result<ValueId, Refusal> {
    let weight = sheet.parameter("W_hy.weight")?;
    let bias = sheet.parameter("W_hy.bias")?;
    let y = sheet.graph.linear(top, weight, Some(bias))?;
    sheet.result("out/y", &[y], Layout::TimeMajor);
    let probe = sheet.input("in/probe_y", Layout::TimeMajor)?;
    sheet.probed(y, probe)
}

/// The states after the last step, and their terms of the loss where they have a probe.
fn final_states(sheet: &mut Sheet<'_>, name: &str, states: &[ValueId]) -> Result<Vec<ValueId>, Refusal> {
    let (mut finals, mut terms) = (Vec::new(), Vec::new());
    let probe_name = format!("in/probe_{name}");
    for (at, sequence) in states.iter().enumerate() {
        let steps = sheet.graph.shape(*sequence).0[0];
        let last = sheet.graph.slice(*sequence, 0, steps - 1, 1)?;
        finals.push(last);
        if sheet.case.has(&probe_name) {
            let probe = state(sheet, &probe_name, at)?;
            terms.push(sheet.probed(last, probe)?);
        }
    }
    sheet.result(format!("out/{name}"), &finals, Layout::Same);
    Ok(terms)
}

/// Names under which a layer's signals may stand.
fn prefixes(options: &Options, layer: usize) -> Vec<String> {
    let own = format!("l{layer}.");
    if options.layers == 1 { vec![String::new(), own] } else { vec![own] }
}

/// Everything the views show of a layer: gates and states at every step.
fn signals(sheet: &mut Sheet<'_>, options: &Options, layer: &RecurrentOutput, at: usize) -> Result<(), Refusal> {
    for (place, signal) in options.cell.signals().iter().enumerate() {
        let value = match (signal.symbol, layer.c, layer.gates) {
            ("h", ..) => layer.h,
            ("c", Some(c), _) => c,
            (_, _, Some(gates)) => sheet.graph.slice(gates, 2, place * options.hidden, options.hidden)?,
            _ => continue,
        };
        for prefix in prefixes(options, at) {
            sheet.result(format!("out/{prefix}gate.{}", signal.symbol), &[value], Layout::TimeMajor);
        }
    }
    Ok(())
}

/// The total derivatives in the states at every step, and their norms.
fn step_gradients(
    sheet: &mut Sheet<'_>,
    options: &Options,
    gradients: &Gradients,
    layer: &RecurrentOutput,
    at: usize,
) -> Result<(), Refusal> {
    for (name, states) in [("h", Some(layer.h)), ("c", layer.c)] {
        let Some(total) = states.and_then(|states| gradients.total(states)) else { continue };
        let norm = sheet.graph.row_norm(total)?;
        for prefix in prefixes(options, at) {
            sheet.result(format!("grad/step/{prefix}{name}"), &[total], Layout::TimeMajor);
            sheet.result(format!("grad/step_norm/{prefix}{name}"), &[norm], Layout::Same);
        }
    }
    Ok(())
}
