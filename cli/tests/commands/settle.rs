//! `farebox settle`: what was charged is said in money, and what may still be charged is said too.

use std::sync::atomic::{AtomicUsize, Ordering};

use farebox_core::{
    ledger::{Account, Command, Entry, decide},
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::{
    farebox,
    server::{Received, Reply, Server},
    stdout,
};

const NOW: &str = "2026-11-29T12:00:00Z";

/// The book of an account: recharged, and charged for two calls an hour ago and for three now.
fn book() -> Vec<Value> {
    let at = |time: &str| time.parse::<Timestamp>().expect("a time");
    let settled = |charged: &str, calls: u64| {
        json!({ "settled": {
            "batches": [],
            "usage": [{ "lease": 3, "product": "demo", "credential": "ak_1", "window": 0,
                "usage": { "calls": calls, "ingress_bytes": 0, "egress_bytes": 5 } }],
            "charges": [{ "line": 3, "charged": charged, "forgiven": "0.00",
                "unrated": { "calls": 0, "ingress_bytes": 0, "egress_bytes": 0 } }],
            "burns": [], "announced": [], "returned": [] } })
    };
    let currency = "USD".parse().expect("a currency");
    let opened = decide(&Account::default(), None, &Command::Open { currency }, at("2026-11-01T00:00:00Z"));
    let opened = serde_json::to_value(&opened.expect("a decision").entries[0]).expect("JSON");
    let entry = |time: &str, event: Value| {
        let mut entry = opened.clone();
        entry["at"] = json!(at(time));
        entry["event"] = event;
        serde_json::from_value::<Entry>(entry.clone()).expect("an entry");
        entry
    };
    vec![
        opened.clone(),
        entry("2026-11-29T11:00:00Z", settled("0.004", 2)),
        entry("2026-11-29T11:59:30Z", settled("0.006", 3)),
    ]
}

/// A gateway with one account, whose lease of `allowed` calls comes back after it was asked for `looks` times.
fn gateway(looks: usize, allowed: u64) -> Server {
    let (asked, entries) = (AtomicUsize::new(0), book());
    Server::start(move |received: &Received| {
        let path = received.target.trim_start_matches("/_farebox/admin/v1/").split('?').next().unwrap_or_default();
        match (received.method.as_str(), path) {
            ("POST", "settlements") => Reply::json(
                200,
                json!({ "at": NOW, "windows": 13, "batches": 1, "applied": 1, "known": 0, "refused": 0, "left": 0 }),
            ),
            (_, "settlements") => Reply::json(200, json!({ "items": [{ "at": "2026-11-29T11:30:00Z" }] })),
            (_, "accounts") => Reply::json(200, json!({ "items": [{ "id": "acc_1", "name": "Bob" }] })),
            (_, "accounts/acc_1/leases") if asked.fetch_add(1, Ordering::Relaxed) >= looks => {
                // A lease that was given since is of later calls.
                Reply::json(200, json!({ "items": [lease("lease-9", 50)] }))
            }
            (_, "accounts/acc_1/leases") => Reply::json(200, json!({ "items": [lease("lease-3", allowed)] })),
            (_, "accounts/acc_1/entries") => Reply::json(200, json!({ "items": entries })),
            (_, "accounts/acc_1/balance") => Reply::json(200, json!({ "balance": "9.99", "currency": "USD" })),
            other => panic!("{other:?}"),
        }
    })
}

fn lease(id: &str, calls: u64) -> Value {
    json!({ "id": id, "product": "demo", "writer": "w-1", "source": "balance", "allowance": { "calls": calls },
        "used": { "calls": 2, "ingress_bytes": 0, "egress_bytes": 9 }, "until": "2026-11-29T12:00:20Z" })
}

#[test]
fn what_was_charged_is_said_once_the_leases_are_back() {
    let settled = stdout(&farebox(&gateway(2, 100), &["settle", "--wait", "60s"]));
    let expected =
        "charged 0.006 USD to acc_1 since 2026-11-29T11:30:00Z (3 calls of demo)\nevery call so far is settled\n";
    assert_eq!(settled, expected);
}

#[test]
fn what_instances_still_hold_is_said_when_nobody_waits() {
    let server = gateway(usize::MAX, 100);
    let settled = stdout(&farebox(&server, &["settle", "--no-wait"]));
    let follows = "up to 98 calls of acc_1 may follow: instances hold that much, and have not said what they used\n";
    assert!(settled.ends_with(follows), "{settled}");
    let settled = stdout(&farebox(&server, &["settle", "--wait", "1s", "--json"]));
    let settled: Value = serde_json::from_str(&settled).expect("JSON");
    assert_eq!(
        (&settled["applied"], &settled["windows"], &settled["since"]),
        (&json!(1), &json!(13), &json!("2026-11-29T11:30:00Z"))
    );
    assert_eq!(
        (&settled["charged"][0]["charged"], &settled["charged"][0]["calls"]["demo"]),
        (&json!("0.006"), &json!(3))
    );
    assert_eq!(
        (&settled["may_follow"][0]["at_most"], &settled["may_follow"][0]["leases"]),
        (&json!({"calls": 98}), &json!(1))
    );
}
