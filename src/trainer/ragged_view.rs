//! Lines of unequal length as one batch, three ways: packed (each line ends where it ends), padded to the longest without
//! a mask, and each line alone. Paths, of B lines and a last hidden state of width H (both directions, where there are two):
//! `ragged/lengths` (B), `ragged/packed`, `ragged/padded`, `ragged/alone` (B, H), `ragged/difference` (2, B), the largest
//! |packed - alone| and |padded - alone| of each line, `ragged/saved` (1), the share of the steps T_max B that packing
//! leaves out, `ragged/loss` (2), the mean cross entropy of the next tokens with the padding masked and without a mask, and
//! `ragged/time` (2), seconds of the packed and of the padded run.

use crate::engine::backend::Executable;
use crate::engine::backend::cpu::CpuExecutable;
use crate::engine::error::EngineError;
use crate::engine::graph::{Flat, Graph, ValueId};
use crate::engine::plan::Plan;
use crate::nn::language_model::{ForwardPass, LanguageModel, ModelParameters};
use crate::nn::recurrent::Run;

use super::device::MEMORY_LIMIT;
use super::measures::Tensor;

/// Where the paths begin.
pub const PREFIX: &str = "ragged/";

/// Seconds that runs are measured for at a time, well above what a browser's clock resolves, and how many times.
const MEASURED: f64 = 0.005;
const TIMES: usize = 12;

/// The programs that are measured, by their places; others follow.
const PACKED: usize = 0;
const PADDED: usize = 1;

/// A ragged batch and the model that reads it. It runs on the CPU on a copy of the parameters.
pub struct RaggedView {
    executable: CpuExecutable<f32>,
    parameters: ValueId,
    lengths: Vec<usize>,
    packed: ValueId,
    padded: ValueId,
    losses: [ValueId; 2],
    /// (1, H) each.
    alone: Vec<ValueId>,
    seconds: Option<[f32; 2]>,
}

impl RaggedView {
    /// Of these lines; those that are empty are left out. `padding` is the token that fills the others up.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] where no line has a token; [`EngineError::Memory`].
    pub fn new(model: &LanguageModel, lines: &[Vec<u32>], padding: u32) -> Result<RaggedView, EngineError> {
        let lines: Vec<&[u32]> = lines.iter().map(Vec::as_slice).filter(|line| !line.is_empty()).collect();
        let lengths: Vec<usize> = lines.iter().map(|line| line.len()).collect();
        let longest = lengths.iter().copied().max();
        let longest = longest.ok_or_else(|| EngineError::Unknown { what: "line with a character".to_owned() })?;
        let batch = Batch { lines: &lines, longest, padding };

        let mut graph = Graph::default();
        let parameters = model.parameters(&mut graph);
        let mut reader = Reading { graph: &mut graph, model, parameters: &parameters };
        let packed = reader.packed(&batch)?;
        let padded = reader.padded(&batch)?;
        let losses = reader.losses(&batch)?;
        let alone = lines.iter().enumerate().map(|(at, line)| reader.alone(at, line)).collect::<Result<_, _>>()?;
        let parameters = graph.flat(Flat::Parameters);
        let executable = CpuExecutable::new(Plan::new(graph, MEMORY_LIMIT)?, &[]);
        Ok(RaggedView { executable, parameters, lengths, packed, padded, losses, alone, seconds: None })
    }

    /// Runs the lines through the flat parameters of the model in all three ways.
    ///
    /// # Errors
    /// [`EngineError::Size`] for parameters of another model.
    pub fn run(&mut self, parameters: &[f32]) -> Result<(), EngineError> {
        self.executable.write(self.parameters, parameters)?;
        (0..self.executable.plan().programs().len()).try_for_each(|program| self.executable.run(program))
    }

    /// The numbers and shape of a path as of the last run. `now` gives seconds; what a run takes is measured once.
    ///
    /// # Errors
    /// [`EngineError::Unknown`].
    pub fn view(&mut self, path: &str, now: Option<fn() -> f64>) -> Result<Tensor, EngineError> {
        let count = self.lengths.len();
        let states = |numbers: Vec<f32>| {
            let width = numbers.len() / count;
            (numbers, vec![count, width])
        };
        match path.strip_prefix(PREFIX) {
            Some("lengths") => Ok((self.lengths.iter().map(|length| *length as f32).collect(), vec![count])),
            Some("packed") => Ok(states(self.executable.view(self.packed)?.to_vec())),
            Some("padded") => Ok(states(self.executable.view(self.padded)?.to_vec())),
            Some("alone") => Ok(states(self.states_alone()?)),
            Some("difference") => self.differences(),
            Some("saved") => Ok((vec![self.saved()], vec![1])),
            Some("loss") => {
                let loss = |id| Ok(self.executable.view(id)?.first().copied().unwrap_or(f32::NAN));
                let both = self.losses.into_iter().map(loss).collect::<Result<Vec<f32>, EngineError>>()?;
                Ok((both, vec![2]))
            }
            Some("time") => {
                let now = now.ok_or_else(|| EngineError::Unknown { what: "clock".to_owned() })?;
                Ok((self.seconds(now)?.to_vec(), vec![2]))
            }
            _ => Err(EngineError::Unknown { what: format!("tensor \"{path}\"") }),
        }
    }

    /// 1 - (sum of the lengths) / (B T_max).
    fn saved(&self) -> f32 {
        let longest = self.lengths.iter().copied().max().unwrap_or(1);
        1.0 - self.lengths.iter().sum::<usize>() as f32 / (self.lengths.len() * longest) as f32
    }

