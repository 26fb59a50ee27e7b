//! A runtime that dies under load takes leases with it, and what it had not journaled yet. Nothing is charged twice for
//! that, no more is sold than was paid for, and what nobody can account for is on the statement, lease by lease.
//!
//! Broken on purpose, and seen to fail on Workers: a batch that is booked each time it is met; a lease that lapses and says
//! nothing of what it had left. Also a lease of what is leased already, and batches that are written only when an instance is
//! over.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use farebox_core::{
    ledger::HEARD_WITHIN,
    meter::Meter,
    time::{MINUTE, Millis, SECOND, Timestamp},
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    Farebox,
    account::Account,
    admin::{Admin, SETTLING},
    call::{Caller, now},
    eventually, thorough,
};

/// Crashes in all, and where everything is done in full.
const CRASHES: u64 = 4;
const CRASHES_IN_FULL: u64 = 10;

/// The calls that are paid for before each crash: a package of 300, and a balance for 200 more.
const PAID_BEFORE_EACH: u64 = 500;

const CALLERS: usize = 20;

/// How long it may take until some hundred calls have passed, or the last call is used. Each try may leave some on leases, which
/// come back within 28 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// By then the last call of a lease is settled if it ever will be: the bounds of ARCHITECTURE.md, with a minute to spare.
const LEASES_LAPSE_AFTER: i64 = 15 * MINUTE;

/// Calls that pass before it is looked whether they are in the book.
const SOME: u64 = 200;

/// Killed time after time when some calls or some hundred have passed, and the last time when all that was left is used up.
pub async fn crashes_lose_leases_and_no_money(others: &Farebox) -> Result<()> {
    let crashes = if thorough() { CRASHES_IN_FULL } else { CRASHES };
    let farebox = others.another("crash")?;
    a_crash_takes_what_came_since_the_last_batch(&farebox).await?;
    let (account, caller) = Account::without_balance(&farebox).await?;
    for crash in 1..=crashes {
        account.recharge("0.35").await?;
        account.buy("crash", "crash-300").await?;
        let enough = farebox.forwarded("crash").await? + 50 * crash;
        let mut load = load(&caller, now(), "/crash/call");
        if crash < crashes {
            eventually("enough calls to pass", PATIENCE, async || {
                Ok((farebox.forwarded("crash").await? >= enough).then_some(()))
            })
            .await?;
            farebox.crash().await?;
            // Whoever found everything leased to others has stopped already.
            let mut outcomes = outcomes(&mut load).await?;
            outcomes.remove("temporarily.unavailable");
            ensure!(outcomes.len() == 1 && outcomes.contains_key("cut off"), "crash {crash}: {outcomes:?}");
        } else {
            let outcomes = outcomes(&mut load).await?;
            let stopped: usize = outcomes.values().sum();
            let known = |code: &String| code == "quota.exhausted" || code == "temporarily.unavailable";
            ensure!(stopped == CALLERS && outcomes.keys().all(known), "at the end: {outcomes:?}");
            farebox.crash().await?;
        }
    }

    let (paid, forwarded) = (crashes * PAID_BEFORE_EACH, farebox.forwarded("crash").await?);
    let admin = farebox.admin();
    settle_all(&admin).await?;
    let booked = account.usage("crash").await?.calls;
    ensure!(booked <= forwarded, "{booked} calls were charged, {forwarded} were forwarded");

    let (lost, open) = (forwarded - booked, account.leases().await?);
    // What the first crashes took may have come back by now, and was used again.
    let mut leases = on_the_statements(&account).await?;
    let back: u64 = leases.values().sum();
    ensure!(forwarded <= paid + back, "{forwarded} calls were forwarded, {paid} were paid for, {back} came back");
    leases.extend(open);
    let held: u64 = leases.values().sum();
    ensure!(!leases.is_empty(), "no crash took a lease with it");
    ensure!(lost <= held, "{lost} calls are lost, on leases for {held}");
    admin.post("clock", &json!({ "advance_ms": LEASES_LAPSE_AFTER })).await?;
    let unaccounted = unaccounted(&account).await?;
    ensure!(unaccounted == leases, "lost with the runtime: {leases:?}; on the statement: {unaccounted:?}");

    use_up(&farebox, &account, &caller, paid).await?;
    let again = farebox.forwarded("crash").await? - forwarded;
    ensure!(again == paid - booked, "{again} more calls were forwarded, {} were still paid for", paid - booked);
    let (balance, _) = account.settled_balance().await?;
    ensure!(balance == "0.00", "the balance is {balance}");
    Ok(())
}

