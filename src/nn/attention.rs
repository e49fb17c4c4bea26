//! A recurrent decoder that attends to a memory: the states of an encoder, one for each place of the source.
//!
//! For every target step i the decoder's state s scores every place j of the memory h; the softmax of these energies
//! are the weights, and the context c_i is the sum of the memory weighted so. Bahdanau et al. (2015) score with the
//! state *before* the step and feed the context to the cell; Luong et al. (2015) score with the state *after* it and use
//! the context for the prediction only. Shapes: I target steps, B sequences, J source places; sequences are (T, B, F).

use crate::engine::cell::Cell;
use crate::engine::error::EngineError;
use crate::engine::graph::{Gradients, Graph, Initial, Kind, Op, RecurrentInput, RecurrentOutput, ValueId};
use crate::engine::kernels::binary::Binary;
use crate::engine::kernels::unary::Unary;

use super::recurrent::LayerState;
use super::{embedding, linear};

/// How well a state s and a place h of the memory fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// v . tanh(W_1 s + W_2 h), with so many units (Bahdanau et al. 2015).
    Additive { width: usize },
    /// s . h (Luong et al. 2015): states and memory are equally wide.
    Dot,
    /// s . (W_a h) (Luong et al. 2015).
    General,
}

/// Which state asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// s_{i-1}, and the cell reads [y_i; c_i] (Bahdanau et al. 2015). Runs step by step.
    Previous,
    /// s_i; the cell reads y_i alone, the context joins at the prediction. The recurrence is one op.
    Current,
}

/// The architecture. As PyTorch: `embed = nn.Embedding`, `gru = nn.GRUCell` (or `lstm`, `rnn`), `W_1`, `W_2`, `W_a`, `W_c`
/// = `nn.Linear(.., bias=False)`, `v` a vector, `out = nn.Linear`.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionDecoder {
    /// The recurrent cell.
    pub cell: Cell,
    /// Target tokens V.
    pub vocabulary: usize,
    /// Width of the target embedding.
    pub embedding: usize,
    /// Units H of the decoder.
    pub hidden: usize,
    /// Units E of the memory.
    pub memory: usize,
    /// The energies.
    pub score: Score,
    /// The state that asks.
    pub query: Query,
    /// Whether the prediction is made from tanh(W_c [c; s]) (Luong et al. 2015), not from [s; c].
    pub attentional: bool,
}

/// The parameters of the decoder.
#[derive(Clone, Debug)]
pub struct DecoderParameters {
    embed: ValueId,
    cell: CellParameters,
    score: ScoreParameters,
    attentional: Option<ValueId>,
    out: (ValueId, ValueId),
}

/// As `nn.GRUCell` has them.
#[derive(Clone, Copy, Debug)]
struct CellParameters {
    weight_ih: ValueId,
    weight_hh: ValueId,
    /// bias_ih and bias_hh.
    biases: [ValueId; 2],
}

#[derive(Clone, Copy, Debug)]
enum ScoreParameters {
    Additive { query: ValueId, key: ValueId, v: ValueId },
    Dot,
    General { weight: ValueId },
}

/// What is attended to.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// The encoder's states (J, B, E).
    pub states: ValueId,
    /// What queries are compared with: W_2 h (J, B, A) for additive energies, else the states themselves.
    pub keys: ValueId,
    /// (B, J), 1 where there is a token: elsewhere weights are exactly 0. Without it all places count.
    pub mask: Option<ValueId>,
}

/// Weights that are forced upon the attention. A forced pair (target step, source place) gets the given weight w in 0..1;
/// the other places of that step share 1 - w in the proportion they have without the forced ones. Where all else is
/// masked or forced the weights sum to what was forced. Places without a token cannot be forced.
#[derive(Clone, Copy, Debug)]
pub struct Forced {
    /// (I, B, J), 1 at forced pairs, 0 elsewhere: all 0 leaves the attention alone.
    pub pairs: ValueId,
    /// (I, B, J), the weights of forced pairs; not looked at elsewhere.
    pub weights: ValueId,
}

