//! A customer comes from nothing to a paid call without an operator, and goes on after running out with an operator's word alone.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use hyper::{Method, Request};
use serde_json::{Value, json};

use crate::{
    Farebox, eventually,
    http::{Answer, Http, bytes},
};

/// How long what an instance holds can be out that is gone: 105 s on Spin (docs/decisions/01-leases.md), and a call.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(120);

/// How long a package that was bought may stay unknown to an instance that was told there is none.
const GOES_ON_WITHIN: Duration = Duration::from_secs(1);

/// A browser on the gateway's own pages: it keeps cookies, and says where its page is of.
pub(super) struct Browser<'a> {
    farebox: &'a Farebox,
    cookies: BTreeMap<String, String>,
    requests: u32,
}

impl<'a> Browser<'a> {
    /// A browser in which nobody is signed in.
    pub(super) const fn new(farebox: &'a Farebox) -> Self {
        Self { farebox, cookies: BTreeMap::new(), requests: 0 }
    }

    /// Signs the owner of an address in that is new, and gives the account.
    pub(super) async fn sign_up(&mut self, email: &str) -> Result<String> {
        self.done(Method::POST, "sign-ins", json!({ "email": email })).await?;
        let proof = self.proof(email).await?;
        let got = self.done(Method::POST, "sign-ins/finish", proof).await?;
        Ok(got["accounts"][0]["id"].as_str().context("no account")?.to_owned())
    }

    /// The code of the letter that came to an address.
    async fn proof(&mut self, email: &str) -> Result<Value> {
        let letters = self.done(Method::GET, "dev/mailbox", Value::Null).await?;
        let letters = letters["items"].as_array().context("no letters")?;
        let text = letters.iter().find(|letter| letter["to"] == *email).and_then(|letter| letter["text"].as_str());
        let text = text.context("no letter came")?;
        let code = text.lines().find(|line| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit()));
        Ok(json!({ "code": code }))
    }

    pub(super) async fn send(&mut self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        let gateway = self.farebox.gateway();
        self.requests += 1;
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let request = Request::builder().method(method).uri(format!("{gateway}/_farebox/v1/{path}"));
        let request = request.header("cookie", cookies).header("origin", gateway);
        let request = request.header("idempotency-key", format!("market-{}", self.requests));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = Http::new().send(request.body(bytes(body))?).await?;
        for set in answer.headers.get_all("set-cookie") {
            let pair = set.to_str()?.split(';').next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.context("a cookie without a value")?;
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Ok(answer)
    }

    /// The body of a good answer.
    pub(super) async fn done(&mut self, method: Method, path: &str, body: Value) -> Result<Value> {
        let answer = self.send(method, path, &body).await?;
        ensure!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.code());
        if answer.body.is_empty() { Ok(Value::Null) } else { answer.json() }
    }
}

/// From an address to a key, three calls that were given, none more; then by an operator's confirmation to a package and on.
pub async fn a_customer_signs_up_calls_runs_out_recharges_and_goes_on(farebox: &Farebox) -> Result<()> {
    let mut browser = Browser::new(farebox);
    let email = format!("ann-{}@example.com", std::process::id());
    browser.done(Method::POST, "sign-ins", json!({ "email": email })).await?;
    let proof = browser.proof(&email).await?;
    let got = browser.done(Method::POST, "sign-ins/finish", proof.clone()).await?;
    ensure!(got["created"] == true && got["person"]["email"] == *email, "{got}");
    let again = browser.send(Method::POST, "sign-ins/finish", &proof).await?;
    ensure!(again.status == 401, "a code twice: {}", again.status);
    let account = got["accounts"][0]["id"].as_str().context("no account")?.to_owned();
    let of = |path: &str| format!("accounts/{account}/{path}");
    let made = browser.done(Method::POST, &of("credentials"), json!({ "name": "first" })).await?;
    let key = made["api_key"].as_str().context("no key")?.to_owned();

    let by_key = async |url: String| {
        let request = Request::get(url).header("authorization", format!("Bearer {key}"));
        Http::new().send(request.body(bytes(""))?).await
    };
    let call = async || by_key(format!("{}/market/call", farebox.gateway())).await;
    for number in 1..=3 {
        let answer = call().await?;
        ensure!(answer.status == 200, "call {number}: {} {}", answer.status, answer.code());
    }
    // While another instance may still give calls back, it is not known yet that nothing is left.
    eventually("the calls to be used up", GIVEN_BACK_WITHIN, async || {
        let answer = call().await?;
        ensure!(
            [402, 503].contains(&answer.status.as_u16()),
            "beyond what was given: {} {}",
            answer.status,
            answer.code()
        );
        Ok((answer.status == 402).then_some(()))
    })
    .await?;
    let balance = by_key(format!("{}/_farebox/v1/accounts/mine/balance", farebox.gateway())).await?.json()?;
    ensure!(balance["balance"] == "0.00", "the key shows its balance: {balance}");

    let asked = browser.done(Method::POST, &of("recharge-requests"), json!({ "amount": "1.00" })).await?;
    let reference = asked["reference"].as_str().context("no reference")?;
    farebox.admin().post(&format!("recharge-requests/{reference}/confirmation"), &Value::Null).await?;
    let bought = json!({ "product": "market", "package": "market-10" });
    let bought = browser.done(Method::POST, &of("purchases"), bought).await?;
    ensure!(bought["balance"] == "0.85", "{bought}");
    eventually("calls to go on", GOES_ON_WITHIN, async || Ok((call().await?.status == 200).then_some(()))).await?;

    let forged = Request::post(format!("{}/_farebox/v1/sign-out", farebox.gateway()));
    let cookies = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let forged = forged.header("cookie", cookies).header("origin", "https://evil.example");
    let forged = Http::new().send(forged.body(bytes(""))?).await?;
    ensure!(forged.status == 403 && forged.code() == "origin.foreign", "another site's form: {}", forged.status);
    browser.done(Method::POST, "sign-out", json!({ "everywhere": true })).await?;
    let over = browser.send(Method::GET, "me", &Value::Null).await?;
    ensure!(over.status == 401, "the session is over: {}", over.status);
    Ok(())
}
