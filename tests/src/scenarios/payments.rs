//! A customer pays by themselves, and calls go on within seconds; what the payment service did not say moves nothing.
//!
//! The service is ours, and speaks as Stripe does: Stripe's own libraries are its clients, and verify what it signs.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::{Method, Request};
use serde_json::{Value, json};

use super::market::Browser;
use crate::{
    Farebox, eventually,
    farebox::run_node,
    http::{Answer, Http, bytes},
    python,
};

/// How long after it was paid a package may stay unknown.
const CALLS_WITHIN: Duration = Duration::from_secs(5);

/// What was given is used up; the answer leads to where one pays; a package is paid on the service's page, and calls go on.
pub async fn a_customer_pays_calls_on_and_nobody_else_says_that_they_did(farebox: &Farebox) -> Result<()> {
    let mut browser = Browser::new(farebox);
    let account = browser.sign_up(&format!("payer-{}@example.com", std::process::id())).await?;
    let of = |path: &str| format!("accounts/{account}/{path}");
    let made = browser.done(Method::POST, &of("credentials"), json!({ "name": "first" })).await?;
    let key = made["api_key"].as_str().context("no key")?.to_owned();
    let call = async || {
        let request = Request::get(format!("{}/market/call", farebox.gateway()));
        Http::new().send(request.header("authorization", format!("Bearer {key}")).body(bytes(""))?).await
    };
    for number in 1..=3 {
        ensure!(call().await?.status == 200, "call {number}");
    }
    let answer = call().await?;
    let link = answer.header("link");
    ensure!(answer.status == 402 && link == "</_farebox/portal/offers?recharge>; rel=\"payment\"", "{answer:?}");

    let wanted = json!({ "product": "market", "package": "market-10" });
    let checkout = browser.done(Method::POST, &of("checkouts"), wanted).await?;
    let (url, order) =
        (checkout["url"].as_str().context("no page")?, checkout["order"]["id"].as_str().context("no order")?);
    let forged =
        json!({ "type": "payment_intent.succeeded", "livemode": false, "data": { "object": { "id": "pi_1" } } });
    let forged = tell(farebox, &forged.to_string()).await?;
    ensure!(forged.status == 400 && forged.code() == "signature.invalid", "{forged:?}");
    let declined = on_page(url, "decline").await?;
    ensure!(declined.status == 200, "{declined:?}");
    let paid = on_page(url, "pay").await?;
    let back = paid.header("location");
    ensure!(paid.status == 303 && back.ends_with(&format!("/_farebox/portal/offers?order={order}")), "{paid:?}");
    eventually("calls to go on", CALLS_WITHIN, async || Ok((call().await?.status == 200).then_some(()))).await?;
    let order = browser.done(Method::GET, &of(&format!("orders/{order}")), Value::Null).await?;
    ensure!(order["status"] == "paid" && order["mode"] == "test" && order["grant"].is_string(), "{order}");

    let checkout = browser.done(Method::POST, &of("checkouts"), json!({ "amount": "5.00" })).await?;
    on_page(checkout["url"].as_str().context("no page")?, "pay").await?;
    eventually("the balance", CALLS_WITHIN, async || {
        let balance = Request::get(format!("{}/_farebox/v1/accounts/mine/balance", farebox.gateway()));
        let balance =
            Http::new().send(balance.header("authorization", format!("Bearer {key}")).body(bytes(""))?).await?;
        Ok((balance.json()?["balance"] == "5.00").then_some(()))
    })
    .await
}

/// Both official libraries, as clients of the service of `dev`, as readers of its signatures and as makers of ours.
pub async fn the_official_libraries_talk_to_the_payment_service(farebox: &Farebox) -> Result<()> {
    let (key, secret, at) = ("sk_test_development", "whsec_development", 1_793_491_200);
    let event = json!({ "id": "evt_1", "object": "event", "type": "payment_intent.succeeded" }).to_string();
    let signed = payment_service::signature(secret, at, &event);
    let input = json!({
        "payments": farebox.payments(), "key": key, "secret": secret, "event": event, "signature": signed, "at": at
    });
    let by_npm = run_node("tests/js/payments.mjs", &input).await?;
    let expected = json!({
        "session": "ord_1", "again": true, "paid": ["succeeded", 500, 200], "booked": [-200, 500],
        "missing": "resource_missing", "verified": "evt_1", "forged": "StripeSignatureVerificationError", "header": signed
    });
    ensure!(by_npm == expected, "npm: {by_npm}");
    let by_pypi = python::run("tests/py/payments.py", &input).await?;
    let expected = json!({
        "session": "ord_2", "again": true, "paid": ["succeeded", 500], "missing": "resource_missing",
        "verified": "evt_1", "forged": "StripeSignatureVerificationError"
    });
    ensure!(by_pypi == expected, "PyPI: {by_pypi}");
    Ok(())
}

/// Tells the intake something that nobody has signed.
async fn tell(farebox: &Farebox, body: &str) -> Result<Answer> {
    let request = Request::post(format!("{}/_farebox/payments/stripe", farebox.gateway()));
    let request = request.header("stripe-signature", "t=1793491200,v1=00").body(bytes(body.to_owned()))?;
    Http::new().send(request).await
}

/// Presses a button of the service's page.
async fn on_page(url: &str, button: &str) -> Result<Answer> {
    let request = Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    Http::new().send(request.body(bytes(format!("do={button}")))?).await
}
