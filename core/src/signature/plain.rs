//! The plain key scheme: `Authorization: Bearer <key>` (RFC 6750, section 2.1), `X-API-Key: <key>`, or a query parameter where the
//! product names one.
//!
//! Whoever knows the key is its owner. Only its hash is stored ([`crate::plain_key::hash`]). The look-up under that hash is the
//! comparison, so no timing tells how much of a guess was right. Invariant: what carries a key stays here, whichever way it came.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::appcode;
use crate::{plain_key, request::Facts};

/// The key in the value of an `Authorization` header. A comma ends it: some platforms hand several headers over as one.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, key) = authorization.trim_ascii().split_once(' ')?;
    let key = key.split(',').next().unwrap_or_default().trim_ascii();
    (scheme.eq_ignore_ascii_case("Bearer") && !key.is_empty()).then_some(key)
}

/// The key in the value of an `X-API-Key` header.
pub fn api_key(value: &str) -> Option<&str> {
    Some(value.split(',').next().unwrap_or_default().trim_ascii()).filter(|key| !key.is_empty())
}

/// The key in the query, under the name that its product gives it.
pub fn in_query<'a>(facts: &Facts<'a>, name: &str) -> Option<Cow<'a, str>> {
    let pairs = facts.query?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(have, value)| !value.is_empty() && is_called(have, name))?;
    percent_decode_str(value).decode_utf8().ok()
}

/// The query without the parameters of this name, which may come several times; the others stand as they were sent.
pub fn without_key(query: &str, name: &str) -> Option<String> {
    let is_other = |pair: &&str| !is_called(pair.split('=').next().unwrap_or_default(), name);
    let others: Vec<&str> = query.split('&').filter(is_other).collect();
    (!others.is_empty()).then(|| others.join("&"))
}

fn is_called(sent: &str, name: &str) -> bool {
    percent_decode_str(sent).eq(name.bytes())
}

/// Whether a header field carries a plain key or an app code of ours. `by_key`: the call came by plain key, so both fields that
/// can carry one are taken for it.
pub fn carries_one(name: &str, value: &str, by_key: bool) -> bool {
    let is_ours = |key: Option<&str>| key.is_some_and(|key| by_key || plain_key::is_of_form(key));
    match name {
        "authorization" => value.split(',').any(|part| appcode::read(part).is_some() || is_ours(bearer(part))),
        "x-api-key" => value.split(',').any(|part| is_ours(api_key(part))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::MasterKey;

    #[test]
    fn a_key_is_read_from_what_can_carry_it() {
        for (sent, read) in [
            ("Bearer k", Some("k")),
            (" bearer  k ", Some("k")),
            ("Bearer k, Bearer l", Some("k")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer ,", None),
            ("Basic k", None),
            ("Bearerk", None),
        ] {
            assert_eq!(bearer(sent), read, "{sent}");
        }
        assert_eq!((api_key(" k "), api_key("k, l"), api_key(" ")), (Some("k"), Some("k"), None));
    }

    #[test]
    fn a_key_in_the_query_is_found_and_taken_out_however_its_name_is_written() {
        let found = |target: &str| {
            let packed = format!("GET\nhttps://h{target}");
            in_query(&Facts::unpack(&packed).unwrap(), "key").map(Cow::into_owned)
        };
        assert_eq!(found("/?a=1&key=k%2B1&key=2"), Some("k+1".into()));
        assert_eq!(found("/?k%65y=k"), Some("k".into()));
        for none in ["/", "/?key", "/?key=", "/?Key=k", "/?keys=k", "/?a=key"] {
            assert_eq!(found(none), None, "{none}");
        }
        assert_eq!(without_key("a=1&key=k&b=%2F&k%65y=l&key", "key"), Some("a=1&b=%2F".into()));
        assert_eq!((without_key("key=k", "key"), without_key("", "key")), (None, Some(String::new())));
    }

    #[test]
    fn what_carries_a_key_is_known_by_the_call_or_by_the_key() {
        let master = MasterKey::from_base64(&format!("{}=", "A".repeat(43))).unwrap();
        let ours = master.plain_key("fb", false, "0123456789abcdefghjkmnpqrs");
        for (name, value) in [("authorization", format!("Bearer {ours}")), ("x-api-key", ours.clone())] {
            assert!(carries_one(name, &value, false) && carries_one(name, &value, true), "{name}");
            let others = value.replace(&ours, "sk-upstream");
            assert!(!carries_one(name, &others, false) && carries_one(name, &others, true), "{name}");
        }
        assert!(carries_one("authorization", "Basic x, APPCODE y", false));
        assert!(!carries_one("authorization", "Basic x", true) && !carries_one("cookie", &ours, true));
    }
}
