//! The device, and what all executables on it share: compiled pipelines and the news of its loss.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::lower::{Dispatch, LENGTHS_BINDING, Lengths};
use super::shaders;
use crate::engine::error::EngineError;

/// A GPU. Cloning it gives another handle to the same device.
#[derive(Clone)]
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    name: String,
    is_software: bool,
    lost: Lost,
    cache: Arc<Mutex<Cache>>,
}

/// What the device said when it was lost or refused work.
#[derive(Clone, Default)]
struct Lost(Arc<Mutex<Option<String>>>);

impl Lost {
    /// Keeps the first message.
    fn report(&self, message: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
    }

    fn message(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A kernel with its constants.
type PipelineKey = (&'static str, Vec<(&'static str, u32)>);

/// What was compiled so far.
#[derive(Default)]
struct Cache {
    modules: HashMap<&'static str, wgpu::ShaderModule>,
    layouts: HashMap<(usize, usize, bool), Layout>,
    pipelines: HashMap<PipelineKey, wgpu::ComputePipeline>,
}

/// The layout of kernels with so many buffers to read and to write, with lengths or without.
#[derive(Clone)]
struct Layout {
    group: wgpu::BindGroupLayout,
    pipeline: wgpu::PipelineLayout,
}

/// What it takes to encode a dispatch, but for its buffers.
pub(super) struct Compiled {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

impl Gpu {
    /// The fastest GPU there is, with WebGPU's default limits.
    ///
    /// # Errors
    /// [`EngineError::NoAdapter`].
    pub async fn request() -> Result<Gpu, EngineError> {
        let mut description = wgpu::InstanceDescriptor::new_without_display_handle();
        description.flags = wgpu::InstanceFlags::empty();
        let instance = wgpu::Instance::new(description);
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let refused = |error: &dyn std::fmt::Display| EngineError::NoAdapter { detail: error.to_string() };
        let adapter = instance.request_adapter(&options).await.map_err(|error| refused(&error))?;
        let wanted = wgpu::DeviceDescriptor { label: Some("seqlab"), ..Default::default() };
        let (device, queue) = adapter.request_device(&wanted).await.map_err(|error| refused(&error))?;
        let lost = Lost::default();
        let (on_loss, on_error) = (lost.clone(), lost.clone());
        device.set_device_lost_callback(move |reason, message| on_loss.report(format!("{message} ({reason:?})")));
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| on_error.report(error.to_string())));
        let info = adapter.get_info();
        let is_software = info.device_type == wgpu::DeviceType::Cpu;
        let name = name(&info, &device);
        Ok(Gpu { device, queue, name, is_software, lost, cache: Arc::default() })
    }

    /// The adapter's name, as far as the browser gives it; never empty.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a program on the CPU stands in for a GPU: the CPU backend is faster then.
    pub fn is_software(&self) -> bool {
        self.is_software
    }

    /// Whether the device still works.
    ///
    /// # Errors
    /// [`EngineError::DeviceLost`] with what it said.
    pub fn check(&self) -> Result<(), EngineError> {
        match self.lost.message() {
            Some(detail) => Err(EngineError::DeviceLost { detail }),
            None => Ok(()),
        }
    }

    /// The error for work that did not come back.
    pub(super) fn lost(&self, otherwise: &str) -> EngineError {
        let detail = self.lost.message().unwrap_or_else(|| otherwise.to_owned());
        EngineError::DeviceLost { detail }
    }

    /// Gives the device up, as if it had been lost: for tests of what happens then.
    pub fn lose(&self) {
        self.device.destroy();
        self.wait();
    }

    /// Natively, waits until all work is done and callbacks have run. In the browser that happens by itself.
    pub(super) fn wait(&self) {
        #[cfg(not(target_arch = "wasm32"))]
        if let Err(error) = self.device.poll(wgpu::PollType::wait_indefinitely()) {
            self.lost.report(error.to_string());
        }
    }

    /// The pipeline of a dispatch, compiled if it is the first of its kind.
    pub(super) fn compile(&self, dispatch: &Dispatch) -> Compiled {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let cache = &mut *cache;
        let layout = cache
            .layouts
            .entry((dispatch.reads.len(), dispatch.writes.len(), dispatch.lengths != Lengths::Unbound))
            .or_insert_with_key(|(reads, writes, lengths)| layout(&self.device, *reads, *writes, *lengths));
        let module = cache.modules.entry(dispatch.kernel).or_insert_with(|| {
            let source = wgpu::ShaderSource::Wgsl(shaders::source(dispatch.kernel).into());
            self.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(dispatch.kernel), source })
        });
        let pipeline = cache
            .pipelines
            .entry((dispatch.kernel, dispatch.constants.clone()))
            .or_insert_with(|| pipeline(&self.device, dispatch, module, &layout.pipeline));
        Compiled { pipeline: pipeline.clone(), layout: layout.group.clone() }
    }

    /// Pipelines compiled so far.
    pub fn pipelines(&self) -> usize {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).pipelines.len()
    }
}

/// Browsers hide the description and tell vendor and architecture ("apple metal-3"), or nothing.
fn name(info: &wgpu::AdapterInfo, device: &wgpu::Device) -> String {
    let told = if info.name.is_empty() { name_in_browser(device) } else { Some(info.name.clone()) };
    told.unwrap_or_else(|| "WebGPU".to_owned())
}

#[cfg(target_arch = "wasm32")]
fn name_in_browser(device: &wgpu::Device) -> Option<String> {
    let info = device.as_webgpu()?.adapter_info();
    // Not every browser has it.
    if info.is_undefined() {
        return None;
    }
    let name = format!("{} {}", info.vendor(), info.architecture());
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(not(target_arch = "wasm32"))]
fn name_in_browser(_device: &wgpu::Device) -> Option<String> {
    None
}

fn pipeline(
    device: &wgpu::Device,
    dispatch: &Dispatch,
    module: &wgpu::ShaderModule,
    layout: &wgpu::PipelineLayout,
) -> wgpu::ComputePipeline {
    let constants: Vec<(&str, f64)> =
        dispatch.constants.iter().map(|(name, value)| (*name, f64::from(*value))).collect();
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(dispatch.kernel),
        layout: Some(layout),
        module,
        entry_point: Some("main"),
        // Every kernel writes its workgroup memory before it reads it.
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &constants,
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    })
}

/// Uniforms at binding 0, then the buffers to read, then those to write; the lengths at a binding of their own.
fn layout(device: &wgpu::Device, reads: usize, writes: usize, lengths: bool) -> Layout {
    let entry = |binding: usize, ty: wgpu::BufferBindingType| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    let storage = |binding: usize| entry(binding, wgpu::BufferBindingType::Storage { read_only: binding <= reads });
    let uniforms = std::iter::once(0).chain(lengths.then_some(LENGTHS_BINDING));
    let uniforms = uniforms.map(|binding| entry(binding, wgpu::BufferBindingType::Uniform));
    let entries: Vec<_> = uniforms.chain((1..=reads + writes).map(storage)).collect();
    let group = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
    let pipeline = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(&group)],
        immediate_size: 0,
    });
    Layout { group, pipeline }
}
