//! Every shader, with the constants it is used with: valid WGSL within WebGPU's default limits, and bound as the
//! backend binds it.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::op_examples::op_examples;
use naga::back::pipeline_constants::process_overrides;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ShaderStage, StorageAccess};
use seqlab::engine::backend::wgpu::lower::{Dispatch, LENGTHS_BINDING, Lengths, MOST_GROUPS, MOST_LENGTHS, lower};
use seqlab::engine::backend::wgpu::shaders::{KERNELS, source};
use seqlab::engine::plan::Plan;

/// WebGPU's default limits.
const MOST_STORAGE_BUFFERS: usize = 8;
const MOST_WORKGROUP_MEMORY: u32 = 16384;
const MOST_INVOCATIONS: u32 = 256;

fn validator() -> Validator {
    Validator::new(ValidationFlags::all(), Capabilities::empty())
}

/// A kernel's text, parsed and valid.
fn parsed(kernel: &str) -> (Module, ModuleInfo) {
    let text = source(kernel);
    let module =
        naga::front::wgsl::parse_str(&text).unwrap_or_else(|error| panic!("{kernel}: {}", error.emit_to_string(&text)));
    let info =
        validator().validate(&module).unwrap_or_else(|error| panic!("{kernel}: {}", error.emit_to_string(&text)));
    (module, info)
}

/// Every dispatch of every example, one for each kernel with its constants.
fn dispatches() -> Vec<Dispatch> {
    let mut found = BTreeMap::new();
    for example in op_examples() {
        let built = example.build().unwrap_or_else(|error| panic!("{}: {error}", example.describe()));
        let plan = Plan::new(built.graph, usize::MAX).expect("there is memory");
        for step in &plan.programs()[0].steps {
            for dispatch in lower(&plan, step) {
                assert!(dispatch.groups.iter().all(|count| (1..=MOST_GROUPS as u32).contains(count)), "{dispatch:?}");
                found.insert((dispatch.kernel, dispatch.constants.clone()), dispatch);
            }
        }
    }
    found.into_values().collect()
}

#[test]
fn every_file_is_built_in_and_used() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("there are shaders")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wgsl"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    let built_in: BTreeSet<String> = KERNELS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let used: BTreeSet<String> = dispatches().iter().map(|dispatch| dispatch.kernel.to_owned()).collect();
    assert_eq!(files, built_in);
    assert_eq!(files, used);
}

#[test]
fn every_kernel_says_what_it_does() {
    for (name, text) in KERNELS {
        let comment: Vec<&str> = text.lines().take_while(|line| line.starts_with("// ")).collect();
        assert!(comment.len() >= 2, "{name} opens with what it computes and how the work is laid out");
        assert!(text.lines().all(|line| line.len() <= 120), "{name} has long lines");
    }
}

#[test]
fn every_kernel_is_valid_with_its_constants_and_within_default_limits() {
    for dispatch in dispatches() {
        let (module, info) = parsed(dispatch.kernel);
        let known: BTreeSet<&str> =
            module.overrides.iter().filter_map(|(_, constant)| constant.name.as_deref()).collect();
        let mut constants = naga::back::PipelineConstants::default();
        for (name, value) in &dispatch.constants {
            assert!(known.contains(name), "{} has no constant {name}", dispatch.kernel);
            constants.insert((*name).to_owned(), f64::from(*value));
        }
        let entry = Some((ShaderStage::Compute, "main"));
        let (module, _) = process_overrides(&module, &info, entry, &constants)
            .unwrap_or_else(|error| panic!("{} with {:?}: {error}", dispatch.kernel, dispatch.constants));
        let info = validator().validate_resolved_overrides(&module);
        info.unwrap_or_else(|error| panic!("{} with {:?}: {error}", dispatch.kernel, dispatch.constants));
        check_limits(&dispatch, &module);
        check_bindings(&dispatch, &module);
    }
}

fn check_limits(dispatch: &Dispatch, module: &Module) {
    let invocations: u32 = module.entry_points[0].workgroup_size.iter().product();
    assert!(invocations <= MOST_INVOCATIONS, "{}: {invocations} invocations", dispatch.kernel);
    let shared: u32 = module
        .global_variables
        .iter()
        .filter(|(_, variable)| variable.space == AddressSpace::WorkGroup)
        .map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx()).next_multiple_of(16))
        .sum();
    assert!(shared <= MOST_WORKGROUP_MEMORY, "{}: {shared} bytes of workgroup memory", dispatch.kernel);
}

fn check_bindings(dispatch: &Dispatch, module: &Module) {
    let mut bound = BTreeMap::new();
    for (_, variable) in module.global_variables.iter() {
        if let Some(binding) = &variable.binding {
            assert_eq!(binding.group, 0, "{}", dispatch.kernel);
            bound.insert(binding.binding as usize, variable);
        }
    }
    let (reads, all) = (dispatch.reads.len(), dispatch.reads.len() + dispatch.writes.len());
    assert!(all <= MOST_STORAGE_BUFFERS, "{}: {all} storage buffers", dispatch.kernel);
    if dispatch.lengths != Lengths::Unbound {
        let lengths = bound.remove(&LENGTHS_BINDING).unwrap_or_else(|| panic!("{} has no lengths", dispatch.kernel));
        assert_eq!(lengths.space, AddressSpace::Uniform);
        assert_eq!(module.types[lengths.ty].inner.size(module.to_ctx()) as usize, 4 * MOST_LENGTHS);
    }
    assert_eq!(bound.keys().copied().collect::<Vec<usize>>(), (0..=all).collect::<Vec<usize>>(), "{}", dispatch.kernel);
    for (at, variable) in bound {
        let expected = match at {
            0 => AddressSpace::Uniform,
            at if at <= reads => AddressSpace::Storage { access: StorageAccess::LOAD },
            _ => AddressSpace::Storage { access: StorageAccess::LOAD | StorageAccess::STORE },
        };
        assert_eq!(variable.space, expected, "{} binding {at}", dispatch.kernel);
        if at == 0 {
            let size = module.types[variable.ty].inner.size(module.to_ctx()) as usize;
            assert_eq!(size.div_ceil(4), dispatch.params.len(), "{}: uniforms", dispatch.kernel);
        }
    }
}
