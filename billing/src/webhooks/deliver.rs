//! A run over the accounts: what each endpoint does not have yet is sent to it.
//!
//! Invariant: a run does a bounded number of things and goes on where the last one ended. An endpoint that does not answer, or
//! fails three times in a run, is left alone until the next run. Once it takes something again, every account that waits for it
//! is due at once.

use std::collections::{BTreeMap, BTreeSet};

use farebox_core::{
    credential::MasterKey,
    id::AccountId,
    time::Timestamp,
    webhook::{Message, wait_after},
};
use farebox_ports::{
    Documents, Fault, KeyValue,
    keys::{ACCOUNTS, WEBHOOK_NOTICES, WEBHOOK_REST, WEBHOOK_SWEEP, WEBHOOKS_BOOKED},
    log::tell,
    reports::{Outbox, Query, Report, Reports},
    stored::{change, parsed, read, write},
};
use serde::{Deserialize, Serialize};

use super::{
    DeadLetter, Endpoint, Failure, GIVEN_UP_AFTER, Health, NO_ACCOUNT, Position, WebhookPorts, dead_letters, endpoints,
    health_entry, positions_entry, send,
};
use crate::counted::Counted;

/// How many accounts are looked at in one run in turn, beside those that come first.
const ACCOUNTS_AT_ONCE: u32 = 100;

/// How many accounts that had usage are looked at first, and how many that something was booked for.
const FIRST_AT_ONCE: u32 = 100;

/// How many messages one run sends at most.
const SENT_AT_ONCE: u32 = 200;

/// How many operations are kept to end with. They are an account's entries and places, a message, its endpoint's health and a
/// dead letter, where the next account begins, and a place for each notice.
const ENDED_WITH: u32 = 12;

/// How many messages are read at once.
const READ_AT_ONCE: u16 = 50;

/// After how many failures in one run an endpoint is left alone.
const FAILURES_IN_A_RUN: u32 = 3;

/// From how many entries on without a message the place is written down all the same.
const SKIPPED: u64 = 256;

/// Where the next run begins.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sweep {
    after: Option<String>,
}

/// Whether a run looked at all accounts at once, and left nothing that is to be sent again.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Rest {
    is_at_rest: bool,
}

/// Whether nothing is to be sent until something is booked.
///
/// # Errors
/// [`Fault`] when the store does not answer.
pub(crate) async fn are_at_rest(ports: &impl Documents) -> Result<bool, Fault> {
    let text = ports.current(WEBHOOK_REST).await?;
    let rest = text.map(|text| parsed::<Rest>(WEBHOOK_REST, text.as_bytes())).transpose()?;
    Ok(rest.is_some_and(|rest| rest.is_at_rest))
}

/// What one run knows of one endpoint.
struct Receiver {
    endpoint: Endpoint,
    health: Health,
    failures: u32,
}

struct Run<'a, P> {
    ports: &'a Counted<'a, P>,
    master_key: &'a MasterKey,
    now: Timestamp,
    receivers: Vec<Receiver>,
    sent: u32,
    /// Whether something was not taken, or not reached.
    leaves_some: bool,
}

/// The places of all endpoints in one stream, by their ids.
type Positions = BTreeMap<String, Position>;

/// Sends what can be sent now, first of the accounts that were `used` and of those that were marked. Does next to nothing where no endpoint is registered.
///
/// # Errors
/// [`Fault`] when the key-value store does not answer; what was sent by then may be sent again, under the same ids.
pub(crate) async fn deliver<P: WebhookPorts>(
    ports: &Counted<'_, P>,
    master_key: &MasterKey,
    now: Timestamp,
    used: &[AccountId],
) -> Result<(), Fault> {
    let mut receivers = Vec::new();
    for endpoint in endpoints(ports).await? {
        let health = read(ports, &health_entry(&endpoint.id)).await?.unwrap_or_default();
        receivers.push(Receiver { endpoint, health, failures: 0 });
    }
    let mut run = Run { ports, master_key, now, receivers, sent: 0, leaves_some: false };
    run.notices().await?;
    if !run.receivers.is_empty() {
        run.accounts(used).await?;
    }
    let is_at_rest = !run.leaves_some;
    if are_at_rest(ports).await? != is_at_rest {
        change(ports, WEBHOOK_REST, |rest: &mut Rest| rest.is_at_rest = is_at_rest).await?;
    }
    Ok(())
}

