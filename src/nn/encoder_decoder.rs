//! An encoder-decoder with or without attention, as one model: a recurrent encoder, and a decoder that starts from its
//! final states and, where it attends, looks back at all of them.

use super::attention::{Attended, AttentionDecoder, DecoderParameters, Forced, Memory};
use super::embedding;
use super::recurrent::{LayerParameters, LayerState, Output, Recurrent, Run, SequenceInput};
use super::rollout::DecoderStep;
use super::seq2seq::{Seq2Seq, Seq2SeqParameters};
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Op, RecurrentOutput, ValueId};

/// The architecture.
#[derive(Clone, Debug, PartialEq)]
pub enum EncoderDecoder {
    /// The context is all the decoder has ([`Seq2Seq`]).
    Plain(Seq2Seq),
    /// It also attends to the encoder's states. Parameters: `encoder_embed`, `encoder`, then the decoder's under
    /// `decoder.`.
    Attending {
        /// Tokens of the source.
        source_vocabulary: usize,
        /// One layer that reads the source.
        encoder: Recurrent,
        /// Its memory and its hidden size are the encoder's width.
        decoder: AttentionDecoder,
    },
}

/// The parameters.
#[derive(Clone, Debug)]
pub enum Parameters {
    /// Of [`EncoderDecoder::Plain`].
    Plain(Seq2SeqParameters),
    /// Of [`EncoderDecoder::Attending`].
    Attending {
        /// (source vocabulary, embedding).
        embed: ValueId,
        /// Of every direction.
        encoder: Vec<LayerParameters>,
        /// The decoder's.
        decoder: Box<DecoderParameters>,
    },
}

/// What the encoder makes of a source.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Its layers and directions.
    pub encoder: Output,
    /// What each layer of the decoder starts from, (B, H).
    pub states: Vec<LayerState>,
    /// What the decoder attends to, if it does.
    pub memory: Option<Memory>,
}

/// What the decoder makes of tokens.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// (T, B, V).
    pub logits: ValueId,
    /// The top layer's states (T, B, H).
    pub output: ValueId,
    /// Bottom first.
    pub layers: Vec<RecurrentOutput>,
    /// Energies, weights and contexts, if it attends.
    pub attended: Option<Attended>,
}

impl EncoderDecoder {
    /// Adds the parameters.
    pub fn parameters(&self, graph: &mut Graph) -> Parameters {
        match self {
            EncoderDecoder::Plain(model) => Parameters::Plain(model.parameters(graph)),
            EncoderDecoder::Attending { source_vocabulary, encoder, decoder } => Parameters::Attending {
                embed: embedding(graph, "encoder_embed.weight", *source_vocabulary, encoder.input),
                encoder: encoder.parameters(graph, "encoder."),
                decoder: Box::new(decoder.parameters(graph, "decoder.")),
            },
        }
    }

    /// The encoder's layers.
    pub fn encoder(&self) -> Recurrent {
        match self {
            EncoderDecoder::Plain(model) => model.encoder(),
            EncoderDecoder::Attending { encoder, .. } => encoder.clone(),
        }
    }

    /// The decoder's layers, as those that see their gates want them.
    pub fn decoder(&self) -> Recurrent {
        match self {
            EncoderDecoder::Plain(model) => model.decoder(),
            EncoderDecoder::Attending { decoder, .. } => {
                Recurrent::new(decoder.cell, decoder.embedding, decoder.hidden)
            }
        }
    }

    /// Reads sources (S, B) u32 of these lengths (B) u32.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the operands do not fit.
    pub fn encode(
        &self,
        graph: &mut Graph,
        parameters: &Parameters,
        source: ValueId,
        lengths: ValueId,
    ) -> Result<Encoded, EngineError> {
        match (self, parameters) {
            (EncoderDecoder::Plain(model), Parameters::Plain(parameters)) => {
                let encoded = model.encode(graph, parameters, source, Some(lengths))?;
                Ok(Encoded { encoder: encoded.encoder, states: encoded.states, memory: None })
            }
            (
                EncoderDecoder::Attending { encoder, decoder, .. },
                Parameters::Attending { embed, encoder: weights, decoder: own },
            ) => {
                let embedded = graph.embedding(source, *embed, None)?;
                let run = Run { lengths: Some(lengths), ..Run::new(SequenceInput::Features(embedded)) };
                let output = encoder.forward(graph, weights, &run)?;
                let h = joined(graph, &output.h_n)?.ok_or_else(mixed)?;
                let states = vec![LayerState { h, c: joined(graph, &output.c_n)? }];
                let steps = graph.shape(source).0[0];
                let mask = graph.apply(Op::LengthMask { steps }, &[lengths])?[0];
                let memory = decoder.memory(graph, own, output.output, Some(mask))?;
                Ok(Encoded { encoder: output, states, memory: Some(memory) })
            }
            _ => Err(mixed()),
        }
    }

    /// Reads tokens (T, B) u32, teacher forced or fed before, from what the encoder made.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the operands do not fit.
    pub fn decode(
        &self,
        graph: &mut Graph,
        parameters: &Parameters,
        tokens: ValueId,
        encoded: &Encoded,
        forced: Option<Forced>,
    ) -> Result<Decoded, EngineError> {
        match (self, parameters, &encoded.memory, encoded.states.first()) {
            (EncoderDecoder::Plain(model), Parameters::Plain(parameters), ..) => {
                let pass = model.decode(graph, parameters, tokens, None, &encoded.states)?;
                Ok(Decoded { logits: pass.logits, output: pass.output, layers: pass.layers, attended: None })
            }
            (
                EncoderDecoder::Attending { decoder, .. },
                Parameters::Attending { decoder: own, .. },
                Some(memory),
                Some(state),
            ) => {
                let pass = decoder.forward(graph, own, tokens, *state, memory, forced)?;
                let (output, layers) = (pass.layer.h, vec![pass.layer]);
                Ok(Decoded { logits: pass.logits, output, layers, attended: Some(pass.attended) })
            }
            _ => Err(mixed()),
        }
    }

    /// One step of a [`rollout`](super::rollout::rollout): a token (1, B) in the states h (and c) of each layer, as
    /// [`LayerState::flat`] has them, attending to what the encoder made.
    ///
    /// # Errors
    /// [`EngineError::Shape`] when the operands do not fit.
    pub fn step(
        &self,
        graph: &mut Graph,
        parameters: &Parameters,
        encoded: &Encoded,
        token: ValueId,
        states: &[ValueId],
    ) -> Result<DecoderStep, EngineError> {
        let states = LayerState::of(self.decoder().cell, states);
        let from = Encoded { states, ..encoded.clone() };
        let decoded = self.decode(graph, parameters, token, &from, None)?;
        let sequences = decoded.layers.iter().flat_map(|layer| [Some(layer.h), layer.c]).flatten();
        let states = sequences.map(|state| graph.final_state(state, false, None)).collect::<Result<_, _>>()?;
        Ok(DecoderStep { logits: decoded.logits, states })
    }
}

/// The states of both directions one after the other; `None` where there is none.
fn joined(graph: &mut Graph, states: &[ValueId]) -> Result<Option<ValueId>, EngineError> {
    match states {
        [] => Ok(None),
        [state] => Ok(Some(*state)),
        both => graph.concat(both, 1).map(Some),
    }
}

fn mixed() -> EngineError {
    EngineError::Shape { op: "encoder-decoder", detail: "parts of another model".to_owned() }
}
