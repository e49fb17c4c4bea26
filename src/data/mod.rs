//! What models learn from: texts and their vocabularies.

pub mod strings;
pub mod text;
