//! Lists the shaders, without comments and indentation: what is built into the program is downloaded by every reader. Has the
//! linker keep its relocations in the programs that are cut in two (`split/`).

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=shaders");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?);
    fs::write(out.join("shaders.rs"), list(Path::new("shaders"))?)?;
    fs::write(out.join("shared.rs"), list(Path::new("shaders/shared"))?)?;
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        println!("cargo::rustc-link-arg-bin=app=--emit-relocs");
        println!("cargo::rustc-link-arg-bin=worker=--emit-relocs");
    }
    Ok(())
}

/// A Rust expression: the name and the text of every shader in a folder.
fn list(folder: &Path) -> io::Result<String> {
    let mut files = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .filter(|path| path.as_ref().map_or(true, |path| path.extension().is_some_and(|extension| extension == "wgsl")))
        .collect::<io::Result<Vec<PathBuf>>>()?;
    files.sort();
    let mut list = "&[".to_owned();
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        list += &format!("({name:?}, {:?}),\n", stripped(&path)?);
    }
    Ok(list + "]")
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
