//! What every store of entries, every ledger, every shared rate limit and every directory must do. It is one suite, which each
//! platform runs over its own.
//!
//! A store that passes keeps the books of [`super::execute`] exact. A ledger that passes bears a crowd, whatever it does so that
//! its writers do not race. A rate limit that passes gives no call twice. The checks need nothing but the ports, and an empty
//! store to begin with. They panic with the rule that does not hold.

use std::collections::{BTreeMap, BTreeSet};

use farebox_core::{
    id::{AccountId, ProductId},
    ledger::{Account, Answer, Command, Entry, IdempotencyKey, Refusal, command::PackageTerms, decide, verify},
    limit::Limit,
    meter::{Meter, Usage},
    money::{Currency, Micros},
    time::{HOUR, MINUTE, Millis, SECOND, Timestamp},
};
use farebox_ports::{Host, Ledger, RateLimits, Taken};
use futures_util::future::join_all;

use super::{Accounts, Asked, Change, EntryStore, WriteError, ask, attempt, execute, last_before};

mod directory;
mod series;
mod statements;
mod tills;

pub use directory::check_directory;

/// Entries of the book that the suite writes: more than one page of any store.
const ENTRIES: u64 = 2_345;

/// Runs every check. `stores` makes a view of the same empty store for each of two instances, as two processes would
/// have it; `account` is the account they both write.
///
/// # Panics
/// When the store does not keep a rule.
pub async fn check<S: EntryStore>(mut stores: impl FnMut() -> S, account: &AccountId) {
    let (one, other) = (stores(), stores());
    an_unknown_account_is_an_empty_book(&one, account).await;
    an_entry_follows_the_one_it_was_decided_on(&one, &other, account).await;
    two_instances_never_lose_a_command(&one, &other, account).await;
    entries_read_back_in_order_and_by_page(&one, account).await;
    entries_are_found_by_time(&one, account).await;
    a_snapshot_saves_a_replay_and_changes_nothing(&one, account).await;
    a_nonce_is_taken_once_by_all(&one, &other, account).await;
    commands_of_one_write_see_those_before_them(&one, account).await;
    tills::check(&one, &other, account).await;
    series::check(&one, &other, account).await;
    statements::check(&one, account).await;
}

/// The most rows that a command may read, however long the book is. They are the snapshot, the till, the two rows of the
/// register, the last entry for the next number, and what a write reads of itself. That is five rows on workerd for each of two
/// entries, the first of which seals usage. Two more are for the till and for each row of the register: 20 in all.
const ROWS_OF_A_COMMAND: u64 = 20;

/// Carries out commands on the long book that [`check`] leaves, by an instance that knows nothing and by one that knows the book.
/// `rows_read` says how many rows the store has read so far.
///
/// # Panics
/// When the store reads more for them than for one on a short book.
pub async fn check_rows_read<S: EntryStore>(store: &S, account: &AccountId, rows_read: impl Fn() -> u64) {
    let known = ask(store, &Accounts::default(), account, Clone::clone).await.expect("the account is read");
    store.save_snapshot(account, known.version(), &known.to_snapshot()).await.expect("a snapshot is saved");
    let accounts = Accounts::default();
    for number in 1..=2 {
        let (key, before) = (IdempotencyKey(format!("rows-{number}")), rows_read());
        let done = execute(store, &accounts, account, Some(&key), &recharge(1), time(ENTRIES + number)).await;
        assert!(matches!(done, Ok(Ok(_))), "a recharge is booked: {done:?}");
        let read = rows_read() - before;
        assert!(read <= ROWS_OF_A_COMMAND, "command {number} on a book of {ENTRIES} entries read {read} rows");
    }
    statements::check_rows_read(store, account, rows_read).await;
}

/// Commands that each instance of a crowd sends at once.
const EACH: usize = 40;