    fn states_alone(&self) -> Result<Vec<f32>, EngineError> {
        let mut states = Vec::new();
        for line in &self.alone {
            states.extend_from_slice(self.executable.view(*line)?);
        }
        Ok(states)
    }

    fn differences(&self) -> Result<Tensor, EngineError> {
        let alone = self.states_alone()?;
        let width = alone.len() / self.lengths.len();
        let mut numbers = Vec::new();
        for id in [self.packed, self.padded] {
            for (line, alone) in self.executable.view(id)?.chunks_exact(width).zip(alone.chunks_exact(width)) {
                numbers.push(line.iter().zip(alone).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs())));
            }
        }
        Ok((numbers, vec![2, self.lengths.len()]))
    }

    fn seconds(&mut self, now: fn() -> f64) -> Result<[f32; 2], EngineError> {
        if let Some(seconds) = self.seconds {
            return Ok(seconds);
        }
        let mut least = [f64::INFINITY; 2];
        let mut runs = 1;
        let mut time = 0;
        while time < TIMES {
            let mut spent = 0.0;
            for (program, least) in [PACKED, PADDED].into_iter().zip(&mut least) {
                let start = now();
                (0..runs).try_for_each(|_| self.executable.run(program))?;
                spent = now() - start;
                *least = least.min(spent / f64::from(runs));
            }
            if spent < MEASURED && runs < 1 << 16 {
                // Too short to be measured: what was found so far is forgotten.
                (runs, time, least) = (2 * runs, 0, [f64::INFINITY; 2]);
            } else {
                time += 1;
            }
        }
        let seconds = least.map(|seconds| seconds as f32);
        self.seconds = Some(seconds);
        Ok(seconds)
    }
}

/// Lines side by side.
struct Batch<'a> {
    lines: &'a [&'a [u32]],
    longest: usize,
    padding: u32,
}

impl Batch<'_> {
    /// What each line has at each step from `first` on, time-major (T_max, B).
    fn tokens(&self, first: usize) -> Vec<u32> {
        let at = |t: usize| self.lines.iter().map(move |line| line.get(t + first).copied().unwrap_or(self.padding));
        (0..self.longest).flat_map(at).collect()
    }

    /// 1 where a line has a next token (T_max, B).
    fn mask(&self) -> Vec<f32> {
        let at = |t: usize| self.lines.iter().map(move |line| f32::from(u8::from(t + 1 < line.len())));
        (0..self.longest).flat_map(at).collect()
    }

    fn shape(&self) -> [usize; 2] {
        [self.longest, self.lines.len()]
    }
}

/// The model in a graph, program by program.
struct Reading<'a> {
    graph: &'a mut Graph,
    model: &'a LanguageModel,
    parameters: &'a ModelParameters,
}

impl Reading<'_> {
    fn packed(&mut self, batch: &Batch<'_>) -> Result<ValueId, EngineError> {
        self.graph.program("packed");
        let lengths: Vec<u32> = batch.lines.iter().map(|line| line.len() as u32).collect();
        let lengths = self.graph.constant_ids([lengths.len()], &lengths)?;
        let (_, last) = self.read(batch.shape(), &batch.tokens(0), Some(lengths))?;
        self.graph.name(last, "ragged/packed");
        Ok(last)
    }

    fn padded(&mut self, batch: &Batch<'_>) -> Result<ValueId, EngineError> {
        self.graph.program("padded");
        let (_, last) = self.read(batch.shape(), &batch.tokens(0), None)?;
        self.graph.name(last, "ragged/padded");
        Ok(last)
    }

    /// Masked, and over everything.
    fn losses(&mut self, batch: &Batch<'_>) -> Result<[ValueId; 2], EngineError> {
        self.graph.program("loss");
        let (pass, _) = self.read(batch.shape(), &batch.tokens(0), None)?;
        let targets = self.graph.constant_ids(batch.shape(), &batch.tokens(1))?;
        let mask = self.graph.constant(batch.shape(), &batch.mask())?;
        let nll = self.graph.cross_entropy(pass.logits, targets, None)?;
        let masked = self.graph.weighted_mean(nll, mask)?;
        let plain = self.graph.mean(nll)?;
        self.graph.name(masked, "ragged/masked_loss");
        self.graph.name(plain, "ragged/plain_loss");
        Ok([masked, plain])
    }

    fn alone(&mut self, at: usize, line: &[u32]) -> Result<ValueId, EngineError> {
        self.graph.program("alone");
        let (_, last) = self.read([line.len(), 1], line, None)?;
        self.graph.name(last, format!("ragged/alone/{at}"));
        Ok(last)
    }

    /// Reads tokens (T, B) from zero states: the pass, and the top layer's state (B, H) after the last step.
    fn read(
        &mut self,
        shape: [usize; 2],
        tokens: &[u32],
        lengths: Option<ValueId>,
    ) -> Result<(ForwardPass, ValueId), EngineError> {
        let tokens = self.graph.constant_ids(shape, tokens)?;
        let input = self.model.input(self.graph, self.parameters, tokens)?;
        let run = Run { lengths, ..Run::new(input) };
        let pass = self.model.run(self.graph, self.parameters, &run)?;
        let top = &pass.layers[pass.layers.len().saturating_sub(self.model.recurrent().directions())..];
        let mut last = Vec::new();
        for (direction, layer) in top.iter().enumerate() {
            last.push(self.graph.final_state(layer.h, direction == 1, lengths)?);
        }
        let last = if let [last] = last[..] { last } else { self.graph.concat(&last, 1)? };
        Ok((pass, last))
    }
}
