//! Recurrent layers: `nn.RNN`, `nn.LSTM`, `nn.GRU`, and the textbook conventions as views of the same parameters.

use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Op, RecurrentInput, RecurrentOutput, ValueId};
use seqlab::nn::recurrent::{LayerState, Output, Recurrent, Run, SequenceInput};

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

/// What a textbook cell multiplies with.
struct Weights {
    ih: ValueId,
    hh: ValueId,
    bias_ih: ValueId,
    bias_hh: ValueId,
}

/// What of the hyper-parameters decides the graph.
struct Options {
    model: Recurrent,
    textbook: bool,
    prefix: String,
}

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    let options = options(case)?;
    let mut sheet = Sheet::new(case);
    let x = sheet.input("in/x", Layout::TimeMajor)?;
    let states = states(&mut sheet, &options)?;
    let output = match options.textbook {
        true => textbook(&mut sheet, &options, x, &states)?,
        false => torch(&mut sheet, &options, x, &states)?,
    };
    let loss = loss(&mut sheet, &output)?;
    sheet.result("out/loss", &[loss], Layout::Same);
    let gradients = sheet.differentiate(loss)?;
    sheet.gradient("grad/in/x", &gradients, &[x], Layout::TimeMajor)?;
    let h0: Vec<ValueId> = states.iter().map(|state| state.h).collect();
    let c0: Vec<ValueId> = states.iter().filter_map(|state| state.c).collect();
    sheet.gradient("grad/in/h0", &gradients, &h0, Layout::Same)?;
    sheet.gradient("grad/in/c0", &gradients, &c0, Layout::Same)?;
    for (name, layer) in options.model.suffixes().iter().zip(&output.layers) {
        for prefix in prefixes(&options, name) {
            signals(&mut sheet, &options.model, &prefix, layer)?;
            sheet.step_gradients(&gradients, &prefix, layer)?;
        }
    }
    let mut produced = Produced::default();
    sheet.run(backend, &mut produced).await?;
    Ok(produced)
}

