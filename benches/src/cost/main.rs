//! What a million calls cost on Workers, at list prices. The real gateway, settlement and webhooks run over ports that count, on
//! a simulated clock, with the cron each minute.
//!
//! Operations are counted and not timed, so that two runs print the same.

use anyhow::Result;
use clap::Parser;
use serde_json::json;

mod desk;
mod prices;
mod world;

use crate::{
    desk::For,
    prices::{Kind, OTHERS},
    world::{Cell, Counted, World},
};

/// Simulates deployments and prints what they cost.
#[derive(Debug, Parser)]
struct Options {
    /// One line of JSON a cell.
    #[arg(long)]
    json: bool,
    /// This deployment alone.
    #[arg(long, num_args = 3, value_names = ["CALLS_A_SECOND", "ISOLATES", "ACCOUNTS"])]
    cell: Vec<usize>,
    /// Only the gateway that nobody uses.
    #[arg(long, conflicts_with = "cell")]
    idle: bool,
}

/// Calls a second, isolates, accounts.
const CELLS: [(u64, usize, usize); 7] =
    [(100, 1, 1), (100, 1, 100), (100, 10, 100), (100, 100, 100), (1_000, 100, 100), (1, 10, 1), (1, 10, 100)];

/// Minutes before anything is counted, and minutes that are.
const WARM_UP: u64 = 15;
const COUNTED: u64 = 20;

/// Minutes of a month of 30 days.
const MONTH: f64 = 30.0 * 24.0 * 60.0;

/// Minutes for which nobody calls that are counted: two hours, in each of which one run looks after all accounts.
const IDLE: u64 = 120;

fn main() -> Result<()> {
    let options = Options::parse();
    if !options.json {
        let others = OTHERS.map(|(name, usd)| format!("{name} {usd:.2}")).join(", ");
        println!("USD per million calls at list prices, beside {others}:\n");
    }
    let cells = match options.cell[..] {
        [calls_per_second, isolates, accounts] => vec![(calls_per_second as u64, isolates, accounts)],
        _ if options.idle => Vec::new(),
        _ => CELLS.to_vec(),
    };
    for (calls_per_second, isolates, accounts) in cells {
        let cell = Cell { calls_per_second, isolates, accounts };
        let mut world = World::new(cell)?;
        world.pass(WARM_UP, calls_per_second)?;
        let before = world.begin()?;
        world.pass(COUNTED, calls_per_second)?;
        print(&options, cell, &world.end(before)?);
    }
    if !options.cell.is_empty() {
        return Ok(());
    }
    idle(&options)
}

/// What a gateway costs that nobody uses.
fn idle(options: &Options) -> Result<()> {
    let mut world = World::new(Cell { calls_per_second: 0, isolates: 1, accounts: 100 })?;
    world.pass(WARM_UP, 0)?;
    let before = world.begin()?;
    world.pass(IDLE, 0)?;
    let counted = world.end(before)?;
    let idle = usd(&counted, |_| true) * MONTH / IDLE as f64;
    if options.json {
        println!("{}", json!({ "idle_usd_per_month": rounded(idle) }));
    } else {
        println!("A gateway that nobody uses: {idle:.3} USD a month");
        parts(&counted, MONTH / IDLE as f64);
    }
    Ok(())
}

fn usd(counted: &Counted, of: impl Fn(For) -> bool) -> f64 {
    let part = counted.counts.iter().filter(|((reason, _), _)| of(*reason));
    part.map(|((_, kind), count)| *count as f64 * kind.usd_per_million() / 1e6).sum()
}

fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

fn print(options: &Options, cell: Cell, counted: &Counted) {
    let Cell { calls_per_second, isolates, accounts } = cell;
    let per = |count: u64, of: f64| rounded(count as f64 * of / counted.calls as f64);
    let kv = counted.counts.iter().filter(|((_, kind), _)| kind.is_kv()).map(|(_, count)| count).sum::<u64>();
    let million = 1e6 / counted.calls as f64;
    let usd_per_million = usd(counted, |_| true) * million;
    let entries_per_account_month = counted.entries as f64 / accounts as f64 * MONTH / COUNTED as f64;
    if options.json {
        let line = json!({
            "calls_per_second": calls_per_second,
            "isolates": isolates,
            "accounts": accounts,
            "usd_per_million": rounded(usd_per_million),
            "operations_per_1000": per(kv + counted.entries, 1_000.0),
            "waited_per_1000": per(counted.waited, 1_000.0),
            "entries_per_account_month": entries_per_account_month.round(),
        });
        return println!("{line}");
    }
    println!(
        "{calls_per_second} calls/s, {isolates} isolates, {accounts} accounts: {usd_per_million:.2}; per 1,000 calls {} operations, \
         {} waited; {entries_per_account_month:.0} entries an account and month",
        per(kv + counted.entries, 1_000.0),
        per(counted.waited, 1_000.0),
    );
    parts(counted, million);
}

/// What each part costs, and of what.
fn parts(counted: &Counted, times: f64) {
    let mut reasons: Vec<For> = counted.counts.keys().map(|(reason, _)| *reason).collect();
    reasons.dedup();
    for reason in reasons {
        let of = |kind: &Kind| counted.counts.get(&(reason, *kind)).map(|count| (*kind, *count));
        let kinds = Kind::ALL.iter().filter_map(of).map(|(kind, count)| format!("{count} {}", kind.name()));
        let usd = usd(counted, |of| of == reason) * times;
        println!("    {usd:.3}  {reason:?}: {}", kinds.collect::<Vec<_>>().join(", "));
    }
    println!();
}