impl<P: WebhookPorts> Run<'_, P> {
    /// Looks after the accounts that come first, and after some of all others in turn.
    async fn accounts(&mut self, used: &[AccountId]) -> Result<(), Fault> {
        let first = self.first(used).await?;
        let before: Sweep = read(self.ports, WEBHOOK_SWEEP).await?.unwrap_or_default();
        let page = self.ports.list(ACCOUNTS, before.after.as_deref(), ACCOUNTS_AT_ONCE).await?;
        for key in &page.items {
            if self.is_through() {
                break;
            }
            let account = key.strip_prefix(ACCOUNTS).and_then(|id| id.parse().ok());
            if let Some(account) = account.filter(|account| !first.contains(account)) {
                self.account(&account).await?;
            }
        }
        // A run that was cut short begins at the same place: the accounts it was through with cost a look each.
        let sweep = if self.is_through() { before.after.clone() } else { page.cursor };
        self.leaves_some |= self.is_through() || sweep.is_some() || before.after.is_some();
        if sweep != before.after {
            write(self.ports, WEBHOOK_SWEEP, &Sweep { after: sweep }).await?;
        }
        Ok(())
    }

    /// Whether it has sent as much as one run may, or has no operations left for another account.
    fn is_through(&self) -> bool {
        self.sent >= SENT_AT_ONCE || self.ports.left(ENDED_WITH) == 0
    }

    /// Looks after the accounts that had usage, and those that something was booked for by request. Returns them.
    async fn first(&mut self, used: &[AccountId]) -> Result<BTreeSet<AccountId>, Fault> {
        let mut first: BTreeSet<AccountId> = BTreeSet::new();
        for account in used.iter().take(FIRST_AT_ONCE as usize) {
            if self.is_through() {
                break;
            }
            self.account(account).await?;
            first.insert(account.clone());
        }
        for key in self.ports.list(WEBHOOKS_BOOKED, None, FIRST_AT_ONCE).await?.items {
            if self.is_through() {
                break;
            }
            // Removed first: what is booked from now on leaves a mark of its own, or waits for the account's turn.
            self.ports.delete(&key).await?;
            let account = key.strip_prefix(WEBHOOKS_BOOKED).and_then(|id| id.parse().ok());
            if let Some(account) = account.filter(|account| !first.contains(account)) {
                self.account(&account).await?;
                first.insert(account);
            }
        }
        Ok(first)
    }

    /// Sends what waits for the endpoints of one account.
    async fn account(&mut self, account: &AccountId) -> Result<(), Fault> {
        let entry = positions_entry(account.as_str());
        let before: Positions = read(self.ports, &entry).await?.unwrap_or_default();
        let mut positions = before.clone();
        for at in 0..self.receivers.len() {
            let id = self.receivers[at].endpoint.id.clone();
            let mut position = positions.remove(&id).unwrap_or_default();
            while self.is_due(at, &position) {
                let outbox = self.outbox(account, &position, self.receivers[at].endpoint.created).await?;
                let is_through = self.send_all(at, &mut position, &outbox.messages).await?;
                if !is_through {
                    break;
                }
                if !outbox.messages.is_empty() || outbox.seen.saturating_sub(position.after) >= SKIPPED {
                    position.after = outbox.seen;
                }
                if !outbox.more {
                    break;
                }
                position.after = outbox.seen;
            }
            self.leaves_some |= position.failed.is_some();
            if position != Position::default() {
                positions.insert(id, position);
            }
        }
        // The place of an endpoint that is not listed stays: it may only be that the store does not show it at the moment.
        if positions != before { write(self.ports, &entry, &positions).await } else { Ok(()) }
    }

    async fn outbox(&mut self, account: &AccountId, position: &Position, created: Timestamp) -> Result<Outbox, Fault> {
        let from = (position.after == 0).then_some(created);
        let query = Query::Outbox { after: position.after, from, limit: READ_AT_ONCE };
        match self.ports.report(account, &query).await {
            Ok(Ok(Report::Outbox(outbox))) => Ok(outbox),
            // An account that cannot be asked now is asked by the next run, and must not hold up the others.
            Ok(_) => Ok(Outbox::default()),
            Err(fault) => {
                tell(self.ports, "webhook.unread", &[("account", account)], &fault);
                self.leaves_some = true;
                Ok(Outbox::default())
            }
        }
    }

    /// Sends what is of no account. A notice that every endpoint has, or that is as old as a message gets, is removed.
    async fn notices(&mut self) -> Result<(), Fault> {
        // A notice is read, and in the end removed.
        let most = (self.ports.left(ENDED_WITH) / 3).min(READ_AT_ONCE.into());
        if most == 0 {
            return Ok(());
        }
        let keys = self.ports.list(WEBHOOK_NOTICES, None, most).await?.items;
        if keys.is_empty() {
            return Ok(());
        }
        let mut messages: Vec<(String, Message)> = Vec::new();
        for key in keys {
            messages.extend(read(self.ports, &key).await?.map(|message| (key, message)));
        }
        let entry = positions_entry(NO_ACCOUNT);
        let before: Positions = read(self.ports, &entry).await?.unwrap_or_default();
        let mut positions = before.clone();
        for at in 0..self.receivers.len() {
            let Endpoint { id, created, .. } = self.receivers[at].endpoint.clone();
            let position = positions.entry(id).or_default();
            let is_new = |message: &&Message| message.seq > position.after && message.timestamp >= created;
            let new: Vec<Message> = messages.iter().map(|(_, message)| message).filter(is_new).cloned().collect();
            if self.is_due(at, position) {
                self.send_all(at, position, &new).await?;
            }
            self.leaves_some |= position.failed.is_some();
            if position.failed.is_none() {
                position.after = position.after.max(messages.last().map_or(0, |(_, last)| last.seq));
            }
        }
        if positions != before {
            write(self.ports, &entry, &positions).await?;
        }
        let all_have = self.receivers.iter().map(|it| positions.get(&it.endpoint.id).map_or(0, |it| it.after)).min();
        for (key, message) in messages {
            let is_old = self.now.since(message.timestamp) >= GIVEN_UP_AFTER;
            if is_old || all_have.is_some_and(|all_have| message.seq <= all_have) {
                self.ports.delete(&key).await?;
            }
        }
        Ok(())
    }

    fn is_due(&self, at: usize, position: &Position) -> bool {
        let Receiver { health, failures, .. } = &self.receivers[at];
        let waited = position.failed.is_none_or(|failed| {
            self.now >= failed.plus(wait_after(position.attempts))
                || health.recovered.is_some_and(|recovered| recovered > failed)
        });
        waited && *failures < FAILURES_IN_A_RUN && !self.is_through()
    }

    /// Sends messages in order, and says whether all of them are done with: taken, not wanted or given up.
    async fn send_all(&mut self, at: usize, position: &mut Position, messages: &[Message]) -> Result<bool, Fault> {
        for message in messages {
            if self.receivers[at].endpoint.wants(message) {
                if self.receivers[at].failures >= FAILURES_IN_A_RUN || self.is_through() {
                    return Ok(false);
                }
                self.sent += 1;
                let sent = send(self.ports, self.master_key, &self.receivers[at].endpoint, message, self.now).await;
                self.notice_health(at, sent.is_ok()).await?;
                if sent == Err(Failure::Unanswered) {
                    // Waiting for it again would hold up everyone else.
                    self.receivers[at].failures = FAILURES_IN_A_RUN;
                }
                if let Err(failure) = sent {
                    position.attempts += 1;
                    position.failed = Some(self.now);
                    if self.now.since(message.timestamp) < GIVEN_UP_AFTER {
                        return Ok(false);
                    }
                    self.give_up(at, position, message, &failure).await?;
                }
            }
            *position = Position { after: message.seq, ..Position::default() };
        }
        Ok(true)
    }

    async fn give_up(&self, at: usize, position: &Position, message: &Message, failure: &Failure) -> Result<(), Fault> {
        let Endpoint { id, .. } = &self.receivers[at].endpoint;
        let (given_up, attempts, reason) = (self.now, position.attempts, failure.to_string());
        let dead = DeadLetter { message: message.clone(), given_up, attempts, reason };
        tell(self.ports, "webhook.given_up", &[("webhook", id), ("message", &message.id)], failure);
        write(self.ports, &format!("{}{}", dead_letters(id), message.id), &dead).await
    }

    /// Remembers how an endpoint does, where that has changed.
    async fn notice_health(&mut self, at: usize, took: bool) -> Result<(), Fault> {
        let Receiver { endpoint, health, failures } = &mut self.receivers[at];
        match (took, health.failing_since) {
            (true, Some(_)) => *health = Health { failing_since: None, recovered: Some(self.now) },
            (false, None) => health.failing_since = Some(self.now),
            _ => {
                *failures += u32::from(!took);
                return Ok(());
            }
        }
        *failures += u32::from(!took);
        write(self.ports, &health_entry(&endpoint.id), health).await
    }
}