/// Lets `instances` of a ledger carry out commands on one account all at once, each command sent by two of them. `store` is
/// where they keep the books; it must not know `account` yet.
///
/// # Panics
/// When the ledger does not keep a rule.
pub async fn check_crowd<L: Ledger, S: EntryStore>(instances: &[L], store: &S, account: &AccountId) {
    let open = instances[0].execute(account, None, &Command::Open { currency: Currency::NONE }).await;
    assert!(matches!(open, Ok(Ok(_))), "an account opens: {open:?}");
    let commands = instances.iter().enumerate().flat_map(|(at, instance)| {
        (0..EACH).map(move |number| async move {
            let key = IdempotencyKey(format!("pair-{}-{number}", at / 2));
            (key.clone(), instance.execute(account, Some(&key), &recharge(1)).await)
        })
    });
    let mut booked: BTreeMap<IdempotencyKey, BTreeSet<u64>> = BTreeMap::new();
    for (key, answer) in join_all(commands).await {
        let Ok(Ok(Answer::Booked { entry, .. })) = answer else { panic!("a recharge in a crowd got {answer:?}") };
        booked.entry(key).or_default().insert(entry);
    }
    assert!(booked.values().all(|entries| entries.len() == 1), "who sends a command again is told of the same entry");
    let book = all(store, account).await;
    assert!(verify(0, Default::default(), &book).is_ok(), "a crowd leaves one unbroken book");
    let numbers: Vec<u64> = book.iter().map(|entry| entry.seq).skip(1).collect();
    let told: BTreeSet<u64> = booked.into_values().flatten().collect();
    assert_eq!(numbers, told.into_iter().collect::<Vec<_>>(), "each command is in the book, once, and nothing else");
    assert_eq!(numbers.len(), instances.len().div_ceil(2) * EACH, "no command is lost");
}

/// The calls that a crowd of leases may have in all, and what each of them asks for.
const CROWD_CALLS: u64 = 3_000;
const CROWD_WANT: u64 = 8;

/// Lets `instances` of a ledger ask for leases of one account all at once until nothing is left. None of them may give up: each
/// gets a lease, or is told that all is leased out. What was leased is what was bought. `account` must not be known yet.
///
/// # Panics
/// When the ledger does not keep a rule.
pub async fn check_crowd_of_leases<L: Ledger>(instances: &[L], account: &AccountId) {
    let product: ProductId = "p".parse().expect("it is an id");
    let bought = Command::Purchase(PackageTerms {
        product: product.clone(),
        offer: "all".parse().expect("it is an id"),
        price: Micros::ZERO,
        quantities: [(Meter::Calls, CROWD_CALLS)].into_iter().collect(),
        valid: None,
        priority: 0,
        also_for: Vec::new(),
        once: false,
    });
    for command in [Command::Open { currency: Currency::NONE }, bought] {
        let key = IdempotencyKey("begin".to_owned());
        let done = instances[0].execute(account, Some(&key), &command).await;
        assert!(matches!(done, Ok(Ok(_))), "the crowd has something to ask for: {done:?}");
    }
    let want = Usage { calls: CROWD_WANT, ..Usage::default() };
    let asks = instances.iter().enumerate().flat_map(|(at, instance)| {
        let command = Command::Lease {
            product: product.clone(),
            writer: format!("w{at}").parse().expect("it is an id"),
            rate: None,
            want,
            units_of_call: 0,
            lasting: MINUTE,
            while_plenty: 0,
            limited: None,
        };
        (0..EACH).map(move |_| {
            let command = command.clone();
            async move {
                let mut leased = Vec::new();
                loop {
                    match instance.execute(account, None, &command).await {
                        Ok(Ok(Answer::Leased(lease))) => leased.push(lease),
                        Ok(Err(Refusal::QuotaExhausted { leased: true })) => return leased,
                        other => panic!("a lease in a crowd got {other:?}"),
                    }
                }
            }
        })
    });
    let leased: Vec<_> = join_all(asks).await.into_iter().flatten().collect();
    let ids: BTreeSet<_> = leased.iter().map(|lease| lease.id).collect();
    assert_eq!(ids.len(), leased.len(), "no lease is given twice");
    let calls: u64 = leased.iter().filter_map(|lease| lease.allowance.get(Meter::Calls)).sum();
    assert_eq!(calls, CROWD_CALLS, "all that was bought is leased out, and nothing else");
}

/// How many calls an instance takes at once off a bucket of [`check_rate_limits`], and how many it holds.
const SHARE: u32 = 7;
const BUCKET: u32 = 60;

