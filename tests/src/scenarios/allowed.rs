//! A settlement on a platform that refuses the operation after the last that it allows: it settles every account in a few runs, and
//! asks for no operation that is refused. Cloudflare allows 1,000; here it is a tenth of that, for a tenth of the accounts, unless
//! the tests are thorough.

use std::{cell::Cell, time::Duration};

use anyhow::{Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{Farebox, account::Account, eventually};

/// How many accounts are made and call at once.
const AT_ONCE: usize = 16;

/// How many runs may need to be made: each keeps a third of its operations to read by, and hands in with at least a third.
const RUNS: usize = 8;

/// One account and a half for each operation that is allowed.
pub async fn a_run_that_is_allowed_few_operations_leaves_no_account_behind(others: &Farebox) -> Result<()> {
    let is_thorough = std::env::var_os("FAREBOX_THOROUGH").is_some_and(|value| !value.is_empty());
    let allowed: usize = if is_thorough { 1_000 } else { 100 };
    let farebox = others.another_with("allowed", &["--operations", &allowed.to_string()])?;
    let customers = stream::iter(0..allowed * 3 / 2).map(|_| async {
        let (account, caller) = Account::with_balance(&farebox, "1.00").await?;
        let answer = caller.get("/settled/call").await?;
        ensure!(answer.status == 200, "{answer:?}");
        anyhow::Ok(account)
    });
    let accounts: Vec<Account> = customers.buffer_unordered(AT_ONCE).try_collect().await?;
    let (admin, runs, applied) = (farebox.admin(), Cell::new(0), Cell::new(0));
    eventually("all usage to be settled", Duration::from_secs(60), async || {
        let run = admin.settle().await?;
        ensure!(run.refused == 0 && run.operations <= allowed as u64 * 9 / 10, "{run:?}");
        runs.set(runs.get() + usize::from(run.applied > 0));
        applied.set(applied.get() + run.applied);
        Ok((applied.get() >= accounts.len() as u64).then_some(()))
    })
    .await?;
    let runs = runs.get();
    ensure!((2..=RUNS).contains(&runs), "{} accounts were settled in {runs} runs of {allowed}", accounts.len());
    for account in accounts {
        ensure!(account.usage("settled").await?.calls == 1, "{} is not settled", account.id);
    }
    Ok(())
}
