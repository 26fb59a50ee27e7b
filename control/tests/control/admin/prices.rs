//! Prices that change: what was sold before keeps its terms, and what another catalog would come to is told beforehand.
//!
//! Broken on purpose, each seen to fail here: `repricings` publishes what it is sent; its first page is its last; it may be
//! asked by operators only, and is audited.

use farebox_control::Request;
use farebox_core::time::DAY;
use farebox_ports::Host;
use serde_json::{Value, json};

use super::shop::{CATALOG, Got, Shop, code};

/// All prices and quantities are others, and the package ends sooner.
fn dearer() -> String {
    let changes = [
        ("\"0.15\"", "\"0.45\""),
        ("calls = 100\n", "calls = 7\n"),
        ("\"30d\"", "\"1d\""),
        ("\"10.00\"", "\"11.00\""),
        ("calls = 1_000", "calls = 900"),
    ];
    changes.iter().fold(CATALOG.to_owned(), |catalog, (from, to)| {
        assert!(catalog.contains(from), "{from}");
        catalog.replace(from, to)
    })
}

fn reprice(shop: &Shop, query: &str, catalog: &str) -> Got {
    let request = shop.request("POST", "/_farebox/admin/v1/repricings", catalog.as_bytes());
    shop.send(Request { query, ..request })
}

#[test]
fn what_was_sold_keeps_its_terms_when_the_catalog_changes() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    shop.recharge(&bob, "r", "100.00");
    shop.buy(&bob, "p", "echo", "echo-100");
    let subscriptions = format!("accounts/{bob}/subscriptions");
    let small = json!({ "product": "planned", "plan": "small" });
    assert_eq!(shop.call("POST", &subscriptions, Some("s"), &small).status, 201);
    let sold = shop.get(&format!("accounts/{bob}/grants")).body;

    assert_eq!(shop.put_catalog("", &dearer()).status, 200);
    assert_eq!(shop.get(&format!("accounts/{bob}/grants")).body, sold, "what was bought");
    shop.memory.set_now(shop.memory.now().plus(20 * DAY));
    shop.call("POST", "settlements", None, &json!({}));
    assert_eq!(shop.get(&format!("accounts/{bob}/grants")).body, sold, "20 days later");
    shop.memory.set_now(shop.memory.now().plus(15 * DAY));
    shop.call("POST", "settlements", None, &json!({}));
    let grants = shop.get(&format!("accounts/{bob}/grants")).body;
    let renewed = grants["items"].as_array().and_then(|grants| grants.last()).unwrap();
    assert_eq!((&renewed["package"], &renewed["quantity"]), (&json!("small"), &json!(1_000)), "the period after it");
    assert_eq!(shop.get(&format!("accounts/{bob}/balance")).body["balance"], "79.85", "at the price of old");

    let again = shop.call("POST", &subscriptions, Some("s-2"), &small);
    assert_eq!(
        (again.status, &again.body["balance"]),
        (201, &json!("68.85")),
        "who subscribes now pays what it costs now"
    );
}

#[test]
fn another_catalog_is_priced_account_by_account_and_changes_nothing() {
    let shop = Shop::open();
    let accounts: Vec<String> = (0..3).map(|number| shop.account(&format!("Bob {number}"))).collect();
    for bob in &accounts {
        shop.recharge(bob, &format!("r-{bob}"), "100.00");
        shop.buy(bob, &format!("p-{bob}"), "echo", "echo-100");
        shop.buy(bob, &format!("p2-{bob}"), "echo", "echo-100");
    }
    let state = || {
        let books = accounts.iter().map(|bob| shop.get(&format!("accounts/{bob}/entries")).body);
        (books.collect::<Vec<Value>>(), shop.get("catalog").body, shop.get("audit").body)
    };
    let before = state();
    let (mut rows, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        pages += 1;
        let page = reprice(&shop, &format!("limit=2{cursor}"), &dearer());
        assert_eq!(page.status, 200);
        rows.extend(page.body["items"].as_array().unwrap().clone());
        let Some(next) = page.body["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((rows.len(), pages), (3, 2));
    let row = json!({
        "account": rows[0]["account"], "product": "echo", "calls": 0, "ingress_bytes": 0, "egress_bytes": 0,
        "before": "0.30", "after": "0.90", "difference": "0.60"
    });
    assert_eq!(rows[0], row);
    assert_eq!(reprice(&shop, "to=2026-11-01T00:00:00Z", &dearer()).body, json!({ "items": [] }), "before it all");
    assert_eq!(state(), before);
}

#[test]
fn a_catalog_that_could_not_be_published_is_not_priced() {
    let shop = Shop::open();
    let broken = CATALOG.replace("/echo/{*rest}", "echo");
    assert_eq!(code(&reprice(&shop, "", &broken)), (422, "catalog.invalid"));
    assert_eq!(code(&reprice(&shop, "", &CATALOG.replace("USD", "EUR"))), (409, "catalog.currency_fixed"));
    let backwards = "from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z";
    assert_eq!(code(&reprice(&shop, backwards, CATALOG)), (400, "request.malformed"));
    let seeing = shop.call("POST", "admin-tokens", None, &json!({ "name": "finance", "role": "read-only" }));
    let bearer = format!("Bearer {}", seeing.body["token"].as_str().unwrap());
    let request = shop.request("POST", "/_farebox/admin/v1/repricings", CATALOG.as_bytes());
    let seen = shop.send(Request { authorization: Some(&bearer), ..request });
    assert_eq!(seen.status, 200, "who sees everything may ask");
}
