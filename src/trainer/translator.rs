//! Encoder-decoders that turn a string into another: teacher forcing, scheduled sampling, REINFORCE, and how well they do
//! when they read what they wrote.

mod examination;
mod observation;

use crate::data::strings::{EOS, PAD, PairBatch, Strings};
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

use super::evaluation::Examination;
use super::model::name_gradient_norms;
use super::reward::{ErrorByPosition, before_end};
use super::schedule::{ratio, toss, uniforms};
use super::scheduled_sampling::{Exposure, column, through_end};
use super::signals::recurrent_signals;
use super::trainable::{Evaluation, Example, Observation, Trainable, Training, Watch};

/// How much of the moving average of rewards a step keeps.
const DECAY: f32 = 0.9;

/// Steps after which the average stands for the reward that REINFORCE began with.
const SETTLED: u32 = 10;

/// Strings that are kept for an evaluation.
const HELD_OUT: usize = 128;

/// An encoder-decoder and its task.
pub struct Translator {
    spec: ModelSpec,
    strings: Strings,
    model: EncoderDecoder,
    inputs: Option<Inputs>,
    batch: PairBatch,
    /// REINFORCE: how it goes.
    rewarded: Rewarded,
}

/// What the samples of REINFORCE were worth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rewarded {
    /// Steps that sampled.
    steps: u32,
    /// The moving average of rewards.
    average: f32,
    /// What it was after [`SETTLED`] steps.
    before: f32,
}

impl Rewarded {
    /// Takes over the mean reward of a step; what was expected of it.
    fn step(&mut self, mean: f32) -> f32 {
        let expected = if self.steps == 0 { mean } else { self.average };
        self.average = DECAY * expected + (1.0 - DECAY) * mean;
        self.steps += 1;
        if self.steps <= SETTLED {
            self.before = self.average;
        }
        expected
    }
}

/// What the host writes, and reads, of the training graph. T is one more than the longest target.
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
        let (batch, rewarded) = (PairBatch::default(), Rewarded::default());
        Translator { spec: spec.clone(), strings, model, inputs: None, batch, rewarded }
    }

    /// Steps T of the decoder.
    fn steps(&self) -> usize {
        self.strings.longest_target() + 1
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
        if step < self.spec.pretraining as u64 {
            return self.imitate(machine, &inputs, policy);
        }
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
        let expected = self.rewarded.step(sum / batch as f32);
        machine.write(policy.baseline, &vec![expected; steps * batch])
    }

    /// Teacher forcing as a policy gradient: the target is what was sampled, and its advantage is that which makes the loss the
    /// mean over all symbols. (The reward that the journal shows is 0 so long.)
    fn imitate(&self, machine: &mut dyn Executable, inputs: &Inputs, policy: Policy) -> Result<(), EngineError> {
        let targets = &self.batch.target_out;
        let mask: Vec<f32> = targets.iter().map(|token| f32::from(u8::from(*token != PAD))).collect();
        machine.write_ids(inputs.fed, &self.batch.target_in)?;
        machine.write(policy.mask, &mask)?;
        machine.write(policy.rewards, &vec![0.0; targets.len()])?;
        let advantage = self.spec.batch as f32 / mask.iter().sum::<f32>().max(1.0);
        machine.write(policy.baseline, &vec![-advantage; targets.len()])?;
        machine.write(policy.entropy_weight, &[0.0])
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
        self.observed(probe)
    }

    fn examples(&self) -> Example {
        Example { symbols: self.strings.symbols(), ..Example::default() }
    }

    fn memory(&self) -> Vec<f32> {
        let Rewarded { steps, average, before } = self.rewarded;
        if steps == 0 { Vec::new() } else { vec![steps as f32, average, before] }
    }

    fn recall(&mut self, memory: &[f32]) {
        self.rewarded = match *memory {
            [steps, average, before] => Rewarded { steps: steps as u32, average, before },
            _ => Rewarded::default(),
        };
    }

    fn told(&self, path: &str) -> Option<f32> {
        let Rewarded { steps, average, before } = self.rewarded;
        match path {
            "reward/before" if steps > 0 => Some(before),
            "reward/now" if steps > 0 => Some(average),
            _ => None,
        }
    }

    fn questions(&self, count: usize) -> Vec<String> {
        self.strings.examined(count).iter().map(|tokens| self.strings.decode(tokens)).collect()
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
