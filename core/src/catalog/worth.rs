//! How much of each meter an amount of money is worth: what an instance may count before it writes it down.
//!
//! Invariant: it goes by the dearest price at which the product itself is sold. So what is counted on a meter is worth no more
//! than the amount, whichever offer pays.

use super::Product;
use crate::{id::AccountId, ledger::Beyond, meter::PerMeter, money::Micros, rate::block};

impl Product {
    /// How much of each meter that has a price is worth `amount` to `account`; at least one.
    pub fn worth(&self, account: &AccountId, amount: Micros) -> PerMeter<u64> {
        let overage = self.subscriptions.iter().filter_map(|plan| match &plan.beyond {
            Beyond::At(rate) => Some(rate),
            Beyond::Rate | Beyond::Reject => None,
        });
        let prices = self.rate_for(Some(account)).into_iter().chain(overage).flat_map(|rate| rate.prices.iter());
        let rated =
            prices.flat_map(|(meter, price)| price.tiers.iter().map(move |tier| (meter, block(meter), tier.per_block)));
        let packages = self.packages.iter().map(|package| (&package.quantities, package.price));
        let plans = self.subscriptions.iter().map(|plan| (&plan.quantities, plan.price));
        let prepaid = packages
            .chain(plans)
            .flat_map(|(quantities, price)| quantities.iter().map(move |(meter, quantity)| (meter, *quantity, price)));
        let mut worth = PerMeter::default();
        for (meter, quantity, price) in rated.chain(prepaid).filter(|(_, _, price)| *price > Micros::ZERO) {
            let much = i128::from(quantity) * i128::from(amount.get()) / i128::from(price.get());
            let much = u64::try_from(much).unwrap_or(u64::MAX).max(1);
            worth.set(meter, worth.get(meter).map_or(much, |least: &u64| much.min(*least)));
        }
        worth
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::compile, meter::Meter};

    const SOURCE: &str = r#"
[provider]
name = "Example"
currency = "USD"
[[products]]
id = "maps"
upstream = "https://maps.example.com"
auth = ["key"]
routes = [{ path = "/{*path}" }]
rate = { per_1000_calls = "0.50" }
packages = [{ id = "small", price = "2.00", calls = 1000 }, { id = "gift", price = "0.00", calls = 10, once = true }]
"#;

    #[test]
    fn the_dearest_price_says_how_much_an_amount_is_worth() {
        let catalog = compile(SOURCE).unwrap();
        let account: AccountId = "acc_a".parse().unwrap();
        let worth = |amount| catalog.products[0].worth(&account, Micros::new(amount));
        // 1.00 buys 2,000 calls at 0.50 a thousand, and 500 where 2.00 buys 1,000. A gift has no price.
        assert_eq!(worth(1_000_000).iter().collect::<Vec<_>>(), [(Meter::Calls, &500)]);
        assert_eq!(worth(1).get(Meter::Calls), Some(&1), "a call is written down at the latest when it has ended");
    }
}
