//! What the provider's own systems are told, and what becomes of it when they are not there.
//!
//! | rule | broken on purpose | seen to fail |
//! | --- | --- | --- |
//! | the next message waits for the one before | giving up at the first failure | `what_nobody_takes_for_days…`, `a_receiver_that_was_down…` |
//! | a receiver that is down is left in peace | trying at each run | `a_receiver_that_was_down_for_a_day…` |
//! | nobody waits longer than needed | forgetting that it recovered | `a_receiver_that_recovers_gets_what_waits_at_once` |
//! | a message has one id | an id with the time in it | `a_receiver_that_was_down…`, `what_is_booked…` |
//! | a quiet gateway tells what is booked | a `mark` that announces nothing; `leaves_some` that is never so | `what_is_booked_in_a_quiet_gateway…` |
//! | the past is not told | reading the book from its beginning | `what_is_booked_is_told_once_and_signed` |

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use farebox_core::{
    id::{BatchId, LeaseId},
    journal::{Batch, Line, Window},
    meter::Usage,
    time::{DAY, HOUR, MINUTE, Millis},
    webhook,
};
use farebox_memory::Posted;
use farebox_ports::{Host, KeyValue, UsageJournal};
use serde_json::{Value, json};

use super::shop::{Shop, code, ready};

const URL: &str = "https://acme.example/hook";

