//! Units: what the upstream says is what is charged, and never more than was bought, however many call at once.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use farebox_core::{meter::Usage, money::Micros};
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::broken::{World, connect};
use crate::{
    Farebox,
    account::Account,
    call::{Call, Caller},
    thorough,
};

/// Callers of the crowd, and the calls of each: by 250 units on average, many more than were bought.
const CALLERS: u64 = 200;
const CALLS_EACH: u64 = 4;
const CALLS_EACH_IN_FULL: u64 = 20;

/// What was bought, and the most that a call comes to.
const BOUGHT: u64 = 100_000;
const MOST: u64 = 500;

/// How long the settlement rests while callers wait for it.
const BETWEEN_SETTLEMENTS: Duration = Duration::from_secs(5);

/// How often one call comes again that is told to.
const COMES_AGAIN: u32 = 90;

/// 200 callers, 1 to 500 units a call as the upstream says, a package of 100,000 units. What is charged is what was said, and
/// never more than was bought.
pub async fn a_crowd_uses_up_a_package_of_units_and_no_unit_more(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "0.01").await?;
    account.buy("metered", "metered-100k").await?;
    let said = use_up(farebox, &caller, "metered", "quota.exhausted").await?;
    let usage = account.settled("metered", said.calls).await?;
    ensure!(usage.units == said.units, "{} units are booked, {} were said", usage.units, said.units);
    Ok(())
}

/// The same with 10.00 at 0.10 for a thousand units.
pub async fn a_crowd_uses_up_a_balance_by_units_and_no_more_money(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "10.00").await?;
    let said = use_up(farebox, &caller, "metered-use", "balance.exhausted").await?;
    let usage = account.settled("metered-use", said.calls).await?;
    ensure!(usage.units == said.units, "{} units are booked, {} were said", usage.units, said.units);
    let (balance, _) = account.settled_balance().await?;
    let left = Micros::new(i64::try_from((BOUGHT - said.units) * 100)?);
    ensure!(balance.parse::<Micros>()? == left, "{balance} is left, not {left}");
    Ok(())
}

/// Units come from a fixed number, a field, numbers in a body, and numbers in a stream's last event. Each is charged as said, and
/// the field is taken out. A call that is not charged comes to no units and is counted.
pub async fn each_way_to_say_units_is_charged_as_it_is_said(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "10.00").await?;
    for status in [200, 404, 503, 503] {
        caller.get(&format!("/metered-ways/status/{status}")).await?;
    }
    for units in [0, 7, 500, 501] {
        let answer = caller.get(&format!("/metered-ways/units/{units}")).await?;
        ensure!(answer.status == 200 && answer.header("farebox-units").is_empty(), "{answer:?}");
    }
    let mut units = 2 * 5 + 7 + 500 + 500;
    for is_streamed in [false, true] {
        let asked = json!({
            "model": "demo", "stream": is_streamed, "stream_options": { "include_usage": true },
            "messages": [{ "role": "user", "content": "say some words" }]
        });
        let fields = [("content-type", "application/json")];
        let target = "/metered-ways/v1/chat/completions";
        let answer = caller.send(caller.call(Method::POST, target, &fields, asked.to_string().as_bytes())?).await?;
        units += tokens(std::str::from_utf8(&answer.body)?).context("no usage in the answer")?;
    }
    let usage = account.settled_to("metered-ways", Usage { calls: 2 + 4 + 2, uncharged: 2, ..Usage::NONE }).await?;
    ensure!((usage.units, usage.uncharged) == (units, 2), "{usage:?} is booked, {units} units were said");
    let (balance, _) = account.settled_balance().await?;
    let left = Micros::new(10_000_000 - i64::try_from(units * 100)?);
    ensure!(balance.parse::<Micros>()? == left, "{balance} is left, not {left}");
    Ok(())
}