/// Lets `instances` take calls off one bucket all at once, until each is told to wait. What was taken is what the bucket held,
/// and what has come back meanwhile. Nobody may have asked for the bucket before.
///
/// # Panics
/// When the rate limits do not keep a rule.
pub async fn check_rate_limits<P: RateLimits + Host>(instances: &[P]) {
    let limit: Limit = format!("{BUCKET}/hour").parse().expect("it is a limit");
    let interval = HOUR / Millis::from(BUCKET);
    let began = instances[0].now();
    let asks = instances.iter().flat_map(|instance| {
        (0..EACH).map(move |_| async move {
            let mut all = 0;
            loop {
                match instance.take_calls("p/account/crowd", limit, SHARE).await {
                    Ok(Taken::Calls(calls)) if (1..=SHARE).contains(&calls) => all += calls,
                    // Who came late to a crowd is told to wait for as much longer.
                    Ok(Taken::Later(wait)) if (1..=2 * interval).contains(&wait) => return all,
                    other => panic!("who asks for calls in a crowd got {other:?}"),
                }
            }
        })
    });
    let taken: u32 = join_all(asks).await.into_iter().sum();
    let came_back = u32::try_from(instances[0].now().since(began) / interval).unwrap_or(0) + 1;
    assert!((BUCKET..=BUCKET + came_back).contains(&taken), "{taken} calls came out of a bucket of {BUCKET}");
    let other = instances[0].take_calls("p/account/alone", limit, SHARE).await;
    assert_eq!(other, Ok(Taken::Calls(SHARE)), "a bucket is one account's");
}

fn recharge(amount: i64) -> Command {
    Command::Recharge { amount: Micros::new(amount), currency: Currency::NONE, reference: None }
}

fn time(seq: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000).plus(i64::try_from(seq).unwrap_or(0) * SECOND)
}

async fn all<S: EntryStore>(store: &S, account: &AccountId) -> Vec<Entry> {
    store.entries(account, 0, usize::MAX).await.expect("entries are read")
}

async fn an_unknown_account_is_an_empty_book<S: EntryStore>(store: &S, account: &AccountId) {
    assert_eq!(all(store, account).await, [], "the suite begins with an empty store");
    assert_eq!(store.snapshot(account).await, Ok(None), "an account without entries has no snapshot");
}

async fn an_entry_follows_the_one_it_was_decided_on<S: EntryStore>(one: &S, other: &S, account: &AccountId) {
    let empty = Account::default();
    let open = decide(&empty, None, &Command::Open { currency: Currency::NONE }, time(0)).expect("an account opens");
    let change = Change { after: 0, entries: &open.entries, till: None, replaces: 0, register: None, series: &[] };
    assert_eq!(one.write(account, change).await, Ok(()), "the first entry is appended");
    let again = other.write(account, change).await;
    assert_eq!(again, Err(WriteError::Conflict), "what was decided on an older book is refused");
    assert_eq!(all(other, account).await, open.entries, "what one instance appended, the other reads");
}

/// Both instances carry out commands in turn, each with a state that the other has made stale.
async fn two_instances_never_lose_a_command<S: EntryStore>(one: &S, other: &S, account: &AccountId) {
    let accounts = [Accounts::default(), Accounts::default()];
    let mut entries = BTreeSet::new();
    for turn in 1..ENTRIES {
        let (store, accounts) = if turn % 3 == 0 { (one, &accounts[0]) } else { (other, &accounts[1]) };
        let key = IdempotencyKey(format!("key-{turn}"));
        let answer = execute(store, accounts, account, Some(&key), &recharge(1), time(turn)).await;
        let Ok(Ok(Answer::Booked { entry, balance, .. })) = answer else { panic!("a recharge got {answer:?}") };
        assert!(entries.insert(entry), "entry {entry} was given out twice");
        assert_eq!(balance.get().unsigned_abs(), turn, "each command sees all before it");
    }
    let key = IdempotencyKey("key-1".to_owned());
    let repeated = execute(one, &Accounts::default(), account, Some(&key), &recharge(1), time(ENTRIES)).await;
    assert!(
        matches!(repeated, Ok(Ok(Answer::Booked { entry: 2, .. }))),
        "a key is known to an instance that never saw it: {repeated:?}"
    );
}

