//! A book is put back from a copy of its entries, whole and unchanged, or not at all.
//!
//! Broken on purpose, each seen to fail here: the chain of the copy is not checked; what is there already is booked again; an
//! operator may do it.

use serde_json::{Value, json};

use super::shop::{Shop, code};

fn sold() -> (Shop, String, Vec<Value>) {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    shop.recharge(&bob, "r-1", "5.00");
    shop.buy(&bob, "p-1", "echo", "echo-100");
    shop.recharge(&bob, "r-2", "3.00");
    let entries = shop.get(&format!("accounts/{bob}/entries")).body["items"].as_array().unwrap().clone();
    (shop, bob, entries)
}

fn restore(shop: &Shop, account: &str, entries: &[Value]) -> (u16, String) {
    let got =
        shop.call("POST", &format!("accounts/{account}/entries"), None, &json!({ "name": "Bob", "items": entries }));
    (got.status, code(&got).1.to_owned())
}

#[test]
fn a_book_that_is_put_back_is_the_book_that_was_lost() {
    let (lost, bob, entries) = sold();
    let shop = Shop::open();
    let done = (204, String::new());
    assert_eq!(restore(&shop, &bob, &entries[..2]), done);
    assert_eq!(restore(&shop, &bob, &entries[1..]), done, "what is there already is passed over");
    assert_eq!(restore(&shop, &bob, &entries), done);
    for report in ["", "/balance", "/grants", "/entries", "/statements/2026-11"] {
        assert_eq!(
            shop.get(&format!("accounts/{bob}{report}")),
            lost.get(&format!("accounts/{bob}{report}")),
            "{report}"
        );
    }
    let again = shop.recharge(&bob, "r-2", "3.00");
    assert_eq!((again.status, &again.body["balance"]), (201, &json!("7.85")), "its idempotency keys are known");
    assert_eq!(shop.get(&format!("accounts/{bob}/balance")).body["balance"], "7.85");
}

#[test]
fn a_copy_that_is_not_the_book_changes_nothing() {
    let (shop, bob, entries) = sold();
    let before = shop.get(&format!("accounts/{bob}/entries")).body;
    let conflict = (409, "entries.conflict".to_owned());
    let mut changed = entries.clone();
    changed[1]["event"]["recharged"]["amount"] = json!("50.00");
    let empty = Shop::open();
    assert_eq!(restore(&empty, &bob, &changed), conflict, "changed");
    assert_eq!(restore(&empty, &bob, &entries[1..]), conflict, "without its beginning");
    assert_eq!(code(&empty.get(&format!("accounts/{bob}"))), (404, "account.unknown"));
    let other = sold().2;
    assert_eq!(restore(&shop, &bob, &other[..3]), (204, String::new()), "all of it is there");
    shop.recharge(&bob, "r-3", "1.00");
    let longer = shop.get(&format!("accounts/{bob}/entries")).body;
    let (elsewhere, _, _) = sold();
    elsewhere.recharge(&bob, "r-4", "2.00");
    let others = elsewhere.get(&format!("accounts/{bob}/entries")).body["items"].as_array().unwrap().clone();
    assert_eq!(restore(&shop, &bob, &others), conflict, "of another book");
    assert_eq!(shop.get(&format!("accounts/{bob}/entries")).body, longer);
    assert_eq!(longer["items"].as_array().unwrap().len(), before["items"].as_array().unwrap().len() + 1);
}

#[test]
fn only_an_owner_puts_books_back() {
    let (shop, bob, entries) = sold();
    let operator = shop.call("POST", "admin-tokens", None, &json!({ "name": "ops", "role": "operator" }));
    let token = operator.body["token"].as_str().unwrap();
    let got = shop.call_as(token, "POST", &format!("accounts/{bob}/entries"), &json!({ "items": entries }));
    assert_eq!(code(&got), (403, "admin.forbidden"));
}
