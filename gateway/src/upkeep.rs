//! The work beside the calls: leases ahead of need, batches into the journal, fresh configuration.
//!
//! An instance has one loop at a time, which the platform keeps alive behind the response of the call that started it. No
//! platform does so for ever, so a later call's loop takes over before.
//! Invariants: while calls come, usage waits at most one interval in memory, and a look. After the last call the loop lives long
//! enough to write the last batch, and to give back with it what is leased. A batch that could not be written is kept and written
//! again, with the same id. Where the platform ends an instance soon ([`Lifetime`]), the loop looks more often whether that is near.

use std::rc::Rc;

use farebox_core::{
    id::{AccountId, BatchId, ProductId},
    journal::{Batch, Window},
    ledger::{Answer, Command, LONGEST_LEASE, command::AccountBatch},
    time::{Millis, SECOND, Timestamp},
};
use farebox_ports::log::tell;
use futures_util::{StreamExt, stream};

use crate::{
    instance::{CATALOG_HOLDS, Gateway, Lifetime, State, Untold},
    ports::EdgePorts,
    purse::Purse,
    wallet::Wallet,
};

/// The age at which a loop is relieved by the next call.
const RELIEVED_AFTER: Millis = 4 * SECOND;

/// How often a loop looks whether its instance will be ended, in the time after which it is.
const LOOKS: Millis = 4;

/// How often it looks at the least: a lease that has ended is told of within this, and what a write takes. A loop looks before it
/// can be relieved, or a busy instance would have loops that are all relieved before they have done anything.
const LOOKS_WITHIN: Millis = RELIEVED_AFTER / 2;

/// How long the end of a short lease waits for others before a batch tells of them. With a look and a write, it is well below
/// [`HEARD_WITHIN`](farebox_core::ledger::HEARD_WITHIN).
const GATHERS_FOR: Millis = 6 * SECOND;

/// How many leases are renewed side by side: a Worker has six connections at once.
const RENEWED_AT_ONCE: usize = 6;

/// The age at which a loop ends even when nobody relieves it: Workers end background work 30 s after the response. Nobody has
/// called for most of that, so the instance gives back what it holds.
const ENDS_AFTER: Millis = 28 * SECOND;

impl State {
    /// Whether the next call should start a loop: there is none, or it is old, or it died with its call.
    pub(crate) fn needs_upkeep(&self, now: Timestamp) -> bool {
        self.upkeep_since.is_none_or(|since| now.since(since) >= RELIEVED_AFTER)
    }

    /// Whether the platform may end the instance now: it has had its calls, or has been without one for long enough.
    fn is_over(&self, lifetime: Option<Lifetime>, now: Timestamp) -> bool {
        let over = |lifetime: Lifetime| self.calls_seen >= lifetime.calls || now.since(self.busy_at) >= lifetime.idle;
        self.calls.is_empty() && lifetime.is_some_and(over)
    }

    /// Puts the leases of such wallets out of use. Says whether there are any.
    fn retire(&mut self, such: impl Fn(&Wallet) -> bool) -> bool {
        let wallets = self.wallets.values_mut().flat_map(|wallets| wallets.values_mut()).filter(|wallet| such(wallet));
        wallets.map(Wallet::retire).count() > 0
    }

    /// Whether what was counted, or what became of a lease, should be written without waiting for the next batch's time.
    ///
    /// Where instances last, leases that end within a few seconds of each other are told of in one batch.
    fn is_batch_urgent(&self, now: Timestamp) -> bool {
        let gathers_for = if self.limits_are_shared { 0 } else { GATHERS_FOR };
        let mut wallets = self.wallets.values().flat_map(|wallets| wallets.values());
        wallets.any(|wallet| wallet.owes_much() || wallet.is_overdue(gathers_for, now))
    }

    /// Whether what was counted has waited for so long, as far as looks at it can tell.
    fn has_waited(&mut self, now: Timestamp, long: Millis) -> bool {
        let mut wallets = self.wallets.values().flat_map(|wallets| wallets.values());
        if self.untold.is_empty() && !wallets.any(Wallet::has_unsent) {
            self.unsent_since = None;
            return false;
        }
        let since = *self.unsent_since.get_or_insert(now);
        !(0..long).contains(&now.since(since))
    }

