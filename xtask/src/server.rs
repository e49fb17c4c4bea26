//! A static file server: enough of HTTP for a browser and one folder.

use crate::Result;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A folder served on a local port.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    site: Arc<Site>,
}

/// The targets that were asked for, in order.
pub type Asked = Arc<Mutex<Vec<String>>>;

/// What is served, and how.
struct Site {
    root: PathBuf,
    isolated: bool,
    asked: Asked,
}

impl Server {
    /// Listens on `port`, or on the next free one after it; 0 means any.
    ///
    /// `isolated` sends the COOP and COEP headers: they sharpen `performance.now()`. The app must also
    /// work without, since many static hosts cannot set headers.
    pub fn bind(root: &Path, port: u16, isolated: bool) -> Result<Self> {
        let (listener, address) = listen(port)?;
        let site = Arc::new(Site { root: root.to_path_buf(), isolated, asked: Asked::default() });
        Ok(Self { listener, address, site })
    }

    /// What is asked for from now on.
    pub fn asked(&self) -> Asked {
        Arc::clone(&self.site.asked)
    }

    /// The address to open.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Answers until the process ends.
    pub fn run(self) {
        for stream in self.listener.incoming().flatten() {
            let site = Arc::clone(&self.site);
            // A thread each: browsers open connections that stay silent, which must not block others.
            std::thread::spawn(move || {
                // A browser that hangs up early is its own business.
                let _ = site.answer(&stream);
            });
        }
    }

    /// Answers in the background until the process ends; returns the address.
    pub fn spawn(self) -> String {
        let url = self.url();
        std::thread::spawn(move || self.run());
        url
    }
}

fn listen(port: u16) -> Result<(TcpListener, SocketAddr)> {
    let last = if port == 0 { 0 } else { port.saturating_add(20) };
    let mut tried = port..=last;
    tried
        .find_map(|port| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
            let address = listener.local_addr().ok()?;
            Some((listener, address))
        })
        .ok_or_else(|| format!("no free port between {port} and {last}"))
}

impl Site {
    fn answer(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let Some((method, target)) = read_request(stream)? else {
            return Ok(());
        };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(target.clone());
        let with_body = match method.as_str() {
            "GET" => true,
            "HEAD" => false,
            _ => return self.send(stream, "405 Method Not Allowed", "text/plain", b"", true),
        };
        match self.find(&target).and_then(|path| Some((std::fs::read(&path).ok()?, path))) {
            Some((body, path)) => self.send(stream, "200 OK", mime(&path), &body, with_body),
            None => self.send(stream, "404 Not Found", "text/plain", b"not found\n", with_body),
        }
    }

    /// The file a request target names, never one outside the folder.
    fn find(&self, target: &str) -> Option<PathBuf> {
        let path = target.split(['?', '#']).next()?;
        let relative = PathBuf::from(percent_decode(path)?.trim_start_matches('/'));
        let stays_inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
        let full = self.root.join(relative);
        let full = if full.is_dir() { full.join("index.html") } else { full };
        (stays_inside && full.is_file()).then_some(full)
    }

    fn send(
        &self,
        mut stream: &TcpStream,
        status: &str,
        mime: &str,
        body: &[u8],
        with_body: bool,
    ) -> std::io::Result<()> {
        // no-store: the worker's files keep their names from build to build.
        let mut head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {mime}\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n",
            body.len()
        );
        if self.isolated {
            head.push_str("Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Embedder-Policy: require-corp\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        if with_body {
            stream.write_all(body)?;
        }
        stream.flush()
    }
}

/// The method and target of a request; `None` if the connection closes without one.
fn read_request(stream: &TcpStream) -> std::io::Result<Option<(String, String)>> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    // Unread headers would make the system reset the connection when it closes.
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let mut words = first.split_whitespace();
    Ok(words.next().zip(words.next()).map(|(method, target)| (method.to_string(), target.to_string())))
}

/// `%41` to `A`; `None` for a broken escape or bytes that are no text.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Browsers refuse modules and streaming WebAssembly under any other type.
fn mime(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "txt" | "md" | "csv" => "text/plain; charset=utf-8",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn get(url: &str, target: &str) -> String {
        let host = url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(host).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn serves_the_folder_and_nothing_above_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let url = Server::bind(root, 0, true).unwrap().spawn();
        let found = get(&url, "/src/lib%2Ers?query=1");
        assert!(found.starts_with("HTTP/1.1 200 OK"), "{found}");
        assert!(found.contains("Cross-Origin-Embedder-Policy"));
        assert!(found.ends_with(&std::fs::read_to_string(root.join("src/lib.rs")).unwrap()));
        for outside in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/none", "/%zz", "/src"] {
            assert!(get(&url, outside).starts_with("HTTP/1.1 404"), "{outside}");
        }
    }

    #[test]
    fn types_that_browsers_insist_on() {
        assert_eq!(mime(Path::new("a/b_bg.wasm")), "application/wasm");
        assert!(mime(Path::new("b.js")).starts_with("text/javascript"));
    }
}
