//! What the upstream itself wants to see from a caller: the gateway adds it where it can, and the provider is asked for it.

use farebox_core::catalog::may_set;

use super::{
    library::{Library, Place},
    names::{Kind, Names},
    node::Node,
    operations::some,
    text::toml_text,
};

/// Names the document's security schemes. Gives what a catalog's `upstream_auth` says of the first that the gateway can meet.
pub(super) fn name(library: &mut Library<'_>, names: &mut Names) -> Option<String> {
    let root = library.root();
    let components = root.node.get("components").and_then(|components| components.get("securitySchemes"));
    let declared = components.or_else(|| root.node.get("securityDefinitions")).map(Node::members).unwrap_or_default();
    let (mut schemes, mut added) = (Vec::new(), None);
    for (id, scheme) in declared {
        if !id.starts_with("x-") {
            let place = library.resolve(&Place { node: scheme.clone(), document: root.document });
            added = added.or_else(|| place.as_ref().and_then(|place| upstream_auth(&place.node)));
            schemes
                .push(format!("{id} ({})", place.map_or_else(|| "unread".to_owned(), |place| described(&place.node))));
        }
    }
    if !schemes.is_empty() {
        let schemes = some(schemes.iter().map(String::as_str));
        let what = if added.is_some() {
            "set it with `farebox secret put` and the product's id; where callers bring their own, leave out `upstream_auth`"
        } else {
            "callers send it with each call, for the gateway can add none such"
        };
        names.add(Kind::Note, format!("the upstream wants a credential of its own, {schemes}: {what}"));
    }
    added
}

/// The catalog's words for a scheme that the gateway can meet: a secret in a header field.
fn upstream_auth(scheme: &Node) -> Option<String> {
    let text = |key| scheme.get(key).and_then(Node::text).unwrap_or_default();
    match (text("type"), text("in"), text("scheme").to_ascii_lowercase().as_str()) {
        ("apiKey", "header", _) if may_set(text("name")) => {
            let name = text("name").to_ascii_lowercase();
            // The field's usual prefix is that of a bearer.
            let prefix = if name == "authorization" { ", prefix = \"\"" } else { "" };
            Some(format!("{{ header = {}{prefix} }}", toml_text(&name)))
        }
        ("http", _, "bearer") => Some("\"bearer\"".to_owned()),
        // Its secret is the base64 of user, colon and password (RFC 7617).
        ("http", _, "basic") | ("basic", ..) => Some("{ prefix = \"Basic \" }".to_owned()),
        _ => None,
    }
}

fn described(scheme: &Node) -> String {
    let text = |key| scheme.get(key).and_then(Node::text).unwrap_or("?");
    match text("type") {
        "apiKey" => format!("API key in {} {}", text("in"), text("name")),
        "http" => format!("HTTP {}", text("scheme")),
        "basic" => "HTTP basic".to_owned(),
        "oauth2" => "OAuth 2".to_owned(),
        "openIdConnect" => "OpenID Connect".to_owned(),
        "mutualTLS" => "a client certificate, which no gateway can pass on".to_owned(),
        other => other.to_owned(),
    }
}
