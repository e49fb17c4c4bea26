//! A model of state-space blocks that answers at every token: tokens, embedding, blocks (norm, S4D or Mamba, residual), norm, linear layer
//! to logits.

pub mod mamba;
pub mod s4d;

use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Initial, Kind, Op, ValueId};
use crate::engine::kernels::binary::Binary;
use crate::engine::kernels::unary::Unary;

use super::{embedding, linear};
use mamba::{Mamba, MambaParameters};
use s4d::{S4d, S4dParameters};

/// LayerNorm's eps.
const EPS: f32 = 1e-5;

/// How S4D is computed; Mamba, whose system changes from step to step, is always a recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Computation {
    /// State by state.
    Recurrence,
    /// As one convolution with the layer's kernel: no states, always from zero.
    Convolution,
}

/// What mixes the steps of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mixer {
    /// S4D, GELU, linear layer: the plain block, without gate and convolution. The GELU is S4D's own; without any
    /// nonlinearity a stack would be one linear filter.
    S4d(S4d),
    /// A Mamba block, which has gate, convolution and linear layers of its own.
    Mamba(Mamba),
}

/// The architecture. Parameters: `embedding.weight`, for every block `layers.K.norm` and `layers.K.mixer.*` (and
/// `layers.K.output_linear` after S4D), `norm_f`, `lm_head`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StateSpaceModel {
    /// What every block has; its channels (S4D) or width (Mamba) are the model's.
    pub mixer: Mixer,
    /// Blocks.
    pub layers: usize,
    /// Tokens V.
    pub vocabulary: usize,
    /// Numbers of an answer; of a next-token model, V.
    pub outputs: usize,
}

/// Weight and bias.
type Pair = (ValueId, ValueId);

#[derive(Clone, Debug)]
enum MixerParameters {
    S4d(S4dParameters, Pair),
    Mamba(MambaParameters),
}

/// The parameters of a model.
#[derive(Clone, Debug)]
pub struct StateSpaceParameters {
    embedding: ValueId,
    blocks: Vec<(Pair, MixerParameters)>,
    norm: Pair,
    head: Pair,
}

/// What a block starts from.
#[derive(Clone, Debug)]
pub struct BlockState {
    /// (B, H, N, 2) of S4D, (B, D, N) of Mamba.
    pub x: ValueId,
    /// The inputs of Mamba's convolution before the first step, earliest first, (1, B, D) each; empty stands for zeros.
    pub window: Vec<ValueId>,
}

/// What a block computes.
#[derive(Clone, Debug)]
pub struct BlockPass {
    /// (T, B, width), residual added.
    pub output: ValueId,
    /// The state after every step: (T, B, H, N, 2) of S4D in recurrent mode, (T, B, D, N) of Mamba.
    pub states: Option<ValueId>,
    /// The window after the last step, as in [`BlockState`].
    pub window: Vec<ValueId>,
    /// What can be watched, by its usual symbol: `A` (poles), `delta` (step lengths), `dA`, `dB`, `kernel` (T, 1, H), `y`;
    /// of Mamba `A`, `delta`, `B`, `C`, `conv`, `z`, `y`. What nobody names is not computed.
    pub signals: Vec<(&'static str, ValueId)>,
}

/// What a forward pass computes.
#[derive(Clone, Debug)]
pub struct StateSpacePass {
    /// (T, B, outputs).
    pub logits: ValueId,
    /// Tokens as vectors (T, B, width).
    pub embedded: ValueId,
    /// Bottom first.
    pub layers: Vec<BlockPass>,
}

impl StateSpaceModel {
    /// Width of the model.
    pub fn width(&self) -> usize {
        match self.mixer {
            Mixer::S4d(layer) => layer.channels,
            Mixer::Mamba(block) => block.model,
        }
    }

    /// Adds the parameters.
    pub fn parameters(&self, graph: &mut Graph) -> StateSpaceParameters {
        let width = self.width();
        let embedding = embedding(graph, "embedding.weight", self.vocabulary, width);
        let blocks = (0..self.layers)
            .map(|layer| {
                let norm = norm_parameters(graph, &format!("layers.{layer}.norm"), width);
                let prefix = format!("layers.{layer}.mixer.");
                let mixer = match &self.mixer {
                    Mixer::S4d(own) => {
                        let parameters = own.parameters(graph, &prefix);
                        let out = linear(graph, &format!("layers.{layer}.output_linear"), width, width);
                        MixerParameters::S4d(parameters, out)
                    }
                    Mixer::Mamba(own) => MixerParameters::Mamba(own.parameters(graph, &prefix)),
                };
                (norm, mixer)
            })
            .collect();
        let norm = norm_parameters(graph, "norm_f", width);
        let head = linear(graph, "lm_head", width, self.outputs);
        StateSpaceParameters { embedding, blocks, norm, head }
    }

    /// Inputs for the states of `batch` sequences, `{program}/x/K` and `{program}/window/K/J`; zero until they are
    /// written.
    pub fn states(&self, graph: &mut Graph, program: &str, batch: usize) -> Vec<BlockState> {
        let state = |layer: usize| match self.mixer {
            Mixer::S4d(S4d { channels, modes, .. }) => {
                let x = graph.input(format!("{program}/x/{layer}"), [batch, channels, modes, 2], Kind::Float);
                BlockState { x, window: Vec::new() }
            }
            Mixer::Mamba(Mamba { inner, state, taps, .. }) => {
                let x = graph.input(format!("{program}/x/{layer}"), [batch, inner, state], Kind::Float);
                let window = |at| graph.input(format!("{program}/window/{layer}/{at}"), [1, batch, inner], Kind::Float);
                BlockState { x, window: (0..taps - 1).map(window).collect() }
            }
        };
        (0..self.layers).map(state).collect()
    }

