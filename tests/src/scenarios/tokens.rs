//! Tokens that an issuer makes with the libraries of the registries pay as their credential does, and what RFC 8725 warns of is refused.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Farebox, account::Account, farebox::run_node, python};

/// npm's `jose`.
pub async fn tokens_of_npm_jose_are_good_for_what_they_say(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let outcomes = run_node("tests/js/tokens.mjs", &input(farebox, "tokened-npm", &caller.key)).await?;
    check(&account, "tokened-npm", &outcomes).await
}

/// PyPI's `joserfc`.
pub async fn tokens_of_pypi_joserfc_are_good_for_what_they_say(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let outcomes = python::run("tests/py/tokens.py", &input(farebox, "tokened-pypi", &caller.key)).await?;
    check(&account, "tokened-pypi", &outcomes).await
}

fn input(farebox: &Farebox, product: &str, credential: &str) -> Value {
    json!({
        "url": format!("{}/{product}/call", farebox.gateway()),
        "keys": format!("{}/_origin/kept/{product}", farebox.origin()),
        "issuer": "https://id.test.example", "audience": product, "credential": credential,
    })
}

/// An outcome's name begins with `good`, or with the code of the refusal.
async fn check(account: &Account, product: &str, outcomes: &Value) -> Result<()> {
    let mut good = 0;
    for (name, outcome) in outcomes.as_object().context("no outcomes")? {
        let (expected, _) = name.split_once(' ').unwrap_or((name, ""));
        ensure!(outcome["leaked"] == false, "{name}: the token went along");
        if expected == "good" {
            ensure!(outcome["status"] == 200, "{name}: {outcome}");
            good += 1;
        } else {
            ensure!(outcome["status"] == 401 && outcome["code"] == expected, "{name}: {outcome}");
        }
    }
    ensure!(good >= 4, "{good} were good");
    account.settled(product, good).await?;
    Ok(())
}
