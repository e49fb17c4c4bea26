//! The project's tooling: one program, no dependencies, the same commands for people and for CI.
//!
//! It is a library with a thin `main` because the end-to-end tests share its static file server and
//! its way to find a browser.

pub mod browser;
mod bundle;
mod debian;
mod names;
pub mod paths;
mod process;
pub mod server;
pub mod setup;
mod size;
mod stages;

/// Errors are sentences for the person at the terminal; nothing here recovers from one by its kind.
pub type Result<T = ()> = std::result::Result<T, String>;

const HELP: &str = "\
cargo xtask <command>

  setup                 get what is missing: wasm target, Trunk, wasm-bindgen, wasm-opt (into .tools/)
  serve [options]       set up, build and serve the app, and print its address
      --port N          listen here (default 8080, or the next free one)
      --watch           rebuild and reload on every change (trunk serve)
      --no-build        serve dist/ as it is
      --plain           without the COOP/COEP headers, as on a plain static host
  build [--no-opt]      set up and build the static site into dist/
  test [stage...]       every check, or only the named stages; stops at the first that fails
      --list            name the stages
  size                  compressed size of dist/, against its limit
  bench [args]          native benchmarks (arguments go to criterion)
  ci                    what CI runs: test, installing Debian packages where it may
";

/// Runs one command line, without the program's name.
pub fn run(args: &[String]) -> Result {
    let command = args.first().map_or("help", String::as_str);
    let rest = args.get(1..).unwrap_or_default();
    match command {
        "setup" => setup::everything(),
        "serve" => serve(rest),
        "build" => bundle::build(&parse_build(rest)?),
        "test" => stages::test(rest),
        "size" => size::check(),
        "bench" => bench(rest),
        "ci" => stages::ci(),
        "help" | "-h" | "--help" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("no such command: {other}\n\n{HELP}")),
    }
}

fn parse_build(args: &[String]) -> Result<bundle::Options> {
    match args {
        [] => Ok(bundle::Options { optimise: true }),
        [flag] if flag == "--no-opt" => Ok(bundle::Options { optimise: false }),
        _ => Err(format!("build takes only --no-opt, not {args:?}")),
    }
}

/// What `serve` was asked for.
struct ServeOptions {
    port: u16,
    watch: bool,
    build: bool,
    isolated: bool,
}

fn parse_serve(args: &[String]) -> Result<ServeOptions> {
    let mut options = ServeOptions { port: 8080, watch: false, build: true, isolated: true };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--watch" => options.watch = true,
            "--no-build" => options.build = false,
            "--plain" => options.isolated = false,
            "--port" => {
                let port = args.next().and_then(|text| text.parse().ok());
                options.port = port.ok_or("--port needs a number")?;
            }
            other => return Err(format!("serve does not know {other}\n\n{HELP}")),
        }
    }
    Ok(options)
}

fn serve(args: &[String]) -> Result {
    let options = parse_serve(args)?;
    if options.watch {
        return bundle::watch(options.port);
    }
    if options.build {
        // wasm-opt takes longer than it gives while developing.
        bundle::build(&bundle::Options { optimise: false })?;
    }
    let server = server::Server::bind(&paths::dist(), options.port, options.isolated)?;
    println!("\nSeqLab is at {}  (Ctrl-C stops it)", server.url());
    server.run();
    Ok(())
}

fn bench(args: &[String]) -> Result {
    if !paths::root().join("benches").is_dir() {
        return Err("there is no benches/ folder yet".into());
    }
    let mut command = process::cargo();
    command.args(["bench", "-p", "seqlab", "--benches", "--"]);
    process::run(command.args(args))
}
