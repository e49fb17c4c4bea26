//! The loss of every lab's models against step, from `cargo run --release --example pictures`: for the cards.

/// By lab: a curve for each model, of numbers from 0 to 99.
#[rustfmt::skip]
pub const PICTURES: &[(&str, &[&[u8]])] = &[
];
