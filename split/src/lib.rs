//! Cuts a module in two: the half that a page opens with, and the half that may come later.
//!
//! Late is what is reached only through the *doors*, the functions of modules named `doors`: functions, virtual ones and
//! closures too, and data. The linker's relocations say who refers to whom, so this is exact. They describe the module as it was linked; what is cut is
//! what `wasm-bindgen` made of it, where functions are known by their symbols and data by its addresses.
//!
//! In the first half a door is a call through a slot of the table. The late half imports what it uses from the first half's
//! exports, and fills the slots and its data when it is instantiated. A door that is gone through too early first calls the
//! module's own export [`LATE_NOW`], which must bring the late half before it returns; so a cut never changes what the
//! program does.

mod first;
mod graph;
mod halves;
mod late;
mod script;
mod survey;

use std::hash::{DefaultHasher, Hash, Hasher};

use graph::Graph;
use halves::Halves;
use survey::Survey;

/// The module from which the late half imports: the exports of the first.
pub const FIRST: &str = "first";
/// The first half's exported global: 1 once the late half is there.
pub const THERE: &str = "late_is_there";
/// What the module must export: it brings the late half at once.
pub const LATE_NOW: &str = "late_now";

/// Why a module cannot be cut.
#[derive(Debug)]
pub enum Error {
    /// It is malformed.
    Malformed(String),
    /// It holds something that Rust's modules have not held so far.
    Unsupported(&'static str),
    /// It was not linked with `--emit-relocs`.
    NoRelocations,
    /// It does not export [`LATE_NOW`].
    NoLateNow,
    /// No function is a door, or nothing is behind one.
    NothingLate,
}

impl std::fmt::Display for Error {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Error::Malformed(why) => write!(out, "the module is malformed: {why}"),
            Error::Unsupported(what) => write!(out, "the module has {what}"),
            Error::NoRelocations => write!(out, "the module was linked without --emit-relocs"),
            Error::NoLateNow => write!(out, "the module exports no {LATE_NOW}"),
            Error::NothingLate => write!(out, "nothing is behind a door"),
        }
    }
}

impl From<wasmparser::Error> for Error {
    fn from(error: wasmparser::Error) -> Error {
        Error::Malformed(error.to_string())
    }
}

impl From<wasm_encoder::reencode::Error> for Error {
    fn from(error: wasm_encoder::reencode::Error) -> Error {
        Error::Malformed(error.to_string())
    }
}

/// The two halves, the script of the first, and what is in the late one.
pub struct Cut {
    pub first: Vec<u8>,
    pub script: String,
    pub late: Vec<u8>,
    pub late_functions: usize,
    pub late_data: u32,
    pub doors: usize,
}

/// Cuts `module`, which `wasm-bindgen` made of `linked`, with the symbols of its functions kept as they were, and its `script`.
pub fn cut(linked: &[u8], module: &[u8], script: &str) -> Result<Cut, Error> {
    let late = Graph::of(linked)?.behind(is_door);
    let survey = Survey::of(module)?;
    let halves = Halves::of(&survey, late, build(linked))?;
    let names = script::short_names(&survey);
    Ok(Cut {
        first: first::first_half(module, &survey, &halves, &names)?,
        script: script::shortened(script, &names),
        late: late::late_half(module, &survey, &halves)?,
        late_functions: halves.is_late.iter().filter(|late| **late).count(),
        late_data: halves.data.iter().map(|range| range.end - range.start).sum(),
        doors: halves.doors.len(),
    })
}

/// Whether a symbol is that of a function that stands directly in a module named `doors`. A generic one may be there several
/// times.
fn is_door(symbol: &str) -> bool {
    let path = format!("{:#}", rustc_demangle::demangle(symbol));
    let is_plain = |part: &str| part.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    let parts: Vec<&str> = path.split("::").collect();
    parts.iter().all(|part| is_plain(part)) && parts.iter().rev().nth(1) == Some(&"doors")
}

/// A name that no other build has: the late half imports it, so that it fits its first half only.
fn build(linked: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    linked.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The value of an initialiser, which in Rust's modules is a plain number.
fn constant(expression: &wasmparser::ConstExpr) -> Result<u32, Error> {
    match expression.get_operators_reader().read()? {
        wasmparser::Operator::I32Const { value } => Ok(value as u32),
        _ => Err(Error::Unsupported("a segment whose place is computed")),
    }
}

#[cfg(test)]
mod tests {
    use super::is_door;

    #[test]
    fn a_door_stands_directly_in_its_module() {
        assert!(is_door("_ZN6seqlab2ui5doors4view17h0123456789abcdefE"));
        assert!(!is_door("_ZN6seqlab2ui5doors4view28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE"));
        assert!(!is_door("_ZN6seqlab2ui4late4then17h0123456789abcdefE"));
        assert!(!is_door("memcpy"));
    }
}
