//! What a Cloudflare location has read of the configuration a moment ago: its Cache API, which is free where each read of KV is not.
//!
//! It stands before KV for the edge, whose instances read the same few values again every few seconds. Invariants: an answer is
//! at most [`LOCATION_HOLDS`] old. A missing value is never kept, so a new credential works at once. Who writes a value removes
//! it from the cache of its own location. Where there is no cache (`*.workers.dev`), all is read from KV.

use farebox_core::time::SECOND;
use farebox_ports::LOCATION_HOLDS;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    type Cache;
    #[wasm_bindgen(thread_local_v2, js_namespace = caches, js_name = default)]
    static LOCATION: Cache;
    #[wasm_bindgen(method, catch, js_name = match)]
    async fn find(this: &Cache, address: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn put(this: &Cache, address: &str, answer: Response) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn delete(this: &Cache, address: &str) -> Result<JsValue, JsValue>;

    type Response;
    #[wasm_bindgen(constructor)]
    fn new(body: Uint8Array, init: &js_sys::Object) -> Response;
    #[wasm_bindgen(method, catch, js_name = arrayBuffer)]
    async fn bytes(this: &Response) -> Result<JsValue, JsValue>;
}

/// The address of a value. The cache wants one; nothing is ever asked there (RFC 6761, section 6.4).
fn address(key: &str) -> String {
    format!("https://configuration.invalid/{}", js_sys::encode_uri_component(key))
}

fn location() -> Cache {
    LOCATION.with(Clone::clone)
}

/// What the location has of `key`.
pub(crate) async fn get(key: &str) -> Option<Vec<u8>> {
    let found = location().find(&address(key)).await.ok().filter(|found| !found.is_undefined())?;
    let bytes = found.unchecked_into::<Response>().bytes().await.ok()?;
    Some(Uint8Array::new(bytes.unchecked_ref::<ArrayBuffer>()).to_vec())
}

/// Keeps what KV has of `key`. Where that fails, KV is asked again.
pub(crate) async fn keep(key: &str, value: &[u8]) {
    let (headers, init) = (js_sys::Object::new(), js_sys::Object::new());
    let seconds = format!("max-age={}", LOCATION_HOLDS / SECOND);
    // Neither object is frozen, and so nothing can refuse a member.
    let _ = js_sys::Reflect::set(&headers, &"cache-control".into(), &seconds.into());
    let _ = js_sys::Reflect::set(&init, &"headers".into(), &headers);
    let _ = location().put(&address(key), Response::new(Uint8Array::from(value), &init)).await;
}

/// Removes what the location has of `key`, which was written.
pub(crate) async fn forget(key: &str) {
    let _ = location().delete(&address(key)).await;
}
