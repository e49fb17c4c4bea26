//! The GPU backend: WGSL kernels through wgpu, which is WebGPU in the browser and Vulkan natively.
//!
//! A plan is lowered once ([`lower`]) to dispatches; buffers, pipelines and bind groups are made once, at construction.
//! A run is one command encoder with one compute pass, and one submit.

mod gpu;
pub mod lower;
mod readback;
pub mod shaders;

pub use gpu::Gpu;

use self::lower::{Dispatch, LENGTHS_BINDING, Lengths, MOST_LENGTHS, Memory, lower};
use self::readback::{Range, Staging};
use super::{Answer, Executable, JOURNAL_ROWS};
use crate::engine::error::EngineError;
use crate::engine::graph::{Constant, Kind, Source, ValueId};
use crate::engine::plan::{Location, Plan, Slot};

/// WebGPU's alignment of bindings, in bytes.
const ALIGNMENT: usize = 256;

/// A plan on a GPU, all its buffers allocated and all its kernels compiled.
pub struct WgpuExecutable {
    gpu: Gpu,
    plan: Plan,
    slots: Vec<wgpu::Buffer>,
    scratch: wgpu::Buffer,
    programs: Vec<Vec<Ready>>,
    journal: Journal,
    staging: Staging,
}

/// A dispatch ready to be encoded.
struct Ready {
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    groups: [u32; 3],
}

/// The journalled values and the rows recorded since they were last taken.
struct Journal {
    sources: Vec<Location>,
    width: usize,
    rows: usize,
    ring: wgpu::Buffer,
}

impl WgpuExecutable {
    /// Allocates every buffer of `plan`, zeroed, and compiles its kernels. The values in `journal` are recorded after
    /// each run of the first program.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] for a journalled value without memory; [`EngineError::Memory`] when a buffer is larger
    /// than the device allows; [`EngineError::Shape`] for a recurrent layer with more units than a workgroup has
    /// invocations; [`EngineError::DeviceLost`] when the device refuses.
    pub async fn new(gpu: &Gpu, plan: Plan, journal: &[ValueId]) -> Result<WgpuExecutable, EngineError> {
        gpu.check()?;
        check_limits(gpu, &plan)?;
        let dispatches: Vec<Vec<Dispatch>> = plan
            .programs()
            .iter()
            .map(|program| program.steps.iter().flat_map(|step| lower(&plan, step)).collect())
            .collect();
        let sources = journal.iter().map(|id| plan.location(*id).ok_or_else(|| unknown(&plan, *id)));
        let sources = sources.collect::<Result<Vec<Location>, EngineError>>()?;
        let filters = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation];
        let scopes = filters.map(|filter| gpu.device.push_error_scope(filter));
        let executable = build(gpu, plan, &dispatches, sources);
        // Scopes close in reverse order.
        let [internal, memory, validation] = scopes;
        let closed = (validation.pop(), memory.pop(), internal.pop());
        let problems = [closed.0.await, closed.1.await, closed.2.await];
        match problems.into_iter().flatten().next() {
            Some(problem) => Err(EngineError::DeviceLost { detail: problem.to_string() }),
            None => Ok(executable),
        }
    }

    /// The device it runs on.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Fills every buffer that only steps write with `value`: tests fill with NaN, so that what a kernel leaves out is
    /// seen.
    pub fn poison(&mut self, value: f32) {
        let outputs = self.plan.programs().iter().flat_map(|program| &program.steps).flat_map(|step| &step.outputs);
        for id in outputs {
            if let Source::Node(_) = self.plan.graph().value(*id).source {
                let location = self.plan.placed(*id);
                let data = vec![value; location.len];
                let offset = location.offset as u64 * 4;
                self.gpu.queue.write_buffer(&self.slots[location.slot], offset, bytemuck::cast_slice(&data));
            }
        }
        let data = vec![value; self.scratch.size() as usize / 4];
        self.gpu.queue.write_buffer(&self.scratch, 0, bytemuck::cast_slice(&data));
    }

    fn located(&self, id: ValueId, kind: Kind) -> Result<Location, EngineError> {
        let location = self.plan.location(id).filter(|_| self.plan.graph().value(id).kind == kind);
        location.ok_or_else(|| unknown(&self.plan, id))
    }

    /// Values of a kind, one after the other; the bits of ids as those of floats.
    async fn read_kind(&mut self, ids: &[ValueId], kind: Kind) -> Result<Vec<f32>, EngineError> {
        let locate = |id: &ValueId| self.located(*id, kind);
        let locations = ids.iter().map(locate).collect::<Result<Vec<Location>, EngineError>>()?;
        let range = |at: &Location| Range { buffer: &self.slots[at.slot], offset: at.offset, len: at.len };
        let ranges: Vec<Range<'_>> = locations.iter().map(range).collect();
        self.staging.read(&self.gpu, &ranges).await
    }

    fn write_bytes(&mut self, id: ValueId, kind: Kind, len: usize, bytes: &[u8]) -> Result<(), EngineError> {
        let location = self.located(id, kind)?;
        if location.len != len {
            return Err(EngineError::Size { what: describe(&self.plan, id), expected: location.len, got: len });
        }
        self.gpu.queue.write_buffer(&self.slots[location.slot], location.offset as u64 * 4, bytes);
        Ok(())
    }
}

