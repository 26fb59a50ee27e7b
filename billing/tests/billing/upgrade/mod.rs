//! A store that another version has written: it is read, settled and stated to the last micro-unit, or refused with a clear word and
//! left as it is.
//!
//! `store-1.txt` holds every row of a store, as the version of 2026-11-30 wrote it. A form that changes keeps its reader, so that file
//! stays; `FAREBOX_WRITE_STORE=FILE` writes what this version makes of the same commands, for a file beside it.
//!
//! | rule | broken on purpose | seen to fail |
//! | --- | --- | --- |
//! | old rows are read | another number for the form of tills | `a_store_of_the_version_before…` |
//! | a later form is not taken for an empty one | `Till::from_bytes` that gives a new till where it cannot read | `a_row_of_a_later_version…` |

use farebox_billing::settlement::Report;
use farebox_books::{Accounts, ask};
use farebox_core::{
    credential::MasterKey,
    id::{AccountId, BatchId, LeaseId},
    journal::{Batch, Closing, Line, Window},
    ledger::{
        Account, Answer, Beyond, Command, Every, IdempotencyKey, PlanTerms,
        command::{AccountTerms, PackageTerms},
        verify,
    },
    meter::{Meter, Usage},
    money::Micros,
    rate::{Price, Rate, Tier, TierMode},
    time::{DAY, HOUR, MINUTE, SECOND, Timestamp},
};
use farebox_memory::{Memory, Rows};
use farebox_ports::{
    KeyValue, Ledger, UsageJournal,
    reports::{Query, Report as Shown, Reports},
};

use crate::budget::limited::now;

/// 2026-11-10, so that no month ends.
const BEGIN: Timestamp = Timestamp::from_millis(1_794_268_800_000);

/// When the last row of `store-1.txt` was written, and the store was left alone.
const LEFT: Timestamp = Timestamp::from_millis(1_794_268_800_000 + 3 * HOUR);

const OLD: &str = include_str!("store-1.txt");

fn account() -> AccountId {
    "acc_1".parse().unwrap()
}

fn usage(calls: u64) -> Usage {
    Usage { calls, ingress_bytes: 100 * calls, egress_bytes: 1_000 * calls, ..Usage::NONE }
}

