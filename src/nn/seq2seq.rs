//! Sequence to sequence (Sutskever et al. 2014; Cho et al. 2014): an encoder reads the source, its final states are the
//! decoder's initial ones.

use super::losses::masked_cross_entropy;
use super::recurrent::{LayerParameters, LayerState, Output, Recurrent, Run, SequenceInput};
use super::rollout::DecoderStep;
use super::{embedding, linear};
use crate::engine::cell::Cell;
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, RecurrentOutput, ValueId};

/// The architecture. Encoder and decoder have as many layers; each layer of the decoder starts from the final states of
/// the encoder's, of both directions one after the other where there are two.
#[derive(Clone, Debug, PartialEq)]
pub struct Seq2Seq {
    /// The cell of encoder and decoder.
    pub cell: Cell,
    /// Stacked layers of each.
    pub layers: usize,
    /// Whether the encoder reads in both directions; the decoder then has 2 H units.
    pub bidirectional: bool,
    /// Tokens of the source.
    pub source_vocabulary: usize,
    /// Tokens V of the target.
    pub target_vocabulary: usize,
    /// Width of both embeddings.
    pub embedding: usize,
    /// Units H of a direction of the encoder.
    pub hidden: usize,
}

/// The parameters: `encoder_embed`, `decoder_embed`, `encoder`, `decoder`, `output_proj`.
#[derive(Clone, Debug)]
pub struct Seq2SeqParameters {
    encoder_embed: ValueId,
    decoder_embed: ValueId,
    /// The encoder's layers and directions.
    pub encoder: Vec<LayerParameters>,
    /// The decoder's layers.
    pub decoder: Vec<LayerParameters>,
    out_weight: ValueId,
    out_bias: ValueId,
}

/// What the encoder makes of a source.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Its states, `output` (S, B, directions * H): what attention reads.
    pub encoder: Output,
    /// The context: what each layer of the decoder starts from, (B, directions * H).
    pub states: Vec<LayerState>,
}

/// What the decoder makes of a target.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// (T, B, V).
    pub logits: ValueId,
    /// The top layer's states (T, B, H).
    pub output: ValueId,
    /// Bottom first.
    pub layers: Vec<RecurrentOutput>,
}

impl Seq2Seq {
    /// The encoder's layers.
    pub fn encoder(&self) -> Recurrent {
        let Seq2Seq { layers, bidirectional, .. } = *self;
        Recurrent { layers, bidirectional, ..Recurrent::new(self.cell, self.embedding, self.hidden) }
    }

    /// The decoder's layers.
    pub fn decoder(&self) -> Recurrent {
        Recurrent { layers: self.layers, ..Recurrent::new(self.cell, self.embedding, self.encoder().width()) }
    }

    /// Adds the parameters, in this order.
    pub fn parameters(&self, graph: &mut Graph) -> Seq2SeqParameters {
        let encoder_embed = embedding(graph, "encoder_embed.weight", self.source_vocabulary, self.embedding);
        let decoder_embed = embedding(graph, "decoder_embed.weight", self.target_vocabulary, self.embedding);
        let encoder = self.encoder().parameters(graph, "encoder.");
        let decoder = self.decoder().parameters(graph, "decoder.");
        let (out_weight, out_bias) = linear(graph, "output_proj", self.decoder().hidden, self.target_vocabulary);
        Seq2SeqParameters { encoder_embed, decoder_embed, encoder, decoder, out_weight, out_bias }
    }

    /// Reads sources (S, B) u32 of these lengths (B) u32, or all of S steps.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the operands do not fit.
    pub fn encode(
        &self,
        graph: &mut Graph,
        parameters: &Seq2SeqParameters,
        source: ValueId,
        lengths: Option<ValueId>,
    ) -> Result<Encoded, EngineError> {
        let embedded = graph.embedding(source, parameters.encoder_embed, None)?;
        let run = Run { lengths, ..Run::new(SequenceInput::Features(embedded)) };
        let encoder = self.encoder().forward(graph, &parameters.encoder, &run)?;
        let directions = self.encoder().directions();
        let mut layer = |states: &[ValueId]| match states {
            [state] => Ok(*state),
            both => graph.concat(both, 1),
        };
        let h = encoder.h_n.chunks(directions).map(&mut layer).collect::<Result<Vec<ValueId>, EngineError>>()?;
        let c = encoder.c_n.chunks(directions).map(&mut layer).collect::<Result<Vec<ValueId>, EngineError>>()?;
        let states = h.iter().enumerate().map(|(at, h)| LayerState { h: *h, c: c.get(at).copied() }).collect();
        Ok(Encoded { encoder, states })
    }

