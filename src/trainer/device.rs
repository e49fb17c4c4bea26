//! Opening a backend.

use crate::engine::backend::cpu::CpuExecutable;
use crate::engine::backend::{Answer, Executable};
use crate::engine::error::EngineError;
use crate::engine::graph::ValueId;
use crate::engine::plan::Plan;
use crate::spec::BackendKind;

use super::doors;

/// Bytes a plan may take.
pub const MEMORY_LIMIT: usize = 1 << 30;

/// A backend beside the CPU.
pub trait Accelerator {
    /// Puts a plan on it.
    ///
    /// # Errors
    /// [`EngineError::NoAdapter`] when none can be had.
    fn open<'a>(&'a mut self, plan: Plan, journal: &'a [ValueId]) -> Answer<'a, Box<dyn Executable>>;

    /// Gives the adapter up, as a driver's reset does.
    fn lose(&self);
}

/// The devices of a thread.
#[derive(Default)]
pub struct Devices {
    gpu: Option<Box<dyn Accelerator>>,
}

impl Devices {
    /// Puts a plan on a backend.
    ///
    /// # Errors
    /// [`EngineError::NoAdapter`] when a GPU was asked for and none can be had.
    pub async fn open(
        &mut self,
        kind: BackendKind,
        plan: Plan,
        journal: &[ValueId],
    ) -> Result<Box<dyn Executable>, EngineError> {
        match kind {
            BackendKind::Cpu => Ok(on_cpu(plan, journal)),
            BackendKind::Gpu => self.gpu.get_or_insert_with(doors::gpu).open(plan, journal).await,
        }
    }

    /// Gives the adapter up, for trying the way back to the CPU.
    pub fn lose_gpu(&self) {
        if let Some(gpu) = &self.gpu {
            gpu.lose();
        }
    }
}

/// Puts a plan on the CPU, which is always there.
pub fn on_cpu(plan: Plan, journal: &[ValueId]) -> Box<dyn Executable> {
    Box::new(CpuExecutable::<f32>::new(plan, journal))
}
