//! Products and routes as a catalog's TOML, as far as they are needed to ask whether a catalog can have them.

use std::fmt::Write;

use farebox_core::catalog::compile;

use super::Route;

/// A text in TOML's quotes.
pub fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Routes, as they stand below a product.
pub(crate) fn routes(routes: &[Route]) -> String {
    let mut text = String::new();
    for Route { methods, path } in routes {
        text.push_str("\n  [[products.routes]]\n");
        if !methods.is_empty() {
            let _ = writeln!(text, "  methods = {}", list(methods));
        }
        let _ = writeln!(text, "  path = {}", toml_text(path));
    }
    text
}

/// The least of a catalog that sells these routes at these addresses, in few lines.
pub(super) fn least<'a>(products: impl Iterator<Item = (&'a str, &'a [Route])>) -> String {
    let mut text = "provider = { name = \"n\", currency = \"USD\" }\n".to_owned();
    for (index, (upstream, routes)) in products.enumerate() {
        let upstream = toml_text(upstream);
        let _ = write!(
            text,
            "[[products]]\nid = \"p{index}\"\nauth = [\"x-ca\"]\nupstream = {upstream}\n\
             rate = {{ per_1000_calls = \"1\" }}\nroutes = ["
        );
        for Route { methods, path } in routes {
            let methods = if methods.is_empty() { String::new() } else { format!(", methods = {}", list(methods)) };
            let _ = writeln!(text, "{{ path = {}{methods} }},", toml_text(path));
        }
        text.push_str("]\n");
    }
    text
}

fn list(methods: &[String]) -> String {
    format!("[{}]", methods.iter().map(|method| toml_text(method)).collect::<Vec<_>>().join(", "))
}

/// Whether a product can have this address.
pub(super) fn is_upstream(address: &str) -> bool {
    let route = Route { methods: Vec::new(), path: "/".to_owned() };
    compile(&least(std::iter::once((address, &[route][..])))).is_ok()
}
