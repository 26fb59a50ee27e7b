//! What the browser may do with our documents: as good as nothing that does not come from this host.
//!
//! Invariant: no `unsafe-inline` and no `unsafe-eval`. WebAssembly is allowed, for the verifier of statements. Our scripts set styles
//! by the object model alone, which a policy does not govern (CSP level 3, section 6.1.15).

/// The policy of a document whose provider's logo is at `logo`.
pub(super) fn of_document(logo: Option<&str>) -> String {
    let images = logo.and_then(host_of).map(|host| format!(" {host}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:{images}; font-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// What holds for all that is served here.
pub(super) fn of_all() -> [(&'static str, String); 2] {
    [("x-content-type-options", "nosniff".to_owned()), ("referrer-policy", "same-origin".to_owned())]
}

/// The scheme and host of a URL; `None` for a path.
fn host_of(url: &str) -> Option<&str> {
    let host = url.strip_prefix("https://")?.split(['/', '?', '#', ';', ',']).next()?;
    url.get(.."https://".len() + host.len())
}

#[cfg(test)]
mod tests {
    use super::of_document;

    #[test]
    fn a_logo_elsewhere_lets_its_host_show_images_and_nothing_else() {
        let own = of_document(Some("/logo.svg"));
        assert!(own.contains("img-src 'self' data:;") && !own.contains("https:"), "{own}");
        let other = of_document(Some("https://cdn.example/a;script-src *"));
        assert!(other.contains("img-src 'self' data: https://cdn.example;"), "{other}");
        assert!(!other.contains("script-src *") && !other.contains("unsafe-inline"), "{other}");
    }
}
