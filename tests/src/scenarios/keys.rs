//! A client that knows no more than a base URL and a key calls as it is. A customer of another gateway goes on with the key that
//! it has.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use farebox_core::plain_key;
use hyper::{Method, Request};
use serde_json::{Value, json};

use crate::{
    Farebox,
    account::Account,
    eventually,
    farebox::run_node,
    http::{Answer, Http, bytes},
    python, thorough,
};

/// How long a revoked credential may still be taken: what KV shows late, and what an instance and its location remember.
const REVOKED_WITHIN: Duration = Duration::from_secs(60);

/// How many keys are imported, and how many of them call.
const IMPORTED: usize = 400;
const IMPORTED_IN_FULL: usize = 10_000;
const IMPORTED_THAT_CALL: usize = 20;

/// npm's `openai` and `@anthropic-ai/sdk`, PyPI's `openai` and curl, unmodified, with base URL and key.
pub async fn ordinary_clients_work_with_base_url_and_key(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let key = &caller.app_code;
    ensure!(key.starts_with("fb_live_") && plain_key::is_of_form(key), "{key}");
    let base = format!("{}/keyed", farebox.gateway());
    let input = |key: &str| json!({ "openai": format!("{base}/v1"), "anthropic": base, "key": key });
    let (node, py) = ("tests/js/model-clients.mjs", "tests/py/model_client.py");
    let mut calls = 0;
    for outcomes in [run_node(node, &input(key)).await?, python::run(py, &input(key)).await?] {
        for (name, outcome) in outcomes.as_object().context("no outcomes")? {
            check(name, outcome, &account, key).with_context(|| format!("{name}: {outcome}"))?;
            calls += 1;
        }
    }
    for outcomes in [run_node(node, &input("sk-nobodys")).await?, python::run(py, &input("sk-nobodys")).await?] {
        for (name, outcome) in outcomes.as_object().context("no outcomes")? {
            ensure!(outcome["error"]["name"] == "AuthenticationError", "{name}: {outcome}");
        }
    }
    for (fields, query) in [
        (Some(format!("Authorization: Bearer {key}")), "?a=1".to_owned()),
        (Some(format!("X-API-Key: {key}")), "?a=1".to_owned()),
        (Some(format!("Authorization: APPCODE {key}")), "?a=1".to_owned()),
        (None, format!("?api_key={key}&a=1")),
    ] {
        let seen = curl(fields.as_deref(), &format!("{base}/curl{query}")).await?;
        ensure!(seen["query"] == "a=1" && !seen.to_string().contains(&**key), "the key went along: {seen}");
        let who = seen["headers"]["farebox"].as_str().unwrap_or_default();
        ensure!(who.contains(&account.id), "{seen}");
        calls += 1;
    }
    account.settled("keyed", calls).await?;
    Ok(())
}

/// A client got what the model says, and the model got all but the key.
fn check(name: &str, outcome: &Value, account: &Account, key: &str) -> Result<()> {
    let said = outcome["result"].as_str().context("it failed")?;
    if name == "openai models" {
        ensure!(said == "demo", "another model");
        return Ok(());
    }
    let said: Value = serde_json::from_str(said).context("something else was said")?;
    ensure!(said["prompt"] == "h\u{e9}llo" && !said.to_string().contains(key), "{said}");
    let headers = &said["headers"];
    ensure!(headers["x-api-key"].is_null() && headers["authorization"].is_null(), "the key went along");
    let who = headers["farebox"].as_str().unwrap_or_default();
    ensure!(who.contains(&account.id) && who.contains(r#"product="keyed""#), "who calls what: {who}");
    Ok(())
}

/// What the origin saw of a call by curl.
async fn curl(field: Option<&str>, url: &str) -> Result<Value> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail"]).args(field.iter().flat_map(|field| ["--header", field])).arg(url);
    curl.stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || curl.output()).await?.context("curl")?;
    ensure!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Keys of another gateway that were imported by their hashes call, and one that is revoked ends.
pub async fn imported_keys_call_until_they_are_revoked(farebox: &Farebox) -> Result<()> {
    let (account, _) = Account::with_balance(farebox, "1.00").await?;
    let admin = farebox.admin();
    let count = if thorough() { IMPORTED_IN_FULL } else { IMPORTED };
    let keys: Vec<String> = (0..count).map(|at| format!("sk-{}-{at}", account.id)).collect();
    let hashes: Vec<String> = keys.iter().map(|key| plain_key::hash(key)).collect();
    let mut credentials = Vec::with_capacity(count);
    for part in hashes.chunks(200) {
        let answer = admin.post(&account.path("credentials/imports"), &json!({ "hashes": part })).await?;
        for item in answer["items"].as_array().context("no items")? {
            ensure!(item["outcome"] == "imported", "{item}");
            credentials.push(item["key"].as_str().context("no key")?.to_owned());
        }
    }
    ensure!(credentials.len() == count, "{} of {count} were imported", credentials.len());
    let call = async |key: &str| -> Result<Answer> {
        let request = Request::builder().method(Method::GET).uri(format!("{}/keyed/imported", farebox.gateway()));
        Http::new().send(request.header("authorization", format!("Bearer {key}")).body(bytes(""))?).await
    };
    for key in keys.iter().step_by(count / IMPORTED_THAT_CALL) {
        let answer = call(key).await?;
        ensure!(answer.status == 200, "{key}: {} {}", answer.status, answer.code());
        ensure!(!String::from_utf8_lossy(&answer.body).contains(key), "the key went along");
    }
    admin.delete(&account.path(&format!("credentials/{}", credentials[0]))).await?;
    eventually("the revoked key to be refused", REVOKED_WITHIN, async || {
        let answer = call(&keys[0]).await?;
        ensure!(answer.status == 200 || answer.code() == "credential.revoked", "{} {}", answer.status, answer.code());
        Ok((answer.status == 401).then_some(()))
    })
    .await?;
    ensure!(call(&keys[count - 1]).await?.status == 200, "another one goes on");
    Ok(())
}
