//! Who holds what a catalog would take away.
//!
//! Invariant: either every account was asked, or it is said that there are more.

use std::{collections::BTreeMap, fmt};

use farebox_core::{
    id::{AccountId, ProductId},
    meter::{Meter, PerMeter},
};
use farebox_ports::{
    keys::ACCOUNTS,
    reports::{GrantRow, Query, Report},
    schema::{Id, PerMeterName},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::http::{Call, Ports, failure::Failure};

/// How many accounts are asked. Each is asked twice, and a platform lets a request ask a thousand times.
const MOST_ASKED: usize = 400;

/// How many are listed at once.
const PAGE: u32 = 100;

/// What customers hold of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Held {
    #[schemars(with = "Id")]
    product: ProductId,
    /// How many accounts hold something.
    accounts: u64,
    /// Grants of which something is left.
    grants: u64,
    /// What is left of them, by meter.
    #[schemars(with = "PerMeterName")]
    remaining: PerMeter<u64>,
    /// Running subscriptions.
    subscriptions: u64,
}

/// What customers hold of some products.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    /// By product; those that nobody holds are not there.
    pub(crate) held: Vec<Held>,
    /// Whether all accounts were asked.
    pub(crate) is_all: bool,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |number: u64, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
        write!(f, "{}: {}", self.product, count(self.grants, "grant"))?;
        for (meter, left) in self.remaining.iter() {
            write!(f, ", {left} {}", meter.as_str())?;
        }
        let subscriptions = count(self.subscriptions, "subscription");
        write!(f, ", {subscriptions}, held by {}", count(self.accounts, "account"))
    }
}

impl fmt::Display for Holders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<String> = self.held.iter().map(Held::to_string).collect();
        f.write_str(&each.join("; "))?;
        match (self.is_all, each.is_empty()) {
            (true, _) => Ok(()),
            (false, true) => write!(f, "The first {MOST_ASKED} accounts hold nothing of it, and there are more"),
            (false, false) => write!(f, "; among the first {MOST_ASKED} accounts, and there are more"),
        }
    }
}

impl<P: Ports> Call<'_, P> {
    /// Who holds something of `products`.
    pub(crate) async fn holders(&self, products: &[ProductId]) -> Result<Holders, Failure> {
        let (mut held, mut cursor, mut asked) = (BTreeMap::new(), None, 0);
        if products.is_empty() {
            return Ok(Holders { held: Vec::new(), is_all: true });
        }
        loop {
            let page = self.ports.list(ACCOUNTS, cursor.as_deref(), PAGE).await?;
            for account in page.items.iter().filter_map(|key| key.strip_prefix(ACCOUNTS)?.parse().ok()) {
                self.add_held(&account, products, &mut held).await?;
            }
            asked += page.items.len();
            cursor = page.cursor;
            if cursor.is_none() || asked >= MOST_ASKED {
                return Ok(Holders { held: held.into_values().collect(), is_all: cursor.is_none() });
            }
        }
    }

    async fn add_held(
        &self,
        account: &AccountId,
        products: &[ProductId],
        held: &mut BTreeMap<ProductId, Held>,
    ) -> Result<(), Failure> {
        let mut own: BTreeMap<ProductId, Held> = BTreeMap::new();
        let nothing = |product: &ProductId| Held {
            product: product.clone(),
            accounts: 1,
            grants: 0,
            remaining: PerMeter::default(),
            subscriptions: 0,
        };
        // What is listed before its book can be found holds nothing.
        if let Ok(Report::Grants(rows)) = self.ports.report(account, &Query::Grants).await? {
            let is_left = |row: &GrantRow| {
                row.remaining > 0 && row.until.is_none_or(|until| self.now < until) && products.contains(&row.product)
            };
            for row in rows.into_iter().filter(is_left) {
                let sum = own.entry(row.product.clone()).or_insert_with(|| nothing(&row.product));
                sum.grants += 1;
                sum.remaining = added(&sum.remaining, row.meter, row.remaining);
            }
        }
        if let Ok(Report::Subscriptions(rows)) = self.ports.report(account, &Query::Subscriptions).await? {
            for row in rows.into_iter().filter(|row| row.renews && products.contains(&row.product)) {
                own.entry(row.product.clone()).or_insert_with(|| nothing(&row.product)).subscriptions += 1;
            }
        }
        for (product, own) in own {
            match held.get_mut(&product) {
                None => drop(held.insert(product, own)),
                Some(sum) => {
                    sum.accounts += own.accounts;
                    sum.grants += own.grants;
                    sum.subscriptions += own.subscriptions;
                    for (meter, left) in own.remaining.iter() {
                        sum.remaining = added(&sum.remaining, meter, *left);
                    }
                }
            }
        }
        Ok(())
    }
}

fn added(sum: &PerMeter<u64>, meter: Meter, more: u64) -> PerMeter<u64> {
    let mut sum = sum.clone();
    sum.set(meter, sum.get(meter).copied().unwrap_or(0).saturating_add(more));
    sum
}
