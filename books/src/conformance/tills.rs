//! What every store must do with tills and registers: put one in the place of the one before it, and in one step with entries.

use farebox_core::{
    id::{AccountId, BatchId, LeaseId, ProductId, WriterId},
    journal::{Line, Window},
    ledger::{
        Account, Answer, Command, Decision, Register, Till,
        command::{AccountBatch, PackageTerms},
        decide,
    },
    meter::{Meter, Usage},
    money::Micros,
    time::SECOND,
};

use super::{ENTRIES, all, recharge, time};
use crate::{Accounts, Change, EntryStore, WriteError, ask, execute};

/// Batches with gaps between them, each some 20 bytes of the register: more than a megabyte in all, which one row may not hold.
const BATCHES: u64 = 60_000;

/// Runs every check on an account that is open, and that has no till.
pub(super) async fn check<S: EntryStore>(one: &S, other: &S, account: &AccountId) {
    a_book_without_a_till_has_none(one, account).await;
    a_first_till_is_made_once(one, other, account).await;
    of_two_leases_that_were_decided_on_the_same_till_one_is_given(one, other, account).await;
    entries_and_till_are_written_in_one_step_or_not_at_all(one, other, account).await;
    a_register_goes_with_the_till_that_it_was_written_with(one, other, account).await;
    an_instance_that_knows_nothing_sees_what_is_out(one, other, account).await;
}

fn product() -> ProductId {
    "p".parse().expect("it is an id")
}

pub(super) fn lease(writer: &str) -> Command {
    Command::Lease {
        product: product(),
        writer: writer.parse().expect("it is an id"),
        rate: None,
        want: Usage { calls: 1, ..Usage::default() },
        units_of_call: 0,
        lasting: SECOND,
        while_plenty: 0,
        limited: None,
    }
}

pub(super) fn batch(writer: &str, sequence: u64, lease: LeaseId) -> AccountBatch {
    let line = Line {
        account: "a".parse().expect("it is an id"),
        credential: "k".parse().expect("it is an id"),
        product: product(),
        lease,
        usage: Usage { calls: 1, ..Usage::default() },
        shares: Vec::new(),
    };
    let writer: WriterId = writer.parse().expect("it is an id");
    let id = BatchId { writer, sequence };
    AccountBatch { id, window: Window::of(time(ENTRIES)), lines: vec![line], closings: Vec::new() }
}

async fn account<S: EntryStore>(store: &S, id: &AccountId) -> Account {
    ask(store, &Accounts::default(), id, Clone::clone).await.expect("the account is read")
}

/// What a command comes to. Commands of these checks are at most an hour apart, and after all others of the suite.
fn decided(account: &Account, command: &Command) -> Decision {
    decide(account, None, command, time(2 * ENTRIES)).expect("the command is carried out")
}

fn change<'a>(account: &Account, decision: &'a Decision) -> Change<'a> {
    let Decision { entries, till, register, .. } = decision;
    let (till, register) = (till.as_ref(), register.as_ref());
    Change { after: account.version(), entries, till, replaces: account.till().number(), register, series: &[] }
}

async fn held<S: EntryStore>(store: &S, id: &AccountId) -> (u64, Option<Till>, Option<Register>) {
    let news = store.news(id, 0, 0).await.expect("news are read");
    let register = store.register(id).await.expect("a register is read");
    (all(store, id).await.len() as u64, news.till, register)
}

async fn a_book_without_a_till_has_none<S: EntryStore>(store: &S, id: &AccountId) {
    let (_, till, register) = held(store, id).await;
    assert_eq!((till, register), (None, None), "only money has moved in this book");
}

async fn a_first_till_is_made_once<S: EntryStore>(one: &S, other: &S, id: &AccountId) {
    let bought = Command::Purchase(PackageTerms {
        product: product(),
        offer: "all".parse().expect("it is an id"),
        price: Micros::ZERO,
        quantities: [(Meter::Calls, 1_000_000)].into_iter().collect(),
        valid: None,
        priority: 0,
        also_for: Vec::new(),
        once: false,
    });
    let done = execute(one, &Accounts::default(), id, None, &bought, time(2 * ENTRIES)).await;
    assert!(matches!(done, Ok(Ok(_))), "a package is bought: {done:?}");
    let known = account(one, id).await;
    let (first, second) = (decided(&known, &lease("w1")), decided(&known, &lease("w2")));
    assert_eq!(one.write(id, change(&known, &first)).await, Ok(()), "a till is made");
    let lost = other.write(id, change(&known, &second)).await;
    assert_eq!(lost, Err(WriteError::Conflict), "there is one already");
    let expected = (known.version() + 1, first.till, first.register);
    assert_eq!(held(other, id).await, expected, "what the one has written, the other reads, and nothing else");
}