fn register(shop: &Shop, wanted: Value) -> (String, Vec<u8>) {
    let got = shop.call("POST", "webhooks", None, &wanted);
    assert_eq!(got.status, 201, "{got:?}");
    let secret = got.body["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap();
    (got.body["id"].as_str().unwrap().to_owned(), STANDARD.decode(secret).unwrap())
}

fn wait(shop: &Shop, millis: Millis) {
    shop.memory.set_now(shop.memory.now().plus(millis));
    settle(shop);
}

fn settle(shop: &Shop) {
    assert_eq!(shop.call("POST", "settlements", None, &json!({})).status, 200);
}

fn taken(shop: &Shop) -> Vec<Posted> {
    shop.memory.posted().into_iter().filter(|posted| posted.status.is_some_and(|status| status < 300)).collect()
}

fn content(posted: &Posted) -> Value {
    serde_json::from_str(&posted.body).unwrap()
}

fn types(posted: &[Posted]) -> Vec<String> {
    posted.iter().map(|posted| content(posted)["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_booked_is_told_once_and_signed() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    shop.recharge(&bob, "r-0", "1.00");
    shop.memory.set_now(shop.memory.now().plus(1));
    let (_, secret) = register(&shop, json!({ "url": URL }));
    shop.recharge(&bob, "r-1", "5.00");
    shop.buy(&bob, "p-1", "echo", "echo-100");
    shop.call("PATCH", &format!("accounts/{bob}"), None, &json!({ "status": "suspended" }));
    settle(&shop);
    settle(&shop);
    let posted = shop.memory.posted();
    assert_eq!(types(&posted), ["account.recharged", "package.bought", "account.suspended"], "and not what was before");
    let Posted { url, headers, body, at, .. } = &posted[1];
    let message = json!({
        "type": "package.bought", "timestamp": "2026-11-01T00:00:00.001Z",
        "data": {
            "account": bob, "entry": 4, "grant": "grant-4", "product": "echo", "package": "echo-100", "price": "0.15",
            "currency": "USD", "quantities": { "calls": 100 }, "until": "2026-12-01T00:00:00.001Z"
        }
    });
    assert_eq!((url.as_str(), serde_json::from_str::<Value>(body).unwrap()), (URL, message));
    let id = format!("msg_{bob}_4");
    let expected = BTreeMap::from([
        ("content-type".to_owned(), "application/json".to_owned()),
        ("webhook-signature".to_owned(), webhook::sign(&secret, &id, at.seconds(), body)),
        ("webhook-timestamp".to_owned(), at.seconds().to_string()),
        ("webhook-id".to_owned(), id),
    ]);
    assert_eq!(*headers, expected);
}

#[test]
fn time_and_failures_of_the_settlement_are_told_too() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    shop.call("PUT", &format!("accounts/{bob}/terms"), None, &json!({ "low_balance": "8.00" }));
    register(&shop, json!({ "url": URL }));
    shop.recharge(&bob, "r-1", "20.00");
    let plan = json!({ "product": "planned", "plan": "small" });
    shop.call("POST", &format!("accounts/{bob}/subscriptions"), Some("s-1"), &plan);
    shop.buy(&bob, "p-1", "echo", "echo-100");
    wait(&shop, 30 * DAY + HOUR);
    wait(&shop, MINUTE);
    shop.recharge(&bob, "r-2", "1.00");
    wait(&shop, MINUTE);
    let told = types(&shop.memory.posted());
    let expected = [
        "account.recharged",
        "subscription.begun",
        "package.bought",
        "subscription.renewal_failed",
        "package.expired",
        "statement.closed",
        "account.recharged",
        "subscription.renewed",
        "balance.low",
    ];
    assert_eq!(told, expected);
    let expired = content(&shop.memory.posted()[4])["data"].clone();
    assert_eq!((&expired["package"], &expired["forfeited"]), (&json!("echo-100"), &json!("0.15")));

    use_on_no_lease(&shop, &bob);
    settle(&shop);
    let last = shop.memory.posted().pop().unwrap();
    let data = json!({ "refused": 1, "left": 0, "lag_seconds": 0 });
    assert_eq!((content(&last)["type"].as_str(), &content(&last)["data"]), (Some("settlement.failed"), &data));
    wait(&shop, MINUTE);
    assert_eq!(shop.memory.posted().pop().unwrap(), last, "it still fails, and that was said");
    wait(&shop, HOUR);
    use_on_no_lease(&shop, &bob);
    wait(&shop, MINUTE);
    assert_eq!(content(&shop.memory.posted().pop().unwrap())["data"], data, "it fails again");
    let notices = ready(shop.memory.list("webhook-notice/", None, 10)).unwrap().items;
    assert!(notices.is_empty(), "{notices:?}");
}

/// Usage that no account will book.
fn use_on_no_lease(shop: &Shop, account: &str) {
    let line = Line {
        account: account.parse().unwrap(),
        credential: "ak_x".parse().unwrap(),
        product: "echo".parse().unwrap(),
        lease: LeaseId(999),
        usage: Usage { calls: 1, ..Usage::default() },
        shares: Vec::new(),
    };
    let batch = Batch { lines: vec![line], closings: Vec::new() };
    let id = BatchId { writer: "w".parse().unwrap(), sequence: 0 };
    ready(shop.memory.write(Window::of(shop.memory.now()), &id, &batch)).unwrap();
}

#[test]
fn accounts_with_usage_come_first_and_all_others_in_turn() {
    let shop = Shop::open();
    register(&shop, json!({ "url": URL, "events": ["account.recharged"] }));
    let mut customers: Vec<String> = (0..250).map(|number| shop.account(&format!("Bob {number}"))).collect();
    customers.sort();
    customers.iter().for_each(|customer| drop(shop.recharge(customer, "r", "1.00")));
    let last = customers.last().unwrap();
    use_on_no_lease(&shop, last);
    let told = || -> Vec<String> {
        taken(&shop).iter().map(|posted| content(posted)["data"]["account"].as_str().unwrap().to_owned()).collect()
    };
    settle(&shop);
    assert_eq!((told().len(), &told()[0]), (101, last), "those that are marked are those whose turn it is");
    (0..3).for_each(|_| settle(&shop));
    assert_eq!(told().into_iter().collect::<BTreeSet<_>>(), customers.into_iter().collect());
}

#[test]
fn what_is_of_no_account_waits_for_days_for_somebody_to_take_it() {
    let waiting = |shop: &Shop| ready(shop.memory.list("webhook-notice/", None, 10)).unwrap().items;
    let shop = Shop::open();
    let bob = shop.account("Bob");
    register(&shop, json!({ "url": URL }));
    shop.memory.answer_posts(None);
    use_on_no_lease(&shop, &bob);
    settle(&shop);
    let first = shop.memory.posted()[0].headers["webhook-id"].clone();
    assert_eq!(waiting(&shop).len(), 1);
    wait(&shop, DAY);
    shop.memory.answer_posts(Some(204));
    wait(&shop, DAY);
    assert_eq!((&taken(&shop)[0].headers["webhook-id"], waiting(&shop).len()), (&first, 0));

    let shop = Shop::open();
    let bob = shop.account("Bob");
    use_on_no_lease(&shop, &bob);
    settle(&shop);
    let first = waiting(&shop)[0].clone();
    wait(&shop, 5 * DAY - 1);
    assert!(waiting(&shop).contains(&first), "nobody is there yet");
    wait(&shop, 1);
    assert!(!waiting(&shop).contains(&first));
}

#[test]
fn an_account_that_something_was_booked_for_does_not_wait_for_its_turn() {
    let shop = Shop::open();
    register(&shop, json!({ "url": URL }));
    let mut customers: Vec<String> = (0..250).map(|number| shop.account(&format!("Bob {number}"))).collect();
    customers.sort();
    let last = customers.last().unwrap();
    shop.recharge(last, "r", "1.00");
    settle(&shop);
    assert_eq!(types(&taken(&shop)), ["account.recharged"]);
    shop.call("PATCH", &format!("accounts/{last}"), None, &json!({ "status": "suspended" }));
    settle(&shop);
    assert_eq!(types(&taken(&shop)), ["account.recharged", "account.suspended"]);
    assert!(ready(shop.memory.list("webhook-booked/", None, 10)).unwrap().items.is_empty());
}

/// Three customers are busy while the receiver is down for a day; it answers nothing, or errors, as it pleases.
#[test]
fn a_receiver_that_was_down_for_a_day_gets_everything_in_order_and_under_one_id_each() {
    let shop = Shop::open();
    register(&shop, json!({ "url": URL }));
    let customers: Vec<String> = (0..3).map(|number| shop.account(&format!("Bob {number}"))).collect();
    let mut booked: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for quarter in 0..120 {
        // Up for an hour, down for a day, up again.
        let status = match quarter {
            0..4 => Some(204),
            4..50 => None,
            50..100 if quarter % 3 == 0 => Some(500),
            50..100 => Some(404),
            _ => Some(200),
        };
        shop.memory.answer_posts(status);
        let customer = &customers[quarter % 3];
        let got = shop.recharge(customer, &format!("r-{quarter}"), "1.00");
        booked.entry(customer).or_default().push(got.body["entry"].as_u64().unwrap());
        (0..15).for_each(|_| wait(&shop, MINUTE));
    }
    // The longest wait between two tries.
    (0..10).for_each(|_| wait(&shop, HOUR));
    let mut got: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for posted in taken(&shop) {
        let data = content(&posted)["data"].clone();
        let (account, entry) = (data["account"].as_str().unwrap().to_owned(), data["entry"].as_u64().unwrap());
        assert_eq!(posted.headers["webhook-id"], format!("msg_{account}_{entry}"));
        got.entry(account).or_default().push(entry);
    }
    for (customer, entries) in booked {
        assert_eq!(got[customer], entries, "in order, each once");
    }
    let all = shop.memory.posted();
    let bodies: BTreeSet<_> = all.iter().map(|posted| (&posted.headers["webhook-id"], &posted.body)).collect();
    assert_eq!(bodies.len(), 120, "a message that is sent again is the same message");
    assert!(all.len() < 400, "{} tries: it was not left in peace", all.len());
}

#[test]
fn a_receiver_that_recovers_gets_what_waits_at_once() {
    let shop = Shop::open();
    register(&shop, json!({ "url": URL }));
    let customers: Vec<String> = (0..5).map(|number| shop.account(&format!("Bob {number}"))).collect();
    customers.iter().for_each(|customer| drop(shop.recharge(customer, "r", "1.00")));
    shop.memory.answer_posts(None);
    (0..20).for_each(|_| wait(&shop, HOUR));
    shop.memory.answer_posts(Some(204));
    // The longest wait between two tries.
    let soon = (0..600).find(|_| {
        wait(&shop, MINUTE);
        !taken(&shop).is_empty()
    });
    assert!(soon.is_some(), "it was not tried again");
    wait(&shop, MINUTE);
    assert_eq!(taken(&shop).len(), 5);
    let row = &shop.get("webhooks").body["items"][0];
    assert!(row["failing_since"].is_null() && row["recovered"].is_string(), "{row}");
}

/// So many minutes pass, each with a run that nobody asked for. Returns how many operations the last one made.
fn minutes(shop: &Shop, minutes: u32) -> u32 {
    let minute = |_| {
        shop.memory.set_now(shop.memory.now().plus(MINUTE));
        let run = farebox_billing::run(
            &shop.memory,
            &shop.settings.master_key,
            shop.memory.now(),
            farebox_billing::Trigger::Clock,
        );
        ready(run).unwrap().operations
    };
    (0..minutes).map(minute).last().unwrap()
}

#[test]
fn what_is_booked_in_a_quiet_gateway_is_told_by_the_next_run_and_until_it_is_taken() {
    const QUIET: u32 = 3;
    let shop = Shop::open();
    register(&shop, json!({ "url": URL }));
    let bob = shop.account("Bob");
    assert_eq!(minutes(&shop, 15), QUIET);
    shop.recharge(&bob, "r-1", "1.00");
    assert!(minutes(&shop, 1) > QUIET);
    assert_eq!(taken(&shop).len(), 1);
    assert_eq!(minutes(&shop, 2), QUIET);
    shop.memory.answer_posts(None);
    shop.recharge(&bob, "r-2", "1.00");
    assert!(minutes(&shop, 5) > QUIET, "it waits to be sent again");
    shop.memory.answer_posts(Some(204));
    assert_eq!(minutes(&shop, 60), QUIET);
    assert_eq!(taken(&shop).len(), 2);
}

#[test]
fn what_nobody_takes_for_days_is_given_up_and_can_be_sent_again() {
    let shop = Shop::open();
    let (id, _) = register(&shop, json!({ "url": URL }));
    let (bob, eve) = (shop.account("Bob"), shop.account("Eve"));
    shop.recharge(&bob, "r-1", "1.00");
    shop.recharge(&bob, "r-2", "2.00");
    shop.memory.answer_posts(Some(400));
    (0..6 * 24).for_each(|_| wait(&shop, HOUR));
    let letters = format!("webhooks/{id}/dead-letters");
    let dead = shop.get(&letters).body["items"].clone();
    let ids: Vec<_> = dead.as_array().unwrap().iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, [format!("msg_{bob}_2"), format!("msg_{bob}_3")]);
    assert!(dead[0]["attempts"].as_u64().unwrap() > 10 && dead[0]["reason"] == "the endpoint answered 400");
    shop.memory.answer_posts(Some(200));
    shop.recharge(&eve, "r-1", "3.00");
    wait(&shop, MINUTE);
    assert_eq!(taken(&shop).len(), 1, "the others are not held up");
    let resend = |body: Value| shop.call("POST", &format!("webhooks/{id}/resends"), None, &body).body["items"].clone();
    shop.memory.answer_posts(None);
    let failed = json!([{ "id": ids[0], "taken": false, "reason": "the endpoint did not answer" }]);
    assert_eq!(resend(json!({ "messages": [ids[0]] })), failed);
    shop.memory.answer_posts(Some(200));
    assert_eq!(resend(json!({})), json!([{ "id": ids[0], "taken": true }, { "id": ids[1], "taken": true }]));
    assert_eq!(shop.get(&letters).body, json!({ "items": [] }));
    assert_eq!(resend(json!({ "messages": [ids[1]] })), json!([{ "id": ids[1], "taken": true }]), "from the book");
    for unknown in [format!("msg_{bob}_1"), format!("msg_{bob}_99"), "msg_x_1".into(), "../x".into()] {
        assert_eq!(resend(json!({ "messages": [unknown] }))[0]["reason"], "there is no such message");
    }
    let sent: Vec<_> = taken(&shop).iter().map(|posted| posted.headers["webhook-id"].clone()).collect();
    assert_eq!(sent[1..], [ids[0].clone(), ids[1].clone(), ids[1].clone()]);
}

#[test]
fn an_endpoint_gets_what_it_wants_and_nothing_once_it_is_removed() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let other = "https://acme.example/other";
    register(&shop, json!({ "url": URL, "events": ["package.bought"] }));
    let (id, _) = register(&shop, json!({ "url": other }));
    shop.recharge(&bob, "r-1", "1.00");
    shop.buy(&bob, "p-1", "echo", "echo-100");
    settle(&shop);
    let of =
        |url: &str| -> Vec<Posted> { shop.memory.posted().into_iter().filter(|posted| posted.url == url).collect() };
    assert_eq!((types(&of(URL)), of(other).len()), (vec!["package.bought".to_owned()], 2));
    assert_eq!(shop.call("DELETE", &format!("webhooks/{id}"), None, &Value::Null).status, 204);
    assert_eq!(code(&shop.get(&format!("webhooks/{id}"))), (404, "webhook.unknown"));
    shop.buy(&bob, "p-2", "echo", "echo-100");
    settle(&shop);
    assert_eq!((of(URL).len(), of(other).len()), (2, 2));
}

