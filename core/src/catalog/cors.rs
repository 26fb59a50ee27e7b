//! Which pages may call a product from a browser (CORS, as the Fetch standard has it).
//!
//! Invariant: a page of an origin that is not named reads nothing. Callers prove who they are by a key or a signature and never by
//! a cookie, so no answer allows credentials of the browser's own.

use serde::{Deserialize, Serialize};
use url::{Origin, Url};

use crate::time::{MINUTE, Millis};

/// How long a browser may remember a preflight's answer where the provider says nothing else.
const REMEMBERED: Millis = 10 * MINUTE;

/// Stands for every origin.
const ANY: &str = "*";

/// Which pages may call a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// Their origins as a browser writes them; `*` alone for all.
    pub origins: Vec<String>,
    /// How long a browser may remember the answer to a preflight.
    #[serde(default = "remembered")]
    pub max_age: Millis,
}

/// How long where nothing else is said.
pub(super) const fn remembered() -> Millis {
    REMEMBERED
}

impl Cors {
    /// Whether what is answered depends on which page asks: then caches must tell them apart.
    pub fn varies(&self) -> bool {
        self.origins != [ANY]
    }

    /// What `Access-Control-Allow-Origin` says to a page of `origin`. An origin that may not read the answer is told of one that
    /// may. Without that, a page would take what the upstream says instead for the product's answer.
    pub fn allow(&self, origin: &str) -> &str {
        let named = self.origins.iter().find(|allowed| *allowed == origin || *allowed == ANY);
        named.or(self.origins.first()).map_or("null", String::as_str)
    }

    /// Whether pages of `origin` may call.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin || allowed == ANY)
    }
}

/// An origin as a browser writes it: scheme, host and, where it is not the scheme's own, port. Or `*`.
pub(super) fn origin(text: &str) -> Result<String, String> {
    if text == ANY {
        return Ok(text.to_owned());
    }
    let unclear = || {
        format!(
            "`{text}` is not the origin of pages: write scheme, host and port as a browser does, such as \"https://app.example\", or \"*\""
        )
    };
    let origin = Url::parse(text).map_err(|_| unclear())?.origin();
    match origin {
        Origin::Tuple(..) if origin.ascii_serialization() == text => Ok(text.to_owned()),
        Origin::Tuple(..) => Err(format!("{}; a browser writes it `{}`", unclear(), origin.ascii_serialization())),
        Origin::Opaque(_) => Err(unclear()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_not_named_reads_nothing() {
        let some = Cors { origins: vec!["https://a.example".into(), "http://localhost:3000".into()], max_age: 1 };
        assert_eq!(some.allow("http://localhost:3000"), "http://localhost:3000");
        for other in ["https://a.example.evil", "https://A.example", "http://localhost:3001", "null", "*", ""] {
            assert_eq!((some.allow(other), some.allows(other)), ("https://a.example", false), "{other}");
        }
        let all = Cors { origins: vec!["*".into()], max_age: 1 };
        assert_eq!((all.allow("null"), all.allows("null"), all.varies(), some.varies()), ("*", true, false, true));
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for right in ["*", "https://app.example", "http://localhost:3000", "http://127.0.0.1", "http://[::1]:8080"] {
            assert_eq!(origin(right), Ok(right.to_owned()));
        }
        for wrong in [
            "",
            "app.example",
            "https://app.example/",
            "https://app.example:443",
            "https://App.example",
            "null",
            "file:///x",
            "https://*.example/",
        ] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
