//! Optimisers: a small model trained by the engine's own gradients, and the recorded gradients fed to the optimiser.

use seqlab::engine::backend::Executable;
use seqlab::engine::graph::{Graph, Kind, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::unary::Unary;
use seqlab::engine::optimiser::Optimiser;
use serde_json::{Map, Value};

use super::format::Case;
use super::sheet::{self, Layout, Sheet};
use super::{Backend, Produced, Refusal};

/// An optimiser with what is given at every step.
pub struct Setting {
    /// Its formula.
    pub optimiser: Optimiser,
    /// Learning rate.
    pub rate: f32,
    /// Largest gradient norm.
    pub clip: Option<f32>,
}

impl Setting {
    /// Reads `{"name": "adam", "lr": 0.01, ...}`, the arguments of `torch.optim`.
    pub fn parse(options: &Map<String, Value>) -> Result<Setting, Refusal> {
        let name = options.get("name").and_then(Value::as_str).unwrap_or("");
        let known: &[&str] = match name {
            "sgd" => &["momentum", "dampening", "nesterov", "weight_decay"],
            "rmsprop" => &["alpha", "eps", "momentum", "centered", "weight_decay"],
            "adam" | "adamw" => &["betas", "eps", "weight_decay"],
            _ => return Err(Refusal::Unknown(format!("optimiser {name}"))),
        };
        let unknown = options
            .keys()
            .find(|key| !["name", "lr", "clip"].contains(&key.as_str()) && !known.contains(&key.as_str()));
        if let Some(key) = unknown {
            return Err(Refusal::Unknown(format!("option {key} of {name}")));
        }
        let number = |key: &str, default: f64| options.get(key).and_then(Value::as_f64).unwrap_or(default);
        let flag = |key: &str| options.get(key).and_then(Value::as_bool).unwrap_or(false);
        let beta = |at: usize, default: f64| {
            options.get("betas").and_then(|betas| betas.get(at)).and_then(Value::as_f64).unwrap_or(default)
        };
        let momentum = number("momentum", 0.0);
        let optimiser = match name {
            "sgd" => Optimiser::Sgd {
                momentum,
                dampening: number("dampening", 0.0),
                nesterov: flag("nesterov"),
                weight_decay: number("weight_decay", 0.0),
            },
            "rmsprop" => Optimiser::RmsProp {
                alpha: number("alpha", 0.99),
                eps: number("eps", 1e-8),
                momentum,
                centered: flag("centered"),
                weight_decay: number("weight_decay", 0.0),
            },
            _ => Optimiser::Adam {
                beta1: beta(0, 0.9),
                beta2: beta(1, 0.999),
                eps: number("eps", 1e-8),
                weight_decay: number("weight_decay", if name == "adamw" { 0.01 } else { 0.0 }),
                decoupled: name == "adamw",
            },
        };
        let clip = options.get("clip").and_then(Value::as_f64).map(|clip| clip as f32);
        Ok(Setting { optimiser, rate: number("lr", if name == "rmsprop" { 0.01 } else { 0.001 }) as f32, clip })
    }

    /// Writes what step `step` (the first is 1) needs.
    pub fn write(&self, machine: &mut dyn Executable, hyper: ValueId, step: u64) -> Result<(), Refusal> {
        Ok(machine.write(hyper, &self.optimiser.hyper(step, self.rate, self.clip))?)
    }
}

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(&["steps", "runs"])?;
    let runs = case.hyper["runs"].as_object().ok_or_else(|| Refusal::Failed("runs is no table".to_owned()))?;
    let mut produced = Produced::default();
    for (name, options) in runs {
        let options = options.as_object().ok_or_else(|| Refusal::Failed(format!("{name} has no options")))?;
        match Setting::parse(options) {
            Ok(setting) => run(case, name, &setting, backend, &mut produced).await?,
            Err(Refusal::Unknown(why)) => produced.unknown.push((format!("/{name}/"), format!("{name}: {why}"))),
            Err(failed) => return Err(failed),
        }
    }
    Ok(produced)
}

/// Both ways. The fed one must meet the same parameters; it is compared here, since the manifest knows only one.
async fn run(
    case: &Case,
    name: &str,
    setting: &Setting,
    backend: &Backend,
    produced: &mut Produced,
) -> Result<(), Refusal> {
    let steps = case.integer("steps")?;
    let trained = train(case, name, setting, backend, steps, produced).await?;
    let fed = feed(case, name, setting, backend, steps).await?;
    for (parameter, (trained, fed)) in trained.iter().zip(&fed).enumerate() {
        let scale = trained.iter().fold(1e-6_f64, |scale, x| scale.max(x.abs()));
        let error = trained.iter().zip(fed).fold(0.0_f64, |error, (a, b)| error.max((a - b).abs()));
        if error.is_nan() || error > 2e-5 * scale * backend.allowance.max(1.0) {
            let message = format!("{name}: parameter {parameter} fed with the recorded gradients is off by {error:e}");
            return Err(Refusal::Failed(message));
        }
    }
    Ok(())
}

