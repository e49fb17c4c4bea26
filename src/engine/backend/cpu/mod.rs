//! The CPU backend: every step is a call of a kernel on slices of buffers that were allocated once.

mod dispatch;
mod doors;
mod scans;

use super::{Answer, Executable, JOURNAL_ROWS};
use crate::engine::error::EngineError;
use crate::engine::graph::{Constant, Kind, Node, ValueId};
use crate::engine::kernels::real::Real;
use crate::engine::plan::Plan;

/// The most outputs an op has: those of the selective scan's gradient.
const MOST_OUTPUTS: usize = 7;

/// A plan on the CPU, in f32, or in f64 for the gradient checks.
pub struct CpuExecutable<R: Real> {
    plan: Plan,
    memory: Memory<R>,
    journal: Vec<ValueId>,
    rows: Vec<f32>,
}

/// The buffers, by slot; a slot of the other kind is empty.
struct Memory<R> {
    floats: Vec<Vec<R>>,
    ids: Vec<Vec<u32>>,
    scratch: Vec<R>,
}

impl<R: Real> CpuExecutable<R> {
    /// Allocates every buffer of `plan`, zeroed. The values in `journal` are recorded after each run of the first
    /// program.
    pub fn new(plan: Plan, journal: &[ValueId]) -> Self {
        let zeros = |kind: Kind| plan.slots().iter().map(move |slot| if slot.kind == kind { slot.len } else { 0 });
        let mut floats: Vec<Vec<R>> = zeros(Kind::Float).map(|len| vec![R::ZERO; len]).collect();
        let mut ids: Vec<Vec<u32>> = zeros(Kind::Ids).map(|len| vec![0; len]).collect();
        for (id, constant) in plan.graph().constants() {
            let slot = plan.placed(id).slot;
            match constant {
                Constant::Floats(numbers) => {
                    floats[slot] = numbers.iter().map(|x| R::from_f64(f64::from(*x))).collect();
                }
                Constant::Ids(numbers) => ids[slot] = numbers.to_vec(),
            }
        }
        let steps = plan.programs().iter().flat_map(|program| &program.steps);
        let scratch = steps.map(|step| dispatch::scratch(plan.graph(), step)).max().unwrap_or(0);
        let width: usize = journal.iter().map(|id| plan.graph().shape(*id).len()).sum();
        CpuExecutable {
            memory: Memory { floats, ids, scratch: vec![R::ZERO; scratch] },
            journal: journal.to_vec(),
            rows: Vec::with_capacity(width * JOURNAL_ROWS),
            plan,
        }
    }

    /// A tensor's numbers as they stand.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] for a value without memory.
    pub fn view(&self, id: ValueId) -> Result<&[R], EngineError> {
        let location = self.plan.location(id).ok_or_else(|| unknown(&self.plan, id))?;
        let slot = &self.memory.floats[location.slot];
        slot.get(location.offset..location.offset + location.len).ok_or_else(|| unknown(&self.plan, id))
    }

    /// The ids of a tensor as they stand.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] for a value without memory.
    pub fn view_ids(&self, id: ValueId) -> Result<&[u32], EngineError> {
        let location = self.plan.location(id).ok_or_else(|| unknown(&self.plan, id))?;
        self.memory.ids[location.slot].get(..location.len).ok_or_else(|| unknown(&self.plan, id))
    }

    /// The numbers of a tensor that no step computes, to be written.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] for a value without memory.
    pub fn view_mut(&mut self, id: ValueId) -> Result<&mut [R], EngineError> {
        let location = self.plan.location(id).ok_or_else(|| unknown(&self.plan, id))?;
        let slot = &mut self.memory.floats[location.slot];
        slot.get_mut(location.offset..location.offset + location.len).ok_or_else(|| unknown(&self.plan, id))
    }

    /// Fills every buffer that only steps write with `value` (ids with the largest): tests fill with NaN, so that what a
    /// kernel leaves out is seen.
    pub fn poison(&mut self, value: R) {
        let outputs = self.plan.programs().iter().flat_map(|program| &program.steps).flat_map(|step| &step.outputs);
        for id in outputs {
            if let crate::engine::graph::Source::Node(_) = self.plan.graph().value(*id).source {
                let location = self.plan.placed(*id);
                match self.plan.graph().value(*id).kind {
                    Kind::Ids => self.memory.ids[location.slot][..location.len].fill(u32::MAX),
                    Kind::Float => {
                        let range = location.offset..location.offset + location.len;
                        self.memory.floats[location.slot][range].fill(value);
                    }
                }
            }
        }
        self.memory.scratch.fill(value);
    }

    /// Runs every step of a program `times` times over, recording nothing, and lowers each of `seconds` to the time one
    /// took: over many calls, the least that each step needs. `now` gives seconds.
    pub fn run_timed(&mut self, program: usize, times: u32, now: &dyn Fn() -> f64, seconds: &mut [f64]) {
        for (step, seconds) in self.plan.programs()[program].steps.iter().zip(seconds) {
            let start = now();
            for _ in 0..times {
                run_step(&self.plan, step, &mut self.memory);
            }
            *seconds = seconds.min((now() - start) / f64::from(times));
        }
    }

    fn run_steps(&mut self, program: usize) {
        for step in &self.plan.programs()[program].steps {
            run_step(&self.plan, step, &mut self.memory);
        }
    }

