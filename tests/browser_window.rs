//! What has to hold on the page's own thread.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn there_is_a_document() {
    let document = js_sys::Reflect::get(&js_sys::global(), &JsValue::from("document"));
    assert!(document.is_ok_and(|value| value.is_object()));
}
