//! Lists are paged by the keys of their rows: a row that is there all the while stands on one page, whatever comes and goes.

use std::{cell::Cell, collections::BTreeMap};

use farebox_control::Request;
use farebox_core::{
    catalog::compile,
    credential_limit::{CredentialLimit, LimitPeriod, LimitedBy},
    id::{AccountId, BatchId, LeaseId, WriterId},
    journal::{Closing, Line, Window},
    ledger::{Answer, Command, command::AccountBatch},
    meter::Usage,
    time::{DAY, SECOND},
};
use farebox_ports::{Host, KeyValue, Ledger};
use serde_json::{Value, json};

use super::shop::{CATALOG, Shop, ready};

/// Products that are paid as they are used.
const METERED: usize = 12;

/// A provider with an account, and a way to make new rows.
struct World {
    shop: Shop,
    bob: String,
    catalog: String,
    made: Cell<usize>,
}

/// How the rows of one list come and go.
type Change = fn(&World, &Value);

impl World {
    fn new() -> Self {
        let metered = |at: usize| {
            format!(
                "[[products]]\nid = \"m{at:02}\"\nupstream = \"https://origin.example\"\nauth = [\"x-ca\"]\n\
                 routes = [{{ path = \"/m{at}\" }}]\nrate = {{ per_1000_calls = \"2.00\" }}\n\n"
            )
        };
        let catalog = format!("{CATALOG}\n{}", (0..METERED).map(metered).collect::<String>());
        let shop = Shop::empty();
        assert_eq!(shop.put_catalog("", &catalog).status, 200);
        let bob = shop.account("Bob");
        shop.recharge(&bob, "r", "900.00");
        Self { shop, bob, catalog, made: Cell::new(0) }
    }

    /// A number that was not used yet.
    fn next(&self) -> usize {
        self.made.replace(self.made.get() + 1)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let got = self.shop.call("POST", path, Some(&format!("k-{}", self.next())), body);
        assert!(got.status < 300, "{path}: {got:?}");
        got.body
    }

    fn of_bob(&self, path: &str) -> String {
        format!("accounts/{}/{path}", self.bob)
    }

    fn put(&self, key: &str, document: &Value) {
        ready(self.shop.memory.put(key, document.to_string().as_bytes())).unwrap();
    }

    fn remove(&self, key: &str) {
        ready(self.shop.memory.delete(key)).unwrap();
    }

    fn execute(&self, command: &Command) -> Answer {
        let bob: AccountId = self.bob.parse().unwrap();
        ready(self.shop.memory.execute(&bob, None, command)).unwrap().unwrap()
    }

    /// A lease for a metered product.
    fn lease(&self, product: &str) -> LeaseId {
        self.lease_within(product, None)
    }

    /// One for a credential with limits alone.
    fn lease_within(&self, product: &str, limited: Option<LimitedBy>) -> LeaseId {
        let catalog = compile(&self.catalog).unwrap();
        let product = product.parse().unwrap();
        let rate = catalog.product(&product).unwrap().rate.clone();
        let want = Usage { calls: 1, ..Usage::default() };
        let writer: WriterId = "w".parse().unwrap();
        match self.execute(&Command::Lease {
            product,
            writer,
            rate,
            want,
            units_of_call: 0,
            lasting: 30 * SECOND,
            while_plenty: 0,
            limited,
        }) {
            Answer::Leased(lease) => lease.id,
            other => panic!("{other:?}"),
        }
    }

    /// Settles so many calls on a lease, and closes it.
    fn settle(&self, product: &str, lease: LeaseId, calls: u64) {
        let (account, usage): (AccountId, _) = (self.bob.parse().unwrap(), Usage { calls, ..Usage::default() });
        let (credential, product) = ("ak_1".parse().unwrap(), product.parse().unwrap());
        let line = Line { account: account.clone(), credential, product, lease, usage, shares: Vec::new() };
        let batch = AccountBatch {
            id: BatchId { writer: "w".parse().unwrap(), sequence: self.next() as u64 },
            window: Window::of(self.shop.memory.now()),
            lines: if calls > 0 { vec![line] } else { Vec::new() },
            closings: vec![Closing { account, lease, total: usage }],
        };
        match self.execute(&Command::Settle { batches: vec![batch] }) {
            Answer::Settled(settled) => assert!(settled.refused.is_empty(), "{settled:?}"),
            other => panic!("{other:?}"),
        }
    }

