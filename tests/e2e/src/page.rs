//! A page of the site in a browser, and what tests do with it.

use crate::Result;
use crate::driver::Driver;
use serde_json::{Value, json};
use std::ops::Deref;
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities;
use thirtyfour::{ChromeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver};
use xtask::server::Asked;

/// How long a script or a page load may take: software rendering on a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the browser offers the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// No WebGPU at all, as in many browsers.
    Cpu,
    /// WebGPU in software: slow, but there on every machine.
    WebGpu,
}

impl Engine {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Cpu => &["--disable-blink-features=WebGPU"],
            Self::WebGpu => &["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
        }
    }
}

/// The site in a browser tab; also a [`WebDriver`].
#[derive(Clone)]
pub struct Page {
    driver: WebDriver,
    /// The site's address, ending in a slash.
    pub url: String,
    asked: Asked,
}

impl Deref for Page {
    type Target = WebDriver;

    fn deref(&self) -> &WebDriver {
        &self.driver
    }
}

/// Opens the site in a new browser, runs `body`, closes the browser whatever happened, and only then
/// panics if the body failed: a browser left behind would block the driver and the machine.
pub async fn with_page<F, Fut>(engine: Engine, body: F)
where
    F: FnOnce(Page) -> Fut,
    Fut: Future<Output = Result>,
{
    let (url, asked) = serve_site();
    let chromedriver = Driver::start().unwrap_or_else(|why| panic!("{why}"));
    let capabilities = capabilities(engine).expect("capabilities are plain JSON");
    let driver = WebDriver::new(&chromedriver.url, capabilities)
        .await
        .unwrap_or_else(|why| panic!("the browser does not start: {why}"));
    let outcome = driver
        .run_and_quit(|driver| async move {
            let page = Page { driver, url, asked };
            page.set_script_timeout(PATIENCE).await?;
            page.set_page_load_timeout(PATIENCE).await?;
            page.open("").await?;
            body(page).await
        })
        .await;
    drop(chromedriver);
    if let Err(why) = outcome {
        panic!("{why}");
    }
}

/// The address of the site, and what it is asked for: in a folder below the server's root, for it has to work from any.
fn serve_site() -> (String, Asked) {
    let dist = std::env::var_os("SEQLAB_DIST").map_or_else(xtask::paths::dist, Into::into);
    assert!(dist.join("index.html").is_file(), "no site in {}: run cargo xtask build", dist.display());
    let (root, name) = (dist.parent().expect("a folder"), dist.file_name().expect("a name"));
    // Without the isolation headers, since most static hosts do not send them.
    let server = xtask::server::Server::bind(root, 0, false).expect("a free port");
    let asked = server.asked();
    (format!("{}{}/", server.spawn(), name.to_string_lossy()), asked)
}

fn capabilities(engine: Engine) -> Result<ChromeCapabilities> {
    const FLAGS: [&str; 9] = [
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--force-color-profile=srgb",
    ];
    let mut capabilities = DesiredCapabilities::chrome();
    for flag in FLAGS.iter().chain(engine.flags()) {
        capabilities.add_arg(flag)?;
    }
    if let Some(chromium) = xtask::browser::chromium() {
        capabilities.set_binary(&chromium.to_string_lossy())?;
    }
    capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)?;
    Ok(capabilities)
}

impl Page {
    /// Loads the site anew, with `rest` (a query or fragment) after its address.
    pub async fn open(&self, rest: &str) -> Result {
        // A change of the fragment alone would not load anything.
        self.goto("about:blank").await?;
        self.goto(format!("{}{rest}", self.url)).await?;
        Ok(())
    }

    /// The programs (`app`, `worker`) whose second half was fetched since this was last asked, by page or worker.
    pub fn fetched_late(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner));
        let late = |target: String| {
            let file = target.rsplit('/').next()?.strip_suffix("_late.wasm")?;
            Some(file.split('-').next()?.to_owned())
        };
        asked.into_iter().filter_map(late).collect()
    }

    /// Sets the size of the page's window in CSS pixels, however small.
    pub async fn viewport(&self, width: u32, height: u32) -> Result {
        let cdp = self.cdp();
        cdp.emulation().set_device_metrics_override(width, height, 1.0, false).await?;
        Ok(())
    }

    /// Lets the reader prefer a dark page, or a light one.
    pub async fn dark(&self, dark: bool) -> Result {
        let scheme = if dark { "dark" } else { "light" };
        self.media("prefers-color-scheme", scheme).await
    }

    /// Lets the reader prefer less motion, or not.
    pub async fn reduced_motion(&self, reduced: bool) -> Result {
        let motion = if reduced { "reduce" } else { "no-preference" };
        self.media("prefers-reduced-motion", motion).await
    }

    /// Sets one media feature. Others that were set before are forgotten: so is the protocol.
    async fn media(&self, name: &str, value: &str) -> Result {
        let features = json!({ "features": [{ "name": name, "value": value }] });
        self.cdp().send_raw("Emulation.setEmulatedMedia", features).await?;
        Ok(())
    }

    /// Runs the body of an async JavaScript function: `return await seqlab.ready`. What it throws is an error.
    pub async fn js(&self, body: &str) -> Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {body} }})().then(
               value => done({{ value: value ?? null }}),
               error => done({{ error: String(error?.stack ?? error) }}));"
        );
        let mut answer = self.execute_async(script, Vec::new()).await?.json().clone();
        match answer["error"].as_str() {
            Some(error) => Err(format!("{error}\nin: {body}").into()),
            None => Ok(answer["value"].take()),
        }
    }

    /// Waits until a JavaScript expression is true; fails with the expression after `seconds`.
    pub async fn until(&self, expression: &str, seconds: f64) -> Result {
        let body = format!(
            "const end = performance.now() + {seconds} * 1000;
             while (!({expression})) {{
               if (performance.now() > end) return false;
               await new Promise(next => setTimeout(next, 30));
             }}
             return true;"
        );
        match self.js(&body).await? {
            Value::Bool(true) => Ok(()),
            _ => Err(format!("not true after {seconds} s: {expression}").into()),
        }
    }

    /// Sleeps.
    pub async fn wait(&self, seconds: f64) {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }

    /// What has been reported as an error since the last call: exceptions, rejections, failed loads, console.error.
    pub async fn errors(&self) -> Result<Vec<String>> {
        let log = self.browser_log().await?;
        let severe = log.into_iter().filter(|entry| entry.level == "SEVERE");
        Ok(severe.map(|entry| entry.message).collect())
    }

    /// Fails if there are [`errors`](Self::errors).
    pub async fn assert_no_errors(&self) -> Result {
        match self.errors().await? {
            errors if errors.is_empty() => Ok(()),
            errors => Err(format!("errors in the browser:\n{}", errors.join("\n")).into()),
        }
    }

    /// Writes what the window shows to a PNG file.
    pub async fn picture(&self, file: &Path) -> Result {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, self.screenshot_as_png().await?)?;
        Ok(())
    }

    /// As [`picture`](Self::picture), of the whole page, by a window as high as the page for a moment.
    pub async fn full_picture(&self, file: &Path) -> Result {
        let sizes = "const root = document.documentElement;
                     return [innerWidth, innerHeight, Math.max(root.scrollHeight, innerHeight)]";
        let sizes: Vec<u32> = serde_json::from_value(self.js(sizes).await?)?;
        let [width, height, full] = sizes[..] else {
            return Err("three sizes expected".into());
        };
        self.viewport(width, full).await?;
        self.wait(0.3).await;
        let outcome = self.picture(file).await;
        self.viewport(width, height).await?;
        outcome
    }
}
