//! Amounts as Stripe counts them: in a currency's smallest coin (<https://docs.stripe.com/currencies#zero-decimal>).
//!
//! Invariant: an amount is written and read exactly or not at all. Stripe differs from ISO 4217: MGA has no coins there, ISK and UGX have two
//! digits that must be zeros, and of three digits the last must be zero.

use crate::money::{Currency, Micros};

/// Micro-units of a whole one.
const WHOLE: i64 = 1_000_000;

/// How many digits Stripe has behind the point, and how many of its coins the smallest amount is that it takes.
fn unit(currency: Currency) -> Option<(u32, i64)> {
    match currency.as_str() {
        "MGA" => Some((0, 1)),
        "ISK" | "UGX" => Some((2, 100)),
        _ => match currency.digits()? {
            0 => Some((0, 1)),
            2 => Some((2, 1)),
            3 => Some((3, 10)),
            _ => None,
        },
    }
}

/// `amount` in coins; `None` where it cannot be paid.
pub fn coins(currency: Currency, amount: Micros) -> Option<i64> {
    let (digits, step) = unit(currency)?;
    let coin = WHOLE / 10_i64.pow(digits);
    let coins = amount.get() / coin;
    (amount.get() % coin == 0 && coins % step == 0).then_some(coins)
}

/// What so many coins are; `None` where that cannot be held.
pub fn micros(currency: Currency, coins: i64) -> Option<Micros> {
    let (digits, _) = unit(currency)?;
    coins.checked_mul(WHOLE / 10_i64.pow(digits)).map(Micros::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_none() {
        for (code, amount, expected) in [
            ("USD", "5.00", Some(500)),
            ("USD", "5.005", None),
            ("JPY", "500", Some(500)),
            ("JPY", "0.5", None),
            ("KWD", "5.120", Some(5_120)),
            ("KWD", "5.123", None),
            ("ISK", "5", Some(500)),
            ("UGX", "5.50", None),
            ("MGA", "5", Some(5)),
            ("CLF", "5", None),
            ("XXX", "5", None),
        ] {
            let (currency, amount): (Currency, Micros) = (code.parse().unwrap(), amount.parse().unwrap());
            assert_eq!(coins(currency, amount), expected, "{code} {amount}");
            if let Some(coins) = expected {
                assert_eq!(micros(currency, coins), Some(amount), "{code} {amount}");
            }
        }
        assert_eq!(micros("USD".parse().unwrap(), i64::MAX), None);
    }
}
