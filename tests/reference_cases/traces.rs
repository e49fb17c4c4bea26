//! Training traces of the product's next-token model.

use seqlab::engine::cell::Cell;
use seqlab::engine::graph::{Kind, ValueId};
use seqlab::nn::language_model::LanguageModel;
use serde_json::Value;

use super::format::Case;
use super::optimisers::Setting;
use super::sheet::{self, Sheet, swap_axes};
use super::{Backend, Produced, Refusal};

const KNOWN: &[&str] = &["kind", "vocab", "embed", "hidden", "batch", "time", "layers", "steps", "optimizer", "clip"];

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(KNOWN)?;
    let model = model(case)?;
    let setting = setting(case)?;
    let mut run = Run::new(case, &model, &setting)?;
    let steps = case.integer("steps")?;
    run.train(backend, &setting, steps).await
}

fn model(case: &Case) -> Result<LanguageModel, Refusal> {
    let cell = match case.word("kind") {
        "rnn" => Cell::Rnn,
        "lstm" => Cell::Lstm,
        "gru" => Cell::Gru,
        kind => return Err(Refusal::Unknown(format!("kind {kind}"))),
    };
    Ok(LanguageModel {
        cell,
        layers: case.integer("layers")?,
        vocabulary: case.integer("vocab")?,
        embedding: Some(case.integer("embed")?),
        hidden: case.integer("hidden")?,
        bidirectional: false,
        dropout: 0.0,
    })
}

fn setting(case: &Case) -> Result<Setting, Refusal> {
    let options = case.hyper["optimizer"].as_object().ok_or_else(|| Refusal::Unknown("optimizer".to_owned()))?;
    let mut setting = Setting::parse(options)?;
    setting.clip = case.hyper.get("clip").and_then(Value::as_f64).map(|clip| clip as f32);
    Ok(setting)
}

/// The model's training graph, and a second program that only evaluates.
struct Run<'a> {
    case: &'a Case,
    sheet: Sheet<'a>,
    inputs: [ValueId; 2],
    loss: [ValueId; 2],
}

impl<'a> Run<'a> {
    fn new(case: &'a Case, model: &LanguageModel, setting: &Setting) -> Result<Self, Refusal> {
        let mut sheet = Sheet::new(case);
        let (time, batch) = (case.integer("time")?, case.integer("batch")?);
        let graph = &mut sheet.graph;
        let inputs = ["tokens", "targets"].map(|path| graph.input(path, [time, batch], Kind::Ids));
        let parameters = model.parameters(graph);
        let forward = |sheet: &mut Sheet<'_>, program: &str| -> Result<ValueId, Refusal> {
            let states = model.states(&mut sheet.graph, program, batch);
            let pass = model.forward(&mut sheet.graph, &parameters, inputs[0], &states)?;
            let nll = sheet.graph.cross_entropy(pass.logits, inputs[1], None)?;
            let loss = sheet.graph.mean(nll)?;
            sheet.graph.name(loss, format!("{program}/loss"));
            Ok(loss)
        };
        let trained = forward(&mut sheet, "train")?;
        sheet.graph.keep_gradients(trained)?;
        sheet.graph.optimise(setting.optimiser)?;
        sheet.graph.program("evaluate");
        let evaluated = forward(&mut sheet, "evaluate")?;
        Ok(Run { case, sheet, inputs, loss: [trained, evaluated] })
    }

    async fn train(&mut self, backend: &Backend, setting: &Setting, steps: usize) -> Result<Produced, Refusal> {
        let graph = &self.sheet.graph;
        let (hyper, norms) = (graph.find("hyper")?, graph.find("gradient_norms")?);
        let mut machine = self.sheet.load(backend, &[self.loss[0], norms]).await?;
        for parameter in graph.parameters() {
            let data = &self.case.tensor(&format!("param/{}", parameter.name))?.data;
            sheet::write(machine.as_mut(), parameter.value, data)?;
        }
        for (input, skipped) in self.inputs.iter().zip([0, 1]) {
            machine.write_ids(*input, &window(self.case, skipped)?)?;
        }
        let mut produced = Produced::default();
        let (mut losses, mut totals) = (Vec::new(), Vec::new());
        for step in 0..steps {
            setting.write(machine.as_mut(), hyper, step as u64 + 1)?;
            machine.run(0)?;
            if step == 0 {
                for (parameter, gradient) in graph.parameters().iter().zip(graph.parameter_gradients()) {
                    let data = sheet::read(machine.as_mut(), &[*gradient]).await?;
                    produced.tensors.insert(format!("grad/param/{}", parameter.name), data);
                }
            }
            let row = machine.take_journal().await?;
            losses.push(f64::from(row[0]));
            totals.push(row[1..].iter().map(|norm| f64::from(*norm).powi(2)).sum::<f64>().sqrt());
        }
        machine.run(1)?;
        losses.extend(sheet::read(machine.as_mut(), &self.loss[1..]).await?);
        for parameter in graph.parameters() {
            let data = sheet::read(machine.as_mut(), &[parameter.value]).await?;
            produced.tensors.insert(format!("trace/final/{}", parameter.name), data);
        }
        produced.tensors.insert("out/loss".to_owned(), vec![losses[0]]);
        produced.tensors.insert("trace/loss".to_owned(), losses);
        produced.tensors.insert("trace/total_norm".to_owned(), totals);
        Ok(produced)
    }
}

/// The tokens without the last (`skipped` 0) or the first (1) of each sequence, by time.
fn window(case: &Case, skipped: usize) -> Result<Vec<u32>, Refusal> {
    let tokens = case.tensor("in/tokens")?;
    let (time, batch) = (tokens.shape[1] - 1, tokens.shape[0]);
    let rows = swap_axes(&tokens.shape, &tokens.data).1;
    Ok(rows[skipped * batch..(skipped + time) * batch].iter().map(|id| *id as u32).collect())
}
