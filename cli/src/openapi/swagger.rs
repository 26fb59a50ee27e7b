//! Swagger 2.0: what it has in place of servers, put as servers.
//!
//! Paths, methods and references are the same in both versions, and a catalog takes nothing more. So these few lines read
//! 2.0, where a converter would rewrite the whole document first.

use super::node::Node;

/// The servers of a document: one for each scheme, of its host and base path.
pub(super) fn servers(root: &Node, schemes: &Node) -> Node {
    let base_path = root.get("basePath").and_then(Node::text).unwrap_or_default().trim();
    let path =
        if base_path.is_empty() || base_path.starts_with('/') { String::new() } else { "/".to_owned() } + base_path;
    let template = root.get("x-ms-parameterized-host").and_then(|host| host.get("hostTemplate")).and_then(Node::text);
    let host = root.get("host").and_then(Node::text).map(str::trim).filter(|host| !host.is_empty()).or(template);
    let Some(host) = host else {
        let relative = if path.is_empty() { "/" } else { path.as_str() };
        return list([relative.to_owned()]);
    };
    if host.contains("://") {
        return list([format!("{}{path}", host.trim_end_matches('/'))]);
    }
    let named: Vec<&str> = schemes.items().iter().filter_map(Node::text).collect();
    if named.is_empty() {
        return list([format!("//{host}{path}")]);
    }
    list(named.iter().map(|scheme| format!("{scheme}://{host}{path}")))
}

fn list(urls: impl IntoIterator<Item = String>) -> Node {
    Node::List(urls.into_iter().map(|url| Node::from_text(&url)).collect())
}