    /// One call of a product that was not used before: the numbers go up and down in turn.
    fn use_another(&self) {
        let number = self.next() % METERED;
        let product = format!("m{:02}", if number.is_multiple_of(2) { number } else { METERED - number });
        let lease = self.lease(&product);
        self.settle(&product, lease, 1);
    }

    /// A page, and where the next one begins.
    fn page(&self, method: &str, path: &str, limit: usize, cursor: Option<&str>) -> (Vec<Value>, Option<String>) {
        let mut query = form_urlencoded::Serializer::new(format!("limit={limit}"));
        query.extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
        let query = query.finish();
        let body = if method == "POST" { self.catalog.as_bytes() } else { b"" };
        let path = format!("/_farebox/admin/v1/{path}");
        let request = Request { query: &query, ..self.shop.request(method, &path, body) };
        let answer = self.shop.answer(request);
        assert_eq!(answer.status, 200, "{path}?{query}: {}", answer.body);
        let mut body: Value = serde_json::from_str(&answer.body).unwrap();
        let in_header = answer.headers.iter().find(|(name, _)| *name == "farebox-cursor");
        match in_header {
            // It says where to go on also when there is no more yet.
            Some((_, next)) => {
                let Value::Array(rows) = body else { panic!("no array") };
                let goes_on = cursor != Some(next.as_str());
                (rows, goes_on.then(|| next.clone()))
            }
            None => {
                let Value::Array(rows) = body["items"].take() else { panic!("no items") };
                (rows, body["cursor"].as_str().map(str::to_owned))
            }
        }
    }

    fn all(&self, method: &str, path: &str) -> Vec<Value> {
        let (mut rows, mut cursor) = (Vec::new(), None);
        loop {
            let (page, next) = self.page(method, path, 100, cursor.as_deref());
            rows.extend(page);
            match next {
                Some(next) => cursor = Some(next),
                None => return rows,
            }
        }
    }
}

/// What names a row.
fn name(row: &Value) -> String {
    let members = [
        "account",
        "reference",
        "id",
        "name",
        "key",
        "credential",
        "meter",
        "seq",
        "period",
        "product",
        "request_id",
        "batch",
    ];
    let named: Vec<String> = members.iter().filter_map(|member| row.get(member)).map(Value::to_string).collect();
    let at = (row.get("id").is_none()).then(|| row["at"].to_string());
    format!("{named:?} {at:?}")
}