/// What passed is in the journal soon after, while calls go on. So a crash takes no more than what passed since.
async fn a_crash_takes_what_came_since_the_last_batch(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1000.00").await?;
    let (admin, forwarded) = (farebox.admin(), || farebox.forwarded("balance"));
    let mut load = load(&caller, now(), "/balance/call");
    let passed =
        eventually("some calls to pass", PATIENCE, async || Ok(Some(forwarded().await?).filter(|n| *n >= SOME)));
    let passed = passed.await?;
    eventually("them to be in the book while others pass", SETTLING, async || {
        admin.settle().await?;
        Ok((account.usage("balance").await?.calls >= passed).then_some(()))
    })
    .await?;
    farebox.crash().await?;
    let outcomes = outcomes(&mut load).await?;
    ensure!(outcomes == [("cut off".to_owned(), CALLERS)].into(), "at the crash: {outcomes:?}");
    settle_all(&admin).await?;
    let (forwarded, booked) = (forwarded().await?, account.usage("balance").await?.calls);
    ensure!(booked <= forwarded, "{booked} calls were charged, {forwarded} were forwarded");
    let (lost, held): (u64, u64) = (forwarded - booked, account.leases().await?.values().sum());
    ensure!(lost <= held, "{lost} calls are lost, on leases for {held}");
    Ok(())
}

/// What is paid before each crash: 36,500 calls at 2.00 for 1,000. More than pass until then, and so few that the leases of all
/// instances can hold most of them.
const PAID_BEFORE_EACH_OF_FIVE: &str = "73.00";
const CRASHES_OF_LASTING: usize = 5;

/// How long after a crash a settlement finds due what the dead instances held: their leases' 20 s + the silence after it + the 10
/// s that Spin's journal may be late as a rule. A minute between settlements comes on top in production.
const HELD_FOR: Millis = 20 * SECOND + HEARD_WITHIN + 10 * SECOND;

/// What an instance counts in two intervals and in the time of a write is not in the journal; `dev` has intervals of a second.
/// The rest is for a machine that does other things too.
const UNWRITTEN_FOR: Duration = Duration::from_secs(4);

/// Five crashes under load, with instances that would have lasted for 10,000 calls each. After each, the first settlement that
/// may know it gives back all that died; and what is not charged in the end passed in the last seconds before a crash.
pub async fn five_crashes_of_lasting_instances_lock_nobody_out(others: &Farebox) -> Result<()> {
    let farebox = others.another_with("lasting", &["--instance-calls", "10000"])?;
    let (account, caller) = Account::without_balance(&farebox).await?;
    let (admin, mut unwritten) = (farebox.admin(), 0);
    for crash in 1..=CRASHES_OF_LASTING {
        account.recharge(PAID_BEFORE_EACH_OF_FIVE).await?;
        let answer = caller.get_at(admin.now().await?, "/balance/call").await?;
        ensure!(answer.status == 200, "locked out before crash {crash}: {answer:?}");
        let mut load = load(&caller, admin.now().await?, "/balance/call");
        let passed = RefCell::new(vec![(Instant::now(), farebox.forwarded("balance").await?)]);
        let (began, enough) = (Instant::now(), passed.borrow()[0].1 + SOME);
        let last = eventually("calls to pass for some seconds", PATIENCE, async || {
            let now = (Instant::now(), farebox.forwarded("balance").await?);
            passed.borrow_mut().push(now);
            Ok((now.1 >= enough && began.elapsed() >= 2 * UNWRITTEN_FOR).then_some(now.0))
        });
        let last = last.await?;
        farebox.crash().await?;
        // Who found everything leased to other instances has stopped before.
        let mut outcomes = outcomes(&mut load).await?;
        outcomes.remove("temporarily.unavailable");
        ensure!(outcomes.keys().eq(["cut off"]), "crash {crash}: {outcomes:?}");
        let now = farebox.forwarded("balance").await?;
        let written = passed.into_inner().into_iter().rev().find(|(at, _)| last - *at >= UNWRITTEN_FOR);
        unwritten += now - written.context("calls passed for longer than that")?.1;

        admin.post("clock", &json!({ "advance_ms": HELD_FOR })).await?;
        settle_all(&admin).await?;
        let leases = account.leases().await?;
        ensure!(leases.is_empty(), "still set aside after crash {crash}: {leases:?}");
    }
    let (forwarded, booked) = (farebox.forwarded("balance").await?, account.usage("balance").await?.calls);
    ensure!(booked <= forwarded, "{booked} calls were charged, {forwarded} were forwarded");
    let lost = forwarded - booked;
    ensure!(
        lost <= unwritten,
        "{lost} of {forwarded} calls are not charged, of which {unwritten} passed just before a crash"
    );
    Ok(())
}

