//! Amounts are read exactly or refused, an object is an object, and money is paid in what its currency has.

use farebox_control::Request;
use serde_json::{Value, json};

use super::shop::{CATALOG, Got, Shop, code};

/// What the description of amounts does not allow. The first are those that a decimal of 28 digits would round.
const NOT_AMOUNTS: [&str; 14] = [
    "0.99999999999999999999999999999999",
    "5.00000000000000000000000000000049",
    "5.0000004",
    "1.0000000000",
    ".5",
    "5.",
    "+5",
    "",
    "1e3",
    "1_0",
    " 5",
    "00000000000005",
    "9223372036854.775808",
    "NaN",
];

#[test]
fn an_amount_is_read_exactly_or_refused() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    shop.recharge(&bob, "r", "10.00");
    for amount in NOT_AMOUNTS {
        for (method, path, body) in [
            ("POST", "recharges", json!({ "amount": amount, "currency": "USD" })),
            ("POST", "refunds", json!({ "amount": amount })),
            ("POST", "adjustments", json!({ "amount": amount, "reason": "r" })),
            ("PUT", "terms", json!({ "credit_limit": amount })),
            ("PUT", "terms", json!({ "low_balance": amount })),
        ] {
            let got = shop.call(method, &format!("accounts/{bob}/{path}"), Some("k"), &body);
            assert_eq!(code(&got), (400, "request.malformed"), "{path} {amount}");
        }
        let catalog = CATALOG.replace("\"2.00\"", &format!("{amount:?}"));
        assert_eq!(code(&shop.put_catalog("", &catalog)), (422, "catalog.invalid"), "{amount}");
    }
    assert_eq!(shop.get(&format!("accounts/{bob}/balance")).body["balance"], "10.00");
    assert_eq!(shop.get(&format!("accounts/{bob}/entries")).body["items"].as_array().map(Vec::len), Some(2));
}

