//! What has to hold on the engine's thread, a dedicated worker.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

fn get(object: &JsValue, name: &str) -> JsValue {
    js_sys::Reflect::get(object, &JsValue::from(name)).unwrap()
}

#[wasm_bindgen_test]
fn there_is_no_document() {
    assert!(get(&js_sys::global(), "document").is_undefined());
}

/// The tests of the shaders in the browser mean something only if the driver gives them an adapter.
#[wasm_bindgen_test]
async fn webgpu_has_an_adapter() {
    let gpu = get(&get(&js_sys::global(), "navigator"), "gpu");
    let request: js_sys::Function = get(&gpu, "requestAdapter").unchecked_into();
    let promise: js_sys::Promise = request.call0(&gpu).unwrap().unchecked_into();
    let adapter = JsFuture::from(promise).await.unwrap();
    assert!(adapter.is_object());
}
