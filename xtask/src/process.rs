//! Running other programs.

use crate::{Result, paths};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// `cargo`, in the root, with the project's own tools first on `PATH`.
pub fn cargo() -> Command {
    tool(Path::new(&std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())))
}

/// Any program, in the root, with the project's own tools first on `PATH`.
pub fn tool(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(paths::root()).env("PATH", search_path());
    command
}

fn search_path() -> OsString {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(paths::tools_bin()).chain(std::env::split_paths(&old));
    std::env::join_paths(all).unwrap_or(old)
}

/// Shows the command, runs it with this terminal, and fails if it fails.
pub fn run(command: &mut Command) -> Result {
    let line = show(command);
    println!("  $ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` failed ({status})")),
        Err(error) => Err(format!("could not start `{line}`: {error}")),
    }
}

/// What the command prints on its standard output, if it can be run and succeeds.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
    output.status.success().then_some(text)
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    let root = format!("{}{}", paths::root().display(), std::path::MAIN_SEPARATOR);
    line.replace(&root, "")
}
