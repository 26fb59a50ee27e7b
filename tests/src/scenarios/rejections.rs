//! What must not pass does not: the right status and code, nothing forwarded, nothing charged.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use farebox_core::time::Timestamp;
use hyper::{HeaderMap, Method, header::HeaderValue};

use crate::{
    Farebox,
    account::Account,
    call::{Call, Caller, now},
    eventually,
};

const TARGET: &str = "/rejected/call?a=1";

/// Calls of it pass until their credential is revoked, so it is not the one whose forwarded calls are counted.
const REVOKED_TARGET: &str = "/revoked/call?a=1";

/// Of a product that is admitted strictly, so that a nonce is known to all instances.
const STRICT_TARGET: &str = "/once/call?a=1";

/// What is done to a call, and how it must be answered: to a client of x-ca.
struct Case {
    name: &'static str,
    call: Call,
    status: u16,
    code: &'static str,
    message: &'static str,
}

/// Everything that is wrong with a call by itself, and a call that is sent twice.
pub async fn calls_that_must_not_pass_are_rejected_and_not_charged(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let before = farebox.forwarded("rejected").await?;
    let first = caller.call(Method::GET, STRICT_TARGET, &[], b"")?;
    let (target, headers) = (STRICT_TARGET.to_owned(), first.headers.clone());
    let again = Call { method: Method::GET, target, headers, body: Vec::new() };
    let passed = caller.send(first).await?;
    ensure!(passed.status == 200, "a good call: {passed:?}");

    let mut cases = unsigned(&caller)?;
    cases.extend(changed(&caller)?);
    cases.extend(out_of_time(&caller)?);
    cases.extend(elsewhere(&caller)?);
    cases.push(Case { name: "nonce used twice", call: again, status: 400, code: "nonce.used", message: "Nonce Used" });
    for Case { name, call, status, code, message } in cases {
        let answer = caller.send(call).await?;
        ensure!(answer.status == status && answer.code() == code, "{name}: {answer:?}");
        ensure!(answer.header("x-ca-error-message").starts_with(message), "{name}: {answer:?}");
        ensure!(!answer.header("x-ca-error-code").is_empty(), "{name}: no X-Ca-Error-Code");
        ensure!(!answer.header("x-ca-request-id").is_empty(), "{name}: no X-Ca-Request-Id");
        ensure!(answer.header("content-type") == "application/problem+json", "{name}: no problem document");
    }

    ensure!(farebox.forwarded("rejected").await? == before, "a rejected call was forwarded");
    ensure!(farebox.forwarded("once").await? == 1, "a call that was sent twice was forwarded twice");
    ensure!(farebox.forwarded("closed").await? == 0, "a product was open to somebody it is not sold to");
    account.settled("once", 1).await?;
    let (balance, _) = account.settled_balance().await?;
    ensure!(balance == "0.998", "a rejected call was charged: the balance is {balance}");
    Ok(())
}

/// A credential that was used stops working soon after it was revoked; the account's other one goes on.
pub async fn a_revoked_credential_is_rejected(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let other = account.credential().await?;
    ensure!(caller.get(REVOKED_TARGET).await?.status == 200, "before");
    account.revoke(&caller).await?;
    let answer = eventually("the revocation to reach the gateway", Duration::from_secs(30), async || {
        let answer = caller.get(REVOKED_TARGET).await?;
        Ok(Some(answer).filter(|answer| answer.status != 200))
    })
    .await?;
    ensure!(answer.status == 400 && answer.code() == "credential.revoked", "{answer:?}");
    ensure!(other.get(REVOKED_TARGET).await?.status == 200, "the other credential");
    Ok(())
}

/// An account with nothing at all.
pub async fn an_account_with_nothing_left_is_rejected(farebox: &Farebox) -> Result<()> {
    let (_, caller) = Account::without_balance(farebox).await?;
    let before = farebox.forwarded("rejected").await?;
    let answer = caller.get(TARGET).await?;
    ensure!(answer.status == 403 && answer.code() == "balance.exhausted", "{answer:?}");
    ensure!(farebox.forwarded("rejected").await? == before, "it was forwarded");
    Ok(())
}

