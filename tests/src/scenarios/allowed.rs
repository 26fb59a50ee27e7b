//! A settlement on a platform that refuses the operation after the last that it allows. It settles every account in a few runs,
//! and asks for no operation that is refused. Cloudflare allows 1,000; here it is a tenth of that, for a tenth of the accounts,
//! unless the tests are thorough.

use std::{cell::Cell, time::Duration};

use anyhow::{Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{Farebox, account::Account, eventually};

/// How many accounts are made and call at once.
const AT_ONCE: usize = 16;

/// How long it may take: some runs, one for each minute beside those that are asked for, and a machine that does much else.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);

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
    let (admin, runs) = (farebox.admin(), Cell::new(0));
    eventually("all usage to be settled", SETTLED_WITHIN, async || {
        let run = admin.settle().await?;
        ensure!(run.refused == 0 && run.operations <= allowed as u64 * 9 / 10, "{run:?}");
        runs.set(runs.get() + usize::from(run.applied > 0));
        if run.applied > 0 || run.left > 0 {
            return Ok(None);
        }
        // The clock starts runs too, so what these have settled is seen by the accounts alone.
        for account in &accounts {
            if account.usage("settled").await?.calls != 1 {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await?;
    let runs = runs.get();
    ensure!(runs <= RUNS, "{} accounts were settled in {runs} runs of {allowed}", accounts.len());
    Ok(())
}