/// Of a stream that breaks off, what was said is charged. Of one that breaks off before its first byte, nothing is. One whose
/// caller leaves is read on for what its upstream says.
pub async fn a_stream_that_breaks_off_is_charged_what_its_upstream_said(farebox: &Farebox) -> Result<()> {
    let world = World::make(farebox, "tokens").await?;
    let (account, caller) = Account::with_balance(&world.farebox, "1.00").await?;
    for wanted in ["nothing", "said", "nothing"] {
        let broken = caller.get(&format!("/tokens/{wanted}")).await;
        ensure!(broken.is_err(), "{wanted} came as if it were whole: {broken:?}");
    }
    let usage = account.settled_to("tokens", Usage { calls: 1, units: 7, uncharged: 2, ..Usage::NONE }).await?;
    ensure!((usage.units, usage.uncharged) == (7, 2), "{usage:?}");

    let mut stream = connect(&world.farebox, &caller, "GET", "/tokens/late", "Accept: text/event-stream")?;
    let mut begun = Vec::new();
    while !begun.ends_with(b"data: 1\n\n") && !begun.ends_with(b"data: 1\n\n\r\n") {
        let mut byte = [0];
        std::io::Read::read_exact(&mut stream, &mut byte)?;
        begun.extend(byte);
    }
    drop(stream);
    world.origin.end_streams();
    let usage = account.settled_to("tokens", Usage { calls: 2, units: 18, ..Usage::NONE }).await?;
    ensure!(usage.units == 18, "{usage:?}");
    let (balance, _) = account.settled_balance().await?;
    ensure!(balance == "0.982", "{balance} is left");
    Ok(())
}

/// What an answer comes to: prompt and four times the completion, whole or in the last event that says so.
fn tokens(answer: &str) -> Option<u64> {
    let documents = answer.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
    let mut usages =
        documents.filter_map(|line| serde_json::from_str::<Value>(line).ok()).map(|it| it["usage"].clone());
    let usage = usages.rfind(Value::is_object)?;
    Some(usage["prompt_tokens"].as_u64()? + 4 * usage["completion_tokens"].as_u64()?)
}

/// What came through.
#[derive(Debug, Default)]
struct Said {
    calls: u64,
    units: u64,
    refused: BTreeMap<String, u64>,
}

/// A crowd over all gateways, until all is used up but less than what one call may come to. What was said is never more.
async fn use_up(farebox: &Farebox, caller: &Caller, product: &'static str, refusal: &str) -> Result<Said> {
    let calls_each = if thorough() { CALLS_EACH_IN_FULL } else { CALLS_EACH };
    let before = farebox.forwarded(product).await?;
    let mut tasks = JoinSet::new();
    for (number, gateway) in (0..CALLERS).zip(farebox.gateways().iter().cycle()) {
        let caller = caller.at(gateway);
        tasks.spawn(async move {
            let mut said = Vec::new();
            for call in 0..calls_each {
                // Spread over 1 to 500, another one for each call: 193 and 500 have no common divisor.
                let units = (number * calls_each + call) * 193 % MOST + 1;
                said.push((units, outcome(&caller, &format!("/{product}/units/{units}")).await?));
            }
            anyhow::Ok(said)
        });
    }
    let admin = farebox.admin();
    let settling = tokio::spawn(async move {
        while admin.settle().await.is_ok() {
            tokio::time::sleep(BETWEEN_SETTLEMENTS).await;
        }
    });
    let mut said = Said::default();
    while let Some(outcomes) = tasks.join_next().await {
        for (units, code) in outcomes?? {
            if code == "passed" {
                (said.calls, said.units) = (said.calls + 1, said.units + units);
            } else {
                *said.refused.entry(code).or_default() += 1;
            }
        }
    }
    settling.abort();
    ensure!(said.units <= BOUGHT, "more passed than was bought: {said:?}");
    ensure!(said.units > BOUGHT - MOST, "what was bought cannot be used up: {said:?}");
    ensure!(said.refused.keys().all(|code| code == refusal), "{said:?}");
    let seen = farebox.forwarded(product).await? - before;
    ensure!(seen == said.calls, "the upstream saw {seen} calls: {said:?}");
    Ok(said)
}

/// Calls, and calls again as long as the answer is to come again: the last answer's code.
async fn outcome(caller: &Caller, target: &str) -> Result<String> {
    for _ in 0..COMES_AGAIN {
        let call: Call = caller.call(Method::GET, target, &[], b"")?;
        let answer = caller.send(call).await?;
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
