//! What-if: a month that was sold by one catalog, priced by another, comes to what the ledger charges for the same month
//! from scratch. Random months of packages, plans, tiers of both kinds, minimums, calls and bytes.
//!
//! Broken on purpose, each fails `a_month_…`: rates begin anew with each entry; the first grant is taken in the order it was
//! bought; a grant that has ended still pays; what went back for a plan that was left is what went back before; calls that
//! the other catalog rejects are rated.

use std::collections::BTreeMap;

use farebox_core::{
    catalog::{Catalog, compile},
    id::{LeaseId, OfferId, ProductId, SubscriptionId},
    journal::{Closing, Line},
    ledger::{Answer, Command, Repriced, Repricing, command::AccountBatch},
    meter::Usage,
    money::Micros,
    time::{DAY, HOUR, SECOND, Timestamp},
};
use proptest::prelude::*;

use crate::book::{Book, START, id, money};

/// The bytes of each call, so that every split of calls is a split of bytes.
const IN: u64 = 1_000;
const OUT: u64 = 3_000_000;

const SOLD_BY: &str = r#"
provider = { name = "A", currency = "USD" }

[[products]]
id = "maps"
upstream = "https://maps.example"
auth = ["x-ca"]
routes = [{ path = "/maps" }]
rate = { minimum = "0.50", calls = [{ up_to = 200, per_1000 = "0" }, { up_to = 900, per_1000 = "4.00" }, { per_1000 = "1.00" }], per_gib_egress = "0.09" }
packages = [
  { id = "maps-300", price = "2.00", calls = 300, valid = "9d" },
  { id = "maps-bytes", price = "1.00", egress_bytes = "1 GiB", priority = -1 },
]
subscriptions = [
  { id = "maps-small", price = "3.00", every = "14 days", calls = 250, beyond = "rate" },
  { id = "maps-large", price = "9.00", every = "14 days", calls = 900, egress_bytes = "2 GiB", beyond = "rate" },
]

[[products]]
id = "text"
upstream = "https://text.example"
auth = ["x-ca"]
routes = [{ path = "/text" }]
rate = { tiers = "volume", calls = [{ up_to = 500, per_1000 = "2.00" }, { per_1000 = "1.50" }] }
packages = [{ id = "text-100", price = "0.30", calls = 100 }, { id = "text-old", price = "0.70", calls = 100 }]
subscriptions = [{ id = "text-plan", price = "1.00", every = "1 week", calls = 80, rollover = { calls = 50 }, beyond = "rate" }]
"#;

/// Another price for everything, other quantities, an offer less, calls beyond a plan rejected.
const OTHER: &str = r#"
provider = { name = "A", currency = "USD" }

[[products]]
id = "maps"
upstream = "https://maps.example"
auth = ["x-ca"]
routes = [{ path = "/maps" }]
rate = { tiers = "volume", minimum = "0.75", calls = [{ up_to = 400, per_1000 = "3.00" }, { per_1000 = "2.00" }], per_gib = "0.05" }
packages = [
  { id = "maps-300", price = "2.50", calls = 420, valid = "5d" },
  { id = "maps-bytes", price = "0.80", egress_bytes = "3 GiB", priority = 2 },
]
subscriptions = [
  { id = "maps-small", price = "3.50", every = "14 days", calls = 200, rollover = { calls = 60 }, beyond = "rate" },
  { id = "maps-large", price = "8.00", every = "14 days", calls = 1_000, egress_bytes = "1 GiB", beyond = "rate" },
]

[[products]]
id = "text"
upstream = "https://text.example"
auth = ["x-ca"]
routes = [{ path = "/text" }]
rate = { per_1000_calls = "1.75" }
packages = [{ id = "text-100", price = "0.25", calls = 120 }]
subscriptions = [{ id = "text-plan", price = "1.20", every = "1 week", calls = 70, rollover = { calls = 90 }, beyond = "reject" }]
"#;

