//! The host, from outside, with a real component in it: whether it does what Spin does.
//!
//! Each test starts a host of its own, on a port that the system picks and with a state directory of its own. The
//! component is `fixture`, built here; what its paths do is said there.

mod hosted;

use std::time::{Duration, Instant};

use hosted::{Host, ask, origin};
use http::StatusCode;

#[tokio::test]
async fn calls_are_routed_and_told_what_spin_tells_them() {
    let host = Host::start(&[]).await;
    let answer = host.get("/headers/a?b=c").await;
    for line in [
        "spin-path-info: /headers/a",
        "spin-full-url: http://127.0.0.1:",
        "spin-matched-route: /...",
        "spin-base-path: /",
        "spin-raw-component-route: /...",
        "spin-component-route: ",
        "spin-client-addr: 127.0.0.1:",
    ] {
        assert!(answer.lines().any(|found| found.starts_with(line)), "{line:?} in {answer}");
    }
    let answer = host.get("/headers/by/7/x").await;
    assert!(
        answer.contains("spin-path-match-id: 7") && answer.contains("spin-component-route: /headers/by/:id"),
        "{answer}"
    );
    assert_eq!(host.get("/.well-known/spin/health").await, "OK");
    assert_eq!(host.status("/.well-known/spin/else").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn variables_have_their_values_and_others_are_undefined() {
    let host = Host::start(&["--variable", "secret=hidden"]).await;
    assert_eq!(host.get("/variable/filled").await, "hello, hidden");
    assert!(host.get("/variable/secret").await.contains("Undefined"), "it is the application's, not the component's");
}

#[tokio::test]
async fn values_are_kept_over_a_restart_and_stores_must_be_allowed() {
    let mut host = Host::start(&[]).await;
    host.put("/value/a", "1").await;
    host.put("/value/b", "2").await;
    assert_eq!(host.get("/keys").await, "a\nb");
    host.restart().await;
    assert_eq!(host.get("/value/b").await, "2");
    assert_eq!(host.get("/delete/b").await, "false", "it is gone");
    assert_eq!(host.get("/keys").await, "a");
    assert!(host.get("/value/a?elsewhere").await.contains("AccessDenied"));
}

#[tokio::test]
async fn sqlite_runs_statements_and_says_what_was_wrong_with_them() {
    let host = Host::start(&[]).await;
    let statements = "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT\nINSERT INTO t (b) VALUES ('x'), (NULL)\nSELECT * FROM t";
    let rows = host.put("/sqlite", statements).await;
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert!(
        rows.contains("Value::Integer(1)") && rows.contains("Value::Text(\"x\")") && rows.contains("Value::Null"),
        "{rows}"
    );
    assert!(host.put("/sqlite", "INSERT INTO t (a) VALUES (1)").await.contains("UNIQUE constraint failed"));
    assert!(host.put("/sqlite", "SELEKT").await.contains("syntax error"));
    assert!(host.put("/sqlite", "ATTACH 'elsewhere.db' AS e").await.contains("not authorized"));
    assert_eq!(host.put("/sqlite", "PRAGMA foreign_keys").await, "[Value::Integer(1)]\n");
    assert_eq!(host.put("/sqlite", "PRAGMA busy_timeout").await, "[Value::Integer(5000)]\n");
    assert!(host.put("/sqlite?elsewhere", "SELECT 1").await.contains("AccessDenied"));
}

#[tokio::test]
async fn requests_go_only_where_they_may_and_bodies_pass_through() {
    let origin = origin().await;
    let host = Host::start(&["--variable", &format!("upstream=http://{origin}")]).await;
    assert_eq!(host.get(&format!("/fetch/{origin}/there")).await, "GET /there ");
    let large = "x".repeat(3 << 20);
    let answer = host.put(&format!("/fetch/{origin}/there?body"), &large).await;
    assert_eq!(answer.len(), "PUT /there ".len() + large.len());
    assert_eq!(host.get("/fetch/127.0.0.1:1/").await, "ErrorCode::HttpRequestDenied");
    assert_eq!(host.get("/fetch/self.alt/variable/filled").await, "hello, nothing", "the application asks itself");
    let seen = host.get("/fetch/self.alt/headers").await;
    assert!(seen.contains(&format!("spin-full-url: http://{}/headers", host.address)), "{seen}");
}

#[tokio::test]
async fn an_instance_is_shared_by_calls_and_dropped_after_as_many_as_it_takes() {
    let host = Host::start(&["--max-instance-reuse-count", "3"]).await;
    let mut counts = Vec::new();
    for _ in 0..7 {
        counts.push(host.get("/calls").await);
    }
    assert_eq!(counts, ["1", "2", "3", "1", "2", "3", "1"]);
}

#[tokio::test]
async fn an_instance_takes_only_so_many_calls_at_a_time() {
    let host = Host::start(&["--max-instance-concurrent-reuse-count", "2"]).await;
    let waiting = (0..8).map(|_| host.get("/wait/1000"));
    // How many more instances it starts is its own affair: it does so too while one is busy computing.
    let counts = futures_util::future::join_all(waiting).await;
    assert!(counts.iter().all(|count| count == "1" || count == "2"), "{counts:?}");
}

#[tokio::test]
async fn a_spawned_task_goes_on_after_the_answer_also_when_the_instance_takes_no_more_calls() {
    let host = Host::start(&["--max-instance-reuse-count", "1"]).await;
    assert_eq!(host.get("/later/key").await, "soon");
    let begun = Instant::now();
    while host.get("/value/key").await != "late" {
        assert!(begun.elapsed() < Duration::from_secs(10), "the task never ended");
    }
}

#[tokio::test]
async fn a_panic_ends_its_instance_and_answers_500_and_the_next_call_is_fine() {
    let host = Host::start(&[]).await;
    assert_eq!(host.get("/calls").await, "1");
    assert_eq!(host.status("/panic").await, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(host.get("/calls").await, "1", "it is a new instance");
}

#[tokio::test]
async fn what_only_the_host_may_set_is_refused() {
    let host = Host::start(&[]).await;
    assert_eq!(host.get("/forbidden").await, "Err(HeaderError::Forbidden)");
}

#[tokio::test]
async fn what_cannot_run_is_refused_with_a_clear_line() {
    for (flags, named) in [
        (&["--variable", "unknown=1"][..], "unknown"),
        (&["--variable", "upstream=nowhere"], "nowhere"),
        (&["--runtime-config-file", "nowhere.toml"], "nowhere.toml"),
    ] {
        let (status, error) = Host::refusal(flags).await;
        assert!(!status.success() && error.lines().last().is_some_and(|line| line.contains(named)), "{error}");
    }
}

#[tokio::test]
async fn it_ends_when_it_is_interrupted_and_when_its_input_closes() {
    let host = Host::start(&[]).await;
    assert_eq!(host.interrupt().await.code(), Some(0));
    let host = Host::start(&["--end-with-stdin"]).await;
    assert_eq!(host.close_input().await.code(), Some(0));
}

#[tokio::test]
async fn a_caller_who_names_no_host_gets_no_answer() {
    let host = Host::start(&[]).await;
    assert_eq!(ask(host.address, "GET /calls HTTP/1.1\r\n\r\n").await, "");
    let answer = ask(host.address, "GET /calls HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