    fn record(&mut self) {
        for id in &self.journal {
            let location = self.plan.placed(*id);
            let values = &self.memory.floats[location.slot][location.offset..location.offset + location.len];
            self.rows.extend(values.iter().map(|value| value.to_f64() as f32));
        }
    }
}

/// Runs one step. The slots it writes are taken out of the table meanwhile: no input is in them.
fn run_step<R: Real>(plan: &Plan, step: &Node, memory: &mut Memory<R>) {
    if plan.graph().value(step.outputs[0]).kind == Kind::Ids {
        return run_ids_step(plan, step, memory);
    }
    let mut slots: [Vec<R>; MOST_OUTPUTS] = Default::default();
    let mut scratch = std::mem::take(&mut memory.scratch);
    for (slot, output) in slots.iter_mut().zip(&step.outputs) {
        *slot = std::mem::take(&mut memory.floats[plan.placed(*output).slot]);
    }
    let outputs = views(plan, step, &mut slots);
    let operands = dispatch::Operands { plan, step, floats: &memory.floats, ids: &memory.ids };
    dispatch::run(&operands, outputs, &mut scratch);
    for (slot, output) in slots.into_iter().zip(&step.outputs) {
        // One that is shared was taken for the first output in it.
        if !slot.is_empty() {
            memory.floats[plan.placed(*output).slot] = slot;
        }
    }
    memory.scratch = scratch;
}

/// The outputs of a step in the slots that were taken for them. Those that share a slot follow one another in it.
fn views<'a, R: Real>(plan: &Plan, step: &Node, slots: &'a mut [Vec<R>; MOST_OUTPUTS]) -> [&'a mut [R]; MOST_OUTPUTS] {
    let mut outputs: [&mut [R]; MOST_OUTPUTS] = Default::default();
    let (mut rest, mut start): (&mut [R], usize) = Default::default();
    for ((view, slot), output) in outputs.iter_mut().zip(slots).zip(&step.outputs) {
        let location = plan.placed(*output);
        if !slot.is_empty() {
            (rest, start) = (slot, 0);
        }
        let (_, later) = std::mem::take(&mut rest).split_at_mut(location.offset - start);
        (*view, rest) = later.split_at_mut(location.len);
        start = location.offset + location.len;
    }
    outputs
}

/// Runs a step that computes ids.
fn run_ids_step<R: Real>(plan: &Plan, step: &Node, memory: &mut Memory<R>) {
    let output = plan.placed(step.outputs[0]);
    let mut slot = std::mem::take(&mut memory.ids[output.slot]);
    let operands = dispatch::Operands { plan, step, floats: &memory.floats, ids: &memory.ids };
    dispatch::run_ids(&operands, &mut slot[..output.len], &mut memory.scratch);
    memory.ids[output.slot] = slot;
}

fn unknown(plan: &Plan, id: ValueId) -> EngineError {
    let path = plan.graph().value(id).path.clone();
    EngineError::Unknown { what: format!("memory of {}", path.unwrap_or_else(|| format!("value {}", id.index()))) }
}

fn fits(plan: &Plan, id: ValueId, expected: usize, got: usize) -> Result<(), EngineError> {
    if expected == got {
        return Ok(());
    }
    let what = plan.graph().value(id).path.clone().unwrap_or_else(|| format!("value {}", id.index()));
    Err(EngineError::Size { what, expected, got })
}

impl<R: Real> Executable for CpuExecutable<R> {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn write(&mut self, id: ValueId, data: &[f32]) -> Result<(), EngineError> {
        let expected = self.view(id)?.len();
        fits(&self.plan, id, expected, data.len())?;
        for (to, from) in self.view_mut(id)?.iter_mut().zip(data) {
            *to = R::from_f64(f64::from(*from));
        }
        Ok(())
    }

    fn write_ids(&mut self, id: ValueId, data: &[u32]) -> Result<(), EngineError> {
        let location = self.plan.location(id).ok_or_else(|| unknown(&self.plan, id))?;
        let slot = &mut self.memory.ids[location.slot];
        fits(&self.plan, id, slot.len().min(location.len), data.len())?;
        slot[..data.len()].copy_from_slice(data);
        Ok(())
    }

    fn run(&mut self, program: usize) -> Result<(), EngineError> {
        self.run_steps(program);
        if program == 0 {
            self.record();
        }
        Ok(())
    }

    fn read<'a>(&'a mut self, ids: &'a [ValueId]) -> Answer<'a, Vec<f32>> {
        let read = || {
            let mut numbers = Vec::new();
            for id in ids {
                numbers.extend(self.view(*id)?.iter().map(|value| value.to_f64() as f32));
            }
            Ok(numbers)
        };
        Box::pin(std::future::ready(read()))
    }

    fn read_ids<'a>(&'a mut self, ids: &'a [ValueId]) -> Answer<'a, Vec<u32>> {
        let read = || {
            let mut numbers = Vec::new();
            for id in ids {
                numbers.extend(self.view_ids(*id)?);
            }
            Ok(numbers)
        };
        Box::pin(std::future::ready(read()))
    }

    fn take_journal(&mut self) -> Answer<'_, Vec<f32>> {
        let rows = self.rows.clone();
        self.rows.clear();
        Box::pin(std::future::ready(Ok(rows)))
    }

    fn adapter(&self) -> &str {
        ""
    }

    fn dispatches(&self, _program: usize) -> usize {
        0
    }
}
