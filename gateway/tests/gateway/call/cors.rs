//! Pages of other origins: preflights are answered before anybody is asked who calls, and errors can be read.

use super::*;

/// The answer of the gateway's own to a request with these fields.
fn answered(gateway: &Rc<Gateway<Memory>>, method: &str, path: &str, fields: &str) -> (u16, BTreeMap<String, String>) {
    let packed = format!("{method}\nhttp://gateway.test{path}{fields}");
    let facts = Facts::unpack(&packed).unwrap();
    let step = match gateway.admit(&facts, Body::Unread, START) {
        Step::Need(_) => now(gateway.decide(&facts, Body::Unread)),
        step => step,
    };
    let Step::Reject(reject) = step else { panic!("{step:?}") };
    (reject.status, reject.fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

const ASKED: &str = "\naccess-control-request-method: POST\naccess-control-request-headers: authorization,x-b";

#[test]
fn a_preflight_is_answered_to_anybody_and_takes_nothing() {
    let deployment = Deployment::new("0.01");
    let instance = deployment.instance(1);
    let (status, fields) = answered(&instance, "OPTIONS", "/paged", &format!("\norigin: https://a.example{ASKED}"));
    assert_eq!(status, 204);
    let said = |name: &str| fields.get(name).map(String::as_str);
    assert_eq!(said("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(said("access-control-allow-methods"), Some("POST"));
    assert_eq!(said("access-control-allow-headers"), Some("authorization,x-b"));
    assert_eq!(said("access-control-max-age"), Some("600"));
    assert!(said("vary").is_some_and(|vary| vary.contains("origin")));
    let (status, fields) = answered(&instance, "OPTIONS", "/paged", &format!("\norigin: https://b.example{ASKED}"));
    assert_eq!((status, fields.keys().map(String::as_str).collect::<Vec<_>>()), (204, vec!["vary"]));
    assert_eq!((deployment.leases_given(), deployment.usage().0), (0, 0));
}

#[test]
fn what_is_no_preflight_of_a_product_for_pages_goes_its_usual_way() {
    let deployment = Deployment::new("0.01");
    let instance = deployment.instance(1);
    let origin = "\norigin: https://a.example";
    for (method, path, fields, status) in [
        ("OPTIONS", "/keyed", format!("{origin}{ASKED}"), 401),
        ("OPTIONS", "/nowhere", format!("{origin}{ASKED}"), 401),
        ("OPTIONS", "/paged", origin.to_owned(), 401),
        ("OPTIONS", "/paged", ASKED.to_owned(), 401),
        ("GET", "/paged", format!("{origin}{ASKED}"), 401),
        ("OPTIONS", "/paged", format!("{origin}\naccess-control-request-method: PATCH"), 401),
    ] {
        assert_eq!(answered(&instance, method, path, &fields).0, status, "{method} {path}{fields}");
    }
}

#[test]
fn a_page_reads_answers_and_errors_of_products_that_name_it() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let respond = |fields: &str| -> BTreeMap<String, String> {
        let forward = send(&instance, &format!("{}{fields}", deployment.signed("/paged", "hush"))).unwrap();
        forward.respond.into_iter().map(|shown| (shown.name.into_owned(), shown.value)).collect()
    };
    let page = respond("\norigin: https://a.example");
    assert_eq!((page["access-control-allow-origin"].as_str(), page["vary"].as_str()), ("https://a.example", "origin"));
    assert_eq!(page["access-control-expose-headers"], "*");
    assert_eq!(page["access-control-allow-credentials"], "false", "whatever the upstream says");
    let other = respond("\norigin: https://b.example");
    assert_eq!(other["access-control-allow-origin"], "https://a.example", "and nothing that the upstream says");
    let at_home = respond("");
    assert!(at_home.contains_key("vary") && !at_home.contains_key("access-control-allow-origin"));
    let silent =
        send(&instance, &format!("{}\norigin: https://a.example", deployment.signed("/leased", "hush"))).unwrap();
    assert!(silent.respond.iter().all(|shown| shown.name != "vary" && !shown.name.starts_with("access-control-")));

    let origin = "\norigin: https://a.example";
    let (status, fields) = answered(&instance, "GET", "/paged", origin);
    assert_eq!((status, fields["access-control-allow-origin"].as_str()), (401, "https://a.example"));
    let (_, fields) = answered(&instance, "GET", "/leased", origin);
    assert!(!fields.contains_key("access-control-allow-origin"));
    let unreachable = Facts::unpack("GET\nhttp://gateway.test/paged\norigin: https://a.example").unwrap();
    let reject = instance.reject(&unreachable, &farebox_core::rejection::Rejection::UpstreamUnreachable);
    assert!(reject.fields.iter().any(|(name, _)| *name == "access-control-allow-origin"), "{reject:?}");
}
