//! chromedriver, for as long as it is needed.

use crate::Result;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A running chromedriver; ends when dropped.
pub struct Driver {
    process: Child,
    /// Where it listens.
    pub url: String,
}

impl Driver {
    /// Starts one on a port of its own choice, so that tests never meet each other's.
    pub fn start() -> Result<Self> {
        xtask::browser::check()?;
        let program = xtask::browser::chromedriver().ok_or("chromedriver has gone")?;
        let mut process = Command::new(program).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = process.stdout.take().ok_or("chromedriver without output")?;
        let Ok(port) = port_in(output).recv_timeout(Duration::from_secs(30)) else {
            process.kill().ok();
            return Err("chromedriver does not say where it listens".into());
        };
        let url = format!("http://127.0.0.1:{port}");
        Ok(Self { process, url })
    }
}

/// Reads on after the port, since a full pipe would stop the driver.
fn port_in(output: ChildStdout) -> mpsc::Receiver<u16> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(|line| line.ok()) {
            if let Some(port) = parse_port(&line) {
                sender.send(port).ok();
            }
        }
    });
    receiver
}

/// From "ChromeDriver was started successfully on port 1234."
fn parse_port(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("started successfully on port ")?;
    rest.trim_end_matches('.').parse().ok()
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