async fn of_two_leases_that_were_decided_on_the_same_till_one_is_given<S: EntryStore>(
    one: &S,
    other: &S,
    id: &AccountId,
) {
    let known = account(one, id).await;
    let (first, second) = (decided(&known, &lease("w1")), decided(&known, &lease("w2")));
    assert!(first.entries.is_empty() && first.register.is_none(), "a lease changes the till alone");
    assert_eq!(other.write(id, change(&known, &first)).await, Ok(()), "a till takes the place of the one before");
    let lost = one.write(id, change(&known, &second)).await;
    assert_eq!(lost, Err(WriteError::Conflict), "a lease that was decided on an older till is not given");
    let news = one.news(id, known.version(), known.till().number()).await.expect("news are read");
    assert_eq!((news.entries.len(), news.till), (0, first.till.clone()), "who comes second sees what came first");
    let number = first.till.as_ref().map_or(0, Till::number);
    let news = one.news(id, known.version(), number).await.expect("news are read");
    assert_eq!(news.till, None, "a till that is known is not read again");
}

async fn entries_and_till_are_written_in_one_step_or_not_at_all<S: EntryStore>(one: &S, other: &S, id: &AccountId) {
    let known = account(one, id).await;
    let lease_of_one = decided(&known, &lease("w1"));
    let recharge = decided(&known, &recharge(1));
    assert!(recharge.till.is_some(), "who appends an entry writes the till anew");
    assert_eq!(one.write(id, change(&known, &lease_of_one)).await, Ok(()), "a lease is given");
    let before = held(one, id).await;
    let lost = other.write(id, change(&known, &recharge)).await;
    assert_eq!(lost, Err(WriteError::Conflict), "what was decided on an older till is not appended");
    assert_eq!(held(one, id).await, before, "and no entry without its till");

    let known = account(one, id).await;
    let recharge = decided(&known, &super::recharge(1));
    let stale = Change { after: known.version() - 1, ..change(&known, &recharge) };
    assert_eq!(other.write(id, stale).await, Err(WriteError::Conflict), "what was decided on an older book is refused");
    assert_eq!(held(one, id).await, before, "and no till without its entries");
    assert_eq!(other.write(id, change(&known, &recharge)).await, Ok(()), "both are written");
    let (version, till, _) = held(one, id).await;
    assert_eq!((version, till), (known.version() + 1, recharge.till), "both are there");
    let lease_of_old = decided(&known, &lease("w2"));
    let lost = one.write(id, change(&known, &lease_of_old)).await;
    assert_eq!(lost, Err(WriteError::Conflict), "a lease that was decided on an older balance is not given");
}

async fn a_register_goes_with_the_till_that_it_was_written_with<S: EntryStore>(one: &S, other: &S, id: &AccountId) {
    let accounts = Accounts::default();
    let given = execute(one, &accounts, id, None, &lease("w1"), time(2 * ENTRIES)).await;
    let Ok(Ok(Answer::Leased(leased))) = given else { panic!("a lease got {given:?}") };
    let batches = (0..BATCHES).map(|number| batch("w1", 2 * number, leased.id)).collect();
    let settle = Command::Settle { batches };
    let done = execute(one, &accounts, id, None, &settle, time(2 * ENTRIES)).await;
    let Ok(Ok(Answer::Settled(settled))) = done else { panic!("a settlement got {done:?}") };
    assert_eq!((settled.applied, settled.refused.len()), (BATCHES, 0), "every batch is booked");
    let again = execute(other, &Accounts::default(), id, None, &settle, time(2 * ENTRIES)).await;
    let Ok(Ok(Answer::Settled(settled))) = again else { panic!("a settlement got {again:?}") };
    assert_eq!((settled.applied, settled.known), (0, BATCHES), "an instance that saw none of them knows all of them");
    let (_, till, register) = held(other, id).await;
    let (till, register) = (till.expect("there is a till"), register.expect("there is a register"));
    assert_eq!(till.register(), register.number(), "the till says which register goes with it");
    // A smaller one leaves nothing of the larger one behind.
    let known = account(one, id).await;
    let smaller = Register::default();
    let decision = Decision { register: Some(smaller.clone()), ..decided(&known, &lease("w1")) };
    assert_eq!(one.write(id, change(&known, &decision)).await, Ok(()), "a register takes the place of the one before");
    assert_eq!(held(other, id).await.2, Some(smaller), "a smaller one reads back");
    let known = account(one, id).await;
    let back = Decision { register: Some(register.clone()), ..decided(&known, &lease("w1")) };
    assert_eq!(one.write(id, change(&known, &back)).await, Ok(()), "a larger one takes its place");
    assert_eq!(held(other, id).await.2, Some(register), "a larger one reads back");
}

async fn an_instance_that_knows_nothing_sees_what_is_out<S: EntryStore>(one: &S, other: &S, id: &AccountId) {
    let known = account(one, id).await;
    let cold = account(other, id).await;
    assert_eq!(cold.leases().count(), known.leases().count(), "no lease is lost by a restart");
    assert!(cold.leases().count() > 1, "leases that were not returned are out");
    assert_eq!(cold, known, "two instances that know nothing see the same account");
}
