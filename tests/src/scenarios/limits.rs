//! No oversell: what was not paid for is not forwarded, however many ask at once, and what was paid for can be used up.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::{Farebox, account::Account, call::Caller, eventually};

/// 1,000 calls at once on a package of 100: exactly 100 pass. Another package, and calls pass again.
pub async fn a_package_of_100_calls_lets_exactly_100_of_1000_through(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "0.15").await?;
    account.buy("hundred", "hundred-100").await?;
    let outcomes = call_at_once(farebox, &caller, "/hundred/call", 1_000, 1).await?;
    ensure!(outcomes == expected([("passed", 100), ("quota.exhausted", 900)]), "{outcomes:?}");
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
    ensure!(outcomes == expected([("passed", 500), ("balance.exhausted", 200)]), "{outcomes:?}");
    ensure!(farebox.forwarded("balance").await? == 500, "the upstream saw another number");

    account.settled("balance", 500).await?;
    let (balance, available) = account.settled_balance().await?;
    ensure!((balance.as_str(), available.as_str()) == ("0.00", "0.00"), "balance {balance}, available {available}");
    Ok(())
}

/// 200 callers with 100 calls each, on a package of 5,000 and a balance for 3,000 more: exactly 8,000 pass.
pub async fn a_crowd_gets_its_package_and_its_balance_and_no_call_more(farebox: &Farebox) -> Result<()> {
    use_up(farebox, "crowd", "crowd-5000", "/crowd/call").await
}

/// The same, each call admitted by the ledger.
pub async fn a_crowd_gets_no_call_more_when_each_is_asked_for(farebox: &Farebox) -> Result<()> {
    use_up(farebox, "strict", "strict-5000", "/strict/call").await
}

/// 200 callers with 100 calls each, spread over all gateways, on a package of 5,000 calls and a balance for 3,000 more.
pub(super) async fn use_up(farebox: &Farebox, product: &str, package: &str, target: &'static str) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "5.50").await?;
    account.buy(product, package).await?;
    let outcomes = call_at_once(farebox, &caller, target, 200, 100).await?;
    ensure!(outcomes.get("passed") == Some(&8_000), "{outcomes:?}");
    ensure!(farebox.forwarded(product).await? == 8_000, "the upstream saw another number");

    account.settled(product, 8_000).await?;
    let (balance, _) = account.settled_balance().await?;
    ensure!(balance == "0.00", "the balance is {balance}");
    Ok(())
}

/// So many callers at once, each making its calls one after the other: the number of answers by problem code, and
/// those that passed.
async fn call_at_once(
    farebox: &Farebox,
    caller: &Caller,
    target: &'static str,
    callers: usize,
    calls: u32,
) -> Result<BTreeMap<String, u32>> {
    let mut tasks = JoinSet::new();
    for gateway in farebox.gateways().iter().cycle().take(callers) {
        let caller = caller.at(gateway);
        tasks.spawn(async move {
            let mut codes = Vec::new();
            for _ in 0..calls {
                let answer = caller.get(target).await?;
                codes.push(if answer.status == 200 { "passed".to_owned() } else { answer.code() });
            }
            anyhow::Ok(codes)
        });
    }
    let mut outcomes = BTreeMap::new();
    while let Some(codes) = tasks.join_next().await {
        for code in codes?? {
            *outcomes.entry(code).or_default() += 1;
        }
    }
    Ok(outcomes)
}

fn expected<const N: usize>(outcomes: [(&str, u32); N]) -> BTreeMap<String, u32> {
    outcomes.into_iter().map(|(code, number)| (code.to_owned(), number)).collect()
}
