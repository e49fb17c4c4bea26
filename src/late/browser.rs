//! Fetching the second half, on the page's thread or a worker's.

use std::cell::RefCell;

use js_sys::{Object, Promise, Reflect, Uint8Array, WebAssembly};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::{Response, WorkerGlobalScope, XmlHttpRequest};

use super::Missing;

/// The names that the halves know each other by: as in `split`.
const FIRST: &str = "first";
const THERE: &str = "late_is_there";

thread_local! {
    /// The fetch that is under way or done.
    static LOADING: RefCell<Option<Promise>> = const { RefCell::new(None) };
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = url)]
    static SCRIPT: String;
}

/// Whether all doors can be opened.
pub fn is_there() -> bool {
    let there = Reflect::get(&wasm_bindgen::exports(), &THERE.into()).ok();
    let there = there.and_then(|global| Reflect::get(&global, &"value".into()).ok());
    // Without that global nothing was cut off.
    there.and_then(|value| value.as_f64()) != Some(0.0)
}

/// Fetches the second half, if it is not there yet.
///
/// # Errors
/// [`Missing`].
pub async fn load() -> Result<(), Missing> {
    if is_there() {
        return Ok(());
    }
    // One fetch, however many wait for it.
    let loading = LOADING.with_borrow_mut(|loading| loading.get_or_insert_with(|| future_to_promise(fetch())).clone());
    let result = JsFuture::from(loading).await;
    if let Err(error) = &result {
        web_sys::console::error_1(error);
        LOADING.take();
    }
    result.map(|_| ()).map_err(|_| Missing)
}

async fn fetch() -> Result<JsValue, JsValue> {
    // A window is no such scope, but its `fetch` is the same.
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    let response: Response = JsFuture::from(scope.fetch_with_str(&address())).await?.dyn_into()?;
    if !response.ok() {
        return Err(response.status_text().into());
    }
    let bytes = Uint8Array::new(&JsFuture::from(response.array_buffer()?).await?).to_vec();
    JsFuture::from(WebAssembly::instantiate_buffer(&bytes, &imports())).await
}

/// Brings the second half and returns when it is there. A door calls it where nobody has asked before.
///
/// # Panics
/// Where it cannot be fetched: there is no function to go on with.
#[wasm_bindgen]
pub fn late_now() {
    let module = fetch_now().and_then(|bytes| WebAssembly::Module::new(&Uint8Array::from(bytes.as_slice())));
    let instance = module.and_then(|module| WebAssembly::Instance::new(&module, &imports()));
    instance.expect_throw("the second half of the program cannot be had");
}

/// Its bytes, with the thread standing meanwhile. A document may fetch only text so: each byte comes as a character.
fn fetch_now() -> Result<Vec<u8>, JsValue> {
    let request = XmlHttpRequest::new()?;
    request.open_with_async("GET", &address(), false)?;
    request.override_mime_type("text/plain; charset=x-user-defined")?;
    request.send()?;
    let text = request.response_text()?.unwrap_or_default();
    Ok(text.chars().map(|character| character as u32 as u8).collect())
}

/// Beside the script, by the script's name.
fn address() -> String {
    let script = SCRIPT.with(String::clone);
    format!("{}_late.wasm", script.trim_end_matches(".js"))
}

fn imports() -> Object {
    let imports = Object::new();
    // A plain object takes every property.
    let _ = Reflect::set(&imports, &FIRST.into(), &wasm_bindgen::exports());
    imports
}
