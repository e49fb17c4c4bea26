//! Encoder-decoders that turn a string into another: teacher forcing, scheduled sampling, REINFORCE, and how well they do
//! when they read what they wrote.

use crate::data::strings::{BOS, EOS, PAD, PairBatch, Strings};
use crate::engine::backend::{Answer, Executable};
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Kind, Op, ValueId};
use crate::engine::kernels::binary::Binary;
use crate::engine::optimiser::Optimiser;
use crate::nn::attention::{AttentionDecoder, Query, Score};
use crate::nn::encoder_decoder::{Decoded, Encoded, EncoderDecoder, Parameters};
use crate::nn::initialise::{Initialisation, initial_parameters};
use crate::nn::linear;
use crate::nn::losses::{PolicyInput, masked_cross_entropy, masked_mse, policy_gradient, value_head};
use crate::nn::recurrent::{LayerState, Recurrent};
use crate::nn::rollout::{Feed, Feedback, Rollout, rollout};
use crate::nn::seq2seq::Seq2Seq;
use crate::spec::{self, Attention, Baseline, ModelSpec, Objective};

use super::decoding::{Carried, OneStep};
use super::evaluation::{Examination, Mean};
use super::model::{name_gradient_norms, name_signals};
use super::reward::{ErrorByPosition, before_end};
use super::schedule::{ratio, toss, uniforms};
use super::scheduled_sampling::{Exposure, column, through_end};
use super::signals::recurrent_signals;
use super::trainable::{Answering, Evaluation, Example, Observation, Trainable, Training, Watch};

/// How much of the moving average of rewards a step keeps.
const DECAY: f32 = 0.9;

/// Strings that are kept for an evaluation.
const HELD_OUT: usize = 128;

/// An encoder-decoder and its task.
pub struct Translator {
    spec: ModelSpec,
    strings: Strings,
    model: EncoderDecoder,
    inputs: Option<Inputs>,
    batch: PairBatch,
    /// The moving average of rewards, once there is one.
    average: Option<f32>,
}

/// What the host writes, and reads, of the training graph. T is one more than the longest source.
#[derive(Clone, Copy)]
struct Inputs {
    /// (S, B) and (B).
    source: [ValueId; 2],
    /// (T, B): BOS, then the target: what teacher forcing feeds.
    given: ValueId,
    /// (T, B): what the training pass reads.
    fed: ValueId,
    /// (T, B).
    targets: ValueId,
    /// (T, B): 1 where a rollout is fed the truth.
    mask: ValueId,
    /// A rollout whose own tokens are the most probable ones.
    greedy: Rollout,
    /// One whose own tokens are drawn, and the uniform numbers (T, B) it draws by.
    drawn: Option<(Rollout, ValueId)>,
    policy: Option<Policy>,
}

/// The inputs of REINFORCE, each (T, B) but the last.
#[derive(Clone, Copy)]
struct Policy {
    mask: ValueId,
    rewards: ValueId,
    baseline: ValueId,
    entropy_weight: ValueId,
}

impl Translator {
    /// The model and the task of a spec.
    pub fn new(spec: &ModelSpec) -> Translator {
        let strings = Strings::new(spec);
        let model = encoder_decoder(spec, strings.vocabulary());
        Translator { spec: spec.clone(), strings, model, inputs: None, batch: PairBatch::default(), average: None }
    }

    /// Steps T of the decoder.
    fn steps(&self) -> usize {
        self.strings.longest() + 1
    }

    fn reinforces(&self) -> bool {
        self.spec.objective == Objective::Reinforce
    }

    /// A source in a program: its inputs and what the encoder makes of it.
    fn encoded(
        &self,
        graph: &mut Graph,
        parameters: &Parameters,
        program: &str,
        batch: usize,
    ) -> Result<([ValueId; 2], Encoded), EngineError> {
        let source = graph.input(format!("{program}/source"), [self.strings.longest(), batch], Kind::Ids);
        let lengths = graph.input(format!("{program}/source_lengths"), [batch], Kind::Ids);
        let encoded = self.model.encode(graph, parameters, source, lengths)?;
        Ok(([source, lengths], encoded))
    }

