//! Whether a call comes too soon after others: the rate limits of product, account and credential.
//!
//! Where instances last, each counts by itself, so that no storage stands before the upstream: with n instances up to n times
//! a limit passes. Where the platform ends them soon and has many, the buckets are in the store. An instance takes a few calls at
//! a time off them ([`Limit::share`]), and makes those within [`SHARE_HOLDS`]. A call that must wait for anything takes its place
//! before, and gives it back when it is turned away.
//!
//! Invariant: no more pass than a limit names, on one instance or over all that share, however many wait at once. What is kept
//! is bounded by who called within the time of a limit. A bucket goes by a 64-bit fingerprint, keyed with the instance's random
//! seed: nobody can choose to share another's.

use std::hash::{DefaultHasher, Hash, Hasher};

use farebox_core::{
    catalog::Product,
    credential::Credential,
    limit::{Bucket, Limit},
    rejection::{Limited, Rejection},
    time::{Millis, SECOND, Timestamp},
};
use farebox_ports::Taken;
use rustc_hash::FxHashMap;

/// How long calls that were taken off a shared bucket may be made.
const SHARE_HOLDS: Millis = SECOND;

/// The buckets of an instance that are not full, or its shares of those in the store.
#[derive(Debug)]
pub(crate) struct Throttle {
    seed: u64,
    /// By a hash with a key, so that the map needs none.
    slots: FxHashMap<u64, Slot>,
}

/// What an instance knows of a bucket.
#[derive(Debug, Clone, Copy)]
enum Slot {
    /// Its own, which nobody else counts in.
    Own(Bucket),
    /// What it has taken off a shared one and has left, and until when; nothing, until when there is something to take.
    Share { left: u32, until: Timestamp },
}

/// A call's place within the limits, in the order of the product's.
#[derive(Debug)]
pub(crate) struct Place(Vec<(u64, Limit)>);

/// A bucket in the store that must be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedBucket {
    /// What it is called there.
    pub name: String,
    /// The limit that it goes by.
    pub limit: Limit,
    fingerprint: u64,
}

/// Why a call has no place yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// It exceeds the narrowest of the limits.
    Limited(Rejection),
    /// The store must say.
    Ask(SharedBucket),
}

impl Throttle {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, slots: FxHashMap::default() }
    }

    /// Whether one more call of `credential` passes, where the buckets are `shared` or not.
    ///
    /// # Errors
    /// The narrowest limit that it would exceed, or whose bucket must be asked.
    pub(crate) fn check(
        &self,
        shared: bool,
        product: &Product,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<(), Full> {
        for (limited, limit) in product.limits.each() {
            let fingerprint = self.fingerprint(limited, product, credential);
            let exceeded = |retry_after| Full::Limited(Rejection::RateLimited { limited, retry_after });
            match self.slots.get(&fingerprint) {
                Some(Slot::Own(bucket)) => bucket.check(limit, now).map_err(exceeded)?,
                Some(Slot::Share { left: 0, until }) if shared && now < *until => {
                    return Err(exceeded(seconds(until.since(now))));
                }
                Some(Slot::Share { until, .. }) if shared && now < *until => {}
                _ if shared => {
                    let (kind, whose) = whose(limited, credential);
                    let stage = if product.is_test { "test/" } else { "" };
                    let name = [stage, product.id.as_str(), "/", kind, "/", whose].concat();
                    return Err(Full::Ask(SharedBucket { name, limit, fingerprint }));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes one call of `credential` off each bucket.
    pub(crate) fn take(&mut self, shared: bool, product: &Product, credential: &Credential, now: Timestamp) -> Place {
        let limits = product.limits.each();
        let place: Vec<_> =
            limits.map(|(limited, limit)| (self.fingerprint(limited, product, credential), limit)).collect();
        for &(fingerprint, limit) in &place {
            let new = if shared { Slot::Share { left: 0, until: now } } else { Slot::Own(Bucket::default()) };
            match self.slots.entry(fingerprint).or_insert(new) {
                Slot::Own(bucket) => bucket.take(limit, now),
                Slot::Share { left, until } => {
                    *left = left.saturating_sub(1);
                    // One that is used up is over, so that the next call asks.
                    *until = if *left == 0 { now } else { *until };
                }
            }
        }
        Place(place)
    }

    /// Gives back the place of a call that was turned away.
    pub(crate) fn give_back(&mut self, place: &Place, now: Timestamp) {
        for &(fingerprint, limit) in &place.0 {
            match self.slots.get_mut(&fingerprint) {
                Some(Slot::Own(bucket)) => bucket.give_back(limit, now),
                Some(Slot::Share { left, until }) => (*left, *until) = (*left + 1, (*until).max(now.plus(SHARE_HOLDS))),
                None => {}
            }
        }
    }

    /// What the store said of a bucket.
    pub(crate) fn told(&mut self, bucket: &SharedBucket, taken: Taken, now: Timestamp) {
        let (left, lasts) = match taken {
            Taken::Calls(left) => (left, SHARE_HOLDS),
            Taken::Later(millis) => (0, millis.max(1)),
        };
        self.slots.insert(bucket.fingerprint, Slot::Share { left, until: now.plus(lasts) });
    }

    /// Forgets what is full again, and what was taken and not used.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.slots.retain(|_, slot| match slot {
            Slot::Own(bucket) => !bucket.is_full(now),
            Slot::Share { until, .. } => now < *until,
        });
    }

    fn fingerprint(&self, limited: Limited, product: &Product, credential: &Credential) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, limited, product.is_test, &product.id, whose(limited, credential)).hash(&mut hasher);
        hasher.finish()
    }
}

