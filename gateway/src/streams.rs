//! Calls whose bodies are still going through: what flows is booked while it flows.
//!
//! Decides how many more bytes may go. Invariant: a stream goes on only while its credential is active and its account is not
//! suspended. On a product that sells bytes, a lease must have set them aside for it. What is not in memory is named as a
//! [`Need`]. A stream is checked each time it has moved a megabyte or some seconds have passed, and not more often.

use std::rc::Rc;

use farebox_core::{
    catalog::Product,
    meter::{Meter, Usage},
    rejection::Rejection,
    time::{Millis, SECOND, Timestamp},
};

use crate::{
    admit::{Need, product_of},
    credentials::Known,
    instance::{CallKey, Gateway, State},
    outcome::Outcome,
    ports::EdgePorts,
    wallet::User,
};

/// How often a stream asks at least, while anything goes through it.
pub const ASKS_EVERY: Millis = 5 * SECOND;

/// How often a stream fetches what it needs before it is told that there is nothing. Each time, others may have spent the lease
/// that came.
const MOST_FETCHES: u32 = 256;

/// How far a call is, as its shell counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flowed {
    /// Bytes of the request's body.
    pub ingress_bytes: u64,
    /// Bytes of the response's body.
    pub egress_bytes: u64,
    /// How it would come out if it ended now.
    pub outcome: Outcome,
}

/// What a stream may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// So many more bytes may go before it asks again.
    Go(u64),
    /// Something must be fetched first: [`Gateway::fund`] does.
    Need(Need),
    /// It ends: nobody pays for it any more, or whoever did may not call any more.
    End(Rejection),
}

impl Flowed {
    /// What it comes to so far, without the call where that is not charged.
    fn usage(self, product: &Product) -> Usage {
        let Self { ingress_bytes, egress_bytes, outcome } = self;
        Usage { calls: u64::from(outcome.is_charged(product)), ingress_bytes, egress_bytes, ..Usage::NONE }
    }
}

impl<P> Gateway<P> {
    /// Books what went through of a call in flight, from memory. Says how many more bytes may go `way`, which is the meter of
    /// requests' or of responses' bytes.
    pub fn flow(&self, call: CallKey, flowed: Flowed, way: Meter, now: Timestamp) -> Flow {
        let mut state = self.state();
        state.busy_at = now;
        state.flow(call, flowed, way, now)
    }

    /// Whether [`Gateway::background`] has something to do.
    pub fn is_behind(&self, now: Timestamp) -> bool {
        let state = self.state();
        !state.refills.is_empty() || state.needs_upkeep(now)
    }
}

impl<P: EdgePorts> Gateway<P> {
    /// The same, fetching whatever is missing.
    pub async fn fund(self: &Rc<Self>, call: CallKey, flowed: Flowed, way: Meter) -> Flow {
        self.ports.notice_clock().await;
        for _ in 0..MOST_FETCHES {
            match self.flow(call, flowed, way, self.ports.now()) {
                Flow::Need(Need::Lease(purse, product)) if !self.state().is_metered(call) => {
                    // It is asked for to learn whether the account may call; nobody waits for what others hold.
                    let (this, name) = (Rc::clone(self), purse.question(&product));
                    let (of, what) = (purse.clone(), product.clone());
                    self.ports.once(name, async move { this.refill(of, what).await }).await;
                    let now = self.ports.now();
                    return match self.state().wallet(&purse, &product).refused(now) {
                        Some(Rejection::AccountSuspended) => Flow::End(Rejection::AccountSuspended),
                        _ => Flow::Go(u64::MAX),
                    };
                }
                Flow::Need(need) => self.fetch(need).await,
                flow => return flow,
            }
        }
        Flow::End(Rejection::LedgerUnavailable)
    }
}

impl State {
    fn flow(&mut self, id: CallKey, flowed: Flowed, way: Meter, now: Timestamp) -> Flow {
        let Some(call) = self.calls.get_mut(id.0) else { return Flow::End(Rejection::LedgerUnavailable) };
        call.heard_at = now;
        let credential = &call.caller.credential;
        match self.credentials.get(credential.key.as_str(), &self.heard, now) {
            Some(Known::Caller(caller)) if !caller.credential.is_active(now) => {
                return Flow::End(Rejection::CredentialRevoked);
            }
            Some(Known::Nobody) => return Flow::End(Rejection::CredentialRevoked),
            None => return Flow::Need(Need::Credential(credential.key.clone())),
            Some(Known::Caller(_) | Known::Key(_) | Known::Token(..) | Known::Forged | Known::Unavailable) => {}
        }
        // Nobody pays for a test, however long it goes on.
        let Some(mut tab) = call.tab else { return Flow::Go(u64::MAX) };
        let usage = flowed.usage(product_of(call));
        let (caller, product) = (Rc::clone(&call.caller), product_of(call).id.clone());
        let route = Rc::clone(call.live.route_name(call.product, call.route));
        let credential = &caller.credential;
        let wallet = self.wallet(&caller.purse, &product);
        let user = User { credential: &credential.key, route: &route };
        let room = wallet.flow(&mut tab, user, &usage, way, now);
        let (needs_refill, refused) = (wallet.needs_refill(now), wallet.refused(now).cloned());
        if let Some(call) = self.calls.get_mut(id.0) {
            call.tab = Some(tab);
        }
        if needs_refill && !self.refills.iter().any(|(purse, of)| *purse == caller.purse && *of == product) {
            self.refills.push((caller.purse.clone(), product.clone()));
        }
        match (room, refused) {
            (Some(room), _) => Flow::Go(room),
            (None, None) => Flow::Need(Need::Lease(caller.purse.clone(), product)),
            (None, Some(rejection)) if tab.is_metered || rejection == Rejection::AccountSuspended => {
                Flow::End(rejection)
            }
            (None, Some(_)) => Flow::Go(u64::MAX),
        }
    }

    fn is_metered(&self, call: CallKey) -> bool {
        self.calls.get(call.0).is_some_and(|call| call.tab.is_some_and(|tab| tab.is_metered))
    }
}
