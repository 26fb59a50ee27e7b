//! A product is tried out: test calls reach another upstream, cost nothing and need nothing to pay with.

use anyhow::{Result, ensure};
use hyper::{Method, Request};
use serde_json::json;

use crate::{
    Farebox,
    account::Account,
    http::{Http, bytes},
};

/// With a test key, and by `X-Ca-Stage`; and a product without a test stage is never reached so.
pub async fn a_test_call_reaches_nothing_real_and_costs_nothing(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::without_balance(farebox).await?;
    let made = farebox.admin().post(&account.path("credentials"), &json!({ "test": true })).await?;
    let tester = account.caller(&made)?;
    ensure!(tester.app_code.starts_with("fb_test_"), "{made}");
    let before = (farebox.forwarded("tried").await?, farebox.forwarded("sandbox").await?);
    let by_key = |path: &str| -> Result<_> {
        let request = Request::get(format!("{}{path}", farebox.gateway())).header("x-api-key", &tester.app_code);
        Ok(request.body(bytes(""))?)
    };
    let by_stage = caller.call(Method::GET, "/tried/x", &[("x-ca-stage", "TEST")], b"")?;
    let answers =
        [Http::new().send(by_key("/tried/x")?).await?, tester.get("/tried/x").await?, caller.send(by_stage).await?];
    for answer in answers {
        ensure!(answer.status == 200, "{} {}", answer.status, answer.code());
        ensure!(answer.header("farebox-stage") == "test", "it does not say so: {:?}", answer.headers);
        let seen = answer.json()?;
        let who = seen["headers"]["farebox"].as_str().unwrap_or_default();
        ensure!(seen["path"] == "/sandbox/tried/x" && who.contains(r#"stage="test""#), "{seen}");
    }
    let elsewhere = Http::new().send(by_key("/keyed/x")?).await?;
    ensure!(elsewhere.code() == "stage.missing", "{} {}", elsewhere.status, elsewhere.code());
    let real = caller.get("/tried/x").await?;
    ensure!(real.status == 403, "one that is not for tests needs something to pay with: {}", real.status);
    let after = (farebox.forwarded("tried").await?, farebox.forwarded("sandbox").await?);
    ensure!((after.0 - before.0, after.1 - before.1) == (0, 3), "{before:?} {after:?}");
    account.settled("tried", 0).await?;
    Ok(())
}
