//! Copies the shaders without comments and indentation: what is built into the program is downloaded by every reader.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=shaders");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?);
    for folder in ["shaders", "shaders/shared"] {
        fs::create_dir_all(out.join(folder))?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "wgsl") {
                fs::write(out.join(&path), stripped(&path)?)?;
            }
        }
    }
    Ok(())
}

/// The lines that say something to a compiler; the line of imports is for ours.
fn stripped(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    let code = |line: &str| {
        let kept = if line.starts_with("// import: ") { line } else { line.split("//").next().unwrap_or_default() };
        kept.trim().to_owned()
    };
    let lines: Vec<String> = text.lines().map(code).filter(|line| !line.is_empty()).collect();
    Ok(lines.join("\n") + "\n")
}
