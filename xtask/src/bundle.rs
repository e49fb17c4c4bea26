//! Building the static site with Trunk.

use crate::{Result, names, paths, process, setup};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// How to build.
pub struct Options {
    /// Run wasm-opt, where it is at hand.
    pub optimise: bool,
}

/// The release site, in `dist/`.
pub fn build(options: &Options) -> Result {
    setup::for_building()?;
    process::run(trunk().arg("build"))?;
    PROGRAMS.iter().try_for_each(|program| cut(program))?;
    if options.optimise {
        optimise_all()?;
    }
    Ok(())
}

/// The programs that are cut in two.
const PROGRAMS: [&str; 2] = ["app", "worker"];

/// Puts the second half of a program beside the first, and shortens its script: see `split/`.
fn cut(program: &str) -> Result {
    let modules = files_ending(&paths::dist(), "_bg.wasm")?;
    let is_its = |file: &&PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(program));
    let module = modules.iter().find(is_its).ok_or_else(|| format!("Trunk built no {program}"))?;
    let beside = |ending: &str| module.to_string_lossy().replace("_bg.wasm", ending);
    let linked = paths::target().join(format!("wasm32-unknown-unknown/release/{program}.wasm"));
    let mut command = process::cargo();
    command.args(["run", "--quiet", "--locked", "--package", "split", "--"]);
    process::run(command.arg(linked).arg(module).args([beside(".js"), beside("_late.wasm")]))
}

/// Builds, serves, and does so again on every change.
pub fn watch(port: u16) -> Result {
    setup::for_building()?;
    process::run(trunk().args(["serve", "--address", "127.0.0.1", "--port", &port.to_string()]))
}

/// Trunk from `.tools/`. It refuses a `NO_COLOR` that is not a boolean, which many systems set, and
/// would show its own stack with every mistake of the developer's.
fn trunk() -> Command {
    let mut command = process::tool(&paths::tools_bin().join(paths::executable("trunk")));
    command.env_remove("NO_COLOR").env("RUST_BACKTRACE", "0");
    command
}

/// Trunk could run wasm-opt itself, but fails where there is none; this only drops the names then.
fn optimise_all() -> Result {
    let modules = files_ending(&paths::dist(), ".wasm")?;
    if setup::wasm_opt().is_none() {
        println!("  without wasm-opt (see cargo xtask setup): only dropping the names of functions");
        return modules.iter().try_for_each(|wasm| drop_names(wasm));
    }
    let mut used = HashSet::new();
    for wasm in modules {
        used.insert(optimise(&wasm)?);
    }
    forget_all_but(&used);
    Ok(())
}

fn drop_names(wasm: &Path) -> Result {
    let failed = |why: String| format!("{}: {why}", wasm.display());
    let module = std::fs::read(wasm).map_err(|error| failed(error.to_string()))?;
    let smaller = names::without_names(&module).ok_or_else(|| failed("is no module".into()))?;
    std::fs::write(wasm, smaller).map_err(|error| failed(error.to_string()))
}

/// Replaces one module by its optimised form, kept under a hash of the input: wasm-opt is slow, and
/// most builds change one of the two programs or none.
fn optimise(wasm: &Path) -> Result<PathBuf> {
    let started = Instant::now();
    let cached = cache_folder().join(format!("{:016x}.wasm", hash_of(wasm)?));
    if !cached.is_file() {
        run_wasm_opt(wasm, &cached)?;
        println!("  took {:.1} s", started.elapsed().as_secs_f64());
    }
    std::fs::copy(&cached, wasm).map_err(|error| format!("cannot write {}: {error}", wasm.display()))?;
    Ok(cached)
}

fn run_wasm_opt(input: &Path, output: &Path) -> Result {
    std::fs::create_dir_all(cache_folder()).map_err(|error| error.to_string())?;
    let unfinished = output.with_extension("part");
    let mut command = setup::wasm_opt().ok_or("wasm-opt has gone")?;
    command.arg(input).args(WASM_OPT_ARGS).arg("-o").arg(&unfinished);
    process::run(&mut command)?;
    std::fs::rename(&unfinished, output).map_err(|error| error.to_string())
}

/// Which features the module uses stands in the module itself. A large function stays one of its own: inlined into its only
/// caller it saves nothing, and the kernels, all called from one function, would be compiled by the browser as one. What has
/// similar names is similar code, and compresses better side by side.
const WASM_OPT_ARGS: [&str; 4] = ["-O3", "--one-caller-inline-max-function-size", "300", "--reorder-functions-by-name"];

fn cache_folder() -> PathBuf {
    paths::tools().join("wasm-opt-cache")
}

fn hash_of(file: &Path) -> Result<u64> {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut hasher = DefaultHasher::new();
    (bytes, WASM_OPT_ARGS).hash(&mut hasher);
    Ok(hasher.finish())
}

fn forget_all_but(used: &HashSet<PathBuf>) {
    for file in files_ending(&cache_folder(), "").unwrap_or_default() {
        if !used.contains(&file) {
            std::fs::remove_file(file).ok();
        }
    }
}

/// The files of a folder whose names end so, sorted.
pub fn files_ending(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).map_err(|_| format!("there is no {}: run cargo xtask build", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    Ok(files)
}