fn run(memory: &Memory) -> Report {
    let key = MasterKey::from_base64("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap();
    now(farebox_billing::run(memory, &key, farebox_ports::Host::now(memory), farebox_billing::Trigger::Request))
        .unwrap()
}

/// What the version before has done: it sold a package, a plan and calls by use, sealed an hour of usage, and left usage that is not
/// sealed, a batch that is not settled and a lease that is out.
fn written() -> Memory {
    let memory = Memory::new(BEGIN);
    now(memory.put("account/acc_1", br#"{"name":"Old","created_at":"2026-11-10T00:00:00Z"}"#)).unwrap();
    let (currency, quantities) = ("USD".parse().unwrap(), |calls| [(Meter::Calls, calls)].into_iter().collect());
    let money = |text: &str| text.parse::<Micros>().unwrap();
    let terms = AccountTerms { credit_limit: money("5.00"), low_quota: Some(10), ..AccountTerms::default() };
    let (product, offer) = ("packed".parse().unwrap(), "hundred".parse().unwrap());
    let (price, valid) = (money("10.00"), Some(30 * DAY));
    let package = PackageTerms {
        product,
        offer,
        price,
        quantities: quantities(100),
        valid,
        priority: 0,
        also_for: Vec::new(),
        once: false,
    };
    let (product, offer, every) = ("planned".parse().unwrap(), "pro".parse().unwrap(), Every::Days(30));
    let (price, beyond) = (money("20.00"), Beyond::Reject);
    let plan = PlanTerms {
        product,
        offer,
        price,
        every,
        quantities: quantities(1_000),
        beyond,
        priority: 0,
        grace: 3 * DAY,
        setup_fee: Micros::ZERO,
        trial: None,
        rollover: Default::default(),
    };
    let sold = [
        Command::Open { currency },
        Command::Recharge { amount: money("100.00"), currency, reference: Some("invoice 1".to_owned()) },
        Command::SetTerms(terms),
        Command::Purchase(package),
        Command::Subscribe(plan),
        Command::Adjust { amount: money("0.50"), reason: "goodwill".to_owned() },
    ];
    for (number, command) in sold.iter().enumerate() {
        let key = IdempotencyKey(format!("key-{number}"));
        now(memory.execute(&account(), Some(&key), command)).unwrap().unwrap();
    }
    for hour in 0..3u64 {
        for (at, product) in ["packed", "planned", "used"].into_iter().enumerate() {
            let lease = lease(&memory, product);
            // Of the last hour's, one is not settled and keeps its lease.
            let (is_open, number) = (hour == 2 && product == "used", 3 * hour + at as u64);
            let line = Line {
                account: account(),
                credential: "ak_1".parse().unwrap(),
                product: product.parse().unwrap(),
                lease,
                usage: usage(10 + hour),
                shares: Vec::new(),
            };
            let closing = Closing { account: account(), lease, total: usage(10 + hour) };
            let closings = if is_open { Vec::new() } else { vec![closing] };
            let id = BatchId { writer: "w".parse().unwrap(), sequence: number };
            if is_open {
                run(&memory);
            }
            let window = Window::of(farebox_ports::Host::now(&memory));
            now(memory.write(window, &id, &Batch { lines: vec![line], closings })).unwrap();
        }
        if hour < 2 {
            run(&memory);
            memory.set_now(BEGIN.plus(HOUR * (hour as i64 + 1)));
        }
    }
    memory
}

fn lease(memory: &Memory, product: &str) -> LeaseId {
    let price =
        Price { mode: TierMode::Graduated, tiers: vec![Tier { up_to: None, per_block: Micros::new(1_000_000) }] };
    let rate =
        (product == "used").then(|| Rate { prices: [(Meter::Calls, price)].into_iter().collect(), ..Rate::default() });
    let (product, writer, want) = (product.parse().unwrap(), "w".parse().unwrap(), Usage { calls: 20, ..Usage::NONE });
    let ask = Command::Lease {
        product,
        writer,
        rate,
        want,
        units_of_call: 0,
        lasting: 20 * SECOND,
        while_plenty: 0,
        limited: None,
    };
    match now(memory.execute(&account(), None, &ask)).unwrap() {
        Ok(Answer::Leased(lease)) => lease.id,
        other => panic!("{other:?}"),
    }
}

fn to_text(rows: &Rows) -> String {
    let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    rows.iter().map(|(name, bytes)| format!("{name}\t{}\n", digits(bytes))).collect()
}

fn from_text(text: &str) -> Rows {
    let byte = |digits: &str| u8::from_str_radix(digits, 16).unwrap();
    let bytes = |digits: &str| (0..digits.len()).step_by(2).map(|at| byte(&digits[at..at + 2])).collect();
    let row = |line: &str| line.split_once('\t').map(|(name, digits)| (name.to_owned(), bytes(digits))).unwrap();
    text.lines().map(row).collect()
}

fn shown(memory: &Memory, query: &Query) -> Shown {
    now(memory.report(&account(), query)).unwrap().unwrap()
}

#[test]
fn a_store_of_the_version_before_is_read_settled_and_stated() {
    if let Ok(file) = std::env::var("FAREBOX_WRITE_STORE") {
        std::fs::write(file, to_text(&written().rows())).unwrap();
    }
    let memory = Memory::of_rows(LEFT, from_text(OLD)).unwrap();
    let report = run(&memory);
    assert_eq!(
        (report.applied, report.refused, report.left),
        (1, 0, 0),
        "the batch that waited is booked, and no other again"
    );
    memory.set_now(LEFT.plus(20 * MINUTE));
    assert_eq!(run(&memory).applied, 0);
    // 100.50 were paid in; 10.00 and 20.00 bought something; 10 + 11 + 12 calls at 1.00 for 1,000 were paid by use.
    let Shown::Balance(balance) = shown(&memory, &Query::Balance) else { panic!() };
    assert_eq!((balance.balance.to_string(), balance.leased.to_string()), ("70.467".to_owned(), "0.00".to_owned()));
    let Shown::Grants(grants) = shown(&memory, &Query::Grants) else { panic!() };
    assert_eq!(grants.iter().map(|grant| grant.remaining).collect::<Vec<_>>(), [67, 967]);
    let query = Query::Usage { from: BEGIN, until: LEFT };
    let Shown::Usage(rows) = shown(&memory, &query) else { panic!() };
    assert!(rows.len() == 3 && rows.iter().all(|row| row.usage == usage(33)), "{rows:?}");
    let Shown::Statement(statement) = shown(&memory, &Query::Statement { from: BEGIN, until: LEFT.plus(DAY) }) else {
        panic!()
    };
    statement.verify().unwrap();
    // What nobody has used of the lease that was out: 20 calls were asked for.
    assert_eq!(statement.unaccounted.len(), 1);
    let Shown::Entries(entries) = shown(&memory, &Query::Entries { after: 0, from: None, limit: 100, sealed: true })
    else {
        panic!()
    };
    assert!(verify(0, Default::default(), &entries).is_ok(), "old entries and new ones are one chain");
    // A command that was sent to the version before, and comes again.
    let again = Command::Recharge {
        amount: "100.00".parse().unwrap(),
        currency: "USD".parse().unwrap(),
        reference: Some("invoice 1".to_owned()),
    };
    let key = IdempotencyKey("key-1".to_owned());
    assert!(matches!(now(memory.execute(&account(), Some(&key), &again)), Ok(Ok(Answer::Booked { entry: 2, .. }))));
}

#[test]
fn a_row_of_a_later_version_is_refused_and_left_as_it_is() {
    for (row, says) in [
        ("till acc_1", "of no form that this version knows"),
        ("entry-00000002 acc_1", "after entry 1: it has a gap or was changed"),
    ] {
        let mut rows = from_text(OLD);
        rows.remove("snapshot acc_1");
        rows.get_mut(row).unwrap()[0] = 99;
        let memory = Memory::of_rows(LEFT, rows).unwrap();
        let before = memory.rows();
        let key = IdempotencyKey("more".to_owned());
        let more =
            Command::Recharge { amount: "1.00".parse().unwrap(), currency: "USD".parse().unwrap(), reference: None };
        let refused = now(memory.execute(&account(), Some(&key), &more)).unwrap_err();
        assert!(refused.to_string().contains(says), "{row}: {refused}");
        assert!(now(ask(&memory, &Accounts::default(), &account(), Account::version)).is_err(), "{row}");
        assert_eq!(memory.rows(), before, "{row}");
    }
}
