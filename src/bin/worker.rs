//! The engine's worker for recurrent networks on the CPU.

fn main() {
    #[cfg(target_arch = "wasm32")]
    seqlab::worker::browser::start();
}
