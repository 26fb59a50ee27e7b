//! The clients of HTTP Message Signatures (RFC 9421) that are in the registries get through unmodified. Whatever is changed on
//! the way of what they signed does not.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    Farebox,
    account::Account,
    call::{Caller, now, told},
    farebox::run_node,
    python,
};

/// npm's `http-message-signatures`.
pub async fn the_npm_library_signs_what_is_accepted(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let (good, bad) = (npm_calls(farebox.gateway()), changed(farebox.gateway()));
    let answers = run_node("tests/js/message-signatures.mjs", &input(&caller, &good, &bad)).await?;
    check(&account, &good, &bad, &answers)?;
    account.settled("signed", good.len() as u64).await?;
    Ok(())
}

/// PyPI's `http-message-signatures`, with what it covers when it is not told.
pub async fn the_pypi_library_signs_what_is_accepted(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let (good, bad) = (pypi_calls(farebox.gateway()), changed(farebox.gateway()));
    let answers = python::run("tests/py/message_signatures.py", &input(&caller, &good, &bad)).await?;
    check(&account, &good, &bad, &answers)?;
    account.settled("signed", good.len() as u64).await?;
    Ok(())
}

fn input(caller: &Caller, good: &[Value], bad: &[(&str, Value, &str)]) -> Value {
    let calls: Vec<_> = good.iter().chain(bad.iter().map(|(_, call, _)| call)).collect();
    json!({ "key": caller.key, "secret": caller.secret, "calls": calls })
}

fn check(account: &Account, good: &[Value], bad: &[(&str, Value, &str)], answers: &Value) -> Result<()> {
    let answers = answers.as_array().context("no answers")?;
    ensure!(answers.len() == good.len() + bad.len(), "{} answers", answers.len());
    for (call, answer) in good.iter().zip(answers) {
        ensure!(answer["status"] == 200, "{call}: {answer}");
        received(call, &answer["body"], &account.id).with_context(|| format!("{call}: {answer}"))?;
    }
    for ((name, _, code), answer) in bad.iter().zip(&answers[good.len()..]) {
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
        ensure!(answer["status"] == 401 && body["code"] == *code, "{name}: {answer}");
        let headers: BTreeMap<String, Value> = serde_json::from_value(answer["headers"].clone())?;
        let of_another_scheme = headers.keys().find(|name| name.to_ascii_lowercase().starts_with("x-ca-"));
        ensure!(of_another_scheme.is_none(), "{name}: {answer}");
    }
    Ok(())
}

/// The upstream got what was sent, without the caller's signature and with the gateway's.
fn received(call: &Value, body: &Value, account: &str) -> Result<()> {
    let echo: Value = serde_json::from_str(body.as_str().context("no body")?)?;
    ensure!(
        echo["method"] == call["method"] && echo["body"] == call["body"].as_str().unwrap_or_default(),
        "not the same"
    );
    let headers = &echo["headers"];
    let who = headers["farebox"].as_str().context("nobody")?;
    ensure!(told(who, "account") == Some(account) && told(who, "product") == Some("signed"), "who calls what");
    let input = headers["signature-input"].as_str().context("no signature of the gateway's")?;
    ensure!(input.contains("keyid=\"signed\"") && !input.contains("ak_"), "the caller's signature went along");
    Ok(())
}

const TARGET: [&str; 4] = ["@method", "@authority", "@path", "@query"];

