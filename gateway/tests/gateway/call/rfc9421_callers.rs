//! Callers who sign by RFC 9421: what is admitted, what reaches the upstream, and what they are told.

use farebox_core::signature::rfc9421;

use super::*;

/// A request signed by RFC 9421, packed; each with a nonce of its own.
fn signed(deployment: &Deployment, path: &str, secret: &str) -> String {
    deployment.nonces.set(deployment.nonces.get() + 1);
    let (nonce, secret) = (format!("n{}", deployment.nonces.get()), Secret::new(secret));
    let bare = format!("GET\nhttp://gateway.test{path}");
    let signer = Signer { key: "ak_1", secret: &secret, now: deployment.memory.now(), nonce: &nonce };
    let signed = rfc9421::sign(&Facts::unpack(&bare).unwrap(), b"", &signer);
    signed.headers.iter().fold(bare, |packed, (name, value)| format!("{packed}\n{name}: {value}"))
}

#[test]
fn a_call_signed_by_rfc_9421_is_admitted_once_and_its_signature_stays_here() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let packed = signed(&deployment, "/leased?a=1", "hush");
    let forward = send(&instance, &packed).unwrap();
    let facts = Facts::unpack(&packed).unwrap();
    let stays = |name| facts.headers.iter().zip(&forward.goes).any(|((have, _), goes)| *have == name && !goes);
    assert!(["signature", "signature-input"].into_iter().all(stays));
    assert!(forward.respond.iter().all(|shown| !shown.name.starts_with("x-ca-")));
    assert_eq!(send(&instance, &packed).unwrap_err(), "nonce.used");
    let forged = signed(&deployment, "/leased?a=1", "guessed");
    assert_eq!(send(&instance, &forged).unwrap_err(), "signature.invalid");
    let elsewhere = signed(&deployment, "/leased", "hush").replace("/leased", "/strict");
    assert_eq!(send(&instance, &elsewhere).unwrap_err(), "credential.missing", "the product does not take the scheme");
}

#[test]
fn a_rejection_to_a_client_of_rfc_9421_shows_what_the_server_signed_and_no_fields_of_x_ca() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let packed = signed(&deployment, "/leased?a=1", "hush").replace("a=1", "a=2");
    let Step::Reject(reject) = now(instance.decide(&Facts::unpack(&packed).unwrap(), Body::Unread)) else { panic!() };
    assert_eq!(reject.status, 401);
    assert!(reject.fields.iter().all(|(name, _)| !name.starts_with("x-ca-")), "{:?}", reject.fields);
    assert!(reject.fields.iter().any(|(name, value)| *name == "www-authenticate" && value.contains("Signature")));
    let problem: serde_json::Value = serde_json::from_str(&reject.body).unwrap();
    let shown = problem["string_to_sign"].as_str().unwrap();
    assert!(shown.contains("\"@query\": ?a=2\n\"@signature-params\": (\"@method\""), "{shown}");
    assert!(!reject.body.contains("hush"));
}

#[test]
fn of_several_signatures_the_one_we_know_counts() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let beside = |key: &str| {
        signed(&deployment, "/leased", "hush")
            .replace("signature-input: ", &format!("signature-input: proxy=(\"@method\");created=1;keyid=\"{key}\", "))
            .replace("signature: ", "signature: proxy=:AAAA:, ")
    };
    assert!(send(&instance, &beside("ak_nobody")).is_ok());
    assert!(send(&instance, &beside("https://proxy.example/key")).is_ok(), "no key of ours could be called so");
    let strangers = beside("ak_nobody").replace("ak_1", "ak_other");
    assert_eq!(send(&instance, &strangers).unwrap_err(), "credential.unknown");
}

#[test]
fn who_brings_no_credential_is_told_what_the_product_takes() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let told = |packed: &str| {
        let Step::Reject(reject) = now(instance.decide(&Facts::unpack(packed).unwrap(), Body::Unread)) else {
            panic!()
        };
        let problem: serde_json::Value = serde_json::from_str(&reject.body).unwrap();
        assert_eq!((reject.status, problem["code"].as_str()), (401, Some("credential.missing")), "{packed}");
        let detail = problem["detail"].as_str().unwrap().to_owned();
        ["X-Ca-Key", "RFC 9421", "APPCODE"].map(|way| detail.contains(way))
    };
    assert_eq!(told("GET\nhttp://gateway.test/strict"), [true, false, false]);
    assert_eq!(told("GET\nhttp://gateway.test/leased"), [true, true, false]);
    assert_eq!(told("GET\nhttp://gateway.test/nowhere"), [true, true, true], "no product is known");
    let elsewhere = signed(&deployment, "/leased", "hush").replace("/leased", "/strict");
    assert_eq!(told(&elsewhere), [true, false, false], "the product does not take the scheme");
}
