//! Getting what a decision needs, from the configuration or from the ledger.
//!
//! Invariant: however many calls need the same thing, it is asked for once at a time. A port that does not answer leaves a trace
//! in memory that turns the waiting calls away. So nobody waits for ever, and nothing unpaid passes.

use std::rc::Rc;

use farebox_core::{
    credential::{credential_entry, plain_key_entry},
    id::ProductId,
    lease::Lease,
    ledger::{Answer, Command, Refusal},
    meter::Usage,
    money::Micros,
    rejection::Rejection,
    request::Facts,
    signature::Body,
    time::{Millis, SECOND, Timestamp},
    upstream_credential::upstream_credential_entry,
};
use farebox_ports::{Fault, Taken, counters::Outcome, log::tell};
use futures_util::future::join;

use crate::{
    admit::{Got, Need, OneCall, Step},
    instance::Gateway,
    ports::EdgePorts,
    purse::Purse,
    skew,
    throttle::SharedBucket,
    wallet::{LEASE_LASTS, LEASE_LASTS_WHILE_PLENTY, first_want},
};

/// What the ledger answers, when it does.
type Answered = Result<Result<Answer, Refusal>, Fault>;

/// How often a request looks up credentials. Where the store is slow and a request has several signatures, the first look-up can
/// be too old again when the second has come.
const MOST_LOOK_UPS: u32 = 16;

/// What is counted is written down before it is worth more than this, 1.00 of the catalog's currency: a crash should not cost more.
pub(crate) const MOST_UNWRITTEN: Micros = Micros::new(1_000_000);

/// How long the lease for one call lasts. It is used as soon as it is given, and counts from when it was asked for, which in a
/// crowd is long before.
const SINGLE_LEASE_LASTS: Millis = 3 * LEASE_LASTS;

/// How long to wait before asking again for what others hold, at first and at the most.
const ASKED_AGAIN: std::ops::RangeInclusive<Millis> = 100..=800;

/// How long to go on asking, in the time after which an instance without calls gives back what it holds, and at the most.
const PATIENCE: Millis = 10;
const MOST_PATIENCE: Millis = 10 * SECOND;

/// Whether an account or a credential has nothing but what is leased out, of which some may come back.
fn comes_back(answer: &Answered) -> bool {
    use Refusal::{BalanceExhausted, LimitExhausted, QuotaExhausted};
    let Ok(Err(refusal)) = answer else { return false };
    matches!(
        refusal,
        QuotaExhausted { leased: true } | BalanceExhausted { leased: true } | LimitExhausted { leased: true, .. }
    )
}

/// How long a call goes on asking for what others hold.
struct Patience {
    ends: Timestamp,
    pause: Millis,
    has_asked: bool,
}

/// A call that waits for a lease; also one that is ended from outside waits no more.
struct Waiting<P> {
    gateway: Rc<Gateway<P>>,
    purse: Purse,
    product: ProductId,
}

impl<P> Waiting<P> {
    fn new(gateway: &Rc<Gateway<P>>, purse: &Purse, product: &ProductId) -> Self {
        gateway.state().wallet(purse, product).waits(true);
        Self { gateway: Rc::clone(gateway), purse: purse.clone(), product: product.clone() }
    }
}

impl<P> Drop for Waiting<P> {
    fn drop(&mut self) {
        self.gateway.state().wallet(&self.purse, &self.product).waits(false);
    }
}

/// What a call that waits has got. A place within the rate limits that it does not use is given back, also when it is ended
/// from outside.
struct Waiter<P> {
    gateway: Rc<Gateway<P>>,
    got: Got,
}

impl<P> Drop for Waiter<P> {
    fn drop(&mut self) {
        if let Some(place) = self.got.place.take() {
            let mut state = self.gateway.state();
            let now = state.busy_at;
            state.throttle.give_back(&place, now);
        }
    }
}

impl<P: EdgePorts> Gateway<P> {
    /// Decides on a request, fetching whatever is missing. Returns [`Need::Body`] where only the platform can help.
    pub async fn decide(self: &Rc<Self>, facts: &Facts<'_>, body: Body<'_>) -> Step {
        let began = self.ports.now();
        let step = self.decided(facts, body).await;
        match &step {
            Step::Forward(_) => self.state().metrics.waited(self.ports.now().since(began)),
            // Where every call is turned away, none starts the work beside the calls.
            Step::Reject(_) => self.publish_metrics().await,
            Step::Need(_) => {}
        }
        step
    }