/// Whether the device has room for the plan.
fn check_limits(gpu: &Gpu, plan: &Plan) -> Result<(), EngineError> {
    let limits = gpu.device.limits();
    let limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) as usize;
    let largest = plan.slots().iter().map(|slot| slot.len * 4).max().unwrap_or(0);
    if largest > limit {
        return Err(EngineError::Memory { needed: largest, limit });
    }
    plan.programs().iter().flat_map(|program| &program.steps).try_for_each(|step| lower::check(plan, step))
}

fn describe(plan: &Plan, id: ValueId) -> String {
    plan.graph().value(id).path.clone().unwrap_or_else(|| format!("value {}", id.index()))
}

fn unknown(plan: &Plan, id: ValueId) -> EngineError {
    EngineError::Unknown { what: format!("memory of {}", describe(plan, id)) }
}

fn build(gpu: &Gpu, plan: Plan, dispatches: &[Vec<Dispatch>], sources: Vec<Location>) -> WgpuExecutable {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let buffer = |label: &str, elements: usize, usage: wgpu::BufferUsages| {
        gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: (elements.max(1) * 4).next_multiple_of(ALIGNMENT) as u64,
            usage,
            mapped_at_creation: false,
        })
    };
    let slot = |slot: &Slot| match slot.kind {
        Kind::Float => buffer("slot", slot.len, usage),
        // What may be bound as lengths.
        Kind::Ids => buffer("slot", slot.len.max(MOST_LENGTHS), usage | wgpu::BufferUsages::UNIFORM),
    };
    let slots: Vec<wgpu::Buffer> = plan.slots().iter().map(slot).collect();
    let full = buffer("full lengths", MOST_LENGTHS, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST);
    gpu.queue.write_buffer(&full, 0, bytemuck::cast_slice(&[u32::MAX; MOST_LENGTHS]));
    for (id, constant) in plan.graph().constants() {
        let bytes = match constant {
            Constant::Floats(numbers) => bytemuck::cast_slice(numbers),
            Constant::Ids(numbers) => bytemuck::cast_slice(numbers),
        };
        gpu.queue.write_buffer(&slots[plan.placed(id).slot], 0, bytes);
    }
    let all = || dispatches.iter().flatten();
    let scratch = buffer("scratch", all().map(scratch_elements).max().unwrap_or(0), usage);
    let uniforms = Uniforms::new(all());
    let params = buffer("params", uniforms.words.len(), wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST);
    gpu.queue.write_buffer(&params, 0, bytemuck::cast_slice(&uniforms.words));
    let mut offsets = uniforms.offsets.into_iter();
    let mut ready = |dispatch: &Dispatch| {
        let offset = offsets.next().expect("every dispatch has its uniforms");
        bind(gpu, dispatch, &Buffers { params: &params, full: &full, slots: &slots, scratch: &scratch }, offset)
    };
    let programs = dispatches.iter().map(|program| program.iter().map(&mut ready).collect()).collect();
    let width = sources.iter().map(|source| source.len).sum();
    let ring = buffer("journal", width * JOURNAL_ROWS, wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST);
    let journal = Journal { sources, width, rows: 0, ring };
    WgpuExecutable { gpu: gpu.clone(), plan, slots, scratch, programs, journal, staging: Staging::default() }
}

/// Elements of scratch memory a dispatch touches.
fn scratch_elements(dispatch: &Dispatch) -> usize {
    let end = |memory: &Memory| match memory {
        Memory::Scratch { offset, len } => offset + len,
        Memory::Value(_) => 0,
    };
    dispatch.reads.iter().chain(&dispatch.writes).map(end).max().unwrap_or(0)
}

/// The uniforms of all dispatches, each at an aligned place of one buffer.
struct Uniforms {
    words: Vec<u32>,
    /// Bytes.
    offsets: Vec<u64>,
}

impl Uniforms {
    fn new<'a>(dispatches: impl Iterator<Item = &'a Dispatch>) -> Uniforms {
        let mut uniforms = Uniforms { words: Vec::new(), offsets: Vec::new() };
        for dispatch in dispatches {
            uniforms.offsets.push(uniforms.words.len() as u64 * 4);
            uniforms.words.extend(&dispatch.params);
            uniforms.words.resize(uniforms.words.len().next_multiple_of(ALIGNMENT / 4), 0);
        }
        uniforms
    }
}

/// What dispatches are bound to.
struct Buffers<'a> {
    params: &'a wgpu::Buffer,
    /// Lengths of sequences that are as long as their tensors.
    full: &'a wgpu::Buffer,
    slots: &'a [wgpu::Buffer],
    scratch: &'a wgpu::Buffer,
}

