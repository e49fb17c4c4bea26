//! Bringing numbers back from the GPU.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::gpu::Gpu;
use crate::engine::error::EngineError;

/// Floats of a buffer that are to be read.
pub(super) struct Range<'a> {
    pub buffer: &'a wgpu::Buffer,
    /// First element.
    pub offset: usize,
    /// Elements.
    pub len: usize,
}

/// Staging buffers at rest. One that is in use is out of here, so that a read given up on the way takes its buffer with
/// it.
#[derive(Default)]
pub(super) struct Staging {
    free: Vec<wgpu::Buffer>,
}

impl Staging {
    /// The smallest free buffer that is large enough, else a new one.
    fn take(&mut self, gpu: &Gpu, bytes: u64) -> wgpu::Buffer {
        let fits = (0..self.free.len()).filter(|at| self.free[*at].size() >= bytes);
        match fits.min_by_key(|at| self.free[*at].size()) {
            Some(at) => self.free.swap_remove(at),
            None => gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("staging"),
                size: bytes.next_power_of_two(),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
        }
    }

    /// Reads ranges one after the other.
    pub async fn read(&mut self, gpu: &Gpu, ranges: &[Range<'_>]) -> Result<Vec<f32>, EngineError> {
        gpu.check()?;
        let bytes: u64 = ranges.iter().map(|range| range.len as u64 * 4).sum();
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let staging = self.take(gpu, bytes);
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("read") });
        let mut to = 0;
        for range in ranges.iter().filter(|range| range.len > 0) {
            let (from, len) = (range.offset as u64 * 4, range.len as u64 * 4);
            encoder.copy_buffer_to_buffer(range.buffer, from, &staging, to, len);
            to += len;
        }
        gpu.queue.submit([encoder.finish()]);
        let (sender, mapped) = one_shot();
        staging.map_async(wgpu::MapMode::Read, ..bytes, move |result| sender.send(result.is_ok()));
        gpu.wait();
        if !mapped.await {
            return Err(gpu.lost("a buffer could not be mapped"));
        }
        let view = staging.get_mapped_range(..bytes).map_err(|error| gpu.lost(&error.to_string()))?;
        let numbers = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        staging.unmap();
        self.free.push(staging);
        Ok(numbers)
    }
}

/// What sender and receiver share.
#[derive(Default)]
struct Cell {
    answer: Option<bool>,
    waker: Option<Waker>,
}

/// Says once whether something went well; dropped unsaid means it did not.
struct Sender(Arc<Mutex<Cell>>);

/// Waits for it.
struct Receiver(Arc<Mutex<Cell>>);

fn one_shot() -> (Sender, Receiver) {
    let cell = Arc::<Mutex<Cell>>::default();
    (Sender(cell.clone()), Receiver(cell))
}

impl Sender {
    fn send(&self, answer: bool) {
        let mut cell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cell.answer.get_or_insert(answer);
        if let Some(waker) = cell.waker.take() {
            waker.wake();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.send(false);
    }
}

impl Future for Receiver {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let mut cell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match cell.answer {
            Some(answer) => Poll::Ready(answer),
            None => {
                cell.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