    fn rollout(
        &self,
        graph: &mut Graph,
        parameters: &Parameters,
        source: [ValueId; 2],
        (truth, mask): (ValueId, ValueId),
        feedback: Feedback,
    ) -> Result<Rollout, EngineError> {
        let encoded = self.model.encode(graph, parameters, source[0], source[1])?;
        let feed = Feed::Mixed { truth, mask };
        let states = LayerState::flat(&encoded.states);
        let run = rollout(graph, self.steps(), feed, feedback, states, |graph, token, states| {
            self.model.step(graph, parameters, &encoded, token, states)
        })?;
        graph.name(run.fed, if matches!(feedback, Feedback::Argmax) { "rollout/fed" } else { "sampled/fed" });
        graph.name(run.chosen, if matches!(feedback, Feedback::Argmax) { "rollout/chosen" } else { "sampled/chosen" });
        Ok(run)
    }

    /// The loss of what was sampled: the policy gradient, and where the baseline is learnt its own error.
    fn policy_loss(
        &self,
        graph: &mut Graph,
        decoded: &Decoded,
        actions: ValueId,
        head: Option<(ValueId, ValueId)>,
    ) -> Result<(ValueId, Policy), EngineError> {
        let shape = graph.shape(actions).clone();
        let mut input = |name: &str| graph.input(format!("train/{name}"), shape.clone(), Kind::Float);
        let [mask, rewards, baseline] = ["mask", "rewards", "baseline"].map(&mut input);
        let entropy_weight = graph.input("train/entropy_weight", [], Kind::Float);
        let (expected, error) = match head {
            Some((weight, bias)) => {
                let values = value_head(graph, decoded.output, weight, bias)?;
                graph.name(values, "train/values");
                (graph.detach(values)?, Some(masked_mse(graph, values, rewards, mask)?))
            }
            None => (baseline, None),
        };
        let advantage = graph.binary(Binary::Sub, rewards, expected)?;
        let input = PolicyInput { logits: decoded.logits, actions, mask, advantage, entropy_weight };
        let policy = policy_gradient(graph, &input)?;
        let entropy = graph.weighted_mean(policy.entropy, mask)?;
        graph.name(entropy, "entropy");
        let loss = error.map_or(Ok(policy.loss), |error| graph.binary(Binary::Add, policy.loss, error))?;
        Ok((loss, Policy { mask, rewards, baseline, entropy_weight }))
    }

    fn inputs(&self) -> Result<Inputs, EngineError> {
        self.inputs.ok_or(EngineError::Unknown { what: "training graph".to_owned() })
    }

    fn write_source(&self, machine: &mut dyn Executable, inputs: &Inputs) -> Result<(), EngineError> {
        machine.write_ids(inputs.source[0], &self.batch.source)?;
        machine.write_ids(inputs.source[1], &self.batch.source_lengths)?;
        machine.write_ids(inputs.given, &self.batch.target_in)?;
        machine.write_ids(inputs.targets, &self.batch.target_out)
    }

    /// The tokens that the decoder is to read in this step: the truth, or what it writes itself now and then.
    async fn feed(&mut self, step: u64, machine: &mut dyn Executable) -> Result<(), EngineError> {
        let inputs = self.inputs()?;
        let ratio = ratio(&self.spec, step);
        if ratio >= 1.0 {
            return machine.write_ids(inputs.fed, &self.batch.target_in);
        }
        let mut mask = vec![0.0; self.batch.target_in.len()];
        toss(self.spec.seed, step, ratio, &mut mask);
        machine.write(inputs.mask, &mask)?;
        let run = self.roll(step, machine, &inputs).await?;
        machine.write_ids(inputs.fed, &run[0])
    }

