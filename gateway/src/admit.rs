//! Whether a call may pass, answered from memory: steps 1 to 5 of the way of a call.
//!
//! Invariant: nothing is taken before everything else has been checked: no nonce, no place on a lease or within a limit. Then all
//! are taken at once, with no await in between. What is not in memory is named as a [`Need`]; after it was fetched, the same
//! question is asked again from the start.

use std::rc::Rc;

use farebox_core::{
    catalog::{Admission, AuthScheme, Product, Units},
    id::{CredentialKey, LeaseId, ProductId, UpstreamCredentialName},
    lease::Lease,
    meter::{Meter, Usage},
    rejection::{Limited, Rejection},
    request::Facts,
    signature::{Body, Presented},
    time::Timestamp,
};
use farebox_ports::RateLimits;

use crate::{
    credentials::Caller,
    forward::{self, Field, Forward, Name, Reject, Text, push_number},
    instance::{CATALOG_EXPIRES, CATALOG_HOLDS, Call, Gateway, LiveCatalog, Progress, State},
    nonces::Fingerprint,
    purse::Purse,
    served::served,
    stage::{is_test, tests_of},
    throttle::{Full, Place, SharedBucket},
    tokens::Open,
    units::Saying,
    verify::verify,
    wallet::{Pay, Tab},
};

/// The most calls of an account that an instance has in flight at once, of a product whose bytes are limited. Each of them may be
/// a stream.
const MOST_STREAMS: u64 = 512;

/// What becomes of a request.
#[derive(Debug)]
pub enum Step {
    /// It goes on to the upstream. The call is counted as in flight until [`Gateway::finish`].
    Forward(Forward),
    /// It is answered here.
    Reject(Reject),
    /// Something must be fetched first.
    Need(Need),
}

/// What must be in memory before a request can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// The request's body, of at most this many bytes.
    Body(u64),
    /// The catalog.
    Catalog,
    /// A credential.
    Credential(CredentialKey),
    /// Which credential has a plain key.
    PlainKey {
        /// Its hash.
        hash: String,
        /// Its tag says that it is one of ours.
        is_ours: bool,
    },
    /// The keys that a token is verified by, or whether its signature holds.
    Token(Open),
    /// The secret that a product's upstream demands.
    UpstreamCredential(UpstreamCredentialName),
    /// A lease.
    Lease(Purse, ProductId),
    /// The ledger's agreement to this one call, where it is asked to pay, and for its nonce.
    Agreement(Purse, Option<OneCall>, Option<String>),
    /// A few calls off a rate limit's bucket that all instances share.
    Calls(SharedBucket),
}

/// A call that the ledger itself is asked to pay for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneCall {
    /// Of which product.
    pub product: ProductId,
    /// How many units it can come to at most.
    pub units: u64,
}

/// What a call that had to wait has got so far.
#[derive(Debug, Default)]
pub(crate) struct Got {
    /// The lease that the ledger gave for this call alone, where the product is admitted strictly.
    pub(crate) own_lease: Option<Lease>,
    /// Its nonce was taken over all instances.
    pub(crate) has_nonce: bool,
    /// Its place within the rate limits, which it has from when it first waits.
    pub(crate) place: Option<Place>,
}

/// Why a call does not pass yet.
pub(crate) enum Obstacle {
    Need(Need),
    Reject(Rejection),
}

impl From<Rejection> for Obstacle {
    fn from(rejection: Rejection) -> Self {
        Self::Reject(rejection)
    }
}

impl From<Need> for Obstacle {
    fn from(need: Need) -> Self {
        Self::Need(need)
    }
}

impl From<Full> for Obstacle {
    fn from(full: Full) -> Self {
        match full {
            Full::Limited(rejection) => Self::Reject(rejection),
            Full::Ask(bucket) => Self::Need(Need::Calls(bucket)),
        }
    }
}