/// The attention of some target steps.
#[derive(Clone, Copy, Debug)]
pub struct Attended {
    /// (I, B, J); where there is no token any number.
    pub energies: ValueId,
    /// (I, B, J), 0 where there is no token.
    pub weights: ValueId,
    /// (I, B, E).
    pub context: ValueId,
}

/// What a decoder computes.
#[derive(Clone, Debug)]
pub struct DecoderPass {
    /// (I, B, V).
    pub logits: ValueId,
    /// Energies, weights and contexts of all steps.
    pub attended: Attended,
    /// States and gates of all steps.
    pub layer: RecurrentOutput,
    /// tanh(W_c [c; s]) (I, B, H), where the model has it.
    pub attentional: Option<ValueId>,
    /// Hidden states as they were computed: all steps at once, or one by one.
    steps: Vec<ValueId>,
    /// Contexts likewise.
    contexts: Vec<ValueId>,
}

/// One step of a decoder, for generating: the values that go in and come out.
#[derive(Clone, Debug)]
pub struct DecodingStep {
    /// (1, N) ids.
    pub tokens: ValueId,
    /// What is attended to, (J, N, ..).
    pub memory: Memory,
    /// The state before the step: h (1, N, H), and c.
    pub before: LayerState,
    /// The state after the step, alike.
    pub after: LayerState,
    /// (1, N, V).
    pub logits: ValueId,
    /// The attention of this step.
    pub attended: Attended,
}

impl AttentionDecoder {
    /// Adds the parameters, their names beginning with `prefix`.
    pub fn parameters(&self, graph: &mut Graph, prefix: &str) -> DecoderParameters {
        let (hidden, memory) = (self.hidden, self.memory);
        let embed = embedding(graph, &format!("{prefix}embed.weight"), self.vocabulary, self.embedding);
        let mut weight = |name: &str, shape: &[usize]| graph.parameter(format!("{prefix}{name}"), shape);
        let score = match self.score {
            Score::Additive { width } => ScoreParameters::Additive {
                query: weight("W_1.weight", &[width, hidden]),
                key: weight("W_2.weight", &[width, memory]),
                v: weight("v", &[width]),
            },
            Score::Dot => ScoreParameters::Dot,
            Score::General => ScoreParameters::General { weight: weight("W_a.weight", &[hidden, memory]) },
        };
        let gates = self.cell.gates() * hidden;
        let input = self.embedding + if self.query == Query::Previous { memory } else { 0 };
        let cell = self.cell.description().module;
        let mut recurrent = |name: &str, shape: &[usize]| {
            let value = graph.parameter(format!("{prefix}{cell}.{name}"), shape);
            graph.start(value, Initial::torch(hidden));
            value
        };
        let cell = CellParameters {
            weight_ih: recurrent("weight_ih", &[gates, input]),
            weight_hh: recurrent("weight_hh", &[gates, hidden]),
            biases: [recurrent("bias_ih", &[gates]), recurrent("bias_hh", &[gates])],
        };
        let both = hidden + memory;
        let attentional = self.attentional.then(|| graph.parameter(format!("{prefix}W_c.weight"), [hidden, both]));
        let read = if self.attentional { hidden } else { both };
        let out = linear(graph, &format!("{prefix}out"), read, self.vocabulary);
        DecoderParameters { embed, cell, score, attentional, out }
    }

    /// The encoder's states (J, B, E) as a memory; `mask` (B, J) is 1 where there is a token ([`Op::LengthMask`]).
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the states do not fit.
    pub fn memory(
        &self,
        graph: &mut Graph,
        parameters: &DecoderParameters,
        states: ValueId,
        mask: Option<ValueId>,
    ) -> Result<Memory, EngineError> {
        let keys = match parameters.score {
            ScoreParameters::Additive { key, .. } => graph.matmul(states, key, false, true)?,
            ScoreParameters::Dot | ScoreParameters::General { .. } => states,
        };
        Ok(Memory { states, keys, mask })
    }