/// emb[id] added to x, tanh layer, linear layer, mean squared error, trained by the engine's own gradients. Returns the
/// history of each parameter.
async fn train(
    case: &Case,
    run: &str,
    setting: &Setting,
    backend: &Backend,
    steps: usize,
    produced: &mut Produced,
) -> Result<Vec<Vec<f64>>, Refusal> {
    let mut sheet = Sheet::new(case);
    let samples = case.tensor("in/x")?.shape[0];
    let (x, y) = (sheet.input("in/x", Layout::Same)?, sheet.input("in/y", Layout::Same)?);
    let ids = sheet.graph.input("ids", [samples], Kind::Ids);
    let table = sheet.parameter("emb.weight")?;
    let first = [sheet.parameter("fc1.weight")?, sheet.parameter("fc1.bias")?];
    let second = [sheet.parameter("fc2.weight")?, sheet.parameter("fc2.bias")?];
    let loss = tiny(&mut sheet.graph, [x, y, ids], table, first, second)?;
    sheet.graph.name(loss, "loss");
    sheet.graph.keep_gradients(loss)?;
    sheet.graph.optimise(setting.optimiser)?;

    let mut machine = sheet.load(backend, &[]).await?;
    let mut log = Log::new(&sheet.graph, machine.as_mut()).await?;
    let tokens = case.tensor("in/ids")?;
    for step in 0..steps {
        let now: Vec<u32> = tokens.data[step * samples..][..samples].iter().map(|id| *id as u32).collect();
        machine.write_ids(ids, &now)?;
        log.step(&sheet.graph, machine.as_mut(), setting, step).await?;
    }
    Ok(log.finish(&sheet.graph, run, produced))
}

fn tiny(
    graph: &mut Graph,
    [x, y, ids]: [ValueId; 3],
    table: ValueId,
    first: [ValueId; 2],
    second: [ValueId; 2],
) -> Result<ValueId, Refusal> {
    let embedded = graph.embedding(ids, table, None)?;
    let input = graph.binary(Binary::Add, x, embedded)?;
    let hidden = graph.linear(input, first[0], Some(first[1]))?;
    let hidden = graph.unary(Unary::Tanh, hidden)?;
    let output = graph.linear(hidden, second[0], Some(second[1]))?;
    let difference = graph.binary(Binary::Sub, output, y)?;
    let square = graph.unary(Unary::Square, difference)?;
    Ok(graph.mean(square)?)
}

/// The same optimiser on the recorded gradients: the loss is sum(p g), whose gradient is g.
async fn feed(
    case: &Case,
    run: &str,
    setting: &Setting,
    backend: &Backend,
    steps: usize,
) -> Result<Vec<Vec<f64>>, Refusal> {
    let mut sheet = Sheet::new(case);
    let names: Vec<String> = case.names_after("param/").map(str::to_owned).collect();
    let (mut terms, mut inputs) = (Vec::new(), Vec::new());
    for name in ordered(&names) {
        let parameter = sheet.parameter(name)?;
        let shape = sheet.graph.shape(parameter).clone();
        let gradient = sheet.graph.input(format!("feed/{name}"), shape, Kind::Float);
        terms.push(sheet.probed(parameter, gradient)?);
        inputs.push((gradient, case.tensor(&format!("f64/trace/{run}/grad/{name}"))?));
    }
    let loss = sheet.sum(&terms)?;
    sheet.graph.name(loss, "loss");
    sheet.graph.keep_gradients(loss)?;
    sheet.graph.optimise(setting.optimiser)?;
    let mut machine = sheet.load(backend, &[]).await?;
    let mut log = Log::new(&sheet.graph, machine.as_mut()).await?;
    for step in 0..steps {
        for (input, recorded) in &inputs {
            let len = sheet.graph.shape(*input).len();
            sheet::write(machine.as_mut(), *input, &recorded.data[step * len..][..len])?;
        }
        log.step(&sheet.graph, machine.as_mut(), setting, step).await?;
    }
    Ok(log.finish(&sheet.graph, run, &mut Produced::default()))
}

/// The order in which `train` adds the parameters.
fn ordered(names: &[String]) -> Vec<&String> {
    let mut names: Vec<&String> = names.iter().collect();
    names.sort_by_key(|name| {
        (!name.starts_with("emb"), name.split('.').next().map(str::to_owned), !name.ends_with("weight"))
    });
    names
}

/// What a run leaves behind.
struct Log {
    loss: Vec<f64>,
    norm: Vec<f64>,
    gradients: Vec<Vec<f64>>,
    parameters: Vec<Vec<f64>>,
}

impl Log {
    async fn new(graph: &Graph, machine: &mut dyn Executable) -> Result<Log, Refusal> {
        let mut parameters = Vec::new();
        for parameter in graph.parameters() {
            parameters.push(sheet::read(machine, &[parameter.value]).await?);
        }
        Ok(Log { loss: Vec::new(), norm: Vec::new(), gradients: vec![Vec::new(); parameters.len()], parameters })
    }

    async fn step(
        &mut self,
        graph: &Graph,
        machine: &mut dyn Executable,
        setting: &Setting,
        step: usize,
    ) -> Result<(), Refusal> {
        setting.write(machine, graph.find("hyper")?, step as u64 + 1)?;
        machine.run(0)?;
        self.loss.extend(sheet::read(machine, &[graph.find("loss")?]).await?);
        let norms = sheet::read(machine, &[graph.find("gradient_norms")?]).await?;
        self.norm.push(norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt());
        for (at, parameter) in graph.parameters().iter().enumerate() {
            self.gradients[at].extend(sheet::read(machine, &[graph.parameter_gradients()[at]]).await?);
            self.parameters[at].extend(sheet::read(machine, &[parameter.value]).await?);
        }
        Ok(())
    }

    fn finish(self, graph: &Graph, run: &str, produced: &mut Produced) -> Vec<Vec<f64>> {
        let mut put =
            |name: String, data: &Vec<f64>| produced.tensors.insert(format!("trace/{run}/{name}"), data.clone());
        put("loss".to_owned(), &self.loss);
        put("total_norm".to_owned(), &self.norm);
        for (at, parameter) in graph.parameters().iter().enumerate() {
            put(format!("grad/{}", parameter.name), &self.gradients[at]);
            put(format!("param/{}", parameter.name), &self.parameters[at]);
        }
        self.parameters
    }
}