impl<P: RateLimits> Gateway<P> {
    /// Decides on a request. `body` is needed only when this has said so before.
    pub fn admit(&self, facts: &Facts<'_>, body: Body<'_>, now: Timestamp) -> Step {
        let step = self.admit_on(None, facts, body, now);
        let mut state = self.state();
        (state.calls_seen, state.busy_at) = (state.calls_seen + 1, now);
        if matches!(step, Step::Forward(_)) {
            state.metrics.waited(0);
        }
        step
    }

    /// The same for a call that waits, with what it has got.
    pub(crate) fn admit_on(&self, got: Option<&mut Got>, facts: &Facts<'_>, body: Body<'_>, now: Timestamp) -> Step {
        let mut state = self.state();
        state.look(now);
        let request_id = state.request_id();
        if let Some(preflight) = state.preflight(facts, now) {
            return Step::Reject(preflight);
        }
        let presented = state.presented(facts, now);
        let scheme = presented.as_ref().map_or(AuthScheme::XCa, Presented::scheme);
        let passed = match served(facts).and(presented) {
            Ok(presented) => {
                let shared = P::SHARED && state.limits_are_shared;
                let checked = state.check(&presented, facts, body, now);
                checked.and_then(|checked| state.charge(&checked, got, (shared, read(body)), now))
            }
            Err(Rejection::CredentialMissing(_)) => Err(state.nobody(facts, now)),
            Err(rejection) => Err(rejection.into()),
        };
        match passed {
            Ok(paid) => Step::Forward(forward::forward(&mut state, paid, facts, body, scheme, request_id, now)),
            Err(Obstacle::Need(need)) => Step::Need(need),
            Err(Obstacle::Reject(rejection)) => {
                state.metrics.rejected(rejection.code());
                let mut reject = Reject::new(&rejection, scheme, &request_id);
                state.expose(&mut reject, facts, now);
                Step::Reject(reject)
            }
        }
    }

    /// The answer to a request that was admitted but whose upstream did not answer, or that cannot be served.
    pub fn reject(&self, facts: &Facts<'_>, rejection: &Rejection) -> Reject {
        let mut state = self.state();
        state.metrics.rejected(rejection.code());
        let request_id = state.request_id();
        let scheme = state.presented(facts, state.busy_at).as_ref().map_or(AuthScheme::XCa, Presented::scheme);
        let mut reject = Reject::new(rejection, scheme, &request_id);
        state.expose(&mut reject, facts, state.busy_at);
        reject
    }
}

/// A call that has everything but the money.
pub(crate) struct CheckedCall<'a> {
    /// How many bytes its body is announced to have.
    pub(crate) announced: u64,
    pub(crate) live: Rc<LiveCatalog>,
    pub(crate) product: usize,
    pub(crate) route: usize,
    pub(crate) caller: Rc<Caller>,
    pub(crate) nonce: Option<(&'a str, Fingerprint)>,
    pub(crate) upstream_auth: Option<(Name, Text)>,
}

impl CheckedCall<'_> {
    /// The most units that it can come to.
    pub(crate) fn most_units(&self) -> u64 {
        let route = self.live.catalog.products[self.product].routes.get(self.route);
        route.and_then(|route| route.units.as_ref()).map_or(0, Units::most)
    }

    /// The call, admitted now and paid for by `tab`.
    pub(crate) fn call(&self, tab: Option<Tab>, now: Timestamp) -> Call {
        Call {
            caller: Rc::clone(&self.caller),
            live: Rc::clone(&self.live),
            product: self.product,
            route: self.route,
            tab,
            began: now,
            heard_at: now,
            announced: self.announced,
            progress: Progress::Admitted,
            saying: Saying::default(),
            is_left: false,
        }
    }
}

/// A call that is paid for.
pub(crate) struct Paid {
    pub(crate) call: Call,
    pub(crate) refill: bool,
    /// What is left to pay with, for the caller.
    pub(crate) limits: Vec<Field>,
    /// The field that the upstream demands.
    pub(crate) upstream_auth: Option<(Name, Text)>,
}

