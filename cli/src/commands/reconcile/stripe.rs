//! Stripe, as far as a reconciliation reads it (<https://docs.stripe.com/api/balance_transactions/list>).
//!
//! Invariant: the key comes from the environment, goes to Stripe alone, and is in no line that is printed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use farebox_cli::{http::Client, request::Request};
use farebox_core::{
    payments::{
        reconciliation::Moved,
        transactions::{self, Transaction},
    },
    time::Timestamp,
};
use serde_json::Value;
use url::{Host, Url};

/// What references in the books name it by.
pub(super) const NAME: &str = "stripe";

/// The version of the API whose objects are read.
const VERSION: &str = "2024-06-20";

/// What moved at Stripe.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// For orders.
    pub(super) ours: Vec<Moved>,
    /// How many others there are, by Stripe's word for them.
    pub(super) others: BTreeMap<String, u64>,
}

/// Stripe's API, by the user's own key.
pub(super) struct Api {
    http: Client,
    base: Url,
    key: String,
}

impl Api {
    /// As the environment says.
    ///
    /// # Errors
    /// There is no key, or what is set in place of Stripe's address is not this machine.
    pub(super) fn of_environment() -> anyhow::Result<Self> {
        let set = |name| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        let key = set("STRIPE_API_KEY").context(
            "set STRIPE_API_KEY to a restricted key of Stripe's that may read balance transactions and charges",
        )?;
        let base: Url = set("STRIPE_API").as_deref().unwrap_or("https://api.stripe.com").parse()?;
        let is_here = match base.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if base.as_str() != "https://api.stripe.com/" && !is_here {
            bail!("STRIPE_API is for a payment service on this machine: a key goes nowhere else but to Stripe");
        }
        Ok(Self { http: Client::default(), base, key: key.trim().to_owned() })
    }

    /// What moved since then.
    pub(super) fn moves(&self, since: Timestamp) -> anyhow::Result<Moves> {
        let (mut moves, mut charges, mut reversals) = (Moves::default(), BTreeSet::new(), Vec::new());
        let other = |kind: String, moves: &mut Moves| *moves.others.entry(kind).or_default() += 1;
        for transaction in self.list(since)? {
            match transactions::read(&transaction)? {
                Transaction::Payment { charge, moved } => {
                    charges.insert(charge);
                    moves.ours.push(moved);
                }
                Transaction::Reversal { charge, moved } => reversals.push((charge, moved)),
                Transaction::Other(kind) => other(kind, &mut moves),
            }
        }
        let mut foreign = BTreeSet::new();
        for (charge, moved) in reversals {
            if !charges.contains(&charge) && !foreign.contains(&charge) {
                let is_ours = transactions::is_ours(&self.get(&format!("charges/{charge}"), &[])?);
                if is_ours {
                    charges.insert(charge.clone())
                } else {
                    foreign.insert(charge.clone())
                };
            }
            if charges.contains(&charge) {
                moves.ours.push(moved);
            } else {
                other("refund or dispute of another payment".to_owned(), &mut moves);
            }
        }
        Ok(moves)
    }

    /// All balance transactions since then, the latest first, page by page.
    fn list(&self, since: Timestamp) -> anyhow::Result<Vec<Value>> {
        let (mut all, mut after, since) = (Vec::new(), None::<String>, since.seconds().to_string());
        loop {
            let mut query = vec![("limit", "100"), ("created[gte]", since.as_str()), ("expand[]", "data.source")];
            query.extend(after.as_deref().map(|after| ("starting_after", after)));
            let mut page = self.get("balance_transactions", &query)?;
            let Value::Array(items) = page["data"].take() else { bail!("Stripe answered without `data`") };
            after = items.last().and_then(|item| item["id"].as_str()).map(str::to_owned);
            all.extend(items);
            if page["has_more"] != true || after.is_none() {
                return Ok(all);
            }
        }
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Value> {
        let mut request = Request::new("GET", self.base.join(&format!("v1/{path}"))?);
        if !query.is_empty() {
            request.url.query_pairs_mut().extend_pairs(query);
        }
        request.set("authorization", format!("Bearer {}", self.key));
        request.set("stripe-version", VERSION);
        let answer = self.http.send(&request)?;
        let status = answer.status();
        let text = answer.into_text()?;
        match status {
            200 => serde_json::from_str(&text).context("what Stripe answered is not JSON"),
            // What Stripe says of a key may hold a part of it.
            401 | 403 => bail!("Stripe does not let this key read {path}: see docs/get-paid.md for its permissions"),
            _ => bail!("Stripe answered {status} for {path}"),
        }
    }
}
