//! What of a request's head goes along, and how large a head and a body may be.

use farebox_gateway::{How, Need, Shown};

use super::*;

/// The fields of a signed call with `more` that reach the upstream.
fn going(more: &str) -> Vec<String> {
    let deployment = Deployment::new("10.00");
    let packed = format!("{}\n{more}", deployment.signed("/leased", "hush"));
    let forward = send(&deployment.instance(1), &packed).unwrap();
    let facts = Facts::unpack(&packed).unwrap();
    let names = facts.headers.iter().zip(&forward.goes).filter(|(_, goes)| **goes);
    names.map(|((name, _), _)| (*name).to_owned()).collect()
}

#[test]
fn what_an_upstream_may_take_for_ours_stays_here_however_it_is_spelled() {
    for name in [
        "farebox",
        "farebox-account",
        "farebox_account",
        "farebox.account",
        "farebox~account",
        "farebox_",
        "x_ca_key",
        "x-ca_stage",
        "x.ca.key",
        "signature",
        "signature_input",
        "signature.input",
        "transfer_encoding",
        "connection",
        "proxy_authorization",
        "x_from",
        "cf_connecting_ip",
        "x-forwarded-for",
        "x_forwarded_for",
        "x_real.ip",
        "forwarded",
    ] {
        assert_eq!(going(&format!("{name}: v")), [""; 0], "{name}");
    }
    for name in ["x_under", "signature-agent", "x.dotted", "user-agent", "xfarebox_account"] {
        assert_eq!(going(&format!("{name}: v")), [name], "{name}");
    }
}

#[test]
fn of_several_spellings_of_a_field_the_usual_one_goes_along() {
    assert_eq!(going("x-user: a\nx_user: b\nx.user: c"), ["x-user"]);
    assert_eq!(going("x_user: b\nx.user: c"), [""; 0], "nothing says which was meant");
    assert_eq!(going("authorization: Bearer t\nauthorization_: x"), ["authorization", "authorization_"]);
}

#[test]
fn an_app_code_stays_here_also_beside_a_signature() {
    for value in ["APPCODE c", "appcode c", "Bearer t, APPCODE c", " APPCODE  c"] {
        assert_eq!(going(&format!("authorization: {value}")), [""; 0], "{value}");
    }
    assert_eq!(going("authorization: Bearer t"), ["authorization"], "what is the upstream's own goes along");
}

#[test]
fn what_connection_names_stays_here() {
    assert_eq!(going("connection: close, X-Hop\nx-hop: 1\nx-other: 1"), ["x-other"]);
}

fn names<T>(fields: &[(impl AsRef<str>, T)]) -> Vec<&str> {
    fields.iter().map(|(name, _)| name.as_ref()).collect()
}

/// The fields that the answer gets, all of them in place of the upstream's.
fn shown(forward: &Forward) -> Vec<&str> {
    assert!(forward.respond.iter().all(|shown| shown.how == How::Set));
    forward.respond.iter().map(|shown| &*shown.name).collect()
}

#[test]
fn the_upstream_gets_three_fields_and_the_caller_two() {
    let deployment = Deployment::new("10.00");
    let forward = send(&deployment.instance(1), &deployment.signed("/leased", "hush")).unwrap();
    assert_eq!(names(&forward.set), ["farebox", "signature-input", "signature"]);
    let Shown { name, value, .. } = &forward.respond[1];
    let who = format!("account=\"acc_1\", credential=\"ak_1\", product=\"leased\", request=\"{value}\"");
    assert_eq!((&**name, &forward.set[0].1.whole), ("x-ca-request-id", &who), "one id of the request");
    assert_eq!(shown(&forward), ["ratelimit", "x-ca-request-id"], "a balance has no quota that stands still");
    assert!(forward.respond[0].value.starts_with("\"balance\";r="), "{}", forward.respond[0].value);
}

#[test]
fn of_a_package_the_caller_is_told_the_quota_too() {
    let deployment = Deployment::new("10.00");
    deployment.buy_hundred();
    let forward = send(&deployment.instance(1), &deployment.signed("/leased", "hush")).unwrap();
    assert_eq!(shown(&forward), ["ratelimit-policy", "ratelimit", "x-ca-request-id"]);
    assert_eq!(forward.respond[0].value, "\"hundred\";q=100;qu=\"requests\"");
}

#[test]
fn a_product_may_have_nothing_signed_and_its_answers_untouched() {
    let deployment = Deployment::new("10.00");
    let forward = send(&deployment.instance(1), &deployment.signed("/plain", "hush")).unwrap();
    assert_eq!((names(&forward.set), shown(&forward)), (vec!["farebox"], vec![]));
}