fn unsigned(caller: &Caller) -> Result<Vec<Case>> {
    let without = |names: &[&str]| -> Result<Call> {
        let mut call = caller.call(Method::GET, TARGET, &[], b"")?;
        names.iter().for_each(|name| drop(call.headers.remove(*name)));
        Ok(call)
    };
    let mut nobody = caller.call(Method::GET, TARGET, &[], b"")?;
    nobody.headers = HeaderMap::new();
    let stranger = caller.posing_as("ak_nobody", &caller.secret);
    let case = |name, call, status, code, message| Case { name, call, status, code, message };
    Ok(vec![
        case("no credential at all", nobody, 401, "credential.missing", "Empty Signature"),
        case("no signature", without(&["x-ca-signature"])?, 401, "signature.invalid", "Empty Signature"),
        case("no key", without(&["x-ca-key"])?, 401, "credential.missing", "Empty Signature"),
        case("unknown key", stranger.call(Method::GET, TARGET, &[], b"")?, 400, "credential.unknown", "Invalid AppKey"),
    ])
}

fn changed(caller: &Caller) -> Result<Vec<Case>> {
    let body = br#"{"amount":1}"#;
    let headers = [("content-type", "application/json"), ("x-ca-stage", "RELEASE")];
    let change = |name, change: &dyn Fn(&mut Call), code, message| -> Result<Case> {
        let mut call = caller.call(Method::POST, TARGET, &headers, body)?;
        change(&mut call);
        Ok(Case { name, call, status: 400, code, message })
    };
    let (invalid, shown) = ("signature.invalid", "Invalid Signature, Server StringToSign:`");
    let set = |call: &mut Call, name: &'static str, value: &'static str| {
        call.headers.insert(name, HeaderValue::from_static(value));
    };
    Ok(vec![
        change("a byte of the path", &|call| call.target = "/rejected/cell?a=1".to_owned(), invalid, shown)?,
        change("a byte of the query", &|call| call.target = "/rejected/call?a=2".to_owned(), invalid, shown)?,
        change("the method", &|call| call.method = Method::PUT, invalid, shown)?,
        change("a signed header", &|call| set(call, "x-ca-stage", "RELEASF"), invalid, shown)?,
        change("the content type", &|call| set(call, "content-type", "text/plain"), invalid, shown)?,
        change("the digest", &|call| set(call, "content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="), invalid, shown)?,
        change("a byte of the body", &|call| call.body[10] = b'2', "digest.mismatch", "Invalid Content-MD5")?,
        change("the secret", &|call| *call = forged(caller, &headers, body), invalid, shown)?,
    ])
}

/// Signed with another secret than the key's.
fn forged(caller: &Caller, headers: &[(&str, &str)], body: &[u8]) -> Call {
    let forger = caller.posing_as(&caller.key, "guessed");
    forger.call(Method::POST, TARGET, headers, body).expect("the same call could be signed")
}

fn out_of_time(caller: &Caller) -> Result<Vec<Case>> {
    let minutes_off = |name, minutes: i64| -> Result<Case> {
        let then = Timestamp::from_millis(now().millis() + minutes * 60_000);
        let call = caller.call_at(then, Method::GET, TARGET, &[], b"")?;
        Ok(Case { name, call, status: 400, code: "signature.expired", message: "Timestamp Expired" })
    };
    // Far beyond the quarter of an hour that is let pass: a busy machine takes minutes to send them all.
    Ok(vec![minutes_off("an hour ago", -60)?, minutes_off("in an hour", 60)?])
}

fn elsewhere(caller: &Caller) -> Result<Vec<Case>> {
    let case = |name, method, target, status, code, message| -> Result<Case> {
        let call = caller.call(method, target, &[], b"").with_context(|| name)?;
        Ok(Case { name, call, status, code, message })
    };
    Ok(vec![
        case("not sold to this account", Method::GET, "/closed/call", 403, "product.forbidden", "Unauthorized")?,
        case("no such path", Method::GET, "/nowhere", 404, "route.unknown", "Invalid Url")?,
        case("no such method", Method::DELETE, TARGET, 405, "method.unsupported", "Unsupported HTTP Method")?,
    ])
}
