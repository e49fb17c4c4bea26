//! The GPU of the tests.

use std::sync::OnceLock;

use pollster::block_on;
use seqlab::engine::backend::wgpu::Gpu;

/// The machine's GPU, or the software one of Mesa. A machine without any fails the test: a check that is left out in
/// silence checks nothing.
pub fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| match block_on(Gpu::request()) {
        Ok(gpu) => gpu,
        Err(error) => panic!(
            "{error}\nThese tests need Vulkan. Without a graphics card the Debian package mesa-vulkan-drivers has a \
             software one: apt-get install mesa-vulkan-drivers"
        ),
    })
}
