//! What stands behind the gateway can tell the gateway's calls from others', with the programs that the documentation shows.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use hyper::Method;
use serde_json::{Value, json};
use verify_upstream::{Request, verify};

use crate::{Farebox, account::Account, call::told, farebox::run_node, python};

/// How long the gateway's signature is good, with the half minute by which clocks may differ, in seconds.
const LASTS: u64 = 60 + 30;

/// Calls as the origin got them are the gateway's; the same with anything changed, of another product or later are not.
pub async fn an_origin_knows_the_gateways_calls(farebox: &Farebox) -> Result<()> {
    let (_, caller) = Account::with_balance(farebox, "1.00").await?;
    let admin = farebox.admin();
    let got = caller.get("/published/a%20b?x=1&y=%2F").await?;
    let text = &[("content-type", "text/plain")];
    let sent = caller.send(caller.call(Method::POST, "/published/post", text, "h\u{e9}".as_bytes())?).await?;
    let now = admin.now().await?.seconds().max(0).unsigned_abs();
    let (got, sent) = (got.json()?, sent.json()?);
    let other = caller.get("/traced/a%20b?x=1&y=%2F").await?.json()?;
    ensure!(other["headers"]["signature"].is_string(), "it is signed, and for another product: {other}");
    ensure!(sent["headers"]["content-digest"].is_string(), "the gateway read this body: {sent}");
    let answer = admin.get("products/published/upstream-secret").await?;
    ensure!(answer["algorithm"] == "hmac-sha256" && answer["product"] == "published", "{answer}");
    let secret = answer["secret"].as_str().context("no secret")?;

    let mut cases = cases(&got, &sent, now);
    cases.push(("another product's", now, other, Some("the signature is wrong")));
    let asked: Vec<Value> =
        cases.iter().map(|(_, now, request, _)| json!({ "now": now, "request": request })).collect();
    let right: Vec<Value> = cases.iter().map(|(.., reason)| json!(reason)).collect();
    for product in ["published", "rejected"] {
        // To another product's origin, with that one's secret, none of them is right.
        let secret = match product {
            "published" => secret.to_owned(),
            other => {
                let answer = admin.get(&format!("products/{other}/upstream-secret")).await?;
                answer["secret"].as_str().context("no secret")?.to_owned()
            }
        };
        let input = json!({ "secret": secret, "product": product, "requests": asked });
        let on_node = run_node("examples/verify-upstream/check.mjs", &input).await?;
        let in_python = python::run("examples/verify-upstream/check.py", &input).await?;
        let in_rust = asked.iter().map(|asked| in_rust(asked, &secret, product)).collect::<Result<Vec<_>>>()?;
        for (verifier, reasons) in [("Node", on_node), ("Python", in_python), ("Rust", json!(in_rust))] {
            let reasons = reasons.as_array().context("no reasons")?.clone();
            ensure!(reasons.len() == cases.len(), "{verifier}: {reasons:?}");
            if product == "published" {
                ensure!(reasons == right, "{verifier}: {reasons:?}, not {right:?}");
            } else {
                ensure!(reasons.iter().all(|reason| !reason.is_null()), "{verifier}: {reasons:?}");
            }
        }
    }
    // A secret that leaked to another product's origin makes no call of this one.
    let rejected = admin.get("products/rejected/upstream-secret").await?;
    ensure!(rejected["secret"] != answer["secret"], "each product has its own");
    Ok(())
}

/// What a caller sends in the name of the gateway's fields reaches no upstream, however it is spelled. An upstream behind CGI's
/// rules (RFC 3875, section 4.1.18) reads `Farebox_` as `Farebox-`.
pub async fn no_field_of_a_caller_passes_for_the_gateways(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let names = ["account", "request-id", "product", "credential", "own"].map(|name| format!("farebox-{name}"));
    let ours: Vec<_> = names.iter().map(String::as_str).chain(["signature", "signature-input", "x-ca-key"]).collect();
    let spelled = ours.iter().flat_map(|name| ["_", ".", "~"].map(|separator| name.replacen('-', separator, 1)));
    let spelled: Vec<_> = spelled
        .filter(|name| !ours.contains(&name.as_str()))
        .chain(["Farebox_", "Farebox"].map(str::to_owned))
        .collect();
    let mut fields: Vec<_> = spelled.iter().map(|name| (name.as_str(), "acc_victim")).collect();
    fields.push(("x_kept", "1"));
    let seen = caller.send(caller.call(Method::GET, "/published/spelled", &fields, b"")?).await?.json()?;
    let headers = seen["headers"].as_object().with_context(|| format!("no echo: {seen}"))?;
    let usual = |name: &str| name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let foreign: Vec<_> = headers.iter().filter(|(_, value)| value.to_string().contains("acc_victim")).collect();
    ensure!(foreign.is_empty(), "reached the upstream: {foreign:?}");
    let ours: Vec<_> = headers.iter().filter(|(name, _)| usual(name).starts_with("farebox")).collect();
    let account_of = |value: &Value| value.as_str().and_then(|who| told(who, "account")).map(str::to_owned);
    ensure!(ours.len() == 1 && account_of(ours[0].1).as_deref() == Some(account.id.as_str()), "{ours:?}");
    ensure!(headers.contains_key("x_kept"), "a field that means nothing to us stays behind: {headers:?}");
    Ok(())
}

/// What is verified, when, and why it is not the gateway's; nothing where it is.
fn cases(got: &Value, sent: &Value, now: u64) -> Vec<(&'static str, u64, Value, Option<&'static str>)> {
    let changed = |of: &Value, pointer: &str, value: &str| {
        let mut changed = of.clone();
        if let Some(member) = changed.pointer_mut(pointer) {
            *member = value.into();
        }
        changed
    };
    let unsigned = changed(got, "/headers/signature-input", "");
    let wrong = Some("the signature is wrong");
    vec![
        ("as it came", now, got.clone(), None),
        ("with a body", now, sent.clone(), None),
        ("within its time", now + LASTS - 15, got.clone(), None),
        ("after its time", now + LASTS + 1, got.clone(), Some("it has expired")),
        ("before its time", now.saturating_sub(3_600), got.clone(), Some("it is of the future")),
        ("another path", now, changed(got, "/path", "/published/other"), wrong),
        ("another query", now, changed(got, "/query", "x=2&y=%2F"), wrong),
        ("another method", now, changed(got, "/method", "DELETE"), wrong),
        (
            "another account",
            now,
            changed(got, "/headers/farebox", "account=\"acc_other\", product=\"published\""),
            wrong,
        ),
        ("another origin", now, changed(got, "/headers/host", "elsewhere.example"), wrong),
        ("another body", now, changed(sent, "/body", "other"), Some("the body is another")),
        ("another digest", now, changed(sent, "/headers/content-digest", "sha-256=:AAAA:"), wrong),
        ("unsigned", now, unsigned, Some("there is no signature of the gateway's")),
    ]
}

fn in_rust(asked: &Value, secret: &str, product: &str) -> Result<Option<String>> {
    let request = &asked["request"];
    let headers: HashMap<String, String> = serde_json::from_value(request["headers"].clone())?;
    let text = |member: &str| request[member].as_str().unwrap_or_default();
    let request = Request {
        method: text("method"),
        path: text("path"),
        query: text("query"),
        headers: &headers,
        body: text("body").as_bytes(),
    };
    Ok(verify(&request, secret, product, asked["now"].as_u64().context("no time")?).err())
}