fn npm_calls(gateway: &str) -> Vec<Value> {
    let query = "q=1&city=M%C3%BCnchen&odd=it%27s+(me)!~*&empty=";
    let json = json!({ "content-type": "application/json" });
    vec![
        json!({ "method": "GET", "url": format!("{gateway}/signed/get?{query}"), "covers": TARGET }),
        json!({ "method": "GET", "url": format!("{gateway}/signed/a%20b/c"), "covers": TARGET }),
        json!({ "method": "DELETE", "url": format!("{gateway}/signed/get"), "covers": ["@target-uri", "@method"] }),
        json!({
            "method": "POST", "url": format!("{gateway}/signed/post?a=1"), "headers": json, "body": "{\"n\":1}",
            "covers": ["content-digest", "content-type", "@scheme", "@request-target", "@authority", "@method"],
            "parameters": { "nonce": "once", "tag": "farebox-test" },
        }),
        json!({
            "method": "PUT", "url": format!("{gateway}/signed/put?{query}"), "body": "東京",
            "headers": { "x-dict": "a=1,   b=2;x", "x-text": "some text" },
            "covers": [
                "@method", "@target-uri", "@query-param;name=\"odd\"", "@query-param;name=\"city\"",
                "x-dict;key=\"b\"", "x-dict;sf", "x-text;bs", "content-digest;key=\"sha-256\"",
            ],
        }),
    ]
}

fn pypi_calls(gateway: &str) -> Vec<Value> {
    let query = "q=1&city=M%C3%BCnchen&empty=&odd=a+b~";
    let json = json!({ "content-type": "application/json" });
    vec![
        json!({ "method": "GET", "url": format!("{gateway}/signed/get?{query}") }),
        json!({ "method": "GET", "url": format!("{gateway}/signed/a%20b/c"), "covers": TARGET }),
        json!({ "method": "POST", "url": format!("{gateway}/signed/post"), "headers": json, "body": "{\"n\":1}" }),
        json!({
            "method": "PUT", "url": format!("{gateway}/signed/put?{query}"), "body": "東京",
            "headers": { "x-dict": "a=1,   b=2;x", "x-text": "some text" },
            "covers": [
                "@method", "@target-uri", "\"@query-param\";name=\"odd\"", "\"x-dict\";key=\"b\"", "\"x-text\";bs",
                "\"content-digest\";sf",
            ],
            "parameters": { "nonce": "once", "tag": "farebox-test" },
        }),
    ]
}

/// What is done to a call, and the code of the answer.
fn changed(gateway: &str) -> Vec<(&'static str, Value, &'static str)> {
    let url = format!("{gateway}/signed/post?a=1");
    let covers = ["@method", "@authority", "@path", "@query", "x-amount", "content-digest"];
    let call = |sent: Value, parameters: Value| {
        json!({
            "method": "POST", "url": url, "headers": { "x-amount": "1" }, "body": "{\"amount\":1}",
            "covers": covers, "parameters": parameters, "sent": sent,
        })
    };
    let changed = |sent: Value| call(sent, json!({}));
    let at = |minutes: i64| now().seconds() + minutes * 60;
    let digest = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
    let mut open = changed(json!({}));
    open["covers"] = json!(["@method", "@authority", "@path", "content-digest"]);
    let invalid = "signature.invalid";
    vec![
        ("the method", changed(json!({ "method": "PUT" })), invalid),
        ("a byte of the path", changed(json!({ "url": url.replace("post", "pose") })), invalid),
        ("a byte of the query", changed(json!({ "url": url.replace("a=1", "a=2") })), invalid),
        ("a query that was not there", changed(json!({ "url": format!("{url}&b=2") })), invalid),
        ("a covered header", changed(json!({ "headers": { "x-amount": "2" } })), invalid),
        ("the digest", changed(json!({ "headers": { "Content-Digest": digest } })), invalid),
        ("a byte of the body", changed(json!({ "body": "{\"amount\":2}" })), "digest.mismatch"),
        ("a nonce that was used", call(json!({}), json!({ "nonce": "once" })), "nonce.used"),
        ("the query left open", open, invalid),
        ("made 16 minutes ago", call(json!({}), json!({ "created": at(-16), "expires": at(5) })), "signature.expired"),
        ("made in 16 minutes", call(json!({}), json!({ "created": at(16), "expires": at(20) })), "signature.expired"),
        ("past its end", call(json!({}), json!({ "created": at(-2), "expires": at(-1) })), "signature.expired"),
    ]
}
