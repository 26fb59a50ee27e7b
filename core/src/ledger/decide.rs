//! What a command makes of an account: the entries to append, or why there are none.
//!
//! Invariant: a command is carried out whole or refused. Money that changes hands is in an entry; usage is in the till until it
//! is sealed into one. A command that is repeated under its key answers what it answered before and books nothing.
#![deny(clippy::float_arithmetic)]

use super::{
    account::{Account, BookedLease},
    books::Book,
    chain::{self, BrokenChain},
    command::{AccountBatch, AccountTerms, Answer, Command, IdempotencyKey, PackageTerms, Refusal, Seen},
    credential_limits,
    draft::Draft,
    entry::{Cause, Entry, Hash},
    event::Event,
    evolve::booked,
    lease_offer::{self, Wish},
    payment,
    renewal::{self, Sold},
    sale::Sale,
    series::Hours,
    settlement, subscription, tick,
    till::{Register, Till},
    usage::Source,
};
use crate::{
    credential_limit::LimitedBy,
    id::{LeaseId, LineId, ProductId, WriterId},
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
    /// The till to be put in place of the account's, in one step with the entries. `None` when it stays.
    pub till: Option<Till>,
    /// The same for the register, which is never written without the till.
    pub register: Option<Register>,
    /// Usage of hours that are over: to be added to the store's rows of them and of their days, in one step with the rest.
    pub hours: Hours,
    /// To be given once all is written.
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
    let mut draft = Draft::new(account, at);
    // A copy has the renewals that were due in it, and a seal only shows what was booked.
    if !matches!(command, Command::Restore { .. } | Command::Seal) {
        renew(&mut draft, Sold::by(command), at);
    }
    carry_out(draft, cause, command, at)
}

/// Carries out the renewals that are due of what is `sold`, so that a command meets an account whose subscriptions are up to date.
fn renew(draft: &mut Draft<'_>, sold: Sold<'_>, at: Timestamp) {
    for _ in 0..RENEWED_AT_ONCE {
        let Some(event) = renewal::due(draft.account(), sold, at) else { return };
        draft.append(None, event);
    }
}

fn carry_out(
    mut draft: Draft<'_>,
    cause: Option<Cause>,
    command: &Command,
    at: Timestamp,
) -> Result<Decision, Refusal> {
    let account = draft.account();
    let event = match command {
        Command::Open { currency } => return open(draft, *currency),
        Command::Lease { product, writer, rate, want, units_of_call, lasting, while_plenty, limited } => {
            let (units_of_call, lasting, while_plenty) = (*units_of_call, *lasting, *while_plenty);
            let wish = Wish { product, rate: rate.as_ref(), want, units_of_call, lasting, while_plenty };
            return lease(draft, writer, wish, limited.as_ref(), at);
        }
        Command::Restore { entries } => return restore(draft, entries),
        Command::Settle { batches } => return Ok(settle(draft, batches, at)),
        Command::Tick { seen, gone } => return Ok(tick(draft, seen, gone, at)),
        Command::Seal => {
            draft.seal();
            return Ok(draft.finish(Answer::Ticked { due: None }));
        }
        Command::Pay(paid) => return payment::pay(draft, cause, paid, at),
        Command::Reverse { amount, reference } => payment::reverse(account, *amount, reference.clone())?,
        Command::Recharge { amount, currency, reference } => recharge(account, *amount, *currency, reference.clone())?,
        Command::Refund { amount, reference } => refund(account, *amount, reference.clone())?,
        Command::Adjust { amount, reason } => adjust(account, *amount, reason.clone())?,
        Command::Purchase(terms) => purchase(account, terms, at)?,
        Command::SetTerms(terms) => set_terms(account, terms)?,
        Command::ExchangeTerms { before, .. } if *before != account.terms => return Err(Refusal::TermsChanged),
        Command::ExchangeTerms { after, .. } => set_terms(account, after)?,
        Command::SetStatus { suspended } if account.suspended == *suspended => {
            let answer = Answer::Booked { entry: account.version, balance: account.balance(), grant: None };
            return Ok(draft.finish(answer));
        }
        Command::SetStatus { suspended } => Event::StatusSet { suspended: *suspended },
        Command::Subscribe(terms) => renewal::subscribe(account, terms, at)?,
        Command::Cancel { subscription, at_once } => renewal::cancel(account, *subscription, *at_once, at)?,
        Command::ChangePlan { subscription, terms } => renewal::change(account, *subscription, terms, at)?,
    };
    draft.append(cause, event.clone());
    let answer = booked(draft.account().balance(), draft.account().version, &event);
    Ok(draft.finish(answer))
}

/// Books usage. What was used in an hour that is over is sealed first.
fn settle(mut draft: Draft<'_>, batches: &[AccountBatch], at: Timestamp) -> Decision {
    let (settlement, settled) = settlement::settle(draft.account(), batches);
    if let Some((settlement, hours)) = settlement {
        if draft.account().desk.till.has_older_usage(at) {
            draft.seal();
        }
        let spent = credential_limits::spent(draft.account(), &settlement.usage);
        draft.at_desk(|desk| {
            desk.till.limits.spend(&spent);
            desk.settle(&settlement, at);
            desk.count(&hours);
        });
        draft.hand_over_hours();
    }
    draft.finish(Answer::Settled(settled))
}