    /// Runs the rollout that the spec asks for; what was fed and what was chosen.
    async fn roll(
        &self,
        step: u64,
        machine: &mut dyn Executable,
        inputs: &Inputs,
    ) -> Result<[Vec<u32>; 2], EngineError> {
        let run = match inputs.drawn {
            Some((run, place)) => {
                let mut numbers = vec![0.0; self.batch.target_in.len()];
                uniforms(self.spec.seed, step, &mut numbers);
                machine.write(place, &numbers)?;
                machine.run(machine.plan().program("sampled")?)?;
                run
            }
            None => {
                machine.run(machine.plan().program("rollout")?)?;
                inputs.greedy
            }
        };
        let ids = machine.read_ids(&[run.fed, run.chosen]).await?;
        let (fed, chosen) = ids.split_at(self.batch.target_in.len());
        Ok([fed.to_vec(), chosen.to_vec()])
    }

    /// Samples an answer to every source, and writes what each is worth.
    async fn sample(&mut self, step: u64, machine: &mut dyn Executable) -> Result<(), EngineError> {
        let inputs = self.inputs()?;
        let Some(policy) = inputs.policy else { return Ok(()) };
        let (steps, batch) = (self.steps(), self.spec.batch);
        machine.write(inputs.mask, &vec![0.0; steps * batch])?;
        let [fed, chosen] = self.roll(step, machine, &inputs).await?;
        let (mut mask, mut rewards) = (vec![0.0; steps * batch], vec![0.0; steps * batch]);
        let mut sum = 0.0;
        for sequence in 0..batch {
            let sample = column(&chosen, batch, sequence);
            let target = column(&self.batch.target_out, batch, sequence);
            let written = before_end(&sample, EOS).len();
            let worth = self.spec.reward.of(&sample[..written], before_end(&target, EOS));
            sum += worth;
            for t in 0..steps {
                mask[t * batch + sequence] = f32::from(u8::from(t <= written));
                rewards[t * batch + sequence] = worth;
            }
        }
        machine.write_ids(inputs.fed, &fed)?;
        machine.write_ids(inputs.targets, &chosen)?;
        machine.write(policy.mask, &mask)?;
        machine.write(policy.rewards, &rewards)?;
        machine.write(policy.entropy_weight, &[self.spec.entropy])?;
        let mean = sum / batch as f32;
        let expected = self.average.unwrap_or(mean);
        self.average = Some(DECAY * expected + (1.0 - DECAY) * mean);
        machine.write(policy.baseline, &vec![expected; steps * batch])
    }

    /// What the decoder writes when it reads its own tokens, and what it says when it reads the truth, of one batch.
    async fn written(
        &mut self,
        sources: &[Vec<u32>],
        machine: &mut dyn Executable,
    ) -> Result<[Vec<u32>; 2], EngineError> {
        let inputs = self.inputs()?;
        self.strings.pairs(sources.iter().cloned(), self.spec.batch, &mut self.batch);
        self.write_source(machine, &inputs)?;
        let program = machine.plan().program("rollout")?;
        let mut chosen = Vec::new();
        for truth in [0.0, 1.0] {
            machine.write(inputs.mask, &vec![truth; self.batch.target_in.len()])?;
            machine.run(program)?;
            chosen.push(machine.read_ids(&[inputs.greedy.chosen]).await?);
        }
        let forced = chosen.pop().unwrap_or_default();
        Ok([chosen.pop().unwrap_or_default(), forced])
    }
}

