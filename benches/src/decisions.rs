//! What the decisions alone cost, without a platform: commands of an account with many grants, and settling batches.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use farebox_core::{
    id::{BatchId, LeaseId},
    journal::{Closing, Line, Window},
    ledger::{
        Account, Answer, Command, IdempotencyKey,
        command::{AccountBatch, PackageTerms, Seen},
        decide,
    },
    meter::{Meter, PerMeter, Usage},
    money::{Currency, Micros},
    rate::{Price, Rate, Tier, TierMode},
    time::{DAY, MINUTE, Timestamp},
};

use crate::{spread::rank, table};

/// Grants of the account whose commands are timed.
const GRANTS: u64 = 100;
/// How often each command is timed.
const TIMES: u64 = 2_000;
/// Instances that use the account whose batches are settled.
const WRITERS: u64 = 10;
/// Batches that each of them writes in a minute: one in five seconds.
const BATCHES: u64 = 12;
/// Calls in a batch.
const CALLS: u64 = 50;
/// Where the cost of settling is looked at, in batches settled so far.
const MARKS: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];

/// An account, its clock, and the last idempotency key.
#[derive(Clone)]
struct Book {
    account: Account,
    now: Timestamp,
    key: u64,
}

impl Book {
    /// An account with a million to spend.
    fn open() -> Result<Self> {
        let mut book = Self { account: Account::default(), now: Timestamp::from_millis(1_800_000_000_000), key: 0 };
        let currency: Currency = "USD".parse()?;
        book.execute(&Command::Open { currency })?;
        let amount = Micros::new(1_000_000_000_000);
        book.execute(&Command::Recharge { amount, currency, reference: None })?;
        Ok(book)
    }

    fn execute(&mut self, command: &Command) -> Result<Answer> {
        self.key += 1;
        let key = IdempotencyKey(format!("bench-{}", self.key));
        match decide(&self.account, Some(&key), command, self.now) {
            Ok(decision) => {
                self.account.advance(&decision.entries, decision.till, decision.register);
                Ok(decision.answer)
            }
            Err(refusal) => bail!("{command:?} was refused: {refusal}"),
        }
    }

    fn lease(&mut self, writer: u64) -> Result<LeaseId> {
        match self.execute(&lease(writer)?)? {
            Answer::Leased(lease) => Ok(lease.id),
            other => bail!("asked for a lease, got {other:?}"),
        }
    }
}

/// Prints what commands cost at [`GRANTS`] grants.
pub(crate) fn commands() -> Result<()> {
    let mut book = Book::open()?;
    let purchase = Command::Purchase(package()?);
    for _ in 0..GRANTS {
        book.execute(&purchase)?;
    }
    let recharge = Command::Recharge { amount: Micros::new(1), currency: "USD".parse()?, reference: None };
    let leased = book.lease(0)?;
    let settle = Command::Settle { batches: vec![batch(&book, 0, 1, leased, None)?] };
    let mut rows = Vec::new();
    let timed = [("recharge", &recharge), ("purchase", &purchase), ("lease", &lease(1)?), ("settlement", &settle)];
    for (name, command) in timed {
        let micros = time(&book, command)?;
        let cell = |part| format!("{:.1}", rank(&micros, part));
        rows.push(vec![name.to_owned(), cell(0.5), cell(0.99)]);
    }
    table::print(
        &format!("Commands of an account with {GRANTS} grants, {TIMES} times each: decide and evolve, in microseconds"),
        &["command", "median", "99 of 100 are below"],
        &rows,
    );
    Ok(())
}

/// Times `command` on as many copies of `book`; in microseconds, sorted.
fn time(book: &Book, command: &Command) -> Result<Vec<f64>> {
    let timed = (0..TIMES).map(|_| {
        let mut copy = book.clone();
        let start = Instant::now();
        copy.execute(command)?;
        Ok(start.elapsed().as_secs_f64() * 1e6)
    });
    let mut micros = timed.collect::<Result<Vec<_>>>()?;
    micros.sort_by(f64::total_cmp);
    Ok(micros)
}