/// Does what the time demands.
fn tick(mut draft: Draft<'_>, seen: &Seen, gone: &[ProductId], at: Timestamp) -> Decision {
    if draft.account().desk.till.has_older_usage(at) {
        draft.seal();
    }
    let due = tick::tick(draft.account(), seen, gone, at);
    if !due.lapsed.is_empty() {
        draft.at_desk(|desk| desk.lapse(&due.lapsed, at));
    }
    if let Some(before) = due.forgotten {
        draft.at_desk(|desk| desk.forget_batches(before));
    }
    if !due.ended.is_empty() {
        draft.at_desk(|desk| desk.end_lines(due.ended, at));
    }
    if draft.account().desk.till.limits.notices().next().is_some() {
        draft.at_desk(|desk| desk.till.limits.note_told());
    }
    due.events.into_iter().for_each(|event| draft.append(None, event));
    draft.finish(Answer::Ticked { due: None })
}

/// What a command was asked for with.
fn cause(key: &IdempotencyKey, command: &Command) -> Cause {
    let content = match command {
        Command::Pay(paid) => paid.content(),
        command => Sale::by(command).map_or_else(|| Hash::of(command), |sale| sale.content()),
    };
    Cause { key: key.clone(), content }
}

const fn nothing(answer: Answer) -> Decision {
    Decision { entries: Vec::new(), till: None, register: None, hours: Hours::new(), answer }
}

fn open(mut draft: Draft<'_>, currency: Currency) -> Result<Decision, Refusal> {
    let account = draft.account();
    match account.currency {
        Some(ours) if ours == currency => {}
        Some(_) if !account.is_blank() => return Err(Refusal::AlreadyOpen),
        _ => draft.append(None, Event::Opened { currency }),
    }
    Ok(draft.finish(Answer::Opened))
}

/// Entries that follow those that are there, whole as they were written. Who has booked something since then has another book.
fn restore(mut draft: Draft<'_>, copy: &[Vec<u8>]) -> Result<Decision, Refusal> {
    let account = draft.account();
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
    let till = &account.desk.till;
    let is_idle = till.number == 0 || (till.leases.is_empty() && till.booked().is_none());
    if !new.is_empty() && !is_idle {
        return Err(Refusal::OtherBook(BrokenChain::Link(account.version + 1)));
    }
    if !new.is_empty() {
        draft.restore(new);
    }
    Ok(draft.finish(Answer::Opened))
}

pub(super) fn recharge(
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
pub(super) fn payable(account: &Account, amount: Micros) -> Result<(), Refusal> {
    match account.currency {
        Some(currency) if !currency.can_be_paid(amount) => Err(Refusal::TooFine(currency)),
        _ => Ok(()),
    }
}

/// Whether `amount` can be moved from `book` to the balance without leaving the range of either.
pub(super) fn fits(account: &Account, book: Book, amount: Micros) -> bool {
    let after = [account.balance().checked_add(amount), account.books.get(book).checked_sub(amount)];
    after.iter().all(|held| held.is_some_and(|held| (MOST_HELD.negated()..=MOST_HELD).contains(&held)))
}

pub(super) fn purchase(account: &Account, terms: &PackageTerms, at: Timestamp) -> Result<Event, Refusal> {
    if terms.price < Micros::ZERO || terms.quantities.is_empty() {
        return Err(Refusal::Amount);
    }
    if terms.once && account.grants.values().any(|grant| grant.offer == terms.offer) {
        return Err(Refusal::SoldOnce);
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

fn lease(
    mut draft: Draft<'_>,
    writer: &WriterId,
    wish: Wish<'_>,
    by: Option<&LimitedBy>,
    at: Timestamp,
) -> Result<Decision, Refusal> {
    let account = draft.account();
    if account.suspended {
        return Err(Refusal::Suspended);
    }
    if at < account.desk.till.withheld_until {
        return Err(Refusal::QuotaExhausted { leased: true });
    }
    let limited = by.map(|by| account.desk.till.limits.of(by, at));
    let room = limited.as_ref().map(|limited| limited.room(account));
    let offer = lease_offer::offer(account, wish, room.as_ref(), at)?;
    let till = draft.till();
    till.issued += 1;
    let id = LeaseId(till.issued);
    let lease = BookedLease {
        product: wish.product.clone(),
        writer: writer.clone(),
        source: offer.source.unwrap_or(Source::Balance(LineId(id.0))),
        allowance: offer.allowance.clone(),
        since: at,
        until: offer.until,
        used: Default::default(),
        announced: None,
    };
    till.open_lease(id, lease, offer.begins);
    if let Some((by, limited)) = by.zip(limited) {
        till.limits.lease(by.credential.clone(), limited, id);
    }
    let answer = Answer::Leased(Lease {
        id,
        allowance: offer.allowance,
        until: offer.until,
        lasts: offer.until.since(at),
        beside: offer.beside,
        policy: offer.policy,
        quantity: offer.quantity,
    });
    Ok(draft.finish(answer))
}
