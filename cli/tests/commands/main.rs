//! The `farebox` binary against an HTTP server of the test's own: what it sends, what it prints, how it fails.

mod guides;
mod help;
mod openapi;
mod reconcile;
mod server;
mod settle;
mod shop;
mod statement;
mod texts;

use std::process::{Command, Output};

use farebox_core::{
    credential::Secret,
    ledger::{Account, Command as LedgerCommand, decide},
    request::Facts,
    signature::{Body, Check, Presented, Profile, present, rfc9421, xca},
    time::Timestamp,
};
use serde_json::{Value, json};
use server::{Received, Reply, Server};

/// Runs `farebox` against `server`, as the operator and as a caller.
fn farebox(server: &Server, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_farebox"))
        .args(args)
        .env("FAREBOX_GATEWAY", server.address())
        .env("FAREBOX_ADMIN_TOKEN", "token-1")
        .env("FAREBOX_KEY", "appKey")
        .env("FAREBOX_SECRET", "appSecret")
        .output()
        .expect("farebox runs")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// The one line of a failure that asking again does not change.
fn failure(output: &Output) -> String {
    failure_of(output, 1)
}

/// The one line of a failure with this exit code.
fn failure_of(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).expect("text");
    assert_eq!((output.status.code(), text.lines().count()), (Some(code), 1), "{text}");
    text
}

/// What the gateway's verifier, in its strictest profile, says of a request.
fn verify(received: &Received) -> Result<bool, farebox_core::rejection::Rejection> {
    let packed = received.packed();
    let facts = Facts::unpack(&packed).expect("a packed request");
    let Presented::XCa(claim) = present(&facts)? else { panic!("not x-ca") };
    let now = Timestamp::from_millis(claim.timestamp.parse().expect("a timestamp"));
    let (secret, strict) = (Secret::new("appSecret"), Profile { sha1: false, strict: true });
    let check = xca::verify(&claim, &facts, Body::Read(&received.body), &secret, strict, now)?;
    Ok(matches!(check, Check::Passed(_)))
}

#[test]
fn what_call_sends_verifies_in_the_strict_profile() {
    let server = Server::start(|_| Reply::json(200, json!({"echo": true})));
    let calls: [&[&str]; 9] = [
        &["/v1/echo?b=2&a=%3D+%2B&e="],
        &["/v1/city/Troms\u{f8}?q=\u{e9}"],
        &["/v1/echo", "-X", "delete"],
        &["/v1/echo", "-F", "name=B+b \u{e9}", "-F", "empty="],
        &["/v1/echo?x=1", "-d", "a=1&b=2"],
        &["/v1/echo", "-d", "plain", "-H", "Content-Type: text/plain", "-X", "PUT"],
        &["/v1/echo", "--json", "{\"a\":1}"],
        &["/v1/echo", "-X", "POST"],
        &["/v1/echo", "-H", "X-Ca-Stage: TEST", "-H", "X-Other: 1"],
    ];
    for call in calls {
        assert_eq!(stdout(&farebox(&server, &[&["call"], call].concat())), "{\"echo\":true}");
        let received = server.take();
        assert_eq!(verify(&received), Ok(true), "{call:?}");
    }
}

#[test]
fn what_call_signs_by_rfc_9421_verifies_under_the_usual_demands() {
    let server = Server::start(|_| Reply::json(200, json!({"echo": true})));
    let calls: [&[&str]; 4] = [
        &["/v1/echo?b=2&a=%26"],
        &["/v1/Troms\u{f8}?q=\u{e9}", "-X", "delete"],
        &["/v1/echo", "--json", "{}"],
        &["/v1/echo", "-X", "POST"],
    ];
    for call in calls {
        stdout(&farebox(&server, &[&["call", "--scheme", "rfc9421"], call].concat()));
        let received = server.take();
        let packed = received.packed().replacen("127.0.0.1", server.address().trim_start_matches("http://"), 1);
        let facts = Facts::unpack(&packed).expect("a packed request");
        let Ok(Presented::Rfc9421(claim)) = present(&facts) else { panic!("not rfc9421") };
        let components = rfc9421::DEMANDED.map(str::to_owned);
        let demands = rfc9421::Demands { components: &components, strict: true };
        let (signature, secret) = (claim.signed_with("appKey").expect("signed"), Secret::new("appSecret"));
        let check = rfc9421::verify(signature, &facts, Body::Read(&received.body), &secret, demands, now());
        assert!(matches!(check, Ok(Check::Passed(_))), "{call:?}: {check:?}");
    }
}

