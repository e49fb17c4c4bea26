//! Training on what whole sequences are worth: REINFORCE (Williams 1992; Ranzato et al. 2016) for a next-token model that
//! continues a prompt.
//!
//! Each step samples one continuation of every prompt and scores it against its reference ([`Reinforce::sample`]); then the
//! program `train` follows the gradient of [`policy_gradient`] on these samples.

use crate::engine::backend::Executable;
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Kind, ValueId};
use crate::engine::kernels::binary::Binary;
use crate::engine::optimiser::Optimiser;
use crate::nn::language_model::LanguageModel;
use crate::nn::losses::{PolicyInput, masked_mse, policy_gradient, value_head};
use crate::nn::rollout::{Feed, Feedback};

use super::reward::{Reward, before_end};
use super::schedule::uniforms;
use super::scheduled_sampling::{column, roll};
use super::trainable::Training;

/// What is taken off the reward, so that its size does not count but only whether it was more than expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Baseline {
    /// Nothing.
    Zero,
    /// The moving average of the mean rewards: b <- `decay` b + (1 - `decay`) mean reward, from the first mean on.
    MovingAverage { decay: f32 },
    /// A linear head on the hidden state of every step, fitted to the reward by its mean square error; the states get no
    /// gradient from it. Parameters `baseline.weight` (1, H), `baseline.bias` (1).
    Learned,
}

/// Sizes and options of [`Reinforce`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Tokens of a prompt, 1 at least; its last is the one after which the model writes.
    pub prompt: usize,
    /// Most tokens it writes.
    pub steps: usize,
    /// B.
    pub batch: usize,
    /// The token that ends a sequence.
    pub end: u32,
    /// What a sequence is worth.
    pub reward: Reward,
    /// What is taken off.
    pub baseline: Baseline,
    /// Beta, in nats.
    pub entropy_weight: f32,
    /// The optimiser.
    pub optimiser: Optimiser,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// What was sampled, sequence by sequence, the end token (where there is one) included.
    pub samples: Vec<Vec<u32>>,
    /// What each was worth.
    pub rewards: Vec<f32>,
    /// The mean of these.
    pub mean_reward: f32,
}

/// The procedure: its graph, and what it keeps from step to step besides the parameters. Run the graph on any backend.
pub struct Reinforce {
    /// Programs `train` and `sample`; the journal has the mean reward in the place of an accuracy.
    pub training: Training,
    options: Options,
    average: Option<f32>,
    prompts: ValueId,
    uniforms: ValueId,
    sampled: ValueId,
    tokens: ValueId,
    actions: ValueId,
    mask: ValueId,
    rewards: ValueId,
    baseline: ValueId,
    entropy_weight: ValueId,
}

impl Reinforce {
    /// The graph of a model.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for sizes of 0.
    pub fn new(model: &LanguageModel, options: Options) -> Result<Reinforce, EngineError> {
        let Options { prompt, steps, batch, optimiser, .. } = options;
        let mut graph = Graph::default();
        let parameters = model.parameters(&mut graph);
        let learned = options.baseline == Baseline::Learned;
        let head = learned.then(|| {
            let weight = graph.parameter("baseline.weight", [1, model.hidden]);
            (weight, graph.parameter("baseline.bias", [1]))
        });

        graph.program("train");
        // The prompt and what was sampled after it, without the last, which is not read.
        let tokens = graph.input("train/tokens", [prompt + steps - 1, batch], Kind::Ids);
        let actions = graph.input("train/actions", [steps, batch], Kind::Ids);
        let mut input = |name: &str| graph.input(format!("train/{name}"), [steps, batch], Kind::Float);
        let [mask, rewards, baseline] = ["mask", "rewards", "baseline"].map(&mut input);
        let entropy_weight = graph.input("train/entropy_weight", [], Kind::Float);
        let states = model.states(&mut graph, "train", batch);
        let pass = model.forward(&mut graph, &parameters, tokens, &states)?;
        let written = |graph: &mut Graph, sequence| graph.slice(sequence, 0, prompt - 1, steps);
        let logits = written(&mut graph, pass.logits)?;
        let (expected, value_loss) = match (head, pass.layers.last()) {
            (Some((weight, bias)), Some(top)) => {
                let h = written(&mut graph, top.h)?;
                let values = value_head(&mut graph, h, weight, bias)?;
                graph.name(values, "train/values");
                let error = masked_mse(&mut graph, values, rewards, mask)?;
                (graph.detach(values)?, Some(error))
            }
            _ => (baseline, None),
        };
        let advantage = graph.binary(Binary::Sub, rewards, expected)?;
        let policy = policy_gradient(&mut graph, &PolicyInput { logits, actions, mask, advantage, entropy_weight })?;
        let loss = match value_loss {
            Some(error) => graph.binary(Binary::Add, policy.loss, error)?,
            None => policy.loss,
        };
        graph.name(loss, "loss");
        let entropy = graph.weighted_mean(policy.entropy, mask)?;
        graph.name(entropy, "entropy");
        // Every step of a sequence has its reward.
        let mean_reward = graph.slice(rewards, 0, 0, 1)?;
        let mean_reward = graph.mean(mean_reward)?;
        graph.name(mean_reward, "reward");
        graph.keep_gradients(loss)?;
        let mut training = Training::close(graph, optimiser, loss, Some(mean_reward))?;

        let graph = &mut training.graph;
        graph.program("sample");
        let prompts = graph.input("sample/prompts", [prompt, batch], Kind::Ids);
        let uniforms = graph.input("sample/uniforms", [steps, batch], Kind::Float);
        let mut states = model.states(graph, "sample", batch);
        if prompt > 1 {
            let before = graph.slice(prompts, 0, 0, prompt - 1)?;
            let pass = model.forward(graph, &parameters, before, &states)?;
            for (state, layer) in states.iter_mut().zip(&pass.layers) {
                for (state, sequence) in [(Some(&mut state.h), Some(layer.h)), (state.c.as_mut(), layer.c)] {
                    if let (Some(state), Some(sequence)) = (state, sequence) {
                        let last = graph.slice(sequence, 0, prompt - 2, 1)?;
                        *state = graph.sum_leading(last, 2)?;
                    }
                }
            }
        }
        let first = graph.slice(prompts, 0, prompt - 1, 1)?;
        let feedback = Feedback::Sample { uniforms };
        let run = roll(graph, model, &parameters, steps, (Feed::Own { first }, feedback), &states)?;
        graph.name(run.chosen, "sample/tokens");
        Ok(Reinforce {
            training,
            options,
            average: None,
            prompts,
            uniforms,
            sampled: run.chosen,
            tokens,
            actions,
            mask,
            rewards,
            baseline,
            entropy_weight,
        })
    }

