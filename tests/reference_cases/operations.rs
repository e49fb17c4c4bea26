//! Losses, activations and layers: each op of a case by itself.

use seqlab::engine::graph::{Op, ValueId};
use seqlab::engine::kernels::binary::Binary;
use seqlab::engine::kernels::unary::Unary;

use super::format::Case;
use super::sheet::{Layout, Sheet};
use super::{Backend, Produced, Refusal};

/// Endings that say what the arguments are like, not what the op is.
const VARIANTS: [&str; 3] = ["_extreme", "_small", "_offset"];

pub async fn produce(case: &Case, backend: &Backend) -> Result<Produced, Refusal> {
    case.knows_only(&["ops"])?;
    let mut produced = Produced::default();
    let ops = case.hyper["ops"].as_object().ok_or_else(|| Refusal::Failed("ops is no table".to_owned()))?;
    for (name, text) in ops {
        let text = text.as_str().unwrap_or("");
        match one(case, name, text, backend, &mut produced).await {
            Err(Refusal::Unknown(reason)) => produced.unknown.push((format!("/{name}."), format!("{name}: {reason}"))),
            Err(Refusal::Failed(message)) => return Err(Refusal::Failed(format!("{name}: {message}"))),
            Ok(()) => {}
        }
    }
    Ok(produced)
}

/// An op under construction.
struct Trial<'a> {
    sheet: Sheet<'a>,
    name: &'a str,
    text: &'a str,
    layout: Layout,
    inputs: Vec<(String, ValueId)>,
}

type Made = Result<ValueId, Refusal>;

async fn one(case: &Case, name: &str, text: &str, backend: &Backend, produced: &mut Produced) -> Result<(), Refusal> {
    let base = VARIANTS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    // The convolution is the one op with a notion of time.
    let layout = if base == "conv1d_causal" { Layout::TimeMajor } else { Layout::Same };
    let mut trial = Trial { sheet: Sheet::new(case), name, text, layout, inputs: Vec::new() };
    let loss = trial.loss(base)?;
    trial.sheet.result(format!("out/{name}.loss"), &[loss], Layout::Same);
    let gradients = trial.sheet.graph.gradients(loss)?;
    for (input, id) in &trial.inputs {
        let of = format!("grad/in/{name}.{input}");
        trial.sheet.gradient(&of, &gradients, &[*id], trial.layout_of(*id))?;
    }
    trial.sheet.run(backend, produced).await
}

