//! Opening a backend.

use crate::engine::backend::Executable;
use crate::engine::backend::cpu::CpuExecutable;
#[cfg(feature = "gpu")]
use crate::engine::backend::wgpu::{Gpu, WgpuExecutable};
use crate::engine::error::EngineError;
use crate::engine::graph::ValueId;
use crate::engine::plan::Plan;
use crate::spec::BackendKind;

/// Bytes a plan may take.
pub const MEMORY_LIMIT: usize = 1 << 30;

/// The devices of a thread. The adapter is asked for once and keeps its compiled pipelines, which a change of the model
/// would otherwise compile again.
#[derive(Default)]
pub struct Devices {
    #[cfg(feature = "gpu")]
    gpu: Option<Gpu>,
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
            BackendKind::Gpu => self.on_gpu(plan, journal).await,
        }
    }
}

#[cfg(feature = "gpu")]
impl Devices {
    async fn on_gpu(&mut self, plan: Plan, journal: &[ValueId]) -> Result<Box<dyn Executable>, EngineError> {
        Ok(Box::new(WgpuExecutable::new(&self.gpu().await?, plan, journal).await?))
    }

    /// The adapter; a new one where there is none yet or the last was lost.
    async fn gpu(&mut self) -> Result<Gpu, EngineError> {
        if let Some(gpu) = self.gpu.as_ref().filter(|gpu| gpu.check().is_ok()) {
            return Ok(gpu.clone());
        }
        let gpu = Gpu::request().await?;
        self.gpu = Some(gpu.clone());
        Ok(gpu)
    }

    /// Gives the adapter up, as a driver's reset does: for trying the way back to the CPU.
    pub fn lose_gpu(&self) {
        if let Some(gpu) = &self.gpu {
            gpu.lose();
        }
    }
}

/// In a program without the GPU backend.
#[cfg(not(feature = "gpu"))]
impl Devices {
    async fn on_gpu(&mut self, _: Plan, _: &[ValueId]) -> Result<Box<dyn Executable>, EngineError> {
        Err(EngineError::NoAdapter { detail: "this program has no GPU backend".to_owned() })
    }

    /// There is none to give up.
    pub fn lose_gpu(&self) {}
}

/// Puts a plan on the CPU, which is always there.
pub fn on_cpu(plan: Plan, journal: &[ValueId]) -> Box<dyn Executable> {
    Box::new(CpuExecutable::<f32>::new(plan, journal))
}