    async fn decided(self: &Rc<Self>, facts: &Facts<'_>, body: Body<'_>) -> Step {
        // What it has got is kept until it is used: asking may take so long that something else must be fetched again first.
        let mut waiter = Waiter { gateway: Rc::clone(self), got: Got::default() };
        let mut look_ups = 0;
        loop {
            match self.admit_on(Some(&mut waiter.got), facts, body, self.ports.now()) {
                Step::Need(need @ Need::Body(_)) => return Step::Need(need),
                Step::Need(Need::Agreement(purse, call, nonce)) => {
                    match self.ask_for_one(&purse, call.as_ref(), nonce.as_deref()).await {
                        Ok(Some(lease)) => waiter.got.own_lease = Some(lease),
                        Ok(None) => waiter.got.has_nonce = true,
                        Err(rejection) => return Step::Reject(self.reject(facts, &rejection)),
                    }
                }
                Step::Need(Need::Credential(_)) if look_ups == MOST_LOOK_UPS => {
                    return Step::Reject(self.reject(facts, &Rejection::LedgerUnavailable));
                }
                Step::Need(need) => {
                    look_ups += u32::from(matches!(need, Need::Credential(_)));
                    self.fetch(need).await;
                }
                step => return step,
            }
        }
    }

    /// Fetches what is needed, together with everyone else who needs it.
    pub(crate) async fn fetch(self: &Rc<Self>, need: Need) {
        let this = Rc::clone(self);
        match need {
            Need::Calls(bucket) if P::SHARED => {
                let name = format!("calls/{}", bucket.name);
                self.ports.once(name, async move { this.take_calls(bucket).await }).await;
            }
            Need::Body(_) | Need::Agreement(..) | Need::Calls(_) => {}
            Need::Catalog => self.ports.once("catalog".into(), async move { this.read_catalog().await }).await,
            Need::Credential(key) => {
                let name = credential_entry(&key);
                let work = async move {
                    join(this.read_recent_changes(), this.read_credential(key)).await;
                };
                self.ports.once(name, work).await;
            }
            Need::PlainKey { hash, is_ours } => {
                let name = plain_key_entry(&hash);
                self.ports.once(name, async move { this.read_plain_key(hash, is_ours).await }).await;
            }
            Need::Token(open) => {
                let name = open.flight();
                self.ports.once(name, async move { this.settle_token(open).await }).await;
            }
            Need::UpstreamCredential(name) => {
                let flight = upstream_credential_entry(&name);
                self.ports.once(flight, async move { this.read_upstream_credential(name).await }).await;
            }
            Need::Lease(purse, product) => {
                let name = purse.question(&product);
                let _waiting = Waiting::new(self, &purse, &product);
                self.ports.once(name, async move { this.lease(purse, product).await }).await;
            }
        }
    }

    /// Takes this instance's share of calls off a bucket. Where the store does not answer nothing passes for a moment.
    async fn take_calls(&self, bucket: SharedBucket) {
        let taken =
            self.ports.take_calls(&bucket.name, bucket.limit, bucket.limit.share()).await.unwrap_or_else(|fault| {
                tell(&self.ports, "limit.unread", &[], &fault);
                Taken::Later(SECOND)
            });
        self.state().throttle.told(&bucket, taken, self.ports.now());
    }

    /// Asks the ledger for a lease, for calls that wait for it. Where instances end soon and give back what they hold, that is
    /// waited for.
    async fn lease(&self, purse: Purse, product: ProductId) {
        let mut patience = self.patience();
        loop {
            let (answer, asked) = self.ask(&purse, &product).await;
            if comes_back(&answer) {
                self.state().wallet(&purse, &product).give_up_rest();
            }
            if !comes_back(&answer) || !self.waits(&mut patience).await {
                return self.take_lease(&purse, &product, answer, asked).await;
            }
        }
    }

    /// How long a call that begins to ask now goes on. Where instances last, it asks once more and no longer: what others
    /// hold comes back later than a call should wait.
    fn patience(&self) -> Patience {
        let patience = self.settings.lifetime.map_or(0, |lifetime| (PATIENCE * lifetime.idle).min(MOST_PATIENCE));
        Patience { ends: self.ports.now().plus(patience), pause: *ASKED_AGAIN.start(), has_asked: false }
    }

    /// Gives back what this instance does not need of what everybody asks for, and waits a moment. Says whether to ask again.
    async fn waits(&self, patience: &mut Patience) -> bool {
        if patience.has_asked && self.ports.now() >= patience.ends {
            return false;
        }
        patience.has_asked = true;
        self.flush().await;
        if self.ports.now() < patience.ends {
            self.ports.sleep(patience.pause).await;
            patience.pause = (2 * patience.pause).min(*ASKED_AGAIN.end());
        }
        true
    }

    /// Asks the ledger for a lease before it is needed.
    pub(crate) async fn refill(&self, purse: Purse, product: ProductId) {
        let (answer, asked) = self.ask(&purse, &product).await;
        if comes_back(&answer) {
            let now = self.ports.now();
            return self.state().wallet(&purse, &product).postpone(now);
        }
        self.take_lease(&purse, &product, answer, asked).await;
    }

