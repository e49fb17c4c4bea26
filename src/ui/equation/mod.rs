//! The equation behind one number of a heat map, with that number's own numbers: what is added, multiplied and
//! squashed, and whether it comes to what the engine says.

mod backward;
mod mathml;

pub use backward::gradient_path;

use mathml::{apply, before, equation, indexed, joined, labelled, now, number, operator, result, text};

use crate::engine::cell::Cell;
use crate::order;
use crate::ui::format;
use crate::ui::store::{FrameStore, Tensor};

/// Terms of a recurrent sum that are written out; the rest is one number.
const TERMS: usize = 4;

/// The numbers that a model of numbers reads, (T', F).
pub const FEATURES: &str = "probe/features";

/// One number of a heat map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The cell.
    pub cell: Cell,
    /// Layer, from 0.
    pub layer: usize,
    /// Symbol of the gate or state.
    pub signal: &'static str,
    /// Hidden unit, from 0.
    pub unit: usize,
    /// Timestep, from 0.
    pub step: usize,
    /// The character read at this timestep.
    pub character: String,
}

/// An equation with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Lines of MathML: the rule first, then its numbers.
    pub lines: Vec<String>,
    /// What the written numbers come to.
    pub computed: f64,
    /// What the engine says.
    pub engine: f64,
    /// The gradient that comes back to it; `None` until it has come.
    pub gradient: Option<Gradient>,
}

/// dL/dX of the number X, L being the loss of the probe text's own next characters.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// Lines of MathML.
    pub lines: Vec<String>,
    /// What the written numbers come to, where they are a product of what stands beside them.
    pub computed: Option<f64>,
    /// What the engine says.
    pub engine: f64,
}

impl Explanation {
    /// Whether both agree to the digits shown.
    pub fn agrees(&self) -> bool {
        (self.computed - self.engine).abs() <= 1e-3 * self.engine.abs().max(1.0)
    }
}

/// The path of a signal over the probe text.
pub fn signal_path(layer: usize, symbol: &str) -> String {
    format!("probe/layers/{layer}/{symbol}")
}

/// The paths of a layer's parameters.
pub fn parameter_paths(layer: usize) -> [String; 4] {
    ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|kind| parameter_path(&format!("rnn.{kind}_l{layer}")))
}

/// The path of a parameter, as it is trained.
pub fn parameter_path(name: &str) -> String {
    format!("parameters/{name}")
}

/// Explains the number at `site`; `None` until a frame carries all it takes.
pub fn explain(store: &FrameStore, site: &Site) -> Option<Explanation> {
    let numbers = Numbers { store, site };
    let engine = numbers.now(site.signal)?;
    let (lines, computed) = match (site.cell, site.signal) {
        (Cell::Lstm, "c") => cell_state(&numbers)?,
        (Cell::Lstm, "h") => gated_state(&numbers)?,
        (Cell::Gru, "h") => mixed_state(&numbers, "n", "h")?,
        (Cell::GruTextbook, "h") => mixed_state(&numbers, "h", "n")?,
        (Cell::Gru, "n") => reset_candidate(&numbers)?,
        _ => squashed_sum(&numbers)?,
    };
    let gradient = backward::explain(&numbers);
    let gradient = gradient.map(|(lines, computed, engine)| Gradient { lines, computed, engine });
    Some(Explanation { lines, computed, engine, gradient })
}

struct Numbers<'a> {
    store: &'a FrameStore,
    site: &'a Site,
}

/// The parts of a pre-activation.
struct Sum {
    input: f64,
    input_bias: f64,
    recurrent: f64,
    recurrent_bias: f64,
    /// Unit, weight and what it is multiplied with; the largest products first.
    terms: Vec<(usize, f64, f64)>,
}

