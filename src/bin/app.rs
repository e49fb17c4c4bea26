//! The page.

fn main() {
    #[cfg(target_arch = "wasm32")]
    seqlab::ui::app::start();
}
