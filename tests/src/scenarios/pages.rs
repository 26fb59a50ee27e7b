//! A page of another origin calls from a browser: its preflight is answered and costs nothing, and it reads answers and errors.

use anyhow::{Context, Result, ensure};
use hyper::{Method, Request};
use serde_json::{Value, json};

use crate::{
    Farebox,
    account::Account,
    browser,
    http::{Answer, Http, bytes},
};

/// The origin of pages that the product names, beside those of the browser's test.
const NAMED: &str = "https://app.example";

/// What a browser sends for a page of `origin`.
async fn send(method: Method, url: &str, origin: &str, fields: &[(&str, &str)]) -> Result<Answer> {
    let mut request = Request::builder().method(method).uri(url).header("origin", origin);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    Http::new().send(request.body(bytes(""))?).await
}

/// As raw requests: preflights, calls and rejections of pages that the product names, and of others.
pub async fn a_page_of_another_origin_calls_and_reads(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let url = format!("{}/paged/x?a=1", farebox.gateway());
    let before = farebox.forwarded("paged").await?;
    let asks = [("access-control-request-method", "POST"), ("access-control-request-headers", "authorization,x-mine")];
    let preflight = send(Method::OPTIONS, &url, NAMED, &asks).await?;
    ensure!(preflight.status == 204 && preflight.body.is_empty(), "{} {}", preflight.status, preflight.code());
    for (name, value) in [
        ("access-control-allow-origin", NAMED),
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "authorization,x-mine"),
        ("access-control-max-age", "60"),
    ] {
        ensure!(preflight.header(name) == value, "{name}: {}", preflight.header(name));
    }
    let foreign = send(Method::OPTIONS, &url, "https://evil.example", &asks).await?;
    ensure!(foreign.status == 204 && foreign.header("access-control-allow-origin").is_empty(), "{foreign:?}");
    let elsewhere = send(Method::OPTIONS, &format!("{}/keyed/x", farebox.gateway()), NAMED, &asks).await?;
    ensure!(elsewhere.code() == "credential.missing", "a product without `cors` answers no preflight: {elsewhere:?}");

    let bearer = format!("Bearer {}", caller.app_code);
    let with_key: [(&str, &str); 1] = [("authorization", &bearer)];
    let call = send(Method::GET, &url, NAMED, &with_key).await?;
    let readable = |answer: &Answer, to: &str| -> Result<()> {
        ensure!(answer.header("access-control-allow-origin") == to, "{answer:?}");
        ensure!(answer.header("access-control-expose-headers") == "*", "{answer:?}");
        ensure!(answer.header("access-control-allow-credentials") != "true", "{answer:?}");
        let varies: Vec<_> = answer.headers.get_all("vary").iter().filter_map(|value| value.to_str().ok()).collect();
        ensure!(varies.join(",").to_ascii_lowercase().contains("origin"), "{answer:?}");
        Ok(())
    };
    ensure!(call.status == 200, "{} {}", call.status, call.code());
    readable(&call, NAMED)?;
    let wrong = send(Method::GET, &url, NAMED, &[("authorization", "Bearer sk-nobodys")]).await?;
    ensure!((wrong.status.as_u16(), wrong.code().as_str()) == (401, "credential.unknown"), "{wrong:?}");
    readable(&wrong, NAMED)?;
    let foreign = send(Method::GET, &url, "https://evil.example", &with_key).await?;
    ensure!(foreign.status == 200 && foreign.header("access-control-allow-origin") == NAMED, "{foreign:?}");
    let at_home = Http::new().send(Request::get(&url).header("authorization", &bearer).body(bytes(""))?).await?;
    ensure!(
        at_home.header("access-control-allow-origin").is_empty() && at_home.header("vary").contains("rigin"),
        "{at_home:?}"
    );
    ensure!(farebox.forwarded("paged").await? - before == 3, "no preflight reaches the upstream");
    account.settled("paged", 3).await?;
    Ok(())
}

/// The same by `fetch` in Chromium: the browser itself decides what the page may read.
pub async fn chromium_lets_a_page_call_and_read(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    account.buy("paged-any", "paged-any-100").await?;
    let calls = json!({
        "good": { "url": format!("{}/paged-any/x", farebox.gateway()), "key": caller.app_code },
        "wrong": { "url": format!("{}/paged-any/x", farebox.gateway()), "key": "sk-nobodys" },
        "closed": { "url": format!("{}/keyed/x", farebox.gateway()), "key": caller.app_code },
    });
    let read: Value = browser::page_calls(&calls).await?;
    let good = &read["good"];
    ensure!(good["status"] == 200 && good["body"]["headers"]["x-mine"] == "1", "{read}");
    for name in ["ratelimit", "ratelimit-policy", "farebox-request-id"] {
        ensure!(good["headers"][name].is_string(), "no {name}: {read}");
    }
    ensure!(read["wrong"]["status"] == 401 && read["wrong"]["body"]["code"] == "credential.unknown", "{read}");
    let closed = read["closed"]["error"].as_str().context("a page may call a product without `cors`")?;
    ensure!(closed.contains("Failed to fetch"), "{read}");
    account.settled("paged-any", 1).await?;
    Ok(())
}
