//! Pictures of the site at several widths, in both colour schemes, with and without WebGPU.

use e2e::{Engine, Page, Result, with_page};
use std::path::{Path, PathBuf};

const HELP: &str = "\
screenshots FOLDER [options]        (after cargo xtask build)

  --path TEXT       query or fragment after the site's address
  --js CODE         body of an async function to run before each picture
  --wait SECONDS    wait before each picture (default 1)
  --widths LIST     default 390,1440,2560
  --engines LIST    of cpu,webgpu (default both)
  --schemes LIST    of light,dark (default both)
  --full            the whole page instead of one window
";

/// What to take.
#[derive(Clone)]
struct Options {
    folder: PathBuf,
    path: String,
    js: String,
    wait: f64,
    widths: Vec<u32>,
    engines: Vec<String>,
    schemes: Vec<String>,
    full: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let options = parse(&args).unwrap_or_else(|why| {
        eprintln!("{why}\n\n{HELP}");
        std::process::exit(2);
    });
    for name in options.engines.clone() {
        let engine = if name == "cpu" { Engine::Cpu } else { Engine::WebGpu };
        let options = options.clone();
        with_page(engine, |page| async move { take_all(&page, &name, &options).await }).await;
    }
}

async fn take_all(page: &Page, engine: &str, options: &Options) -> Result {
    for scheme in &options.schemes {
        for width in &options.widths {
            let file = options.folder.join(format!("{engine}-{scheme}-{width}.png"));
            page.dark(scheme == "dark").await?;
            page.viewport(*width, height_for(*width)).await?;
            page.open(&options.path).await?;
            take(page, &file, options).await?;
            println!("{}", file.display());
            for error in page.errors().await? {
                println!("  error in the browser: {error}");
            }
        }
    }
    Ok(())
}

async fn take(page: &Page, file: &Path, options: &Options) -> Result {
    page.until("window.wasmBindings", 60.0).await?;
    if !options.js.is_empty() {
        let value = page.js(&options.js).await?;
        if !value.is_null() {
            println!("  js: {value}");
        }
    }
    page.wait(options.wait).await;
    if options.full { page.full_picture(file).await } else { page.picture(file).await }
}

/// Of a telephone, a laptop, a large screen.
fn height_for(width: u32) -> u32 {
    match width {
        0..=600 => 844,
        601..=1600 => 900,
        _ => 1440,
    }
}

fn parse(args: &[String]) -> Result<Options> {
    let mut options = Options {
        folder: PathBuf::new(),
        path: String::new(),
        js: String::new(),
        wait: 1.0,
        widths: vec![390, 1440, 2560],
        engines: list("cpu,webgpu"),
        schemes: list("light,dark"),
        full: false,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--path" => options.path = value()?.clone(),
            "--js" => options.js = value()?.clone(),
            "--wait" => options.wait = value()?.parse()?,
            "--widths" => options.widths = numbers(value()?)?,
            "--engines" => options.engines = one_of(value()?, &["cpu", "webgpu"])?,
            "--schemes" => options.schemes = one_of(value()?, &["light", "dark"])?,
            "--full" => options.full = true,
            flag if flag.starts_with('-') => return Err(format!("no option {flag}").into()),
            folder => options.folder = folder.into(),
        }
    }
    if options.folder.as_os_str().is_empty() {
        return Err("which folder?".into());
    }
    Ok(options)
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_string).collect()
}

fn numbers(text: &str) -> Result<Vec<u32>> {
    Ok(text.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?)
}

fn one_of(text: &str, allowed: &[&str]) -> Result<Vec<String>> {
    let names = list(text);
    match names.iter().find(|name| !allowed.contains(&name.as_str())) {
        Some(name) => Err(format!("{name} is none of {allowed:?}").into()),
        None => Ok(names),
    }
}
