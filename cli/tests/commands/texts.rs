//! What the command line says to somebody who uses it for the first time: each text says what to do next.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use serde_json::{Value, json};

use crate::{
    failure, failure_of, farebox,
    server::{Reply, Server},
    shop::{at_home, home},
    stdout, verify,
};

/// What clap says of a command line that cannot be understood.
fn misread(output: &std::process::Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{text}");
    text
}

/// A server with two accounts called Bob and one called Ann.
fn three_accounts() -> Server {
    Server::start(|received| {
        let account =
            |id: &str, name: &str| json!({"id": id, "name": name, "status": "active", "created": "2026-11-29"});
        let accounts = [account("acc_1", "Bob"), account("acc_2", "bob"), account("acc_3", "Ann")];
        match received.target.trim_start_matches("/_farebox/admin/v1/") {
            "accounts" => Reply::json(200, json!({ "items": accounts })),
            "accounts/acc_3" => Reply::json(200, accounts[2].clone()),
            path if path.ends_with("/balance") => Reply::json(200, json!({"balance": "7.00", "currency": "USD"})),
            _ => Reply::json(200, json!({"items": [], "entry": 1})),
        }
    })
}

#[test]
fn every_command_takes_an_accounts_name() {
    let server = three_accounts();
    let commands: [&[&str]; 17] = [
        &["account", "show", "ann"],
        &["account", "rename", "Ann", "Anna"],
        &["account", "suspend", "Ann"],
        &["balance", "Ann"],
        &["grants", "Ann"],
        &["leases", "Ann"],
        &["usage", "Ann"],
        &["entries", "Ann"],
        &["statement", "list", "Ann"],
        &["invoice", "month", "Ann", "2026-10"],
        &["credential", "list", "Ann"],
        &["terms", "show", "Ann"],
        &["recharge", "Ann", "1.00", "USD"],
        &["refund", "Ann", "1.00"],
        &["adjust", "Ann", "-1.00", "why"],
        &["buy", "Ann", "demo", "demo-100"],
        &["subscription", "list", "Ann"],
    ];
    for command in commands {
        stdout(&farebox(&server, command));
        assert_eq!(server.take().target, "/_farebox/admin/v1/accounts", "{command:?}");
        assert!(server.take().target.starts_with("/_farebox/admin/v1/accounts/acc_3"), "{command:?}");
        if command == ["account", "show", "ann"] {
            server.take();
        }
    }
}

#[test]
fn a_name_of_two_accounts_lists_both_and_one_of_none_says_so() {
    let server = three_accounts();
    for command in [["account", "show", "Bob"], ["account", "suspend", "bob"], ["statement", "show", "BOB"]] {
        let failed = failure(&farebox(&server, &command));
        assert!(
            failed.contains("2 accounts are called") && failed.contains("acc_1") && failed.contains("acc_2"),
            "{failed}"
        );
    }
    assert_eq!(failure(&farebox(&server, &["balance", "carl"])), "farebox: There is no account carl\n");
}

#[test]
fn an_amount_that_may_not_be_negative_says_what_to_do_instead() {
    let server = Server::start(|_| panic!("nothing is sent"));
    let cases: [(&[&str], &str); 6] = [
        (&["recharge", "acc_1", "-10", "USD"], "it must not be negative; to take money back: farebox refund"),
        (&["refund", "acc_1", "-10.00"], "it must not be negative; to add money: farebox recharge"),
        (&["account", "create", "Bob", "--recharge", "-5"], "it must not be negative"),
        (&["terms", "set", "acc_1", "--credit-limit", "-5"], "it must not be negative"),
        (&["clock", "advance", "-1d"], "it must not be negative"),
        (&["recharge", "acc_1", "0", "USD"], "it must be more than nothing"),
    ];
    for (command, says) in cases {
        let text = misread(&farebox(&server, command));
        assert!(text.contains(says), "{command:?}: {text}");
    }
}

#[test]
fn times_are_taken_as_days_moments_and_distances() {
    let server = Server::start(|_| Reply::json(200, json!({"items": []})));
    let from = |time: &str| {
        stdout(&farebox(&server, &["usage", "acc_1", "--from", time]));
        let target = server.take().target;
        target.split_once("from=").expect("a time").1.replace("%3A", ":")
    };
    assert_eq!(from("2026-11-01"), "2026-11-01T00:00:00Z");
    assert_eq!(from("2026-11-01T12:00:00+02:00"), "2026-11-01T10:00:00Z");
    assert!(from("yesterday").ends_with("T00:00:00Z"));
    assert!(from("-7d") < from("-1h"));
    let unread = misread(&farebox(&server, &["usage", "acc_1", "--from", "last week"]));
    assert!(unread.contains("write 2026-11-01, 2026-11-01T12:00:00Z, yesterday or -7d"), "{unread}");

    stdout(&farebox(&server, &["token", "issue", "ci", "operator", "--expires", "2027-01-01"]));
    assert_eq!(server.take().json()["expires"], "2027-01-01T00:00:00Z");
    stdout(&farebox(&server, &["credential", "create", "acc_1", "--expires", "+30d"]));
    assert!(server.take().json()["expires"].as_str().is_some_and(|time| time.ends_with('Z')));
}

