//! What a reader has to download, and its limit.

use crate::{Result, bundle, debian, paths, process};
use std::path::Path;
use std::process::Command;

/// What a page loads, and how many bytes of it there may be, compressed: a course page on a slow line still opens in
/// seconds.
const LOADS: [Load; 3] = [
    Load { what: "recurrent networks on the CPU", needs: |file| !is_late(file), limit: 500_000 },
    Load { what: "the same on the GPU", needs: |file| !(is_late(file) && file.starts_with("app")), limit: 650_000 },
    Load { what: "all there is", needs: |_| true, limit: 790_000 },
];

/// Whether a file is the second half of a program.
fn is_late(file: &str) -> bool {
    file.ends_with("_late.wasm")
}

struct Load {
    what: &'static str,
    /// Whether it loads the file of this name.
    needs: fn(&str) -> bool,
    limit: u64,
}

const NODE_PROGRAM: &str = "\
const zlib = require('zlib'), fs = require('fs');
const bytes = fs.readFileSync(process.argv[1]);
const params = { [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
console.log(zlib.brotliCompressSync(bytes, { params }).length);";

/// Prints the compressed sizes of the programs in `dist/`; fails where a page would load more than it may.
pub fn check() -> Result {
    let mut files = bundle::files_ending(&paths::dist(), ".wasm")?;
    files.extend(bundle::files_ending(&paths::dist(), ".js")?);
    let mut sizes = Vec::new();
    println!("  {:>10} {:>10}", "raw", "brotli");
    for file in files {
        let raw = std::fs::metadata(&file).map_or(0, |data| data.len());
        let Some(compressed) = brotli_size(&file)? else {
            return no_brotli();
        };
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!("  {raw:>10} {compressed:>10}  {name}");
        sizes.push((name, compressed));
    }
    LOADS.iter().try_for_each(|load| load.check(&sizes))
}

impl Load {
    fn check(&self, sizes: &[(String, u64)]) -> Result {
        let needed = sizes.iter().filter(|(name, _)| (self.needs)(name));
        let total: u64 = needed.map(|(_, size)| size).sum();
        println!("  {:>10} {total:>10}  for {}, of at most {}", "", self.what, self.limit);
        if total > self.limit {
            return Err(format!("the site is {} bytes too large (compressed)", total - self.limit));
        }
        Ok(())
    }
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
