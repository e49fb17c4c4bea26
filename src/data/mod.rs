//! What models learn from: texts and their vocabularies.

pub mod hash;
pub mod strings;
pub mod text;