/// Binds a dispatch, whose uniforms start at `offset`, in bytes.
fn bind(gpu: &Gpu, dispatch: &Dispatch, buffers: &Buffers<'_>, offset: u64) -> Ready {
    let Buffers { params, full, slots, scratch } = *buffers;
    let compiled = gpu.compile(dispatch);
    let part = |buffer, offset: usize, elements: usize| {
        // Whole vectors of four, which every buffer and every parameter has room for.
        let bytes = (elements.max(1) * 4).next_multiple_of(16) as u64;
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer,
            offset: offset as u64 * 4,
            size: std::num::NonZeroU64::new(bytes),
        })
    };
    let resource = |memory: &Memory| match memory {
        Memory::Value(location) => part(&slots[location.slot], location.offset, location.len),
        Memory::Scratch { offset, len } => part(scratch, *offset, *len),
    };
    let lengths = match dispatch.lengths {
        Lengths::Unbound => None,
        Lengths::Full => Some(part(full, 0, MOST_LENGTHS)),
        Lengths::Of(location) => Some(part(&slots[location.slot], location.offset, MOST_LENGTHS)),
    };
    let uniform = part(params, offset as usize / 4, dispatch.params.len());
    let resources = std::iter::once(uniform).chain(dispatch.reads.iter().chain(&dispatch.writes).map(resource));
    let entries: Vec<wgpu::BindGroupEntry> = resources
        .enumerate()
        .chain(lengths.map(|resource| (LENGTHS_BINDING, resource)))
        .map(|(binding, resource)| wgpu::BindGroupEntry { binding: binding as u32, resource })
        .collect();
    let description =
        wgpu::BindGroupDescriptor { label: Some(dispatch.kernel), layout: &compiled.layout, entries: &entries };
    Ready { bindings: gpu.device.create_bind_group(&description), pipeline: compiled.pipeline, groups: dispatch.groups }
}

impl Journal {
    /// Appends a row, after the run it belongs to.
    fn record(&mut self, encoder: &mut wgpu::CommandEncoder, slots: &[wgpu::Buffer]) {
        let mut to = (self.rows * self.width) as u64 * 4;
        for source in &self.sources {
            let (from, len) = (source.offset as u64 * 4, source.len as u64 * 4);
            encoder.copy_buffer_to_buffer(&slots[source.slot], from, &self.ring, to, len);
            to += len;
        }
        self.rows += 1;
    }
}

impl Executable for WgpuExecutable {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn write(&mut self, id: ValueId, data: &[f32]) -> Result<(), EngineError> {
        self.write_bytes(id, Kind::Float, data.len(), bytemuck::cast_slice(data))
    }

    fn write_ids(&mut self, id: ValueId, data: &[u32]) -> Result<(), EngineError> {
        self.write_bytes(id, Kind::Ids, data.len(), bytemuck::cast_slice(data))
    }

    fn run(&mut self, program: usize) -> Result<(), EngineError> {
        self.gpu.check()?;
        let journals = program == 0 && self.journal.width > 0;
        if journals && self.journal.rows == JOURNAL_ROWS {
            let what = "the journal between two readings".to_owned();
            return Err(EngineError::Size { what, expected: JOURNAL_ROWS, got: JOURNAL_ROWS + 1 });
        }
        let label = self.plan.programs()[program].name;
        let description = wgpu::CommandEncoderDescriptor { label: Some(label) };
        let mut encoder = self.gpu.device.create_command_encoder(&description);
        let mut pass =
            encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes: None });
        for dispatch in &self.programs[program] {
            let [x, y, z] = dispatch.groups;
            pass.set_pipeline(&dispatch.pipeline);
            pass.set_bind_group(0, &dispatch.bindings, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
        drop(pass);
        if journals {
            self.journal.record(&mut encoder, &self.slots);
        }
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    fn read<'a>(&'a mut self, ids: &'a [ValueId]) -> Answer<'a, Vec<f32>> {
        Box::pin(self.read_kind(ids, Kind::Float))
    }

    fn read_ids<'a>(&'a mut self, ids: &'a [ValueId]) -> Answer<'a, Vec<u32>> {
        Box::pin(async move {
            let numbers = self.read_kind(ids, Kind::Ids).await?;
            Ok(numbers.into_iter().map(f32::to_bits).collect())
        })
    }

    fn take_journal(&mut self) -> Answer<'_, Vec<f32>> {
        Box::pin(async move {
            let len = std::mem::take(&mut self.journal.rows) * self.journal.width;
            let rows = Range { buffer: &self.journal.ring, offset: 0, len };
            self.staging.read(&self.gpu, &[rows]).await
        })
    }

    fn adapter(&self) -> &str {
        self.gpu.name()
    }

    fn dispatches(&self, program: usize) -> usize {
        self.programs[program].len()
    }
}