/// Callers that call `path` on and on, signing with `time`, each until it is cut off or refused: how each ended.
fn load(caller: &Caller, time: Timestamp, path: &'static str) -> JoinSet<String> {
    let mut tasks = JoinSet::new();
    for _ in 0..CALLERS {
        let caller = caller.clone();
        tasks.spawn(async move {
            loop {
                match caller.get_at(time, path).await {
                    Ok(answer) if answer.status == 200 => {}
                    Ok(answer) => return answer.code(),
                    Err(_) => return "cut off".to_owned(),
                }
            }
        });
    }
    tasks
}

/// Waits for all callers, and counts them by how they ended.
async fn outcomes(load: &mut JoinSet<String>) -> Result<BTreeMap<String, usize>> {
    let mut outcomes = BTreeMap::new();
    while let Some(outcome) = load.join_next().await {
        *outcomes.entry(outcome?).or_default() += 1;
    }
    Ok(outcomes)
}

/// Settles until there is nothing left to settle.
async fn settle_all(admin: &Admin) -> Result<()> {
    eventually("everything to be settled", SETTLING, async || {
        let settlement = admin.settle().await?;
        ensure!(settlement.refused == 0, "batches were refused: {settlement:?}");
        Ok((settlement.applied == 0 && settlement.left == 0).then_some(()))
    })
    .await
}

/// Lets all leases lapse, and returns what nobody can account for.
async fn unaccounted(account: &Account) -> Result<BTreeMap<String, u64>> {
    account.without_leases().await?;
    on_the_statements(account).await
}

/// What the statements say nobody can account for, in calls by lease.
async fn on_the_statements(account: &Account) -> Result<BTreeMap<String, u64>> {
    let statements = account.statements().await?;
    let lost = statements.iter().flat_map(|statement| &statement.unaccounted);
    Ok(lost.filter_map(|lost| Some((lost.lease.to_string(), *lost.amount.get(Meter::Calls)?))).collect())
}

/// Calls until `paid` calls are in the book, by the gateway's clock.
async fn use_up(farebox: &Farebox, account: &Account, caller: &Caller, paid: u64) -> Result<()> {
    let admin = farebox.admin();
    let now = admin.now().await?;
    eventually("all that was paid for to be used up", PATIENCE, async || {
        // Whoever finds everything leased to others stops: what those give back is there for the next try.
        outcomes(&mut load(caller, now, "/crash/call")).await?;
        settle_all(&admin).await?;
        Ok((account.usage("crash").await?.calls >= paid).then_some(()))
    })
    .await?;
    let booked = account.usage("crash").await?.calls;
    ensure!(booked == paid, "{booked} calls were charged, {paid} were paid for");
    Ok(())
}