/// The time on this machine.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("a time"))
}

#[test]
fn call_says_why_the_gateway_refused_and_fails() {
    let problem = json!({"title": "Package used up", "detail": "Buy another package.", "code": "quota.exhausted",
        "request_id": "r-1"});
    let server = Server::start(move |_| Reply::problem(402, problem.clone()));
    let failed = failure(&farebox(&server, &["call", "/v1/echo"]));
    assert_eq!(failed, "farebox: Package used up: Buy another package. (quota.exhausted, request r-1)\n");
}

#[test]
fn call_signs_again_by_the_gateways_clock_when_that_is_another() {
    let now = "2031-05-06T07:08:09Z";
    let server = Server::start(move |received| match received.header("x-ca-timestamp") {
        Some("1935817689000") => Reply::json(200, json!({})),
        _ => Reply::problem(400, json!({"title": "Too late", "code": "signature.expired", "now": now})),
    });
    assert_eq!(stdout(&farebox(&server, &["call", "/v1/echo"])), "{}");
    let nonces = [server.take(), server.take()].map(|received| received.header("x-ca-nonce").map(str::to_owned));
    assert_ne!(nonces[0], nonces[1], "a nonce is used once");
}

#[test]
fn money_moves_under_a_name_that_is_made_or_given() {
    let server = Server::start(|_| Reply::json(201, json!({"entry": 7, "balance": "15.00"})));
    let paid = stdout(&farebox(&server, &["recharge", "acc_1", "10.00", "USD", "--json"]));
    let received = server.take();
    assert_eq!(
        (received.method.as_str(), received.target.as_str()),
        ("POST", "/_farebox/admin/v1/accounts/acc_1/recharges")
    );
    assert_eq!(received.header("authorization"), Some("Bearer token-1"));
    assert_eq!(received.json(), json!({"amount": "10.00", "currency": "USD"}));
    let paid: Value = serde_json::from_str(&paid).expect("JSON");
    let name = received.header("idempotency-key").expect("a name");
    assert_eq!((paid["idempotency_key"].as_str(), name.len()), (Some(name), 36));

    let bought = stdout(&farebox(&server, &["buy", "acc_1", "demo", "demo-100", "--idempotency-key", "order-7"]));
    let received = server.take();
    assert_eq!(received.header("idempotency-key"), Some("order-7"));
    assert_eq!(received.json(), json!({"product": "demo", "package": "demo-100"}));
    assert_eq!(bought, "entry            7\nbalance          15.00\nidempotency key  order-7\n");
}

#[test]
fn each_command_that_moves_money_has_a_method_a_path_and_a_body() {
    let server = Server::start(|_| Reply::json(200, json!({"entry": 7, "balance": "15.00"})));
    let running = "subscriptions/subscription-3";
    let commands: [(&[&str], &str, String, Value); 7] = [
        (&["refund", "acc_1", "4.00"], "POST", "refunds".into(), json!({"amount": "4.00"})),
        (
            &["refund", "acc_1", "4.00", "--reference", "invoice-7"],
            "POST",
            "refunds".into(),
            json!({"amount": "4.00", "reference": "invoice-7"}),
        ),
        (
            &["adjust", "acc_1", "-1.50", "charged twice"],
            "POST",
            "adjustments".into(),
            json!({"amount": "-1.50", "reason": "charged twice"}),
        ),
        (
            &["subscription", "create", "acc_1", "demo", "small"],
            "POST",
            "subscriptions".into(),
            json!({"product": "demo", "plan": "small"}),
        ),
        (
            &["subscription", "change", "acc_1", "subscription-3", "demo", "large"],
            "PATCH",
            running.into(),
            json!({"product": "demo", "plan": "large"}),
        ),
        (
            &["subscription", "cancel", "acc_1", "subscription-3"],
            "DELETE",
            format!("{running}?at_once=false"),
            Value::Null,
        ),
        (
            &["subscription", "cancel", "acc_1", "subscription-3", "--at-once"],
            "DELETE",
            format!("{running}?at_once=true"),
            Value::Null,
        ),
    ];
    for (command, method, path, body) in commands {
        let named = [command, &["--idempotency-key", "order-7"]].concat();
        assert_eq!(
            stdout(&farebox(&server, &named)),
            "entry            7\nbalance          15.00\nidempotency key  order-7\n",
            "{command:?}"
        );
        let received = server.take();
        assert_eq!(received.header("idempotency-key"), Some("order-7"), "{command:?}");
        let target = format!("/_farebox/admin/v1/accounts/acc_1/{path}");
        assert_eq!((received.method.as_str(), received.target.as_str()), (method, target.as_str()), "{command:?}");
        let sent = if received.body.is_empty() { Value::Null } else { received.json() };
        assert_eq!(sent, body, "{command:?}");
    }
}

