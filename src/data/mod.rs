//! What models learn from: texts and their vocabularies.

pub mod dates;
pub mod hash;
pub mod sequences;
pub mod strings;
pub mod text;
