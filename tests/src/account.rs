//! A customer: an account with a credential, and what its book says.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use farebox_core::{
    ledger::Statement,
    meter::{Meter, Usage},
};
use serde_json::{Value, json};

use crate::{
    Farebox,
    admin::{Admin, SETTLING},
    call::Caller,
    eventually,
};

/// An account of one scenario.
pub(crate) struct Account {
    pub(crate) id: String,
    admin: Admin,
    gateway: String,
}

impl Account {
    /// Makes one, with a credential and nothing to pay with.
    pub(crate) async fn without_balance(farebox: &Farebox) -> Result<(Self, Caller)> {
        let admin = farebox.admin();
        let made = admin.post("accounts", &json!({ "name": "Test" })).await?;
        let account = Self { id: text(&made, "id")?, admin, gateway: farebox.gateway().to_owned() };
        let caller = account.credential().await?;
        Ok((account, caller))
    }

    /// Makes one, with a credential and `balance` in USD.
    pub(crate) async fn with_balance(farebox: &Farebox, balance: &str) -> Result<(Self, Caller)> {
        let (account, caller) = Self::without_balance(farebox).await?;
        account.recharge(balance).await?;
        Ok((account, caller))
    }

    /// The same account, as another gateway has it.
    pub(crate) fn on(&self, farebox: &Farebox) -> Self {
        Self { id: self.id.clone(), admin: farebox.admin(), gateway: farebox.gateway().to_owned() }
    }

    /// Its book, entry by entry.
    pub(crate) async fn entries(&self) -> Result<Vec<Value>> {
        self.admin.list(&self.path("entries")).await
    }

    /// Another credential of the account.
    pub(crate) async fn credential(&self) -> Result<Caller> {
        self.caller(&self.admin.post(&self.path("credentials"), &json!({})).await?)
    }

    /// Whoever has the credential that was `made`.
    pub(crate) fn caller(&self, made: &Value) -> Result<Caller> {
        Ok(Caller::new(&self.gateway, &text(made, "key")?, &text(made, "secret")?, &text(made, "app_code")?))
    }

    /// Revokes the credential of `caller`.
    pub(crate) async fn revoke(&self, caller: &Caller) -> Result<()> {
        self.admin.delete(&self.path(&format!("credentials/{}", caller.key))).await
    }

    /// Pays `amount` in USD into the balance.
    pub(crate) async fn recharge(&self, amount: &str) -> Result<()> {
        let recharge = json!({ "amount": amount, "currency": "USD" });
        self.admin.post(&self.path("recharges"), &recharge).await.map(drop)
    }

    /// Buys a package from the balance.
    pub(crate) async fn buy(&self, product: &str, package: &str) -> Result<()> {
        let purchase = json!({ "product": product, "package": package });
        self.admin.post(&self.path("purchases"), &purchase).await.map(drop)
    }

    /// `{"balance", "available", "leased", …}`.
    pub(crate) async fn balance(&self) -> Result<Value> {
        self.admin.get(&self.path("balance")).await
    }

    /// What was settled of `product` so far.
    pub(crate) async fn usage(&self, product: &str) -> Result<Usage> {
        let items = self.admin.list(&self.path("usage")).await?;
        let Some(item) = items.iter().find(|item| item["product"] == product) else { return Ok(Usage::default()) };
        let count = |meter: &str| item[meter].as_u64().with_context(|| format!("no `{meter}` in {item}"));
        Ok(Usage {
            calls: count("calls")?,
            ingress_bytes: count("ingress_bytes")?,
            egress_bytes: count("egress_bytes")?,
            units: item["units"].as_u64().unwrap_or(0),
            uncharged: item["uncharged"].as_u64().unwrap_or(0),
        })
    }

    /// The open leases, with the calls on each that nothing is booked for.
    pub(crate) async fn leases(&self) -> Result<BTreeMap<String, u64>> {
        let leases = self.admin.list(&self.path("leases")).await?;
        let open = leases.iter().map(|lease| {
            let (allowance, used) = (lease["allowance"]["calls"].as_u64(), lease["used"]["calls"].as_u64());
            Ok((text(lease, "id")?, allowance.zip(used).map(|(of, used)| of.saturating_sub(used)).context("no calls")?))
        });
        open.collect()
    }

    /// Settles until nobody holds a lease: then what was used, and what nobody can account for, is known.
    pub(crate) async fn without_leases(&self) -> Result<()> {
        eventually("all leases to end", SETTLING, async || {
            self.admin.settle().await?;
            Ok(self.leases().await?.is_empty().then_some(()))
        })
        .await
    }

    /// The statements of all months, each verified.
    pub(crate) async fn statements(&self) -> Result<Vec<Statement>> {
        let mut statements = Vec::new();
        for month in self.admin.list(&self.path("statements")).await? {
            let statement = self.admin.get(&self.path(&format!("statements/{}", text(&month, "period")?))).await?;
            statements.push(Statement::from_json(&statement.to_string())?);
        }
        Ok(statements)
    }

    /// Settles until `calls` calls of `product` are in the book, and returns what else was used. An error when there are
    /// more, or when it takes too long.
    pub(crate) async fn settled(&self, product: &str, calls: u64) -> Result<Usage> {
        self.settled_to(product, Usage { calls, ..Usage::NONE }).await
    }

    /// The same, until the book has all of `least`: the calls of a stream are in it before its last bytes are.
    pub(crate) async fn settled_to(&self, product: &str, least: Usage) -> Result<Usage> {
        let usage = eventually(&format!("{least:?} of {product} in the book"), SETTLING, async || {
            let settlement = self.admin.settle().await?;
            ensure!(settlement.refused == 0, "batches were refused: {settlement:?}");
            let usage = self.usage(product).await?;
            let is_counted = usage.uncharged >= least.uncharged;
            Ok((is_counted && Meter::ALL.into_iter().all(|meter| usage.get(meter) >= least.get(meter)))
                .then_some(usage))
        })
        .await?;
        ensure!(usage.calls == least.calls, "{} calls in the book, not {}", usage.calls, least.calls);
        Ok(usage)
    }

    /// Settles until nothing of the balance is leased, and returns `(balance, available)`.
    pub(crate) async fn settled_balance(&self) -> Result<(String, String)> {
        eventually("no lease on the balance", SETTLING, async || {
            self.admin.settle().await?;
            let balance = self.balance().await?;
            let all = (text(&balance, "balance")?, text(&balance, "available")?);
            Ok(Some(all).filter(|(balance, available)| balance == available))
        })
        .await
    }

    /// A path of the admin API below the account's.
    pub(crate) fn path(&self, of: &str) -> String {
        format!("accounts/{}/{of}", self.id)
    }
}

fn text(answer: &Value, member: &str) -> Result<String> {
    Ok(answer[member].as_str().with_context(|| format!("no `{member}` in {answer}"))?.to_owned())
}
