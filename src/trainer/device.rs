//! Opening a backend.

use crate::engine::backend::Executable;
use crate::engine::backend::cpu::CpuExecutable;
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
        BackendKind::Gpu => Err(EngineError::NoAdapter { detail: "not yet".to_owned() }),
    }
}