    /// Logits for the target `tokens` (I, B), each step reading the one before it: teacher forcing. The states before the
    /// first step are (B, H) or (1, B, H), as an encoder leaves them.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when something does not fit.
    pub fn forward(
        &self,
        graph: &mut Graph,
        parameters: &DecoderParameters,
        tokens: ValueId,
        state: LayerState,
        memory: &Memory,
        forced: Option<Forced>,
    ) -> Result<DecoderPass, EngineError> {
        let embedded = graph.embedding(tokens, parameters.embed, None)?;
        let steps = match self.query {
            Query::Current => self.after_all_steps(graph, parameters, embedded, state, memory, forced)?,
            Query::Previous => self.step_by_step(graph, parameters, embedded, state, memory, forced)?,
        };
        let Steps { layer, attended } = join(graph, &steps)?;
        let (s, c) = (layer.h, attended.context);
        let (attentional, logits) = match parameters.attentional {
            Some(weight) => {
                let sum = linear_of_parts(graph, &[c, s], weight)?;
                let a = graph.unary(Unary::Tanh, sum)?;
                (Some(a), graph.linear(a, parameters.out.0, Some(parameters.out.1))?)
            }
            None => {
                let product = linear_of_parts(graph, &[s, c], parameters.out.0)?;
                (None, graph.binary(Binary::Add, product, parameters.out.1)?)
            }
        };
        let contexts = steps.iter().map(|step| step.attended.context).collect();
        let steps = steps.iter().map(|step| step.layer.h).collect();
        Ok(DecoderPass { logits, attended, layer, attentional, steps, contexts })
    }

    /// The recurrence runs first, then all steps attend at once.
    fn after_all_steps(
        &self,
        graph: &mut Graph,
        parameters: &DecoderParameters,
        embedded: ValueId,
        state: LayerState,
        memory: &Memory,
        forced: Option<Forced>,
    ) -> Result<Vec<Steps>, EngineError> {
        let x_proj = graph.matmul(embedded, parameters.cell.weight_ih, false, true)?;
        let layer = self.recurrent(graph, parameters, x_proj, state)?;
        let attended = attend(graph, parameters, layer.h, memory, forced)?;
        Ok(vec![Steps { layer, attended }])
    }

    /// Attention and cell in turn.
    fn step_by_step(
        &self,
        graph: &mut Graph,
        parameters: &DecoderParameters,
        embedded: ValueId,
        state: LayerState,
        memory: &Memory,
        forced: Option<Forced>,
    ) -> Result<Vec<Steps>, EngineError> {
        let weight = parameters.cell.weight_ih;
        let of_token = graph.slice(weight, 1, 0, self.embedding)?;
        let of_context = graph.slice(weight, 1, self.embedding, self.memory)?;
        let tokens = graph.matmul(embedded, of_token, false, true)?;
        let mut state = LayerState { h: one_step(graph, state.h)?, c: state.c };
        let mut steps = Vec::new();
        for step in 0..graph.shape(tokens).0[0] {
            let mut part = |x: ValueId| graph.slice(x, 0, step, 1);
            let token = part(tokens)?;
            let forced = match forced {
                Some(all) => Some(Forced { pairs: part(all.pairs)?, weights: part(all.weights)? }),
                None => None,
            };
            let attended = attend(graph, parameters, state.h, memory, forced)?;
            let context = graph.matmul(attended.context, of_context, false, true)?;
            let x_proj = graph.binary(Binary::Add, context, token)?;
            let layer = self.recurrent(graph, parameters, x_proj, state)?;
            state = LayerState { h: layer.h, c: layer.c };
            steps.push(Steps { layer, attended });
        }
        Ok(steps)
    }

    fn recurrent(
        &self,
        graph: &mut Graph,
        parameters: &DecoderParameters,
        x_proj: ValueId,
        state: LayerState,
    ) -> Result<RecurrentOutput, EngineError> {
        let CellParameters { weight_hh, biases, .. } = parameters.cell;
        let input = RecurrentInput::new(x_proj, weight_hh, biases, state.h, state.c);
        graph.recurrent(self.cell, &input)
    }

