//! No oversell for a credential: of a crowd that shares one, as many calls pass in a day as its limit says, and as many the next day.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use farebox_core::{
    credential_limit::LimitPeriod,
    time::{MINUTE, Millis},
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    Farebox,
    account::Account,
    admin::Admin,
    call::{Caller, now},
    eventually,
};

/// What the credential may call in a day, by how many callers, each with so many calls: 1,400 of them for 1,000.
const A_DAY: u64 = 1_000;
const CALLERS: usize = 200;
const CALLS_EACH: u32 = 7;

/// How long the settlement rests while callers wait for it.
const BETWEEN_SETTLEMENTS: Duration = Duration::from_secs(5);

/// How often one call comes again that is told to.
const COMES_AGAIN: u32 = 90;

/// 200 callers over all instances share a credential with a limit of 1,000 calls a day: 1,000 pass, and 1,000 the next day. A credential
/// of the same account without a limit goes on.
pub async fn a_credential_gets_its_1000_calls_a_day_and_again_the_next(farebox: &Farebox) -> Result<()> {
    // The clock is moved.
    on_each_day(&farebox.another("limited")?).await
}

/// The same on a gateway that nobody else uses.
pub(super) async fn on_each_day(farebox: &Farebox) -> Result<()> {
    let (account, unlimited) = Account::with_balance(farebox, "100.00").await?;
    let admin = farebox.admin();
    let limits = json!({ "limits": [{ "per": "day", "calls": A_DAY }] });
    let made = admin.post(&account.path("credentials"), &limits).await?;
    let caller = account.caller(&made)?;
    for day in 1..=2 {
        let ahead = pass_midnight(&admin).await?;
        let outcomes = crowd(farebox, &caller, ahead).await?;
        let refused = (CALLERS as u64) * u64::from(CALLS_EACH) - A_DAY;
        let expected = [("limit.exhausted".to_owned(), refused), ("passed".to_owned(), A_DAY)];
        ensure!(outcomes == expected.into(), "day {day}: {outcomes:?}");
        let seen = farebox.forwarded("crowd").await?;
        ensure!(seen == day * A_DAY + day - 1, "the upstream saw {seen} calls by day {day}");

        let answer = caller.get_at(now().plus(ahead), "/crowd/call").await?;
        let renews = LimitPeriod::Day.bounds(admin.now().await?).1.to_string();
        let detail = String::from_utf8_lossy(&answer.body).into_owned();
        ensure!(answer.status == 403 && detail.contains(&renews), "{renews} is not in {answer:?}");
        let other = unlimited.get_at(now().plus(ahead), "/crowd/call").await?;
        ensure!(other.status == 200, "{other:?}");
        account.settled("crowd", day * (A_DAY + 1)).await?;
        told(&account, &admin, &caller, day).await?;
    }
    Ok(())
}

/// What was spent is shown, and was told of step by step.
async fn told(account: &Account, admin: &Admin, caller: &Caller, day: u64) -> Result<()> {
    let rows = admin.list(&account.path("limits")).await?;
    let [row] = &rows[..] else { anyhow::bail!("one limit is shown: {rows:?}") };
    let is_theirs = row["credential"] == caller.key.as_str() && row["per"] == "day";
    ensure!(is_theirs && row["spent"]["calls"] == A_DAY && row["limit"]["calls"] == A_DAY, "{row}");
    eventually("the notices of the day", Duration::from_secs(30), async || {
        admin.settle().await?;
        let entries = account.entries().await?;
        let steps = entries.iter().filter_map(|entry| entry["event"]["noticed"]["limit_reached"]["percent"].as_u64());
        let steps: Vec<u64> = steps.collect();
        ensure!(steps.len() as u64 <= 3 * day && steps.is_sorted() | (day > 1), "{steps:?}");
        Ok((steps.iter().filter(|step| **step == 100).count() as u64 == day).then_some(()))
    })
    .await
}

/// Moves the clock into the first minutes of the next day, and says how far it is ahead of the clock here.
async fn pass_midnight(admin: &Admin) -> Result<Millis> {
    let there = admin.now().await?;
    let until = LimitPeriod::Day.bounds(there).1.plus(MINUTE);
    admin.post("clock", &json!({ "advance_ms": until.since(there) })).await?;
    Ok(admin.now().await?.since(now()))
}

/// How the calls of the crowd came out, each of which comes again for as long as it is told to.
async fn crowd(farebox: &Farebox, caller: &Caller, ahead: Millis) -> Result<BTreeMap<String, u64>> {
    let mut tasks = JoinSet::new();
    for gateway in farebox.gateways().iter().cycle().take(CALLERS) {
        let caller = caller.at(gateway);
        tasks.spawn(async move {
            let mut codes = Vec::new();
            for _ in 0..CALLS_EACH {
                codes.push(outcome(&caller, ahead).await?);
            }
            anyhow::Ok(codes)
        });
    }
    let admin = farebox.admin();
    let settling = tokio::spawn(async move {
        while admin.settle().await.is_ok() {
            tokio::time::sleep(BETWEEN_SETTLEMENTS).await;
        }
    });
    let mut outcomes = BTreeMap::new();
    while let Some(codes) = tasks.join_next().await {
        for code in codes?? {
            *outcomes.entry(code).or_default() += 1;
        }
    }
    settling.abort();
    Ok(outcomes)
}

async fn outcome(caller: &Caller, ahead: Millis) -> Result<String> {
    for _ in 0..COMES_AGAIN {
        let answer = caller.get_at(now().plus(ahead), "/crowd/call").await?;
        match answer.status.as_u16() {
            200 => return Ok("passed".to_owned()),
            503 => {
                let seconds = answer.header("retry-after").parse().context("a 503 without Retry-After")?;
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            _ => return Ok(answer.code()),
        }
    }
    Ok("told to come again for ever".to_owned())
}