fn options(case: &Case) -> Result<Options, Refusal> {
    case.knows_only(KNOWN)?;
    let unknown = |what: &str| Err(Refusal::Unknown(what.to_owned()));
    if !matches!(case.word("loss"), "" | "dense" | "last") {
        return unknown("loss");
    }
    if !matches!(case.word("initial_state"), "" | "zero" | "given") {
        return unknown("initial_state");
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
    let bidirectional = case.flag("bidirectional")?;
    let bias = !case.hyper.contains_key("bias") || case.flag("bias")?;
    if layers == 0 || (textbook && (layers > 1 || bidirectional || case.has("in/lengths"))) {
        return unknown("layers");
    }
    let (input, hidden) = (case.integer("input")?, case.integer("hidden")?);
    let model = Recurrent { layers, bidirectional, bias, ..Recurrent::new(cell, input, hidden) };
    Ok(Options { model, textbook, prefix: case.word("param_prefix").to_owned() })
}

/// The initial states that are given.
fn states(sheet: &mut Sheet<'_>, options: &Options) -> Result<Vec<LayerState>, Refusal> {
    if !sheet.case.has("in/h0") {
        return Ok(Vec::new());
    }
    let model = &options.model;
    let add = |at: usize| {
        let h = state(sheet, "in/h0", at)?;
        let c = if model.cell.has_cell_state() { Some(state(sheet, "in/c0", at)?) } else { None };
        Ok(LayerState { h, c })
    };
    (0..model.layers * model.directions()).map(add).collect()
}

/// The layers of `nn.RNN`, `nn.LSTM` or `nn.GRU`.
fn torch(sheet: &mut Sheet<'_>, options: &Options, x: ValueId, states: &[LayerState]) -> Result<Output, Refusal> {
    let parameters = options.model.parameters(&mut sheet.graph, &options.prefix);
    sheet.feed_parameters()?;
    let lengths = match sheet.case.has("in/lengths") {
        true => Some(sheet.input("in/lengths", Layout::Same)?),
        false => None,
    };
    let run = Run { states, lengths, ..Run::new(SequenceInput::Features(x)) };
    Ok(options.model.forward(&mut sheet.graph, &parameters, &run)?)
}

/// A textbook cell over the sequence.
fn textbook(sheet: &mut Sheet<'_>, options: &Options, x: ValueId, states: &[LayerState]) -> Result<Output, Refusal> {
    let cell = options.model.cell;
    let weights = match cell {
        Cell::Lstm => textbook_lstm(sheet, options)?,
        Cell::GruTextbook => textbook_gru(sheet, options)?,
        _ => textbook_rnn(sheet, options)?,
    };
    let LayerState { h, c } = *states.first().ok_or_else(|| Refusal::Unknown("no initial state".to_owned()))?;
    let x_proj = sheet.graph.matmul(x, weights.ih, false, true)?;
    let input = RecurrentInput::new(x_proj, weights.hh, [weights.bias_ih, weights.bias_hh], h, c);
    let layer = sheet.graph.recurrent(cell, &input)?;
    let h_n = vec![sheet.graph.final_state(layer.h, false, None)?];
    let c_n = match layer.c {
        Some(c) => vec![sheet.graph.final_state(c, false, None)?],
        None => Vec::new(),
    };
    Ok(Output { output: layer.h, layers: vec![layer], h_n, c_n })
}

fn no_bias(sheet: &mut Sheet<'_>, options: &Options) -> Result<ValueId, Refusal> {
    Ok(sheet.graph.fill(0.0, [options.model.cell.gates() * options.model.hidden])?)
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
    let (hh, ih) = split_columns(sheet, both, options.model.hidden)?;
    let bias_hh = no_bias(sheet, options)?;
    Ok(Weights { ih, hh, bias_ih, bias_hh })
}

/// W_r, W_z and W stacked as the engine's rows r, z, n.
fn textbook_gru(sheet: &mut Sheet<'_>, options: &Options) -> Result<Weights, Refusal> {
    let names = ["W_r", "W_z", "W"];
    let blocks = [sheet.parameter(names[0])?, sheet.parameter(names[1])?, sheet.parameter(names[2])?];
    let total = 3 * options.model.hidden;
    let mut padded = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        let op = Op::Pad { axis: 0, start: at * options.model.hidden, total };
        padded.push(sheet.graph.apply(op, &[*block])?[0]);
    }
    let both = sheet.sum(&padded)?;
    let (hh, ih) = split_columns(sheet, both, options.model.hidden)?;
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

/// The part (batch, hidden) of a layer in a tensor (layers, batch, hidden), or (batch, hidden) in the textbook cells.
fn state(sheet: &mut Sheet<'_>, name: &str, layer: usize) -> Result<ValueId, Refusal> {
    let layout = if sheet.case.tensor(name)?.shape.len() == 3 { Layout::Piece(layer) } else { Layout::Same };
    sheet.input(name, layout)
}

/// Adds the outputs and the sum of those that have a probe.
fn loss(sheet: &mut Sheet<'_>, output: &Output) -> Result<ValueId, Refusal> {
    sheet.result("out/output", &[output.output], Layout::TimeMajor);
    let mut terms = Vec::new();
    if sheet.case.has("in/probe_output") {
        let probe = sheet.input("in/probe_output", Layout::TimeMajor)?;
        terms.push(sheet.probed(output.output, probe)?);
    }
    if sheet.case.has("param/W_hy.weight") {
        terms.push(output_layer(sheet, output.output)?);
    }
    for (name, states) in [("h_n", &output.h_n), ("c_n", &output.c_n)] {
        terms.extend(final_states(sheet, name, states)?);
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
    sheet.result(format!("out/{name}"), states, Layout::Same);
    let probe_name = format!("in/probe_{name}");
    let mut terms = Vec::new();
    for (at, last) in states.iter().enumerate().filter(|_| sheet.case.has(&probe_name)) {
        let probe = state(sheet, &probe_name, at)?;
        terms.push(sheet.probed(*last, probe)?);
    }
    Ok(terms)
}

/// Under which a layer's signals may stand.
fn prefixes(options: &Options, name: &str) -> Vec<String> {
    let own = format!("{name}.");
    if options.model.layers * options.model.directions() == 1 { vec![String::new(), own] } else { vec![own] }
}

/// Everything the views show of a layer: gates and states at every step.
fn signals(sheet: &mut Sheet<'_>, model: &Recurrent, prefix: &str, layer: &RecurrentOutput) -> Result<(), Refusal> {
    for (place, signal) in model.cell.signals().iter().enumerate() {
        let value = match (signal.symbol, layer.c, layer.gates) {
            ("h", ..) => layer.h,
            ("c", Some(c), _) => c,
            (_, _, Some(gates)) => sheet.graph.slice(gates, 2, place * model.hidden, model.hidden)?,
            _ => continue,
        };
        sheet.result(format!("out/{prefix}gate.{}", signal.symbol), &[value], Layout::TimeMajor);
    }
    Ok(())
}
