//! The files of the pages: each in the smallest form that the browser reads, and never asked for twice.
//!
//! Invariant: a file's name holds the hash of its content, so what has a name never changes; the icon alone has none.

use farebox_ports::{Assets, Fault};

use super::{PageRequest, PageResponse, policy, refused};

/// For what never changes: a year (RFC 9111, section 5.2.2.1; RFC 8246).
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// For the icon, whose name stays when it changes.
const FOR_A_DAY: &str = "public, max-age=86400";

/// The packed forms: how they are called in `Content-Encoding`, and how their names end. The smaller first.
const FORMS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// Answers with the file of this name.
pub(super) async fn serve(ports: &impl Assets, name: &str, request: &PageRequest<'_>) -> Result<PageResponse, Fault> {
    let Some(media_type) = media_type(name).filter(|_| is_plain(name)) else { return Ok(refused(404, &[])) };
    let tag = format!("\"{}\"", name.rsplit('/').next().unwrap_or_default());
    let kept = if name.starts_with("assets/") { FOR_EVER } else { FOR_A_DAY };
    let mut headers = vec![("cache-control", kept.to_owned()), ("vary", "accept-encoding".to_owned())];
    headers.extend(policy::of_all());
    if name.starts_with("assets/") {
        headers.push(("etag", tag.clone()));
        if is_known(request.if_none_match, &tag) {
            return Ok(PageResponse { status: 304, headers, body: Vec::new() });
        }
    }
    headers.push(("content-type", media_type.to_owned()));
    for (encoding, ending) in FORMS.into_iter().filter(|(encoding, _)| takes(request.accept_encoding, encoding)) {
        if let Some(body) = ports.asset(&format!("{name}.{ending}")).await? {
            headers.push(("content-encoding", encoding.to_owned()));
            return Ok(PageResponse { status: 200, headers, body });
        }
    }
    let file = ports.asset(name).await?;
    Ok(file.map_or_else(|| refused(404, &[]), |body| PageResponse { status: 200, headers, body }))
}

/// Whether the `If-None-Match` header names what there is (RFC 9110, section 13.1.2).
pub(super) fn is_known(if_none_match: Option<&str>, tag: &str) -> bool {
    let bare = |given: &str| given.trim().trim_start_matches("W/") == tag;
    if_none_match.is_some_and(|given| given.trim() == "*" || given.split(',').any(bare))
}

/// Whether the `Accept-Encoding` header names an encoding, and does not refuse it (RFC 9110, section 12.5.3).
fn takes(accept_encoding: Option<&str>, encoding: &str) -> bool {
    accept_encoding.unwrap_or_default().split(',').any(|given| {
        let (name, weight) = given.split_once(';').unwrap_or((given, ""));
        let is_refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.bytes().all(|byte| b"0.".contains(&byte)));
        name.trim().eq_ignore_ascii_case(encoding) && !is_refused
    })
}

/// Whether a name leads to a file of its own directory.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.trim_start_matches("assets/").bytes().all(is_plain) && !name.contains("..")
}

/// What a file is, by its ending; `None` for what the pages have none of.
fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_and_not_refused_is_taken() {
        assert!(takes(Some("gzip, deflate, br"), "br") && takes(Some("BR;q=0.5"), "br"));
        for not in [None, Some(""), Some("gzip"), Some("br;q=0"), Some("br; q=0.000"), Some("brotli")] {
            assert!(!takes(not, "br"), "{not:?}");
        }
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        assert!(is_plain("assets/portal-B_3.js") && is_plain("favicon.svg"));
        for wrong in ["assets/../secret.js", "assets/a/b.js", "assets/%2e%2e.js", "assets/a\\b.js", "assets/..js"] {
            assert!(!is_plain(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_tag_is_known_alone_in_a_list_or_weakened() {
        let known = |given| is_known(Some(given), "\"a\"");
        assert!(known("\"a\"") && known("\"b\", W/\"a\"") && known("*"));
        assert!(!known("\"b\"") && !is_known(None, "\"a\""));
    }
}
