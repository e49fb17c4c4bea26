//! Finding Chromium and its driver, for the browser tests.

use crate::{Result, paths, process};
use std::path::PathBuf;
use std::process::Command;

/// What to say where no browser is found.
pub const HOW_TO_GET_ONE: &str = "\
the browser tests need Chromium (or Chrome) and a chromedriver of the same version:
  Debian, Ubuntu:  sudo apt-get install chromium chromium-driver
  Fedora:          sudo dnf install chromium chromedriver
  macOS:           brew install --cask google-chrome chromedriver
  Windows:         winget install Google.Chrome
                   npx @puppeteer/browsers install chromedriver@stable   (then put it on PATH)
or point CHROME and CHROMEDRIVER at the two programs";

/// Chromium or Chrome: `$CHROME`, then `PATH`, then where the systems put it.
pub fn chromium() -> Option<PathBuf> {
    const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    const PLACES: [&str; 4] = [
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    ];
    from_env("CHROME")
        .or_else(|| NAMES.iter().find_map(|name| paths::on_path(name)))
        .or_else(|| PLACES.map(PathBuf::from).into_iter().find(|p| p.is_file()))
}

/// chromedriver: `$CHROMEDRIVER`, then `PATH`.
pub fn chromedriver() -> Option<PathBuf> {
    from_env("CHROMEDRIVER").or_else(|| paths::on_path("chromedriver"))
}

/// True if both programs are here.
pub fn is_complete() -> bool {
    chromium().is_some() && chromedriver().is_some()
}

/// Fails, with a way out, unless both programs are here and fit each other.
pub fn check() -> Result {
    let (Some(chromium), Some(driver)) = (chromium(), chromedriver()) else {
        return Err(format!("no browser to test in: {HOW_TO_GET_ONE}"));
    };
    let (browser, driver) = (major_version(chromium), major_version(driver));
    match (browser, driver) {
        (Some(a), Some(b)) if a != b => {
            Err(format!("the browser is version {a}, its driver version {b}, and they must be equal; {HOW_TO_GET_ONE}"))
        }
        _ => Ok(()),
    }
}

fn from_env(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_file())
}

/// The first number in what `--version` prints; `None` on Windows, where Chrome prints nothing and
/// may open a window instead.
fn major_version(program: PathBuf) -> Option<u32> {
    if cfg!(windows) {
        return None;
    }
    let text = process::output(Command::new(program).arg("--version"))?;
    let digits = |word: &str| word.split('.').next()?.parse().ok();
    text.split_whitespace().find_map(digits)
}
