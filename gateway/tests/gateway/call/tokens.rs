//! Tokens of a provider's issuer: each is good where and while it says, and made-up ones cost neither requests nor signatures.

use std::cell::{Cell, RefCell};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use farebox_core::{credential::plain_key_entry, plain_key, time::MINUTE};
use farebox_ports::{WebAnswer, WebMethod};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};

use super::*;

/// An issuer: its keys by name, and how often they were asked for.
struct Issuer {
    names: Rc<RefCell<Vec<(&'static str, u8)>>>,
    asked: Rc<Cell<u32>>,
    is_down: Rc<Cell<bool>>,
}

fn signing(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

fn jwk(name: &str, seed: u8) -> serde_json::Value {
    let point = signing(seed).verifying_key().to_sec1_point(false);
    let text = |at: usize| URL_SAFE_NO_PAD.encode(&point.as_bytes()[at..at + 32]);
    json!({ "kty": "EC", "crv": "P-256", "kid": name, "x": text(1), "y": text(33) })
}

impl Issuer {
    fn of(deployment: &Deployment) -> Self {
        let this =
            Self { names: Rc::new(RefCell::new(vec![("one", 1)])), asked: Rc::default(), is_down: Rc::default() };
        let (names, asked, is_down) = (Rc::clone(&this.names), Rc::clone(&this.asked), Rc::clone(&this.is_down));
        deployment.memory.answer_asked(move |request| {
            assert_eq!((request.method, request.url), (WebMethod::Get, "https://id.test/keys"));
            asked.set(asked.get() + 1);
            let keys: Vec<_> = names.borrow().iter().map(|(name, seed)| jwk(name, *seed)).collect();
            (!is_down.get()).then(|| WebAnswer { status: 200, body: json!({ "keys": keys }).to_string() })
        });
        this
    }
}

/// A request with a token that is signed with the key of this name and seed.
fn with(path: &str, (name, seed): (&str, u8), claims: serde_json::Value) -> String {
    let mut all = json!({ "iss": "https://id.test", "aud": "tokened", "key": "ak_1", "exp": seconds(START) + 3_600 });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    let part = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", part(json!({ "alg": "ES256", "kid": name })), part(all));
    let signature: Signature = signing(seed).sign(signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()));
    format!("GET\nhttp://gateway.test{path}\nauthorization: Bearer {token}\naccept: */*")
}

fn seconds(time: Timestamp) -> i64 {
    time.since(Timestamp::default()) / SECOND
}

fn later(deployment: &Deployment, millis: i64) {
    deployment.memory.set_now(START.plus(millis));
}

#[test]
fn a_token_pays_as_its_credential_does_and_stays_here() {
    let deployment = Deployment::new("10.00");
    let issuer = Issuer::of(&deployment);
    let instance = deployment.instance(1);
    let packed = with("/tokened", ("one", 1), json!({}));
    for _ in 0..3 {
        let forward = send(&instance, &packed).expect("a good token");
        assert_eq!(forward.goes, [false, true], "the token stays here");
        instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
    }
    assert_eq!(issuer.asked.get(), 1);
    now(instance.flush());
    deployment.settle();
    assert_eq!((deployment.used().calls, deployment.balance().0), (3, "9.994".to_owned()));
    let key = "eyJhbGciOiJIUzI1NiJ9.an-imported-key.of-that-form";
    now(deployment.memory.put(&plain_key_entry(&plain_key::hash(key)), b"ak_1")).unwrap();
    let keyed = format!("GET\nhttp://gateway.test/keyed\nauthorization: Bearer {key}");
    assert!(send(&instance, &keyed).is_ok(), "where no token is taken it is a key like any other");
}

#[test]
fn a_token_is_good_for_its_product_alone_and_while_it_lasts() {
    let deployment = Deployment::new("10.00");
    let issuer = Issuer::of(&deployment);
    let instance = deployment.instance(1);
    let packed = with("/tokened", ("one", 1), json!({ "exp": seconds(START) + 30 }));
    assert!(send(&instance, &packed).is_ok());
    assert_eq!(send(&instance, &packed.replace("/tokened", "/tokened-too")).unwrap_err(), "token.invalid");
    assert_eq!(send(&instance, &packed.replace("/tokened", "/keyed")).unwrap_err(), "credential.unknown");
    assert_eq!(send(&instance, &packed.replace("/tokened", "/leased")).unwrap_err(), "credential.missing");
    later(&deployment, 89 * SECOND);
    assert!(send(&instance, &packed).is_ok(), "until a minute after its end, as clocks differ");
    later(&deployment, 90 * SECOND);
    assert_eq!(send(&instance, &packed).unwrap_err(), "token.expired");
    for (claims, code) in [
        (json!({ "nbf": seconds(START) + 3_600 }), "token.expired"),
        (json!({ "iss": "https://id.evil" }), "token.invalid"),
        (json!({ "key": 1 }), "token.invalid"),
        (json!({ "key": "ak_nobody" }), "credential.unknown"),
    ] {
        assert_eq!(send(&instance, &with("/tokened", ("one", 1), claims)).unwrap_err(), code);
    }
    assert_eq!(issuer.asked.get(), 1);
}

#[test]
fn a_revoked_credential_ends_its_tokens() {
    let deployment = Deployment::new("10.00");
    let _issuer = Issuer::of(&deployment);
    let instance = deployment.instance(1);
    let packed = with("/tokened", ("one", 1), json!({}));
    assert!(send(&instance, &packed).is_ok());
    let entry = credential_entry(&"ak_1".parse().unwrap());
    let stored = now(deployment.memory.get(&entry)).unwrap().unwrap();
    let credential: Credential = serde_json::from_slice(&stored).unwrap();
    let revoked = Credential { revoked: Some(START), ..credential };
    now(deployment.memory.put(&entry, &serde_json::to_vec(&revoked).unwrap())).unwrap();
    later(&deployment, MINUTE);
    assert_eq!(send(&instance, &packed).unwrap_err(), "credential.revoked");
}

#[test]
fn made_up_tokens_cost_few_requests_and_a_new_key_is_found() {
    let deployment = Deployment::new("10.00");
    let issuer = Issuer::of(&deployment);
    let instance = deployment.instance(1);
    let forged = with("/tokened", ("one", 9), json!({}));
    assert_eq!(send(&instance, &forged).unwrap_err(), "token.invalid");
    for n in 0..200 {
        let unknown = with("/tokened", ("two", 2), json!({ "n": n }));
        assert_eq!(send(&instance, &unknown).unwrap_err(), "token.invalid");
    }
    assert_eq!(issuer.asked.get(), 1, "one request, however many name a key that there is not");
    issuer.names.borrow_mut().push(("two", 2));
    later(&deployment, 30 * SECOND);
    assert!(send(&instance, &with("/tokened", ("two", 2), json!({ "n": 0 }))).is_ok(), "a new key is found");
    assert_eq!(issuer.asked.get(), 2);
    issuer.names.borrow_mut().remove(0);
    later(&deployment, 11 * MINUTE);
    let old = with("/tokened", ("one", 1), json!({}));
    assert_eq!(send(&instance, &old).unwrap_err(), "token.invalid", "and one that was taken back is gone");
}

#[test]
fn an_issuer_that_is_down_locks_out_nobody_whose_keys_are_known() {
    let deployment = Deployment::new("10.00");
    let issuer = Issuer::of(&deployment);
    issuer.is_down.set(true);
    let instance = deployment.instance(1);
    let send_at = |n: i64, minutes: i64| {
        later(&deployment, minutes * MINUTE);
        send(&instance, &with("/tokened", ("one", 1), json!({ "n": n, "exp": seconds(START) + 36_000 })))
    };
    for n in 0..5 {
        assert_eq!(send_at(n, 0).unwrap_err(), "temporarily.unavailable");
    }
    assert_eq!(issuer.asked.get(), 1, "nor is it asked for each call");
    issuer.is_down.set(false);
    assert!(send_at(5, 1).is_ok());
    issuer.is_down.set(true);
    assert!(send_at(6, 12).is_ok(), "its keys go on");
    assert!(send_at(7, 59).is_ok());
    assert_eq!(send_at(8, 62).unwrap_err(), "temporarily.unavailable", "for an hour");
}

#[test]
fn another_issuer_in_the_catalog_ends_the_tokens_of_the_one_before() {
    let deployment = Deployment::new("10.00");
    let _issuer = Issuer::of(&deployment);
    let instance = deployment.instance(1);
    let packed = with("/tokened", ("one", 1), json!({}));
    assert!(send(&instance, &packed).is_ok());
    let changed = CATALOG.replace(
        "issuer = \"https://id.test\", audience = \"tokened\",",
        "issuer = \"https://new.test\", audience = \"tokened\",",
    );
    let published = json!({ "catalog": compile(&changed).unwrap() });
    now(deployment.memory.put(CATALOG_ENTRY, published.to_string().as_bytes())).unwrap();
    later(&deployment, 31 * SECOND);
    assert_eq!(send(&instance, &packed).unwrap_err(), "token.invalid");
}
