//! Usage by time, as operators and customers are shown it.
//!
//! Broken on purpose, each seen to fail here: a filter that is not heeded; hours that are shown for longer than they are kept; an answer
//! without a bound.

use farebox_core::{
    id::{AccountId, BatchId},
    journal::{Line, Share, Window},
    ledger::{Answer, Command, command::AccountBatch},
    meter::Usage,
    statuses::Statuses,
    time::{DAY, HOUR, MINUTE, SECOND},
};
use farebox_ports::{Host, Ledger};
use serde_json::{Value, json};

use super::shop::{Shop, code, ready};

/// Settles now what a credential used, by these shares.
fn settle(shop: &Shop, account: &str, sequence: u64, (key, shares): (&str, Vec<Share>)) {
    let id: AccountId = account.parse().unwrap();
    let execute = |command: &Command| ready(shop.memory.execute(&id, None, command)).unwrap().unwrap();
    let leased = execute(&Command::Lease {
        product: "echo".parse().unwrap(),
        writer: "w".parse().unwrap(),
        rate: None,
        want: Usage { calls: 2, ..Usage::NONE },
        units_of_call: 0,
        limited: None,
        lasting: 30 * SECOND,
        while_plenty: 0,
    });
    let Answer::Leased(leased) = leased else { panic!("{leased:?}") };
    let mut usage = Usage::NONE;
    shares.iter().for_each(|share| usage.add(&share.usage));
    let (credential, product, lease) = (key.parse().unwrap(), "echo".parse().unwrap(), leased.id);
    let line = Line { account: id.clone(), credential, product, lease, usage, shares };
    let batch = AccountBatch {
        id: BatchId { writer: "w".parse().unwrap(), sequence },
        window: Window::of(shop.memory.now()),
        lines: vec![line],
        closings: Vec::new(),
    };
    let settled = execute(&Command::Settle { batches: vec![batch] });
    assert!(matches!(settled, Answer::Settled(ref settled) if settled.refused.is_empty()), "{settled:?}");
}

/// Lets a credential call twice by a route.
fn use_route(shop: &Shop, account: &str, sequence: u64, (key, route, status): (&str, &str, u16)) {
    let usage = Usage { calls: 2, ingress_bytes: 3, egress_bytes: 5, ..Usage::NONE };
    let mut statuses = Statuses::of(status);
    statuses.add(&Statuses::of(status));
    settle(shop, account, sequence, (key, vec![Share { route: route.to_owned(), usage, statuses }]));
}

fn world() -> (Shop, String) {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    assert_eq!(shop.recharge(&bob, "r", "5.00").status, 201);
    assert_eq!(shop.buy(&bob, "p", "echo", "echo-100").status, 201);
    (shop, bob)
}

/// The calls of each series, by what it is of.
fn shown(shop: &Shop, path: &str) -> Vec<(Value, Vec<u64>)> {
    let got = shop.get(path);
    assert_eq!(got.status, 200, "{path}: {}", got.body);
    let series = got.body["items"].as_array().unwrap().iter().map(|series| {
        let of = json!([series["product"], series["route"], series["credential"]]);
        let points = series["points"].as_array().unwrap();
        (of, points.iter().map(|point| point["calls"].as_u64().unwrap()).collect())
    });
    series.collect()
}

#[test]
fn usage_is_shown_by_time_and_told_apart_as_it_is_asked() {
    let (shop, bob) = world();
    use_route(&shop, &bob, 1, ("ak_1", "GET /a", 200));
    use_route(&shop, &bob, 2, ("ak_2", "GET /b", 404));
    shop.memory.set_now(shop.memory.now().plus(HOUR + 20 * MINUTE));
    use_route(&shop, &bob, 3, ("ak_1", "GET /b", 503));
    let series = format!("accounts/{bob}/usage/series");
    let one = shop.get(&format!("{series}?every=hour&by=total&route=GET+/b&credential=ak_1")).body;
    let point = json!({
        "at": "2026-11-01T01:00:00Z", "calls": 2, "ingress_bytes": 3, "egress_bytes": 5, "units": 0, "uncharged": 0,
        "statuses": { "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 2 }
    });
    assert_eq!(one, json!({ "items": [{ "points": [point] }] }));
    assert_eq!(shown(&shop, &series), [(json!(["echo", null, null]), vec![6])], "by product and day");
    let hours = shown(&shop, &format!("{series}?every=hour&by=product&product=echo"));
    assert_eq!(hours, [(json!(["echo", null, null]), vec![4, 2])]);
    assert_eq!(shown(&shop, &format!("{series}?product=other")), []);
    let routes = shown(&shop, &format!("{series}?every=hour&by=route"));
    assert_eq!(routes, [(json!(["echo", "GET /a", null]), vec![2]), (json!(["echo", "GET /b", null]), vec![2, 2])]);
    let keys = shown(&shop, &format!("{series}?by=credential"));
    assert_eq!(keys, [(json!([null, null, "ak_1"]), vec![4]), (json!([null, null, "ak_2"]), vec![2])]);
    let second = shown(&shop, &format!("{series}?every=hour&from=2026-11-01T01:30:00Z&to=2026-11-01T02:00:00Z"));
    assert_eq!(second, [(json!(["echo", null, null]), vec![2])], "the hour that holds the first moment is shown");
}

#[test]
fn hours_are_shown_for_90_days_and_days_for_three_years() {
    let (shop, bob) = world();
    let series = format!("accounts/{bob}/usage/series");
    let began = shop.memory.now();
    use_route(&shop, &bob, 1, ("ak_1", "GET /a", 200));
    for (later, hours, days) in
        [(89 * DAY, 1, 1), (90 * DAY, 0, 1), (3 * 365 * DAY - HOUR, 0, 1), (3 * 365 * DAY, 0, 0)]
    {
        shop.memory.set_now(began.plus(later));
        assert_eq!(shown(&shop, &format!("{series}?every=hour")).len(), hours, "after {later} ms");
        assert_eq!(shown(&shop, &format!("{series}?every=day")).len(), days, "after {later} ms");
    }
}

#[test]
fn an_answer_has_a_bound() {
    let (shop, bob) = world();
    let series = format!("accounts/{bob}/usage/series");
    let usage = Usage { uncharged: 1, ..Usage::NONE };
    let share = |route| Share { route: format!("GET /{route}"), usage, statuses: Statuses::of(503) };
    // 250 routes in each of 35 hours are 8,750 points.
    for hour in 0..35 {
        settle(&shop, &bob, hour, ("ak_1", (0..250).map(share).collect()));
        shop.memory.set_now(shop.memory.now().plus(HOUR));
    }
    let got = shop.get(&format!("{series}?every=hour&by=route"));
    assert_eq!(code(&got), (400, "request.malformed"), "{}", got.body["detail"]);
    assert_eq!(shown(&shop, &format!("{series}?every=hour&by=total"))[0].1.len(), 35);
}