#[test]
fn an_endpoint_is_reached_encrypted_or_on_the_same_machine() {
    let shop = Shop::open();
    let wanted = |url: &str| shop.call("POST", "webhooks", None, &json!({ "url": url }));
    for fit in ["https://acme.example/a?b=c", "http://127.0.0.1:8080/", "http://localhost/x", "http://[::1]:1/"] {
        assert_eq!(wanted(fit).status, 201, "{fit}");
    }
    for wrong in
        ["", "acme.example", "http://acme.example/", "ftp://acme.example/", "https://u:p@acme.example/", "https://a/#b"]
    {
        assert_eq!(code(&wanted(wrong)), (400, "request.malformed"), "{wrong}");
    }
    let event = json!({ "url": URL, "events": ["account.exploded"] });
    let unknown = shop.call("POST", "webhooks", None, &event);
    assert_eq!(code(&unknown), (400, "request.malformed"));
    let detail = unknown.body["detail"].as_str().unwrap();
    assert!(farebox_core::webhook::TYPES.iter().all(|name| detail.contains(name)), "{detail}");
    (0..16).for_each(|_| assert_eq!(wanted(URL).status, 201));
    assert_eq!(code(&wanted(URL)), (409, "webhook.too_many"));
    let secret = shop.get("webhooks").body.to_string();
    assert!(!secret.contains("whsec_"));
}