/// Answers the first connection with these bytes; gives its port.
fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        let Ok((mut connection, _)) = listener.accept() else { return };
        // What it is asked does not matter, and whether it is heard is what the test is about.
        let _ = connection.read(&mut [0; 4_096]);
        let _ = connection.write_all(bytes);
    });
    port
}

#[test]
fn an_address_of_another_protocol_is_told_apart_from_one_without_any() {
    let server = Server::start(|_| panic!("nothing is sent"));
    let balance = |gateway: &str| farebox(&server, &["balance", "acc_1", "--gateway", gateway]);
    let http = answering(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let failed = failure_of(&balance(&format!("https://127.0.0.1:{http}")), 3);
    assert!(failed.contains("it speaks http there, not https: begin the address with http://"), "{failed}");
    // An alert of TLS: what a server says that expected TLS.
    let https = answering(b"\x15\x03\x03\x00\x02\x02\x0a");
    let failed = failure_of(&balance(&format!("http://127.0.0.1:{https}")), 3);
    assert!(failed.contains("where it speaks https, begin the address with https://"), "{failed}");
    for address in ["127.0.0.1:8787", "localhost:8787", "api.acme.example"] {
        let text = misread(&balance(address));
        assert!(text.contains("is not an address: begin with https://"), "{text}");
    }
    let called = failure(&farebox(&server, &["call", "127.0.0.1:8787/demo/hello"]));
    assert!(called.contains("begin with https://"), "{called}");
    let hook = misread(&farebox(&server, &["webhook", "add", "hooks.acme.example/x"]));
    assert!(hook.contains("begin with https://"), "{hook}");
}

#[test]
fn a_profile_that_does_not_work_is_not_kept() {
    let server = Server::start(|received| match received.header("authorization") {
        Some("Bearer good") => Reply::json(200, json!({"items": []})),
        _ => Reply::problem(401, json!({"title": "Not authorized", "code": "admin.unauthorized"})),
    });
    let (home, address) = (home(), server.address());
    let nowhere = failure_of(&at_home(&home, &["profile", "set", "bad", "http://127.0.0.1:1"], Some("good\n")), 3);
    assert!(nowhere.contains("bad is not kept (--no-check keeps it untried): no answer from"), "{nowhere}");
    let wrong = failure(&at_home(&home, &["profile", "set", "bad", &address], Some("wrong\n")));
    assert!(wrong.contains("does not take this token"), "{wrong}");
    let empty = failure(&at_home(&home, &["profile", "set", "bad", &address], None));
    assert!(empty.contains("give --from-file FILE, or pipe the token"), "{empty}");
    assert_eq!(stdout(&at_home(&home, &["profile", "list"], None)), "none\n");

    let kept = stdout(&at_home(&home, &["profile", "set", "good", &address, "--json"], Some("good\n")));
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!((&kept["profile"], &kept["default"], &kept["checked"]), (&json!("good"), &json!(true), &json!(true)));
    stdout(&at_home(&home, &["profile", "set", "later", "http://127.0.0.1:1", "--no-check"], Some("good\n")));
    let used = stdout(&at_home(&home, &["profile", "use", "later", "--json"], None));
    assert!(used.contains("\"profile\":\"later\""), "{used}");
    let removed = stdout(&at_home(&home, &["profile", "remove", "later", "--json"], None));
    assert!(removed.contains("\"removed\":true"), "{removed}");
}

#[test]
fn an_unknown_type_of_message_lists_those_there_are() {
    let server = Server::start(|_| panic!("nothing is sent"));
    let text = misread(&farebox(&server, &["webhook", "add", "https://h.example", "--event", "nonsense.event"]));
    assert!(farebox_core::webhook::TYPES.iter().all(|name| text.contains(name)), "{text}");
}

#[test]
fn a_call_without_a_credential_says_what_the_product_takes_with_a_line_that_does_it() {
    let problem = json!({"title": "No credential", "code": "credential.missing",
        "detail": "This product takes an app code (Authorization: APPCODE and the code)."});
    let server = Server::start(move |_| Reply::problem(401, problem.clone()));
    let (home, address) = (home(), server.address());
    let called = failure(&at_home(&home, &["call", "--gateway", &address, "/demo/hello?name=you"], None));
    let line = format!("As a line: curl -H 'Authorization: APPCODE …' '{address}/demo/hello?name=you'");
    assert!(called.contains(&line), "{called}");
    assert_eq!(server.take().header("x-ca-key"), None, "it is sent unsigned");
    let posted = failure(&at_home(&home, &["call", "--gateway", &address, "/demo/hello", "-d", "a=1"], None));
    assert!(posted.contains("curl -X POST -H 'Authorization: APPCODE …'"), "{posted}");
}

#[test]
fn a_header_field_that_is_given_twice_is_sent_twice() {
    let server = Server::start(|_| Reply::json(200, json!({})));
    let call = ["call", "/v1/echo", "-H", "X-Tag: a", "-H", "x-tag: b", "-H", "Accept: text/plain"];
    stdout(&farebox(&server, &call));
    let received = server.take();
    let values = |name: &str| {
        let fields = received.headers.iter().filter(|(have, _)| have == name);
        fields.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    assert_eq!((values("x-tag"), values("accept")), (vec!["a".into(), "b".into()], vec!["text/plain".to_owned()]));
    assert_eq!(verify(&received), Ok(true));
}

#[test]
fn a_difference_is_told_apart_from_a_failure() {
    let home = home();
    std::fs::write(home.path().join("catalog.toml"), "[provider]\n").expect("written");
    std::fs::write(home.path().join("token"), "token-1").expect("written");
    let diff = |gateway: &str| {
        at_home(&home, &["diff", "--exit-code", "--gateway", gateway, "--token-file", "token", "catalog.toml"], None)
    };
    let server = Server::start(|_| {
        let change = json!({"change": "added", "subject": "product demo", "summary": "2.00 per 1,000 calls"});
        Reply::json(200, json!({"version": "abc", "changes": [change]}))
    });
    assert_eq!(failure_of(&diff(&server.address()), 2), "farebox: 1 change\n");
    let same = Server::start(|_| Reply::json(200, json!({"version": "abc", "changes": []})));
    assert_eq!(stdout(&diff(&same.address())), "no changes\n");
    let refusing = Server::start(|_| Reply::problem(401, json!({"title": "Not authorized"})));
    failure_of(&diff(&refusing.address()), 1);
    failure_of(&diff("http://127.0.0.1:1"), 3);
    misread(&at_home(&home, &["diff", "--no-such-option"], None));
}

#[test]
fn what_explain_does_is_said_in_its_own_words() {
    let help = stdout(&at_home(&home(), &["help", "explain"], None));
    assert!(help.starts_with("Compare your string-to-sign with the server's\n"), "{help}");
}

#[test]
fn usage_by_time_is_a_row_for_each_point() {
    let point = |at: &str, calls: u64, failed: u64| {
        let statuses = json!({"2xx": calls, "3xx": 0, "4xx": 0, "5xx": failed});
        json!({"at": at, "calls": calls, "ingress_bytes": 0, "egress_bytes": 9, "units": 0, "uncharged": failed,
            "statuses": statuses})
    };
    let points = [point("2026-11-01T10:00:00Z", 3, 0), point("2026-11-01T11:00:00Z", 4, 2)];
    let series = json!({"product": "demo", "route": "GET /a", "points": points});
    let server = Server::start(move |_| Reply::json(200, json!({ "items": [series.clone()] })));
    let command = ["usage", "acc_1", "--from", "2026-11-01", "--every", "hour", "--by", "route", "--product", "demo"];
    let shown = stdout(&farebox(&server, &command));
    let asked = server.take().target;
    let path = "/_farebox/admin/v1/accounts/acc_1/usage/series?";
    assert!(asked.starts_with(path) && asked.contains("every=hour&by=route&product=demo"), "{asked}");
    let table = "\
AT                    PRODUCT  ROUTE   CALLS  INGRESS BYTES  EGRESS BYTES  2XX  3XX  4XX  5XX  UNCHARGED
2026-11-01T10:00:00Z  demo     GET /a      3              0             9    3    0    0    0          0
2026-11-01T11:00:00Z  demo     GET /a      4              0             9    4    0    0    2          2
";
    assert_eq!(shown, table);
    let unread = misread(&farebox(&server, &["usage", "acc_1", "--by", "route"]));
    assert!(unread.contains("--every"), "{unread}");
}
