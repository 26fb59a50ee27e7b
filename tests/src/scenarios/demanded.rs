//! An upstream that demands a credential of whoever calls it gets it from the gateway. It is set at a shell, shown to nobody, and
//! changed while calls come. No call goes without it.

use std::{cell::Cell, time::Duration};

use anyhow::{Result, ensure};
use hyper::Request;
use serde_json::Value;

use crate::{
    Farebox,
    account::Account,
    eventually,
    http::{Answer, Http, bytes},
    shell::Shell,
};

/// How long a secret that was changed may take: an instance relies on one for 60 s, and on Workers a location for 15.
const CHANGED_WITHIN: Duration = Duration::from_secs(90);

/// The secret is missing, set, changed and removed; all the while the origin counts who comes.
pub async fn an_upstream_gets_the_credential_that_it_demands(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let shell = Shell::at(farebox.directory().join("secret-home"))?;
    let profile = format!("farebox profile set dev {}", farebox.gateway());
    shell.run(&profile, farebox.admin_token())?;
    let url = format!("{}/secured/x", farebox.gateway());
    let call = async || -> Result<Answer> {
        let request = Request::get(&url).header("x-api-key", &caller.app_code).header("x-origin-key", "forged");
        Http::new().send(request.body(bytes(""))?).await
    };
    let before = farebox.forwarded("secured").await?;
    let refused = call().await?;
    ensure!((refused.status.as_u16(), refused.code().as_str()) == (503, "upstream.unconfigured"), "{refused:?}");
    ensure!(farebox.forwarded("secured").await? == before, "it went without");

    let calls = Cell::new(0);
    for secret in ["first-hush", "second-hush"] {
        shell.run("farebox secret put origin --file -", &format!("{secret}\n"))?;
        let shown = format!("Key {secret}");
        eventually("the secret to go along", CHANGED_WITHIN, async || {
            let answer = call().await?;
            if answer.code() == "upstream.unconfigured" {
                return Ok(None);
            }
            calls.set(calls.get() + 1);
            let seen = answer.json()?["headers"]["x-origin-key"].clone();
            ensure!(seen.as_str().is_some_and(|seen| seen.ends_with("-hush") && seen != "forged"), "{seen}");
            Ok((seen == shown.as_str()).then_some(()))
        })
        .await?;
    }
    let listed: Value = serde_json::from_str(&shell.run("farebox secret list --json", "")?)?;
    ensure!(listed["items"][0]["name"] == "origin" && !listed.to_string().contains("hush"), "{listed}");
    let audit = shell.run("farebox audit --last 1000 --json", "")?;
    ensure!(audit.contains("upstream-credentials/origin") && !audit.contains("hush"), "{audit}");
    account.settled("secured", calls.get()).await?;
    Ok(())
}