/// Two recharges, the first of them again, and a refund of more than there is.
async fn commands_of_one_write_see_those_before_them<S: EntryStore>(store: &S, account: &AccountId) {
    let keys = ["together-1", "together-2", "together-1", "together-3"].map(|key| IdempotencyKey(key.to_owned()));
    let too_much = Command::Refund { amount: Micros::new(i64::MAX / 2), reference: None };
    let commands = [recharge(1), recharge(1), recharge(1), too_much];
    let asked = keys.iter().zip(&commands).map(|(key, command)| Asked::new(Some(key), None, command));
    let mut asked: Vec<Asked<'_>> = asked.collect();
    let before = all(store, account).await.len() as u64;
    let done = attempt(store, &Accounts::default(), account, &mut asked, time(ENTRIES)).await;
    assert_eq!(done, Ok(()), "nobody else appends");
    let booked = |nth: u64| match &asked[nth as usize].answer {
        Some(Ok(Answer::Booked { entry, balance, .. })) => (entry - before, balance.get().unsigned_abs() + 1 - before),
        other => panic!("command {nth} got {other:?}"),
    };
    assert_eq!([0, 1, 2].map(booked), [(1, 1), (2, 2), (1, 1)], "each is an entry, and a repeated key is none");
    assert!(matches!(asked[3].answer, Some(Err(Refusal::Balance { .. }))), "{:?}", asked[3].answer);
    assert_eq!(all(store, account).await.len() as u64, before + 2, "what was refused is not in the book");
}

async fn entries_read_back_in_order_and_by_page<S: EntryStore>(store: &S, account: &AccountId) {
    let whole = all(store, account).await;
    assert_eq!(whole.len() as u64, ENTRIES, "no entry is lost or doubled");
    assert!(verify(0, Default::default(), &whole).is_ok(), "entries read back byte for byte");
    let mut paged = Vec::new();
    loop {
        let page = store.entries(account, paged.len() as u64, 100).await.expect("a page is read");
        assert!(page.len() <= 100, "a page is no longer than was asked for");
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, whole, "pages add up to the whole");
}

async fn entries_are_found_by_time<S: EntryStore>(store: &S, account: &AccountId) {
    let accounts = Accounts::default();
    for booked in [10, 15, ENTRIES - 1] {
        let before = last_before(store, &accounts, account, time(booked)).await.expect("a time is found");
        let next = store.entries(account, before, 1).await.expect("entries are read");
        assert_eq!(next.first().map(|entry| entry.at), Some(time(booked)), "the first entry that is not before it");
    }
    assert_eq!(last_before(store, &accounts, account, time(0)).await, Ok(0), "nothing is before the beginning");
    assert_eq!(
        last_before(store, &accounts, account, time(1 << 40)).await,
        Ok(ENTRIES),
        "everything is before the end"
    );
}

async fn a_snapshot_saves_a_replay_and_changes_nothing<S: EntryStore>(store: &S, account: &AccountId) {
    let mut replayed = Account::default();
    all(store, account).await.iter().for_each(|entry| replayed.evolve(entry));
    let saved = store.snapshot(account).await.expect("a snapshot is read");
    let saved = saved.and_then(|bytes| Account::from_snapshot(&bytes)).expect("a long book has a snapshot");
    assert!(saved.version() > 0 && saved.version() <= replayed.version(), "a snapshot is of some moment of the book");
    let cold = ask(store, &Accounts::default(), account, Clone::clone).await;
    assert_eq!(cold, Ok(replayed.clone()), "an instance that begins with the snapshot sees the same account");
    let large: Vec<u8> = (0..5_000_000u32).map(|byte| (byte % 251) as u8).collect();
    store.save_snapshot(account, replayed.version(), &large).await.expect("a snapshot of five megabytes is saved");
    assert!(store.snapshot(account).await == Ok(Some(large)), "a large snapshot reads back");
    store.save_snapshot(account, replayed.version(), b"of another format").await.expect("a snapshot is saved");
    let cold = ask(store, &Accounts::default(), account, Clone::clone).await;
    assert_eq!(cold, Ok(replayed), "a snapshot that cannot be read costs a replay and nothing else");
}

async fn a_nonce_is_taken_once_by_all<S: EntryStore>(one: &S, other: &S, account: &AccountId) {
    let (now, since) = (time(0), time(0).plus(-SECOND));
    assert_eq!(one.take_nonce(account, "nonce", now, since).await, Ok(true), "a new nonce is free");
    assert_eq!(other.take_nonce(account, "nonce", now, since).await, Ok(false), "it is taken for every instance");
    assert_eq!(other.take_nonce(account, "another", now, since).await, Ok(true), "another one is free");
    let later = other.take_nonce(account, "nonce", now.plus(2 * SECOND), now.plus(SECOND)).await;
    assert_eq!(later, Ok(true), "one that was taken before `since` is free again");
}
