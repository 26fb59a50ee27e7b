//! A backup is made and put back by the commands of the deployment pages, taken from them as they stand there.
//!
//! Spin's page copies its two files, and everything is as it was. Workers' page reads the books through the admin API; what it reads
//! from Cloudflare's own storage needs an account there, and is not run here.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Farebox, account::Account, call::Caller, farebox::root, shell::Shell};

/// The commands that a page shows under a heading: one text for each of its blocks.
fn blocks(page: &str, heading: &str) -> Result<Vec<String>> {
    let page = fs::read_to_string(root().join(page))?;
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).with_context(|| format!("no `{heading}`"))?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    Ok(blocks.map(str::to_owned).collect())
}

/// An account that has bought, called and been settled.
async fn customer(farebox: &Farebox) -> Result<(Account, Caller)> {
    let (account, caller) = Account::with_balance(farebox, "10.00").await?;
    account.buy("hundred", "hundred-100").await?;
    for target in ["/balance/call", "/hundred/call"] {
        for _ in 0..20 {
            let answer = caller.get(target).await?;
            ensure!(answer.status == 200, "{answer:?}");
        }
    }
    account.settled("balance", 20).await?;
    account.settled("hundred", 20).await?;
    account.settled_balance().await?;
    Ok((account, caller))
}

/// What must be the same after a restore: the balance, and what was bought and used.
async fn kept(account: &Account) -> Result<(String, Vec<Value>, u64)> {
    let balance = account.balance().await?;
    let usage = account.usage("balance").await?.calls + account.usage("hundred").await?.calls;
    Ok((balance["balance"].to_string(), account.entries().await?, usage))
}

/// On Spin: both files are copied while it runs, and put into a state directory of another deployment with the same secrets.
pub async fn the_files_of_a_gateway_are_copied_and_put_back(others: &Farebox) -> Result<()> {
    let [copy, restore] = <[String; 2]>::try_from(blocks("docs/deploy-spin.md", "Backup and restore")?)
        .map_err(|blocks| anyhow::anyhow!("the page shows other commands: {blocks:?}"))?;
    let farebox = others.another("backup")?;
    let (account, caller) = customer(&farebox).await?;
    let operator = Shell::at(farebox.directory().join("operator"))?;
    let state = operator.home().join("state");
    std::os::unix::fs::symlink(farebox.data(), &state)?;
    let before = kept(&account).await?;
    let said = operator.run(&copy, "")?;
    ensure!(said.trim().ends_with(" books") && !said.trim().starts_with("0 "), "the copy says {said:?}");

    let directory = farebox.directory().to_owned();
    drop(farebox);
    fs::remove_file(&state)?;
    operator.run(&restore, "")?;
    let restored = others.restored("restored", |into, data| {
        fs::copy(directory.join("secrets.json"), into.join("secrets.json"))?;
        Ok(fs::rename(&state, data)?)
    })?;
    let account = account.on(&restored);
    let (balance, entries, usage) = kept(&account).await?;
    ensure!((&balance, usage) == (&before.0, before.2), "{balance} and {usage} calls; before: {before:?}");
    ensure!(entries.starts_with(&before.1), "the book is not what it was");
    let answer = caller.at(restored.gateway()).get("/balance/call").await?;
    ensure!(answer.status == 200, "a credential is not what it was: {answer:?}");
    Ok(())
}

/// On Workers: every book is read entry by entry, and put back into an empty deployment.
pub async fn the_books_of_a_gateway_are_copied_and_put_back(others: &Farebox) -> Result<()> {
    let shown = blocks("docs/deploy-workers.md", "Backup and restore")?;
    let ours: Vec<&String> = shown.iter().filter(|block| !block.contains("wrangler")).collect();
    let [copy, restore] = ours[..] else { anyhow::bail!("the page shows other commands: {shown:?}") };
    let farebox = others.another("backup")?;
    let (account, _) = customer(&farebox).await?;
    let before = kept(&account).await?;
    let operator = Shell::at(farebox.directory().join("operator"))?;
    let reach = |farebox: &Farebox| {
        operator.run(&format!("farebox profile set production {}", farebox.gateway()), farebox.admin_token())
    };
    reach(&farebox)?;
    operator.run(copy, "")?;
    drop(farebox);

    let restored = others.restored("restored", |_: &Path, _: &Path| Ok(()))?;
    reach(&restored)?;
    operator.run(restore, "")?;
    let (balance, entries, usage) = kept(&account.on(&restored)).await?;
    ensure!((&balance, usage) == (&before.0, before.2), "{balance} and {usage} calls; before: {before:?}");
    ensure!(entries.starts_with(&before.1), "the book is not what it was");
    Ok(())
}
