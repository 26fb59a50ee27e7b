//! The customer API's table, walked row by row: whoever may not ask sees nothing and changes nothing.
//!
//! Broken on purpose, each seen to fail here: a change by cookie whose `Origin` is not looked at.

use std::collections::BTreeMap;

use farebox_books::EntryStore;
use farebox_core::time::DAY;
use farebox_ports::{Host, KeyValue, keys::DIRECTORY};
use serde_json::{Value, json};

use super::market::{Browser, Market, ORIGIN, Sent, sent};
use crate::{admin::shop::ready, payments::Till};

/// An account with something of each kind that a path can name, and people who may do ever less with it.
struct World {
    market: Market,
    account: String,
    names: BTreeMap<&'static str, String>,
    people: BTreeMap<&'static str, Browser>,
    key: String,
}

const ROLES: [&str; 4] = ["viewer", "developer", "manager", "owner"];

impl World {
    fn new() -> Self {
        let till = Till::open();
        // A month ends while they are signed in, so that it has an invoice to be made.
        till.market.shop.memory.set_now("2026-11-30T22:00:00Z".parse().unwrap());
        let owner = till.market.sign_in("owner@example.com").0;
        let invoice = till.pay_for_invoice(&owner);
        let Till { market, account, .. } = till;
        let mut people = BTreeMap::new();
        for role in &ROLES[..3] {
            people.insert(*role, market.member(&owner, &account, &format!("{role}@example.com"), role));
        }
        let text = |body: &Value, member: &str| body[member].as_str().unwrap().to_owned();
        let made = market.post(&owner, &format!("accounts/{account}/credentials"), json!({})).body;
        assert_eq!(market.shop.recharge(&account, "r", "100.00").status, 201);
        let plan = Sent { key: Some("s"), ..sent(json!({ "product": "planned", "plan": "small" })) };
        let subscribed = market.send(&owner, "POST", &format!("accounts/{account}/subscriptions"), &plan).body;
        let wanted = Sent { key: Some("o"), ..sent(json!({ "amount": "2.00" })) };
        let ordered = market.send(&owner, "POST", &format!("accounts/{account}/checkouts"), &wanted).body;
        let invite = json!({ "email": "guest@example.com", "role": "viewer" });
        let invited = market.post(&owner, &format!("accounts/{account}/invitations"), invite).body;
        let members = market.get(&owner, &format!("accounts/{account}/members")).body;
        let viewer = members["items"].as_array().unwrap().iter().find(|it| it["role"] == "viewer").unwrap();
        let names = BTreeMap::from([
            ("{id}", account.clone()),
            ("{key}", text(&made, "key")),
            ("{subscription}", text(&subscribed, "subscription")),
            ("{invitation}", text(&invited, "id")),
            ("{person}", text(viewer, "person")),
            ("{order}", text(&ordered["order"], "id")),
            ("{invoice}", invoice),
            ("{period}", "2026-11".to_owned()),
        ]);
        people.insert("owner", owner);
        people.insert("stranger", market.sign_in("stranger@example.com").0);
        let key = text(&made, "api_key");
        market.shop.memory.set_now("2026-12-01T01:00:00Z".parse().unwrap());
        Self { market, account, names, people, key }
    }

    fn path(&self, pattern: &str) -> String {
        self.names.iter().fold(pattern.to_owned(), |path, (name, value)| path.replace(name, value))[1..].to_owned()
    }

    /// Every row that is not everybody's: method and pattern.
    fn rows(&self) -> Vec<(String, String)> {
        let paths = self.market.description["paths"].as_object().unwrap();
        let rows = |(pattern, methods): (&String, &Value)| {
            let methods = methods.as_object().unwrap().iter().filter(|(_, row)| row["security"].is_null());
            methods.map(|(method, _)| (method.to_uppercase(), pattern.clone())).collect::<Vec<_>>()
        };
        paths.iter().flat_map(rows).collect()
    }

