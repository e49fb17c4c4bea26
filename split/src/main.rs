//! `split LINKED MODULE SCRIPT LATE`: cuts MODULE in two. The first half takes its place, the late half goes into LATE, and
//! SCRIPT, which loads it, follows. LINKED is the module before wasm-bindgen.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [linked, module, script, late] = arguments.as_slice() else {
        eprintln!("usage: split LINKED MODULE SCRIPT LATE");
        return ExitCode::FAILURE;
    };
    match run([linked, module, script, late]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("split: {module}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run([linked, module, script, late]: [&str; 4]) -> Result<(), String> {
    let read = |path: &str| std::fs::read(path).map_err(|error| format!("{path}: {error}"));
    let write = |path: &str, bytes: &[u8]| std::fs::write(path, bytes).map_err(|error| format!("{path}: {error}"));
    let text = String::from_utf8(read(script)?).map_err(|error| format!("{script}: {error}"))?;
    let cut = split::cut(&read(linked)?, &read(module)?, &text).map_err(|error| error.to_string())?;
    write(module, &cut.first)?;
    write(late, &cut.late)?;
    write(script, cut.script.as_bytes())?;
    println!(
        "  {} functions and {} bytes of data come late, through {} doors",
        cut.late_functions, cut.late_data, cut.doors
    );
    Ok(())
}
