//! The Transformer (Vaswani et al. 2017) with the normalisation before each part (Xiong et al. 2020): multi-head
//! self-attention and a feed-forward layer, each added to what went in.
//!
//! Sequences are (T, B, D); head k has the units k d .. (k + 1) d of queries, keys and values, d = D / heads.

use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Initial, Kind, Op, ValueId};
use crate::engine::kernels::binary::Binary;
use crate::engine::kernels::unary::Unary;

use super::{embedding, linear};

/// `nn.TransformerEncoderLayer(model, heads, feed_forward, norm_first=True, dropout=0)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// D: units of the residual stream.
    pub model: usize,
    /// Heads; they divide D.
    pub heads: usize,
    /// Units of the feed-forward layer.
    pub feed_forward: usize,
    /// Its activation: relu, gelu (erf) or gelu_tanh.
    pub activation: Unary,
    /// Whether a place sees only itself and what is before it.
    pub causal: bool,
    /// Of both LayerNorms; PyTorch's is 1e-5.
    pub eps: f32,
}

/// Weight and bias.
type Affine = (ValueId, ValueId);

/// The parameters of a block.
#[derive(Clone, Copy, Debug)]
pub struct BlockParameters {
    in_proj: Affine,
    out_proj: Affine,
    linear1: Affine,
    linear2: Affine,
    norm1: Affine,
    norm2: Affine,
}

/// What a block computes.
#[derive(Clone, Copy, Debug)]
pub struct BlockPass {
    /// What goes into the attention (T, B, D).
    pub norm1: ValueId,
    /// Attention weights (B, heads, T, T): query, key.
    pub weights: ValueId,
    /// What the attention adds (T, B, D).
    pub attention: ValueId,
    /// (T, B, D).
    pub y: ValueId,
}

/// Keys and values of the places so far (L, B, D): inputs that a run writes to.
#[derive(Clone, Copy, Debug)]
pub struct Cache {
    /// Keys.
    pub keys: ValueId,
    /// Values.
    pub values: ValueId,
}

/// What a block computes for one more place.
#[derive(Clone, Copy, Debug)]
pub struct CachedPass {
    /// Attention weights (B, heads, L), 0 beyond the place.
    pub weights: ValueId,
    /// (1, B, D).
    pub y: ValueId,
}

/// softmax(q k^T / sqrt(d)) v within each head (`F.scaled_dot_product_attention`): q (I, B, D), k and v (J, B, D) give
/// (I, B, D) and the weights (B, heads, I, J). Causal: place i sees 0 ..= i + J - I.
///
/// # Errors
/// [`EngineError::Shape`] when they do not fit.
pub fn scaled_dot_product(
    graph: &mut Graph,
    [q, k, v]: [ValueId; 3],
    heads: usize,
    causal: bool,
) -> Result<(ValueId, ValueId), EngineError> {
    let q = scaled(graph, q, heads)?;
    let heads = [('h', heads)];
    let scores = graph.einsum("i b (h d), j b (h d) -> b h i j", &heads, q, k)?;
    let softmax = if causal { Op::CausalSoftmax } else { Op::Softmax };
    let weights = graph.apply(softmax, &[scores])?[0];
    let y = graph.einsum("b h i j, j b (h d) -> i b (h d)", &[], weights, v)?;
    Ok((y, weights))
}

/// q / sqrt(d).
fn scaled(graph: &mut Graph, q: ValueId, heads: usize) -> Result<ValueId, EngineError> {
    let width = graph.shape(q).last() / heads.max(1);
    graph.affine(q, 1.0 / (width as f32).sqrt(), 0.0)
}

fn norm_parameters(graph: &mut Graph, name: &str, width: usize) -> Affine {
    let weight = graph.parameter(format!("{name}.weight"), [width]);
    let bias = graph.parameter(format!("{name}.bias"), [width]);
    graph.start(weight, Initial::Constant(1.0));
    graph.start(bias, Initial::Constant(0.0));
    (weight, bias)
}

/// `nn.LayerNorm`.
fn layer_norm(graph: &mut Graph, x: ValueId, (weight, bias): Affine, eps: f32) -> Result<ValueId, EngineError> {
    let y = graph.apply(Op::LayerNorm { eps }, &[x])?[0];
    let y = graph.binary(Binary::Mul, y, weight)?;
    graph.binary(Binary::Add, y, bias)
}