    /// Adds inputs `PREFIX/pairs` and `PREFIX/weights` (I, B, J) that force weights; nothing is forced until they are
    /// written.
    pub fn forced(graph: &mut Graph, prefix: &str, [steps, batch, places]: [usize; 3]) -> Forced {
        let mut input = |name: &str| graph.input(format!("{prefix}/{name}"), [steps, batch, places], Kind::Float);
        Forced { pairs: input("pairs"), weights: input("weights") }
    }

    /// One step for `batch` hypotheses of sources with `places` places, all that changes from step to step being inputs:
    /// `PREFIX/tokens`, `PREFIX/h`, `PREFIX/c`, `PREFIX/memory`, `PREFIX/keys`, `PREFIX/mask`. What comes out has the
    /// paths `PREFIX/logits`, `PREFIX/h_next`, `PREFIX/c_next`, `PREFIX/energies`, `PREFIX/attention`, `PREFIX/context`.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn decoding_step(
        &self,
        graph: &mut Graph,
        parameters: &DecoderParameters,
        prefix: &str,
        batch: usize,
        places: usize,
    ) -> Result<DecodingStep, EngineError> {
        let tokens = graph.input(format!("{prefix}/tokens"), [1, batch], Kind::Ids);
        let mut input = |name: &str, shape: &[usize]| graph.input(format!("{prefix}/{name}"), shape, Kind::Float);
        let state = [1, batch, self.hidden];
        let before = LayerState { h: input("h", &state), c: self.cell.has_cell_state().then(|| input("c", &state)) };
        let states = input("memory", &[places, batch, self.memory]);
        let keys = match self.score {
            Score::Additive { width } => input("keys", &[places, batch, width]),
            Score::Dot | Score::General => states,
        };
        let memory = Memory { states, keys, mask: Some(input("mask", &[batch, places])) };
        let pass = self.forward(graph, parameters, tokens, before, &memory, None)?;
        let after = LayerState { h: pass.layer.h, c: pass.layer.c };
        pass.name(graph, prefix);
        graph.name(after.h, format!("{prefix}/h_next"));
        if let Some(c) = after.c {
            graph.name(c, format!("{prefix}/c_next"));
        }
        Ok(DecodingStep { tokens, memory, before, after, logits: pass.logits, attended: pass.attended })
    }
}

/// Some target steps, or one.
#[derive(Clone, Copy)]
struct Steps {
    layer: RecurrentOutput,
    attended: Attended,
}

/// Energies, weights and contexts of the queries (I, B, H).
fn attend(
    graph: &mut Graph,
    parameters: &DecoderParameters,
    query: ValueId,
    memory: &Memory,
    forced: Option<Forced>,
) -> Result<Attended, EngineError> {
    let energies = match parameters.score {
        ScoreParameters::Additive { query: weight, v, .. } => {
            let query = graph.matmul(query, weight, false, true)?;
            graph.apply(Op::AdditiveEnergy, &[query, memory.keys, v])?[0]
        }
        ScoreParameters::Dot => graph.einsum("i b e, j b e -> i b j", &[], query, memory.keys)?,
        ScoreParameters::General { weight } => {
            let query = graph.matmul(query, weight, false, false)?;
            graph.einsum("i b e, j b e -> i b j", &[], query, memory.keys)?
        }
    };
    let weights = match forced {
        Some(forced) => forced_weights(graph, energies, memory.mask, forced)?,
        None => {
            let operands: Vec<ValueId> = std::iter::once(energies).chain(memory.mask).collect();
            graph.apply(Op::Softmax, &operands)?[0]
        }
    };
    let context = graph.einsum("i b j, j b e -> i b e", &[], weights, memory.states)?;
    Ok(Attended { energies, weights, context })
}

