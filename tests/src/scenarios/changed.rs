//! What the catalog has changed of a call, as a caller and an origin see it. That is the path, fields of request and answer, from
//! where the call came, and addresses of the origin's own.

use anyhow::{Context, Result, ensure};
use hyper::Request;

use crate::{
    Farebox,
    account::Account,
    http::{Answer, Http, bytes},
};

/// Every change of a product that has them all, by raw requests.
pub async fn what_the_catalog_changes_is_changed_and_nothing_else(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let call = async |path: &str| -> Result<Answer> {
        let request = Request::get(format!("{}{path}", farebox.gateway())).header("x-api-key", &caller.app_code);
        let request = request.header("x-forwarded-for", "10.9.9.9").header("forwarded", "for=10.9.9.9");
        // What Cloudflare says of the caller, which nobody does where workerd runs alone.
        let request = request.header("cf-connecting-ip", "127.0.0.1");
        let request = request.header("x-tenant", "forged").header("accept-language", "de").header("x-internal", "1");
        Http::new().send(request.body(bytes(""))?).await
    };
    let answer = call("/changed/v2/a%2Fb?x=1").await?;
    ensure!(answer.status == 200, "{answer:?}");
    let seen = answer.json()?;
    ensure!(seen["path"] == "/exchanged/a%2Fb" && seen["query"] == "x=1", "{seen}");
    let headers = seen["headers"].as_object().context("no fields")?;
    let field = |name: &str| headers.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    ensure!(field("x-tenant") == "acme" && field("accept-language") == "de, en", "{seen}");
    ensure!(field("x-internal").is_empty() && !seen.to_string().contains("10.9.9.9"), "{seen}");
    let host = farebox.gateway().trim_start_matches("http://");
    ensure!(field("x-forwarded-for") == "127.0.0.1" && field("x-forwarded-proto") == "http", "{seen}");
    ensure!(field("x-forwarded-host") == host, "{seen}");
    ensure!(answer.header("x-served-by") == "acme", "{answer:?}");

    let moved = call("/changed/v2/moved/there").await?;
    ensure!(moved.status == 302, "{moved:?}");
    let there = format!("{}/changed/v2/there", farebox.gateway());
    ensure!(moved.header("location") == there && moved.header("x-powered-by").is_empty(), "{moved:?}");
    let cookies: Vec<_> = moved.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect();
    ensure!(cookies == ["a=1; Path=/changed/v2/x", "b=2; Path=/changed/v2"], "{cookies:?}");
    account.settled("changed", 2).await?;
    Ok(())
}
