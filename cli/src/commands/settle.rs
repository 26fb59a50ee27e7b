//! `farebox settle`: run a settlement now, and say what was charged.
//!
//! Instances of the gateway write down what they counted some seconds after the calls, so a run right after a call may find
//! nothing yet. The command waits until what they hold has come back. Invariant: calls that may still be charged are not passed
//! over. While an instance holds a lease that was out when the command began, the answer says how much may follow.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use farebox_core::{
    ledger::Entry,
    meter::{Meter, PerMeter, Usage},
    money::Micros,
    time::{DAY, MINUTE, Millis, SECOND, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Format;
use crate::{
    admin::{Admin, Connection, at_once},
    given,
    named::Named,
    output,
};

/// How many accounts are looked at when none is named.
const MOST_ACCOUNTS: usize = 1_000;

/// How often the leases are looked at.
const LOOKS: Duration = Duration::from_secs(1);

/// How long a settlement is given before the next one: each reads the journal, which costs the provider money.
const BETWEEN_RUNS: Duration = Duration::from_secs(5);

/// The same while no lease is over: what was used on one that goes on is in the journal by then.
const BETWEEN_RUNS_IN_VAIN: Duration = Duration::from_secs(15);

/// What was charged is counted from the settlement before on, and at least this far back: a schedule may have run just now.
/// Before the first settlement, a day back.
const AT_LEAST: Millis = MINUTE;

/// Settle all usage, wait for what instances of the gateway still hold, and print what was charged
///
/// An instance writes down what it counted within seconds, and gives back what is set aside for it within half a minute.
/// Where that takes longer than --wait, the answer says how much may follow.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  farebox settle
  farebox settle Bob --wait 2m
  farebox settle --no-wait --json")]
pub(crate) struct Settle {
    /// Print and wait for these accounts alone, by id or name [default: all, of many the first 1,000]
    #[arg(value_name = "ACCOUNT")]
    accounts: Vec<Named>,
    /// How long to wait for what instances hold: a number and s, m or h
    #[arg(long, value_name = "TIME", value_parser = given::millis, allow_hyphen_values = true, default_value = "45s")]
    wait: Millis,
    /// Do not wait
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    #[command(flatten)]
    format: Format,
}

/// What a settlement did, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Run {
    at: Timestamp,
    applied: u64,
    refused: u64,
    left: u64,
}

/// A lease, as it is listed.
#[derive(Debug, Clone, Deserialize)]
struct Lease {
    id: String,
    allowance: PerMeter<u64>,
    used: Usage,
    until: Timestamp,
}

/// The leases of an account that have not come back.
#[derive(Debug, Clone)]
struct Held {
    account: String,
    leases: Vec<Lease>,
}

/// What was charged to an account.
#[derive(Debug, Serialize)]
struct Charged {
    account: String,
    charged: Micros,
    currency: Value,
    /// Rated and not charged, because the balance did not cover it.
    forgiven: Micros,
    /// What packages and subscriptions paid for.
    calls_paid_by_grants: u64,
    /// Calls by product.
    calls: BTreeMap<String, u64>,
}

