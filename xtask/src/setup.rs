//! Getting what building and testing need: only what is missing, and only into this project.

use crate::{Result, browser, debian, paths, process};
use std::path::{Path, PathBuf};
use std::process::Command;

/// 0.22 needs a newer compiler than the one this project is pinned to.
const TRUNK: &str = "0.21.14";
/// Debian's binaryen 108 writes modules that crash, so the version is ours to choose.
const BINARYEN: &str = "132.0.0";
const AXE: &str = "4.14.1";
const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// All of it, and says what is there.
pub fn everything() -> Result {
    for_building()?;
    for_testing().or_else(|problem| {
        // Building and serving work without a browser to test in.
        println!("\nnote: {problem}");
        Ok::<(), String>(())
    })?;
    println!("ready: cargo xtask serve");
    Ok(())
}

/// What `build` and `serve` need.
pub fn for_building() -> Result {
    wasm_target()?;
    cargo_tool("wasm-bindgen", "wasm-bindgen-cli", &locked_version("wasm-bindgen")?)?;
    cargo_tool("trunk", "trunk", TRUNK)?;
    std::fs::remove_dir_all(build_folder()).ok();
    binaryen();
    Ok(())
}

/// What `test` needs beyond that.
pub fn for_testing() -> Result {
    rustup_component("rustfmt")?;
    rustup_component("clippy")?;
    if !browser::is_complete() {
        debian::install(&["chromium", "chromium-driver"])?;
    }
    vulkan()?;
    axe()?;
    browser::check()
}

/// The version of a package in Cargo.lock: the command line tool must be of exactly that version.
fn locked_version(package: &str) -> Result<String> {
    let lock = std::fs::read_to_string(paths::root().join("Cargo.lock"))
        .map_err(|error| format!("cannot read Cargo.lock: {error}"))?;
    version_in(&lock, package).ok_or_else(|| format!("Cargo.lock does not mention {package}"))
}

fn version_in(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = ")?;
    Some(version.trim_matches('"').to_string())
}

fn wasm_target() -> Result {
    let sysroot = process::output(process::tool(Path::new("rustc")).args(["--print", "sysroot"]));
    let sysroot = sysroot.ok_or("rustc does not run: install Rust from https://rustup.rs")?;
    let library = Path::new(&sysroot).join("lib/rustlib").join(WASM_TARGET);
    if library.is_dir() {
        return Ok(());
    }
    println!("adding the compiler's {WASM_TARGET} target");
    process::run(process::tool(Path::new("rustup")).args(["target", "add", WASM_TARGET]))
        .map_err(|why| format!("{why}; without rustup, install your system's std library for {WASM_TARGET}"))
}

fn rustup_component(name: &str) -> Result {
    let subcommand = name.trim_start_matches("rust");
    if process::output(process::cargo().args([subcommand, "--version"])).is_some() {
        return Ok(());
    }
    println!("adding {name}");
    process::run(process::tool(Path::new("rustup")).args(["component", "add", name]))
}

/// Puts `program` into `.tools/bin`, from the cheapest source that has the version.
fn cargo_tool(program: &str, package: &str, version: &str) -> Result {
    if has_version(&installed(program), version) || copy_from_path(program, version) {
        return Ok(());
    }
    println!("installing {package} {version} into .tools/ (once; some minutes)");
    if binstall(package, version) && has_version(&installed(program), version) {
        return Ok(());
    }
    process::run(&mut install_command(package, version))
        .map_err(|why| format!("{why}\n{package} {version} comes from crates.io: is it reachable from here?"))
}

/// Optimised lightly: the tools run for a second, building them at their own settings takes minutes.
/// Trunk only calls others, wasm-bindgen works through megabytes.
fn install_command(package: &str, version: &str) -> Command {
    let mut command = process::cargo();
    command
        .args(["install", package, "--version", version, "--force", "--root"])
        .arg(paths::tools())
        .arg("--target-dir")
        .arg(build_folder())
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", if package == "trunk" { "0" } else { "1" });
    if package == "trunk" {
        // No default features: neither TLS nor update checks, as it never has to download anything.
        command.args(["--locked", "--no-default-features"]);
    }
    command
}

/// Both tools are built in one folder, which an interrupted setup finds again and a finished one removes.
fn build_folder() -> PathBuf {
    paths::tools().join("build")
}

fn installed(program: &str) -> PathBuf {
    paths::tools_bin().join(paths::executable(program))
}

