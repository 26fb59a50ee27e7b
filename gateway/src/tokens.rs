//! Tokens of providers' own issuers: by whose keys they are verified, and which were.
//!
//! Invariant: what a token claims is looked at for each call, and its signature once; then it is remembered until it ends, and for
//! [`REMEMBERED`] at the longest, among the credentials and within their bounds. An issuer's keys are read once in [`KEYS_HOLD`], and
//! however many tokens name keys that it does not have, once in [`READ_AGAIN_AFTER`]. So made-up tokens cost no request of ours and,
//! unless they name a key that there is, no signature.

use std::rc::Rc;

use farebox_core::{
    catalog::{Product, TokenIssuer},
    id::ProductId,
    plain_key,
    rejection::Rejection,
    signature::jwt::{Claimed, Keys, PublicKey, Refused, Token},
    time::{MINUTE, Millis, SECOND, Timestamp},
};
use farebox_ports::log::tell;

use crate::{
    admit::{Need, Obstacle},
    credentials::{Caller, Known},
    instance::{Gateway, State},
    ports::EdgePorts,
};

/// How long a token is remembered at the longest: a key that its issuer has taken back lets nobody call for longer than this and
/// [`KEYS_HOLD`].
const REMEMBERED: Millis = 10 * MINUTE;

/// From which age on an issuer's keys are read again, and to which they are used on while they cannot be read.
const KEYS_HOLD: Millis = 10 * MINUTE;
const KEYS_EXPIRE: Millis = 60 * MINUTE;

/// How soon they are read again for a key that is not among them, or where they could not be read.
const READ_AGAIN_AFTER: Millis = 30 * SECOND;
const TRIED_AGAIN_AFTER: Millis = 5 * SECOND;

/// What is open of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open {
    /// The keys of its issuer, whose JWK set is there.
    Keys(String),
    /// Only its signature.
    Signature {
        /// What it is remembered by.
        name: String,
        /// The product that it came for.
        product: ProductId,
        /// The token.
        token: String,
    },
}

impl Open {
    /// Names the work that settles it.
    pub(crate) fn flight(&self) -> String {
        match self {
            Self::Keys(url) => ["jwks/", url].concat(),
            Self::Signature { name, .. } => ["token/", name].concat(),
        }
    }
}

/// Issuers' keys. There are no more than the catalog names.
#[derive(Debug, Default)]
pub(crate) struct IssuerKeys(Vec<Kept>);

/// The keys of one.
#[derive(Debug)]
struct Kept {
    /// Where they are.
    url: String,
    keys: Keys,
    /// When they were read.
    read: Option<Timestamp>,
    /// When that was last tried.
    tried: Timestamp,
}

impl IssuerKeys {
    /// The key that must have signed `token`, unless the issuer's keys must be read first.
    fn of(&self, issuer: &TokenIssuer, token: &Token<'_>, now: Timestamp) -> Result<&PublicKey, Obstacle> {
        let read = || Err(Need::Token(Open::Keys(issuer.jwks.clone())).into());
        let Some(kept) = self.0.iter().find(|kept| kept.url == issuer.jwks) else { return read() };
        let (age, since) = (kept.read.map(|read| now.since(read)), now.since(kept.tried));
        match (age, kept.keys.of(token)) {
            (Some(age), Ok(key)) if age < KEYS_HOLD || age < KEYS_EXPIRE && since < TRIED_AGAIN_AFTER => Ok(key),
            (Some(age), Err(refused)) if age < KEYS_EXPIRE && since < READ_AGAIN_AFTER => {
                Err(Rejection::TokenRefused(refused).into())
            }
            _ if since < TRIED_AGAIN_AFTER => Err(Rejection::IssuerUnavailable.into()),
            _ => read(),
        }
    }

    /// Keeps what was read, or that nothing could be.
    fn put(&mut self, url: String, keys: Option<Keys>, now: Timestamp) {
        let kept = match self.0.iter().position(|kept| kept.url == url) {
            Some(at) => &mut self.0[at],
            None => self.0.push_mut(Kept { url, keys: Keys::default(), read: None, tried: now }),
        };
        kept.tried = now;
        if let Some(keys) = keys {
            (kept.keys, kept.read) = (keys, Some(now));
        }
    }

