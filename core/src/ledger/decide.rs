//! What a command makes of an account: the entries to append, or why there are none.
//!
//! Invariant: nothing is booked that is not in an entry, and a command is carried out whole or refused. A command that
//! is repeated under its key answers what it answered before and books nothing.
#![deny(clippy::float_arithmetic)]

use super::{
    account::Account,
    books::{self, Book},
    chain::{self, BrokenChain},
    command::{AccountTerms, Answer, Command, IdempotencyKey, PackageTerms, Refusal},
    entry::{Cause, Entry, Hash},
    event::{Event, Leased},
    evolve::{booked, on_balance},
    leasing::{self, Wish},
    renewing::{self, Sold},
    settling, subscription, ticking,
};
use crate::{
    id::{LeaseId, WriterId},
    lease::Lease,
    money::{Currency, Micros},
    time::Timestamp,
};

/// The most that the balance and the books beside it may hold, either way: a thousandth of what the number can.
const MOST_HELD: Micros = Micros::new(i64::MAX / 1_000);

/// The most credit that can be agreed on: a billion, which whoever means it can still read.
const MOST_CREDIT: Micros = Micros::new(1_000_000_000_000_000);

/// The most renewals that one command carries out. What is due beyond is left for the next one.
const RENEWED_AT_ONCE: usize = 100;

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
    if !account.is_open() && !matches!(command, Command::Open { .. } | Command::Restore { .. }) {
        return Err(Refusal::NotOpen);
    }
    let cause = key.filter(|_| command.moves_money()).map(|key| cause(key, command));
    if let Some(cause) = &cause
        && let Some(known) = account.keys.get(&cause.key)
    {
        let same = known.content == cause.content;
        return if same { Ok(nothing(known.answer.clone())) } else { Err(Refusal::KeyReused) };
    }
    // A copy goes on where the book ends, and has the renewals that were due in it.
    let due = if matches!(command, Command::Restore { .. }) { None } else { renew(account, Sold::by(command), at) };
    let Some((mut entries, renewed)) = due else { return carry_out(account, cause, command, at) };
    let decision = carry_out(&renewed, cause, command, at)?;
    entries.extend(decision.entries);
    Ok(Decision { entries, answer: decision.answer })
}

/// Carries out the renewals that are due of what is `sold`, so that a command meets an account whose subscriptions are up to date.
fn renew(account: &Account, sold: Sold<'_>, at: Timestamp) -> Option<(Vec<Entry>, Account)> {
    renewing::due(account, sold, at)?;
    let (mut entries, mut renewed) = (Vec::new(), account.clone());
    while let Some(event) = renewing::due(&renewed, sold, at).filter(|_| entries.len() < RENEWED_AT_ONCE) {
        for entry in sealed(&renewed, at, None, vec![event]) {
            renewed.evolve(&entry);
            entries.push(entry);
        }
    }
    Some((entries, renewed))
}

fn carry_out(account: &Account, cause: Option<Cause>, command: &Command, at: Timestamp) -> Result<Decision, Refusal> {
    let event = match command {
        Command::Open { currency } => return open(account, *currency, at),
        Command::Lease { product, writer, rate, want, lasting } => {
            let wish = Wish { product, rate: rate.as_ref(), want, lasting: *lasting };
            return lease(account, writer, wish, at);
        }
        Command::Restore { entries } => return restore(account, entries),
        Command::Settle { batches } => {
            let (settlement, settled) = settling::settle(account, batches);
            let events = settlement.map(Event::Settled).into_iter().collect();
            return Ok(Decision { entries: sealed(account, at, None, events), answer: Answer::Settled(settled) });
        }
        Command::Tick { seen, gone } => {
            let events = ticking::tick(account, seen, gone, at);
            return Ok(Decision { entries: sealed(account, at, None, events), answer: Answer::Ticked { due: None } });
        }
        Command::Recharge { amount, currency, reference } => recharge(account, *amount, *currency, reference.clone())?,
        Command::Refund { amount, reference } => refund(account, *amount, reference.clone())?,
        Command::Adjust { amount, reason } => adjust(account, *amount, reason.clone())?,
        Command::Purchase(terms) => purchase(account, terms, at)?,
        Command::SetTerms(terms) => set_terms(account, terms)?,
        Command::ExchangeTerms { before, .. } if *before != account.terms => return Err(Refusal::TermsChanged),
        Command::ExchangeTerms { after, .. } => set_terms(account, after)?,
        Command::SetStatus { suspended } if account.suspended == *suspended => {
            return Ok(nothing(Answer::Booked { entry: account.version, balance: account.balance(), grant: None }));
        }
        Command::SetStatus { suspended } => Event::StatusSet { suspended: *suspended },
        Command::Subscribe(terms) => renewing::subscribe(account, terms, at)?,
        Command::Cancel { subscription, at_once } => renewing::cancel(account, *subscription, *at_once, at)?,
        Command::ChangePlan { subscription, terms } => renewing::change(account, *subscription, terms, at)?,
    };
    let balance = account.balance().saturating_add(on_balance(&books::postings(&event)));
    let answer = booked(balance, account.version + 1, &event);
    Ok(Decision { entries: sealed(account, at, cause, vec![event]), answer })
}

