//! Limits of credentials: set when one is made, imported or rotated, changed, lifted, and shown with what was spent of them.

use farebox_core::{
    credential::{Credential, credential_entry},
    credential_limit::LimitedBy,
    ledger::Command,
    meter::Usage,
    time::{DAY, SECOND},
};
use farebox_ports::{Host, KeyValue, Ledger};
use serde_json::{Value, json};

use super::shop::{Shop, code, ready};

fn stored(shop: &Shop, key: &Value) -> Credential {
    let entry = credential_entry(&key.as_str().unwrap().parse().unwrap());
    serde_json::from_slice(&ready(shop.memory.get(&entry)).unwrap().unwrap()).unwrap()
}

#[test]
fn limits_are_set_shown_changed_and_lifted() {
    let shop = Shop::open();
    let all = format!("accounts/{}/credentials", shop.account("Bob"));
    let day = json!({ "per": "day", "calls": 1_000, "units": null, "money": null });
    let month = json!({ "per": "month", "calls": null, "units": null, "money": "20.00" });
    let wanted = json!({ "limits": [{ "per": "day", "calls": 1_000 }, { "per": "month", "money": "20.00" }] });
    let made = shop.call("POST", &all, None, &wanted).body;
    assert_eq!(shop.get(&all).body["items"][0]["limits"], json!([day, month]));
    let one = format!("{all}/{}", made["key"].as_str().unwrap());
    let change = |body: Value| shop.call("PATCH", &one, None, &body);
    assert_eq!(change(json!({ "name": "CI" })).body["limits"], json!([day, month]), "what is left out stays");
    assert_eq!(change(json!({ "limits": [day] })).body["limits"], json!([day]));
    let rotated = shop.call("POST", &format!("{one}/rotations"), None, &json!({})).body;
    assert_eq!(stored(&shop, &rotated["key"]).limits, stored(&shop, &made["key"]).limits);
    assert_eq!(change(json!({ "limits": null })).body["limits"], json!([]));
    for wrong in [
        json!([{ "per": "day" }]),
        json!([{ "per": "day", "calls": 0 }]),
        json!([{ "per": "day", "money": "-1.00" }]),
        json!([{ "per": "hour", "calls": 1 }]),
        json!([{ "per": "day", "bytes": 1 }]),
        json!([{ "per": "day", "calls": 1 }, { "per": "day", "units": 1 }]),
    ] {
        let body = json!({ "limits": wrong });
        assert_eq!(code(&change(body.clone())), (400, "request.malformed"), "{wrong}");
        assert_eq!(code(&shop.call("POST", &all, None, &body)), (400, "request.malformed"), "{wrong}");
    }
}

#[test]
fn imported_keys_have_the_limits_that_they_are_imported_with() {
    let shop = Shop::open();
    let path = format!("accounts/{}/credentials/imports", shop.account("Bob"));
    let body = json!({ "hashes": ["0".repeat(64)], "limits": [{ "per": "week", "units": 5 }] });
    let imported = shop.call("POST", &path, None, &body).body;
    let credential = stored(&shop, &imported["items"][0]["key"]);
    assert_eq!(credential.limits[0].units, Some(5));
}

#[test]
fn what_was_spent_is_shown_until_the_period_ends() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    shop.recharge(&bob, "r-1", "5.00");
    shop.buy(&bob, "p-1", "echo", "echo-100");
    let made = shop.call("POST", &format!("accounts/{bob}/credentials"), None, &json!({})).body;
    let limits = serde_json::from_value(json!([{ "per": "day", "calls": 10 }])).unwrap();
    let limited = Some(LimitedBy { credential: made["key"].as_str().unwrap().parse().unwrap(), limits });
    let lease = Command::Lease {
        product: "echo".parse().unwrap(),
        writer: "w".parse().unwrap(),
        rate: None,
        want: Usage { calls: 1, ..Usage::NONE },
        units_of_call: 0,
        lasting: 20 * SECOND,
        while_plenty: 0,
        limited,
    };
    ready(shop.memory.execute(&bob.parse().unwrap(), None, &lease)).unwrap().unwrap();
    let row = json!({
        "credential": made["key"], "per": "day", "from": "2026-11-01T00:00:00Z", "renews": "2026-11-02T00:00:00Z",
        "limit": { "calls": 10, "units": null, "money": null }, "spent": { "calls": 0, "units": 0, "money": "0.00" }
    });
    let limits = format!("accounts/{bob}/limits");
    assert_eq!(shop.get(&limits).body, json!({ "items": [row] }));
    shop.memory.set_now(shop.memory.now().plus(DAY));
    assert_eq!(shop.get(&limits).body, json!({ "items": [] }));
}
