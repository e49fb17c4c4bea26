//! What the views see of an encoder-decoder: its answer to the probe, with the truth before it and with its own.

use super::Translator;
use crate::data::strings::{BOS, EOS, PAD};
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Kind, Op, ValueId};
use crate::nn::attention::{AttentionDecoder, Forced, Memory};
use crate::nn::encoder_decoder::{Encoded, Parameters};
use crate::nn::linear;
use crate::nn::recurrent::LayerState;
use crate::spec::Baseline;
use crate::trainer::decoding::{Carried, OneStep};
use crate::trainer::model::name_signals;
use crate::trainer::signals::recurrent_signals;
use crate::trainer::trainable::{Answering, Observation, Own};

impl Translator {
    /// The parameters of the model, and of the value head where it is trained.
    pub(super) fn all_parameters(&self, graph: &mut Graph) -> Parameters {
        let parameters = self.model.parameters(graph);
        if self.reinforces() && self.spec.baseline == Baseline::Learned {
            linear(graph, "baseline", self.model.decoder().hidden, 1);
        }
        parameters
    }

    pub(super) fn observed(&self, probe: &str) -> Result<Observation, EngineError> {
        let probe = self.strings.encode(probe);
        let mut graph = Graph::default();
        let parameters = self.all_parameters(&mut graph);
        let mut padded = probe.clone();
        padded.resize(self.strings.longest(), PAD);
        let target = self.strings.target(&probe);
        let mut given: Vec<u32> = std::iter::once(BOS).chain(target.iter().copied()).collect();
        given.resize(self.steps(), PAD);

        // The target teacher-forced, with all that is inside.
        graph.program("probe");
        let (source, encoded) = self.encoded(&mut graph, &parameters, "probe", 1)?;
        let tokens = graph.input("probe/given", [self.steps(), 1], Kind::Ids);
        let places = [self.steps(), 1, self.strings.longest()];
        let forced = encoded.memory.map(|_| AttentionDecoder::forced(&mut graph, "probe/forced", places));
        let mut signals = self.pass(&mut graph, &parameters, tokens, &encoded, forced, "")?.1;
        let encoder = self.model.encoder();
        signals.extend(recurrent_signals(&mut graph, &encoder, &encoded.encoder.layers, "encoder")?.1);
        name_signals(&mut graph, &signals)?;
        if let Some(memory) = encoded.memory {
            // A value of its own: of a single direction the states have their name already.
            let states = graph.affine(memory.states, 1.0, 0.0)?;
            graph.name(states, "probe/memory");
        }

        // The same with its own tokens before it.
        graph.program("own");
        let own_tokens = graph.input("probe/own/given", [self.steps(), 1], Kind::Ids);
        let again = self.model.encode(&mut graph, &parameters, source[0], source[1])?;
        let (probabilities, signals) = self.pass(&mut graph, &parameters, own_tokens, &again, forced, "own/")?;
        name_signals(&mut graph, &signals)?;
        let answered = (!target.is_empty()).then(|| target.into_iter().chain([EOS]).collect());
        let target = answered.unwrap_or_default();
        let own = Some(Own { program: "own", given: own_tokens, probabilities, padding: PAD, target });

        let step = self.one_step(&mut graph, &parameters, source)?;
        let length = probe.len() as u32;
        let inputs = vec![(source[0], padded), (source[1], vec![length]), (tokens, given)];
        let answer = Answering::Writes { step, first: BOS, end: Some(EOS), begin: Some("begin"), own };
        let (programs, symbols) = (vec!["probe"], self.strings.symbols());
        Ok(Observation { graph, probe, inputs, features: Vec::new(), programs, answer, symbols })
    }

    /// The decoder over tokens (T, 1): its probabilities, named, and its signals: gates and states, and where it attends
    /// energies, weights (T, 1, S) and contexts (T, 1, E).
    fn pass(
        &self,
        graph: &mut Graph,
        parameters: &Parameters,
        tokens: ValueId,
        encoded: &Encoded,
        forced: Option<Forced>,
        prefix: &str,
    ) -> Result<(ValueId, Vec<(String, ValueId)>), EngineError> {
        let decoded = self.model.decode(graph, parameters, tokens, encoded, forced)?;
        let probabilities = graph.apply(Op::Softmax, &[decoded.logits])?[0];
        graph.name(probabilities, format!("probe/{prefix}probabilities"));
        let decoder = format!("{prefix}decoder");
        let mut signals = recurrent_signals(graph, &self.model.decoder(), &decoded.layers, &decoder)?.1;
        if let Some(attended) = decoded.attended {
            let named =
                [("energies", attended.energies), ("attention", attended.weights), ("context", attended.context)];
            signals.extend(named.map(|(name, value)| (format!("{prefix}{name}"), value)));
        }
        Ok((probabilities, signals))
    }

    /// The program `begin`, which hands what the encoder makes of the probe to the decoder, and `sample`, which decodes a
    /// token.
    fn one_step(
        &self,
        graph: &mut Graph,
        parameters: &Parameters,
        source: [ValueId; 2],
    ) -> Result<OneStep, EngineError> {
        graph.program("begin");
        let encoded = self.model.encode(graph, parameters, source[0], source[1])?;
        let width = self.model.decoder().hidden;
        let mut input = |name: String, shape: &[usize]| graph.input(format!("sample/{name}"), shape, Kind::Float);
        let states: Vec<LayerState> = encoded
            .states
            .iter()
            .enumerate()
            .map(|(at, state)| LayerState {
                h: input(format!("h/{at}"), &[1, width]),
                c: state.c.map(|_| input(format!("c/{at}"), &[1, width])),
            })
            .collect();
        let memory = encoded.memory.map(|memory| {
            let mut like = |name: &str, value: ValueId| {
                let shape = graph.shape(value).clone();
                graph.input(format!("sample/{name}"), shape, Kind::Float)
            };
            let own = like("memory", memory.states);
            let keys = if memory.keys == memory.states { own } else { like("keys", memory.keys) };
            Memory { states: own, keys, mask: memory.mask.map(|mask| like("mask", mask)) }
        });
        let pairs = LayerState::flat(&encoded.states).into_iter().zip(LayerState::flat(&states));
        let mut handed: Vec<(ValueId, ValueId)> = pairs.collect();
        if let (Some(from), Some(to)) = (encoded.memory, memory) {
            handed.push((from.states, to.states));
            if from.keys != from.states {
                handed.push((from.keys, to.keys));
            }
            handed.extend(from.mask.zip(to.mask));
        }
        for (from, to) in handed {
            graph.carry(from, to)?;
        }

        graph.program("sample");
        let token = graph.input("sample/tokens", [1, 1], Kind::Ids);
        let before = LayerState::flat(&states);
        let from = Encoded { states, memory, encoder: encoded.encoder };
        let stepped = self.model.step(graph, parameters, &from, token, &before)?;
        graph.name(stepped.logits, "sample/logits");
        let mut carried = Vec::new();
        for (at, (before, after)) in before.into_iter().zip(stepped.states).enumerate() {
            graph.name(after, format!("sample/state/{at}"));
            graph.carry(after, before)?;
            carried.push(Carried { before, after });
        }
        Ok(OneStep { program: "sample", token, position: None, longest: None, logits: stepped.logits, carried })
    }
}
