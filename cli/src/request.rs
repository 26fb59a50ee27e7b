//! A request to an API behind the gateway, and its signature.
//!
//! Invariant: what is signed is what is sent. Every header that is under the signature stands in the request itself,
//! none is left to the HTTP client to add.

use farebox_core::{
    credential::Secret,
    request::Facts,
    signature::xca::{self, Signer},
    time::Timestamp,
};
use url::Url;

/// A request that can be signed and sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method, in upper case.
    pub method: String,
    /// The absolute address.
    pub url: Url,
    /// Header fields; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without a body that accepts anything.
    pub fn new(method: &str, url: Url) -> Self {
        let headers = vec![("accept".to_owned(), "*/*".to_owned())];
        Self { method: method.to_ascii_uppercase(), url, headers, body: Vec::new() }
    }

    /// Sets a header field, in place of any of that name.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let name = name.to_ascii_lowercase();
        self.headers.retain(|(have, _)| *have != name);
        self.headers.push((name, value.into()));
    }

    /// Signs it with the x-ca scheme; gives the string that was signed. Signing again replaces the signature.
    pub fn sign(&mut self, key: &str, secret: &Secret, now: Timestamp, nonce: &str) -> String {
        const MADE_HERE: [&str; 5] =
            ["x-ca-key", "x-ca-timestamp", "x-ca-nonce", "x-ca-signature", "x-ca-signature-headers"];
        self.headers.retain(|(name, _)| !MADE_HERE.contains(&name.as_str()) && name != "content-md5");
        let signed = xca::sign(&self.facts(), &self.body, &Signer { key, secret, now, nonce });
        self.headers.extend(signed.headers);
        signed.string_to_sign
    }

    /// The string to sign of the request as it is, with whatever signature headers it has.
    pub fn string_to_sign(&self) -> String {
        xca::string_to_sign(&self.facts(), &self.body)
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            method: &self.method,
            scheme: self.url.scheme(),
            authority: self.url.authority(),
            path: self.url.path(),
            query: self.url.query(),
            headers: self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_again_replaces_the_signature() {
        let mut request = Request::new("post", Url::parse("http://h/a?b=1").unwrap());
        request.set("Content-Type", "text/plain");
        request.body = b"x".to_vec();
        let mut sign = |at| {
            let signed = request.sign("appKey", &Secret::new("appSecret"), Timestamp::from_millis(at), "n");
            assert_eq!(request.string_to_sign(), signed);
            (signed, request.headers.len())
        };
        let ((first, fields), (second, fields_again)) = (sign(1), sign(2));
        assert_eq!(fields, fields_again);
        assert_eq!(first.replace("x-ca-timestamp:1", "x-ca-timestamp:2"), second);
        assert!(first.starts_with("POST\n*/*\nndTkYSaMgDT1yFZOFVxnpg==\ntext/plain\n"), "{first}");
    }
}
