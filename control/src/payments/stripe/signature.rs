//! The signature of an event (<https://docs.stripe.com/webhooks#verify-manually>).
//!
//! Invariant: what is signed is the body as it came, and a signature is compared in constant time. One that is older than five minutes, or
//! newer, is none: whoever has recorded an event cannot tell it again later.

use farebox_core::{
    signature::hmac_sha256,
    time::{MINUTE, Millis, SECOND, Timestamp},
};

use crate::admin::is_same;

/// How far the service's clock and ours may be apart, with the way: what Stripe's own libraries allow.
const TOLERANCE: Millis = 5 * MINUTE;

/// Whether `header` has a signature over `body` by `secret`.
pub(super) fn is_good(secret: &str, header: &str, body: &[u8], now: Timestamp) -> bool {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let Some(seconds) = parts().find(|(name, _)| *name == "t").map(|(_, value)| value) else { return false };
    let Some(at) = seconds.parse::<Millis>().ok().and_then(|at| at.checked_mul(SECOND)) else { return false };
    if (now.millis() - at).abs() > TOLERANCE {
        return false;
    }
    let signed = [seconds.as_bytes(), b".", body].concat();
    let right: String = hmac_sha256(secret.as_bytes(), &signed).iter().map(|byte| format!("{byte:02x}")).collect();
    parts().any(|(name, value)| name == "v1" && is_same(value, &right))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by the `stripe` packages of npm and PyPI: both make the same.
    #[test]
    fn the_official_libraries_signature_is_good_for_five_minutes() {
        let (secret, body) = ("whsec_of_a_test", br#"{"id":"evt_1"}"#);
        let at = |seconds: i64| Timestamp::from_millis(seconds * SECOND);
        let header = "t=1793491200,v1=cd899a40c924ab08b94828aa865920164b7cf9ddc536db5e04265d9328db8cd5";
        for (now, good) in
            [(1_793_491_200, true), (1_793_491_500, true), (1_793_491_501, false), (1_793_490_899, false)]
        {
            assert_eq!(is_good(secret, header, body, at(now)), good, "{now}");
        }
        let now = at(1_793_491_200);
        assert!(!is_good("whsec_of_another", header, body, now));
        assert!(!is_good(secret, header, br#"{"id":"evt_2"}"#, now));
        assert!(is_good(secret, &format!("{header},v1=00,v0=1"), body, now), "one of several is enough");
        for wrong in [
            "",
            "t=1793491200",
            "v1=00",
            "t=x,v1=00",
            "t=9223372036854775807,v1=00",
            "t=1793491200,v0=cd899a40c924ab08b94828aa865920164b7cf9ddc536db5e04265d9328db8cd5",
        ] {
            assert!(!is_good(secret, wrong, body, now), "{wrong}");
        }
    }
}