impl Settle {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        let wait = if self.no_wait { 0 } else { self.wait };
        let before: Option<Timestamp> =
            admin.first("settlements", 1)?.first().map(|run| serde_json::from_value(run["at"].clone())).transpose()?;
        let mut answer = admin.post("settlements", &json!({}))?;
        let began = run_of(&answer)?.at;
        let since = before.unwrap_or(began.plus(-DAY)).min(began.plus(-AT_LEAST));
        let (accounts, is_cut) = self.accounts(&admin)?;
        let mut applied = run_of(&answer)?.applied;
        let mut held = look(&admin, &accounts)?;
        let (start, mut ran) = (Instant::now(), Instant::now());
        let limit = Duration::from_millis(wait.unsigned_abs());
        while !held.is_empty() && start.elapsed() < limit {
            progress(&held, limit.saturating_sub(start.elapsed()));
            thread::sleep(LOOKS.min(limit.saturating_sub(start.elapsed())));
            held = still(&admin, &held)?;
            let now = began.plus(start.elapsed().as_millis().try_into()?);
            // A lease that is over comes back once all that was used on it is settled.
            let is_over = held.iter().flat_map(|held| &held.leases).any(|lease| lease.until.since(now) < 0);
            if ran.elapsed() >= if is_over { BETWEEN_RUNS } else { BETWEEN_RUNS_IN_VAIN } {
                answer = admin.post("settlements", &json!({}))?;
                applied += run_of(&answer)?.applied;
                (ran, held) = (Instant::now(), still(&admin, &held)?);
            }
        }
        progress_ends();
        answer["applied"] = json!(applied);
        let charged = at_once(&accounts, |account| charged(&admin, account, since))?;
        let charged: Vec<Charged> = charged.into_iter().flatten().collect();
        self.tell(&admin, answer, since, &charged, &held)?;
        if is_cut && !self.format.json {
            println!("only the first {MOST_ACCOUNTS} accounts were looked at; name others to see theirs");
        }
        Ok(())
    }

    /// The ids of the accounts that are looked at, and whether there are more.
    fn accounts(&self, admin: &Admin) -> anyhow::Result<(Vec<String>, bool)> {
        if !self.accounts.is_empty() {
            let ids = self.accounts.iter().map(|account| account.id(admin).map(|id| id.to_string()));
            return Ok((ids.collect::<anyhow::Result<_>>()?, false));
        }
        let mut listed = admin.first("accounts", MOST_ACCOUNTS + 1)?;
        let is_cut = listed.len() > MOST_ACCOUNTS;
        listed.truncate(MOST_ACCOUNTS);
        let id = |account: &Value| account["id"].as_str().map(str::to_owned);
        let ids: Option<Vec<String>> = listed.iter().map(id).collect();
        Ok((ids.context("the gateway lists an account without `id`")?, is_cut))
    }

    fn tell(
        &self,
        admin: &Admin,
        mut answer: Value,
        since: Timestamp,
        charged: &[Charged],
        held: &[Held],
    ) -> anyhow::Result<()> {
        if self.format.json {
            answer["since"] = json!(since);
            answer["charged"] = json!(charged);
            answer["may_follow"] = held.iter().map(follows).collect();
            println!("{answer}");
            return Ok(());
        }
        let run = run_of(&answer)?;
        let since = whole_second(since);
        if charged.is_empty() {
            println!("nothing was charged since {since}");
        }
        charged.iter().for_each(|charged| println!("{}", line(charged, since)));
        match held {
            [] => println!("every call so far is settled"),
            held => held.iter().for_each(|held| println!("{}", may_follow(held))),
        }
        if run.left > 0 {
            println!("{} batches are left for the next settlement: their accounts did not answer", run.left);
        }
        if run.refused > 0 {
            let refused = admin.list("settlements/refused", &[])?;
            print!("\nRefused, and kept:\n{}", output::table(&refused, &["batch", "account", "reason"]));
        }
        Ok(())
    }
}

fn run_of(answer: &Value) -> anyhow::Result<Run> {
    serde_json::from_value(answer.clone()).context("the gateway answered without a settlement's report")
}

/// The open leases of an account.
fn leases(admin: &Admin, account: &str) -> anyhow::Result<Vec<Lease>> {
    let rows = admin.list(&format!("accounts/{account}/leases"), &[])?;
    serde_json::from_value(Value::Array(rows)).context("the gateway's leases are of another version than this program")
}

/// What instances hold of these accounts.
fn look(admin: &Admin, accounts: &[String]) -> anyhow::Result<Vec<Held>> {
    let held = |account: &String| anyhow::Ok(Held { account: account.clone(), leases: leases(admin, account)? });
    Ok(at_once(accounts, held)?.into_iter().filter(|held| !held.leases.is_empty()).collect())
}

/// What is still out of what was held. Leases that were given since are of later calls.
fn still(admin: &Admin, held: &[Held]) -> anyhow::Result<Vec<Held>> {
    let rest = |before: &Held| {
        let mut now = leases(admin, &before.account)?;
        now.retain(|lease| before.leases.iter().any(|known| known.id == lease.id));
        anyhow::Ok(Held { account: before.account.clone(), leases: now })
    };
    Ok(at_once(held, rest)?.into_iter().filter(|held| !held.leases.is_empty()).collect())
}