    /// The moving average of the rewards, once there is one.
    pub fn average(&self) -> Option<f32> {
        self.average
    }

    /// Samples, scores, and writes the inputs of the program `train`, all but the optimiser's coefficients: run it next.
    /// `prompts` is (prompt, B) ids; a reference for each sequence, without its end token. Step `step` (0, 1, ...) of a seed
    /// draws the same numbers every time.
    ///
    /// # Errors
    /// [`EngineError::Size`] for prompts of another size, [`EngineError::DeviceLost`].
    pub async fn sample(
        &mut self,
        executable: &mut dyn Executable,
        (seed, step): (u32, u64),
        prompts: &[u32],
        references: &[Vec<u32>],
    ) -> Result<Episode, EngineError> {
        let Options { steps, batch, .. } = self.options;
        let mut numbers = vec![0.0; steps * batch];
        uniforms(seed, step, &mut numbers);
        executable.write_ids(self.prompts, prompts)?;
        executable.write(self.uniforms, &numbers)?;
        let program = executable.plan().program("sample")?;
        executable.run(program)?;
        let actions = executable.read_ids(&[self.sampled]).await?;

        let episode = self.score(&actions, references);
        let tokens = [prompts, &actions[..(steps - 1) * batch]].concat();
        executable.write_ids(self.tokens, &tokens)?;
        executable.write_ids(self.actions, &actions)?;
        let (mut mask, mut rewards) = (vec![0.0; steps * batch], vec![0.0; steps * batch]);
        for (sequence, (sample, reward)) in episode.samples.iter().zip(&episode.rewards).enumerate() {
            for t in 0..steps {
                mask[t * batch + sequence] = f32::from(u8::from(t < sample.len()));
                rewards[t * batch + sequence] = *reward;
            }
        }
        executable.write(self.mask, &mask)?;
        executable.write(self.rewards, &rewards)?;
        if self.options.baseline != Baseline::Learned {
            let expected = self.expect(episode.mean_reward);
            executable.write(self.baseline, &vec![expected; steps * batch])?;
        }
        executable.write(self.entropy_weight, &[self.options.entropy_weight])?;
        Ok(episode)
    }

    /// What sampled tokens (T, B) are worth.
    fn score(&self, actions: &[u32], references: &[Vec<u32>]) -> Episode {
        let Options { batch, end, reward, .. } = self.options;
        let (mut samples, mut rewards) = (Vec::new(), Vec::new());
        for (sequence, reference) in references.iter().enumerate().take(batch) {
            let mut sample = column(actions, batch, sequence);
            let written = before_end(&sample, end).len();
            rewards.push(reward.of(&sample[..written], reference));
            sample.truncate(written + 1);
            samples.push(sample);
        }
        let mean_reward = rewards.iter().sum::<f32>() / rewards.len().max(1) as f32;
        Episode { samples, rewards, mean_reward }
    }

    /// The baseline for a step, before its own mean reward is counted.
    fn expect(&mut self, mean_reward: f32) -> f32 {
        let Baseline::MovingAverage { decay } = self.options.baseline else { return 0.0 };
        let before = self.average.unwrap_or(mean_reward);
        self.average = Some(decay * before + (1.0 - decay) * mean_reward);
        before
    }
}
