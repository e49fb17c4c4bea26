//! The seam between plans and devices: [`Executable`], implemented by the CPU and the GPU.

pub mod cpu;
pub mod wgpu;

use std::future::Future;
use std::pin::Pin;

use super::error::EngineError;
use super::graph::ValueId;
use super::plan::Plan;

/// What an asynchronous call of an [`Executable`] returns. On the CPU it is ready at once.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, EngineError>> + 'a>>;

/// Rows a journal holds; [`Executable::run`] must not be called more often between two
/// [`Executable::take_journal`].
pub const JOURNAL_ROWS: usize = 256;

/// A plan on a device, all its buffers allocated.
pub trait Executable {
    /// The plan it runs.
    fn plan(&self) -> &Plan;

    /// Writes a float tensor that no step computes, or the flat parameters or optimiser states.
    ///
    /// # Errors
    /// [`EngineError::Size`]; [`EngineError::Unknown`] for a value without memory.
    fn write(&mut self, id: ValueId, data: &[f32]) -> Result<(), EngineError>;

    /// Writes a tensor of ids.
    ///
    /// # Errors
    /// As [`Executable::write`].
    fn write_ids(&mut self, id: ValueId, data: &[u32]) -> Result<(), EngineError>;

    /// Runs a program, by its place in [`Plan::programs`]. After a run of the first program the journalled scalars
    /// and vectors are appended to the journal as one row.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    fn run(&mut self, program: usize) -> Result<(), EngineError>;

    /// Reads float tensors, one after the other.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] for a value without memory, [`EngineError::DeviceLost`].
    fn read<'a>(&'a mut self, ids: &'a [ValueId]) -> Answer<'a, Vec<f32>>;

    /// Reads tensors of ids, one after the other.
    ///
    /// # Errors
    /// As [`Executable::read`].
    fn read_ids<'a>(&'a mut self, ids: &'a [ValueId]) -> Answer<'a, Vec<u32>>;

    /// The journal's rows since the last call, one after the other.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`].
    fn take_journal(&mut self) -> Answer<'_, Vec<f32>>;

    /// The adapter's name; empty on the CPU.
    fn adapter(&self) -> &str;

    /// Compute dispatches of a program; 0 on the CPU.
    fn dispatches(&self, program: usize) -> usize;
}
