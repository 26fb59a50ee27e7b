//! What the catalog has changed of a call: its path, its fields, and what the answer says of the upstream's own address.

use farebox_gateway::How;

use super::*;

/// A call to `path` with `more` fields, as it goes on.
fn forwarded(deployment: &Deployment, path: &str, more: &str) -> (Rc<Gateway<Memory>>, String, Forward) {
    let packed = format!("{}{more}", deployment.signed(path, "hush"));
    let instance = deployment.instance(1);
    let forward = send(&instance, &packed).expect(path);
    (instance, packed, forward)
}

/// All fields that the upstream gets, sorted; the signature's and the signed ones left out.
fn fields(packed: &str, forward: &Forward) -> Vec<String> {
    let facts = Facts::unpack(packed).unwrap();
    let callers = facts.headers.iter().zip(&forward.goes).filter(|(_, goes)| **goes);
    let callers = callers.map(|((name, value), _)| format!("{name}: {value}"));
    let ours = forward.set.iter().filter(|(name, _)| !matches!(&**name, "farebox" | "signature" | "signature-input"));
    let mut all: Vec<_> = callers.chain(ours.map(|(name, value)| format!("{name}: {}", value.whole))).collect();
    all.sort();
    all
}

#[test]
fn a_prefix_is_stripped_however_it_is_spelled_and_what_is_signed_is_what_goes() {
    let deployment = Deployment::new("10.00");
    for (path, url) in [
        ("/sold/api/a/b?q=1", "http://origin.test/v1/a/b?q=1"),
        ("/%73old/api/a%2Fb", "http://origin.test/v1/a%2Fb"),
        ("/sold/api", "http://origin.test/v1"),
        ("/sold/api/", "http://origin.test/v1/"),
        ("/sold/api?q", "http://origin.test/v1?q"),
    ] {
        let (_, _, forward) = forwarded(&deployment, path, "");
        assert_eq!(forward.url.whole, url, "{path}");
    }
    let (_, _, forward) = forwarded(&deployment, "/bare", "");
    assert_eq!(forward.url.whole, "http://origin.test/", "a path begins with a slash");
}

#[test]
fn fields_are_set_added_and_removed() {
    let deployment = Deployment::new("10.00");
    let sent = "\nx-tenant: mine\nx_tenant: mine\naccept-language: de\nx-internal: 1\nx_internal: 1\nx-from: 192.0.2.7";
    let (_, packed, forward) = forwarded(&deployment, "/sold/api/a", sent);
    let expected = [
        "accept-language: de, en",
        "forwarded: for=192.0.2.7;host=\"gateway.test\";proto=http",
        "x-from: 192.0.2.7",
        "x-tenant: acme",
    ];
    assert_eq!(fields(&packed, &forward), expected);
    let shown: Vec<_> = forward.respond.iter().map(|shown| (&*shown.name, &*shown.value, shown.how)).collect();
    let expected = [
        ("location", "", How::Readdress),
        ("set-cookie", "", How::Readdress),
        ("x-powered-by", "", How::Remove),
        ("x-served-by", "acme", How::Set),
        ("link", "</terms>", How::Add),
    ];
    assert_eq!(shown[..expected.len()], expected);
}

#[test]
fn what_a_caller_says_of_its_origin_goes_to_no_upstream() {
    let deployment = Deployment::new("10.00");
    let claims = "\nforwarded: for=10.0.0.1\nx-forwarded-for: 10.0.0.1\nx_forwarded_for: 10.0.0.1\nx-real-ip: 10.0.0.1\n\
        x-forwarded-host: evil\nx-forwarded-proto: gopher";
    let (_, packed, forward) = forwarded(&deployment, "/leased", claims);
    assert_eq!(fields(&packed, &forward), [""; 0], "a product that says nothing of it");
    let (_, packed, forward) = forwarded(&deployment, "/bare", &format!("{claims}\nx-from: [2001:db8::1]:443"));
    let expected = [
        "x-forwarded-for: 2001:db8::1",
        "x-forwarded-host: gateway.test",
        "x-forwarded-proto: http",
        "x-from: [2001:db8::1]:443",
    ];
    assert_eq!(fields(&packed, &forward), expected);
    let (_, packed, forward) = forwarded(&deployment, "/sold/api", claims);
    assert!(fields(&packed, &forward).contains(&"forwarded: for=unknown;host=\"gateway.test\";proto=http".to_owned()));
}

#[test]
fn an_address_of_the_upstreams_own_leads_through_the_gateway() {
    let deployment = Deployment::new("10.00");
    let (instance, packed, forward) = forwarded(&deployment, "/sold/api/a", "");
    let facts = Facts::unpack(&packed).unwrap();
    let read = |name: &str, value: &str| instance.readdressed(forward.call, &facts, name, value);
    assert_eq!(read("location", "http://origin.test/v1/b").as_deref(), Some("http://gateway.test/sold/api/b"));
    assert_eq!(read("location", "http://elsewhere.test/v1/b"), None);
    assert_eq!(read("set-cookie", "a=1; Domain=origin.test; Path=/v1").as_deref(), Some("a=1; Path=/sold/api"));
    instance.finish(forward.call, Outcome::Answered(302), 0, 0, START);
    assert_eq!(read("location", "http://origin.test/v1/b"), None, "of a call that has ended");
}