impl Numbers<'_> {
    fn signal(&self, symbol: &str) -> Option<Tensor<'_>> {
        self.store.tensor(&signal_path(self.site.layer, symbol))
    }

    fn now(&self, symbol: &str) -> Option<f64> {
        self.signal(symbol)?.at(self.site.step, self.site.unit).map(f64::from)
    }

    /// A state's value one step earlier; before the first step states are 0.
    fn before(&self, symbol: &str) -> Option<f64> {
        match self.site.step.checked_sub(1) {
            Some(step) => self.signal(symbol)?.at(step, self.site.unit).map(f64::from),
            None => Some(0.0),
        }
    }

    /// What the recurrent matrix multiplies: h of the step before, in the textbook's GRU candidate reset first.
    fn recurrent_input(&self) -> Option<Vec<f64>> {
        let hidden = self.signal("h")?;
        let Some(step) = self.site.step.checked_sub(1) else { return Some(vec![0.0; hidden.size().1]) };
        let mut state: Vec<f64> = hidden.row(step).iter().copied().map(f64::from).collect();
        if self.site.cell == Cell::GruTextbook && self.site.signal == "n" {
            let reset = self.signal("r")?.row(self.site.step);
            state.iter_mut().zip(reset).for_each(|(value, reset)| *value *= f64::from(*reset));
        }
        Some(state)
    }

    fn sum(&self) -> Option<Sum> {
        let site = self.site;
        let gate = site.cell.signals().iter().position(|signal| signal.symbol == site.signal)?;
        let state = self.recurrent_input()?;
        let row = if site.cell.gates() == 1 { site.unit } else { gate * state.len() + site.unit };
        let [input_weights, weights, input_bias, bias] = parameter_paths(site.layer);
        let weights = self.store.tensor(&weights)?.row(row);
        let mut terms: Vec<(usize, f64, f64)> =
            weights.iter().zip(&state).enumerate().map(|(unit, (w, h))| (unit, f64::from(*w), *h)).collect();
        order::sort_by(&mut terms, |a, b| (b.1 * b.2).abs().total_cmp(&(a.1 * a.2).abs()));
        Some(Sum {
            input: self.input(self.store.tensor(&input_weights)?.row(row))?,
            input_bias: f64::from(self.store.tensor(&input_bias)?.at(row, 0)?),
            recurrent: terms.iter().map(|(_, weight, value)| weight * value).sum(),
            recurrent_bias: f64::from(self.store.tensor(&bias)?.at(row, 0)?),
            terms,
        })
    }

    /// W x: the first layer reads one character, so one column of W; the next reads the states below.
    fn input(&self, weights: &[f32]) -> Option<f64> {
        let dot = |values: &[f32]| weights.iter().zip(values).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
        match self.site.layer.checked_sub(1) {
            None if self.store.tensor(FEATURES).is_some() => {
                self.store.tensor(FEATURES).map(|features| dot(features.row(self.site.step)))
            }
            None => {
                let token = *self.store.header.probe_tokens.get(self.site.step)? as usize;
                weights.get(token).copied().map(f64::from)
            }
            Some(below) => Some(dot(self.store.tensor(&signal_path(below, "h"))?.row(self.site.step))),
        }
    }
}

type Worked = (Vec<String>, f64);

/// c = f c' + i g.
fn cell_state(numbers: &Numbers) -> Option<Worked> {
    let (f, c, i, g) = (numbers.now("f")?, numbers.before("c")?, numbers.now("i")?, numbers.now("g")?);
    let computed = f * c + i * g;
    let products = |left: [String; 4]| {
        let [f, c, i, g] = left;
        f + &operator("\u{b7}") + &c + &operator("+") + &i + &operator("\u{b7}") + &g
    };
    let rule = products([now("f"), before("c"), now("i"), now("g")]);
    let filled =
        products([labelled(f, &now("f")), labelled(c, &before("c")), labelled(i, &now("i")), labelled(g, &now("g"))]);
    Some((vec![equation(&[now("c"), rule]), equation(&[now("c"), filled, result(computed)])], computed))
}

/// h = o tanh(c).
fn gated_state(numbers: &Numbers) -> Option<Worked> {
    let (o, c) = (numbers.now("o")?, numbers.now("c")?);
    let computed = o * c.tanh();
    let dot = operator("\u{b7}");
    let rule = now("o") + &dot + &apply("tanh", &now("c"));
    let filled = labelled(o, &now("o")) + &dot + &apply("tanh", &labelled(c, &now("c")));
    let last = number(o) + &dot + &number(c.tanh());
    Some((vec![equation(&[now("h"), rule]), equation(&[now("h"), filled, last, result(computed)])], computed))
}

/// h = (1 - z) fresh + z kept; the two GRUs differ in which is which.
fn mixed_state(numbers: &Numbers, fresh: &str, kept: &str) -> Option<Worked> {
    let z = numbers.now("z")?;
    let value = |symbol: &str| if symbol == "h" { numbers.before("h") } else { numbers.now(symbol) };
    let (a, b) = (value(fresh)?, value(kept)?);
    let label = |symbol: &str| if symbol == "h" { before("h") } else { now(symbol) };
    let computed = (1.0 - z) * a + z * b;
    let shape = |z: [String; 2], a: String, b: String| {
        let dot = operator("\u{b7}");
        let [left, right] = z;
        format!("<mo>(</mo><mn>1</mn><mo>\u{2212}</mo>{left}<mo>)</mo>{dot}{a}<mo>+</mo>{right}{dot}{b}")
    };
    let rule = shape([now("z"), now("z")], label(fresh), label(kept));
    let z = labelled(z, &now("z"));
    let filled = shape([z.clone(), z], labelled(a, &label(fresh)), labelled(b, &label(kept)));
    Some((vec![equation(&[now("h"), rule]), equation(&[now("h"), filled, result(computed)])], computed))
}

