//! What a provider does while customers call: take money, publish, suspend, rotate.

use std::{
    collections::BTreeSet,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{Farebox, account::Account, call::Caller, eventually};

/// How long a change may take to be noticed by the gateway.
const NOTICED: Duration = Duration::from_secs(40);

/// How many credentials are revoked and changed at once.
const PAIRS: u32 = 60;

/// Ten times at once under one key: booked once, and every answer is the same. Another amount is refused.
pub async fn a_recharge_sent_ten_times_at_once_is_booked_once(farebox: &Farebox) -> Result<()> {
    let (account, _) = Account::without_balance(farebox).await?;
    let (admin, path) = (Rc::new(farebox.admin()), account.path("recharges"));
    let recharge = |amount: &str| json!({ "amount": amount, "currency": "USD" }).to_string();
    let sending = tokio::task::LocalSet::new();
    let answers = sending
        .run_until(async {
            let mut tasks = JoinSet::new();
            for _ in 0..10 {
                let (admin, path, body) = (admin.clone(), path.clone(), recharge("5.00"));
                tasks.spawn_local(async move { admin.send_as("ten-at-once", Method::POST, &path, &body).await });
            }
            tasks.join_all().await
        })
        .await;
    let mut bodies = BTreeSet::new();
    for answer in answers {
        let answer = answer?;
        ensure!(answer.status == 201, "{answer:?}");
        bodies.insert(answer.json()?.to_string());
    }
    ensure!(bodies.len() == 1, "different answers: {bodies:?}");
    let other = admin.send_as("ten-at-once", Method::POST, &path, &recharge("6.00")).await?;
    ensure!(other.status == 422 && other.code() == "idempotency_key.reused", "{other:?}");
    ensure!(account.balance().await?["balance"] == "5.00", "{}", account.balance().await?);
    Ok(())
}

/// Catalogs are published while eight callers call: nothing is dropped. A broken one says where, and changes nothing.
pub async fn publishing_under_load_drops_no_call(farebox: &Farebox) -> Result<()> {
    let (_, caller) = Account::with_balance(farebox, "100.00").await?;
    let admin = farebox.admin();
    let published = admin.get("catalog").await?;
    let source = published["source"].as_str().context("no source")?.to_owned();
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let (caller, stop, calls) = (caller.clone(), stop.clone(), calls.clone());
        callers.spawn(async move { call_until(&caller, &stop, &calls).await });
    }
    for edition in 0..6 {
        let changed = source.replace("\"Published under load\"", &format!("\"Published under load, {edition}\""));
        let answer = admin.send_as("", Method::PUT, "catalog", &changed).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let broken = changed.replace("/published/{*rest}", "published");
        let refused = admin.send_as("", Method::PUT, "catalog", &broken).await?;
        ensure!(refused.status == 422 && refused.code() == "catalog.invalid", "{refused:?}");
        let line = source.lines().position(|line| line.contains("/published/")).context("no route")? + 1;
        ensure!(refused.json()?["problems"][0]["line"] == line, "not line {line}: {refused:?}");
        ensure!(admin.get("catalog").await?["source"] == changed.as_str(), "a broken catalog was published");
        let before = calls.load(Ordering::Relaxed);
        eventually("calls between two editions", NOTICED, async || {
            Ok((calls.load(Ordering::Relaxed) >= before + 200).then_some(()))
        })
        .await?;
    }
    stop.store(true, Ordering::Relaxed);
    callers.join_all().await.into_iter().collect::<Result<()>>()?;
    let answer = admin.send_as("", Method::PUT, "catalog", &source).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

/// Calls until it is told to stop. An error when a call does not go through.
async fn call_until(caller: &Caller, stop: &AtomicBool, calls: &AtomicU32) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let answer = caller.get("/published/call").await?;
        if answer.status != 200 {
            stop.store(true, Ordering::Relaxed);
        }
        ensure!(answer.status == 200, "{answer:?}");
        calls.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// A suspended account is turned away with a code of its own, and let in again.
pub async fn a_suspended_account_is_rejected_until_it_is_active_again(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    ensure!(caller.get("/published/call").await?.status == 200, "before");
    let path = format!("accounts/{}", account.id);
    let set = async |status: &str| farebox.admin().patch(&path, &json!({ "status": status })).await;
    ensure!(set("suspended").await?["status"] == "suspended", "it is shown");
    let answer = eventually("the suspension to be noticed", NOTICED, async || {
        let answer = caller.get("/published/call").await?;
        Ok(Some(answer).filter(|answer| answer.status != 200))
    })
    .await?;
    ensure!(answer.status == 403 && answer.code() == "account.suspended", "{answer:?}");
    set("active").await?;
    eventually("the account to be let in again", NOTICED, async || {
        Ok((caller.get("/published/call").await?.status == 200).then_some(()))
    })
    .await
}

/// Credentials are revoked and renamed at the same moment, many times: each is revoked after that, and calls no more.
pub async fn what_is_revoked_stays_revoked(farebox: &Farebox) -> Result<()> {
    let (account, _) = Account::with_balance(farebox, "1.00").await?;
    let (admin, all) = (farebox.admin(), account.path("credentials"));
    let (mut last, mut both) = (None, 0);
    for _ in 0..PAIRS {
        let made = admin.post(&all, &json!({})).await?;
        let path = format!("{all}/{}", made["key"].as_str().context("no key")?);
        let renamed = json!({ "name": "renamed" }).to_string();
        let (patched, revoked) = tokio::join!(
            admin.send_as("", Method::PATCH, &path, &renamed),
            admin.send_as("", Method::DELETE, &path, "")
        );
        let (patched, revoked) = (patched?, revoked?);
        ensure!(revoked.status == 204, "{revoked:?}");
        ensure!(patched.status == 200 || patched.code() == "credential.revoked", "{patched:?}");
        both += u32::from(patched.status == 200);
        last = Some(account.caller(&made)?);
    }
    let left: Vec<Value> = admin.list(&all).await?.into_iter().filter(|row| row["revoked"].is_null()).collect();
    ensure!(left.len() == 1, "of {both} pairs that both succeeded, some are not revoked: {left:?}");
    let answer = last.context("nobody")?.get("/published/call").await?;
    ensure!(answer.code() == "credential.revoked", "{answer:?}");
    Ok(())
}

/// The old credential goes on beside the new one, and ends; a credential is held to products and addresses.
pub async fn credentials_are_rotated_and_restricted(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    ensure!(caller.get("/published/call").await?.status == 200, "before");
    let rotations = account.path(&format!("credentials/{}/rotations", caller.key));
    let rotated = farebox.admin().post(&rotations, &json!({ "overlap_seconds": 12 })).await?;
    let new = account.caller(&rotated)?;
    ensure!(caller.get("/published/call").await?.status == 200, "the old one, beside the new one");
    ensure!(new.get("/published/call").await?.status == 200, "the new one");
    let answer = eventually("the old credential to end", NOTICED, async || {
        let answer = caller.get("/published/call").await?;
        Ok(Some(answer).filter(|answer| answer.status != 200))
    })
    .await?;
    ensure!(answer.code() == "credential.revoked", "{answer:?}");
    ensure!(new.get("/published/call").await?.status == 200, "the new one goes on");

    let made = async |limits: Value| -> Result<Caller> {
        account.caller(&farebox.admin().post(&account.path("credentials"), &limits).await?)
    };
    let elsewhere = made(json!({ "addresses": ["192.0.2.0/24", "2001:db8::/32"] })).await?;
    let answer = elsewhere.get("/published/call").await?;
    ensure!(answer.status == 403 && answer.code() == "address.forbidden", "{answer:?}");
    let here = made(json!({ "addresses": ["127.0.0.0/8", "::1"] })).await?;
    // Cloudflare sets this field, and no caller can; the runtime on a developer's machine leaves that to us.
    let from_here = here.call(Method::GET, "/published/call", &[("cf-connecting-ip", "127.0.0.1")], b"")?;
    ensure!(here.send(from_here).await?.status == 200, "from this machine");
    let other = made(json!({ "products": ["client"] })).await?;
    let answer = other.get("/published/call").await?;
    ensure!(answer.status == 403 && answer.code() == "product.forbidden", "{answer:?}");
    Ok(())
}
