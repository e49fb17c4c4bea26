//! The engine's worker with every kind of model and the GPU; the page starts it where `worker` does not do.

fn main() {
    #[cfg(target_arch = "wasm32")]
    seqlab::worker::browser::start();
}
