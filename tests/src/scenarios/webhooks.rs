//! The provider's own systems are told of everything that was booked, also when they were not there for a day.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use hyper::{Method, Request};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Farebox,
    account::Account,
    eventually,
    farebox::node,
    http::{Http, bytes},
    python,
};

const HOUR: i64 = 3_600_000;

/// A receiver in Node, with the npm library.
struct Receiver {
    child: Child,
    url: String,
}

/// What came in there.
#[derive(Debug, Deserialize)]
struct Received {
    id: String,
    headers: Value,
    body: String,
    /// Whether it was taken.
    up: bool,
    /// Why it was not verified.
    error: Option<String>,
}

impl Received {
    fn content(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.body)?)
    }
}

impl Receiver {
    fn start() -> Result<Self> {
        let mut child = node("tests/js/receiver.mjs").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let started: Value = serde_json::from_str(&line).context("the receiver did not start")?;
        Ok(Self { child, url: started["url"].as_str().context("no url")?.to_owned() })
    }

    async fn set(&self, settings: &Value) -> Result<()> {
        let request = Request::builder().method(Method::PUT).uri(&self.url).body(bytes(settings.to_string()))?;
        let answer = Http::new().send(request).await?;
        ensure!(answer.status == 204, "{answer:?}");
        Ok(())
    }

    async fn received(&self) -> Result<Vec<Received>> {
        Ok(serde_json::from_value(Http::new().get(&self.url).await?.json()?)?)
    }

    /// How many recharges were taken, each counted once.
    async fn recharges(&self) -> Result<usize> {
        let received = self.received().await?;
        let taken = received.iter().filter(|message| message.up && message.body.contains("account.recharged"));
        Ok(taken.map(|message| &message.id).collect::<BTreeSet<_>>().len())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two customers pay every hour of a day in which nobody takes messages. The npm and the PyPI library verify each.
pub async fn a_receiver_that_is_down_for_a_day_gets_everything_in_order(farebox: &Farebox) -> Result<()> {
    // The clock is moved.
    let farebox = farebox.another("webhooks")?;
    let (receiver, admin) = (Receiver::start()?, farebox.admin());
    let registered = admin.post("webhooks", &json!({ "url": receiver.url })).await?;
    receiver.set(&json!({ "secret": registered["secret"] })).await?;

    let (busy, caller) = Account::with_balance(&farebox, "1.00").await?;
    let (other, _) = Account::with_balance(&farebox, "1.00").await?;
    busy.buy("hundred", "hundred-100").await?;
    for _ in 0..100 {
        ensure!(caller.get("/hundred/call").await?.status == 200, "a call on the package");
    }
    busy.settled("hundred", 100).await?;
    eventually("the package to be reported as used up", Duration::from_secs(30), async || {
        admin.settle().await?;
        let received = receiver.received().await?;
        Ok(received.iter().any(|message| message.body.contains("quota.exhausted")).then_some(()))
    })
    .await?;

    let mut advanced = 0;
    for hour in 0..36 {
        receiver.set(&json!({ "up": hour >= 24, "advanced": advanced + HOUR })).await?;
        admin.post("clock", &json!({ "advance_ms": HOUR })).await?;
        advanced += HOUR;
        if hour < 24 {
            busy.recharge("1.00").await?;
            other.recharge("2.00").await?;
        }
        admin.settle().await?;
        if receiver.recharges().await? == 50 {
            break;
        }
    }
    // Months that end together are closed together.
    receiver.set(&json!({ "advanced": advanced + 70 * 24 * HOUR })).await?;
    admin.post("clock", &json!({ "advance_ms": 70 * 24 * HOUR })).await?;
    let closed = |received: &[Received]| received.iter().filter(|it| it.body.contains("statement.closed")).count();
    eventually("two statements of each account to be closed", Duration::from_secs(30), async || {
        admin.settle().await?;
        Ok((closed(&receiver.received().await?) >= 4).then_some(()))
    })
    .await?;
    let received = receiver.received().await?;
    check(&received, &busy.id, &other.id)?;
    let input = json!({
        "secret": registered["secret"],
        "messages": received.iter().map(|it| json!({ "headers": it.headers, "body": it.body })).collect::<Vec<_>>(),
    });
    let verified = python::run("tests/py/verify.py", &input).await?;
    let verified: Vec<Option<String>> = serde_json::from_value(verified)?;
    ensure!(verified.len() == received.len() && verified.iter().all(Option::is_none), "{verified:?}");
    Ok(())
}

fn check(received: &[Received], busy: &str, other: &str) -> Result<()> {
    let mut ids: BTreeMap<(String, u64), BTreeSet<&str>> = BTreeMap::new();
    let mut order: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for message in received {
        ensure!(message.error.is_none(), "not verified: {message:?}");
        let data = message.content()?["data"].clone();
        let account = data["account"].as_str().with_context(|| format!("no account in {data}"))?.to_owned();
        let entry = data["entry"].as_u64().with_context(|| format!("no entry in {data}"))?;
        ids.entry((account.clone(), entry)).or_default().insert(&message.id);
        let order = order.entry(account).or_default();
        if message.up && !order.contains(&entry) {
            order.push(entry);
        }
    }
    ensure!(ids.values().all(|ids| ids.len() == 1), "the same under two ids: {ids:?}");
    for account in [busy, other] {
        ensure!(order[account].is_sorted(), "out of order: {:?}", order[account]);
        let recharges = received.iter().filter(|message| {
            message.up && message.body.contains("account.recharged") && message.body.contains(account)
        });
        let recharges: BTreeSet<&str> = recharges.map(|message| message.id.as_str()).collect();
        ensure!(recharges.len() == 25, "{} of 25 recharges of {account}", recharges.len());
    }
    Ok(())
}