/// Serde takes `["7.00", "USD", null]` for a recharge of 7.00 USD.
#[test]
fn no_operation_takes_a_list_for_an_object() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let described = shop.send(Request { path: "/_farebox/openapi.json", ..shop.request("GET", "", b"") }).body;
    let mut refused = 0;
    for (path, operations) in described["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if operation["requestBody"]["content"].get("application/json").is_none() {
                continue;
            }
            let (method, path) = (method.to_uppercase(), path.trim_start_matches('/').replace("{id}", &bob));
            let path = format!("/_farebox/admin/v1/{path}");
            for body in
                [r#"["7.00","USD",null]"#, r#"["7.00"]"#, "[]", " [{}]", "null", "7", r#""7.00""#, "true", "{", "x"]
            {
                let request = shop.request(&method, &path, body.as_bytes());
                let got = shop.send(Request { idempotency_key: Some("k"), ..request });
                // Some look first for what the path names.
                assert!((400..500).contains(&got.status), "{method} {path} took {body}: {got:?}");
                refused += u32::from(code(&got) == (400, "request.malformed"));
            }
        }
    }
    assert!(refused >= 100, "only {refused} bodies were looked at, of ten for each operation");
    assert_eq!(shop.get(&format!("accounts/{bob}/entries")).body["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn no_entry_of_a_copy_is_a_list() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let entries = shop.get(&format!("accounts/{bob}/entries")).body["items"].clone();
    let entry = entries[0].as_object().unwrap();
    let in_order = ["seq", "at", "event", "postings", "prev", "hash"].map(|name| entry[name].clone());
    let other = Shop::open();
    let restore = |items: Value| other.call("POST", "accounts/acc_x/entries", None, &json!({ "items": items }));
    for items in [json!([in_order]), json!([["opened"]])] {
        assert_eq!(code(&restore(items)), (400, "request.malformed"));
    }
    let mut listed = entries.clone();
    listed[0]["event"]["opened"] = json!(["USD"]);
    assert_eq!(code(&restore(listed)), (400, "request.malformed"));
    assert_eq!(restore(entries).status, 204);
}

/// A gateway whose catalog is in `currency`, and an account with 100 units.
fn in_currency(currency: &str) -> (Shop, String) {
    let shop = Shop::empty();
    let catalog = CATALOG.replace("USD", currency).replace("\"0.15\"", "\"15\"").replace("\"0.01\"", "\"1\"");
    assert_eq!(shop.put_catalog("", &catalog).status, 200);
    let bob = shop.account("Bob");
    let got = pay(&shop, &bob, "recharges", json!({ "amount": "100", "currency": currency }));
    assert_eq!(got.status, 201);
    (shop, bob)
}

fn pay(shop: &Shop, account: &str, what: &str, body: Value) -> Got {
    let key = body.to_string();
    shop.call("POST", &format!("accounts/{account}/{what}"), Some(&key), &body)
}

#[test]
fn money_is_paid_in_what_its_currency_has() {
    for (currency, coin, finer, balance) in [
        ("USD", "0.01", "0.005", "85.01"),
        ("JPY", "1", "0.5", "86"),
        ("KRW", "1.000", "1.01", "86"),
        ("KWD", "0.001", "0.0005", "85.001"),
        ("BHD", "0.001", "1.0001", "85.001"),
    ] {
        let (shop, bob) = in_currency(currency);
        let recharge = |amount: &str| pay(&shop, &bob, "recharges", json!({ "amount": amount, "currency": currency }));
        assert_eq!(code(&recharge(finer)), (422, "amount.invalid"), "{currency}");
        assert_eq!(
            code(&pay(&shop, &bob, "refunds", json!({ "amount": finer }))),
            (422, "amount.invalid"),
            "{currency}"
        );
        let limit =
            |amount: &str| shop.call("PUT", &format!("accounts/{bob}/terms"), None, &json!({ "credit_limit": amount }));
        assert_eq!((code(&limit(finer)), limit(coin).status), ((422, "amount.invalid"), 204), "{currency}");
        assert_eq!((recharge(coin).status, pay(&shop, &bob, "refunds", json!({ "amount": coin })).status), (201, 201));
        // A correction takes up what the prices of calls leave.
        let half = pay(&shop, &bob, "adjustments", json!({ "amount": "0.0005", "reason": "a part of a call" }));
        assert_eq!(half.status, 201, "{currency}");
        pay(&shop, &bob, "adjustments", json!({ "amount": "-0.0005", "reason": "back" }));
        pay(&shop, &bob, "recharges", json!({ "amount": coin, "currency": currency, "reference": "again" }));
        let bought = pay(&shop, &bob, "purchases", json!({ "product": "echo", "package": "echo-100" }));
        assert_eq!((bought.status, &bought.body["balance"]), (201, &json!(balance)), "{currency}");
        let shown = shop.get(&format!("accounts/{bob}/balance")).body;
        assert_eq!((&shown["balance"], &shown["currency"]), (&json!(balance), &json!(currency)));
    }
    let (_, bob) = in_currency("KWD");
    let zeros = in_currency("KWD").0.get(&format!("accounts/{bob}/balance")).body;
    assert_eq!((&zeros["balance"], &zeros["leased"]), (&json!("100.000"), &json!("0.000")));
}

#[test]
fn the_currency_is_fixed_once_something_is_booked_in_it() {
    let yen = CATALOG.replace("USD", "JPY").replace("\"0.15\"", "\"15\"").replace("\"0.01\"", "\"1\"");
    let shop = Shop::empty();
    assert_eq!(code(&shop.call("POST", "accounts", None, &json!({ "name": "Bob" }))), (409, "catalog.missing"));
    for catalog in [CATALOG, &yen, CATALOG] {
        assert_eq!(shop.put_catalog("", catalog).status, 200);
    }
    let (bob, eve) = (shop.account("Bob"), shop.account("Eve"));
    let suspended = json!({ "status": "suspended" });
    assert_eq!(shop.call("PATCH", &format!("accounts/{eve}"), None, &suspended).status, 200);
    // Accounts in whose books nothing is of the currency go along, there and back.
    for (catalog, currency) in [(yen.as_str(), "JPY"), (CATALOG, "USD"), (&yen, "JPY")] {
        assert_eq!(shop.put_catalog("?dry_run=true", catalog).status, 200);
        assert_eq!(shop.put_catalog("", catalog).status, 200);
        for account in [&bob, &eve] {
            assert_eq!(shop.get(&format!("accounts/{account}/balance")).body["currency"], currency);
        }
    }
    // One of them has a limit or money, or had some: none goes along, not even in part.
    let terms =
        |limit: Value| shop.call("PUT", &format!("accounts/{eve}/terms"), None, &json!({ "credit_limit": limit }));
    assert_eq!(terms(json!("5")).status, 204);
    let fixed = |shop: &Shop| {
        for query in ["?dry_run=true", ""] {
            let got = shop.put_catalog(query, CATALOG);
            assert_eq!(code(&got), (409, "catalog.currency_fixed"));
            assert!(got.body["detail"].as_str().unwrap().contains("JPY"));
        }
        for account in [&bob, &eve] {
            assert_eq!(shop.get(&format!("accounts/{account}/balance")).body["currency"], "JPY");
        }
    };
    fixed(&shop);
    assert_eq!(terms(Value::Null).status, 204);
    pay(&shop, &eve, "recharges", json!({ "amount": "5", "currency": "JPY" }));
    fixed(&shop);
    pay(&shop, &eve, "refunds", json!({ "amount": "5" }));
    assert_eq!(shop.get(&format!("accounts/{eve}/balance")).body["balance"], "0");
    fixed(&shop);
}
