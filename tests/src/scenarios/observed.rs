//! What others see of the gateway: its metrics and usage in the forms that Prometheus and OpenMeter read, and the trace that a
//! caller began.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, ensure};
use hyper::Method;
use serde_json::{Value, json};

use crate::{Farebox, account::Account, eventually, python};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The upstream gets `traceparent` and `tracestate` as the caller sent them (W3C Trace Context, section 3).
pub async fn a_trace_goes_on_at_the_upstream(farebox: &Farebox) -> Result<()> {
    let (_, caller) = Account::with_balance(farebox, "1.00").await?;
    let trace = [("traceparent", TRACE), ("tracestate", "vendor=1")];
    let answer = caller.send(caller.call(Method::GET, "/traced/call", &trace, b"")?).await?;
    let seen = answer.json()?["headers"].clone();
    ensure!(seen["traceparent"] == TRACE && seen["tracestate"] == "vendor=1", "{seen}");
    Ok(())
}

/// Calls and rejections are in the metrics, and each call is in one event of usage, read with the PyPI libraries.
pub async fn calls_are_seen_by_prometheus_and_as_cloud_events(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let stranger = caller.posing_as("ak_stranger", &caller.secret);
    let made: u64 = 5;
    for _ in 0..made {
        // The stranger first: who is turned away keeps no instance alive until its counters are written, and who calls does.
        ensure!(stranger.get("/observed/call").await?.code() == "credential.unknown", "a stranger's call");
        ensure!(caller.get("/observed/call").await?.status == 200, "a call");
    }
    // No more calls: an instance that ends leaves what it counted. A scrape just then may see it twice, and the next one once.
    let observed = eventually("the calls to be in the metrics", Duration::from_secs(60), async || {
        farebox.admin().settle().await?;
        let observed = observe(farebox, &account).await?;
        let calls = value(&observed, "farebox_calls_total", &json!({ "product": "observed", "outcome": "answered" }));
        let rejected = value(&observed, "farebox_rejections_total", &json!({ "code": "credential.unknown" }));
        Ok((calls == made as f64 && rejected >= 1.0).then_some(observed))
    })
    .await?;
    account.settled("observed", made).await?;
    for (name, labels) in [
        ("farebox_upstream_seconds_count", json!({})),
        ("farebox_gateway_seconds_count", json!({})),
        ("farebox_leases_total", json!({ "outcome": "granted" })),
        ("farebox_batches_total", json!({ "outcome": "written" })),
        // Applied, or known already where the instance that ended had handed it in itself.
        ("farebox_settlement_batches_total", json!({})),
    ] {
        ensure!(value(&observed, name, &labels) > 0.0, "{name}: {observed}");
    }
    let lag = value(&observed, "farebox_settlement_lag_seconds", &json!({}));
    ensure!((0.0..60.0).contains(&lag), "a settlement lag of {lag} s");

    // Usage is an event once it is sealed: by the hour, or when somebody reads the book.
    farebox.admin().send_as("", Method::GET, &account.path("entries"), "").await?;
    let observed = observe(farebox, &account).await?;
    let events = observed["events"].as_array().context("no events")?;
    let ids: BTreeSet<String> = events.iter().map(|event| event[0].to_string()).collect();
    let calls: u64 = events.iter().filter_map(|event| event[2]["calls"].as_u64()).sum();
    ensure!(ids.len() == events.len() && calls == made, "{events:?}");
    ensure!(events.iter().all(|event| event[1] == account.id.as_str()), "{events:?}");
    Ok(())
}

async fn observe(farebox: &Farebox, account: &Account) -> Result<Value> {
    let admin = farebox.admin();
    let metrics = admin.send_as("", Method::GET, "metrics", "").await?;
    ensure!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"), "{metrics:?}");
    let mut events = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.send_as("", Method::GET, &account.path(&format!("usage/events?limit=2{cursor}")), "").await?;
        ensure!(page.header("content-type") == "application/cloudevents-batch+json", "{page:?}");
        let next = format!("&cursor={}", page.header("farebox-cursor"));
        events.extend(page.json()?.as_array().context("not a batch")?.iter().cloned());
        if next == cursor {
            break;
        }
        cursor = next;
    }
    let text = String::from_utf8_lossy(&metrics.body);
    python::run("tests/py/observe.py", &json!({ "metrics": text, "events": events })).await
}

/// The sum of all series of this name that have these labels.
fn value(observed: &Value, name: &str, labels: &Value) -> f64 {
    let samples = observed["samples"].as_array().into_iter().flatten();
    let has = |sample: &Value| labels.as_object().into_iter().flatten().all(|(name, value)| sample[1][name] == *value);
    samples.filter(|sample| sample[0] == name && has(sample)).filter_map(|sample| sample[2].as_f64()).sum()
}
