//! Keys and signatures of others on Workers: `fetch` and WebCrypto as they are, so that no other client and no engine takes room in
//! the module.

use farebox_core::signature::jwt::{Algorithm, PublicKey};
use farebox_ports::{Fault, PublicKeys};
use js_sys::{Array, JSON, JsString, Reflect, Uint8Array};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::Platform;

const PORT: &str = "public_keys";

/// How long an issuer may take, in milliseconds.
const ANSWERED_WITHIN: u32 = 15_000;

#[wasm_bindgen]
extern "C" {
    type Answer;

    #[wasm_bindgen(catch)]
    async fn fetch(url: &str, init: &JsValue) -> Result<Answer, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn status(this: &Answer) -> u16;

    #[wasm_bindgen(method, catch)]
    async fn text(this: &Answer) -> Result<JsString, JsValue>;

    #[wasm_bindgen(js_namespace = AbortSignal)]
    fn timeout(millis: u32) -> JsValue;

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"], js_name = importKey)]
    async fn import_key(
        format: &str,
        jwk: &JsValue,
        algorithm: &JsValue,
        extractable: bool,
        usages: &Array,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    async fn verify(
        algorithm: &JsValue,
        key: &JsValue,
        signature: &Uint8Array,
        message: &Uint8Array,
    ) -> Result<JsValue, JsValue>;
}

/// What WebCrypto calls an algorithm (Web Cryptography Level 2, sections 20.8, 23.7 and 27.7): for a key and for a signature by it.
const fn web(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Rs256 => r#"{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-256"}"#,
        Algorithm::Es256 => r#"{"name":"ECDSA","namedCurve":"P-256","hash":"SHA-256"}"#,
        Algorithm::EdDsa => r#"{"name":"Ed25519"}"#,
    }
}

impl PublicKeys for Platform {
    async fn jwk_set(&self, url: &str) -> Result<String, Fault> {
        let init = JSON::parse(r#"{"redirect":"manual"}"#).map_err(fault)?;
        Reflect::set(&init, &"signal".into(), &timeout(ANSWERED_WITHIN)).map_err(fault)?;
        let answer = fetch(url, &init).await.map_err(fault)?;
        match answer.status() {
            200 => Ok(answer.text().await.map_err(fault)?.into()),
            status => Err(Fault::Unavailable { port: PORT, detail: format!("it answers with {status}") }),
        }
    }

    async fn verifies(&self, key: &PublicKey, message: &str, signature: &[u8]) -> Result<bool, Fault> {
        let algorithm = JSON::parse(web(key.algorithm())).map_err(fault)?;
        let jwk = JSON::parse(&key.jwk()).map_err(fault)?;
        let usages = Array::of1(&"verify".into());
        // A point that is on no curve and the like: it verifies nothing.
        let Ok(key) = import_key("jwk", &jwk, &algorithm, false, &usages).await else { return Ok(false) };
        let (signature, message) = (Uint8Array::from(signature), Uint8Array::from(message.as_bytes()));
        let verified = verify(&algorithm, &key, &signature, &message).await.map_err(fault)?;
        Ok(verified.is_truthy())
    }
}

fn fault(error: JsValue) -> Fault {
    crate::fault(PORT)(error.into())
}
