//! `farebox reprice`: what would it have come to by another catalog?

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context;
use clap::Args;
use farebox_core::{money::Micros, time::Timestamp};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Format, apply::send, read};
use crate::{admin::Connection, given, output};

const COLUMNS: [&str; 7] = ["account", "product", "calls", "before", "after", "difference", "unsold_calls"];

/// Show what past usage and sales would have come to by another catalog; changes nothing
///
/// What was booked in the time is priced anew, by account and product. Use goes by the rates, packages and periods by their
/// prices, with what they include. Offers that the other catalog does not have keep their price.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox reprice --catalog new.toml --from 2026-10-01 --to 2026-11-01")]
pub(crate) struct Reprice {
    /// The other catalog, in TOML; `-` for standard input
    #[arg(long, value_name = "FILE")]
    catalog: PathBuf,

    /// What was booked from this time on: a day, a moment, or a distance such as -30d [default: all]
    #[arg(long, value_name = "TIME", value_parser = given::moment, allow_hyphen_values = true)]
    from: Option<Timestamp>,

    /// What was booked before this time, written likewise [default: all]
    #[arg(long, value_name = "TIME", value_parser = given::moment, allow_hyphen_values = true)]
    to: Option<Timestamp>,

    #[command(flatten)]
    format: Format,
}

impl Reprice {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let (admin, source) = (connection.admin()?, read(&self.catalog)?);
        let mut rows: Vec<Value> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for (name, moment) in [("from", self.from), ("to", self.to)] {
                query.extend_pairs(moment.map(|moment| (name, moment.to_string())));
            }
            query.extend_pairs(cursor.iter().map(|cursor| ("cursor", cursor)));
            let path = format!("repricings?{}", query.finish());
            let mut page = send(&admin, &path, None, &self.catalog, source.clone())?;
            let Value::Array(items) = page["items"].take() else {
                anyhow::bail!("the gateway answered without `items`")
            };
            rows.extend(items);
            cursor = page["cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        let totals = totals(&rows)?;
        if self.format.json {
            println!("{}", json!({ "items": rows, "totals": totals }));
            return Ok(());
        }
        for row in &mut rows {
            row["unsold_calls"] = row["unsold"]["calls"].take();
        }
        print!("{}", output::table(&rows, &COLUMNS));
        if !totals.is_empty() {
            print!("\nIn all:\n{}", output::table(&totals, &["product", "calls", "before", "after", "difference"]));
        }
        for (offer, product) in kept(&rows) {
            eprintln!("{offer} of {product} is priced as it was sold: the other catalog has nothing in its place");
        }
        Ok(())
    }
}

/// What the rows add up to, by product.
fn totals(rows: &[Value]) -> anyhow::Result<Vec<Value>> {
    let mut sums: BTreeMap<&str, (u64, [Micros; 3])> = BTreeMap::new();
    for row in rows {
        let (calls, amounts) = sums.entry(row["product"].as_str().unwrap_or_default()).or_default();
        *calls += row["calls"].as_u64().unwrap_or_default();
        for (sum, name) in amounts.iter_mut().zip(["before", "after", "difference"]) {
            let amount: Micros = row[name].as_str().unwrap_or("0").parse().context("an amount of the gateway's")?;
            *sum = sum.saturating_add(amount);
        }
    }
    let total = |(product, (calls, [before, after, difference])): (&str, (u64, [Micros; 3]))| {
        json!({
            "product": product, "calls": calls, "before": before, "after": after, "difference": difference,
        })
    };
    Ok(sums.into_iter().map(total).collect())
}

/// The offers that were not priced anew, each once.
fn kept(rows: &[Value]) -> Vec<(String, String)> {
    let of = |row: &Value| {
        let product = row["product"].as_str().unwrap_or_default().to_owned();
        let offers = row["kept"].as_array().cloned().unwrap_or_default();
        offers.into_iter().filter_map(move |offer| Some((offer.as_str()?.to_owned(), product.clone())))
    };
    let mut kept: Vec<_> = rows.iter().flat_map(of).collect();
    kept.sort();
    kept.dedup();
    kept
}