    /// Forgets those that no product names any more.
    pub(crate) fn retain(&mut self, products: &[Product]) {
        let is_named =
            |kept: &Kept| products.iter().any(|product| product.jwt.iter().any(|issuer| issuer.jwks == kept.url));
        self.0.retain(is_named);
    }
}

/// A token that claims what it must for a product, by its own word.
fn read<'a>(issuer: &TokenIssuer, token: &'a str, now: Timestamp) -> Result<(Token<'a>, Claimed), Rejection> {
    let token = Token::read(token).map_err(Rejection::TokenRefused)?;
    let claimed = token.check(issuer, now).map_err(Rejection::TokenRefused)?;
    Ok((token, claimed))
}

impl State {
    /// Who calls `product` with `token`.
    pub(crate) fn caller_with_token(
        &mut self,
        token: &str,
        (product, issuer): (&ProductId, &TokenIssuer),
        now: Timestamp,
    ) -> Result<Rc<Caller>, Obstacle> {
        let name = plain_key::hash(&[product.as_str(), " ", token].concat());
        match self.credentials.get(&name, &self.heard, now) {
            Some(Known::Token(key, _)) => self.caller_of(key.as_str(), now),
            Some(Known::Forged) => Err(Rejection::TokenRefused(Refused::Signature).into()),
            Some(Known::Unavailable) => Err(Rejection::IssuerUnavailable.into()),
            Some(Known::Caller(_) | Known::Key(_) | Known::Nobody) | None => {
                let (read, _) = read(issuer, token, now)?;
                self.issuer_keys.of(issuer, &read, now)?;
                let (product, token) = (product.clone(), token.to_owned());
                Err(Need::Token(Open::Signature { name, product, token }).into())
            }
        }
    }
}

impl<P: EdgePorts> Gateway<P> {
    /// Finds out what is open of a token.
    pub(crate) async fn settle_token(&self, open: Open) {
        match open {
            Open::Keys(url) => self.read_issuer_keys(url).await,
            Open::Signature { name, product, token } => self.verify_token(name, product, token).await,
        }
    }

    /// Checks the signature of a token, and remembers what came of it.
    async fn verify_token(&self, name: String, product: ProductId, token: String) {
        let now = self.ports.now();
        let Some(live) = self.state().live.clone() else { return };
        let Some(issuer) = live.catalog.product(&product).and_then(|product| product.jwt.as_ref()) else { return };
        // What was good a moment ago may be over or without a key by now: then the next look says why.
        let Ok((read, claimed)) = read(issuer, &token, now) else { return };
        let Ok(key) = self.state().issuer_keys.of(issuer, &read, now).cloned() else { return };
        let known = match self.ports.verifies(&key, read.signed, &read.signature).await {
            Ok(true) => Known::Token(claimed.credential, claimed.until.min(now.plus(REMEMBERED))),
            Ok(false) => Known::Forged,
            Err(fault) => {
                tell(&self.ports, "token.unverified", &[("issuer", &issuer.issuer)], &fault);
                Known::Unavailable
            }
        };
        // A catalog that was published meanwhile may name another issuer.
        if self.state().live.as_ref().is_some_and(|current| Rc::ptr_eq(current, &live)) {
            self.keep(name, known);
        }
    }

    /// Reads the keys of an issuer. Where that fails, those that are there go on for a while: an issuer that is down locks nobody out.
    async fn read_issuer_keys(&self, url: String) {
        let set = self.ports.jwk_set(&url).await.map_err(|fault| fault.to_string());
        let keys = set.and_then(|set| Keys::read(&set).map_err(|error| error.to_string()));
        let keys = keys.inspect_err(|why| tell(&self.ports, "issuer_keys.unread", &[("jwks", &url)], why)).ok();
        let now = self.ports.now();
        self.state().issuer_keys.put(url, keys, now);
    }
}