/// For each list of the API, what makes a row come, and one go: the first of the page that was read last.
fn change_of(pattern: &str) -> Change {
    match pattern {
        "accounts" | "repricings" => |world, first| {
            let made = world.shop.account(&format!("Eve {}", world.next()));
            world.shop.recharge(&made, "r", "1.00");
            world.shop.buy(&made, "p", "echo", "echo-100");
            let gone = first["id"].as_str().or_else(|| first["account"].as_str());
            gone.iter().filter(|gone| **gone != world.bob).for_each(|gone| world.remove(&format!("account/{gone}")));
        },
        "accounts/{id}/credentials" => |world, first| {
            world.post(&world.of_bob("credentials"), &json!({}));
            let gone = first["key"].as_str();
            gone.iter().for_each(|gone| world.remove(&format!("account-credential/{}/{gone}", world.bob)));
        },
        "accounts/{id}/subscriptions" => |world, first| {
            world.post(&world.of_bob("subscriptions"), &json!({ "product": "planned", "plan": "small" }));
            if let Some(gone) = first["id"].as_str() {
                let path = world.of_bob(&format!("subscriptions/{gone}?at_once=true"));
                assert_eq!(world.shop.call("DELETE", &path, Some(gone), &Value::Null).status, 200);
            }
        },
        "accounts/{id}/grants" | "accounts/{id}/entries" => |world, _| {
            world.post(&world.of_bob("purchases"), &json!({ "product": "echo", "package": "echo-100" }));
        },
        "accounts/{id}/leases" => |world, first| {
            world.lease("m01");
            if let Some(gone) = first["id"].as_str() {
                let id = gone.trim_start_matches("lease-").parse().unwrap();
                world.settle("m01", LeaseId(id), 0);
            }
        },
        "accounts/{id}/limits" => |world, _| {
            let number = world.next();
            let number = if number.is_multiple_of(2) { number } else { 900 - number };
            let limit = CredentialLimit { per: LimitPeriod::Day, calls: Some(9), units: None, money: None };
            let credential = format!("ak_{number:03}").parse().unwrap();
            world.lease_within("m01", Some(LimitedBy { credential, limits: vec![limit] }));
        },
        "accounts/{id}/usage" | "accounts/{id}/usage/series" => |world, _| world.use_another(),
        "accounts/{id}/usage/events" => |world, _| {
            world.use_another();
            assert!(matches!(world.execute(&Command::Seal), Answer::Ticked { .. }));
        },
        "accounts/{id}/statements" => |world, _| world.shop.memory.set_now(world.shop.memory.now().plus(31 * DAY)),
        "settlements" => |world, _| {
            let before = world.shop.memory.now();
            world.post("settlements", &json!({}));
            // Runs of the same moment are rows of their own; here each is told by its time.
            world.shop.memory.set_now(before.plus(1));
        },
        "settlements/refused" => |world, first| {
            let number = world.next();
            let key = format!("usage/1/{:03}/w/0", if number.is_multiple_of(2) { number } else { 900 - number });
            world.put(&format!("refused/{key}/-"), &json!({ "batch": key, "reason": "x" }));
            let gone = first["batch"].as_str();
            gone.iter().for_each(|gone| world.remove(&format!("refused/{gone}/-")));
        },
        "invoices" => |world, first| {
            let number = world.next();
            let number = if number.is_multiple_of(2) { number } else { 900 - number };
            let invoice = json!({
                "sequence": number, "number": format!("A-{number}"), "mode": "live", "issued": "2026-11-01T00:00:00Z",
                "of": { "is": "payment", "order": "ord_1", "payment": "pi_1" }, "account": world.bob, "seller": [],
                "buyer": [], "currency": "USD", "lines": [], "total": "1.00", "tax": null
            });
            world.put(&format!("invoice/live-{number:012}"), &invoice);
            first["id"].as_str().iter().for_each(|gone| world.remove(&format!("invoice/{gone}")));
        },
        "recharge-requests" => |world, first| {
            let number = world.next();
            let reference = format!("rr_{:03}", if number.is_multiple_of(2) { number } else { 900 - number });
            let (amount, at) = ("1.00", "2026-11-01T00:00:00Z");
            let request = json!({
                "reference": reference, "account": world.bob, "amount": amount, "currency": "USD", "status": "open",
                "created": at
            });
            world.put(&format!("recharge-request/{reference}"), &request);
            let gone = first["reference"].as_str();
            gone.iter().for_each(|gone| world.remove(&format!("recharge-request/{gone}")));
        },
        "admin-tokens" => |world, first| {
            world.post("admin-tokens", &json!({ "name": "Eve", "role": "operator" }));
            let gone = first["id"].as_str();
            gone.iter().for_each(|gone| world.remove(&format!("admin-token/{gone}")));
        },
        "webhooks" => |world, first| {
            world.post("webhooks", &json!({ "url": "https://acme.example/" }));
            if let Some(gone) = first["id"].as_str() {
                assert_eq!(world.shop.call("DELETE", &format!("webhooks/{gone}"), None, &Value::Null).status, 204);
            }
        },
        "webhooks/{webhook}/dead-letters" => |world, first| {
            let number = world.next();
            let id = format!("msg_{:03}", if number.is_multiple_of(2) { number } else { 900 - number });
            let (seq, at) = (number, "2026-11-01T00:00:00Z");
            let message = json!({ "id": id, "seq": seq, "type": "account.recharged", "timestamp": at, "data": {} });
            let dead = json!({ "message": message, "given_up": at, "attempts": 1, "reason": "x" });
            world.put(&format!("webhook-dead/wh_1/{id}"), &dead);
            let gone = first["id"].as_str();
            gone.iter().for_each(|gone| world.remove(&format!("webhook-dead/wh_1/{gone}")));
        },
        "upstream-credentials" => |world, first| {
            let number = world.next();
            let name = format!("{:03}", if number.is_multiple_of(2) { number } else { 900 - number });
            let path = format!("upstream-credentials/{name}");
            assert_eq!(world.shop.call("PUT", &path, None, &json!({ "secret": "hush" })).status, 204);
            let gone = first["name"].as_str();
            gone.iter().for_each(|gone| world.remove(&format!("upstream-credential/{gone}")));
        },
        "audit" => |world, _| drop(world.shop.account("Eve")),
        other => panic!("{other} is paged, and this test does not know it"),
    }
}

/// The lists that the API's description names: method and path.
fn lists(shop: &Shop) -> Vec<(String, String)> {
    let paths = shop.description()["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, operations)| {
        operations.as_object().unwrap().iter().map(move |(method, operation)| (method, path, operation))
    });
    let is_paged = |operation: &Value| {
        operation["parameters"].as_array().unwrap().iter().any(|parameter| parameter["name"] == "cursor")
    };
    let paged = operations.filter(|(_, _, operation)| is_paged(operation));
    paged.map(|(method, path, _)| (method.to_uppercase(), path.trim_start_matches('/').to_owned())).collect()
}