/// What was charged to an account since then; nothing where it used nothing.
fn charged(admin: &Admin, account: &str, since: Timestamp) -> anyhow::Result<Option<Charged>> {
    let entries = admin.list(&format!("accounts/{account}/entries"), &[("from", &since.to_string())])?;
    let entries: Vec<Entry> = serde_json::from_value(Value::Array(entries))
        .context("the gateway's entries are of another version than this program")?;
    let mut sum = Charged {
        account: account.to_owned(),
        charged: Micros::ZERO,
        currency: Value::Null,
        forgiven: Micros::ZERO,
        calls_paid_by_grants: 0,
        calls: BTreeMap::new(),
    };
    for entry in entries.iter().filter(|entry| entry.at >= since) {
        let (charges, burns) = entry.event.charges();
        for charge in charges {
            sum.charged = sum.charged.saturating_add(charge.charged);
            sum.forgiven = sum.forgiven.saturating_add(charge.forgiven);
        }
        sum.calls_paid_by_grants += burns.iter().map(|burn| burn.usage.calls).sum::<u64>();
        for used in entry.event.usage() {
            *sum.calls.entry(used.product.to_string()).or_default() += used.usage.calls;
        }
    }
    if sum.calls.is_empty() && sum.charged == Micros::ZERO {
        return Ok(None);
    }
    sum.currency = admin.get(&format!("accounts/{account}/balance"))?["currency"].take();
    Ok(Some(sum))
}

fn line(charged: &Charged, since: Timestamp) -> String {
    let Charged { account, charged, currency, forgiven, calls_paid_by_grants, calls } = charged;
    let currency = currency.as_str().unwrap_or_default();
    let of = |(product, count): (&String, &u64)| format!("{} of {product}", counted(*count, Meter::Calls));
    let mut detail = calls.iter().map(of).collect::<Vec<_>>().join(", ");
    if *calls_paid_by_grants > 0 {
        detail += &format!("; {} paid by what was bought", counted(*calls_paid_by_grants, Meter::Calls));
    }
    if *forgiven != Micros::ZERO {
        detail += &format!("; {forgiven} {currency} not charged, because the balance did not cover it");
    }
    format!("charged {charged} {currency} to {account} since {since} ({detail})")
}

/// What the leases that are out may still come to.
fn rest(held: &Held) -> PerMeter<u64> {
    let mut rest = PerMeter::default();
    for lease in &held.leases {
        for (meter, allowed) in lease.allowance.iter() {
            let before = rest.get(meter).copied().unwrap_or(0);
            rest.set(meter, allowed.saturating_sub(lease.used.get(meter)).saturating_add(before));
        }
    }
    rest
}

fn follows(held: &Held) -> Value {
    let until = held.leases.iter().map(|lease| lease.until).max();
    json!({ "account": held.account, "leases": held.leases.len(), "at_most": rest(held), "until": until })
}

fn may_follow(held: &Held) -> String {
    let parts: Vec<_> = rest(held).iter().map(|(meter, count)| counted(*count, meter)).collect();
    format!(
        "up to {} of {} may follow: instances hold that much, and have not said what they used",
        parts.join(", "),
        held.account
    )
}

/// `1 call`, `2 egress bytes`.
fn counted(count: u64, meter: Meter) -> String {
    let name = meter.as_str().replace('_', " ");
    let name = if count == 1 { name.trim_end_matches('s').to_owned() } else { name };
    format!("{count} {name}")
}

/// For people, a moment to the second.
fn whole_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_millis(moment.millis().div_euclid(SECOND) * SECOND)
}

/// Says on a terminal what is waited for.
fn progress(held: &[Held], left: Duration) {
    if std::io::stderr().is_terminal() {
        let accounts = held.len();
        eprint!("\r\u{1b}[Kwaiting for what instances hold of {accounts} accounts, {} s at most", left.as_secs());
        // A line of progress that is not seen is no failure.
        let _ = std::io::stderr().flush();
    }
}

fn progress_ends() {
    if std::io::stderr().is_terminal() {
        eprint!("\r\u{1b}[K");
    }
}
