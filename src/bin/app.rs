//! The page.

fn main() {
    // Also what makes this a program wasm-bindgen accepts while it has nothing else to show.
    #[cfg(target_arch = "wasm32")]
    console_error_panic_hook::set_once();
}