impl Trial<'_> {
    fn full_name(&self, input: &str) -> String {
        format!("in/{}.{input}", self.name)
    }

    fn has(&self, input: &str) -> bool {
        self.sheet.case.has(&self.full_name(input))
    }

    /// Sequences are laid out by time; vectors and weights are not.
    fn layout_of(&self, id: ValueId) -> Layout {
        let is_sequence = self.sheet.graph.value(id).path.as_deref() != Some(&self.full_name("weight"));
        let is_sequence = is_sequence && self.sheet.graph.shape(id).0.len() == 3;
        if is_sequence { self.layout } else { Layout::Same }
    }

    fn input(&mut self, input: &str) -> Made {
        let name = self.full_name(input);
        let rank = self.sheet.case.tensor(&name)?.shape.len();
        let layout = if rank == 3 && input != "weight" { self.layout } else { Layout::Same };
        let id = self.sheet.input(&name, layout)?;
        self.inputs.push((input.to_owned(), id));
        Ok(id)
    }

    fn apply(&mut self, op: Op, inputs: &[ValueId]) -> Made {
        Ok(self.sheet.graph.apply(op, inputs)?[0])
    }

    /// A number that the op's description gives after `key`.
    fn number(&self, key: &str) -> Result<f64, Refusal> {
        let rest = self.text.split_once(key).map(|(_, rest)| rest.trim_start());
        let digits = rest.map(|rest| rest.split(|c: char| !(c.is_ascii_digit() || "e.-".contains(c))).next());
        let number = digits.flatten().and_then(|digits| digits.trim_end_matches('.').parse().ok());
        number.ok_or_else(|| Refusal::Unknown(format!("no {key} in its description")))
    }

    fn loss(&mut self, base: &str) -> Made {
        match base {
            "ce_ignore_mean" | "ce_ignore_sum" | "ce_mask" | "ce" => self.cross_entropy(),
            "mse_mean" | "mse_sum" | "mse_mask" => self.squared_error(base),
            "bce_logits" => self.binary_cross_entropy(),
            _ => {
                let y = self.value(base)?;
                let layout = if self.layout == Layout::TimeMajor { Layout::TimeMajor } else { Layout::Same };
                self.sheet.result(format!("out/{}.y", self.name), &[y], layout);
                let probe = self.input("probe")?;
                self.sheet.probed(y, probe)
            }
        }
    }

    fn cross_entropy(&mut self) -> Made {
        let (logits, target) = (self.input("logits")?, self.input("target")?);
        self.inputs.pop();
        let ignore = if self.text.contains("ignore_index") { Some(self.number("ignore_index=")? as u32) } else { None };
        let nll = self.sheet.graph.cross_entropy(logits, target, ignore)?;
        self.sheet.result(format!("out/{}.nll", self.name), &[nll], Layout::Same);
        match (ignore, self.has("mask")) {
            (_, true) => {
                let mask = self.input("mask")?;
                Ok(self.sheet.graph.weighted_mean(nll, mask)?)
            }
            (Some(value), false) if self.text.contains("mean") => {
                let kept = self.apply(Op::NotEqual { value }, &[target])?;
                Ok(self.sheet.graph.weighted_mean(nll, kept)?)
            }
            _ => Ok(self.sheet.graph.sum_leading(nll, 0)?),
        }
    }

    fn squared_error(&mut self, base: &str) -> Made {
        let (x, y) = (self.input("x")?, self.input("y")?);
        let graph = &mut self.sheet.graph;
        let difference = graph.binary(Binary::Sub, x, y)?;
        let square = graph.unary(Unary::Square, difference)?;
        match base {
            "mse_mean" => Ok(graph.mean(square)?),
            "mse_sum" => Ok(graph.sum_leading(square, 0)?),
            _ => {
                let features = graph.shape(x).last();
                let rows = self.apply(Op::SumLast, &[square])?;
                let mask = self.input("mask")?;
                let mean = self.sheet.graph.weighted_mean(rows, mask)?;
                Ok(self.sheet.graph.affine(mean, 1.0 / features as f32, 0.0)?)
            }
        }
    }

    /// ln(1 + e^x) - x y.
    fn binary_cross_entropy(&mut self) -> Made {
        let (x, y) = (self.input("x")?, self.input("y")?);
        let graph = &mut self.sheet.graph;
        let all = graph.unary(Unary::Softplus, x)?;
        let chosen = graph.binary(Binary::Mul, x, y)?;
        let each = graph.binary(Binary::Sub, all, chosen)?;
        Ok(graph.mean(each)?)
    }

    fn value(&mut self, base: &str) -> Made {
        match base {
            "softmax" | "log_softmax" | "logsumexp" | "softmax_masked" => self.softmax(base),
            "linear" => {
                let inputs = [self.input("x")?, self.input("weight")?, self.input("bias")?];
                Ok(self.sheet.graph.linear(inputs[0], inputs[1], Some(inputs[2]))?)
            }
            "layer_norm" => self.layer_norm(),
            "embedding" | "embedding_padding" => {
                let ids = self.input("ids")?;
                self.inputs.pop();
                let padding = if base == "embedding" { None } else { Some(self.number("padding_idx=")? as u32) };
                let weight = self.input("weight")?;
                Ok(self.sheet.graph.embedding(ids, weight, padding)?)
            }
            "dropout" => {
                let (x, mask) = (self.input("x")?, self.input("mask")?);
                let kept = self.sheet.graph.binary(Binary::Mul, x, mask)?;
                let scale = 1.0 / (1.0 - self.number("p =")?);
                Ok(self.sheet.graph.affine(kept, scale as f32, 0.0)?)
            }
            "conv1d_causal" => {
                let inputs = [self.input("x")?, self.input("weight")?, self.input("bias")?];
                let product = self.apply(Op::Conv1dCausal, &inputs[..2])?;
                Ok(self.sheet.graph.binary(Binary::Add, product, inputs[2])?)
            }
            _ => self.activation(base),
        }
    }

    fn softmax(&mut self, base: &str) -> Made {
        let x = self.input("x")?;
        match base {
            "softmax" => self.apply(Op::Softmax, &[x]),
            "log_softmax" => self.apply(Op::LogSoftmax, &[x]),
            "logsumexp" => self.apply(Op::LogSumExp, &[x]),
            _ => {
                let mask = self.input("mask")?;
                self.apply(Op::Softmax, &[x, mask])
            }
        }
    }

    fn layer_norm(&mut self) -> Made {
        let x = self.input("x")?;
        let eps = self.number("eps").unwrap_or(1e-5) as f32;
        let y = self.apply(Op::LayerNorm { eps }, &[x])?;
        if !self.has("weight") {
            return Ok(y);
        }
        let (weight, bias) = (self.input("weight")?, self.input("bias")?);
        let scaled = self.sheet.graph.binary(Binary::Mul, y, weight)?;
        Ok(self.sheet.graph.binary(Binary::Add, scaled, bias)?)
    }

    fn activation(&mut self, base: &str) -> Made {
        let kind = Unary::ALL.into_iter().find(|kind| kind.name() == base);
        let kind = if base == "logsigmoid" { Some(Unary::LogSigmoid) } else { kind };
        let kind = kind.ok_or_else(|| Refusal::Unknown("no such op".to_owned()))?;
        let x = self.input("x")?;
        Ok(self.sheet.graph.unary(kind, x)?)
    }
}

#[test]
fn numbers_are_found_in_a_description() {
    let case = Case::empty();
    let trial = |text| Trial { sheet: Sheet::new(&case), name: "", text, layout: Layout::Same, inputs: Vec::new() };
    let number = |text, key| trial(text).number(key).unwrap_or(f64::NAN);
    assert_eq!(number("layer_norm, biased variance, eps 1e-5", "eps"), 1e-5);
    assert_eq!(number("y = x*mask/(1-p), p = 0.3", "p ="), 0.3);
    assert_eq!(number("F.cross_entropy(ignore_index=7), mean", "ignore_index="), 7.0);
    assert!(number("nothing", "eps").is_nan());
}
