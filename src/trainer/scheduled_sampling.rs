//! Training on what the model itself would write: scheduled sampling (Bengio et al. 2015), from teacher forcing to free
//! running, and its evaluation position by position. Ratios: [`super::schedule`].

use crate::engine::backend::Executable;
use crate::engine::error::EngineError;
use crate::engine::graph::{Graph, Kind, Op, ValueId};
use crate::engine::optimiser::Optimiser;
use crate::nn::language_model::{LanguageModel, LayerState, ModelParameters};
use crate::nn::losses::masked_cross_entropy;
use crate::nn::rollout::{Feed, Feedback, Rollout, rollout};

use super::reward::{ErrorByPosition, before_end};
use super::trainable::Training;

/// Sizes and options of [`scheduled_sampling`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// T.
    pub steps: usize,
    /// B.
    pub batch: usize,
    /// Whether the model's own token is sampled; else it is the most probable one.
    pub sampled: bool,
    /// A target that counts for nothing.
    pub padding: Option<u32>,
    /// The optimiser.
    pub optimiser: Optimiser,
}

/// The training graph and the values the host touches.
pub struct ScheduledSampling {
    /// Programs `train` and `evaluate`.
    pub training: Training,
    /// What teacher forcing feeds at each step, ids (T, B): a first token, then the targets without their last.
    pub given: ValueId,
    /// Ids (T, B).
    pub targets: ValueId,
    /// 1 where the truth is fed (T, B), else 0; the first step is given the truth in any case. See
    /// [`super::schedule::toss`].
    pub mask: ValueId,
    /// Uniform numbers (T, B), where tokens are sampled. See [`super::schedule::uniforms`].
    pub uniforms: Option<ValueId>,
    /// `train/fed`: the tokens that the last training step read, ids (T, B).
    pub fed: ValueId,
    /// `evaluate/free`: what the model writes when it reads its own tokens, ids (T, B).
    pub free: ValueId,
    /// `evaluate/forced`: what it says when it reads the truth, ids (T, B).
    pub forced: ValueId,
    steps: usize,
    batch: usize,
}

/// The tokens of a run, and then the pass over them that has a gradient.
///
/// # Errors
/// [`EngineError::Shape`] when the operands do not fit.
pub fn roll(
    graph: &mut Graph,
    model: &LanguageModel,
    parameters: &ModelParameters,
    steps: usize,
    (feed, feedback): (Feed, Feedback),
    states: &[LayerState],
) -> Result<Rollout, EngineError> {
    let projected = model.projected_tokens(graph, parameters)?;
    rollout(graph, steps, feed, feedback, LayerState::flat(states), |graph, token, states| {
        model.step(graph, parameters, projected, token, states)
    })
}

/// One training step: the model runs as the mask says, then cross entropy over the tokens it read, backpropagation and the
/// optimiser. The program `evaluate` runs it free and teacher-forced from the same `given` and initial states.
///
/// # Errors
/// [`EngineError::Shape`] for sizes of 0.
pub fn scheduled_sampling(model: &LanguageModel, options: &Options) -> Result<ScheduledSampling, EngineError> {
    let Options { steps, batch, sampled, padding, optimiser } = *options;
    let mut graph = Graph::default();
    let parameters = model.parameters(&mut graph);
    graph.program("train");
    let given = graph.input("train/given", [steps, batch], Kind::Ids);
    let targets = graph.input("train/targets", [steps, batch], Kind::Ids);
    let mask = graph.input("train/mask", [steps, batch], Kind::Float);
    let uniforms = sampled.then(|| graph.input("train/uniforms", [steps, batch], Kind::Float));
    let states = model.states(&mut graph, "train", batch);
    let feedback = uniforms.map_or(Feedback::Argmax, |uniforms| Feedback::Sample { uniforms });
    let feed = Feed::Mixed { truth: given, mask };
    let run = roll(&mut graph, model, &parameters, steps, (feed, feedback), &states)?;
    graph.name(run.fed, "train/fed");
    let pass = model.forward(&mut graph, &parameters, run.fed, &states)?;
    let loss = masked_cross_entropy(&mut graph, pass.logits, targets, padding)?;
    graph.name(loss, "loss");
    let hits = graph.apply(Op::ArgmaxEquals, &[pass.logits, targets])?[0];
    let accuracy = match padding {
        Some(value) => {
            let kept = graph.apply(Op::NotEqual { value }, &[targets])?[0];
            graph.weighted_mean(hits, kept)?
        }
        None => graph.mean(hits)?,
    };
    graph.name(accuracy, "accuracy");
    graph.keep_gradients(loss)?;
    let mut training = Training::close(graph, optimiser, loss, Some(accuracy))?;

    let graph = &mut training.graph;
    graph.program("evaluate");
    let first = graph.slice(given, 0, 0, 1)?;
    let own = roll(graph, model, &parameters, steps, (Feed::Own { first }, Feedback::Argmax), &states)?;
    graph.name(own.chosen, "evaluate/free");
    let pass = model.forward(graph, &parameters, given, &states)?;
    let forced = graph.argmax(pass.logits)?;
    graph.name(forced, "evaluate/forced");
    Ok(ScheduledSampling {
        training,
        given,
        targets,
        mask,
        uniforms,
        fed: run.fed,
        free: own.chosen,
        forced,
        steps,
        batch,
    })
}

/// Errors by position, free running and teacher-forced.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposure {
    /// Reading its own tokens.
    pub free: ErrorByPosition,
    /// Reading the truth.
    pub forced: ErrorByPosition,
}

impl ScheduledSampling {
    /// Runs the program `evaluate` on what is in `given` and compares with `targets` (T, B). Sequences count up to their
    /// end token, that included.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    pub async fn evaluate(
        &self,
        executable: &mut dyn Executable,
        targets: &[u32],
        end: u32,
    ) -> Result<Exposure, EngineError> {
        let program = executable.plan().program("evaluate")?;
        executable.run(program)?;
        let ids = executable.read_ids(&[self.free, self.forced]).await?;
        let (free, forced) = ids.split_at(self.steps * self.batch);
        let mut exposure = Exposure::default();
        for sequence in 0..self.batch {
            let target = through_end(&column(targets, self.batch, sequence), end).to_vec();
            exposure.free.add(through_end(&column(free, self.batch, sequence), end), &target);
            // Teacher-forced predictions are not a sequence: each stands by itself.
            exposure.forced.add(&column(forced, self.batch, sequence)[..target.len()], &target);
        }
        Ok(exposure)
    }
}

/// A sequence of a time-major batch (T, B).
pub fn column(tokens: &[u32], batch: usize, sequence: usize) -> Vec<u32> {
    tokens.iter().skip(sequence).step_by(batch.max(1)).copied().collect()
}

/// The tokens up to the first `end`, that included, or all of them.
pub fn through_end(tokens: &[u32], end: u32) -> &[u32] {
    &tokens[..(before_end(tokens, end).len() + 1).min(tokens.len())]
}
