//! What an upstream demands of whoever calls it: named, and asked for where the gateway can add it.

use super::*;

#[test]
fn the_credentials_of_the_upstream_are_named() {
    let schemes = "components: {securitySchemes: {k: {type: apiKey, in: header, name: X-Key}, b: {type: http, scheme: bearer}, o: \
        {type: oauth2}, r: {$ref: '#/components/securitySchemes/k'}, n: ~}}\n";
    let (text, expected) =
        (document("  /a: {get: {}}\n") + schemes, "k (API key in header X-Key), b (HTTP bearer), o (OAuth 2)");
    assert!(named(&read(&text)).join("\n").contains(expected), "{:?}", named(&read(&text)));
}

#[test]
fn the_first_credential_that_the_gateway_can_add_is_asked_for() {
    let added = |scheme: &str| {
        let text = document("  /a: {get: {}}\n") + &format!("components: {{securitySchemes: {{k: {{{scheme}}}}}}}\n");
        let api = read(&text);
        let draft =
            Draft { schema: "s", provider: "p", currency: "USD".parse().unwrap(), price: "1.00".parse().unwrap() };
        let catalog = compile(&draft.text(&api)).expect(scheme);
        let auth = catalog.products[0].exchange.clone().and_then(|exchange| exchange.upstream_auth);
        (auth.map(|auth| format!("{}: {}{}", auth.header, auth.prefix, auth.secret)), named(&api).join("\n"))
    };
    for (scheme, expected) in [
        ("type: apiKey, in: header, name: api_key", "api_key: t"),
        ("type: apiKey, in: header, name: Authorization", "authorization: t"),
        ("type: http, scheme: Bearer", "authorization: Bearer t"),
        ("type: http, scheme: basic", "authorization: Basic t"),
    ] {
        let (auth, named) = added(scheme);
        assert_eq!(auth.as_deref(), Some(expected), "{scheme}");
        assert!(named.contains("farebox secret put"), "{named}");
    }
    for scheme in ["type: apiKey, in: query, name: k", "type: apiKey, in: header, name: X-Ca-Key", "type: oauth2"] {
        let (auth, named) = added(scheme);
        assert!(auth.is_none() && named.contains("callers send it with each call"), "{scheme} {named}");
    }
}
