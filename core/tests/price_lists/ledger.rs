//! The same month in the ledger: the customer buys, an instance leases, calls and hands in what was used.

use farebox_core::{
    catalog::{Catalog, Product, Units, compile, router::Router},
    id::{AccountId, BatchId},
    journal::{Closing, Line, Window},
    lease::{Held, Lease},
    ledger::{Account, Answer, Command, IdempotencyKey, command::AccountBatch, decide},
    meter::Usage,
    money::Micros,
    time::{SECOND, Timestamp},
};

use super::{Month, Use};

/// 2026-11-01.
const START: Timestamp = Timestamp::from_millis(1_793_491_200_000);

/// More than any month comes to, in the currency's whole units.
const BALANCE: i64 = 1_000_000_000_000;

/// How many calls a lease is asked for.
const CALLS_OF_A_LEASE: u64 = 500;

struct Book {
    account: Account,
    written: u64,
}

impl Book {
    fn run(&mut self, command: &Command) -> Answer {
        self.written += 1;
        let key = IdempotencyKey(self.written.to_string());
        let decision = decide(&self.account, Some(&key), command, START).unwrap();
        self.account.advance(&decision.entries, decision.till, decision.register);
        decision.answer
    }
}

/// What a month of this list takes out of the balance.
pub(super) fn sum(source: &str, month: &Month) -> i128 {
    let catalog = compile(source).unwrap();
    let (currency, amount) = (catalog.provider.currency, Micros::new(BALANCE));
    let mut book = Book { account: Account::default(), written: 0 };
    book.run(&Command::Open { currency });
    book.run(&Command::Recharge { amount, currency, reference: None });
    let account: AccountId = month.account.parse().unwrap();
    for (product, offer) in month.buys {
        let product = catalog.product(&product.parse().unwrap()).unwrap();
        let offer = offer.parse().unwrap();
        let package = product.package_terms(&offer).map(Command::Purchase);
        assert!(product.sells_to(&offer, &account), "{offer} is not for {account}");
        book.run(&package.or_else(|| product.plan_terms(&offer).map(Command::Subscribe)).unwrap());
    }
    for used in month.uses {
        call(&mut book, &catalog, &account, used);
    }
    i128::from(amount.get() - book.account.balance().get())
}

/// Makes the calls of one route, on as many leases as it takes.
fn call(book: &mut Book, catalog: &Catalog, account: &AccountId, used: &Use) {
    let router = Router::new(catalog).unwrap();
    let path = used.path.split('{').next().unwrap();
    let path = if path == used.path { path.to_owned() } else { format!("{path}x") };
    let method = if used.says.is_empty() { "GET" } else { "POST" };
    let query = Some(used.query).filter(|query| !query.is_empty());
    let at = router.route("POST", &path, query).or_else(|_| router.route(method, &path, query)).unwrap();
    let product = &catalog.products[at.product];
    assert_eq!(product.id.as_str(), used.product);
    let units = product.routes[at.route].units.as_ref();
    let most = units.map_or(0, Units::most);
    let each = Usage {
        calls: 1,
        ingress_bytes: used.ingress,
        egress_bytes: used.egress,
        units: units.map_or(0, |units| said(units, used.says)),
        uncharged: 0,
    };
    assert!(each.units <= most);
    let mut left = used.calls;
    while left > 0 {
        let mut held = Held::new(lease(book, product, account, &each, most), START);
        let before = left;
        while left > 0 && held.admit(most, START) {
            held.finish(&each);
            held.release(&Usage { units: most, ..Usage::NONE });
            left -= 1;
        }
        assert!(left < before, "a lease paid for no call");
        settle(book, product, &held);
    }
}

fn said(units: &Units, says: &[u64]) -> u64 {
    match units {
        Units::Fixed(units) => *units,
        Units::Header { .. } => says[0],
        Units::Body { pointers, .. } => {
            let place = |pointer: &str| usize::from(pointer.ends_with("completion_tokens"));
            pointers.iter().map(|(pointer, weight)| weight * says[place(pointer)]).sum()
        }
    }
}

fn lease(book: &mut Book, product: &Product, account: &AccountId, each: &Usage, most: u64) -> Lease {
    let times = |one: u64| one.saturating_mul(CALLS_OF_A_LEASE);
    let want = Usage {
        calls: CALLS_OF_A_LEASE,
        ingress_bytes: times(each.ingress_bytes),
        egress_bytes: times(each.egress_bytes),
        units: times(most),
        uncharged: 0,
    };
    let command = Command::Lease {
        product: product.id.clone(),
        writer: "w".parse().unwrap(),
        rate: product.rate_for(Some(account)).cloned(),
        want,
        units_of_call: most,
        lasting: 30 * SECOND,
        while_plenty: 0,
        limited: None,
    };
    match book.run(&command) {
        Answer::Leased(lease) => lease,
        other => panic!("{other:?}"),
    }
}

fn settle(book: &mut Book, product: &Product, held: &Held) {
    let (usage, lease) = (held.spent(), held.lease().id);
    let (account, credential) = ("a".parse::<AccountId>().unwrap(), "k".parse().unwrap());
    let line =
        Line { account: account.clone(), credential, product: product.id.clone(), lease, usage, shares: Vec::new() };
    let id = BatchId { writer: "w".parse().unwrap(), sequence: book.written };
    let closings = vec![Closing { account, lease, total: usage }];
    let batch = AccountBatch { id, window: Window::of(START), lines: vec![line], closings };
    match book.run(&Command::Settle { batches: vec![batch] }) {
        Answer::Settled(settled) => assert_eq!((settled.applied, settled.refused.len()), (1, 0)),
        other => panic!("{other:?}"),
    }
}