/// See [`Forced`]: w at forced pairs, and (1 - sum w) times the softmax over the others.
fn forced_weights(
    graph: &mut Graph,
    energies: ValueId,
    mask: Option<ValueId>,
    forced: Forced,
) -> Result<ValueId, EngineError> {
    let mut within = |x: ValueId| mask.map_or(Ok(x), |mask| graph.binary(Binary::Mul, x, mask));
    let pairs = within(forced.pairs)?;
    let free = graph.affine(pairs, -1.0, 1.0)?;
    let free = mask.map_or(Ok(free), |mask| graph.binary(Binary::Mul, free, mask))?;
    let others = graph.apply(Op::Softmax, &[energies, free])?[0];
    let fixed = graph.binary(Binary::Mul, pairs, forced.weights)?;
    let sum = graph.apply(Op::SumLast, &[fixed])?[0];
    let rest = graph.affine(sum, -1.0, 1.0)?;
    let width = graph.shape(energies).last();
    let rest = graph.apply(Op::ExpandLast { width }, &[rest])?[0];
    let others = graph.binary(Binary::Mul, others, rest)?;
    graph.binary(Binary::Add, others, fixed)
}

/// A state (B, H) as a sequence of one step (1, B, H).
fn one_step(graph: &mut Graph, state: ValueId) -> Result<ValueId, EngineError> {
    let mut shape = graph.shape(state).clone();
    if shape.0.len() == 3 {
        return Ok(state);
    }
    shape.0.insert(0, 1);
    Ok(graph.apply(Op::ExpandLeading { shape }, &[state])?[0])
}

/// Steps one after the other.
fn join(graph: &mut Graph, steps: &[Steps]) -> Result<Steps, EngineError> {
    if let [all] = steps {
        return Ok(*all);
    }
    let mut all = |part: &dyn Fn(&Steps) -> Option<ValueId>| -> Result<Option<ValueId>, EngineError> {
        let parts: Vec<ValueId> = steps.iter().filter_map(part).collect();
        if parts.is_empty() { Ok(None) } else { graph.concat(&parts, 0).map(Some) }
    };
    let nothing = || EngineError::Shape { op: "attention", detail: "no target step".to_owned() };
    let layer = RecurrentOutput {
        h: all(&|step| Some(step.layer.h))?.ok_or_else(nothing)?,
        c: all(&|step| step.layer.c)?,
        gates: all(&|step| step.layer.gates)?,
    };
    let attended = Attended {
        energies: all(&|step| Some(step.attended.energies))?.ok_or_else(nothing)?,
        weights: all(&|step| Some(step.attended.weights))?.ok_or_else(nothing)?,
        context: all(&|step| Some(step.attended.context))?.ok_or_else(nothing)?,
    };
    Ok(Steps { layer, attended })
}

/// W [x; y; ..] without putting the parts together: W is cut instead.
fn linear_of_parts(graph: &mut Graph, parts: &[ValueId], weight: ValueId) -> Result<ValueId, EngineError> {
    let (mut start, mut sum) = (0, None);
    for part in parts {
        let width = graph.shape(*part).last();
        let own = graph.slice(weight, 1, start, width)?;
        let product = graph.matmul(*part, own, false, true)?;
        sum = Some(sum.map_or(Ok(product), |sum| graph.binary(Binary::Add, sum, product))?);
        start += width;
    }
    sum.ok_or_else(|| EngineError::Shape { op: "linear", detail: "nothing to multiply with".to_owned() })
}

impl DecoderPass {
    /// Gives what views show its paths: `PREFIX/logits`, `PREFIX/energies`, `PREFIX/attention` (the weights) and
    /// `PREFIX/context`.
    pub fn name(&self, graph: &mut Graph, prefix: &str) {
        let Attended { energies, weights, context } = self.attended;
        let all = [("logits", self.logits), ("energies", energies), ("attention", weights), ("context", context)];
        for (name, value) in all {
            graph.name(value, format!("{prefix}/{name}"));
        }
    }

    /// Total derivatives dL/ds_i in the states, through this and all later steps: of all steps at once, or one by one;
    /// steps the loss does not depend on are left out.
    pub fn state_gradients(&self, gradients: &Gradients) -> Vec<ValueId> {
        self.steps.iter().filter_map(|states| gradients.total(*states)).collect()
    }

    /// dL/dc_i in the contexts, alike.
    pub fn context_gradients(&self, gradients: &Gradients) -> Vec<ValueId> {
        self.contexts.iter().filter_map(|context| gradients.of(*context)).collect()
    }
}