impl Translator {
    /// Teacher-forced.
    fn examine(&self) -> Result<Examination, EngineError> {
        let mut graph = Graph::default();
        let parameters = self.model.parameters(&mut graph);
        if self.reinforces() && self.spec.baseline == Baseline::Learned {
            linear(&mut graph, "baseline", self.model.decoder().hidden, 1);
        }
        graph.program("evaluate");
        let (source, encoded) = self.encoded(&mut graph, &parameters, "evaluate", HELD_OUT)?;
        let given = graph.input("evaluate/given", [self.steps(), HELD_OUT], Kind::Ids);
        let targets = graph.input("evaluate/targets", [self.steps(), HELD_OUT], Kind::Ids);
        let decoded = self.model.decode(&mut graph, &parameters, given, &encoded, None)?;
        let losses = graph.cross_entropy(decoded.logits, targets, Some(PAD))?;
        let hits = graph.apply(Op::ArgmaxEquals, &[decoded.logits, targets])?[0];
        graph.name(losses, "evaluate/losses");
        graph.name(hits, "evaluate/hits");
        let mut batch = PairBatch::default();
        self.strings.pairs(self.strings.examined(HELD_OUT).into_iter(), HELD_OUT, &mut batch);
        let mean = |path, of| {
            let right = batch.target_out.clone();
            let group = move |at: usize| right.get(at).is_some_and(|token| *token != PAD).then_some(0);
            Mean { path, of, shape: Vec::new(), group: Box::new(group) }
        };
        let means = vec![mean("evaluation/loss", losses), mean("evaluation/accuracy", hits)];
        let ids = vec![
            (source[0], batch.source),
            (source[1], batch.source_lengths),
            (given, batch.target_in),
            (targets, batch.target_out.clone()),
        ];
        Ok(Examination { graph, ids, numbers: Vec::new(), means, known: Vec::new(), writes: None })
    }
}

impl Trainable for Translator {
    fn training(&mut self, optimiser: Optimiser, watch: Watch) -> Result<Training, EngineError> {
        let (steps, batch) = (self.steps(), self.spec.batch);
        let mut graph = Graph::default();
        let parameters = self.model.parameters(&mut graph);
        let learned = self.reinforces() && self.spec.baseline == Baseline::Learned;
        let head = learned.then(|| linear(&mut graph, "baseline", self.model.decoder().hidden, 1));

        graph.program("train");
        let (source, encoded) = self.encoded(&mut graph, &parameters, "train", batch)?;
        let fed = graph.input("train/fed", [steps, batch], Kind::Ids);
        let targets = graph.input("train/targets", [steps, batch], Kind::Ids);
        let decoded = self.model.decode(&mut graph, &parameters, fed, &encoded, None)?;
        let (loss, policy) = if self.reinforces() {
            let (loss, policy) = self.policy_loss(&mut graph, &decoded, targets, head)?;
            (loss, Some(policy))
        } else {
            (masked_cross_entropy(&mut graph, decoded.logits, targets, Some(PAD))?, None)
        };
        graph.name(loss, "loss");
        let accuracy = match (watch, policy) {
            (Watch::Nothing, _) => None,
            (Watch::Everything, None) => Some(accuracy(&mut graph, decoded.logits, targets)?),
            (Watch::Everything, Some(policy)) => Some(graph.weighted_mean(policy.rewards, policy.mask)?),
        };
        if let Some(accuracy) = accuracy {
            graph.name(accuracy, if policy.is_some() { "reward" } else { "accuracy" });
        }
        let gradients = graph.keep_gradients(loss)?;
        if watch == Watch::Everything {
            for (recurrent, layers, path) in [
                (self.model.encoder(), &encoded.encoder.layers, "encoder"),
                (self.model.decoder(), &decoded.layers, "decoder"),
            ] {
                let (watched, _) = recurrent_signals(&mut graph, &recurrent, layers, path)?;
                name_gradient_norms(&mut graph, &watched, &gradients)?;
            }
        }
        let mut training = Training::close(graph, optimiser, loss, accuracy)?;

        let graph = &mut training.graph;
        graph.program("rollout");
        let given = graph.input("rollout/given", [steps, batch], Kind::Ids);
        let mask = graph.input("rollout/mask", [steps, batch], Kind::Float);
        let greedy = self.rollout(graph, &parameters, source, (given, mask), Feedback::Argmax)?;
        let draws = self.reinforces() || self.spec.feedback == spec::Feedback::Sample;
        let drawn = if draws {
            graph.program("sampled");
            let place = graph.input("sampled/uniforms", [steps, batch], Kind::Float);
            let feedback = Feedback::Sample { uniforms: place };
            Some((self.rollout(graph, &parameters, source, (given, mask), feedback)?, place))
        } else {
            None
        };
        self.inputs = Some(Inputs { source, given, fed, targets, mask, greedy, drawn, policy });
        Ok(training)
    }