/// Settles the usage of one account minute by minute, and prints what a batch costs as the book grows.
pub(crate) fn settling() -> Result<()> {
    let mut book = Book::open()?;
    let (mut settled, mut spent, mut before, mut rows) = (0, Duration::ZERO, (0, Duration::ZERO), Vec::new());
    for mark in MARKS {
        while settled < mark {
            let command = minute(&mut book, settled / WRITERS)?;
            let start = Instant::now();
            let answer = book.execute(&command)?;
            let now = book.now;
            let seen = Seen { settled_until: now, heard_until: now, read_from: now };
            book.execute(&Command::Tick { seen, gone: Vec::new() })?;
            spent += start.elapsed();
            settled += WRITERS * BATCHES;
            ensure!(matches!(&answer, Answer::Settled(of) if of.applied == WRITERS * BATCHES), "settled {answer:?}");
        }
        let (batches, time) = (settled - before.0, spent - before.1);
        let each = time.as_secs_f64() / batches as f64;
        rows.push(vec![mark.to_string(), format!("{:.2}", each * 1e6), format!("{:.0}", each.recip())]);
        before = (settled, spent);
    }
    table::print(
        "Settling in core, on one thread, each row since the one above",
        &["batches settled", "µs a batch", "batches a second"],
        &rows,
    );
    Ok(())
}

/// A minute of usage: each instance takes a lease, writes its batches, and is done with the lease in the last of them.
fn minute(book: &mut Book, written: u64) -> Result<Command> {
    book.now = book.now.plus(MINUTE);
    let mut batches = Vec::new();
    for writer in 0..WRITERS {
        let lease = book.lease(writer)?;
        for sequence in 1..=BATCHES {
            let total = (sequence == BATCHES).then_some(CALLS * BATCHES);
            batches.push(batch(book, writer, written + sequence, lease, total)?);
        }
    }
    Ok(Command::Settle { batches })
}

/// A batch of `writer`; with `total`, it closes its lease, of which so many calls were used.
fn batch(book: &Book, writer: u64, sequence: u64, lease: LeaseId, total: Option<u64>) -> Result<AccountBatch> {
    let used = |calls| Usage { calls, ingress_bytes: 0, egress_bytes: calls * 1024, ..Usage::NONE };
    let (account, product) = ("bench".parse()?, "bench".parse()?);
    let line =
        Line { account, credential: "ak_bench".parse()?, product, lease, usage: used(CALLS), shares: Vec::new() };
    let closings = total.map(|calls| Closing { account: line.account.clone(), lease, total: used(calls) });
    Ok(AccountBatch {
        id: BatchId { writer: format!("w{writer}").parse()?, sequence },
        window: Window::of(book.now),
        lines: vec![line],
        closings: closings.into_iter().collect(),
    })
}

fn lease(writer: u64) -> Result<Command> {
    Ok(Command::Lease {
        product: "bench".parse()?,
        writer: format!("w{writer}").parse()?,
        rate: Some(rate()),
        want: Usage { calls: CALLS * BATCHES, ingress_bytes: 0, egress_bytes: 0, ..Usage::NONE },
        units_of_call: 0,
        lasting: 2 * MINUTE,
        while_plenty: 0,
        limited: None,
    })
}

/// 0.01 per 1,000 calls.
fn rate() -> Rate {
    let tiers = vec![Tier { up_to: None, per_block: Micros::new(10_000) }];
    let price = Price { mode: TierMode::Graduated, tiers };
    Rate { prices: PerMeter::from_iter([(Meter::Calls, price)]), ..Rate::default() }
}

fn package() -> Result<PackageTerms> {
    Ok(PackageTerms {
        product: "bench".parse()?,
        offer: "bench-1m".parse()?,
        price: Micros::new(1_000_000),
        quantities: PerMeter::from_iter([(Meter::Calls, 1_000_000)]),
        valid: Some(90 * DAY),
        priority: 0,
        also_for: Vec::new(),
        once: false,
    })
}
