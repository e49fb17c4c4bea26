//! What comes late ([`crate::late`]): all that the training of a recurrent network on the CPU does without.

use std::hint::black_box;

use crate::engine::backend::Answer;
use crate::engine::error::EngineError;
use crate::engine::graph::Graph;
use crate::protocol::{BenchResult, Workload};
use crate::spec::{ModelSpec, SpecError};

use super::bench;
use super::device::{Accelerator, Devices};
use super::gpu::OneGpu;
use super::labeller::Labeller;
use super::measures::Tensor;
use super::network::{self, Network};
use super::session::Session;
use super::trainable::Trainable;
use super::translator::Translator;
use super::two_modes::TwoModes;
use super::weights::{self, WeightsError};
use super::what_if::WhatIf;

/// The GPU's backend.
#[inline(never)]
pub fn gpu() -> Box<dyn Accelerator> {
    black_box(Box::new(OneGpu::default()))
}

/// [`network::transformer`]
#[inline(never)]
pub fn transformer(spec: &ModelSpec, vocabulary: usize, outputs: usize) -> Box<dyn Network> {
    black_box(Box::new(network::transformer(spec, vocabulary, outputs)))
}

/// [`network::state_space_network`]
#[inline(never)]
pub fn state_space(spec: &ModelSpec, vocabulary: usize, outputs: usize) -> Option<Box<dyn Network>> {
    Some(black_box(Box::new(network::state_space_network(spec, vocabulary, outputs)?)))
}

/// [`Translator::new`]
#[inline(never)]
pub fn translator(spec: &ModelSpec) -> Box<dyn Trainable> {
    black_box(Box::new(Translator::new(spec)))
}

/// [`Labeller::new`]
///
/// # Errors
/// As there.
#[inline(never)]
pub fn labeller(spec: &ModelSpec, text: &str) -> Result<Box<dyn Trainable>, SpecError> {
    Ok(black_box(Box::new(Labeller::new(spec, text)?)))
}

/// Both computations of the first state-space layer of a spec; `None` where it has none.
#[inline(never)]
pub fn two_modes(
    spec: &ModelSpec,
    [inputs, outputs]: [usize; 2],
    probe: &[u32],
) -> Option<Result<TwoModes, EngineError>> {
    TwoModes::new(&network::state_space(spec, inputs, outputs)?, probe)
}

/// [`WhatIf::answer`]
///
/// # Errors
/// As there.
#[inline(never)]
pub fn what_if(asked: &WhatIf, parameters: &[Tensor; 5], steps: usize) -> Result<Tensor, EngineError> {
    asked.answer(parameters, steps)
}

/// [`Session::beam`]
#[inline(never)]
pub fn beam<'a>(session: &'a mut Session, path: &'a str) -> Answer<'a, Tensor> {
    black_box(Box::pin(session.beam(path)))
}

/// [`weights::export`]
#[inline(never)]
pub fn export(graph: &Graph, flat: &[f32], kind: &str) -> Vec<u8> {
    weights::export(graph, flat, kind)
}

/// [`weights::import`]
///
/// # Errors
/// As there.
#[inline(never)]
pub fn import(graph: &Graph, file: &[u8], kind: &str) -> Result<Vec<f32>, Vec<WeightsError>> {
    weights::import(graph, file, kind)
}

/// [`bench::run`]
#[inline(never)]
pub fn measure<'a>(
    workload: &'a Workload,
    devices: &'a mut Devices,
    now: &'a dyn Fn() -> f64,
) -> Answer<'a, BenchResult> {
    black_box(Box::pin(bench::run(workload, devices, now)))
}