#[test]
fn a_payment_that_may_have_been_made_says_under_which_name_to_repeat_it() {
    let server = Server::start(|received| match received.header("idempotency-key") {
        Some("order-7") => Reply::problem(503, json!({"title": "Not available at the moment"})),
        _ => Reply::problem(402, json!({"title": "The balance does not cover it"})),
    });
    let pay = |name, code| {
        failure_of(&farebox(&server, &["recharge", "acc_1", "1.00", "USD", "--idempotency-key", name]), code)
    };
    let repeat = "it may have been booked; repeat it with --idempotency-key order-7";
    assert_eq!(pay("order-7", 3), format!("farebox: {repeat}: Not available at the moment\n"));
    assert_eq!(pay("order-8", 1), "farebox: The balance does not cover it\n");
}

#[test]
fn a_list_is_followed_to_its_last_page() {
    let server = Server::start(|received| {
        if received.target.ends_with("/balance") {
            let balance = if received.target.contains("acc_1") { "9.998" } else { "12.00" };
            return Reply::json(
                200,
                json!({"balance": balance, "available": balance, "leased": "0.00", "currency": "USD"}),
            );
        }
        let second = received.target.ends_with("?cursor=p2");
        let (id, cursor) = if second { ("acc_2", Value::Null) } else { ("acc_1", json!("p2")) };
        Reply::json(200, json!({"items": [{"id": id, "name": "Bob", "status": "active"}], "cursor": cursor}))
    });
    let listed = stdout(&farebox(&server, &["account", "list"]));
    let rows = "ID     NAME  STATUS  BALANCE  CURRENCY\nacc_1  Bob   active    9.998  USD\nacc_2  Bob   active    12.00  USD\n";
    assert_eq!(listed, rows);
    let listed = stdout(&farebox(&server, &["account", "list", "--no-balance"]));
    assert_eq!(listed, "ID     NAME  STATUS\nacc_1  Bob   active\nacc_2  Bob   active\n");
}

#[test]
fn apply_sends_the_file_and_shows_what_changes() {
    let file = std::env::temp_dir().join(format!("farebox-catalog-{}.toml", std::process::id()));
    std::fs::write(&file, "[provider]\n").expect("a file");
    let server = Server::start(|_| {
        let change = json!({"change": "added", "subject": "product demo", "summary": "2.00 per 1,000 calls"});
        Reply::json(200, json!({"version": "abc", "changes": [change]}))
    });
    let applied = stdout(&farebox(&server, &["apply", "--dry-run", file.to_str().expect("a path")]));
    let received = server.take();
    std::fs::remove_file(file).expect("the file");
    assert_eq!((received.method.as_str(), received.body.as_slice()), ("PUT", &b"[provider]\n"[..]));
    assert_eq!(received.target, "/_farebox/admin/v1/catalog?dry_run=true");
    assert_eq!(applied, "+ product demo: 2.00 per 1,000 calls\ncatalog abc valid, not published\n");
}

