//! State-space layers: S4D in both modes, the selective scan, the Mamba block.

use seqlab::engine::graph::{Gradients, SelectiveInput, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::discretise::Discretisation;
use seqlab::engine::kernels::unary::Unary;
use seqlab::nn::state_space::mamba::{Mamba, MambaParameters};
use seqlab::nn::state_space::s4d::{S4d, S4dParameters};
use serde_json::Value;

use super::format::Case;
use super::sheet::{Layout, Sheet};
use super::{Backend, Produced, Refusal};

/// S4D: outputs of both modes; gradients are those of the recurrent one.
pub async fn s4d(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(&["channels", "modes", "batch", "time", "discretisation", "grad_inputs"])?;
    let discretisation = match case.word("discretisation") {
        "zoh" => Discretisation::ZeroOrderHold,
        "bilinear" => Discretisation::Bilinear,
        other => return Err(Refusal::Unknown(format!("discretisation {other}"))),
    };
    let layer = S4d { channels: case.integer("channels")?, modes: case.integer("modes")?, discretisation };
    let mut sheet = Sheet::new(case);
    let u = sheet.input("in/u", Layout::TimeMajor)?;
    let parameters = S4dParameters {
        log_dt: sheet.parameter("log_dt")?,
        log_a_real: sheet.parameter("log_A_real")?,
        a_imag: sheet.parameter("A_imag")?,
        b: sheet.parameter("B")?,
        c: sheet.parameter("C")?,
        d: sheet.parameter("D")?,
    };
    let system = layer.system(&mut sheet.graph, &parameters)?;
    let x0 = sheet.graph.fill(0.0, [case.integer("batch")?, layer.channels, layer.modes, 2])?;
    let scan = layer.recurrence(&mut sheet.graph, &parameters, &system, u, x0)?;
    let kernel = layer.kernel(&mut sheet.graph, &parameters, &system, case.integer("time")?)?;
    let convolved = layer.convolution(&mut sheet.graph, &parameters, kernel, u)?;
    sheet.result("out/dA", &[system.decay], Layout::Same);
    sheet.result("out/dB", &[system.input], Layout::Same);
    sheet.result("out/y", &[scan.y], Layout::TimeMajor);
    sheet.result("out/y_convolution", &[convolved], Layout::TimeMajor);
    sheet.result("out/kernel", &[kernel], Layout::TimeLast);
    last_state(&mut sheet, scan.states)?;
    let gradients = loss(&mut sheet, scan.y)?;
    inputs(&mut sheet, &gradients, &[("u", u)])?;
    state_gradients(&mut sheet, &gradients, scan.states)?;
    finish(&sheet, backend).await
}

/// The selective scan alone, perhaps gated.
pub async fn selective(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(&["channels", "state", "batch", "time", "gated", "grad_inputs"])?;
    let gated = match case.hyper.get("gated") {
        Some(Value::Bool(gated)) => *gated,
        _ => return Err(Refusal::Unknown("gated".to_owned())),
    };
    let mut sheet = Sheet::new(case);
    let mut input = |name: &str| sheet.input(&format!("in/{name}"), Layout::TimeMajor);
    let [u, raw, b, c] = [input("u")?, input("delta_raw")?, input("B")?, input("C")?];
    let z = if gated { Some(input("z")?) } else { None };
    let [a_log, d] = [sheet.parameter("A_log")?, sheet.parameter("D")?];
    let bias = sheet.parameter("delta_bias")?;
    let graph = &mut sheet.graph;
    let shifted = graph.binary(Binary::Add, raw, bias)?;
    let delta = graph.unary(Unary::Softplus, shifted)?;
    let speed = graph.unary(Unary::Exp, a_log)?;
    let a = graph.affine(speed, -1.0, 0.0)?;
    let x0 = graph.fill(0.0, [case.integer("batch")?, case.integer("channels")?, case.integer("state")?])?;
    let scan = graph.selective_scan(&SelectiveInput { u, delta, a, b, c, x0 })?;
    let direct = graph.binary(Binary::Mul, u, d)?;
    let mut y = graph.binary(Binary::Add, scan.y, direct)?;
    if let Some(z) = z {
        let gate = graph.unary(Unary::Silu, z)?;
        y = graph.binary(Binary::Mul, y, gate)?;
    }
    for (name, value) in [("delta", delta), ("states", scan.states), ("y", y)] {
        sheet.result(format!("out/{name}"), &[value], Layout::TimeMajor);
    }
    let gradients = loss(&mut sheet, y)?;
    inputs(&mut sheet, &gradients, &[("u", u), ("delta_raw", raw), ("B", b), ("C", c)])?;
    inputs(&mut sheet, &gradients, &z.map(|z| ("z", z)).into_iter().collect::<Vec<_>>())?;
    state_gradients(&mut sheet, &gradients, scan.states)?;
    finish(&sheet, backend).await
}

/// A whole Mamba block.
pub async fn mamba(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(&["model", "inner", "state", "dt_rank", "conv", "batch", "time", "grad_inputs"])?;
    let block = Mamba {
        model: case.integer("model")?,
        inner: case.integer("inner")?,
        state: case.integer("state")?,
        rank: case.integer("dt_rank")?,
        taps: case.integer("conv")?,
    };
    let mut sheet = Sheet::new(case);
    let u = sheet.input("in/u", Layout::TimeMajor)?;
    let parameters = MambaParameters {
        in_proj: sheet.parameter("in_proj.weight")?,
        conv_weight: sheet.parameter("conv1d.weight")?,
        conv_bias: sheet.parameter("conv1d.bias")?,
        x_proj: sheet.parameter("x_proj.weight")?,
        dt_weight: sheet.parameter("dt_proj.weight")?,
        dt_bias: sheet.parameter("dt_proj.bias")?,
        a_log: sheet.parameter("A_log")?,
        d: sheet.parameter("D")?,
        out_proj: sheet.parameter("out_proj.weight")?,
    };
    let x0 = sheet.graph.fill(0.0, [case.integer("batch")?, block.inner, block.state])?;
    let pass = block.forward(&mut sheet.graph, &parameters, u, x0, &[])?;
    let signals = [
        ("conv", pass.conv),
        ("z", pass.z),
        ("delta", pass.delta),
        ("B", pass.b),
        ("C", pass.c),
        ("scan", pass.scan),
        ("y", pass.y),
    ];
    for (name, value) in signals {
        sheet.result(format!("out/{name}"), &[value], Layout::TimeMajor);
    }
    last_state(&mut sheet, pass.states)?;
    let gradients = loss(&mut sheet, pass.y)?;
    inputs(&mut sheet, &gradients, &[("u", u)])?;
    state_gradients(&mut sheet, &gradients, pass.states)?;
    finish(&sheet, backend).await
}

/// sum(y probe), and its derivatives in everything.
fn loss(sheet: &mut Sheet<'_>, y: ValueId) -> Result<Gradients, Refusal> {
    let probe = sheet.input("in/probe", Layout::TimeMajor)?;
    let loss = sheet.probed(y, probe)?;
    sheet.result("out/loss", &[loss], Layout::Same);
    sheet.differentiate(loss)
}

fn inputs(sheet: &mut Sheet<'_>, gradients: &Gradients, of: &[(&str, ValueId)]) -> Result<(), Refusal> {
    of.iter()
        .try_for_each(|(name, id)| sheet.gradient(&format!("grad/in/{name}"), gradients, &[*id], Layout::TimeMajor))
}

fn last_state(sheet: &mut Sheet<'_>, states: ValueId) -> Result<(), Refusal> {
    let steps = sheet.graph.shape(states).0[0];
    let last = sheet.graph.slice(states, 0, steps - 1, 1)?;
    sheet.result("out/state_T", &[last], Layout::Same);
    Ok(())
}

/// The total derivatives in the states at every step, and their norms.
fn state_gradients(sheet: &mut Sheet<'_>, gradients: &Gradients, states: ValueId) -> Result<(), Refusal> {
    let total = gradients.total(states).ok_or_else(|| Refusal::Failed("no gradient of the states".to_owned()))?;
    let norm = sheet.graph.row_norm(total)?;
    sheet.result("grad/step/state", &[total], Layout::TimeMajor);
    sheet.result("grad/step_norm/state", &[norm], Layout::Same);
    Ok(())
}

async fn finish(sheet: &Sheet<'_>, backend: &Backend) -> Result<Produced, Refusal> {
    let mut produced = Produced::default();
    sheet.run(backend, &mut produced).await?;
    Ok(produced)
}