    /// Logits for `tokens` (T, B).
    ///
    /// # Errors
    /// [`EngineError::Shape`] when tokens or states do not fit.
    pub fn forward(
        &self,
        graph: &mut Graph,
        parameters: &StateSpaceParameters,
        computation: Computation,
        tokens: ValueId,
        states: &[BlockState],
    ) -> Result<StateSpacePass, EngineError> {
        let embedded = graph.embedding(tokens, parameters.embedding, None)?;
        let (mut x, mut layers) = (embedded, Vec::new());
        for ((norm, mixer), state) in parameters.blocks.iter().zip(states) {
            let normalised = normalise(graph, x, *norm)?;
            let mut pass = match (&self.mixer, mixer) {
                (Mixer::S4d(own), MixerParameters::S4d(parameters, out)) => {
                    s4d_block(graph, own, parameters, *out, computation, normalised, state)?
                }
                (Mixer::Mamba(own), MixerParameters::Mamba(parameters)) => {
                    mamba_block(graph, own, parameters, normalised, state)?
                }
                _ => return Err(EngineError::Shape { op: "block", detail: "parameters of another mixer".to_owned() }),
            };
            pass.output = graph.binary(Binary::Add, x, pass.output)?;
            x = pass.output;
            layers.push(pass);
        }
        let top = normalise(graph, x, parameters.norm)?;
        let (weight, bias) = parameters.head;
        Ok(StateSpacePass { logits: graph.linear(top, weight, Some(bias))?, embedded, layers })
    }

    /// Every carried state as (before, after): inputs of the pass, and what they are for the steps that follow.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for a pass in convolution mode, which has no states.
    pub fn carried(
        &self,
        graph: &mut Graph,
        pass: &StateSpacePass,
        states: &[BlockState],
    ) -> Result<Vec<[ValueId; 2]>, EngineError> {
        let mut pairs = Vec::new();
        for (layer, state) in pass.layers.iter().zip(states) {
            let none = || EngineError::Shape { op: "carry", detail: "a convolution has no states".to_owned() };
            let all = layer.states.ok_or_else(none)?;
            let steps = graph.shape(all).0[0];
            let last = if steps == 1 { all } else { graph.slice(all, 0, steps - 1, 1)? };
            pairs.push([state.x, last]);
            pairs.extend(state.window.iter().zip(&layer.window).map(|(before, after)| [*before, *after]));
        }
        Ok(pairs)
    }
}

fn s4d_block(
    graph: &mut Graph,
    layer: &S4d,
    parameters: &S4dParameters,
    out: Pair,
    computation: Computation,
    u: ValueId,
    state: &BlockState,
) -> Result<BlockPass, EngineError> {
    let system = layer.system(graph, parameters)?;
    let kernel = layer.kernel(graph, parameters, &system, graph.shape(u).0[0])?;
    let (y, states) = match computation {
        Computation::Convolution => (layer.convolution(graph, parameters, kernel, u)?, None),
        Computation::Recurrence => {
            let scan = layer.recurrence(graph, parameters, &system, u, state.x)?;
            (scan.y, Some(scan.states))
        }
    };
    let active = graph.unary(Unary::Gelu, y)?;
    let output = graph.linear(active, out.0, Some(out.1))?;
    let signals = vec![
        ("A", system.poles),
        ("delta", system.dt),
        ("dA", system.decay),
        ("dB", system.input),
        ("kernel", kernel),
        ("y", y),
    ];
    Ok(BlockPass { output, states, window: Vec::new(), signals })
}

fn mamba_block(
    graph: &mut Graph,
    block: &Mamba,
    parameters: &MambaParameters,
    u: ValueId,
    state: &BlockState,
) -> Result<BlockPass, EngineError> {
    let pass = block.forward(graph, parameters, u, state.x, &state.window)?;
    let signals = vec![
        ("A", pass.a),
        ("delta", pass.delta),
        ("B", pass.b),
        ("C", pass.c),
        ("conv", pass.conv),
        ("z", pass.z),
        ("y", pass.scan),
    ];
    Ok(BlockPass { output: pass.y, states: Some(pass.states), window: pass.window, signals })
}

/// `nn.LayerNorm(width)`.
fn norm_parameters(graph: &mut Graph, name: &str, width: usize) -> Pair {
    let mut parameter = |part: &str, number: f32| {
        let value = graph.parameter(format!("{name}.{part}"), [width]);
        graph.start(value, Initial::Constant(number));
        value
    };
    (parameter("weight", 1.0), parameter("bias", 0.0))
}

fn normalise(graph: &mut Graph, x: ValueId, (weight, bias): Pair) -> Result<ValueId, EngineError> {
    let y = graph.apply(Op::LayerNorm { eps: EPS }, &[x])?[0];
    let scaled = graph.binary(Binary::Mul, y, weight)?;
    graph.binary(Binary::Add, scaled, bias)
}
