//! The engine's worker.

fn main() {
    #[cfg(target_arch = "wasm32")]
    seqlab::worker::browser::start();
}
