//! What models learn from: texts and their vocabularies, tables of labelled texts, examples that are made.

pub mod csv;
pub mod dates;
pub mod hash;
pub mod labelled;
pub mod sequences;
pub mod strings;
pub mod text;

use crate::spec::Task;

/// The examples that a task which reads a text begins with: for [`Task::Labels`] names by language, else a verse for every
/// month, so regular that a small model soon writes in its manner.
///
/// `names.csv` holds 220 family names a language, written down for this project from general knowledge: romanised,
/// stereotyped, and no census. Many people bear a name of another language than they speak, and many a name belongs to
/// several.
pub fn built_in(task: Task) -> &'static str {
    if task == Task::Labels { include_str!("names.csv") } else { include_str!("verses.txt") }
}
