//! Alibaba Cloud API Gateway's signature, as its public clients make it.
//!
//! [`Claim`] is what the headers say, [`verify()`] checks it, [`sign()`] makes it, and [`explain()`] finds where two strings
//! to sign part. All share the string to sign of `canonical`, so that what we sign is what we accept.

mod canonical;
mod explain;
mod params;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

pub use explain::{Difference, explain, from_message, part};
pub use sign::{sign, string_to_sign};
pub use verify::verify;

/// What the headers say that the scheme gives a meaning to. A header that did not come is empty: the string to sign
/// does not tell the two apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claim<'a> {
    /// `X-Ca-Key`: which credential.
    pub key: &'a str,
    /// `X-Ca-Signature`, base64.
    pub signature: &'a str,
    /// `X-Ca-Signature-Method`.
    pub method: &'a str,
    /// `X-Ca-Signature-Headers`: the comma separated names of the headers that are signed.
    pub signed_headers: &'a str,
    /// `X-Ca-Timestamp`, milliseconds since the epoch.
    pub timestamp: &'a str,
    /// `X-Ca-Nonce`.
    pub nonce: &'a str,
    /// `X-Ca-Stage`: which stage of the product.
    pub stage: &'a str,
    accept: &'a str,
    content_md5: &'a str,
    content_type: &'a str,
    /// `X-Ca-Signed-Content-Type`: what a browser signs for a form whose boundary it does not know yet.
    signed_content_type: &'a str,
    date: &'a str,
    /// A field came more than once, and only the first counts.
    repeats: bool,
}

impl<'a> Claim<'a> {
    /// Takes over a header field, the first of its name; says whether the scheme knows it. `name` is in lower case.
    pub(super) fn take(&mut self, name: &str, value: &'a str) -> bool {
        let place = match name {
            "x-ca-key" => &mut self.key,
            "x-ca-signature" => &mut self.signature,
            "x-ca-signature-method" => &mut self.method,
            "x-ca-signature-headers" => &mut self.signed_headers,
            "x-ca-timestamp" => &mut self.timestamp,
            "x-ca-nonce" => &mut self.nonce,
            "x-ca-stage" => &mut self.stage,
            "accept" => &mut self.accept,
            "content-md5" => &mut self.content_md5,
            "content-type" => &mut self.content_type,
            "x-ca-signed-content-type" => &mut self.signed_content_type,
            "date" => &mut self.date,
            _ => return false,
        };
        if place.is_empty() {
            *place = value;
        } else {
            self.repeats = true;
        }
        true
    }

    /// What stands on the line of `Content-Type`: `multipart/…` without the boundary where the caller says that it signed that,
    /// as long as it is the request's, and else the whole. `strict` leaves nothing of it unsigned.
    fn signed_type(&self, strict: bool) -> &'a str {
        let signed = self.signed_content_type;
        let essence = self.content_type.split(';').next().unwrap_or_default().trim_ascii();
        let is_multipart = signed.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
        if !strict && is_multipart && essence.eq_ignore_ascii_case(signed) { signed } else { self.content_type }
    }

    /// Whether the header `name` (in lower case) is among the signed ones.
    fn signs(&self, name: &str) -> bool {
        canonical::signed_names(self.signed_headers).any(|signed| signed.eq_ignore_ascii_case(name))
    }
}
