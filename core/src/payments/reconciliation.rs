//! What a payment service says that it moved, held against what the books say, to the smallest coin.
//!
//! Invariant: nothing that differs is passed over, and each difference has a name. Both sides are added up by the service's own name of
//! a payment, refund or dispute: so a dispute that was won is nothing on both, and what was booked twice is another amount.

use std::collections::BTreeMap;

use crate::{
    id::AccountId,
    ledger::{Entry, Event},
    money::{Currency, Micros},
    time::Timestamp,
};

/// Money that was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The service's own name of the payment, refund or dispute.
    pub name: String,
    /// Whose, as far as it is said.
    pub account: Option<AccountId>,
    /// When.
    pub at: Timestamp,
    /// To the provider; negative where it left.
    pub amount: Micros,
    /// In which currency.
    pub currency: Currency,
}

/// What is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The service has moved it, and no book says so.
    MissingHere,
    /// A book says it, and the service has not moved it.
    MissingThere,
    /// Another amount.
    OtherAmount,
    /// Another currency.
    OtherCurrency,
}

impl Kind {
    /// In the word of the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingHere => "missing here",
            Self::MissingThere => "missing there",
            Self::OtherAmount => "other amount",
            Self::OtherCurrency => "other currency",
        }
    }
}

/// What all movements under one name come to. Currencies that come to nothing are left out.
pub type Sums = BTreeMap<Currency, Micros>;

/// A payment, refund or dispute that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The service's own name for it.
    pub name: String,
    /// How it differs.
    pub kind: Kind,
    /// Whose it is, where either side says so.
    pub account: Option<AccountId>,
    /// When the first of its movements was.
    pub at: Timestamp,
    /// What it comes to at the service.
    pub there: Sums,
    /// What it comes to in the books.
    pub here: Sums,
}

/// What the entries of an account's book say that `service` has moved.
pub fn booked<'a>(
    service: &'a str,
    account: &'a AccountId,
    currency: Currency,
    entries: &'a [Entry],
) -> impl Iterator<Item = Moved> + 'a {
    entries.iter().filter_map(move |entry| {
        let (amount, reference) = match &entry.event {
            Event::Recharged { amount, reference } => (*amount, reference.as_deref()?),
            Event::Refunded { amount, reference } => (amount.negated(), reference.as_deref()?),
            _ => return None,
        };
        let name = reference.strip_prefix(service)?.strip_prefix(' ')?.to_owned();
        Some(Moved { name, account: Some(account.clone()), at: entry.at, amount, currency })
    })
}

/// What differs of that which moved in `[from, until)`, on either side. Both sides must reach further: what was moved in that time may
/// be booked after it, and what was booked in it may have been moved before.
pub fn differences(there: &[Moved], here: &[Moved], from: Timestamp, until: Timestamp) -> Vec<Difference> {
    let mut names: BTreeMap<&str, [Vec<&Moved>; 2]> = BTreeMap::new();
    for (side, moved) in [there, here].into_iter().enumerate() {
        for moved in moved {
            names.entry(&moved.name).or_default()[side].push(moved);
        }
    }
    names.into_iter().filter_map(|(name, sides)| difference(name, &sides, from, until)).collect()
}

fn difference(name: &str, sides: &[Vec<&Moved>; 2], from: Timestamp, until: Timestamp) -> Option<Difference> {
    let all = || sides.iter().flatten();
    if !all().any(|moved| moved.at >= from && moved.at < until) {
        return None;
    }
    let [there, here] = sides.each_ref().map(|moved| sums(moved));
    let kind = match (there.is_empty(), here.is_empty()) {
        _ if there == here => return None,
        (true, _) => Kind::MissingThere,
        (_, true) => Kind::MissingHere,
        _ if there.keys().ne(here.keys()) => Kind::OtherCurrency,
        _ => Kind::OtherAmount,
    };
    let account = all().find_map(|moved| moved.account.clone());
    let at = all().map(|moved| moved.at).min()?;
    Some(Difference { name: name.to_owned(), kind, account, at, there, here })
}

fn sums(moved: &[&Moved]) -> Sums {
    let mut sums = Sums::new();
    for moved in moved {
        let sum = sums.entry(moved.currency).or_default();
        *sum = sum.saturating_add(moved.amount);
    }
    sums.retain(|_, sum| *sum != Micros::ZERO);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn moved(name: &str, day: i64, amount: &str, currency: &str) -> Moved {
        let (amount, currency) = (amount.parse().unwrap(), currency.parse().unwrap());
        Moved { name: name.to_owned(), account: None, at: Timestamp::from_millis(day * DAY), amount, currency }
    }

    fn found(there: &[Moved], here: &[Moved]) -> Vec<(String, Kind)> {
        let (from, until) = (Timestamp::from_millis(10 * DAY), Timestamp::from_millis(20 * DAY));
        differences(there, here, from, until).into_iter().map(|it| (it.name, it.kind)).collect()
    }

    #[test]
    fn each_difference_has_its_name() {
        let one = || moved("pi_1", 12, "5.00", "USD");
        for (here, kind) in [
            (vec![one()], None),
            (vec![moved("pi_1", 25, "5.00", "USD")], None),
            (vec![], Some(Kind::MissingHere)),
            (vec![moved("pi_1", 12, "4.99", "USD")], Some(Kind::OtherAmount)),
            (vec![one(), one()], Some(Kind::OtherAmount)),
            (vec![moved("pi_1", 12, "5.00", "EUR")], Some(Kind::OtherCurrency)),
        ] {
            let expected: Vec<_> = kind.map(|kind| ("pi_1".to_owned(), kind)).into_iter().collect();
            assert_eq!(found(&[one()], &here), expected, "{here:?}");
        }
        assert_eq!(found(&[], &[one()]), [("pi_1".to_owned(), Kind::MissingThere)]);
    }

    #[test]
    fn what_came_back_is_nothing_and_other_times_are_not_judged() {
        let lost = |day| moved("dp_1", day, "-5.00", "USD");
        let back = |day| moved("dp_1", day, "5.00", "USD");
        assert_eq!(found(&[lost(12), back(30)], &[]), [], "it is nothing in the end");
        assert_eq!(found(&[lost(12), back(30)], &[lost(12)]), [("dp_1".to_owned(), Kind::MissingThere)]);
        assert_eq!(found(&[lost(9)], &[]), []);
        assert_eq!(found(&[], &[lost(20)]), []);
    }
}
