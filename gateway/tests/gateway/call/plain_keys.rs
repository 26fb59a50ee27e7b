//! Plain keys: whatever carries one it is the same key, it stays here, and one that is made up costs no look-up.

use farebox_core::{credential::plain_key_entry, plain_key};

use super::*;

/// The plain key of `ak_1`, as it is when it was made here.
fn api_key() -> String {
    master_key().plain_key("fb", false, "0123456789abcdefghjkmnpqrs")
}

/// A deployment in which `ak_1` has this plain key.
fn deployment(plain_key: &str) -> Deployment {
    let deployment = Deployment::new("10.00");
    now(deployment.memory.put(&plain_key_entry(&plain_key::hash(plain_key)), b"ak_1")).unwrap();
    deployment
}

fn request(target: &str, fields: &str) -> String {
    format!("GET\nhttp://gateway.test{target}{fields}")
}

/// The caller's fields that go along.
fn going(packed: &str, forward: &Forward) -> Vec<String> {
    let facts = Facts::unpack(packed).unwrap();
    let names = facts.headers.iter().zip(&forward.goes).filter(|(_, goes)| **goes);
    names.map(|((name, value), _)| format!("{name}: {value}")).collect()
}

#[test]
fn a_key_is_the_same_whatever_carries_it_and_stays_here() {
    for key in [&*api_key(), "sk-of-another-gateway", &*master_key().tagged_app_code("0123456789abcdefghjkmnpqrs")] {
        let deployment = deployment(key);
        let instance = deployment.instance(1);
        let other = "\naccept: */*";
        for (target, fields) in [
            ("/keyed?a=%2F&b", format!("\nauthorization: Bearer {key}")),
            ("/keyed?a=%2F&b", format!("\nx-api-key: {key}")),
            ("/keyed?a=%2F&b", format!("\nx-api-key: {key}\nauthorization: Bearer {key}")),
            (&format!("/keyed?a=%2F&api_key={key}&b"), String::new()),
            (&format!("/keyed?a=%2F&b&api%5Fkey={key}"), "\nauthorization: Basic x".into()),
        ] {
            let packed = request(target, &format!("{fields}{other}"));
            let forward = send(&instance, &packed).expect(&packed);
            let kept = if fields.contains("Basic") {
                vec!["authorization: Basic x", "accept: */*"]
            } else {
                vec!["accept: */*"]
            };
            assert_eq!(going(&packed, &forward), kept, "{packed}");
            assert_eq!(forward.url.whole, "http://origin.test/keyed?a=%2F&b", "{packed}");
            assert!(!format!("{:?}", forward.set).contains(key), "{packed}");
        }
        let app_code = request("/slow", &format!("\nauthorization: APPCODE {key}"));
        assert!(send(&instance, &app_code).is_ok(), "and it is the app code");
    }
}

#[test]
fn a_query_that_holds_nothing_but_the_key_does_not_go_on() {
    let deployment = deployment(&api_key());
    let forward = send(&deployment.instance(1), &request(&format!("/keyed?api_key={}", api_key()), "")).unwrap();
    assert_eq!(forward.url.whole, "http://origin.test/keyed");
}

#[test]
fn what_a_product_does_not_take_is_not_looked_at() {
    let deployment = deployment(&api_key());
    let instance = deployment.instance(1);
    // Neither a key for another product nor the upstream's own token is a credential here.
    assert!(send(&instance, &deployment.signed("/leased", "hush")).is_ok());
    deployment.memory.set_down(true);
    for fields in ["\nauthorization: Bearer sk-of-the-upstream", "\nx-api-key: sk-of-the-upstream"] {
        assert_eq!(send(&instance, &request("/leased", fields)).unwrap_err(), "credential.missing", "{fields}");
    }
    assert_eq!(send(&instance, &request("/leased?api_key=k", "")).unwrap_err(), "credential.missing");
}

#[test]
fn a_key_beside_a_signature_stays_here_and_the_upstreams_own_goes_along() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    for (fields, kept) in [
        (format!("\nauthorization: Bearer {}", api_key()), vec![]),
        (format!("\nx-api-key: {}", api_key()), vec![]),
        (format!("\nx_api_key: {}", api_key()), vec![]),
        ("\nauthorization: Bearer sk-of-the-upstream".into(), vec!["authorization: Bearer sk-of-the-upstream"]),
        ("\nx-api-key: sk-of-the-upstream".into(), vec!["x-api-key: sk-of-the-upstream"]),
    ] {
        let packed = format!("{}{fields}", deployment.signed("/leased", "hush"));
        let forward = send(&instance, &packed).expect(&packed);
        assert_eq!(going(&packed, &forward), kept, "{packed}");
    }
}

#[test]
fn a_plain_key_that_is_made_up_costs_no_look_up() {
    let deployment = deployment(&api_key());
    let instance = deployment.instance(1);
    assert!(send(&instance, &request("/keyed", &format!("\nx-api-key: {}", api_key()))).is_ok());
    deployment.memory.set_down(true);
    let stranger = MasterKey::from_base64("CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=").unwrap();
    let made_up = stranger.plain_key("fb", false, "0123456789abcdefghjkmnpqrs");
    let mistyped = api_key().replacen('0', "1", 1);
    for key in [made_up, mistyped] {
        let sent = request("/keyed", &format!("\nauthorization: Bearer {key}"));
        assert_eq!(send(&instance, &sent).unwrap_err(), "credential.unknown", "{key}");
    }
    // What could be somebody's cannot be told without the store.
    let ours = master_key().plain_key("fb", false, "zzzzzzzzzzzzzzzzzzzzzzzzzz");
    for key in
        ["sk-of-another-gateway".to_owned(), ours, stranger.plain_key("acme", false, "0123456789abcdefghjkmnpqrs")]
    {
        let sent = request("/keyed", &format!("\nauthorization: Bearer {key}"));
        assert_eq!(send(&instance, &sent).unwrap_err(), "temporarily.unavailable", "{key}");
    }
}

#[test]
fn a_revoked_credential_is_refused_by_its_plain_key_too() {
    let deployment = deployment(&api_key());
    let instance = deployment.instance(1);
    let call = || send(&instance, &request("/keyed", &format!("\nx-api-key: {}", api_key()))).map(drop);
    assert_eq!(call(), Ok(()));
    let entry = credential_entry(&"ak_1".parse().unwrap());
    let stored = now(deployment.memory.get(&entry)).unwrap().unwrap();
    let mut credential: Credential = serde_json::from_slice(&stored).unwrap();
    credential.revoked = Some(START);
    now(deployment.memory.put(&entry, &serde_json::to_vec(&credential).unwrap())).unwrap();
    // Nothing is heard of changes here.
    deployment.memory.set_now(START.plus(10 * SECOND));
    assert_eq!(call(), Err("credential.revoked".to_owned()));
}

#[test]
fn who_sends_no_key_is_told_how() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let packed = request("/keyed?api_key=", "");
    let facts = Facts::unpack(&packed).unwrap();
    let Step::Reject(reject) = now(instance.decide(&facts, Body::Unread)) else { panic!("it passed") };
    assert_eq!(reject.status, 401);
    assert!(reject.body.contains("Authorization: Bearer"), "{}", reject.body);
    assert!(reject.fields.iter().any(|(name, value)| *name == "www-authenticate" && value.contains("Bearer")));
}