/// What a customer does.
#[derive(Debug, Clone, Copy)]
enum Step {
    Call(&'static str, u64),
    Buy(&'static str, &'static str),
    Subscribe(&'static str, &'static str),
    /// Changes the first running subscription of `maps`.
    Change(&'static str),
    /// Ends the last one at once.
    End,
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let product = prop_oneof![Just("maps"), Just("text")];
    let step = prop_oneof![
        6 => (product, 1u64..150).prop_map(|(product, calls)| Step::Call(product, calls)),
        1 => Just(Step::Buy("maps", "maps-300")),
        1 => Just(Step::Buy("maps", "maps-bytes")),
        1 => prop_oneof![Just("text-100"), Just("text-old")].prop_map(|package| Step::Buy("text", package)),
        1 => Just(Step::Subscribe("maps", "maps-small")),
        1 => Just(Step::Subscribe("text", "text-plan")),
        1 => prop_oneof![Just("maps-small"), Just("maps-large")].prop_map(Step::Change),
        1 => Just(Step::End),
        4 => (1i64..60).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..70)
}

/// What the same steps come to under the ledger itself.
struct Sold {
    book: Book,
    unsold: BTreeMap<ProductId, u64>,
}

/// An offer of `catalog`; of what it does not have, as the other one sells it.
fn terms<T>(catalog: &Catalog, product: &str, of: impl Fn(&farebox_core::catalog::Product) -> Option<T>) -> T {
    let sold_by = compile(SOLD_BY).unwrap();
    let find = |catalog: &Catalog| catalog.product(&id(product)).and_then(&of);
    find(catalog).or_else(|| find(&sold_by)).unwrap()
}

impl Sold {
    fn by(catalog: &Catalog, steps: &[Step]) -> Self {
        let mut sold = Self { book: Book::with_balance("1000000.00"), unsold: BTreeMap::new() };
        for step in steps {
            sold.step(catalog, *step);
        }
        sold.book.seal();
        sold
    }

    fn step(&mut self, catalog: &Catalog, step: Step) {
        let subscriptions = || self.book.account.subscriptions();
        let command = match step {
            Step::Call(product, calls) => return self.call(catalog, &id(product), calls),
            Step::Wait(hours) => return self.book.wait(hours * HOUR),
            Step::Buy(product, package) => {
                Command::Purchase(terms(catalog, product, |product| product.package_terms(&id(package))))
            }
            Step::Subscribe(product, plan) => {
                Command::Subscribe(terms(catalog, product, |product| product.plan_terms(&id(plan))))
            }
            Step::Change(plan) => {
                let Some(first) = subscriptions().find(|running| running.terms.product == id("maps")) else { return };
                let terms = terms(catalog, "maps", |product| product.plan_terms(&id(plan)));
                Command::ChangePlan { subscription: first.id, terms }
            }
            Step::End => {
                let Some(SubscriptionId(last)) = subscriptions().map(|running| running.id).last() else { return };
                Command::Cancel { subscription: SubscriptionId(last), at_once: true }
            }
        };
        self.book.run(&command).unwrap();
    }

    /// Calls one after another, on as many leases as it takes.
    fn call(&mut self, catalog: &Catalog, product: &ProductId, mut calls: u64) {
        while calls > 0 {
            let rate = catalog.product(product).and_then(|product| product.rate.clone());
            let (writer, want) = (id("w"), used(calls));
            let command = Command::Lease {
                product: product.clone(),
                writer,
                rate,
                want,
                units_of_call: 0,
                lasting: 30 * SECOND,
                while_plenty: 0,
                limited: None,
            };
            let Ok(Answer::Leased(lease)) = self.book.run(&command) else {
                *self.unsold.entry(product.clone()).or_default() += calls;
                return;
            };
            // A call begins as long as something is left of every meter.
            let per_call = used(1);
            let fits = |(meter, allowed): (_, &u64)| match per_call.get(meter) {
                0 => calls,
                each => allowed.div_ceil(each),
            };
            let done = lease.allowance.iter().map(fits).min().unwrap_or(calls).min(calls);
            self.settle(product, lease.id, used(done));
            calls -= done;
        }
    }

    fn settle(&mut self, product: &ProductId, lease: LeaseId, usage: Usage) {
        let line =
            Line { account: id("a"), credential: id("k"), product: product.clone(), lease, usage, shares: Vec::new() };
        let closings = vec![Closing { account: id("a"), lease, total: usage }];
        let batch = AccountBatch { closings, ..self.book.batch(vec![line]) };
        assert_eq!(self.book.settle_all(vec![batch]).applied, 1);
    }

    fn repriced(&self, catalog: &Catalog, from: Timestamp, until: Timestamp) -> BTreeMap<ProductId, Repriced> {
        let mut repricing = Repricing::new(catalog, from, until);
        for entry in &self.book.entries {
            if !repricing.add(entry) {
                break;
            }
        }
        repricing.finish()
    }

    fn spent(&self) -> Micros {
        money("1000000.00").saturating_sub(self.book.account.balance())
    }
}

fn used(calls: u64) -> Usage {
    Usage { calls, ingress_bytes: calls * IN, egress_bytes: calls * OUT, ..Usage::NONE }
}

fn sum(rows: &BTreeMap<ProductId, Repriced>, of: impl Fn(&Repriced) -> Micros) -> Micros {
    rows.values().fold(Micros::ZERO, |sum, row| sum.saturating_add(of(row)))
}

const ALWAYS: (Timestamp, Timestamp) = (Timestamp::from_millis(0), Timestamp::MAX);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_month_priced_by_another_catalog_comes_to_what_it_costs_from_scratch(steps in steps()) {
        let (catalog, other) = (compile(SOLD_BY).unwrap(), compile(OTHER).unwrap());
        let (sold, again) = (Sold::by(&catalog, &steps), Sold::by(&other, &steps));
        // Both books are read: what was paid is what left the balance, and by the same catalog nothing is different.
        for (book, by) in [(&sold, &catalog), (&again, &other)] {
            let rows = book.repriced(by, ALWAYS.0, ALWAYS.1);
            prop_assert_eq!(sum(&rows, |row| row.before), book.spent());
            prop_assert!(rows.values().all(|row| row.before == row.after), "{:?}", rows);
        }
        let paid = again.repriced(&other, ALWAYS.0, ALWAYS.1);
        for (product, row) in sold.repriced(&other, ALWAYS.0, ALWAYS.1) {
            let expected = paid.get(&product).map(|row| row.before).unwrap_or_default();
            prop_assert_eq!(row.after, expected, "{}: {:?}", product, row);
            prop_assert_eq!(row.unsold.calls, again.unsold.get(&product).copied().unwrap_or(0), "{}", product);
        }
    }

    #[test]
    fn the_parts_of_a_month_add_up_to_it(steps in steps(), cut in 0i64..60) {
        let (catalog, other) = (compile(SOLD_BY).unwrap(), compile(OTHER).unwrap());
        let sold = Sold::by(&catalog, &steps);
        let cut = START.plus(cut * DAY / 2);
        let (first, second) = (sold.repriced(&other, ALWAYS.0, cut), sold.repriced(&other, cut, ALWAYS.1));
        let whole = sold.repriced(&other, ALWAYS.0, ALWAYS.1);
        for of in [|row: &Repriced| row.before, |row: &Repriced| row.after] {
            prop_assert_eq!(sum(&first, of).saturating_add(sum(&second, of)), sum(&whole, of));
        }
    }
}

#[test]
fn an_offer_that_the_other_catalog_does_not_have_keeps_its_price() {
    let (catalog, other) = (compile(SOLD_BY).unwrap(), compile(OTHER).unwrap());
    let sold = Sold::by(&catalog, &[Step::Buy("text", "text-old"), Step::Buy("text", "text-100")]);
    let rows = sold.repriced(&other, ALWAYS.0, ALWAYS.1);
    let row = &rows[&id::<ProductId>("text")];
    assert_eq!((row.before, row.after), (money("1.00"), money("0.95")));
    assert_eq!(row.kept.iter().collect::<Vec<_>>(), [&id::<OfferId>("text-old")]);
}
