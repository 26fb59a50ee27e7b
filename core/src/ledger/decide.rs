//! What a command makes of an account: the entries to append, or why there are none.
//!
//! Invariant: nothing is booked that is not in an entry, and a command is carried out whole or refused. A command that
//! is repeated under its key answers what it answered before and books nothing.
#![deny(clippy::float_arithmetic)]

use super::{
    account::Account,
    books::{self, Book},
    command::{Answer, Command, IdempotencyKey, PackageTerms, Refusal},
    entry::{Cause, Entry, Hash},
    event::{Event, Leased},
    evolve::{booked, on_balance},
    leasing::{self, Wish},
    settling, ticking,
};
use crate::{
    id::{LeaseId, WriterId},
    lease::Lease,
    money::{Currency, Micros},
    time::Timestamp,
};

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// To be appended in this order right after the account's last entry. None when there is nothing to book.
    pub entries: Vec<Entry>,
    /// To be given once they were appended.
    pub answer: Answer,
}

/// Carries out `command` on `account` at `now`, or at the time of the last entry where the clock ran backwards.
///
/// # Errors
/// Why the command cannot be carried out. Nothing is booked then.
pub fn decide(
    account: &Account,
    key: Option<&IdempotencyKey>,
    command: &Command,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let at = account.moment(now);
    if !account.is_open() && !matches!(command, Command::Open { .. }) {
        return Err(Refusal::NotOpen);
    }
    let cause = key.filter(|_| command.moves_money()).map(|key| cause(key, command));
    if let Some(cause) = &cause
        && let Some(known) = account.keys.get(&cause.key)
    {
        let same = known.content == cause.content;
        return if same { Ok(nothing(known.answer.clone())) } else { Err(Refusal::KeyReused) };
    }
    match command {
        Command::Open { currency } => open(account, *currency, at),
        Command::Recharge { amount, currency, reference } => {
            recharge(account, cause, *amount, *currency, reference.clone(), at)
        }
        Command::Purchase(terms) => purchase(account, cause, terms, at),
        Command::Lease { product, writer, rate, want, lasting } => {
            let wish = Wish { product, rate: rate.as_ref(), want, lasting: *lasting };
            lease(account, writer, wish, at)
        }
        Command::Settle { batches } => {
            let (settlement, settled) = settling::settle(account, batches, at);
            let events = settlement.map(Event::Settled).into_iter().collect();
            Ok(Decision { entries: sealed(account, at, None, events), answer: Answer::Settled(settled) })
        }
        Command::Tick { settled_until } => {
            let events = ticking::tick(account, *settled_until);
            Ok(Decision { entries: sealed(account, at, None, events), answer: Answer::Ticked })
        }
    }
}

fn cause(key: &IdempotencyKey, command: &Command) -> Cause {
    Cause { key: key.clone(), content: Hash::of_command(command) }
}

const fn nothing(answer: Answer) -> Decision {
    Decision { entries: Vec::new(), answer }
}

/// Chains `events` to the account's last entry. The command's cause stands on the first.
fn sealed(account: &Account, at: Timestamp, mut cause: Option<Cause>, events: Vec<Event>) -> Vec<Entry> {
    let (mut prev, mut seq) = (account.head, account.version);
    let seal = |event| {
        seq += 1;
        let entry = Entry::seal(prev, seq, at, cause.take(), event);
        prev = entry.hash;
        entry
    };
    events.into_iter().map(seal).collect()
}

/// Books one event that moves money.
fn book(account: &Account, at: Timestamp, cause: Option<Cause>, event: Event) -> Decision {
    let balance = account.balance().saturating_add(on_balance(&books::postings(&event)));
    let answer = booked(balance, account.version + 1, &event);
    Decision { entries: sealed(account, at, cause, vec![event]), answer }
}

fn open(account: &Account, currency: Currency, at: Timestamp) -> Result<Decision, Refusal> {
    match account.currency {
        None => {
            let entries = sealed(account, at, None, vec![Event::Opened { currency }]);
            Ok(Decision { entries, answer: Answer::Opened })
        }
        Some(ours) if ours == currency => Ok(nothing(Answer::Opened)),
        Some(_) => Err(Refusal::AlreadyOpen),
    }
}

fn recharge(
    account: &Account,
    cause: Option<Cause>,
    amount: Micros,
    currency: Currency,
    reference: Option<String>,
    at: Timestamp,
) -> Result<Decision, Refusal> {
    if let Some(ours) = account.currency.filter(|ours| *ours != currency) {
        return Err(Refusal::Currency(ours));
    }
    let fits = |book| account.books.get(book).checked_add(amount).is_some();
    let received = account.books.get(Book::Payments).checked_sub(amount);
    if !amount.is_positive() || !fits(Book::Balance) || received.is_none() {
        return Err(Refusal::Amount);
    }
    Ok(book(account, at, cause, Event::Recharged { amount, reference }))
}

fn purchase(account: &Account, cause: Option<Cause>, terms: &PackageTerms, at: Timestamp) -> Result<Decision, Refusal> {
    if terms.price < Micros::ZERO || terms.quantities.is_empty() {
        return Err(Refusal::Amount);
    }
    let available = account.available();
    if terms.price > available.max(Micros::ZERO) {
        return Err(Refusal::Balance { available, needed: terms.price });
    }
    let until = terms.valid.map(|valid| at.plus(valid));
    Ok(book(account, at, cause, Event::Purchased { terms: terms.clone(), until }))
}

fn lease(account: &Account, writer: &WriterId, wish: Wish<'_>, at: Timestamp) -> Result<Decision, Refusal> {
    let offer = leasing::offer(account, wish, at)?;
    let seq = account.version + 1;
    let answer = Answer::Leased(Lease {
        id: LeaseId(seq),
        allowance: offer.allowance.clone(),
        until: offer.until,
        beside: offer.beside.clone(),
        policy: offer.policy.clone(),
        quantity: offer.quantity,
    });
    let event = Event::Leased(Leased {
        product: wish.product.clone(),
        writer: writer.clone(),
        source: leasing::source(&offer, seq),
        allowance: offer.allowance,
        until: offer.until,
        begins: offer.begins,
    });
    Ok(Decision { entries: sealed(account, at, None, vec![event]), answer })
}