    /// Everything that is stored, but for what was tried and how long sessions last.
    fn stored(&self) -> BTreeMap<String, Vec<u8>> {
        let memory = &self.market.shop.memory;
        let keys = ready(memory.list("", None, 10_000)).unwrap().items;
        let documents = keys.into_iter().map(|key| {
            let value = ready(memory.get(&key)).unwrap().unwrap_or_default();
            (key, value)
        });
        let records = memory.directory().into_iter().filter(|(key, _)| !key.starts_with("attempts/"));
        let records = records.map(|(key, body)| (key, body.into_bytes()));
        let book = ready(memory.entries(&self.account.parse().unwrap(), 0, 10_000)).unwrap();
        let book = ("the book".to_owned(), serde_json::to_vec(&book).unwrap());
        documents.chain(records).chain([book]).collect()
    }

    fn send(&self, browser: &Browser, row: (&str, &str), said: &Sent<'_>) -> (u16, Value) {
        let got = self.market.send(browser, row.0, &self.path(row.1), said);
        (got.status, got.body)
    }
}

/// A request that the row carries out, and the least role that may ask for it; `None` where any person may.
fn request(method: &str, pattern: &str) -> (Value, Option<&'static str>) {
    let below = pattern.trim_start_matches("/accounts/{id}");
    match (method, below) {
        ("GET", "/me") => (Value::Null, None),
        ("PATCH", "/me") => (json!({ "name": "Somebody" }), None),
        ("POST", "/sign-out") => (json!({ "everywhere": true }), None),
        ("GET", "/invitations") => (Value::Null, Some("manager")),
        ("GET", _) => (Value::Null, Some("viewer")),
        ("PATCH", "") => (json!({ "name": "Renamed" }), Some("manager")),
        ("POST", "/credentials" | "/credentials/{key}/rotations") => (json!({}), Some("developer")),
        ("PATCH", "/credentials/{key}") => (json!({ "name": "Renamed" }), Some("developer")),
        ("DELETE", "/credentials/{key}") => (Value::Null, Some("developer")),
        ("POST", "/purchases") => (json!({ "product": "echo", "package": "echo-100" }), Some("manager")),
        ("POST", "/subscriptions") => (json!({ "product": "planned", "plan": "small" }), Some("manager")),
        ("DELETE", "/subscriptions/{subscription}") => (Value::Null, Some("manager")),
        ("POST", "/recharge-requests" | "/checkouts") => (json!({ "amount": "1.00" }), Some("manager")),
        ("POST", "/invoices") => (json!({ "month": "2026-11" }), Some("manager")),
        ("PATCH", "/members/{person}") => (json!({ "role": "developer" }), Some("manager")),
        // Everybody may leave: the one that the path names is the viewer.
        ("DELETE", "/members/{person}") => (Value::Null, Some("viewer")),
        ("POST", "/invitations") => (json!({ "email": "new@example.com", "role": "viewer" }), Some("manager")),
        ("DELETE", "/invitations/{invitation}") => (Value::Null, Some("manager")),
        other => panic!("{other:?} is in the table, and this test has no request for it"),
    }
}

/// What an answer says that only a member may know.
fn shows(world: &World, body: &Value) -> bool {
    let text = body.to_string();
    let code = body["code"].as_str();
    code.is_none() && (text.contains(&world.account) || text.contains("items") || text.contains("balance"))
}

