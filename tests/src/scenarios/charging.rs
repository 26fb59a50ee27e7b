//! What is charged: the statuses that the product says, counted at the upstream and in the book.

use anyhow::{Context, Result, ensure};
use farebox_core::{meter::Usage, money::Micros};
use hyper::Method;

use crate::{Farebox, account::Account};

/// Statuses that the upstream answers with, and whether a product charges them that says nothing of it, and one that says `2xx`.
const ANSWERS: &[(u16, bool, bool)] = &[
    (200, true, true),
    (201, true, true),
    (204, true, true),
    (304, true, false),
    (400, true, false),
    (404, true, false),
    (429, true, false),
    (500, false, false),
    (503, false, false),
];

/// Every status but 5xx is charged, or those that the product names; the upstream saw each call, charged or not, and the book counts both. So does
/// usage by time, however often it was settled.
pub async fn only_what_the_product_says_is_charged(farebox: &Farebox) -> Result<()> {
    for (product, is_picky) in [("charged", false), ("charged-2xx", true)] {
        let (account, caller) = Account::with_balance(farebox, "1.00").await?;
        let before = farebox.forwarded(product).await?;
        let (mut sent, mut charged) = (0, 0);
        for method in [Method::GET, Method::HEAD, Method::POST] {
            for &(status, by_default, where_2xx) in ANSWERS {
                let call = caller.call(method.clone(), &format!("/{product}/status/{status}"), &[], b"")?;
                let answer = caller.send(call).await?;
                ensure!(answer.status == status, "{method} {status}: {} {}", answer.status, answer.code());
                sent += 1;
                charged += u64::from(if is_picky { where_2xx } else { by_default });
            }
        }
        let seen = farebox.forwarded(product).await? - before;
        ensure!(seen == sent, "the upstream saw {seen} of {sent} calls of {product}");
        let counted = Usage { calls: charged, uncharged: sent - charged, ..Usage::NONE };
        let usage = account.settled_to(product, counted).await?;
        ensure!(usage.uncharged == counted.uncharged, "{usage:?} where {counted:?} came");
        // 2.00 for a thousand: exactly what is charged is gone, and nothing is held for the rest.
        let left = Micros::new(1_000_000 - 2_000 * i64::try_from(charged)?);
        let (balance, _) = account.settled_balance().await?;
        ensure!(balance.parse::<Micros>()? == left, "{balance} is left, not {left}");
        by_time(farebox, &account, product, &counted).await?;
    }
    Ok(())
}

/// The same by time: what is charged and what is not, by route, with how each call was answered.
async fn by_time(farebox: &Farebox, account: &Account, product: &str, counted: &Usage) -> Result<()> {
    for every in ["hour", "day"] {
        let shown = farebox.admin().get(&account.path(&format!("usage/series?every={every}&by=route"))).await?;
        let series = shown["items"].as_array().context("no items")?;
        let route = format!("ANY /{product}/{{*rest}}");
        ensure!(series.len() == 1 && series[0]["route"] == route.as_str(), "one route was called: {shown}");
        // Of two hours where one ended meanwhile.
        let points = series[0]["points"].as_array().context("no points")?;
        let sum = |pointer: &str| points.iter().filter_map(|point| point.pointer(pointer)?.as_u64()).sum::<u64>();
        ensure!((sum("/calls"), sum("/uncharged")) == (counted.calls, counted.uncharged), "{shown}");
        let statuses = ["2xx", "3xx", "4xx", "5xx"].map(|class| sum(&format!("/statuses/{class}")));
        ensure!(statuses == [9, 3, 9, 6], "each call counts once by its status: {shown}");
    }
    Ok(())
}
