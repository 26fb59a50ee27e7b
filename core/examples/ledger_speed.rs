//! How fast the ledger decides: `cargo run --release -p farebox-core --example ledger_speed`. Prints one line of JSON:
//! microseconds per lease (decide and evolve) at 100 grants, and batches settled a second at three sizes of the book.

use std::time::Instant;

use farebox_core::{
    id::{BatchId, LeaseId},
    journal::{Line, Window},
    ledger::{
        Account, Answer, Command, Refusal,
        command::{AccountBatch, PackageTerms},
        decide,
    },
    meter::{Meter, Usage},
    money::Micros,
    time::{MINUTE, SECOND, Timestamp},
};

const GRANTS: u64 = 100;
const ROUNDS: u32 = 1_000;
const LEASES_A_ROUND: u32 = 20;
const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
const AT_ONCE: u64 = 500;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut settled = Vec::new();
    for size in SIZES {
        settled.push(format!("\"{size}\":{:.0}", batches_per_second(size)?));
    }
    println!("{{\"lease_us\":{:.2},\"batches_per_second\":{{{}}}}}", micros_per_lease()?, settled.join(","));
    Ok(())
}

fn run(account: &mut Account, command: &Command, now: Timestamp) -> Result<Answer, Refusal> {
    let decision = decide(account, None, command, now)?;
    decision.entries.iter().for_each(|entry| account.evolve(entry));
    Ok(decision.answer)
}

fn with_grants(grants: u64) -> Result<Account, Failure> {
    let mut account = Account::default();
    run(&mut account, &Command::Open { currency: "USD".parse()? }, Timestamp::default())?;
    let terms = PackageTerms {
        product: "product".parse()?,
        offer: "package".parse()?,
        price: Micros::ZERO,
        quantities: [(Meter::Calls, u64::MAX / 4)].into_iter().collect(),
        valid: None,
        priority: 0,
    };
    for _ in 0..grants {
        run(&mut account, &Command::Purchase(terms.clone()), Timestamp::default())?;
    }
    Ok(account)
}

fn lease(account: &mut Account, now: Timestamp) -> Result<LeaseId, Failure> {
    let command = Command::Lease {
        product: "product".parse()?,
        writer: "writer".parse()?,
        rate: None,
        want: Usage { calls: 100, ..Usage::default() },
        lasting: 20 * SECOND,
    };
    match run(account, &command, now)? {
        Answer::Leased(lease) => Ok(lease.id),
        other => Err(format!("{other:?}").into()),
    }
}

/// The best of many short rounds, because the machine has other things to do. Leases lapse between the rounds, so that
/// the account stays as it is in use.
fn micros_per_lease() -> Result<f64, Failure> {
    let mut account = with_grants(GRANTS)?;
    let (mut now, mut best) = (Timestamp::default(), f64::MAX);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for _ in 0..LEASES_A_ROUND {
            lease(&mut account, now)?;
        }
        best = best.min(started.elapsed().as_secs_f64() * 1e6 / f64::from(LEASES_A_ROUND));
        now = now.plus(MINUTE);
        run(&mut account, &Command::Tick { settled_until: now }, now)?;
    }
    Ok(best)
}

fn batches_per_second(size: u64) -> Result<f64, Failure> {
    let mut account = with_grants(1)?;
    let (now, lease) = (Timestamp::default(), lease(&mut account, Timestamp::default())?);
    let line = Line {
        account: "account".parse()?,
        credential: "credential".parse()?,
        product: "product".parse()?,
        lease,
        usage: Usage { calls: 3, ingress_bytes: 100, egress_bytes: 4_000 },
    };
    let mut elapsed = 0.0;
    for first in (0..size).step_by(usize::try_from(AT_ONCE)?) {
        let batch = |sequence| -> Result<AccountBatch, Failure> {
            // Every other one is another account's, so that the numbers do not run into one range.
            let id = BatchId { writer: "writer".parse()?, sequence: sequence * 2 };
            Ok(AccountBatch { id, window: Window(0), lines: vec![line.clone()], closings: Vec::new() })
        };
        let batches = (first..first + AT_ONCE).map(batch).collect::<Result<_, _>>()?;
        let command = Command::Settle { batches };
        let started = Instant::now();
        run(&mut account, &command, now)?;
        elapsed += started.elapsed().as_secs_f64();
    }
    Ok(size as f64 / elapsed)
}