#[test]
fn what_stays_while_a_list_is_read_stands_on_one_page() {
    let all = lists(&World::new().shop);
    assert!(all.len() >= 16, "{all:?}");
    for (method, pattern) in all {
        let (world, change) = (World::new(), change_of(&pattern));
        let endpoint = json!({
            "id": "wh_1", "url": "https://acme.example/", "events": null, "sealed_secret": "",
            "created": "2026-11-01T00:00:00Z"
        });
        world.put("webhook/wh_1", &endpoint);
        let path = pattern.replace("{id}", &world.bob).replace("{webhook}", "wh_1");
        (0..6).for_each(|_| change(&world, &Value::Null));
        let before = world.all(&method, &path);
        assert!(before.len() >= 6, "{pattern}: {before:?}");
        let (mut seen, mut cursor, mut pages) = (BTreeMap::<String, usize>::new(), None::<String>, 0);
        loop {
            let (page, next) = world.page(&method, &path, 2, cursor.as_deref());
            page.iter().for_each(|row| *seen.entry(name(row)).or_default() += 1);
            pages += 1;
            let Some(next) = next else { break };
            cursor = Some(next);
            // Rows that come at the end of a list would make it go on for ever.
            if pages <= 4 {
                change(&world, page.first().unwrap_or(&Value::Null));
            }
        }
        let after: Vec<String> = world.all(&method, &path).iter().map(name).collect();
        assert!(pages >= 3, "{pattern}");
        let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{pattern}: on several pages: {twice:?}");
        let stayed: Vec<String> = before.iter().map(name).filter(|name| after.contains(name)).collect();
        assert!(stayed.len() >= 2, "{pattern}: {stayed:?}");
        let missed: Vec<_> = stayed.iter().filter(|name| !seen.contains_key(*name)).collect();
        assert!(missed.is_empty(), "{pattern}: on no page: {missed:?}");
    }
}

#[test]
fn settlements_of_one_moment_are_rows_of_their_own() {
    let world = World::new();
    (0..5).for_each(|_| drop(world.post("settlements", &json!({}))));
    let (first, next) = world.page("GET", "settlements", 2, None);
    (0..3).for_each(|_| drop(world.post("settlements", &json!({}))));
    let (second, next) = world.page("GET", "settlements", 2, next.as_deref());
    let (third, next) = world.page("GET", "settlements", 2, next.as_deref());
    assert_eq!(([first, second, third].map(|page| page.len()), next), ([2, 2, 1], None));
}

/// Whatever an operation takes, it refuses a query parameter that it does not, and one that comes twice.
#[test]
fn a_query_parameter_that_an_operation_does_not_take_is_refused() {
    let world = World::new();
    let paths = world.shop.description()["paths"].as_object().unwrap().clone();
    let mut refused = 0;
    for (pattern, operations) in &paths {
        for (method, operation) in operations.as_object().unwrap() {
            let path = format!("/_farebox/admin/v1{}", pattern.replace("{id}", &world.bob));
            let method = method.to_uppercase();
            let send = |query: &str| {
                let request = world.shop.request(&method, &path, b"");
                world.shop.send(Request { query, idempotency_key: Some("k"), ..request })
            };
            let (got, path) = (send("colour=red"), format!("{method} {path}"));
            assert_eq!((got.status, &got.body["code"]), (400, &json!("request.malformed")), "{path}");
            let detail = got.body["detail"].as_str().unwrap();
            assert!(detail.contains("no query parameter `colour`"), "{path}: {detail}");
            for parameter in operation["parameters"].as_array().unwrap().iter().filter(|it| it["in"] == "query") {
                let name = parameter["name"].as_str().unwrap();
                assert!(detail.contains(&format!("`{name}`")), "{path}: {detail}");
                let got = send(&format!("{name}=1&{name}=1"));
                assert!(got.body["detail"].as_str().unwrap().contains("comes twice"), "{path}: {got:?}");
            }
            refused += 1;
        }
    }
    assert!(refused >= 48, "{refused}");
    for path in ["/_farebox/openapi.json", "/_farebox/catalog.schema.json"] {
        let request = world.shop.request("GET", path, b"");
        assert_eq!(world.shop.send(Request { query: "colour=red", ..request }).status, 400, "{path}");
    }
}
