//! Whether a call comes too soon after others: the rate limits of product, account and credential.
//!
//! Each instance counts by itself, so that no storage stands before the upstream: with n instances up to n times a limit
//! passes. Invariant: on one instance no limit is exceeded by calls that are admitted from memory; those that the ledger is
//! asked about are counted when its word is back. What is kept is bounded by who called within the time of a limit. A bucket
//! goes by a 64-bit fingerprint, keyed with the instance's random seed: nobody can choose to share another's.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use farebox_core::{
    catalog::Product,
    credential::Credential,
    limit::Bucket,
    rejection::{Limited, Rejection},
    time::Timestamp,
};

/// The buckets of an instance that are not full.
#[derive(Debug)]
pub(crate) struct Throttle {
    seed: u64,
    buckets: HashMap<u64, Bucket>,
}

impl Throttle {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, buckets: HashMap::new() }
    }

    /// Whether one more call of `credential` passes.
    ///
    /// # Errors
    /// The narrowest limit that it would exceed.
    pub(crate) fn check(&self, product: &Product, credential: &Credential, now: Timestamp) -> Result<(), Rejection> {
        for (limited, limit) in product.limits.each() {
            let Some(bucket) = self.buckets.get(&self.fingerprint(limited, product, credential)) else { continue };
            bucket.check(limit, now).map_err(|retry_after| Rejection::RateLimited { limited, retry_after })?;
        }
        Ok(())
    }

    /// Takes one call of `credential` off each bucket.
    pub(crate) fn take(&mut self, product: &Product, credential: &Credential, now: Timestamp) {
        for (limited, limit) in product.limits.each() {
            self.buckets.entry(self.fingerprint(limited, product, credential)).or_default().take(limit, now);
        }
    }

    /// Forgets what is full again.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.buckets.retain(|_, bucket| !bucket.is_full(now));
    }

    fn fingerprint(&self, limited: Limited, product: &Product, credential: &Credential) -> u64 {
        let whose = match limited {
            Limited::Product => "",
            Limited::Account => credential.account.as_str(),
            Limited::Credential => credential.key.as_str(),
        };
        let mut hasher = DefaultHasher::new();
        (self.seed, limited, &product.id, whose).hash(&mut hasher);
        hasher.finish()
    }
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
            let passes = throttle.check(product, &credential, now);
            if passes.is_ok() {
                throttle.take(product, &credential, now);
            }
            passes.err()
        };
        // A credential that is called as its account is must not be counted with it.
        let limited = |limited| Some(Rejection::RateLimited { limited, retry_after: 1 });
        assert_eq!([call("a", "a"), call("a", "a"), call("a", "a")], [None, None, limited(Limited::Credential)]);
        assert_eq!([call("k2", "a"), call("k2", "a")], [None, limited(Limited::Account)]);
        assert_eq!([call("k3", "b"), call("k3", "b")], [None, limited(Limited::Product)]);
        throttle.forget(now.plus(SECOND - 1));
        assert!(!throttle.buckets.is_empty());
        throttle.forget(now.plus(SECOND));
        assert!(throttle.buckets.is_empty(), "what is full again is not kept");
    }
}
