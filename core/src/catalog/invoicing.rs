//! What stands on invoices: who sells, how they are numbered, and which tax is in what a customer pays.
//!
//! Invariant: a tax is a part of what is paid, so that a price stays what it says, and no order is of another amount for it.

use serde::{Deserialize, Serialize};

use super::{source::Table, value};
use crate::money::{Currency, Micros};

/// The most lines that the seller's data have.
const MOST_LINES: usize = 12;

/// A hundred percent, in millionths of a percent.
const WHOLE: i128 = 100_000_000;

/// What stands on invoices. Where a catalog says nothing of them, none is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoicing {
    /// Who sells: name, address, tax id, a line each.
    pub seller: Vec<String>,
    /// What numbers begin with.
    #[serde(default)]
    pub prefix: String,
    /// The tax that is in what is paid; `None` for none.
    #[serde(default)]
    pub tax: Option<Tax>,
}

/// A tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tax {
    /// As it is called: VAT.
    pub name: String,
    /// In percent of what is paid without it.
    pub percent: Micros,
}

impl Tax {
    /// The part of `paid` that is tax, in whole coins; half a coin is one.
    pub fn within(&self, paid: Micros, currency: Currency) -> Micros {
        let coin = 1_000_000 / 10_i128.pow(currency.digits().unwrap_or(6).min(6));
        let (percent, paid) = (i128::from(self.percent.get()), i128::from(paid.get()));
        let parts = WHOLE + percent;
        let coins = (2 * paid * percent + parts * coin).div_euclid(2 * parts * coin);
        // It is a part of an amount that fits.
        Micros::new(i64::try_from(coins * coin).unwrap_or_default())
    }
}

/// What a catalog says of invoices.
pub(super) fn invoicing(table: &Table<'_>) -> Option<Invoicing> {
    let seller = table.required("seller").and_then(|item| {
        let lines: Option<Vec<String>> = item.items()?.iter().map(|line| line.read(value::title)).collect();
        let lines = lines?;
        if (1..=MOST_LINES).contains(&lines.len()) {
            return Some(lines);
        }
        item.refuse(format!("it must have 1 to {MOST_LINES} lines: name, address, tax id"));
        None
    });
    let prefix = table.maybe("prefix", |item| item.read(prefix));
    let tax = table.maybe("tax", |item| {
        let table = item.table()?;
        let name = table.required("name").and_then(|item| item.read(value::title));
        let percent = table.required("percent").and_then(|item| item.read(percent));
        table.finish();
        Some(Tax { name: name?, percent: percent? })
    });
    table.finish();
    Some(Invoicing { seller: seller?, prefix: prefix?.unwrap_or_default(), tax: tax? })
}

fn prefix(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if (1..=16).contains(&text.len()) && is_plain {
        Ok(text.to_owned())
    } else {
        Err("it must have 1 to 16 letters, digits and hyphens".to_owned())
    }
}

fn percent(text: &str) -> Result<Micros, String> {
    let percent = text.parse::<Micros>().ok().filter(|percent| percent.is_positive() && percent.get() <= 100_000_000);
    percent.ok_or_else(|| "it must be a decimal such as \"19\" or \"7.7\", at most 100".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tax_is_a_part_of_what_is_paid_in_whole_coins() {
        for (percent, paid, code, tax) in [
            ("19", "119.00", "USD", "19.00"),
            ("19", "5.00", "USD", "0.80"),
            ("19", "0.03", "USD", "0.00"),
            ("100", "0.01", "USD", "0.01"),
            ("7.7", "10.00", "USD", "0.71"),
            ("10", "550", "JPY", "50"),
            ("10", "5", "JPY", "0"),
            ("20", "1.200", "KWD", "0.200"),
        ] {
            let tax_of = Tax { name: "VAT".to_owned(), percent: percent.parse().unwrap() };
            let within = tax_of.within(paid.parse().unwrap(), code.parse().unwrap());
            assert_eq!(within, tax.parse().unwrap(), "{percent} % of {paid} {code}");
        }
    }
}
