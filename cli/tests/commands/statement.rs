//! `farebox statement`: what holds is shown, and what was changed is found, to the entry.

use std::path::PathBuf;

use farebox_core::{
    ledger::{Account, Command, Statement, StatementWriter, decide},
    money::Micros,
    time::{Month, Timestamp},
};
use serde_json::{Value, json};

use crate::{
    failure, farebox,
    server::{Reply, Server},
    stdout,
};

/// The statements of two months: recharged in both, refunded and corrected in the second.
fn two_months() -> [Statement; 2] {
    let money = |text: &str| text.parse::<Micros>().expect("an amount");
    let currency = "USD".parse().expect("a currency");
    let at = |day: &str| format!("2026-{day}T12:00:00Z").parse::<Timestamp>().expect("a time");
    let recharge = |amount| Command::Recharge { amount: money(amount), currency, reference: Some("invoice-7".into()) };
    let commands = [
        ("10-01", Command::Open { currency }),
        ("10-31", recharge("5.00")),
        ("11-02", recharge("7.00")),
        ("11-03", Command::Refund { amount: money("2.50"), reference: None }),
        ("11-04", Command::Adjust { amount: money("-1.00"), reason: "goodwill".into() }),
    ];
    let (mut account, mut book) = (Account::default(), Vec::new());
    for (day, command) in commands {
        let decision = decide(&account, None, &command, at(day)).expect("a decision");
        account.advance(&decision.entries, decision.till, decision.register);
        book.extend(decision.entries);
    }
    ["2026-10", "2026-11"].map(|month| {
        let (from, until) = month.parse::<Month>().expect("a month").bounds();
        let mut writer = StatementWriter::new(from, until);
        let _ = book.iter().all(|entry| writer.add(entry));
        writer.finish("acc_1".parse().expect("an id")).expect("a statement")
    })
}

fn november() -> Value {
    json!(two_months()[1])
}

/// A file that is gone when the test is over.
struct Saved(PathBuf);

impl Saved {
    fn new(name: &str, text: &str) -> Self {
        let file = std::env::temp_dir().join(format!("farebox-{}-{name}.json", std::process::id()));
        std::fs::write(&file, text).expect("a file");
        Self(file)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path")
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What `verify` says of one file, without a gateway.
fn verified(name: &str, text: &str) -> std::process::Output {
    let (server, file) = (Server::start(|_| panic!("nothing is sent")), Saved::new(name, text));
    farebox(&server, &["statement", "verify", file.path()])
}

fn serving(statement: Value) -> Server {
    Server::start(move |received| match received.target.rsplit('/').next() {
        Some("statements") => Reply::json(200, json!({"items": [{"period": "2026-11"}, {"period": "2026-10"}]})),
        Some("2026-11") => Reply::json(200, statement.clone()),
        _ => Reply::problem(404, json!({"title": "No such statement"})),
    })
}

#[test]
fn the_latest_statement_is_shown_with_what_moved_money() {
    let shown = stdout(&farebox(&serving(november()), &["statement", "show", "acc_1"]));
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[3..6], ["currency  USD", "opening   5.00", "closing   8.50"], "{shown}");
    let refunded = lines.iter().find(|line| line.contains("refunded")).expect("the refund");
    assert!(refunded.starts_with("    4  2026-11-03T12:00:00Z") && refunded.ends_with("-2.50     9.50"), "{shown}");
    assert!(lines.iter().any(|line| line.contains("goodwill") && line.ends_with("-1.00     8.50")), "{shown}");
}

#[test]
fn a_statement_is_given_out_as_it_came_and_as_csv() {
    let server = serving(november());
    let as_json = stdout(&farebox(&server, &["statement", "show", "acc_1", "2026-11", "--json"]));
    assert_eq!(serde_json::from_str::<Value>(&as_json).expect("JSON"), november());
    let as_csv = stdout(&farebox(&server, &["statement", "show", "acc_1", "2026-11", "--csv"]));
    assert_eq!(as_csv, two_months()[1].to_csv());
    let listed = stdout(&farebox(&server, &["statement", "list", "acc_1"]));
    assert_eq!(listed, "PERIOD\n2026-11\n2026-10\n");
}

#[test]
fn what_the_gateway_changed_is_not_shown() {
    let mut changed = november();
    changed["entries"][1]["entry"]["event"]["refunded"]["amount"] = json!("9.50");
    let refused = farebox(&serving(changed), &["statement", "show", "acc_1"]);
    assert_eq!(String::from_utf8_lossy(&refused.stdout), "");
    assert_eq!(failure(&refused), "farebox: what the gateway answered does not hold: entry 4 was changed\n");
}

#[test]
fn one_changed_byte_in_an_entry_is_found_with_its_number() {
    let text = november().to_string();
    assert!(stdout(&verified("whole", &text)).lines().nth(1).is_some_and(|line| line.starts_with("acc_1")));
    let cases = [
        ("amount", "\"refunded\":{\"amount\":\"2.50", "\"refunded\":{\"amount\":\"2.51", "entry 4 was changed"),
        (
            "unreadable",
            "\"refunded\":{\"amount\":\"2.50",
            "\"refunded\":{\"amount\":\"2x50",
            "entry 4 cannot be read: ",
        ),
        ("spelling", "\"refunded\":{\"amount\":\"2.50", "\"refunded\":{\"amount\":\"2.5", "entry 4 is not written as "),
        ("reason", "goodwill", "goodwilL", "entry 5 was changed"),
        ("event", "\"refunded\":", "\"refundex\":", "entry 4 cannot be read: "),
        ("number", "\"seq\":4", "\"seq\":7", "entry 7 stands where entry 4 should"),
        ("balance", "\"balance\":\"9.50\"", "\"balance\":\"9.51\"", "the balance after entry 4 is wrong"),
        ("opening", "\"opening\":\"5.00\"", "\"opening\":\"6.00\"", "the balance after entry 3 is wrong"),
        ("overdrawn", "\"overdrawn\":\"0.00\"", "\"overdrawn\":\"0.01\"", "the entries and balances hold, but "),
    ];
    for (name, from, to, found) in cases {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{name}");
        let failed = failure(&verified(name, &changed));
        assert!(failed.contains(&format!("{name}.json does not hold: {found}")), "{failed}");
    }
}

#[test]
fn no_changed_byte_passes() {
    let text = november().to_string();
    // A few at a time, spread over the whole text: the library's property test tries them all.
    for at in (0..text.len()).step_by(text.len() / 12) {
        let mut changed = text.clone().into_bytes();
        changed[at] ^= 1;
        let changed = String::from_utf8(changed).expect("text");
        assert!(!verified("byte", &changed).status.success(), "{changed}");
    }
}

#[test]
fn statements_must_follow_one_another() {
    let [october, november] = two_months().map(|statement| json!(statement).to_string());
    let (october, november) = (Saved::new("october", &october), Saved::new("november", &november));
    let server = Server::start(|_| panic!("nothing is sent"));
    let in_order = stdout(&farebox(&server, &["statement", "verify", october.path(), november.path()]));
    assert_eq!(in_order.lines().count(), 3, "{in_order}");
    let swapped = failure(&farebox(&server, &["statement", "verify", november.path(), october.path()]));
    assert!(swapped.ends_with("it follows entry 0; the one before it ends with entry 5\n"), "{swapped}");
}
