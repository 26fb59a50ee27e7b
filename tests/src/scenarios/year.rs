//! A year with a subscription, two upgrades, three packages, tiers and a refund. The customer was charged what a spreadsheet says
//! that knows the price list and the calls. The saved statements verify without the gateway, until one byte of one of them is
//! another.
//!
//! Broken on purpose: a change of plan that credits what is unused whatever time is left, and the scenario fails.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use farebox_core::{
    id::GrantId,
    ledger::{Event, Period, Statement},
    meter::Meter,
    money::Micros,
    time::{DAY, MINUTE, Month, Timestamp},
};
use serde_json::json;

use crate::{Farebox, account::Account, admin::Admin, call::Caller, shell::Shell};

/// A plan of the price list.
#[derive(Clone, Copy)]
struct Plan {
    offer: &'static str,
    /// What a month costs, in micro-units.
    price: i64,
    /// The calls of a month.
    calls: u64,
}

const SMALL: Plan = Plan { offer: "year-small", price: 1_000_000, calls: 10 };
const MEDIUM: Plan = Plan { offer: "year-medium", price: 1_700_000, calls: 20 };
const LARGE: Plan = Plan { offer: "year-large", price: 2_900_000, calls: 40 };

/// What a package of 20 calls costs.
const PACKAGE: i64 = 300_000;

/// Pay as you go: calls of a month up to which a call costs so much.
const TIERS: [(u64, i64); 3] = [(10, 0), (20, 2_000), (u64::MAX, 1_000)];

/// What a month in which anything is paid for by use costs at least.
const MINIMUM: i64 = 10_000;

/// How many bytes of each saved statement are changed, one at a time.
const CHANGES: usize = 12;

/// 13 steps of 29 days.
pub async fn a_year_agrees_with_a_spreadsheet_and_one_changed_byte_is_found(farebox: &Farebox) -> Result<()> {
    // The clock is moved.
    let farebox = farebox.another("year")?;
    let admin = farebox.admin();
    let (account, caller) = Account::with_balance(&farebox, "60.00").await?;
    let subscription = admin.post(&account.path("subscriptions"), &plan(SMALL.offer)).await?;
    let subscription = subscription["subscription"].as_str().context("no subscription")?.to_owned();
    let upgrade = async |to: &str| {
        pass(&admin, 20 * MINUTE).await?;
        account.without_leases().await?;
        admin.patch(&account.path(&format!("subscriptions/{subscription}")), &plan(to)).await
    };

    let mut calls = 0;
    for step in 0..13 {
        if step > 0 {
            pass(&admin, 29 * DAY).await?;
        }
        match step {
            2 | 3 | 8 => account.buy("year", "year-20").await?,
            10 => drop(admin.post(&account.path("refunds"), &json!({ "amount": "3.21" })).await?),
            _ => {}
        }
        // Months with less than the plan holds, and with more than all that was bought.
        let more = [6, 45, 17, 80][step % 4];
        call(&caller, &admin, more).await?;
        calls += more;
        account.settled("year", calls).await?;
        match step {
            4 => drop(upgrade(MEDIUM.offer).await?),
            7 => drop(upgrade(LARGE.offer).await?),
            _ => {}
        }
    }
    pass(&admin, 20 * MINUTE).await?;
    account.without_leases().await?;

    let shell = Shell::at(farebox.directory().join("year"))?;
    shell.run(&format!("farebox profile set dev {}", farebox.gateway()), farebox.admin_token())?;
    let files = save(&shell, &account)?;
    shell.run(&format!("farebox statement verify {}", files.join(" ")), "")?;
    let statements =
        files.iter().map(|file| Ok(Statement::from_json(&std::fs::read_to_string(shell.home().join(file))?)?));
    let statements = statements.collect::<Result<Vec<Statement>>>()?;

    let closing = Sheet::of(&statements, calls)?;
    let stated = statements.last().context("no statement")?.closing.get();
    ensure!(closing == stated, "the spreadsheet closes with {closing} micro-units, the last statement with {stated}");
    let (balance, _) = account.settled_balance().await?;
    ensure!(balance.parse() == Ok(Micros::new(closing)), "the balance is {balance}");
    change_bytes(&shell, &files)
}

fn plan(offer: &str) -> serde_json::Value {
    json!({ "product": "year", "plan": offer })
}

/// Lets time pass, and what is due then happen.
async fn pass(admin: &Admin, time: i64) -> Result<()> {
    admin.post("clock", &json!({ "advance_ms": time })).await?;
    admin.settle().await.map(drop)
}

/// Makes so many calls, all of which pass.
async fn call(caller: &Caller, admin: &Admin, calls: u64) -> Result<()> {
    let now = admin.now().await?;
    for number in 0..calls {
        let answer = caller.get_at(now, "/year/call").await?;
        ensure!(answer.status == 200, "call {number} of {calls}: {answer:?}");
    }
    Ok(())
}

/// Saves the statements of all months with the command line: the files, the oldest first.
fn save(shell: &Shell, account: &Account) -> Result<Vec<String>> {
    let months: serde_json::Value =
        serde_json::from_str(&shell.run(&format!("farebox statement list {} --json", account.id), "")?)?;
    let months = months["items"].as_array().context("no list")?.iter().rev();
    months
        .map(|month| {
            let month = month["period"].as_str().context("no period")?;
            shell.run(&format!("farebox statement show {} {month} --json > {month}.json", account.id), "")?;
            Ok(format!("{month}.json"))
        })
        .collect()
}

