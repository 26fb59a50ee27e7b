//! No oversell: what was not paid for is not forwarded, however many ask at once, and what was paid for can be used up.
//!
//! Every answer counts, not only those that passed. While calls are under way that may give something back, whoever finds nothing
//! is told to come again (503 with `Retry-After`), and does so. Only once nothing is left does the gateway say so.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use crate::{
    Farebox,
    account::Account,
    call::{Caller, now},
    eventually, thorough,
};

/// 1,000 calls at once on a package of 100: exactly 100 pass. Another package, and calls pass again.
pub async fn a_package_of_100_calls_lets_exactly_100_of_1000_through(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "0.15").await?;
    account.buy("hundred", "hundred-100").await?;
    let outcomes = call_at_once(farebox, &caller, "/hundred/call", 1_000, 1).await?;
    ensure!(outcomes.finally == expected([("passed", 100), ("quota.exhausted", 900)]), "{outcomes:?}");
    ensure!(farebox.forwarded("hundred").await? == 100, "the upstream saw another number");

    account.recharge("0.15").await?;
    account.buy("hundred", "hundred-100").await?;
    eventually("calls to pass again", Duration::from_secs(5), async || {
        let answer = caller.get("/hundred/call").await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await
}

/// 1.00 at 2.00 per 1,000 calls: exactly 500 pass, and then the balance is 0.00.
pub async fn a_balance_of_1_00_lets_exactly_500_calls_through(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let outcomes = call_at_once(farebox, &caller, "/balance/call", 700, 1).await?;
    ensure!(outcomes.finally == expected([("passed", 500), ("balance.exhausted", 200)]), "{outcomes:?}");
    ensure!(farebox.forwarded("balance").await? == 500, "the upstream saw another number");

    account.settled("balance", 500).await?;
    let (balance, available) = account.settled_balance().await?;
    ensure!((balance.as_str(), available.as_str()) == ("0.00", "0.00"), "balance {balance}, available {available}");
    Ok(())
}

/// 200 callers with 25 calls each, on a package of 1,200 and a balance for 800 more: exactly 2,000 pass. In full four times as
/// many of each.
pub async fn a_crowd_gets_its_package_and_its_balance_and_no_call_more(farebox: &Farebox) -> Result<()> {
    use_up(farebox, "crowd", "/crowd/call").await
}

/// The same, each call admitted by the ledger.
pub async fn a_crowd_gets_no_call_more_when_each_is_asked_for(farebox: &Farebox) -> Result<()> {
    use_up(farebox, "strict", "/strict/call").await
}

/// 128 callers at once, each with 5 calls, on a limit of 5 a second: no more than the burst and the rate pass.
pub async fn a_rate_limit_holds_however_many_call_at_once(farebox: &Farebox) -> Result<()> {
    for target in ["/paced/call", "/paced-strict/call"] {
        let (_, caller) = Account::with_balance(farebox, "10.00").await?;
        let began = Instant::now();
        let outcomes = call_at_once(farebox, &caller, target, 128, 5).await?;
        let seconds = began.elapsed().as_secs_f64();
        let passed = outcomes.finally.get("passed").copied().unwrap_or(0);
        // What was taken off a shared bucket may be used a second later.
        let most = 5.0 + 5.0 * (seconds + 1.0);
        ensure!(passed >= 5 && f64::from(passed) <= most, "{target}, {seconds:.1} s, at most {most}: {outcomes:?}");
        ensure!(passed + outcomes.finally.get("rate.limited").unwrap_or(&0) == 640, "{target}: {outcomes:?}");
    }
    Ok(())
}

/// 300 copies of one strictly signed call, 30 at a time: one passes, and one is charged.
pub async fn a_strictly_signed_call_passes_once(farebox: &Farebox) -> Result<()> {
    // Enough for a lease of every instance: who finds all leased out is told to come again, and not of the nonce.
    let (account, caller) = Account::with_balance(farebox, "1000.00").await?;
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    let nonce = "once-and-no-more";
    let at = now();
    let mut tasks = JoinSet::new();
    for gateway in farebox.gateways().iter().cycle().take(30) {
        let caller = caller.at(gateway);
        tasks.spawn(async move {
            let (mut codes, mut told_to_come_again) = (Vec::new(), 0);
            while codes.len() < 10 {
                let call = caller.call_once(at, "/replayed/call", nonce)?;
                let answer = caller.send(call).await?;
                match answer.code().as_str() {
                    // Nothing was taken, the nonce neither: it comes again.
                    "temporarily.unavailable" if told_to_come_again < 20 => told_to_come_again += 1,
                    _ if answer.status == 200 => codes.push("passed".to_owned()),
                    code => codes.push(code.to_owned()),
                }
            }
            anyhow::Ok(codes)
        });
    }
    while let Some(codes) = tasks.join_next().await {
        for code in codes?? {
            *outcomes.entry(code).or_default() += 1;
        }
    }
    ensure!(outcomes == expected([("passed", 1), ("nonce.used", 299)]), "{outcomes:?}");
    account.settled("replayed", 1).await?;
    Ok(())
}

/// A crowd that is spread over all gateways, and uses up a package of `product` and then a balance.
pub(super) async fn use_up(farebox: &Farebox, product: &str, target: &'static str) -> Result<()> {
    let Crowd { calls_each, package, price, paid } = if thorough() { IN_FULL } else { CROWD };
    let (account, caller) = Account::with_balance(farebox, price).await?;
    account.buy(product, &format!("{product}-{package}")).await?;
    let outcomes = call_at_once(farebox, &caller, target, CALLERS, calls_each).await?;
    // The balance was there when the package was used up, so it is what is told of; unless only the package's calls are under way.
    let mut finally = outcomes.finally.clone();
    let passed = finally.remove("passed");
    let refused: u32 = ["quota.exhausted", "balance.exhausted"].iter().filter_map(|code| finally.remove(*code)).sum();
    let made = CALLERS as u32 * calls_each;
    ensure!((passed, refused) == (Some(paid), made - paid) && finally.is_empty(), "{outcomes:?}");
    ensure!(outcomes.told_to_come_again <= MOST_COMING_AGAIN, "{outcomes:?}");
    ensure!(farebox.forwarded(product).await? == u64::from(paid), "the upstream saw another number");

    account.settled(product, u64::from(paid)).await?;
    let (balance, _) = account.settled_balance().await?;
    ensure!(balance == "0.00", "the balance is {balance}");
    Ok(())
}

/// Callers of a crowd.
const CALLERS: usize = 200;

/// How much a crowd calls, and what is paid for.
struct Crowd {
    /// Calls of each caller.
    calls_each: u32,
    /// Calls of the package.
    package: u32,
    /// What the package costs, and the rest from the balance at 1.00 for 1,000 calls.
    price: &'static str,
    /// Calls that are paid for in all.
    paid: u32,
}

const CROWD: Crowd = Crowd { calls_each: 25, package: 1_200, price: "1.40", paid: 2_000 };
const IN_FULL: Crowd = Crowd { calls_each: 100, package: 5_000, price: "5.50", paid: 8_000 };

/// How often callers of a crowd may be told to come again, all together: a few times each, around the moment when the last calls are used.
const MOST_COMING_AGAIN: u32 = 20 * 200;

/// How long the settlement rests while callers wait for it.
const BETWEEN_SETTLEMENTS: Duration = Duration::from_secs(5);

/// How often one call comes again. Each time it waits for as long as it is told.
const COMES_AGAIN: u32 = 60;

/// What callers were told.
#[derive(Debug, Default)]
struct Outcomes {
    /// The last answers to each call, by problem code, and those that passed.
    finally: BTreeMap<String, u32>,
    /// Answers before those.
    told_to_come_again: u32,
}

/// So many callers at once, each making its calls one after the other, and each call again as often as it is told to.
async fn call_at_once(
    farebox: &Farebox,
    caller: &Caller,
    target: &'static str,
    callers: usize,
    calls: u32,
) -> Result<Outcomes> {
    let mut tasks = JoinSet::new();
    for gateway in farebox.gateways().iter().cycle().take(callers) {
        let caller = caller.at(gateway);
        tasks.spawn(async move {
            let (mut codes, mut again) = (Vec::new(), 0);
            for _ in 0..calls {
                let (code, times) = call(&caller, target).await?;
                codes.push(code);
                again += times;
            }
            anyhow::Ok((codes, again))
        });
    }
    // The schedule settles each minute. Here it is done all the time, so that what was leased is soon known to be used.
    let admin = farebox.admin();
    let settling = tokio::spawn(async move {
        while admin.settle().await.is_ok() {
            tokio::time::sleep(BETWEEN_SETTLEMENTS).await;
        }
    });
    let mut outcomes = Outcomes::default();
    while let Some(told) = tasks.join_next().await {
        let (codes, again) = told??;
        outcomes.told_to_come_again += again;
        for code in codes {
            *outcomes.finally.entry(code).or_default() += 1;
        }
    }
    settling.abort();
    Ok(outcomes)
}

/// Calls, and calls again as long as the answer is to come again: the last answer's code, and how often there was another before.
async fn call(caller: &Caller, target: &str) -> Result<(String, u32)> {
    for again in 0..COMES_AGAIN {
        let answer = caller.get(target).await?;
        match answer.status.as_u16() {
            200 => return Ok(("passed".to_owned(), again)),
            503 => {
                ensure!(answer.code() == "temporarily.unavailable", "{answer:?}");
                let seconds = answer.header("retry-after").parse().context("a 503 without Retry-After")?;
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            _ => return Ok((answer.code(), again)),
        }
    }
    Ok(("told to come again for ever".to_owned(), COMES_AGAIN))
}

fn expected<const N: usize>(outcomes: [(&str, u32); N]) -> BTreeMap<String, u32> {
    outcomes.into_iter().map(|(code, number)| (code.to_owned(), number)).collect()
}
