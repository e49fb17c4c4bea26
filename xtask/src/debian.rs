//! Debian packages: installed in CI as root, named to everybody else.

use crate::{Result, process};
use std::path::Path;
use std::process::Command;

/// Installs the packages where this may: in CI, as root, with apt-get. Returns whether it did.
pub fn install(packages: &[&str]) -> Result<bool> {
    if !(in_ci() && Path::new("/usr/bin/apt-get").exists() && is_root()) {
        return Ok(false);
    }
    println!("  installing Debian packages: {}", packages.join(" "));
    let mut install = apt_get();
    install.args(["install", "--yes", "--no-install-recommends"]);
    process::run(apt_get().arg("update"))?;
    process::run(install.args(packages))?;
    Ok(true)
}

/// The line for a person to run.
pub fn line(packages: &[&str]) -> String {
    format!("sudo apt-get install {}", packages.join(" "))
}

/// True on a CI machine, by the variable that all of them set.
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false")
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    process::output(Command::new("id").arg("-u")).as_deref() == Some("0")
}
