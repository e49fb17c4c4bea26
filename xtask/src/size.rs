//! What a reader has to download, and its limit.

use crate::{Result, bundle, debian, paths, process};
use std::path::Path;
use std::process::Command;

/// In bytes, compressed, page and worker together: a course page on a slow line still opens in seconds. The aim is 500 kB,
/// which the recurrent networks and the free instrument alone met; twelve labs and every kind of model are more. The limit is
/// that it grows no further: what only some labs need is to be loaded when they are asked for.
const LIMIT: u64 = 760_000;

const NODE_PROGRAM: &str = "\
const zlib = require('zlib'), fs = require('fs');
const bytes = fs.readFileSync(process.argv[1]);
const params = { [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
console.log(zlib.brotliCompressSync(bytes, { params }).length);";

/// Prints the compressed sizes of the programs in `dist/`; fails above the limit.
pub fn check() -> Result {
    let mut files = bundle::files_ending(&paths::dist(), ".wasm")?;
    files.extend(bundle::files_ending(&paths::dist(), ".js")?);
    let mut total = 0;
    println!("  {:>10} {:>10}", "raw", "brotli");
    for file in files {
        let raw = std::fs::metadata(&file).map_or(0, |data| data.len());
        let Some(compressed) = brotli_size(&file)? else {
            return no_brotli();
        };
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        println!("  {raw:>10} {compressed:>10}  {name}");
        total += compressed;
    }
    println!("  {:>10} {total:>10}  in total, of at most {LIMIT}", "");
    if total > LIMIT {
        return Err(format!("the site is {} bytes too large (compressed)", total - LIMIT));
    }
    Ok(())
}

/// In CI the limit must be checked; elsewhere a missing compressor is no reason to stop.
fn no_brotli() -> Result {
    let what = "cannot measure: neither node nor the brotli command is here";
    if debian::install(&["brotli"])? {
        return check();
    }
    if debian::in_ci() {
        return Err(what.into());
    }
    println!("note: {what} (Debian: {})", debian::line(&["brotli"]));
    Ok(())
}

/// `None` if there is nothing to compress with.
fn brotli_size(file: &Path) -> Result<Option<u64>> {
    let failed = || format!("could not compress {}", file.display());
    if let Some(node) = paths::on_path("node") {
        let text = process::output(Command::new(node).args(["-e", NODE_PROGRAM]).arg(file));
        return text.and_then(|t| t.parse().ok()).map(Some).ok_or_else(failed);
    }
    let Some(brotli) = paths::on_path("brotli") else {
        return Ok(None);
    };
    let output = Command::new(brotli).args(["--stdout", "--best"]).arg(file).output();
    let output = output.ok().filter(|output| output.status.success()).ok_or_else(failed)?;
    Ok(Some(output.stdout.len() as u64))
}