fn affine(graph: &mut Graph, x: ValueId, (weight, bias): Affine) -> Result<ValueId, EngineError> {
    graph.linear(x, weight, Some(bias))
}

impl Block {
    /// Adds the parameters under PyTorch's names, each beginning with `prefix`, in PyTorch's order.
    pub fn parameters(&self, graph: &mut Graph, prefix: &str) -> BlockParameters {
        let (model, inner) = (self.model, self.feed_forward);
        let name = |own: &str| format!("{prefix}{own}");
        let in_proj = {
            let weight = graph.parameter(name("self_attn.in_proj_weight"), [3 * model, model]);
            let bias = graph.parameter(name("self_attn.in_proj_bias"), [3 * model]);
            // nn.init.xavier_uniform_.
            graph.start(weight, Initial::Uniform((6.0 / (4 * model) as f32).sqrt()));
            graph.start(bias, Initial::Constant(0.0));
            (weight, bias)
        };
        let out_proj = linear(graph, &name("self_attn.out_proj"), model, model);
        graph.start(out_proj.1, Initial::Constant(0.0));
        BlockParameters {
            in_proj,
            out_proj,
            linear1: linear(graph, &name("linear1"), model, inner),
            linear2: linear(graph, &name("linear2"), inner, model),
            norm1: norm_parameters(graph, &name("norm1"), model),
            norm2: norm_parameters(graph, &name("norm2"), model),
        }
    }

    /// The block on x (T, B, D).
    ///
    /// # Errors
    /// [`EngineError::Shape`] when x does not fit or the heads do not divide D.
    pub fn forward(
        &self,
        graph: &mut Graph,
        parameters: &BlockParameters,
        x: ValueId,
    ) -> Result<BlockPass, EngineError> {
        let norm1 = layer_norm(graph, x, parameters.norm1, self.eps)?;
        let qkv = self.projections(graph, parameters, norm1)?;
        let (joined, weights) = scaled_dot_product(graph, qkv, self.heads, self.causal)?;
        let attention = affine(graph, joined, parameters.out_proj)?;
        let y = self.feed_forward(graph, parameters, x, attention)?;
        Ok(BlockPass { norm1, weights, attention, y })
    }

    /// The block on one more place x (1, B, D) of each sequence, at `position` (1, B): its key and value go into the
    /// cache, and it sees what is there up to itself. The same as [`Block::forward`], causal, on all places.
    ///
    /// # Errors
    /// As [`Block::forward`].
    pub fn forward_cached(
        &self,
        graph: &mut Graph,
        parameters: &BlockParameters,
        x: ValueId,
        position: ValueId,
        cache: &Cache,
    ) -> Result<CachedPass, EngineError> {
        let norm1 = layer_norm(graph, x, parameters.norm1, self.eps)?;
        let [q, k, v] = self.projections(graph, parameters, norm1)?;
        graph.cache_write(k, position, cache.keys)?;
        graph.cache_write(v, position, cache.values)?;
        let q = scaled(graph, q, self.heads)?;
        let op = Op::CachedAttention { heads: self.heads };
        let outputs = graph.apply(op, &[q, cache.keys, cache.values, position])?;
        let attention = affine(graph, outputs[0], parameters.out_proj)?;
        let y = self.feed_forward(graph, parameters, x, attention)?;
        Ok(CachedPass { weights: outputs[1], y })
    }

    /// Queries, keys and values.
    fn projections(
        &self,
        graph: &mut Graph,
        parameters: &BlockParameters,
        x: ValueId,
    ) -> Result<[ValueId; 3], EngineError> {
        let all = affine(graph, x, parameters.in_proj)?;
        let mut part = |at: usize| graph.slice(all, 2, at * self.model, self.model);
        Ok([part(0)?, part(1)?, part(2)?])
    }

