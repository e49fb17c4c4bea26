//! Training: a [`session::Session`] from a spec and a text, what the views observe, what is kept
//! on disk, and the benchmark.

pub mod archive;
pub mod beam_view;
pub mod bench;
pub mod checkpoint;
pub mod decoding;
pub mod device;
pub mod doors;
pub mod evaluation;
mod gpu;
pub mod instruments;
pub mod labeller;
pub mod long_view;
pub mod measures;
pub mod model;
pub mod network;
pub mod next_token;
pub mod observer;
pub mod probe_gradient;
pub mod ragged_view;
pub mod reach;
pub mod reinforce;
pub mod reward;
pub mod saturation;
pub mod schedule;
pub mod scheduled_sampling;
pub mod session;
pub mod signals;
pub mod surgery;
pub mod tagger;
pub mod trainable;
pub mod translator;
pub mod two_modes;
pub mod weights;
pub mod what_if;