/// What a command was asked for with. The terms of an offer are the catalog's and not the caller's: they may be others
/// when the same request is sent again, and it is the same request all the same.
fn cause(key: &IdempotencyKey, command: &Command) -> Cause {
    let content = match command {
        Command::Purchase(terms) => Hash::of(&("purchase", &terms.product, &terms.offer)),
        Command::Subscribe(terms) => Hash::of(&("subscribe", &terms.product, &terms.offer)),
        Command::ChangePlan { subscription, terms } => {
            Hash::of(&("change plan", subscription, &terms.product, &terms.offer))
        }
        other => Hash::of(other),
    };
    Cause { key: key.clone(), content }
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

fn open(account: &Account, currency: Currency, at: Timestamp) -> Result<Decision, Refusal> {
    match account.currency {
        Some(ours) if ours == currency => Ok(nothing(Answer::Opened)),
        Some(_) if !account.is_blank() => Err(Refusal::AlreadyOpen),
        _ => {
            let entries = sealed(account, at, None, vec![Event::Opened { currency }]);
            Ok(Decision { entries, answer: Answer::Opened })
        }
    }
}

/// Entries that follow those that are there, whole as they were written.
fn restore(account: &Account, copy: &[Vec<u8>]) -> Result<Decision, Refusal> {
    let copy: Result<Vec<Entry>, _> = copy.iter().map(|bytes| Entry::from_bytes(bytes)).collect();
    let copy = copy.map_err(|_| Refusal::OtherBook(BrokenChain::Changed(account.version + 1)))?;
    let known = copy.partition_point(|entry| entry.seq <= account.version);
    let (known, new) = copy.split_at(known);
    if let Some(last) = known.last().filter(|last| last.seq == account.version && last.hash != account.head) {
        return Err(Refusal::OtherBook(BrokenChain::Changed(last.seq)));
    }
    chain::verify(account.version, account.head, new).map_err(Refusal::OtherBook)?;
    let begins = account.is_open() || new.first().is_none_or(|first| matches!(first.event, Event::Opened { .. }));
    if !begins || new.first().is_some_and(|first| first.at < account.last) {
        return Err(Refusal::OtherBook(BrokenChain::Time(account.version + 1)));
    }
    Ok(Decision { entries: new.to_vec(), answer: Answer::Opened })
}

fn recharge(
    account: &Account,
    amount: Micros,
    currency: Currency,
    reference: Option<String>,
) -> Result<Event, Refusal> {
    if let Some(ours) = account.currency.filter(|ours| *ours != currency) {
        return Err(Refusal::Currency(ours));
    }
    if !amount.is_positive() || !fits(account, Book::Payments, amount) {
        return Err(Refusal::Amount);
    }
    payable(account, amount)?;
    Ok(Event::Recharged { amount, reference })
}

/// Only money that was received and is there is paid back, not credit and not what was given by a correction.
fn refund(account: &Account, amount: Micros, reference: Option<String>) -> Result<Event, Refusal> {
    if !amount.is_positive() {
        return Err(Refusal::Amount);
    }
    payable(account, amount)?;
    let received = account.books.get(Book::Payments).negated();
    let available = account.balance().saturating_sub(account.leased()).min(received);
    if amount > available {
        return Err(Refusal::Balance { available, needed: amount });
    }
    Ok(Event::Refunded { amount, reference })
}

fn adjust(account: &Account, amount: Micros, reason: String) -> Result<Event, Refusal> {
    if amount == Micros::ZERO || !fits(account, Book::Adjustments, amount) {
        return Err(Refusal::Amount);
    }
    Ok(Event::Adjusted { amount, reason })
}

/// What changes hands outside of the book is a whole number of the currency's smallest coin: there is no half yen. What the
/// book moves by itself, such as the price of a call, may be finer.
fn payable(account: &Account, amount: Micros) -> Result<(), Refusal> {
    match account.currency {
        Some(currency) if !currency.can_be_paid(amount) => Err(Refusal::TooFine(currency)),
        _ => Ok(()),
    }
}

/// Whether `amount` can be moved from `book` to the balance without leaving the range of either.
fn fits(account: &Account, book: Book, amount: Micros) -> bool {
    let after = [account.balance().checked_add(amount), account.books.get(book).checked_sub(amount)];
    after.iter().all(|held| held.is_some_and(|held| (MOST_HELD.negated()..=MOST_HELD).contains(&held)))
}

fn purchase(account: &Account, terms: &PackageTerms, at: Timestamp) -> Result<Event, Refusal> {
    if terms.price < Micros::ZERO || terms.quantities.is_empty() {
        return Err(Refusal::Amount);
    }
    account.covers(terms.price)?;
    Ok(Event::Purchased { terms: terms.clone(), until: terms.valid.map(|valid| at.plus(valid)) })
}

fn set_terms(account: &Account, terms: &AccountTerms) -> Result<Event, Refusal> {
    if terms.credit_limit < Micros::ZERO || terms.credit_limit > MOST_CREDIT {
        return Err(Refusal::Amount);
    }
    payable(account, terms.credit_limit)?;
    subscription::time_zone(terms.time_zone.as_deref()).ok_or(Refusal::Calendar)?;
    Ok(Event::TermsSet(terms.clone()))
}

fn lease(account: &Account, writer: &WriterId, wish: Wish<'_>, at: Timestamp) -> Result<Decision, Refusal> {
    if account.suspended {
        return Err(Refusal::Suspended);
    }
    let offer = leasing::offer(account, wish, at)?;
    let seq = account.version + 1;
    let answer = Answer::Leased(Lease {
        id: LeaseId(seq),
        allowance: offer.allowance.clone(),
        until: offer.until,
        lasts: offer.until.since(at),
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
