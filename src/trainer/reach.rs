//! What reaches an answer: how much the score of the right tag changes with each token that was read before it. By path,
//! of Q questions about a probe of T tokens: `reach/questions` (Q, 2), each with the step that asks and the step that shows
//! the answer; `reach/influence` (Q, T), the norms of d score / d x_s, x_s the embedded token at step s.

use crate::engine::backend::Executable;
use crate::engine::backend::cpu::CpuExecutable;
use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, Graph, ValueId};
use crate::engine::kernels::binary::Binary;
use crate::engine::plan::Plan;

use super::device::MEMORY_LIMIT;
use super::measures::Tensor;

/// Where the paths begin.
pub const PREFIX: &str = "reach/";

/// A question of the probe, and what answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The step that asks.
    pub t: usize,
    /// The step that shows the answer.
    pub source: usize,
    /// Where the scores of its tags begin among those of a step.
    pub answers: usize,
    /// The right one of them.
    pub tag: usize,
}

/// A model's answers to the questions of a probe, differentiated in what it reads.
pub struct Reach {
    executable: CpuExecutable<f32>,
    parameters: ValueId,
    /// (T, Q, D).
    gradient: ValueId,
    links: Vec<Link>,
}

impl Reach {
    /// Of a graph that gives the scores `answers` (T, Q, ..) for the probe read Q times side by side, `embedded` (T, Q, D).
    /// The score is the right tag's less the mean of all `classes`: unlike its probability it does not saturate.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] for a model that reads one-hot tokens, and a probe without questions.
    pub fn new(
        mut graph: Graph,
        answers: ValueId,
        embedded: Option<ValueId>,
        classes: usize,
        links: Vec<Link>,
    ) -> Result<Reach, EngineError> {
        let nothing = || EngineError::Unknown { what: "embedded token that a question depends on".to_owned() };
        let embedded = embedded.filter(|_| !links.is_empty()).ok_or_else(nothing)?;
        let shape = graph.shape(answers).clone();
        let mut chosen = vec![0.0; shape.len()];
        for (at, link) in links.iter().enumerate() {
            let start = (link.t * links.len() + at) * graph.shape(answers).last() + link.answers;
            chosen[start..start + classes].fill(-1.0 / classes as f32);
            chosen[start + link.tag] += 1.0;
        }
        let chosen = graph.constant(shape, &chosen)?;
        let scores = graph.binary(Binary::Mul, answers, chosen)?;
        let sum = graph.sum_leading(scores, 0)?;
        let gradient = graph.gradients(sum)?.of(embedded).ok_or_else(nothing)?;
        graph.name(gradient, "reach/gradient");
        let parameters = graph.flat(Flat::Parameters);
        Ok(Reach { executable: CpuExecutable::new(Plan::new(graph, MEMORY_LIMIT)?, &[]), parameters, gradient, links })
    }

    /// Runs the probe through the flat parameters of the model, forward and backward.
    ///
    /// # Errors
    /// [`EngineError::Size`] for parameters of another model.
    pub fn run(&mut self, parameters: &[f32]) -> Result<(), EngineError> {
        self.executable.write(self.parameters, parameters)?;
        self.executable.run(0)
    }

    /// The numbers and shape of a path as of the last run.
    ///
    /// # Errors
    /// [`EngineError::Unknown`].
    pub fn view(&self, path: &str) -> Result<Tensor, EngineError> {
        let count = self.links.len();
        match path {
            "reach/questions" => {
                let pair = |link: &Link| [link.t as f32, link.source as f32];
                Ok((self.links.iter().flat_map(pair).collect(), vec![count, 2]))
            }
            "reach/influence" => {
                let gradient = self.executable.view(self.gradient)?;
                let width = self.executable.plan().graph().shape(self.gradient).last();
                let norm = |row: &[f32]| row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() as f32;
                let norms: Vec<f32> = gradient.chunks_exact(width).map(norm).collect();
                let steps = norms.len() / count;
                let of_question = |at: usize| norms.iter().skip(at).step_by(count).copied();
                Ok(((0..count).flat_map(of_question).collect(), vec![count, steps]))
            }
            _ => Err(EngineError::Unknown { what: format!("path \"{path}\"") }),
        }
    }
}