    /// Takes what was used since the last time out of the wallets, as a batch. Leases that end by `heard` are told of.
    fn drain(&mut self, now: Timestamp, heard: Timestamp) {
        self.look(now);
        self.sweep(now);
        self.throttle.forget(now);
        let (mut batch, mut awaited) = (Batch::default(), Vec::new());
        for (purse, wallets) in &mut self.wallets {
            let account = &purse.account;
            let mut is_awaited = false;
            for (product, wallet) in wallets.iter_mut() {
                wallet.expire(now);
                is_awaited |= wallet.drain(account, product, heard, &mut batch);
            }
            awaited.extend(is_awaited.then(|| account.clone()));
            wallets.retain(|_, wallet| !wallet.is_empty());
        }
        self.wallets.retain(|_, wallets| !wallets.is_empty());
        if !batch.is_empty() {
            let id = BatchId { writer: self.writer.clone(), sequence: self.next_sequence };
            self.next_sequence += 1;
            self.untold.push(Untold { id, batch: Rc::new(batch), written: None, awaited: awaited.into() });
        }
    }
}

impl<P: EdgePorts> Gateway<P> {
    /// Does what is due, and keeps doing it for a while. To be kept alive behind the response.
    pub async fn background(self: Rc<Self>) {
        let is_short_lived = self.settings.lifetime.is_some();
        let began = self.ports.now();
        let refills = std::mem::take(&mut self.state().refills);
        for (purse, product) in refills {
            // Many calls can find the same lease low before the first of them gets here. What is scarce is not asked for ahead
            // by one of many instances, which may have no call for it.
            let is_wanted = {
                let mut state = self.state();
                let wallet = state.wallet(&purse, &product);
                wallet.needs_refill(began) && !(is_short_lived && wallet.is_scarce())
            };
            if is_wanted {
                self.renew(purse, product).await;
            }
        }
        let began = self.ports.now();
        let hoards = is_short_lived && self.state().retire(Wallet::hoards);
        if hoards || self.state().is_batch_urgent(began) {
            self.flush().await;
        }
        let upkeep_loop = {
            let mut state = self.state();
            if !state.needs_upkeep(began) {
                return;
            }
            state.upkeep_since = Some(began);
            state.upkeep_loop += 1;
            state.upkeep_loop
        };
        while self.look_after(began, upkeep_loop).await {}
    }

    /// Asks for the next lease, unless that is under way.
    async fn renew(self: &Rc<Self>, purse: Purse, product: ProductId) {
        let (this, name) = (Rc::clone(self), purse.question(&product));
        self.ports.once(name, async move { this.refill(purse, product).await }).await;
    }

    /// Renews the leases that were used and end soon, some side by side.
    async fn renew_leases(self: &Rc<Self>) {
        let now = self.ports.now();
        let due: Vec<(Purse, ProductId)> = {
            let state = self.state();
            let wallets = state.wallets.iter().flat_map(|(purse, wallets)| wallets.iter().map(move |it| (purse, it)));
            let due = wallets.filter(|(_, (_, wallet))| wallet.needs_renewal(now));
            due.map(|(purse, (product, _))| (purse.clone(), product.clone())).collect()
        };
        let renewals = stream::iter(due).map(|(purse, product)| self.renew(purse, product));
        renewals.buffer_unordered(RENEWED_AT_ONCE).collect().await
    }

    /// Waits for the next look and does what is due then, for the loop number `upkeep_loop`, which `began` then. Says whether it
    /// goes on. The instance knows when a batch, the counters and the configuration are due, not the loop. A loop that is
    /// relieved leaves all of it to the next one.
    async fn look_after(self: &Rc<Self>, began: Timestamp, upkeep_loop: u64) -> bool {
        let looks = self.settings.lifetime.map_or(LOOKS_WITHIN, |lifetime| lifetime.idle / LOOKS);
        let looks = looks.min(self.settings.flush_every).clamp(1, LOOKS_WITHIN);
        self.ports.sleep(looks).await;
        self.ports.notice_clock().await;
        let now = self.ports.now();
        let is_last = now.since(began) >= ENDS_AFTER;
        let (is_over, is_relieved, is_due) = {
            let mut state = self.state();
            state.sweep(now);
            let is_over = state.is_over(self.settings.lifetime, now);
            if is_over {
                state.calls_seen = 0;
                state.retire(|_| true);
            }
            let waits = self.settings.flush_every - looks;
            let is_late = state.has_waited(now, waits);
            if is_late && now.since(state.busy_at) >= waits {
                // Nobody has called since: the batch gives back what is leased too, and so its usage is charged at once.
                state.retire(|wallet| wallet.in_flight() == 0);
            }
            (is_over, state.upkeep_loop != upkeep_loop, is_over || is_last || is_late || state.is_batch_urgent(now))
        };
        if is_relieved && !is_over {
            return false;
        }
        if is_due {
            // Once this loop has ended there may be no other before a call ends. So what is leased is given back now, and of a lease
            // on which calls are under way the ledger is told.
            self.write_down(if is_last { now.plus(LONGEST_LEASE) } else { now }).await;
        }
        if is_over || (is_last && self.settings.lifetime.is_some()) {
            self.leave_metrics().await;
        } else {
            self.publish_metrics().await;
            self.refresh().await;
            // The last loop leaves nothing behind that nobody gives back.
            if !is_last {
                self.renew_leases().await;
            }
        }
        let mut state = self.state();
        // Nobody may call again for long, or here: the counters are written before.
        let is_told = !self.has_metrics_to_leave(&state);
        let idle = state.wallets.is_empty() && state.untold.is_empty() && is_told;
        if state.upkeep_loop != upkeep_loop {
            return false;
        }
        if idle || is_last {
            state.upkeep_since = None;
        }
        !(idle || is_last)
    }