fn has_version(program: &Path, version: &str) -> bool {
    let text = process::output(Command::new(program).arg("--version")).unwrap_or_default();
    text.split_whitespace().any(|word| word == version)
}

/// Takes the developer's own copy, if its version is the right one, with what belongs to it.
fn copy_from_path(program: &str, version: &str) -> bool {
    let mut names = vec![program.to_string()];
    if program == "wasm-bindgen" {
        names.push("wasm-bindgen-test-runner".into());
    }
    let found: Option<Vec<PathBuf>> = names.iter().map(|name| paths::on_path(name)).collect();
    let Some(found) = found.filter(|all| all.iter().all(|path| has_version(path, version))) else {
        return false;
    };
    std::fs::create_dir_all(paths::tools_bin()).is_ok()
        && names.iter().zip(found).all(|(name, path)| std::fs::copy(path, installed(name)).is_ok())
}

/// Prebuilt programs, for those who have cargo-binstall.
fn binstall(package: &str, version: &str) -> bool {
    if process::output(process::cargo().args(["binstall", "-V"])).is_none() {
        return false;
    }
    let mut command = process::cargo();
    command
        .args(["binstall", "--no-confirm", "--force", "--disable-strategies", "compile", "--root"])
        .arg(paths::tools());
    process::run(command.arg(format!("{package}@{version}"))).is_ok()
}

/// The command that runs wasm-opt, if it is here.
pub fn wasm_opt() -> Option<Command> {
    let script = paths::tools().join("node_modules/binaryen/bin/wasm-opt");
    let mut command = process::tool(&paths::on_path("node")?);
    command.arg(&script);
    script.is_file().then_some(command)
}

/// wasm-opt makes the download smaller; all works without it, so its absence is only told.
fn binaryen() {
    if wasm_opt().is_some() {
        return;
    }
    let Some(mut npm) = npm() else {
        println!("note: no node and npm here, so no wasm-opt: the site will be somewhat larger");
        return;
    };
    println!("installing binaryen {BINARYEN} (wasm-opt) into .tools/");
    npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"]);
    npm.arg(paths::tools()).arg(format!("binaryen@{BINARYEN}"));
    if let Err(why) = process::run(&mut npm) {
        println!("note: {why}; without wasm-opt the site will be somewhat larger");
    }
}

/// The script that finds barriers for people who cannot see or point, for the browser tests.
pub fn axe_script() -> PathBuf {
    paths::tools().join("node_modules/axe-core/axe.min.js")
}

fn axe() -> Result {
    if axe_script().is_file() {
        return Ok(());
    }
    let mut npm = npm().ok_or("the browser tests need axe-core: install node and npm (Debian: apt install npm)")?;
    println!("installing axe-core {AXE} into .tools/");
    npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"]);
    npm.arg(paths::tools()).args([format!("axe-core@{AXE}"), format!("binaryen@{BINARYEN}")]);
    process::run(&mut npm)
}

/// npm is a batch file on Windows, which only its shell can start.
fn npm() -> Option<Command> {
    paths::on_path("node")?;
    if cfg!(windows) {
        let mut command = process::tool(Path::new("cmd"));
        command.args(["/C", "npm"]);
        return Some(command);
    }
    paths::on_path("npm").map(|npm| process::tool(&npm))
}

/// A Vulkan driver lets the native tests run the shaders; Mesa's needs no graphics card.
fn vulkan() -> Result {
    const PACKAGES: [&str; 2] = ["mesa-vulkan-drivers", "libvulkan1"];
    if !cfg!(target_os = "linux") || has_vulkan() || debian::install(&PACKAGES)? {
        return Ok(());
    }
    let line = debian::line(&PACKAGES);
    println!("note: no Vulkan driver, so the native tests of the shaders are skipped. Debian: {line}");
    Ok(())
}

fn has_vulkan() -> bool {
    let folders = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
    let not_empty = |folder: &&str| std::fs::read_dir(folder).is_ok_and(|mut all| all.next().is_some());
    std::env::var_os("VK_DRIVER_FILES").is_some() || folders.iter().any(not_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_version_in_the_lock() {
        let lock =
            "[[package]]\nname = \"a-b\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\nversion = \"0.2.130\"\n";
        assert_eq!(version_in(lock, "a").as_deref(), Some("0.2.130"));
        assert_eq!(version_in(lock, "b"), None);
    }

    #[test]
    fn the_real_lock_has_wasm_bindgen() {
        assert!(locked_version("wasm-bindgen").unwrap().starts_with("0."));
    }
}