impl State {
    /// Everything but the money: who calls what, and whether they may.
    fn check<'a>(
        &mut self,
        presented: &'a Presented<'a>,
        facts: &Facts<'a>,
        body: Body<'_>,
        now: Timestamp,
    ) -> Result<CheckedCall<'a>, Obstacle> {
        let live = self.live(now).cloned().ok_or(Need::Catalog)?;
        let routed = live.router.route(facts.method, facts.path, facts.query);
        let sold = routed.as_ref().ok().map(|target| &live.catalog.products[target.product]);
        // Before it is looked up: what the product does not take, such as a token for its upstream, is not for us.
        if sold.is_some_and(|product| !product.auth.contains(&presented.scheme())) {
            return Err(self.nobody(facts, now));
        }
        let caller = self.caller(presented, &live.catalog.provider.key_prefix, sold, now)?;
        if !caller.credential.is_active(now) {
            return Err(Rejection::CredentialRevoked.into());
        }
        if routed.is_err() && now.since(self.live_read) >= CATALOG_HOLDS {
            return Err(Need::Catalog.into());
        }
        let verified = verify(presented, facts, body, &caller, sold, now)?;
        let target = routed?;
        let product = &live.catalog.products[target.product];
        if !product.is_open_to(&caller.credential.account) || !caller.credential.may_use(&product.id) {
            return Err(Rejection::ProductForbidden.into());
        }
        if !caller.credential.may_call_from(|| facts.header(self.address_header)) {
            return Err(Rejection::AddressForbidden.into());
        }
        let nonce = verified.nonce.map(|nonce| (nonce, self.nonces.fingerprint(&caller.credential.key, nonce)));
        if nonce.is_some_and(|(_, fingerprint)| !self.nonces.is_free(fingerprint)) {
            return Err(Rejection::NonceUsed.into());
        }
        let announced = if facts.may_have_body { facts.content_length().unwrap_or(0) } else { 0 };
        let live = if is_test(presented, &caller.credential)? { tests_of(&live, target.product)? } else { live };
        let upstream_auth = self.upstream_credentials.field(&live.catalog.products[target.product], now)?;
        let (product, route) = (target.product, target.route);
        Ok(CheckedCall { announced, product, route, live, caller, nonce, upstream_auth })
    }

    /// What is for sale, as long as it may be used.
    pub(crate) fn live(&self, now: Timestamp) -> Option<&Rc<LiveCatalog>> {
        self.live.as_ref().filter(|_| now.since(self.live_read) < CATALOG_EXPIRES)
    }

    /// Why a call does not pass that brings nothing which its product takes.
    fn nobody(&self, facts: &Facts<'_>, now: Timestamp) -> Obstacle {
        let Some(live) = self.live(now) else { return Need::Catalog.into() };
        let target = live.router.route(facts.method, facts.path, facts.query);
        let takes = target.map(|target| live.catalog.products[target.product].auth.clone());
        Rejection::CredentialMissing(takes.unwrap_or_default()).into()
    }

    /// Takes the nonce, a place on a lease and one within the limits: all or none. A call that must wait takes its place within
    /// the limits before, so that no more wait than may pass. `read` is how many bytes of the request's body are in memory.
    fn charge(
        &mut self,
        checked: &CheckedCall<'_>,
        mut got: Option<&mut Got>,
        (shared, read): (bool, u64),
        now: Timestamp,
    ) -> Result<Paid, Obstacle> {
        let credential = &checked.caller.credential;
        let product = &checked.live.catalog.products[checked.product];
        let has_place = got.as_ref().is_some_and(|got| got.place.is_some());
        if !has_place {
            self.throttle.check(shared, product, credential, now)?;
        }
        if product.is_test {
            return Ok(self.test_call(checked, got, shared, now));
        }
        let wallet = self.wallet(&checked.caller.purse, &product.id);
        if wallet.sells_bytes() && wallet.in_flight() >= MOST_STREAMS {
            return Err(Rejection::RateLimited { limited: Limited::Account, retry_after: 1 }.into());
        }
        let (lease, refill) = match self.pay(checked, got.as_deref_mut(), now) {
            Ok(paid) => paid,
            Err(obstacle) => {
                if let (Obstacle::Need(_), false, Some(got)) = (&obstacle, has_place, got) {
                    got.place = Some(self.throttle.take(shared, product, credential, now));
                }
                return Err(obstacle);
            }
        };
        match got.and_then(|got| got.place.take()) {
            Some(_) => {}
            None => drop(self.throttle.take(shared, product, credential, now)),
        }
        if let Some((_, fingerprint)) = checked.nonce {
            self.nonces.take(fingerprint, now);
        }
        let wallet = self.wallet(&checked.caller.purse, &product.id);
        let limits = forward::limits(wallet);
        let tab = wallet.open(lease, &Usage { ingress_bytes: read, units: checked.most_units(), ..Usage::NONE });
        let upstream_auth = checked.upstream_auth.clone();
        Ok(Paid { call: checked.call(Some(tab), now), refill, limits, upstream_auth })
    }

    /// Takes a place on a lease, once the nonce of a call that must not come twice is taken over all instances. Where money is
    /// leased, there must be some before that is asked, so that nothing is kept of calls that nobody pays for.
    fn pay(
        &mut self,
        checked: &CheckedCall<'_>,
        got: Option<&mut Got>,
        now: Timestamp,
    ) -> Result<(LeaseId, bool), Obstacle> {
        let credential = &checked.caller.credential;
        let product = &checked.live.catalog.products[checked.product];
        let nonce = || checked.nonce.map(|(nonce, _)| format!("{} {nonce}", credential.key));
        let has_nonce = got.as_ref().is_some_and(|got| got.has_nonce);
        let wallet = self.wallet(&checked.caller.purse, &product.id);
        let units = checked.most_units();
        if product.admission == Admission::Strict {
            let Some(lease) = got.and_then(|got| got.own_lease.take()) else {
                let call = OneCall { product: product.id.clone(), units };
                return Err(Need::Agreement(checked.caller.purse.clone(), Some(call), nonce()).into());
            };
            let id = lease.id;
            wallet.take_one(lease, units, now);
            return Ok((id, false));
        }
        if product.strict_signature && !has_nonce && wallet.pays_for(units, now) && checked.nonce.is_some() {
            return Err(Need::Agreement(checked.caller.purse.clone(), None, nonce()).into());
        }
        match wallet.pay(units, now) {
            Pay::Lease { id, refill } => Ok((id, refill)),
            Pay::Ask => Err(Need::Lease(checked.caller.purse.clone(), product.id.clone()).into()),
            Pay::Refused(rejection) => Err(rejection.into()),
        }
    }

    /// A name for a request: this instance's and a count.
    fn request_id(&mut self) -> String {
        self.requests += 1;
        let mut id = String::with_capacity(32);
        id.extend([self.writer.as_str(), "-"]);
        push_number(&mut id, self.requests, 16);
        id
    }
}

/// How many bytes of a request's body are in memory, and go to the upstream in one piece.
const fn read(body: Body<'_>) -> u64 {
    match body {
        Body::Read(read) => read.len() as u64,
        Body::Unread => 0,
    }
}

/// The meter that `RateLimit` speaks of: calls where they are limited, else what is.
pub(crate) fn limiting_meter(limited: impl Fn(Meter) -> bool) -> Option<Meter> {
    Meter::ALL.into_iter().find(|meter| limited(*meter))
}

/// The product of a call.
pub(crate) fn product_of(call: &Call) -> &Product {
    &call.live.catalog.products[call.product]
}