#[test]
fn whoever_may_not_ask_sees_nothing_and_changes_nothing() {
    let world = World::new();
    let rows = world.rows();
    assert!(rows.len() >= 28, "{} rows", rows.len());
    let before = world.stored();
    let nobody = Browser::default();
    for (method, pattern) in &rows {
        let row = (method.as_str(), pattern.as_str());
        let (body, least) = request(method, pattern);
        let said = Sent { key: Some("k"), ..sent(body.clone()) };
        let is_change = method != "GET";
        let mut refused = Vec::new();
        refused.push(("nobody", world.send(&nobody, row, &said)));
        refused
            .push(("a made-up key", world.send(&nobody, row, &Sent { bearer: Some("fb_live_none"), ..said.clone() })));
        // An admin token is none of the customer API's.
        refused.push(("the provider", world.send(&nobody, row, &Sent { bearer: Some("right-token"), ..said.clone() })));
        if least.is_some() {
            refused.push(("a stranger", world.send(&world.people["stranger"], row, &said)));
        }
        for role in ROLES.iter().take_while(|role| Some(**role) != least) {
            if least.is_some() {
                refused.push((role, world.send(&world.people[role], row, &said)));
            }
        }
        if is_change {
            let owner = &world.people["owner"];
            for origin in [None, Some("https://evil.example"), Some("null"), Some("http://api.acme.example")] {
                refused.push(("another site's form", world.send(owner, row, &Sent { origin, ..said.clone() })));
            }
            let spoofed = Sent { origin: Some("https://api.acme.example.evil.example"), ..said.clone() };
            refused.push(("a look-alike", world.send(owner, row, &spoofed)));
            refused.push((
                "a call credential",
                world.send(&nobody, row, &Sent { bearer: Some(&world.key), ..said.clone() }),
            ));
        }
        for (who, (status, body)) in refused {
            assert!(matches!(status, 401 | 403 | 404), "{who}: {method} {pattern}: {status} {body}");
            assert!(!shows(&world, &body), "{who}: {method} {pattern}: {body}");
        }
        assert_eq!(world.stored(), before, "{method} {pattern} changed something");
    }
}

#[test]
fn every_record_of_the_directory_is_in_the_list_of_its_keys() {
    let world = World::new();
    let records = world.market.shop.memory.directory();
    assert!(records.len() > 10);
    for (key, _) in records {
        assert!(DIRECTORY.iter().any(|stored| stored.is_of(&key)), "{key} is not in farebox_ports::keys::DIRECTORY");
    }
}

#[test]
fn an_expired_session_is_none() {
    let world = World::new();
    world.market.shop.memory.set_now(world.market.shop.memory.now().plus(DAY));
    let before = world.stored();
    for (method, pattern) in world.rows() {
        let (body, _) = request(&method, &pattern);
        let said = Sent { key: Some("k"), ..sent(body) };
        let (status, body) = world.send(&world.people["owner"], (&method, &pattern), &said);
        assert_eq!((status, body["code"].as_str()), (401, Some("session.missing")), "{method} {pattern}");
    }
    assert_eq!(world.stored(), before);
}

#[test]
fn whoever_may_ask_is_answered() {
    for (method, pattern) in World::new().rows() {
        let world = World::new();
        let (body, least) = request(&method, &pattern);
        let said = Sent { key: Some("k"), ..sent(body) };
        let browser = &world.people[least.unwrap_or("viewer")];
        let (status, body) = world.send(browser, (&method, &pattern), &said);
        assert!(matches!(status, 200 | 201 | 204), "{method} {pattern}: {status} {body}");
        assert_eq!(said.origin, Some(ORIGIN));
    }
}

#[test]
fn what_anybody_may_ask_for_shows_nothing_of_an_account() {
    let world = World::new();
    let before = world.stored();
    let cross = Sent { origin: Some("https://evil.example"), ..sent(json!({ "email": "a@b.example" })) };
    let nobody = Browser::default();
    assert_eq!(world.send(&nobody, ("POST", "/sign-ins"), &cross).0, 403);
    assert_eq!(world.send(&nobody, ("POST", "/sign-ins/finish"), &Sent { body: json!({}), ..cross }).0, 403);
    for path in ["/openapi.json", "/storefront", "/products/echo", "/dev/mailbox", "/portal-sessions/none"] {
        let (_, body) = world.send(&nobody, ("GET", path), &Sent::default());
        assert!(!body.to_string().contains(&world.account), "{path}");
    }
    assert_eq!(world.stored(), before);
}