    /// a = x + attention; a + linear2(activation(linear1(norm2(a)))).
    fn feed_forward(
        &self,
        graph: &mut Graph,
        parameters: &BlockParameters,
        x: ValueId,
        attention: ValueId,
    ) -> Result<ValueId, EngineError> {
        let a = graph.binary(Binary::Add, x, attention)?;
        let norm2 = layer_norm(graph, a, parameters.norm2, self.eps)?;
        let inner = affine(graph, norm2, parameters.linear1)?;
        let active = graph.unary(self.activation, inner)?;
        let outer = affine(graph, active, parameters.linear2)?;
        graph.binary(Binary::Add, a, outer)
    }
}

/// How a place is told from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// sin and cos of the place at wavelengths from 2 pi to 20000 pi (Vaswani et al. 2017, section 3.5).
    Sinusoidal,
    /// `nn.Embedding(longest, model)`.
    Learned,
}

/// A model that answers at every token: `embed` = `nn.Embedding` plus positions, `transformer` =
/// `nn.TransformerEncoder(block, layers, norm)` with a causal mask, `out` = `nn.Linear`. Embeddings are not scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct Transformer {
    /// Tokens V.
    pub vocabulary: usize,
    /// Numbers of an answer; of a next-token model, V.
    pub outputs: usize,
    /// Each layer.
    pub block: Block,
    /// Layers.
    pub layers: usize,
    /// What is added to the embeddings.
    pub positions: Positions,
    /// Most places L of a sequence.
    pub longest: usize,
    /// Whether a LayerNorm follows the last block, as is usual where the norms come first.
    pub final_norm: bool,
}

/// The parameters of the model.
#[derive(Clone, Debug)]
pub struct TransformerParameters {
    embed: ValueId,
    /// (L, D).
    positions: ValueId,
    layers: Vec<BlockParameters>,
    norm: Option<Affine>,
    out: Affine,
}

/// What the model computes.
#[derive(Clone, Debug)]
pub struct TransformerPass {
    /// (T, B, outputs).
    pub logits: ValueId,
    /// Tokens and places as vectors (T, B, D).
    pub embedded: ValueId,
    /// Bottom first.
    pub layers: Vec<BlockPass>,
}

/// The model for one more token of each sequence.
#[derive(Clone, Debug)]
pub struct CachedStep {
    /// (1, B) ids.
    pub tokens: ValueId,
    /// (1, B) ids: the place of each token, below L.
    pub position: ValueId,
    /// One a layer. They keep their content from run to run; what lies beyond the position is not looked at.
    pub caches: Vec<Cache>,
    /// (1, B, outputs).
    pub logits: ValueId,
}

impl Transformer {
    /// Adds the parameters. Sinusoidal positions are a constant.
    ///
    /// # Errors
    /// None that a positive `longest` and width do not rule out.
    pub fn parameters(&self, graph: &mut Graph) -> Result<TransformerParameters, EngineError> {
        let model = self.block.model;
        let embed = embedding(graph, "embed.weight", self.vocabulary, model);
        let positions = match self.positions {
            Positions::Learned => embedding(graph, "positions.weight", self.longest, model),
            Positions::Sinusoidal => graph.constant([self.longest, model], &sinusoids(self.longest, model))?,
        };
        let block = |layer: usize| self.block.parameters(graph, &format!("transformer.layers.{layer}."));
        let layers = (0..self.layers).map(block).collect();
        let norm = self.final_norm.then(|| norm_parameters(graph, "transformer.norm", model));
        let out = linear(graph, "out", model, self.outputs);
        Ok(TransformerParameters { embed, positions, layers, norm, out })
    }

    /// Logits for `tokens` (T, B), T at most L.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for a sequence that is too long, or heads that do not divide D.
    pub fn forward(
        &self,
        graph: &mut Graph,
        parameters: &TransformerParameters,
        tokens: ValueId,
    ) -> Result<TransformerPass, EngineError> {
        let &[time, batch] = &graph.shape(tokens).0[..] else {
            return Err(EngineError::Shape { op: "transformer", detail: "tokens are (T, B)".to_owned() });
        };
        if time > self.longest {
            let detail = format!("{time} tokens, at most {}", self.longest);
            return Err(EngineError::Shape { op: "transformer", detail });
        }
        let places: Vec<u32> = (0..time * batch).map(|at| (at / batch) as u32).collect();
        let places = graph.constant_ids([time, batch], &places)?;
        let embedded = embedded(graph, parameters, tokens, places)?;
        let (mut x, mut layers) = (embedded, Vec::new());
        for layer in &parameters.layers {
            let pass = self.block.forward(graph, layer, x)?;
            x = pass.y;
            layers.push(pass);
        }
        Ok(TransformerPass { logits: self.logits(graph, parameters, x)?, embedded, layers })
    }

