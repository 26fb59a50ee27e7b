//! What the upstream itself wants to see from a caller, so that the provider knows that the gateway does not add it.

use super::{
    library::{Library, Place},
    names::{Kind, Names},
    node::Node,
    operations::some,
};

/// Names the document's security schemes.
pub(super) fn name(library: &mut Library<'_>, names: &mut Names) {
    let root = library.root();
    let components = root.node.get("components").and_then(|components| components.get("securitySchemes"));
    let declared = components.or_else(|| root.node.get("securityDefinitions")).map(Node::members).unwrap_or_default();
    let mut schemes = Vec::new();
    for (id, scheme) in declared {
        if !id.starts_with("x-") {
            let place = library.resolve(&Place { node: scheme.clone(), document: root.document });
            schemes
                .push(format!("{id} ({})", place.map_or_else(|| "unread".to_owned(), |place| described(&place.node))));
        }
    }
    if !schemes.is_empty() {
        let schemes = some(schemes.iter().map(String::as_str));
        let what = "callers send it with each call, for the gateway adds none";
        names.add(Kind::Note, format!("the upstream wants a credential of its own, {schemes}: {what}"));
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
