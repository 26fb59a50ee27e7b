//! What the upstream gets is the gateway's, and can be told from anybody else's.

use std::collections::HashMap;

use verify_upstream::{Request, verify};

use super::*;

/// What an upstream says of a forwarded call: nothing when it is the gateway's.
fn verified(
    forward: &Forward,
    method: &str,
    caller: &[(&str, &str)],
    body: &[u8],
    product: &str,
    now: i64,
) -> Option<String> {
    let (authority, target) = forward.url.whole.split_once("//").unwrap().1.split_once('/').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let goes = caller.iter().zip(&forward.goes).filter(|(_, goes)| **goes).map(|(field, _)| *field);
    let own = forward.set.iter().map(|(name, value)| (&**name, value.whole.as_str()));
    let fields = goes.chain(own).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers: HashMap<String, String> = fields.chain([("host".to_owned(), authority.to_owned())]).collect();
    let secret = master_key().upstream_secret(&product.parse().unwrap());
    let request = Request { method, path: &format!("/{path}"), query, headers: &headers, body };
    verify(&request, secret.reveal(), product, u64::try_from(now).unwrap()).err()
}

#[test]
fn an_upstream_verifies_a_call_for_a_minute_and_for_its_own_product() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let start = START.seconds();
    for target in ["/leased", "/leased?a=1&b=%2F", "/leased?"] {
        let packed = deployment.signed(target, "hush");
        let facts = Facts::unpack(&packed).unwrap();
        let forward = send(&instance, &packed).unwrap();
        let verified = |product, at| verified(&forward, "GET", &facts.headers, b"", product, at);
        assert_eq!(verified("leased", start), None, "{target}");
        assert_eq!(verified("leased", start + 90), None, "{target}");
        assert_eq!(verified("leased", start + 91).unwrap(), "it has expired", "{target}");
        assert_eq!(verified("strict", start).unwrap(), "the signature is wrong", "{target}");
    }
}

#[test]
fn the_digest_of_a_body_that_was_read_is_the_gateways_and_is_signed() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let bare = "POST\nhttp://gateway.test/leased\ncontent-digest: sha-256=:AAAA:\ncontent-type: text/plain";
    let signer =
        Signer { key: "ak_1", secret: &Secret::new("hush"), now: deployment.memory.now(), nonce: "with-a-body" };
    let signed = xca::sign(&Facts::unpack(bare).unwrap(), b"hello", &signer);
    let packed =
        signed.headers.iter().fold(bare.to_owned(), |packed, (name, value)| format!("{packed}\n{name}: {value}"));
    let facts = Facts::unpack(&packed).unwrap();
    let Step::Forward(forward) = now(instance.decide(&facts, Body::Read(b"hello"))) else { panic!("it is paid for") };
    let verified = |body: &[u8]| verified(&forward, "POST", &facts.headers, body, "leased", START.seconds());
    assert_eq!(verified(b"hello"), None);
    assert_eq!(verified(b"hellO").unwrap(), "the body is another");
    let digests = forward.set.iter().filter(|(name, _)| *name == "content-digest").count();
    let callers = facts.headers.iter().zip(&forward.goes).find(|((name, _), _)| *name == "content-digest").unwrap();
    assert_eq!((digests, *callers.1), (1, false), "the caller's own stays here");
}
