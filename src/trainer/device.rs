//! Opening a backend.

use std::cell::RefCell;

use crate::engine::backend::Executable;
use crate::engine::backend::cpu::CpuExecutable;
use crate::engine::backend::wgpu::{Gpu, WgpuExecutable};
use crate::engine::error::EngineError;
use crate::engine::graph::ValueId;
use crate::engine::plan::Plan;
use crate::spec::BackendKind;

/// Bytes a plan may take.
pub const MEMORY_LIMIT: usize = 1 << 30;

/// Puts a plan on a backend.
///
/// # Errors
/// [`EngineError::NoAdapter`] when a GPU was asked for and none can be had.
pub async fn open(kind: BackendKind, plan: Plan, journal: &[ValueId]) -> Result<Box<dyn Executable>, EngineError> {
    match kind {
        BackendKind::Cpu => Ok(Box::new(CpuExecutable::<f32>::new(plan, journal))),
        BackendKind::Gpu => Ok(Box::new(WgpuExecutable::new(&gpu().await?, plan, journal).await?)),
    }
}

thread_local! {
    /// The adapter of this thread with its compiled pipelines, which a change of the model would otherwise compile again.
    static GPU: RefCell<Option<Gpu>> = const { RefCell::new(None) };
}

/// The thread's adapter; a new one where there is none yet or the last was lost.
async fn gpu() -> Result<Gpu, EngineError> {
    let known = GPU.with_borrow(|known| known.clone().filter(|gpu| gpu.check().is_ok()));
    match known {
        Some(gpu) => Ok(gpu),
        None => {
            let gpu = Gpu::request().await?;
            GPU.set(Some(gpu.clone()));
            Ok(gpu)
        }
    }
}

/// Gives the thread's adapter up, as if it had been lost: the tests of the way back to the CPU need it.
pub fn lose_gpu() {
    if let Some(gpu) = GPU.with_borrow(Clone::clone) {
        gpu.lose();
    }
}
