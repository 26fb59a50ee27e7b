//! Who sends a request: the stage that reads the credentials off it and looks them up in memory.
//!
//! Invariant: what is found is not proven yet, unless finding it is the proof, as with a plain key. A key of our form that we did
//! not make costs no look-up.

use std::{borrow::Cow, rc::Rc};

use farebox_core::{
    catalog::Product,
    plain_key,
    rejection::Rejection,
    request::Facts,
    signature::{self, Presented, plain, rfc9421},
    time::Timestamp,
};

use crate::{
    admit::{Need, Obstacle},
    credentials::{Caller, Known},
    instance::State,
};

impl State {
    /// What a request claims to be signed with, where it is not too large to be looked at.
    pub(crate) fn presented<'a>(&self, facts: &Facts<'a>, now: Timestamp) -> Result<Presented<'a>, Rejection> {
        facts.check_size()?;
        match signature::present(facts) {
            Err(missing @ Rejection::CredentialMissing(_)) => {
                self.key_in_query(facts, now).map(Presented::Key).ok_or(missing)
            }
            Ok(token @ Presented::Token(_)) => Ok(match self.product_of(facts, now) {
                Some(product) => token.as_taken_by(&product.auth),
                None => token,
            }),
            presented => presented,
        }
    }

    /// The plain key in the query, where the product that takes the request names a parameter for it.
    fn key_in_query<'a>(&self, facts: &Facts<'a>, now: Timestamp) -> Option<Cow<'a, str>> {
        facts.query?;
        plain::in_query(facts, self.product_of(facts, now)?.key_parameter.as_deref()?)
    }

    /// The product that takes the request, as far as that is in memory.
    fn product_of(&self, facts: &Facts<'_>, now: Timestamp) -> Option<&Product> {
        let live = self.live(now)?;
        let target = live.router.route(facts.method, facts.path, facts.query).ok()?;
        Some(&live.catalog.products[target.product])
    }

    /// Who presents this credential for `product`, where there is one. New plain keys begin with `key_prefix`.
    pub(crate) fn caller(
        &mut self,
        presented: &Presented<'_>,
        key_prefix: &str,
        product: Option<&Product>,
        now: Timestamp,
    ) -> Result<Rc<Caller>, Obstacle> {
        match presented {
            Presented::Token(token) => {
                let issued = product.and_then(|product| Some((&product.id, product.jwt.as_ref()?)));
                self.caller_with_token(token, issued.ok_or(Rejection::CredentialUnknown)?, now)
            }
            Presented::XCa(claim) => self.caller_of(claim.key, now),
            Presented::Rfc9421(claim) => {
                let key = self.signed_by(claim, now)?;
                self.caller_of(key, now)
            }
            Presented::AppCode(code) => self.caller_with(code, key_prefix, now),
            Presented::Key(key) => self.caller_with(key, key_prefix, now),
        }
    }

    fn caller_with(&mut self, plain_key: &str, key_prefix: &str, now: Timestamp) -> Result<Rc<Caller>, Obstacle> {
        let made = self.credentials.made_plain_key(plain_key, key_prefix);
        if made == Some(false) {
            return Err(Rejection::CredentialUnknown.into());
        }
        let hash = plain_key::hash(plain_key);
        match self.credentials.get(&hash, &self.heard, now) {
            Some(Known::Key(key)) => self.caller_of(key.as_str(), now),
            Some(known) => Err(unknown(&known).into()),
            None => Err(Need::PlainKey { hash, is_ours: made.is_some() }.into()),
        }
    }

    pub(crate) fn caller_of(&mut self, key: &str, now: Timestamp) -> Result<Rc<Caller>, Obstacle> {
        let made = self.credentials.made_key(key);
        if made == Some(false) {
            return Err(Rejection::CredentialUnknown.into());
        }
        match self.credentials.get(key, &self.heard, now) {
            Some(Known::Caller(caller)) => Ok(caller),
            Some(known) => Err(unknown(&known).into()),
            None => match key.parse() {
                Ok(key) => Err(Need::Credential(key).into()),
                Err(_) => Err(Rejection::CredentialUnknown.into()),
            },
        }
    }

    /// The key of the first signature that somebody has; others may be those of proxies on the way. Keys that are not in
    /// memory are needed one after the other, so a request with one of ours first costs one look-up.
    fn signed_by<'c>(&mut self, claim: &'c rfc9421::Claim, now: Timestamp) -> Result<&'c str, Obstacle> {
        for signature in claim.signatures().map_err(|why| Rejection::SignatureUnusable(why.into()))? {
            match self.caller_of(&signature.key, now) {
                Err(Obstacle::Reject(Rejection::CredentialUnknown)) => {}
                Err(obstacle) => return Err(obstacle),
                Ok(_) => return Ok(&signature.key),
            }
        }
        Err(Rejection::CredentialUnknown.into())
    }
}

/// What to tell whoever presents what is no credential, as far as is known.
fn unknown(known: &Known) -> Rejection {
    match known {
        Known::Unavailable => Rejection::LedgerUnavailable,
        _ => Rejection::CredentialUnknown,
    }
}
