//! The half of a program that is fetched when it is asked for.
//!
//! `cargo xtask build` cuts the page's program and the engine's in two (`split/`). What is reached only through a function of a
//! module named `doors` is in the second half: in the page what only some labs or the press of a button need, in the engine
//! all that the training of a recurrent network on the CPU does without. Who is about to open a door asks [`load`] first; one
//! that is opened without that waits for a fetch, and the thread with it. A program that was not cut, as while developing or
//! where it is not in a browser, has everything.
//!
//! A door is `#[inline(never)]`: the cut is between functions. A boxed answer goes through `black_box`: an optimiser that knew
//! what it always is would write its functions into the caller.

use std::fmt;

#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(target_arch = "wasm32")]
pub use browser::{is_there, load};

/// Nothing is cut off.
///
/// # Errors
/// None.
#[cfg(not(target_arch = "wasm32"))]
pub async fn load() -> Result<(), Missing> {
    Ok(())
}

/// The second half could not be fetched. Asking again tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing;

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "A part of SeqLab could not be fetched. Is there a connection? Try again, or reload the page.")
    }
}