    fn initial(&self, graph: &Graph) -> Vec<f32> {
        initial_parameters(graph, self.spec.seed, Initialisation::of(&self.spec))
    }

    fn write_batch<'a>(&'a mut self, step: u64, machine: &'a mut dyn Executable) -> Answer<'a, ()> {
        Box::pin(async move {
            let inputs = self.inputs()?;
            let sources: Vec<Vec<u32>> = self.strings.training(step, self.spec.batch).collect();
            self.strings.pairs(sources.into_iter(), self.spec.batch, &mut self.batch);
            self.write_source(machine, &inputs)?;
            if self.reinforces() { self.sample(step, machine).await } else { self.feed(step, machine).await }
        })
    }

    fn targets(&self) -> Option<usize> {
        Some(self.batch.target_out.iter().filter(|token| **token != PAD).count())
    }

    fn observation(&self, probe: &str) -> Result<Observation, EngineError> {
        let mut probe = self.strings.encode(probe);
        probe.truncate(self.strings.longest());
        let mut graph = Graph::default();
        let parameters = self.model.parameters(&mut graph);
        if self.reinforces() && self.spec.baseline == Baseline::Learned {
            linear(&mut graph, "baseline", self.model.decoder().hidden, 1);
        }
        let mut padded = probe.clone();
        padded.resize(self.strings.longest(), PAD);
        let target = self.strings.target(&probe);
        let mut given: Vec<u32> = std::iter::once(BOS).chain(target).collect();
        given.resize(self.steps(), PAD);

        // The target teacher-forced, for the views.
        graph.program("probe");
        let (source, encoded) = self.encoded(&mut graph, &parameters, "probe", 1)?;
        let tokens = graph.input("probe/given", [self.steps(), 1], Kind::Ids);
        let places = [self.steps(), 1, self.strings.longest()];
        let forced = encoded.memory.map(|_| AttentionDecoder::forced(&mut graph, "probe/forced", places));
        let decoded = self.model.decode(&mut graph, &parameters, tokens, &encoded, forced)?;
        let mut signals = Vec::new();
        for (recurrent, layers, path) in [
            (self.model.encoder(), &encoded.encoder.layers, "encoder"),
            (self.model.decoder(), &decoded.layers, "decoder"),
        ] {
            signals.extend(recurrent_signals(&mut graph, &recurrent, layers, path)?.1);
        }
        if let Some(attended) = decoded.attended {
            let named =
                [("energies", attended.energies), ("attention", attended.weights), ("context", attended.context)];
            signals.extend(named.map(|(name, value)| (name.to_owned(), value)));
        }
        name_signals(&mut graph, &signals)?;
        let probabilities = graph.apply(Op::Softmax, &[decoded.logits])?[0];
        graph.name(probabilities, "probe/probabilities");

        let step = self.one_step(&mut graph, &parameters, &encoded)?;
        let length = probe.len() as u32;
        let inputs = vec![(source[0], padded), (source[1], vec![length]), (tokens, given)];
        let answer = Answering::Writes { step, first: BOS, end: Some(EOS), begin: Some("begin") };
        let (programs, symbols) = (vec!["probe"], self.strings.symbols());
        Ok(Observation { graph, probe, inputs, features: Vec::new(), programs, answer, symbols })
    }