/// Whom a limit counts together, under a name that no other limit gives.
fn whose(limited: Limited, credential: &Credential) -> (&'static str, &str) {
    match limited {
        Limited::Product => ("product", ""),
        Limited::Account => ("account", credential.account.as_str()),
        Limited::Credential => ("credential", credential.key.as_str()),
    }
}

/// Whole seconds, rounded up; at least 1.
fn seconds(millis: Millis) -> u32 {
    u32::try_from((millis + SECOND - 1) / SECOND).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use farebox_core::{catalog::compile, time::SECOND};

    use super::*;

    const CATALOG: &str = r#"
        provider = { name = "Test", currency = "USD" }
        [[products]]
        id = "p"
        upstream = "http://origin.test"
        auth = ["x-ca"]
        routes = [{ path = "/" }]
        rate = { per_1000_calls = "1.00" }
        limits = { per_credential = "2/second", per_account = "3/second", per_product = "4/second" }
    "#;

    fn credential(key: &str, account: &str) -> Credential {
        Credential::new(key.parse().unwrap(), account.parse().unwrap(), String::new(), Timestamp::default())
    }

    #[test]
    fn each_limit_counts_those_whom_it_names_together() {
        let product = &compile(CATALOG).unwrap().products[0];
        let now = Timestamp::from_millis(1_000_000);
        let mut throttle = Throttle::new(7);
        let mut call = |key, account| {
            let credential = credential(key, account);
            let passes = throttle.check(false, product, &credential, now);
            if passes.is_ok() {
                throttle.take(false, product, &credential, now);
            }
            passes.err()
        };
        // A credential that is called as its account is must not be counted with it.
        let limited = |limited| Some(Full::Limited(Rejection::RateLimited { limited, retry_after: 1 }));
        assert_eq!([call("a", "a"), call("a", "a"), call("a", "a")], [None, None, limited(Limited::Credential)]);
        assert_eq!([call("k2", "a"), call("k2", "a")], [None, limited(Limited::Account)]);
        assert_eq!([call("k3", "b"), call("k3", "b")], [None, limited(Limited::Product)]);
        throttle.forget(now.plus(SECOND - 1));
        assert!(!throttle.slots.is_empty());
        throttle.forget(now.plus(SECOND));
        assert!(throttle.slots.is_empty(), "what is full again is not kept");
    }

    #[test]
    fn a_call_that_waits_has_its_place_and_gives_it_back_when_it_is_turned_away() {
        let product = &compile(CATALOG).unwrap().products[0];
        let (now, credential) = (Timestamp::from_millis(1_000_000), credential("a", "a"));
        let mut throttle = Throttle::new(7);
        let places = [0; 2].map(|_| throttle.take(false, product, &credential, now));
        assert!(throttle.check(false, product, &credential, now).is_err(), "two wait, and two is the limit");
        throttle.give_back(&places[0], now);
        assert_eq!(throttle.check(false, product, &credential, now), Ok(()));
    }

    #[test]
    fn what_was_taken_off_a_shared_bucket_is_spent_before_the_store_is_asked_again() {
        let product = &compile(CATALOG).unwrap().products[0];
        let (now, credential) = (Timestamp::from_millis(1_000_000), credential("a", "a"));
        let mut throttle = Throttle::new(7);
        let mut asked = Vec::new();
        let mut pass = |throttle: &mut Throttle, taken: Taken, at: Timestamp| loop {
            match throttle.check(true, product, &credential, at) {
                Ok(()) => break Ok(throttle.take(true, product, &credential, at)),
                Err(Full::Limited(rejection)) => break Err(rejection),
                Err(Full::Ask(bucket)) => {
                    throttle.told(&bucket, taken, at);
                    asked.push(bucket.name);
                }
            }
        };
        assert!(pass(&mut throttle, Taken::Calls(2), now).is_ok());
        let last = pass(&mut throttle, Taken::Calls(2), now).unwrap();
        throttle.give_back(&last, now);
        assert!(pass(&mut throttle, Taken::Later(1_500), now).is_ok(), "what was given back");
        let limited = Rejection::RateLimited { limited: Limited::Credential, retry_after: 2 };
        assert_eq!(pass(&mut throttle, Taken::Later(1_500), now).unwrap_err(), limited);
        assert_eq!(pass(&mut throttle, Taken::Calls(1), now).unwrap_err(), limited, "it is believed");
        assert!(pass(&mut throttle, Taken::Calls(1), now.plus(1_500)).is_ok());
        throttle.forget(now.plus(1_500));
        assert!(throttle.slots.is_empty());
        assert_eq!(asked.len(), 3 + 1 + 3);
        assert_eq!(asked[..3], ["p/credential/a", "p/account/a", "p/product/"]);
    }
}
