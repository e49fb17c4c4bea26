//! Jacobians of a vanilla RNN and their spectra.

use seqlab::engine::backend::Executable;
use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Graph, Kind, RecurrentInput, ValueId};
use seqlab::engine::plan::Plan;
use seqlab::engine::spectrum::{SQUARINGS, frobenius_norm, singular_values, spectral_norm, spectral_radius};
use seqlab::nn::jacobian::{identity, jacobian_to_end};

use super::format::Case;
use super::sheet;
use super::{Backend, Produced, Refusal};

/// `rho` says how the weights were drawn.
const KNOWN: &[&str] = &["input", "hidden", "time", "rho", "nonlinearity"];

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(KNOWN)?;
    let cell = match case.word("nonlinearity") {
        "" | "tanh" => Cell::Rnn,
        "relu" => Cell::RnnRelu,
        _ => return Err(Refusal::Unknown("nonlinearity".to_owned())),
    };
    let (units, steps) = (case.integer("hidden")?, case.integer("time")?);
    let (x, h0) = (&case.tensor("in/x")?.data, &case.tensor("in/h0")?.data);
    let width = x.len() / steps;

    let mut whole = Layer::load(case, backend, cell, steps).await?;
    let (states, to_end) = whole.run(x, h0).await?;
    let mut step = Layer::load(case, backend, cell, 1).await?;
    let mut of_steps = Vec::new();
    for (x, h) in x.chunks_exact(width).zip(states.chunks_exact(units)) {
        // The derivative of one step's end in its start is that step's.
        let (_, matrices) = step.run(x, h).await?;
        of_steps.extend_from_slice(&matrices[..units * units]);
    }

    let spectra: Vec<Vec<f64>> =
        to_end.chunks_exact(units * units).map(|matrix| singular_values(matrix, units)).collect();
    let weight = &case.tensor("param/weight_hh_l0")?.data;
    let norms = to_end.chunks_exact(units * units).map(frobenius_norm).collect();
    let mut produced = Produced::default();
    let mut put = |name: &str, data: Vec<f64>| produced.tensors.insert(format!("out/{name}"), data);
    put("h", states);
    put("jacobian_step", of_steps);
    put("log10_sigma_max", spectra.iter().map(|values| values[0].log10()).collect());
    put("singular_values", spectra.concat());
    put("frobenius", norms);
    put("spectral_radius", vec![spectral_radius(weight, units, SQUARINGS)]);
    put("spectral_norm", vec![spectral_norm(weight, units)]);
    put("jacobian_to_end", to_end);
    produced.by_row = ["out/singular_values", "out/jacobian_to_end"].map(str::to_owned).into();
    Ok(produced)
}

/// A layer with a copy of the sequence for every unit, on a backend.
struct Layer {
    machine: Box<dyn Executable>,
    units: usize,
    x: ValueId,
    h0: ValueId,
    h: ValueId,
    initial: ValueId,
    later: ValueId,
}

impl Layer {
    async fn load(case: &Case, backend: &Backend, cell: Cell, steps: usize) -> Result<Layer, Refusal> {
        let (units, width) = (case.integer("hidden")?, case.integer("input")?);
        let mut graph = Graph::default();
        graph.program("train");
        let shapes = [vec![units, width], vec![units, units], vec![units], vec![units]];
        let names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"];
        let mut of = names.into_iter().zip(&shapes).map(|(name, shape)| graph.parameter(name, shape.as_slice()));
        let mut next = || of.next().expect("four parameters");
        let [weight_ih, weight_hh, bias_ih, bias_hh] = [next(), next(), next(), next()];
        let x = graph.input("x", [steps, units, width], Kind::Float);
        let h0 = graph.input("h0", [units, units], Kind::Float);
        let x_proj = graph.matmul(x, weight_ih, false, true)?;
        let input = RecurrentInput::new(x_proj, weight_hh, [bias_ih, bias_hh], h0, None);
        let h = graph.recurrent(cell, &input)?.h;
        let (seed, gradients) = jacobian_to_end(&mut graph, h, "identity")?;
        let found = (gradients.of(h0), gradients.total(h));
        let (Some(initial), Some(later)) = found else { return Err(Refusal::Failed("no gradient".to_owned())) };
        for (name, value) in [("h", h), ("initial", initial), ("later", later)] {
            graph.name(value, name);
        }
        let mut machine = (backend.load)(Plan::new(graph.clone(), usize::MAX)?, Vec::new()).await?;
        for parameter in graph.parameters() {
            let data = &case.tensor(&format!("param/{}", parameter.name))?.data;
            sheet::write(machine.as_mut(), parameter.value, data)?;
        }
        machine.write(seed, &identity(units))?;
        Ok(Layer { machine, units, x, h0, h, initial, later })
    }

    /// States (T + 1, H) from h0 on, and their Jacobians (T + 1, H, H).
    async fn run(&mut self, x: &[f64], h0: &[f64]) -> Result<(Vec<f64>, Vec<f64>), Refusal> {
        let (units, machine) = (self.units, self.machine.as_mut());
        let steps = machine.plan().graph().shape(self.x).0[0];
        let width = x.len() / steps;
        let copies: Vec<f64> = x.chunks_exact(width).flat_map(|row| row.repeat(units)).collect();
        sheet::write(machine, self.x, &copies)?;
        sheet::write(machine, self.h0, &h0.repeat(units))?;
        machine.run(0)?;
        let later = sheet::read(machine, &[self.h]).await?;
        // Of the copies the first.
        let later = later.chunks_exact(units * units).flat_map(|copies| &copies[..units]);
        let states = h0.iter().chain(later).copied().collect();
        let jacobians = sheet::read(machine, &[self.initial, self.later]).await?;
        Ok((states, jacobians))
    }
}