    fn examples(&self) -> Example {
        Example { symbols: self.strings.symbols(), ..Example::default() }
    }

    fn memory(&self) -> Vec<f32> {
        self.average.into_iter().collect()
    }

    fn recall(&mut self, memory: &[f32]) {
        self.average = memory.first().copied();
    }

    fn examination(&self) -> Option<Result<Examination, EngineError>> {
        Some(self.examine())
    }

    fn evaluate<'a>(&'a mut self, length: usize, machine: &'a mut dyn Executable) -> Option<Answer<'a, Evaluation>> {
        Some(Box::pin(async move {
            let sources = self.strings.held_out(HELD_OUT, length.clamp(1, self.strings.longest()));
            let mut found = Exposure::default();
            let (mut exact, batch) = (0, self.spec.batch);
            for part in sources.chunks(batch) {
                let [free, forced] = self.written(part, machine).await?;
                for (sequence, source) in part.iter().enumerate() {
                    let mut target = self.strings.target(source);
                    target.push(EOS);
                    let own = column(&free, batch, sequence);
                    let own = through_end(&own, EOS);
                    exact += usize::from(own == target);
                    found.free.add(own, &target);
                    found.forced.add(&column(&forced, batch, sequence)[..target.len()], &target);
                }
            }
            let rates = |errors: &ErrorByPosition| errors.rates();
            let exact_match = exact as f32 / sources.len() as f32;
            Ok(Evaluation { exact_match, free: rates(&found.free), forced: rates(&found.forced) })
        }))
    }
}

impl Translator {
    /// The program `begin`, which hands what the encoder makes of the probe to the decoder, and `sample`, which decodes a
    /// token.
    fn one_step(&self, graph: &mut Graph, parameters: &Parameters, _encoded: &Encoded) -> Result<OneStep, EngineError> {
        let longest = self.strings.longest();
        graph.program("begin");
        let source = [graph.find("probe/source")?, graph.find("probe/source_lengths")?];
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
            crate::nn::attention::Memory { states: own, keys, mask: memory.mask.map(|mask| like("mask", mask)) }
        });
        debug_assert!(longest > 0);
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
        let longest = None;
        Ok(OneStep { program: "sample", token, position: None, longest, logits: stepped.logits, carried })
    }
}

/// The share of targets that are no padding and the most probable.
fn accuracy(graph: &mut Graph, logits: ValueId, targets: ValueId) -> Result<ValueId, EngineError> {
    let hits = graph.apply(Op::ArgmaxEquals, &[logits, targets])?[0];
    let kept = graph.apply(Op::NotEqual { value: PAD }, &[targets])?[0];
    graph.weighted_mean(hits, kept)
}

/// The model of a spec.
fn encoder_decoder(spec: &ModelSpec, vocabulary: usize) -> EncoderDecoder {
    let ModelSpec { cell, embedding, hidden, bidirectional, .. } = *spec;
    let encoder = Recurrent { bidirectional, ..Recurrent::new(cell, embedding, hidden) };
    let width = encoder.width();
    let score = match spec.attention {
        Attention::None => {
            return EncoderDecoder::Plain(Seq2Seq {
                cell,
                layers: 1,
                bidirectional,
                source_vocabulary: vocabulary,
                target_vocabulary: vocabulary,
                embedding,
                hidden,
            });
        }
        Attention::BahdanauCurrent | Attention::BahdanauPrevious => Score::Additive { width },
        Attention::LuongDot => Score::Dot,
        Attention::LuongGeneral => Score::General,
    };
    let attentional = matches!(spec.attention, Attention::LuongDot | Attention::LuongGeneral);
    let query = if spec.attention == Attention::BahdanauPrevious { Query::Previous } else { Query::Current };
    let decoder =
        AttentionDecoder { cell, vocabulary, embedding, hidden: width, memory: width, score, query, attentional };
    EncoderDecoder::Attending { source_vocabulary: vocabulary, encoder, decoder }
}
