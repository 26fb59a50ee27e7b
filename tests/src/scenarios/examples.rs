//! The programs in `examples/` do what their first lines say.

use std::{
    cell::RefCell,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdout, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use farebox_core::webhook;
use hyper::{Method, Request};
use serde_json::{Value, json};

use crate::{
    Farebox,
    account::Account,
    eventually,
    farebox::{node, run_node},
    http::{Http, bytes},
    python,
};

/// The clients in Node and Python sign what the gateway takes: with a query, with names that come twice, with a body. A wrong
/// secret passes nowhere.
pub async fn the_clients_in_the_examples_sign_what_is_accepted(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let url = |target: &str| format!("{}/client/{target}", farebox.gateway());
    let calls = json!([
        { "method": "GET", "url": url("get") },
        { "method": "GET", "url": url("get?b=2&a=x%2By&a=2&empty=&city=M%C3%BCnchen") },
        { "method": "POST", "url": url("post?q=1"), "body": r#"{"name":"東京"}"# },
        { "method": "DELETE", "url": url("a/b%20c") },
    ]);
    for secret in [caller.secret.as_str(), "not-the-secret"] {
        let input = json!({ "key": caller.key, "secret": secret, "calls": calls });
        let right = if secret == caller.secret { 200 } else { 400 };
        for outcomes in [
            run_node("examples/call-x-ca/check.mjs", &input).await?,
            python::run("examples/call-x-ca/check.py", &input).await?,
        ] {
            let statuses: Vec<_> = outcomes.as_array().into_iter().flatten().map(|it| it["status"].clone()).collect();
            ensure!(statuses == [right, right, right, right], "with {secret}: {outcomes}");
        }
    }
    account.settled("client", 8).await?;
    Ok(())
}

/// The receiver takes what the gateway tells of an account, each event once, and nothing that the gateway did not sign.
pub async fn the_receiver_in_the_examples_takes_each_event_once(farebox: &Farebox) -> Result<()> {
    let (mut receiver, admin) = (Receiver::start()?, farebox.admin());
    let registered = admin.post("webhooks", &json!({ "url": receiver.url })).await?;
    receiver.told(&json!({ "secret": registered["secret"] }))?;
    let (account, _) = Account::with_balance(farebox, "1.00").await?;
    account.recharge("2.00").await?;
    let forged =
        Request::builder().method(Method::POST).uri(&receiver.url).body(bytes(r#"{"type":"account.recharged"}"#))?;
    ensure!(Http::new().send(forged).await?.status == 400, "an event that nobody signed");
    let recharges = eventually("both recharges to be told of", Duration::from_secs(60), async || {
        admin.settle().await?;
        let recharges = receiver.recharges(&account.id)?;
        Ok((recharges.len() >= 2).then_some(recharges))
    })
    .await?;
    let secret = registered["secret"].as_str().context("no secret")?;
    for (id, amount) in [("msg_again", "3.00"), ("msg_again", "3.00"), ("msg_last", "4.00")] {
        let event = json!({ "type": "account.recharged", "data": { "account": account.id, "amount": amount } });
        ensure!(receiver.sent(secret, id, &event.to_string()).await? == 204, "a message that is signed");
    }
    let last = eventually("the last message to be taken", Duration::from_secs(10), async || {
        let recharges = receiver.recharges(&account.id)?;
        Ok(recharges.contains(&"4.00".to_owned()).then_some(recharges))
    })
    .await?;
    ensure!(last == ["1.00", "2.00", "3.00", "4.00"], "a message that came twice: {last:?}");
    let path = format!("webhooks/{}", registered["id"].as_str().context("no id")?);
    admin.delete(&path).await?;
    ensure!(recharges == ["1.00", "2.00"], "told of {recharges:?}");
    Ok(())
}

/// The receiver, and what it has printed.
struct Receiver {
    child: Child,
    url: String,
    lines: mpsc::Receiver<String>,
    events: RefCell<Vec<Value>>,
}

impl Receiver {
    fn start() -> Result<Self> {
        let mut child =
            node("examples/webhook-receiver/check.mjs").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let lines = lines_of(child.stdout.take().context("no output")?);
        let line = lines.recv().context("the receiver did not start")?;
        let started: Value = serde_json::from_str(&line)?;
        let url = started["url"].as_str().context("no url")?.to_owned();
        Ok(Self { child, url, lines, events: RefCell::default() })
    }

    fn told(&mut self, settings: &Value) -> Result<()> {
        let input = self.child.stdin.as_mut().context("no input")?;
        writeln!(input, "{settings}")?;
        Ok(())
    }

    /// Sends it a message as the gateway does, signed, and gives the status of its answer.
    async fn sent(&self, secret: &str, id: &str, body: &str) -> Result<u16> {
        let secret = STANDARD.decode(secret.trim_start_matches("whsec_"))?;
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().try_into()?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.url)
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", webhook::sign(&secret, id, seconds, body))
            .body(bytes(body.to_owned()))?;
        Ok(Http::new().send(request).await?.status.into())
    }

    /// The amounts of the recharges of `account` that it was told of.
    fn recharges(&self, account: &str) -> Result<Vec<String>> {
        let mut events = self.events.borrow_mut();
        for line in self.lines.try_iter() {
            events.push(serde_json::from_str(&line)?);
        }
        let of = |event: &&Value| event["type"] == "account.recharged" && event["data"]["account"] == account;
        let amount = |event: &Value| event["data"]["amount"].as_str().unwrap_or_default().to_owned();
        Ok(events.iter().filter(of).map(amount).collect())
    }
}

/// The lines of what a child prints, as they come.
fn lines_of(output: ChildStdout) -> mpsc::Receiver<String> {
    let (told, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if told.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
