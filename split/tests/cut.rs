//! A small program, linked as ours are, is cut: what only a door leads to is in the late half, all else in the first, and both
//! are valid modules. That the halves run together is what `tests/e2e/` sees of the real ones.

use std::path::Path;
use std::process::Command;
use wasmparser::{KnownCustom, Name, Parser, Payload};

/// `shared` and its text are used by both halves; a table of functions is reached from a late one only.
const PROGRAM: &str = r#"
#![no_std]
use core::hint::black_box;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }

trait Shape { fn area(&self) -> u32; }
struct Square(u32);
impl Shape for Square {
    #[inline(never)]
    fn area(&self) -> u32 { self.0 * self.0 + black_box(LATE_TEXT).len() as u32 }
}

static EARLY_TEXT: &str = "a text that both halves read";
static LATE_TEXT: &str = "a text that only the late half reads";

#[inline(never)]
fn shared(x: u32) -> u32 { black_box(x) + black_box(EARLY_TEXT).len() as u32 }

#[inline(never)]
fn only_late(x: u32) -> u32 {
    let square = Square(x);
    let shape: &dyn Shape = black_box(&square);
    shape.area() + shared(x)
}

mod doors {
    #[inline(never)]
    pub fn area(x: u32) -> u32 { super::only_late(x) }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(x: u32) -> u32 { if black_box(x) > 3 { doors::area(x) } else { shared(x) } }

#[unsafe(no_mangle)]
pub extern "C" fn late_now() {}
"#;

/// The program as the linker leaves it, with and without its relocations.
fn linked(folder: &Path, relocations: bool) -> Vec<u8> {
    let (source, module) = (folder.join("program.rs"), folder.join("program.wasm"));
    std::fs::write(&source, PROGRAM).expect("a new folder takes a file");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--target", "wasm32-unknown-unknown", "--crate-type", "cdylib"]);
    rustc.args(["-C", "opt-level=2", "-C", "panic=abort", "-C", "link-arg=--export-table"]);
    if relocations {
        rustc.args(["-C", "link-arg=--emit-relocs"]);
    }
    let status = rustc.arg(&source).arg("-o").arg(&module).status().expect("rustc is on the path of its own tests");
    assert!(status.success());
    std::fs::read(&module).expect("rustc wrote it")
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("cargo's folder for tests takes another");
    folder
}

/// The names of functions with a body other than a door's or an empty one, and all data.
fn contents(module: &[u8]) -> (Vec<String>, Vec<u8>) {
    let (mut names, mut lengths, mut data, mut imported) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload.expect("a valid module") {
            Payload::ImportSection(imports) => {
                let functions = imports.into_imports().map(|import| import.expect("valid").ty);
                imported = functions.filter(|kind| matches!(kind, wasmparser::TypeRef::Func(_))).count();
            }
            Payload::CodeSectionEntry(body) => lengths.push(body.as_bytes().len()),
            Payload::DataSection(segments) => {
                segments.into_iter().for_each(|segment| data.extend_from_slice(segment.expect("valid").data));
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(found) = section.as_known() {
                    for name in found {
                        if let Name::Function(functions) = name.expect("valid") {
                            names.extend(functions.into_iter().map(|function| function.expect("valid")));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let has_body = |index: u32| (index as usize).checked_sub(imported).is_some_and(|body| lengths[body] > 3);
    let real = names.into_iter().filter(|function| has_body(function.index));
    (real.map(|function| format!("{:#}", rustc_demangle::demangle(function.name))).collect(), data)
}

fn holds(data: &[u8], text: &str) -> bool {
    data.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn what_only_a_door_leads_to_is_late() {
    let module = linked(&folder("cut"), true);
    let cut = split::cut(&module, &module, "let x = 1;").expect("it can be cut");
    for half in [&cut.first, &cut.late] {
        wasmparser::Validator::new().validate_all(half).expect("both halves are valid");
    }
    let (first, late) = (contents(&cut.first), contents(&cut.late));
    let has = |names: &[String], name: &str| names.iter().any(|known| known.contains(name));
    assert!(has(&first.0, "shared") && has(&first.0, "run"), "{:?}", first.0);
    assert!(!has(&first.0, "only_late") && !has(&first.0, "Shape"), "{:?}", first.0);
    assert!(has(&late.0, "only_late") && has(&late.0, "Shape"), "{:?}", late.0);
    assert!(!has(&late.0, "shared"), "{:?}", late.0);
    assert!(holds(&first.1, "both halves") && !holds(&first.1, "only the late"));
    assert!(holds(&late.1, "only the late") && !holds(&late.1, "both halves"));
    assert_eq!(cut.doors, 1);
}

#[test]
fn what_cannot_be_cut_is_refused_in_words() {
    let module = linked(&folder("refused"), false);
    let why = split::cut(&module, &module, "").map(|_| ()).expect_err("it has no relocations").to_string();
    assert!(why.contains("--emit-relocs"), "{why}");
    let why = split::cut(b"\0asm", b"\0asm", "").map(|_| ()).expect_err("it is cut short").to_string();
    assert!(why.contains("malformed") || why.contains("relocs"), "{why}");
}
