//! Usage is in the journal under keys that sort by time. After a settlement the book agrees with what the client counted, call
//! for call and byte for byte. Settling again changes nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use farebox_core::{
    journal::{TIME_TO_LIVE, Window, parse_key},
    meter::Usage,
};
use hyper::Method;

use crate::{
    Farebox,
    account::Account,
    call::{Caller, now},
    eventually,
};

/// 200 calls of many sizes: counted by the client, journaled, settled, and settled again, twice at once.
pub async fn the_book_agrees_with_the_client_however_often_it_is_settled(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "10.00").await?;
    let before = farebox.journal()?.len();
    let counted = use_up(&caller).await?;

    eventually("the usage to be journaled", Duration::from_secs(15), async || {
        Ok(Some(()).filter(|()| farebox.journal().is_ok_and(|keys| keys.len() > before)))
    })
    .await?;
    check_journal(farebox)?;

    ensure!(account.settled("settled", counted.calls).await? == counted, "the book differs from {counted:?}");
    let (balance, _) = account.settled_balance().await?;
    ensure!(balance == "9.60", "200 calls at 2.00 per 1,000 cost 0.40; the balance is {balance}");

    let admin = farebox.admin();
    let (first, second) = tokio::join!(admin.settle(), admin.settle());
    for settlement in [first?, second?, admin.settle().await?] {
        ensure!(settlement.applied == 0 && settlement.refused == 0, "settled again: {settlement:?}");
    }
    ensure!(account.usage("settled").await? == counted, "settling again changed the usage");
    ensure!(account.settled_balance().await?.0 == balance, "settling again changed the balance");
    Ok(())
}

/// Makes the calls and counts them as a client sees them.
async fn use_up(caller: &Caller) -> Result<Usage> {
    let mut counted = Usage::default();
    for size in 0..200_usize {
        let body = vec![b'x'; size * 37];
        let call = caller.call(Method::POST, "/settled/call", &[("content-type", "text/plain")], &body)?;
        let answer = caller.send(call).await?;
        ensure!(answer.status == 200, "{answer:?}");
        counted.add(&Usage {
            calls: 1,
            ingress_bytes: body.len() as u64,
            egress_bytes: answer.body.len() as u64,
            ..Usage::NONE
        });
    }
    Ok(counted)
}

/// Every key reads back, is of about now, and expires when the journal's time is over, where keys can expire.
fn check_journal(farebox: &Farebox) -> Result<()> {
    let now = now();
    for (key, expires) in farebox.journal()? {
        let (Window(window), _) = parse_key(&key)?;
        ensure!((window - Window::of(now).0).abs() < 60, "{key} is of another hour");
        if !farebox.journal_expires() {
            ensure!(expires.is_none(), "{key} expires at {expires:?}");
            continue;
        }
        let expires = i64::try_from(expires.with_context(|| format!("{key} never expires"))?)?;
        let life = expires - now.seconds();
        ensure!((life - TIME_TO_LIVE / 1_000).abs() < 3_600, "{key} lives {life} s");
    }
    Ok(())
}