#[test]
fn a_refused_catalog_is_shown_with_every_reason() {
    let problem = |line, reason| json!({"line": line, "column": 1, "path": "provider", "reason": reason});
    let document = json!({"title": "The catalog is not valid", "detail": "1: a\n2: b", "code": "catalog.invalid",
        "problems": [problem(1, "a"), problem(2, "b")]});
    let server = Server::start(move |_| Reply::problem(422, document.clone()));
    let refused = farebox(&server, &["apply", "--yes", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    let text = String::from_utf8(refused.stderr).expect("text");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with("Cargo.toml: line 1, column 1: provider: a"), "{text}");
    assert_eq!(lines[2], "farebox: The catalog is not valid: 2 problems (catalog.invalid)");
    assert_eq!((refused.status.code(), lines.len()), (Some(1), 3));
}

#[test]
fn entries_are_shown_and_a_changed_book_is_found_out() {
    let currency = "USD".parse().expect("a currency");
    let recharge = LedgerCommand::Recharge { amount: "5.00".parse().expect("an amount"), currency, reference: None };
    let (mut account, mut book) = (Account::default(), Vec::new());
    for command in [LedgerCommand::Open { currency }, recharge] {
        let decision = decide(&account, None, &command, Timestamp::from_millis(0)).expect("a decision");
        account.advance(&decision.entries, decision.till, decision.register);
        book.extend(decision.entries);
    }
    let items = serde_json::to_value(&book).expect("JSON");
    let mut changed = items.clone();
    changed[1]["event"]["recharged"]["amount"] = json!("9.00");
    let server = Server::start(move |received| {
        let items = if received.target.contains("acc_2") { &changed } else { &items };
        Reply::json(200, json!({ "items": items }))
    });
    let shown = stdout(&farebox(&server, &["entries", "acc_1"]));
    assert!(shown.lines().nth(2).is_some_and(|line| line.ends_with("5.00")), "{shown}");
    let found = failure(&farebox(&server, &["entries", "acc_2"]));
    assert_eq!(found, "farebox: the book is not as it was written: entry 2 was changed\n");
}

/// What `explain` shows of a signature that does not hold.
fn refused(output: &Output) -> String {
    assert_eq!(failure(output), "farebox: the signature does not hold\n");
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn explain_marks_where_the_gateway_signed_something_else() {
    let server = Server::start(|received| {
        // A gateway in front that drops a parameter.
        let packed = received.packed().replace("a=1&", "");
        let facts = Facts::unpack(&packed).expect("a packed request");
        let text = xca::string_to_sign(&facts, &received.body);
        Reply::problem(400, json!({"title": "The signature does not match", "string_to_sign": text}))
    });
    let explained = refused(&farebox(&server, &["explain", "/v1/echo?a=1&b=2"]));
    let lines: Vec<_> = explained.lines().collect();
    let at = lines.iter().position(|line| line.starts_with("path and parameters")).expect("the path's line");
    assert!(lines[at].contains("/v1/echo?a=1&b=2") && lines[at].ends_with("/v1/echo?b=2"), "{explained}");
    assert!(lines[at + 1].ends_with("^ first difference"), "{explained}");
}

#[test]
fn explain_reads_the_message_that_another_client_got() {
    let server = Server::start(|_| panic!("nothing is sent"));
    let message =
        "Invalid Signature, Server StringToSign:`GET#*/*####X-Ca-Key:appKey#X-Ca-Nonce:n#X-Ca-Timestamp:5#/a?b`";
    let explained = refused(&farebox(&server, &["explain", "/a?b=", "--message", message]));
    assert!(explained.contains("Both are the same"), "{explained}");
    let explained = refused(&farebox(&server, &["explain", "/a?c", "--message", message]));
    assert!(explained.contains("^ first difference"), "{explained}");
}

#[test]
fn a_failure_is_one_line_that_says_what_to_do() {
    let server = Server::start(|_| Reply::json(200, json!({})));
    let without_token = Command::new(env!("CARGO_BIN_EXE_farebox"))
        .args(["balance", "acc_1", "--gateway", &server.address()])
        .env_remove("FAREBOX_ADMIN_TOKEN")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("farebox runs");
    assert!(failure(&without_token).contains("set FAREBOX_ADMIN_TOKEN, give --token-file"));
    let address = server.address();
    drop(server);
    let gone = Command::new(env!("CARGO_BIN_EXE_farebox"))
        .args(["balance", "acc_1", "--gateway", &address])
        .env("FAREBOX_ADMIN_TOKEN", "token-1")
        .output()
        .expect("farebox runs");
    assert!(failure_of(&gone, 3).contains("no answer from http://127.0.0.1:"));
}

#[test]
fn a_string_to_sign_of_many_lines_is_still_a_failure_of_one() {
    let detail = "The server signed `GET\n\n/a`.";
    let server = Server::start(move |_| Reply::problem(400, json!({"title": "No", "detail": detail, "code": "c"})));
    let failed = failure(&farebox(&server, &["call", "/a"]));
    assert_eq!(failed, "farebox: No: The server signed `GET##/a`. (c)\n");
}
