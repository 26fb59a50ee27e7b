//! Test calls: they go to a product's test stage, are limited, and nobody pays for them.
//!
//! Invariant: a test call reaches no upstream that is sold, takes nothing off a lease, and is in no batch. Where a product has no
//! test stage there are none.

use std::rc::Rc;

use farebox_core::{credential::Credential, rejection::Rejection, signature::Presented, time::Timestamp};

use crate::{
    admit::{CheckedCall, Got, Paid},
    instance::{LiveCatalog, State},
};

/// Whether a request asks for the test stage, by its credential or by `X-Ca-Stage`.
pub(crate) fn is_test(presented: &Presented<'_>, credential: &Credential) -> Result<bool, Rejection> {
    let stage = match presented {
        Presented::XCa(claim) => claim.stage,
        Presented::Rfc9421(_) | Presented::AppCode(_) | Presented::Key(_) | Presented::Token(_) => "",
    };
    match stage {
        "" => Ok(credential.is_test),
        stage if stage.eq_ignore_ascii_case("RELEASE") => Ok(credential.is_test),
        stage if stage.eq_ignore_ascii_case("TEST") => Ok(true),
        _ => Err(Rejection::RequestMalformed("X-Ca-Stage must be RELEASE or TEST")),
    }
}

/// The products as test calls see them, where this one can be tried out.
pub(crate) fn tests_of(live: &LiveCatalog, product: usize) -> Result<Rc<LiveCatalog>, Rejection> {
    let test = live.test.as_ref().filter(|test| test.catalog.products[product].is_test);
    test.cloned().ok_or(Rejection::StageMissing)
}

impl State {
    /// A test call that is within the limits of its stage, which takes its place there and its nonce.
    pub(crate) fn test_call(
        &mut self,
        checked: &CheckedCall<'_>,
        got: Option<&mut Got>,
        shared: bool,
        now: Timestamp,
    ) -> Paid {
        let product = &checked.live.catalog.products[checked.product];
        if got.and_then(|got| got.place.take()).is_none() {
            self.throttle.take(shared, product, &checked.caller.credential, now);
        }
        if let Some((_, fingerprint)) = checked.nonce {
            self.nonces.take(fingerprint, now);
        }
        let (call, upstream_auth) = (checked.call(None, now), checked.upstream_auth.clone());
        Paid { call, refill: false, limits: vec![("farebox-stage", "test".to_owned())], upstream_auth }
    }
}
