//! A model's one-step graph as a [`Stepper`], on any backend.

use super::{Stepped, Stepper};
use crate::engine::backend::{Answer, Executable};
use crate::engine::error::EngineError;
use crate::engine::graph::ValueId;

/// A state that goes from a step to the next.
#[derive(Clone, Copy, Debug)]
pub struct Carried {
    /// The input it is before the step, (B, ..).
    pub before: ValueId,
    /// What it is after it, as many numbers in the same order.
    pub after: ValueId,
}

/// A program that reads a token in each of B sequences.
#[derive(Clone, Debug)]
pub struct OneStep {
    /// Its name.
    pub program: &'static str,
    /// (1, B) ids.
    pub token: ValueId,
    /// (1, B) ids: how many tokens each sequence has read before, where the network must be told.
    pub position: Option<ValueId>,
    /// Most tokens a sequence may have, where there is a most.
    pub longest: Option<usize>,
    /// (1, B, V).
    pub logits: ValueId,
    /// h, c, contexts, caches: everything that is carried on.
    pub carried: Vec<Carried>,
}

/// A one-step program and the device it is on. More sequences than B take several runs; rows that are not needed run along
/// and are not looked at.
pub struct GraphStepper<'a> {
    executable: &'a mut dyn Executable,
    program: usize,
    step: &'a OneStep,
    batch: usize,
    vocabulary: usize,
    /// Numbers of each carried state of one sequence; after them comes the position, where there is one.
    widths: Vec<usize>,
}

impl<'a> GraphStepper<'a> {
    /// The one-step program of a plan. Parameters, and what else the program reads, are the caller's to write.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] when the plan has no such program; [`EngineError::Shape`] when a state differs before and
    /// after.
    pub fn new(executable: &'a mut dyn Executable, step: &'a OneStep) -> Result<GraphStepper<'a>, EngineError> {
        let program = executable.plan().program(step.program)?;
        let graph = executable.plan().graph();
        let batch = graph.shape(step.token).len();
        let vocabulary = graph.shape(step.logits).last();
        let width = |carried: &Carried| {
            let (before, after) = (graph.shape(carried.before), graph.shape(carried.after));
            if before.len() == after.len() && (batch == 1 || before.0.first() == Some(&batch)) {
                return Ok(before.len() / batch);
            }
            let detail = format!("a state {before} before and {after} after a step of {batch} sequences");
            Err(EngineError::Shape { op: step.program, detail })
        };
        let widths = step.carried.iter().map(width).collect::<Result<Vec<usize>, EngineError>>()?;
        Ok(GraphStepper { executable, program, step, batch, vocabulary, widths })
    }

    /// At most B sequences.
    async fn advance_some(
        &mut self,
        states: &[&[f32]],
        tokens: &[u32],
        stepped: &mut Stepped,
    ) -> Result<(), EngineError> {
        let mut start = 0;
        for (carried, width) in self.step.carried.iter().zip(&self.widths) {
            let mut rows = vec![0.0; self.batch * width];
            for (row, state) in rows.chunks_exact_mut((*width).max(1)).zip(states) {
                row.copy_from_slice(&state[start..start + width]);
            }
            self.executable.write(carried.before, &rows)?;
            start += width;
        }
        if let Some(position) = self.step.position {
            let mut read = vec![0; self.batch];
            read.iter_mut().zip(states).for_each(|(read, state)| *read = state[start] as u32);
            self.executable.write_ids(position, &read)?;
        }
        let mut padded = tokens.to_vec();
        padded.resize(self.batch, 0);
        self.executable.write_ids(self.step.token, &padded)?;
        self.executable.run(self.program)?;

        let values: Vec<ValueId> =
            std::iter::once(self.step.logits).chain(self.step.carried.iter().map(|carried| carried.after)).collect();
        let numbers = self.executable.read(&values).await?;
        let (logits, after) = numbers.split_at(self.batch * self.vocabulary);
        stepped.logits.extend(&logits[..tokens.len() * self.vocabulary]);
        for row in 0..tokens.len() {
            let mut start = 0;
            for width in &self.widths {
                stepped.states.extend(&after[start + row * width..][..*width]);
                start += self.batch * width;
            }
            stepped.states.extend(self.step.position.map(|_| states[row].last().map_or(1.0, |read| read + 1.0)));
        }
        Ok(())
    }
}

impl Stepper for GraphStepper<'_> {
    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn state_len(&self) -> usize {
        self.widths.iter().sum::<usize>() + usize::from(self.step.position.is_some())
    }

    fn advance<'a>(&'a mut self, states: &'a [&'a [f32]], tokens: &'a [u32]) -> Answer<'a, Stepped> {
        Box::pin(async move {
            let mut stepped = Stepped::default();
            for (states, tokens) in states.chunks(self.batch).zip(tokens.chunks(self.batch)) {
                self.advance_some(states, tokens, &mut stepped).await?;
            }
            Ok(stepped)
        })
    }
}