    /// Writes all usage counted so far to the journal.
    pub async fn flush(&self) {
        self.write_down(self.ports.now()).await;
    }

    /// The same, also naming the leases on which calls are under way and that end by `heard`. What another call is writing down
    /// at the same time is told again. So whoever asks for a lease after this asks a ledger that has heard of all that was
    /// drained before.
    async fn write_down(&self, heard: Timestamp) {
        let untold = {
            let (mut state, now) = (self.state(), self.ports.now());
            state.unsent_since = None;
            state.drain(now, heard);
            state.untold.clone()
        };
        for Untold { id, batch, written, awaited } in untold {
            let Some(window) = self.journaled(&id, &batch, written).await else { return };
            self.give_back(window, &id, &batch, &awaited).await;
            self.state().untold.retain(|kept| kept.id != id);
        }
    }

    /// Writes a batch to the journal, unless that was done. Says into which minute; `None` where the journal does not take it.
    async fn journaled(&self, id: &BatchId, batch: &Batch, written: Option<Window>) -> Option<Window> {
        if written.is_some() {
            return written;
        }
        // A batch that failed before goes into the minute of now, which no settlement has left behind. Should the first
        // try have been written after all, the ledger knows the second by its id.
        let window = Window::of(self.state().skew.ledgers(self.ports.now()));
        if let Err(fault) = self.ports.write(window, id, batch).await {
            self.state().metrics.written(false, false);
            tell(&self.ports, "journal.unwritten", &[("batch", id)], &fault);
            return None;
        }
        let mut state = self.state();
        let kept = state.untold.iter_mut().filter(|kept| kept.id == *id);
        kept.for_each(|kept| kept.written = Some(window));
        let is_all = state.untold.iter().all(|kept| kept.written.is_some());
        state.metrics.written(true, is_all);
        Some(window)
    }

    /// Tells the ledger at once of closed leases, so that what they had left can be used elsewhere. It tells of those that are
    /// awaited, and of all where nobody calls any more. The batch is in the journal already; settling it now or later, or both,
    /// comes to the same.
    async fn give_back(&self, window: Window, id: &BatchId, batch: &Batch, awaited: &[AccountId]) {
        let is_idle = self.ports.now().since(self.state().busy_at) >= self.settings.flush_every - LOOKS_WITHIN;
        let mut accounts: Vec<_> = awaited.iter().collect();
        if is_idle || self.settings.lifetime.is_some() {
            accounts.extend(batch.closings.iter().map(|closing| &closing.account));
        }
        if self.settings.lifetime.is_some() {
            // A lease comes back once all its usage is settled, and where instances are many, others wait for it.
            accounts.extend(batch.lines.iter().map(|line| &line.account));
        }
        accounts.sort();
        accounts.dedup();
        for account in accounts {
            self.settle(account, window, id, batch).await;
        }
    }

    /// Settles what a batch says of one account.
    async fn settle(&self, account: &AccountId, window: Window, id: &BatchId, batch: &Batch) {
        let batch = AccountBatch {
            id: id.clone(),
            window,
            lines: batch.lines.iter().filter(|line| line.account == *account).cloned().collect(),
            closings: batch.closings.iter().filter(|closing| closing.account == *account).cloned().collect(),
        };
        let detail = match self.ports.execute(account, None, &Command::Settle { batches: vec![batch] }).await {
            Ok(Ok(Answer::Settled(settled))) if settled.refused.is_empty() => return,
            Ok(answer) => format!("{answer:?}"),
            Err(fault) => fault.to_string(),
        };
        tell(&self.ports, "lease.unreturned", &[("account", account), ("batch", id)], &detail);
    }

    /// Reads again what is in use and no longer fresh.
    async fn refresh(&self) {
        self.read_recent_changes().await;
        let now = self.ports.now();
        let (credentials, stale) = {
            let state = self.state();
            (state.credentials.due(&state.heard, now), now.since(state.live_read) >= CATALOG_HOLDS)
        };
        for key in credentials {
            self.read_credential(key).await;
        }
        if stale {
            self.read_catalog().await;
        }
        self.refresh_upstream_credentials().await;
    }
}
