//! Sign-in by an issuer of OpenID Connect: what a deployment sets, and what the issuer is asked.
//!
//! OpenID Connect Core 1.0 and Discovery 1.0, the code flow of RFC 6749 with PKCE (RFC 7636), RFC 9207 for `iss`, and RFC 9700.
//! Invariants: the client's secret goes to the issuer's token endpoint alone, and is in no log, no error and no page. Whatever the issuer
//! says of a person counts only in an ID token whose signature, issuer, audience, nonce and time are right, or beside one. What it says
//! of itself is read anew with each sign-in: sign-ins are few, and a key that was replaced is never believed.
//! Boundary: whose session begins with it is decided in `customer`.

mod id_token;
mod issuer;

use base64::{Engine, engine::general_purpose::STANDARD};
use url::Url;

pub(crate) use issuer::{Endpoints, Returned};

/// What a deployment sets for its issuer. Empty texts stand for what is not set.
#[derive(Debug, Clone, Default)]
pub struct OidcSettings {
    /// The issuer, as its discovery document names it: `https://accounts.example.com`.
    pub issuer: String,
    /// The id under which the issuer knows this deployment.
    pub client_id: String,
    /// The secret that belongs to it; empty for a public client.
    pub client_secret: String,
}

/// An issuer by which persons sign in.
#[derive(Clone)]
pub struct Oidc {
    issuer: String,
    client_id: String,
    client_secret: String,
    is_development: bool,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.issuer)
    }
}

/// Why somebody was not signed in, as the way back to the portal says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The person, or the issuer, said no.
    #[error("The issuer said that nobody was signed in.")]
    Declined,
    /// What the issuer answered does not prove who it is.
    #[error("What the issuer answered does not hold: {0}.")]
    Answer(&'static str),
    /// The issuer does not say that the person has the address.
    #[error("The issuer does not say that you have this e-mail address. Prove it there first, or sign in by mail.")]
    Unproven,
}

/// What binds a sign-in to one browser, one request and one answer. All follow from what the browser keeps, so nothing of them is
/// stored.
pub(crate) struct Secrets {
    /// Comes back in the address (RFC 6749, section 10.12).
    pub(crate) state: String,
    /// Comes back in the ID token (OpenID Connect Core, section 3.1.2.1).
    pub(crate) nonce: String,
    /// Shows the token endpoint that who asked is who comes (RFC 7636, section 4.1): 43 characters.
    pub(crate) verifier: String,
}

impl Oidc {
    /// What the deployment sets; `None` where it sets nothing. Only where it `is_development` the issuer may be without TLS.
    ///
    /// # Errors
    /// What of the settings is missing or wrong, in words. Never says what the secret is.
    pub fn of(settings: OidcSettings, is_development: bool) -> Result<Option<Self>, String> {
        let OidcSettings { issuer, client_id, client_secret } = settings;
        if issuer.is_empty() && client_id.is_empty() && client_secret.is_empty() {
            return Ok(None);
        }
        if issuer.is_empty() || client_id.is_empty() {
            return Err("sign-in by an issuer needs the issuer and the id of its client".to_owned());
        }
        let oidc = Self { issuer, client_id, client_secret, is_development };
        let plain = Url::parse(&oidc.issuer).is_ok_and(|url| url.query().is_none() && url.fragment().is_none());
        if !plain || !oidc.may_ask(&oidc.issuer) {
            return Err(
                "the issuer must be an https:// address without query, such as https://accounts.example.com".to_owned()
            );
        }
        Ok(Some(oidc))
    }

    /// Whether this address is one that a deployment asks: nothing of a sign-in goes out without TLS.
    fn may_ask(&self, address: &str) -> bool {
        Url::parse(address).is_ok_and(|url| {
            let is_plain = url.scheme() == "http" && self.is_development;
            (url.scheme() == "https" || is_plain) && url.has_host() && url.username().is_empty()
        })
    }

    /// The `Authorization` of `client_secret_basic` (RFC 6749, section 2.3.1).
    fn basic(&self) -> String {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&self.client_id), encoded(&self.client_secret));
        format!("Basic {}", STANDARD.encode(pair))
    }
}

#[cfg(test)]
mod tests {
    use super::{Oidc, OidcSettings};

    fn of(issuer: &str, is_development: bool) -> Result<Option<Oidc>, String> {
        let (client_id, client_secret) = ("a client".to_owned(), "a%secret".to_owned());
        Oidc::of(OidcSettings { issuer: issuer.to_owned(), client_id, client_secret }, is_development)
    }

    #[test]
    fn an_issuer_is_asked_by_tls_but_for_development() {
        assert!(Oidc::of(OidcSettings::default(), false).is_ok_and(|oidc| oidc.is_none()));
        assert!(of("https://accounts.example.com/tenant", false).is_ok_and(|oidc| oidc.is_some()));
        for wrong in ["", "http://a.example", "https://a.example/?x", "https://u@a.example", "a.example", "file:///a"] {
            let said = of(wrong, false).unwrap_err();
            assert!(!said.contains("secret"), "{wrong}: {said}");
        }
        assert!(of("http://127.0.0.1:1", true).is_ok_and(|oidc| oidc.is_some()));
    }

    #[test]
    fn a_secret_is_encoded_before_it_is_sent_and_never_printed() {
        let oidc = of("https://accounts.example.com", false).ok().flatten().unwrap();
        // base64 of `a+client:a%25secret`.
        assert_eq!(oidc.basic(), "Basic YStjbGllbnQ6YSUyNXNlY3JldA==");
        assert_eq!(format!("{oidc:?}"), "https://accounts.example.com");
    }
}
