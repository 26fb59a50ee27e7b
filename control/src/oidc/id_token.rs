//! What an ID token must claim (OpenID Connect Core 1.0, section 3.1.3.7), once its signature was found good.
//!
//! Invariant: a token that lacks a claim which is asked for is refused as one that has another.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use farebox_core::{
    signature::jwt::{LEEWAY, Token},
    time::{MINUTE, Millis, SECOND, Timestamp},
};
use serde_json::Value;

use super::Refusal;

/// How old a token may be that comes straight from the token endpoint.
const OLDEST: Millis = 10 * MINUTE;

/// The end of the year 9999, in seconds since 1970. A date after it is as good.
const LAST_SECOND: i64 = 253_402_300_799;

/// What a token must be for.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

/// What a token claims, all of it: the callers' tokens are read for less.
pub(super) fn claims(token: &Token<'_>) -> Option<Value> {
    let (_, claims) = token.signed.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// Whom the token is about, as its issuer names them.
pub(super) fn subject<'t>(claims: &'t Value, expected: &Expected<'_>) -> Result<&'t str, Refusal> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let refused = |why| Err(Refusal::Answer(why));
    if text("iss") != Some(expected.issuer) {
        return refused("its ID token is of another issuer");
    }
    let (is_for_us, is_for_others) = match claims.get("aud") {
        Some(Value::String(one)) => (one == expected.client, false),
        Some(Value::Array(all)) => (all.iter().any(|one| one == expected.client), all.len() > 1),
        _ => (false, false),
    };
    let party = claims.get("azp");
    if !is_for_us || party.is_some_and(|party| party != expected.client) || (is_for_others && party.is_none()) {
        return refused("its ID token is for another client");
    }
    if text("nonce") != Some(expected.nonce) {
        return refused("its ID token answers another request");
    }
    // A NumericDate (RFC 7519, section 2), of which the part of a second is left out.
    let moment = |name| {
        let date = claims.get(name)?;
        let seconds = date.as_i64().or_else(|| date.as_f64().map(|seconds| seconds as i64))?;
        Some(Timestamp::from_millis(seconds.clamp(0, LAST_SECOND) * SECOND))
    };
    let (Some(until), Some(since)) = (moment("exp"), moment("iat")) else {
        return refused("its ID token does not say since and until when it is good");
    };
    if expected.now >= until.plus(LEEWAY) || expected.now >= since.plus(OLDEST) {
        return refused("its ID token has expired");
    }
    if expected.now.plus(LEEWAY) < since {
        return refused("its ID token is of the future");
    }
    text("sub").filter(|subject| !subject.is_empty()).ok_or(Refusal::Answer("its ID token is about nobody"))
}
