//! What a command is about to change: the entries that it appends, and the till as it leaves it.
//!
//! Invariant: usage is sealed before anything else is booked. So between two entries the balance of the chain is the balance on
//! which the account was decided. The till is written anew with every entry, so its number alone shows who has seen an older one.

use std::borrow::Cow;

use super::{
    account::Account,
    command::Answer,
    decide::Decision,
    entry::{Cause, Entry},
    event::Event,
    lease_offer::LONGEST_LEASE,
    series::Hours,
    till::{Desk, Register, Till},
};
use crate::time::Timestamp;

/// How many numbers an account leaves out when its till was lost. It is more than it can have given since it last sealed usage:
/// an hour of 290 leases a second.
const LEFT_OUT: u64 = 1 << 20;

/// An account while a command is decided on it. A copy tries what may be refused.
#[derive(Clone)]
pub(super) struct Draft<'a> {
    account: Cow<'a, Account>,
    at: Timestamp,
    entries: Vec<Entry>,
    /// The till as it becomes, where it changes.
    till: Option<Till>,
    /// The register, where it changes. It may be large, so who changes the till alone does not copy it.
    register: Option<Register>,
    /// Usage of hours that are over, for the store.
    hours: Hours,
    /// How often the till was written so far. `None` where there is none, and none is made.
    written: Option<u64>,
}

impl<'a> Draft<'a> {
    /// A draft of what happens to `account` at `at`.
    pub(super) fn new(account: &'a Account, at: Timestamp) -> Self {
        let written = Some(account.desk.till.number).filter(|number| *number > 0);
        Self {
            account: Cow::Borrowed(account),
            at,
            entries: Vec::new(),
            till: None,
            register: None,
            hours: Hours::new(),
            written,
        }
    }

    /// The account with all that was appended. What else was changed shows once something is appended.
    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// Appends an entry, after one that seals the usage that is not sealed yet.
    pub(super) fn append(&mut self, cause: Option<Cause>, event: Event) {
        self.seal();
        self.turn(|account, desk, entries, at| push(account, desk, entries, (at, cause, event)));
    }

    /// Seals the usage that is not sealed yet.
    pub(super) fn seal(&mut self) {
        let till = self.till.as_ref().unwrap_or(&self.account.desk.till);
        // Nothing was booked since, so the seal is of the time of what it seals, and in the month of it.
        let Some(booked) = till.booked().map(|booked| booked.max(self.account.last)) else { return };
        self.change_register();
        self.turn(|account, desk, entries, _| {
            let sealed = Event::UsageSealed(desk.take_usage());
            push(account, desk, entries, (booked, None, sealed));
        });
    }

    /// The till, to be changed. An account that has none begins one.
    pub(super) fn till(&mut self) -> &mut Till {
        if self.written.is_none() {
            self.begin_till();
        }
        let account = &self.account;
        self.till.get_or_insert_with(|| account.desk.till.clone())
    }

    /// Changes till and register.
    pub(super) fn at_desk(&mut self, change: impl FnOnce(&mut Desk)) {
        self.till();
        self.change_register();
        let mut desk =
            Desk { till: self.till.take().unwrap_or_default(), register: self.register.take().unwrap_or_default() };
        change(&mut desk);
        (self.till, self.register) = (Some(desk.till), Some(desk.register));
    }

    /// Takes the hours that are over out of the register.
    pub(super) fn hand_over_hours(&mut self) {
        let at = self.at;
        let mut over = Hours::new();
        self.at_desk(|desk| over = desk.take_hours(at));
        self.hours.append(&mut over);
    }

    fn change_register(&mut self) {
        let account = &self.account;
        self.register.get_or_insert_with(|| account.desk.register.clone());
    }

    /// Moves what old entries say of leases and batches into a till and a register. An account that has lost its till gives other
    /// numbers than it may have given before.
    fn begin_till(&mut self) {
        let issued = self.account.issued.map_or(self.account.version, |issued| issued.saturating_add(LEFT_OUT));
        self.change_register();
        self.turn(|account, desk, entries, at| {
            let mut begun = desk.clone();
            begun.till.issued = issued;
            push(account, desk, entries, (at, None, Event::TillBegun { issued }));
            *desk = begun;
        });
        self.written = Some(0);
    }

    /// Takes entries of a copy for the book's own. Leases that the copy does not know may still be out. So no other is given
    /// before they have ended, and none gets the number of one of them.
    pub(super) fn restore(&mut self, copy: &[Entry]) {
        self.change_register();
        self.turn(|account, desk, entries, at| {
            for entry in copy {
                account.book(entry, desk);
                entries.push(entry.clone());
            }
            if let Some(given) = account.issued {
                desk.till.issued = desk.till.issued.max(given).saturating_add(LEFT_OUT);
                desk.till.withheld_until = at.plus(LONGEST_LEASE);
            }
        });
        let has_till = self.account.issued.is_some();
        self.written = self.written.or(has_till.then_some(0));
    }

    fn turn(&mut self, change: impl FnOnce(&mut Account, &mut Desk, &mut Vec<Entry>, Timestamp)) {
        let account = self.account.to_mut();
        let laid = account.lift();
        let changes_register = self.register.is_some();
        let mut desk = Desk {
            till: self.till.take().unwrap_or(laid.till),
            register: self.register.take().unwrap_or(laid.register),
        };
        change(account, &mut desk, &mut self.entries, self.at);
        account.lay(desk.clone());
        (self.till, self.register) = (Some(desk.till), changes_register.then_some(desk.register));
    }

    /// What is to be written.
    pub(super) fn finish(self, answer: Answer) -> Decision {
        let (after, at) = (self.account.version, self.at);
        let (mut till, mut register) = (None, None);
        if let Some(number) = self.written
            && let Some(changed) = self.till
        {
            let number = number + 1;
            register = self.register.map(|register| Register { number, ..register });
            let written = register.as_ref().map_or(changed.register, Register::number);
            till = Some(Till { number, after, register: written, at: at.max(changed.at), ..changed });
        }
        Decision { entries: self.entries, till, register, hours: self.hours, answer }
    }
}

fn push(
    account: &mut Account,
    desk: &mut Desk,
    entries: &mut Vec<Entry>,
    (at, cause, event): (Timestamp, Option<Cause>, Event),
) {
    let entry = Entry::seal(account.head, account.version + 1, at, cause, event);
    account.book(&entry, desk);
    entries.push(entry);
}