    /// What the ledger answered, and when it was asked.
    async fn ask(&self, purse: &Purse, product: &ProductId) -> (Answered, Timestamp) {
        let account = &purse.account;
        let asked = self.ports.now();
        let first = self.settings.lifetime.map(|lifetime| first_want(lifetime.calls));
        let (want, units_of_call) = {
            let mut state = self.state();
            let sold = state.live.as_ref().and_then(|live| live.catalog.product(product));
            let worth = sold.map(|product| product.worth(account, MOST_UNWRITTEN)).unwrap_or_default();
            let wallet = state.wallet(purse, product);
            wallet.set_worth(worth);
            wallet.ask(first, asked)
        };
        let has_changed = self.state().heard.may_have_changed(account.as_str(), asked);
        let is_short = self.settings.lifetime.is_some() || has_changed;
        let while_plenty = if is_short { LEASE_LASTS } else { LEASE_LASTS_WHILE_PLENTY };
        let command = self.lease_command((purse, product), want, units_of_call, [LEASE_LASTS, while_plenty]);
        (self.ports.execute(account, None, &command).await, asked)
    }

    async fn take_lease(&self, purse: &Purse, product: &ProductId, answer: Answered, asked: Timestamp) {
        let lease = self.leased(purse, Some(product), answer, asked).await;
        let now = self.ports.now();
        let mut state = self.state();
        let wallet = state.wallet(purse, product);
        match lease {
            Ok(lease) => wallet.take(lease, asked, now),
            Err(rejection) => wallet.refuse(rejection, now),
        }
    }

    /// Asks the ledger to agree to one call: a lease where it is to pay, and its nonce. The nonce is taken once the
    /// account agrees, so it goes along however often that is asked.
    async fn ask_for_one(
        &self,
        purse: &Purse,
        call: Option<&OneCall>,
        nonce: Option<&str>,
    ) -> Result<Option<Lease>, Rejection> {
        let command = match call {
            Some(OneCall { product, units }) => {
                let want = Usage { calls: 1, units: *units, ..Usage::NONE };
                self.lease_command((purse, product), want, *units, [SINGLE_LEASE_LASTS; 2])
            }
            // A nonce alone goes along with what every account agrees to and what changes nothing.
            None => Command::Settle { batches: Vec::new() },
        };
        let mut patience = self.patience();
        loop {
            let asked = self.ports.now();
            match self.ports.admit(&purse.account, nonce, &command).await {
                Ok(Ok(Answer::Settled(_))) => return Ok(None),
                answer if comes_back(&answer) && self.waits(&mut patience).await => {}
                answer => {
                    let product = call.map(|call| &call.product);
                    return self.leased(purse, product, answer, asked).await.map(Some);
                }
            }
        }
    }

    fn lease_command(
        &self,
        (purse, product): (&Purse, &ProductId),
        want: Usage,
        units_of_call: u64,
        [lasting, while_plenty]: [Millis; 2],
    ) -> Command {
        let state = self.state();
        let sold = state.live.as_ref().and_then(|live| live.catalog.product(product));
        let rate = sold.and_then(|product| product.rate_for(Some(&purse.account)).cloned());
        let (product, writer) = (product.clone(), state.writer.clone());
        let limited = purse.limited.as_deref().cloned();
        Command::Lease { product, writer, rate, want, units_of_call, lasting, while_plenty, limited }
    }

    /// The lease of a product that an account answered with, or what to tell the caller. Notes how far our clock is from the ledger's.
    async fn leased(
        &self,
        purse: &Purse,
        product: Option<&ProductId>,
        answer: Answered,
        asked: Timestamp,
    ) -> Result<Lease, Rejection> {
        let outcome = match &answer {
            Ok(Ok(_)) => Outcome::Granted,
            Ok(Err(_)) => Outcome::Refused,
            Err(_) => Outcome::Failed,
        };
        self.state().metrics.leased(outcome);
        let now = self.ports.now();
        if comes_back(&answer) {
            return Err(Rejection::LeasedOut);
        }
        let unusable = match answer {
            Ok(Ok(Answer::Leased(lease))) if skew::is_on(now, asked) && now < asked.plus(lease.lasts) => {
                self.state().skew.compare(&lease, asked);
                return Ok(lease);
            }
            // The answer was too long on its way, or our clock was set meanwhile: asking again at once would only give another like
            // it. Kept, this one would be withheld from everybody until its holder is taken for gone.
            Ok(Ok(Answer::Leased(lease))) => {
                let detail = format!("{} ended at {}, before it could be used", lease.id, lease.until);
                if let Some(product) = product {
                    self.state().wallet(purse, product).give_up(lease, asked, now);
                    self.flush().await;
                }
                detail
            }
            Ok(Err(Refusal::QuotaExhausted { .. })) => return Err(Rejection::QuotaExhausted),
            Ok(Err(Refusal::QuotaExpired)) => return Err(Rejection::QuotaExpired),
            Ok(Err(Refusal::BalanceExhausted { .. })) => return Err(Rejection::BalanceExhausted),
            Ok(Err(Refusal::LimitExhausted { renews, .. })) => return Err(Rejection::LimitExhausted { renews }),
            Ok(Err(Refusal::Suspended)) => return Err(Rejection::AccountSuspended),
            Ok(Err(Refusal::NonceUsed)) => return Err(Rejection::NonceUsed),
            Ok(other) => format!("asked for a lease, got {other:?}"),
            Err(fault) => fault.to_string(),
        };
        tell(&self.ports, "lease.failed", &[("account", &purse.account)], &unusable);
        Err(Rejection::LedgerUnavailable)
    }
}
