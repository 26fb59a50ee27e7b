//! A request to an API behind the gateway, and its signature.
//!
//! Invariant: what is signed is what is sent. Every header that is under the signature stands in the request itself,
//! none is left to the HTTP client to add.

use clap::ValueEnum;
use farebox_core::{
    credential::Secret,
    request::Facts,
    signature::{Signer, rfc9421, xca},
    time::Timestamp,
};
use url::Url;

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Scheme {
    /// As Alibaba Cloud API Gateway has it
    #[default]
    XCa,
    /// HTTP Message Signatures with hmac-sha256
    Rfc9421,
}

impl Scheme {
    /// The header fields that signing makes.
    const fn made_here(self) -> &'static [&'static str] {
        match self {
            Self::XCa => {
                &["x-ca-key", "x-ca-timestamp", "x-ca-nonce", "x-ca-signature", "x-ca-signature-headers", "content-md5"]
            }
            Self::Rfc9421 => &["signature-input", "signature", "content-digest"],
        }
    }
}

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

    /// Adds a header field, beside those of that name.
    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
    }

    /// Signs it; gives the string that was signed. Signing again replaces the signature.
    pub fn sign(&mut self, scheme: Scheme, key: &str, secret: &Secret, now: Timestamp, nonce: &str) -> String {
        self.headers.retain(|(name, _)| !scheme.made_here().contains(&name.as_str()));
        let sign = match scheme {
            Scheme::XCa => xca::sign,
            Scheme::Rfc9421 => rfc9421::sign,
        };
        let signed = sign(&self.facts(), &self.body, &Signer { key, secret, now, nonce });
        self.headers.extend(signed.headers);
        signed.string_to_sign
    }

    /// The string to sign of the request as it is, with whatever signature headers it has.
    ///
    /// # Errors
    ///
    /// When the headers of RFC 9421 cover what the request does not have.
    pub fn string_to_sign(&self, scheme: Scheme) -> anyhow::Result<String> {
        match scheme {
            Scheme::XCa => Ok(xca::string_to_sign(&self.facts(), &self.body)),
            Scheme::Rfc9421 => rfc9421::base_of(&self.facts()).map_err(anyhow::Error::msg),
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            method: &self.method,
            scheme: self.url.scheme(),
            authority: self.url.authority(),
            path: self.url.path(),
            query: self.url.query(),
            may_have_body: !self.body.is_empty(),
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
        let mut sign = |scheme, at| {
            let signed = request.sign(scheme, "appKey", &Secret::new("appSecret"), Timestamp::from_millis(at), "n");
            assert_eq!(request.string_to_sign(scheme).unwrap(), signed);
            (signed, request.headers.len())
        };
        let ((first, fields), (second, fields_again)) = (sign(Scheme::XCa, 1), sign(Scheme::XCa, 2));
        assert_eq!(fields, fields_again);
        assert_eq!(sign(Scheme::Rfc9421, 1).1, sign(Scheme::Rfc9421, 2).1);
        assert_eq!(first.replace("x-ca-timestamp:1", "x-ca-timestamp:2"), second);
        assert!(first.starts_with("POST\n*/*\nndTkYSaMgDT1yFZOFVxnpg==\ntext/plain\n"), "{first}");
    }
}