/// n = tanh(W x + b + r (W h + b)).
fn reset_candidate(numbers: &Numbers) -> Option<Worked> {
    let (sum, r) = (numbers.sum()?, numbers.now("r")?);
    let total = sum.input + sum.input_bias + r * (sum.recurrent + sum.recurrent_bias);
    let computed = total.tanh();
    let shape = |parts: [String; 4], r: String| {
        let [x, input_bias, h, bias] = parts;
        format!("{x}<mo>+</mo>{input_bias}<mo>+</mo>{r}<mo>\u{b7}</mo><mo>(</mo>{h}<mo>+</mo>{bias}<mo>)</mo>")
    };
    let rule = shape(labels(numbers.site), now("r"));
    let filled = shape(labelled_parts(numbers.site, &sum), labelled(r, &now("r")));
    let lines = vec![
        equation(&[now("n"), apply("tanh", &rule)]),
        equation(&[filled, result(total)]),
        equation(&[now("n"), apply("tanh", &result(total)), result(computed)]),
        written_out(numbers.site, &sum),
    ];
    Some((lines, computed))
}

/// A gate, a candidate or a plain RNN's state: squash(W x + b + W h + b).
fn squashed_sum(numbers: &Numbers) -> Option<Worked> {
    let site = numbers.site;
    let sum = numbers.sum()?;
    let total = sum.input + sum.input_bias + sum.recurrent + sum.recurrent_bias;
    let signed = site.cell.signals().iter().any(|signal| signal.symbol == site.signal && signal.signed);
    let (function, computed) = match (site.cell, signed) {
        (Cell::RnnRelu, _) => ("max", total.max(0.0)),
        (_, true) => ("tanh", total.tanh()),
        (_, false) => ("\u{3c3}", 1.0 / (1.0 + (-total).exp())),
    };
    let argument = |inner: String| if function == "max" { format!("<mn>0</mn><mo>,</mo>{inner}") } else { inner };
    let lines = vec![
        equation(&[now(site.signal), apply(function, &argument(joined(&labels(site), "+")))]),
        equation(&[joined(&labelled_parts(site, &sum), "+"), result(total)]),
        equation(&[now(site.signal), apply(function, &argument(result(total))), result(computed)]),
        written_out(site, &sum),
    ];
    Some((lines, computed))
}

/// The four parts of a pre-activation as symbols.
fn labels(site: &Site) -> [String; 4] {
    let gate = if site.cell.gates() == 1 { "" } else { site.signal };
    let weight = |kind: &str| indexed("W", &format!("{kind}{gate}"));
    let bias = |kind: &str| indexed("b", &format!("{kind}{gate}"));
    let reset = site.cell == Cell::GruTextbook && site.signal == "n";
    let state =
        if reset { format!("<mo>(</mo>{}<mo>\u{2299}</mo>{}<mo>)</mo>", now("r"), before("h")) } else { before("h") };
    let input = if site.layer == 0 {
        now("x")
    } else {
        "<msubsup><mi>h</mi><mi>t</mi><mtext>below</mtext></msubsup>".to_owned()
    };
    [weight("i") + &input, bias("i"), weight("h") + &state, bias("h")]
}

fn labelled_parts(site: &Site, sum: &Sum) -> [String; 4] {
    let [input, input_bias, state, bias] = labels(site);
    let read =
        if site.layer == 0 { input + &text(&format!(" for {}", format::visible(&site.character))) } else { input };
    [
        labelled(sum.input, &read),
        labelled(sum.input_bias, &input_bias),
        labelled(sum.recurrent, &state),
        labelled(sum.recurrent_bias, &bias),
    ]
}

/// The recurrent sum: its largest terms, weight times state, and the rest.
fn written_out(site: &Site, sum: &Sum) -> String {
    let largest = &sum.terms[..TERMS.min(sum.terms.len())];
    let mut parts: Vec<String> = largest
        .iter()
        .map(|(unit, weight, value)| {
            let product = number(*weight) + &operator("\u{b7}") + &number(*value);
            format!("<munder><mrow>{product}</mrow>{}</munder>", text(&format!("unit {}", unit + 1)))
        })
        .collect();
    let others = sum.terms.len() - largest.len();
    if others > 0 {
        let rest = sum.recurrent - largest.iter().map(|(_, weight, value)| weight * value).sum::<f64>();
        parts.push(format!("<munder>{}{}</munder>", number(rest), text(&format!("{others} other units"))));
    }
    let [_, _, state, _] = labels(site);
    equation(&[state, joined(&parts, "+"), result(sum.recurrent)])
}

/// The rule of a signal in words, for the panel's heading.
pub fn heading(site: &Site) -> String {
    let signal = site.cell.signals().iter().find(|signal| signal.symbol == site.signal);
    signal.map_or_else(String::new, |signal| signal.name.to_owned())
}

#[cfg(test)]
mod tests;