/// Changes a byte at a time of each file, here and there, and sees that it is found.
fn change_bytes(shell: &Shell, files: &[String]) -> Result<()> {
    for file in files {
        let path = shell.home().join(file);
        let saved = std::fs::read(&path)?;
        // The line feed at the end is no part of the statement.
        let length = saved.len() - 1;
        for change in 0..CHANGES {
            let at = (2 * change + 1) * length / (2 * CHANGES);
            let mut changed = saved.clone();
            changed[at] ^= 1;
            std::fs::write(&path, &changed)?;
            let verified = shell.run(&format!("farebox statement verify {file}"), "");
            ensure!(verified.is_err(), "byte {at} of {file} was changed and nobody noticed");
        }
        std::fs::write(&path, saved)?;
    }
    Ok(())
}

/// The customer's own book: what each row costs by the price list.
#[derive(Default)]
struct Sheet {
    balance: i64,
    /// What the plan paid for last.
    running: Option<Running>,
    /// Calls that grants paid for.
    granted: u64,
}

/// A paid period of a plan.
#[derive(Clone, Copy)]
struct Running {
    plan: Plan,
    grant: GrantId,
    paid: i64,
    quantity: u64,
    period: Period,
    used: u64,
}

impl Sheet {
    /// Goes through all statements and returns the closing balance in micro-units.
    ///
    /// # Errors
    ///
    /// The first row that is not what it should be.
    fn of(statements: &[Statement], calls: u64) -> Result<i64> {
        let mut sheet = Self::default();
        for stated in statements.iter().flat_map(|statement| &statement.entries) {
            let (seq, at) = (stated.entry.seq, stated.entry.at);
            let used = matches!(stated.entry.event, Event::UsageSealed(_));
            let expected = sheet.row(seq, at, &stated.entry.event)?;
            // What use costs is known when the month is over.
            ensure!(
                used || stated.amount.get() == expected,
                "entry {seq} moves {} instead of {expected}",
                stated.amount
            );
            sheet.balance += expected;
        }
        let mut rated: BTreeMap<Month, (u64, i64)> = BTreeMap::new();
        for charge in statements.iter().flat_map(|statement| &statement.charges) {
            let month = rated.entry(charge.month).or_default();
            *month = (charge.usage.calls, month.1 + charge.charged.get());
        }
        for (month, (calls, charged)) in &rated {
            let cost = by_tiers(*calls).max(MINIMUM);
            ensure!(*charged == cost, "{calls} calls in {month} were charged {charged} instead of {cost}");
            sheet.balance -= cost;
        }
        let paid = sheet.granted + rated.values().map(|(calls, _)| calls).sum::<u64>();
        ensure!(paid == calls, "{calls} calls were made, {paid} are paid for");
        Ok(sheet.balance)
    }

    /// What an entry moves into the balance, but for use.
    fn row(&mut self, seq: u64, at: Timestamp, event: &Event) -> Result<i64> {
        let whole = |plan: Plan, period| {
            Some(Running { plan, grant: GrantId(seq), paid: plan.price, quantity: plan.calls, period, used: 0 })
        };
        Ok(match event {
            Event::Recharged { .. } => 60_000_000,
            Event::Refunded { .. } => -3_210_000,
            Event::Purchased { .. } => -PACKAGE,
            Event::Subscribed(begun) => {
                let plan = listed(begun.terms.offer.as_str())?;
                self.running = whole(plan, begun.period);
                -plan.price
            }
            Event::Renewed { period, .. } => {
                let plan = self.running.context("nothing to renew")?.plan;
                self.running = whole(plan, *period);
                -plan.price
            }
            Event::PlanChanged(change) => {
                let old = self.running.context("nothing to change")?;
                let plan = listed(change.terms.offer.as_str())?;
                let (rest, whole) = (old.period.until.since(at), old.period.until.since(old.period.from));
                let unused = old.paid - share(old.paid, i64::try_from(old.used)?, i64::try_from(old.quantity)?)?;
                let credit = unused.min(share(old.paid, rest, whole)?);
                let paid = share(plan.price, rest, whole)?;
                let quantity = u64::try_from(share(i64::try_from(plan.calls)?, rest, whole)?)? + 1;
                ensure!(
                    change.quantities.get(Meter::Calls) == Some(&quantity),
                    "{quantity} calls are left, not {change:?}"
                );
                let period = Period { from: at, until: old.period.until };
                self.running = Some(Running { plan, grant: GrantId(seq), paid, quantity, period, used: 0 });
                credit - paid
            }
            Event::UsageSealed(sealed) => {
                for burn in &sealed.burns {
                    self.granted += burn.usage.calls;
                    if let Some(running) = self.running.as_mut().filter(|running| running.grant == burn.grant) {
                        running.used += burn.usage.calls;
                    }
                }
                0
            }
            _ => 0,
        })
    }
}

/// What the price list says of a plan.
fn listed(offer: &str) -> Result<Plan> {
    [SMALL, MEDIUM, LARGE].into_iter().find(|plan| plan.offer == offer).with_context(|| format!("no plan {offer}"))
}

/// This part of an amount, rounded down.
fn share(amount: i64, part: i64, whole: i64) -> Result<i64> {
    Ok(i64::try_from(i128::from(amount) * i128::from(part) / i128::from(whole))?)
}

/// What so many calls of one month cost, in micro-units.
fn by_tiers(calls: u64) -> i64 {
    let (mut below, mut cost) = (0, 0);
    for (up_to, price) in TIERS {
        cost += i64::try_from(calls.min(up_to).saturating_sub(below)).unwrap_or(i64::MAX) * price;
        below = up_to;
    }
    cost
}