    /// The model for one token of each of `batch` sequences, its work growing with the position only. Inputs:
    /// `PREFIX/tokens`, `PREFIX/position`, `PREFIX/layers/K/keys`, `PREFIX/layers/K/values`; paths: `PREFIX/logits` and
    /// `PREFIX/layers/K/attention` (B, heads, L). A sequence is read token by token from position 0 on.
    ///
    /// # Errors
    /// As [`Transformer::forward`].
    pub fn cached_step(
        &self,
        graph: &mut Graph,
        parameters: &TransformerParameters,
        prefix: &str,
        batch: usize,
    ) -> Result<CachedStep, EngineError> {
        let tokens = graph.input(format!("{prefix}/tokens"), [1, batch], Kind::Ids);
        let position = graph.input(format!("{prefix}/position"), [1, batch], Kind::Ids);
        let mut x = embedded(graph, parameters, tokens, position)?;
        let mut caches = Vec::new();
        for (number, layer) in parameters.layers.iter().enumerate() {
            let shape = [self.longest, batch, self.block.model];
            let mut input = |name: &str| graph.input(format!("{prefix}/layers/{number}/{name}"), shape, Kind::Float);
            let cache = Cache { keys: input("keys"), values: input("values") };
            let pass = self.block.forward_cached(graph, layer, x, position, &cache)?;
            graph.name(pass.weights, format!("{prefix}/layers/{number}/attention"));
            x = pass.y;
            caches.push(cache);
        }
        let logits = self.logits(graph, parameters, x)?;
        graph.name(logits, format!("{prefix}/logits"));
        Ok(CachedStep { tokens, position, caches, logits })
    }

    fn logits(
        &self,
        graph: &mut Graph,
        parameters: &TransformerParameters,
        x: ValueId,
    ) -> Result<ValueId, EngineError> {
        let x = parameters.norm.map_or(Ok(x), |norm| layer_norm(graph, x, norm, self.block.eps))?;
        affine(graph, x, parameters.out)
    }
}

impl TransformerPass {
    /// Gives what views show its paths: `PREFIX/logits` and `PREFIX/layers/K/attention` (B, heads, T, T).
    pub fn name(&self, graph: &mut Graph, prefix: &str) {
        graph.name(self.logits, format!("{prefix}/logits"));
        for (number, layer) in self.layers.iter().enumerate() {
            graph.name(layer.weights, format!("{prefix}/layers/{number}/attention"));
        }
    }
}

/// Tokens and places as vectors (T, B, D), added.
fn embedded(
    graph: &mut Graph,
    parameters: &TransformerParameters,
    tokens: ValueId,
    places: ValueId,
) -> Result<ValueId, EngineError> {
    let x = graph.embedding(tokens, parameters.embed, None)?;
    let positions = graph.embedding(places, parameters.positions, None)?;
    graph.binary(Binary::Add, x, positions)
}

/// (places, width): sin(t / 10000^(2 i / width)) at 2 i, cos of the same at 2 i + 1. Computed in f64, so that rounding to
/// f32 hides in what bits platforms differ.
pub fn sinusoids(places: usize, width: usize) -> Vec<f32> {
    let entry = |at: usize| {
        let (place, unit) = (at / width, at % width);
        let exponent = (unit / 2 * 2) as f64 / width as f64;
        let angle = place as f64 / 10000_f64.powf(exponent);
        (if unit.is_multiple_of(2) { angle.sin() } else { angle.cos() }) as f32
    };
    (0..places * width).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_waves() {
        let table = sinusoids(3, 4);
        assert_eq!(table[..4], [0.0, 1.0, 0.0, 1.0]);
        let expected = [1.0_f64.sin(), 1.0_f64.cos(), 0.01_f64.sin(), 0.01_f64.cos()];
        assert!(table[4..8].iter().zip(expected).all(|(x, y)| (f64::from(*x) - y).abs() < 1e-7));
    }
}
