//! The GPU of a thread.

use crate::engine::backend::wgpu::{Gpu, WgpuExecutable};
use crate::engine::backend::{Answer, Executable};
use crate::engine::error::EngineError;
use crate::engine::graph::ValueId;
use crate::engine::plan::Plan;

use super::device::Accelerator;

/// The adapter is asked for once and keeps its compiled pipelines, which a change of the model would otherwise compile again.
#[derive(Default)]
pub struct OneGpu {
    gpu: Option<Gpu>,
}

impl OneGpu {
    /// The adapter; a new one where there is none yet or the last was lost.
    async fn gpu(&mut self) -> Result<Gpu, EngineError> {
        if let Some(gpu) = self.gpu.as_ref().filter(|gpu| gpu.check().is_ok()) {
            return Ok(gpu.clone());
        }
        let gpu = Gpu::request().await?;
        self.gpu = Some(gpu.clone());
        Ok(gpu)
    }
}

impl Accelerator for OneGpu {
    fn open<'a>(&'a mut self, plan: Plan, journal: &'a [ValueId]) -> Answer<'a, Box<dyn Executable>> {
        Box::pin(async move {
            let executable: Box<dyn Executable> =
                Box::new(WgpuExecutable::new(&self.gpu().await?, plan, journal).await?);
            Ok(executable)
        })
    }

    fn lose(&self) {
        if let Some(gpu) = &self.gpu {
            gpu.lose();
        }
    }
}