#[test]
fn a_rejection_has_one_id_by_the_name_that_its_scheme_has_for_it() {
    let deployment = Deployment::new("10.00");
    let gateway = deployment.instance(1);
    for (fields, id) in
        [("x-ca-key: k\nx-ca-signature: s", "x-ca-request-id"), ("authorization: APPCODE c", "farebox-request-id")]
    {
        let packed = format!("GET\nhttp://h/leased\n{fields}");
        let Step::Reject(reject) = now(gateway.decide(&Facts::unpack(&packed).unwrap(), Body::Unread)) else {
            panic!("not refused")
        };
        let ids: Vec<_> = names(&reject.fields).into_iter().filter(|name| name.ends_with("request-id")).collect();
        assert_eq!(ids, [id]);
    }
}

/// Status and code of a request that is turned away.
fn turned_away(packed: &str) -> (u16, String) {
    let deployment = Deployment::new("10.00");
    let gateway = deployment.instance(1);
    let Step::Reject(reject) = now(gateway.decide(&Facts::unpack(packed).unwrap(), Body::Unread)) else {
        panic!("not refused")
    };
    let problem: serde_json::Value = serde_json::from_str(&reject.body).unwrap();
    (reject.status, problem["code"].as_str().unwrap().to_owned())
}

#[test]
fn a_head_is_refused_that_is_too_large_whoever_sends_it() {
    let malformed = (431, "request.malformed".to_owned());
    let signed = Deployment::new("10.00").signed("/leased", "hush");
    for head in [signed.as_str(), "GET\nhttp://h/leased\nauthorization: APPCODE c", "GET\nhttp://h/"] {
        let fields: String = (0..6_000).map(|at| format!("\ny{at:x}: 1")).collect();
        assert_eq!(turned_away(&format!("{head}{fields}")), malformed, "fields");
        assert_eq!(turned_away(&format!("{head}\nconnection: {}", "zz,".repeat(64))), malformed, "tokens");
        assert_eq!(turned_away(&format!("{head}\nx-long: {}", "x".repeat(64 << 10))), malformed, "bytes");
    }
}

/// What a call with a body of this announced length needs.
fn needed(content_type: &str, length: u64) -> Result<u64, u16> {
    let deployment = Deployment::new("10.00");
    let gateway = deployment.instance(1);
    let bare = format!("POST +\nhttp://gateway.test/leased\ncontent-type: {content_type}\ncontent-length: {length}");
    let secret = Secret::new("hush");
    let signer = Signer { key: "ak_1", secret: &secret, now: START, nonce: "n" };
    let signed = xca::sign(&Facts::unpack(&bare).unwrap(), b"a=1", &signer);
    let packed = signed.headers.iter().fold(bare, |packed, (name, value)| format!("{packed}\n{name}: {value}"));
    match now(gateway.decide(&Facts::unpack(&packed).unwrap(), Body::Unread)) {
        Step::Need(Need::Body(limit)) => Ok(limit),
        Step::Reject(reject) => Err(reject.status),
        step => panic!("{step:?}"),
    }
}

#[test]
fn a_body_that_must_be_read_is_bounded_before_it_is_read() {
    let form = "application/x-www-form-urlencoded";
    assert_eq!([needed(form, 1 << 20), needed(form, (1 << 20) + 1)], [Ok(1 << 20), Err(413)]);
    assert_eq!([needed("text/plain", 8 << 20), needed("text/plain", (8 << 20) + 1)], [Ok(8 << 20), Err(413)]);
}

#[test]
fn a_body_that_cannot_go_on_is_refused_and_not_dropped() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let code = "\nx-api-key: k";
    for (method, field) in
        [("GET", "content-length: 3"), ("HEAD", "content-length: 3"), ("GET", "transfer-encoding: chunked")]
    {
        let packed = format!("{method}\nhttp://gateway.test/keyed\n{field}{code}");
        assert_eq!(send(&instance, &packed).unwrap_err(), "request.malformed", "{packed}");
    }
    let empty = format!("{}\ncontent-length: 0", deployment.signed("/leased", "hush"));
    assert!(send(&instance, &empty).is_ok(), "no body is none");
    let socket = format!("GET\nhttp://gateway.test/keyed\nupgrade: websocket\nsec-websocket-key: eA=={code}");
    assert_eq!(send(&instance, &socket).unwrap_err(), "upgrade.unsupported");
}
