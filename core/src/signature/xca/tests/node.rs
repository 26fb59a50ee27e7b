//! Requests of a real client: npm `aliyun-api-gateway` 1.1.6 on Node 20, recorded as they came over the wire.
//!
//! Two parameters are out of reach, because the client does not send what it signs. Of an empty array it signs the name and sends
//! nothing; of an object it signs `[object Object]` and sends an empty value.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Recorded {
    name: String,
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Recorded {
    fn packed(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("\n{name}: {value}"));
        format!("{}\nhttp://127.0.0.1{}{}", self.method, self.target, headers.collect::<String>())
    }

    fn check(&self, body: &str) -> Result<(), Rejection> {
        let now = Timestamp::from_millis(self.headers["x-ca-timestamp"].parse().expect("a timestamp"));
        check(&self.packed(), Body::Read(body.as_bytes()), Profile::default(), now).map(|_| ())
    }
}

fn recorded() -> Vec<Recorded> {
    serde_json::from_str(include_str!("node.json")).expect("the recording")
}

#[test]
fn every_request_of_the_node_client_is_taken() {
    for request in recorded() {
        assert_eq!(request.check(&request.body), Ok(()), "{}", request.name);
    }
}

#[test]
fn a_request_of_the_node_client_with_another_body_is_not() {
    // What it sends by PUT and DELETE it does not sign, unless it is a form.
    let is_signed = |request: &Recorded| {
        request.headers.contains_key("content-md5") || request.name == "PUT form" || request.method == "POST"
    };
    for request in recorded().iter().filter(|request| is_signed(request)) {
        assert!(request.check(&format!("{}&more=1", request.body)).is_err(), "{}", request.name);
    }
}