    /// Reads targets (T, B) u32, the first of which is the begin token, from a context: teacher forcing. Beyond the
    /// `lengths` (B) u32 of the targets, if there are any, logits are the bias.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the operands do not fit.
    pub fn decode(
        &self,
        graph: &mut Graph,
        parameters: &Seq2SeqParameters,
        target: ValueId,
        lengths: Option<ValueId>,
        states: &[LayerState],
    ) -> Result<Decoded, EngineError> {
        let embedded = graph.embedding(target, parameters.decoder_embed, None)?;
        let run = Run { lengths, states, ..Run::new(SequenceInput::Features(embedded)) };
        let Output { output, layers, .. } = self.decoder().forward(graph, &parameters.decoder, &run)?;
        let logits = graph.linear_ragged(output, parameters.out_weight, Some(parameters.out_bias), lengths)?;
        Ok(Decoded { logits, output, layers })
    }

    /// One step of a [`rollout`](super::rollout::rollout): a token (1, B) in the states h (and c) of each layer, as
    /// [`LayerState::flat`] has them.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the operands do not fit.
    pub fn step(
        &self,
        graph: &mut Graph,
        parameters: &Seq2SeqParameters,
        token: ValueId,
        states: &[ValueId],
    ) -> Result<DecoderStep, EngineError> {
        let states = LayerState::of(self.cell, states);
        let decoded = self.decode(graph, parameters, token, None, &states)?;
        let sequences = decoded.layers.iter().flat_map(|layer| [Some(layer.h), layer.c]).flatten();
        let states = sequences.map(|state| graph.final_state(state, false, None)).collect::<Result<_, _>>()?;
        Ok(DecoderStep { logits: decoded.logits, states })
    }

    /// The teacher-forced loss of a batch: the mean cross entropy over the targets (T, B) u32 that are not `padding`, 0
    /// with gradient 0 where all are. `given` are the targets one step later, with the begin token first.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the operands do not fit.
    pub fn loss(
        &self,
        graph: &mut Graph,
        parameters: &Seq2SeqParameters,
        batch: &Seq2SeqBatch,
    ) -> Result<Seq2SeqPass, EngineError> {
        let encoded = self.encode(graph, parameters, batch.source, batch.source_lengths)?;
        let decoded = self.decode(graph, parameters, batch.given, batch.target_lengths, &encoded.states)?;
        let loss = masked_cross_entropy(graph, decoded.logits, batch.targets, Some(batch.padding))?;
        Ok(Seq2SeqPass { encoded, decoded, loss })
    }
}

/// Pairs of sequences, padded.
#[derive(Clone, Copy, Debug)]
pub struct Seq2SeqBatch {
    /// (S, B) u32.
    pub source: ValueId,
    /// (B) u32; `None` where all have S steps.
    pub source_lengths: Option<ValueId>,
    /// (T, B) u32: what the decoder reads.
    pub given: ValueId,
    /// (T, B) u32: what it is to say.
    pub targets: ValueId,
    /// (B) u32, if the decoder is to skip the padding; it changes neither loss nor gradient.
    pub target_lengths: Option<ValueId>,
    /// The token that pads.
    pub padding: u32,
}

/// A teacher-forced pass.
#[derive(Clone, Debug)]
pub struct Seq2SeqPass {
    /// The encoder's side.
    pub encoded: Encoded,
    /// The decoder's side.
    pub decoded: Decoded,
    /// A scalar.
    pub loss: ValueId,
}
