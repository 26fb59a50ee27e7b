//! A client that was there before us works with only the host changed, and the upstream sees what that client sent.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Farebox, account::Account, call::told, farebox::run_node};

/// The npm client `aliyun-api-gateway`, unmodified, in all the ways its users call it.
pub async fn the_npm_client_works_unmodified(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let cases = cases();
    let calls: Vec<_> = cases.iter().map(|case| case.call(farebox.gateway())).collect();
    let input = json!({ "key": caller.key, "secret": caller.secret, "app_code": caller.app_code, "calls": calls });
    let outcomes = run_node("tests/js/npm-client.cjs", &input).await?;
    for (at, case) in cases.iter().enumerate() {
        let outcome = &outcomes[at];
        ensure!(outcome["error"].is_null(), "{}: {}", case.name, outcome["error"]);
        case.check(&outcome["result"], &account.id).with_context(|| format!("{}: {outcome}", case.name))?;
    }
    account.settled("client", cases.len() as u64).await?;
    Ok(())
}

/// What is called, and what the origin must have received.
struct Case {
    name: &'static str,
    method: &'static str,
    target: &'static str,
    options: Value,
    /// By app code, not signed.
    simple: bool,
    /// The decoded query.
    query: &'static [(&'static str, &'static str)],
    body: &'static str,
    content_type: Option<&'static str>,
}

const FORM: &str = "application/x-www-form-urlencoded";

fn cases() -> Vec<Case> {
    let case = |name, method, target, options| Case {
        name,
        method,
        target,
        options,
        simple: false,
        query: &[],
        body: "",
        content_type: None,
    };
    let odd = json!({ "b": "1 & 2", "a": "x+y=z", "city": "München 東京", "empty": "", "percent": "100%" });
    let odd_query: &[_] =
        &[("a", "x+y=z"), ("b", "1 & 2"), ("city", "München 東京"), ("empty", ""), ("percent", "100%")];
    vec![
        Case { query: &[("q", "1")], ..case("GET", "get", "/client/get?q=1", json!({})) },
        Case { query: odd_query, ..case("GET with odd parameters", "get", "/client/get", json!({ "query": odd })) },
        case("GET without parameters", "get", "/client/a/b%20c/d", json!({})),
        case("GET with a signed header", "get", "/client/get", json!({ "signHeaders": { "X-Custom": "v" } })),
        Case {
            body: r#"{"n":[1,2],"name":"東京"}"#,
            content_type: Some("application/json"),
            ..case("POST with JSON", "post", "/client/post", json!({ "data": { "name": "東京", "n": [1, 2] } }))
        },
        Case {
            query: &[("q", "ä&ö")],
            body: "a=1%262&b=%E6%9D%B1&empty=",
            content_type: Some(FORM),
            ..case(
                "POST with a form and a query",
                "post",
                "/client/post",
                json!({
                    "query": { "q": "ä&ö" },
                    "headers": { "content-type": FORM },
                    "data": { "a": "1&2", "b": "東", "empty": "" },
                }),
            )
        },
        Case {
            body: r#"{"n":1}"#,
            content_type: Some("application/json"),
            ..case("PUT with JSON", "put", "/client/put", json!({ "data": { "n": 1 } }))
        },
        Case { query: &[("id", "7")], ..case("DELETE", "delete", "/client/delete", json!({ "query": { "id": "7" } })) },
        Case { simple: true, query: &[("q", "1")], ..case("app code", "get", "/client/get?q=1", json!({})) },
    ]
}

impl Case {
    fn call(&self, gateway: &str) -> Value {
        let url = format!("{gateway}{}", self.target);
        json!({ "method": self.method, "url": url, "options": self.options, "simple": self.simple })
    }

    fn check(&self, received: &Value, account: &str) -> Result<()> {
        ensure!(received["method"] == self.method.to_uppercase(), "method");
        ensure!(received["path"] == self.target.split('?').next().unwrap_or_default(), "path");
        let query = received["query"].as_str().unwrap_or_default();
        let query: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let expected: BTreeMap<_, _> = self.query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        ensure!(query == expected, "query {query:?}");
        ensure!(received["body"] == self.body, "body {}", received["body"]);

        let headers = received["headers"].as_object().context("no headers")?;
        let credentials = |name: &&String| name.starts_with("x-ca-") || *name == "authorization";
        ensure!(headers.keys().find(credentials).is_none(), "the caller's credentials went along");
        if let Some(content_type) = self.content_type {
            ensure!(headers["content-type"] == content_type, "content type");
        }
        if let Some(signed) = self.options["signHeaders"]["X-Custom"].as_str() {
            ensure!(headers["x-custom"] == signed, "a header of the caller");
        }
        let who = headers["farebox"].as_str().context("nobody")?;
        ensure!(told(who, "account") == Some(account) && told(who, "product") == Some("client"), "who calls what");
        ensure!(told(who, "request").is_some() && told(who, "credential").is_some(), "by what, and in which request");
        for own in ["signature-input", "signature"] {
            ensure!(headers.contains_key(own), "no {own}");
        }
        Ok(())
    }
}
