//! The index of what is due on Spin: keys of the configuration's table, which sort by the minute.
//!
//! Invariant: what is announced stands under a minute that has not begun, and what was looked after under one that has. So a
//! key that is removed is never one that was announced meanwhile.

use farebox_core::{
    id::AccountId,
    time::{MINUTE, Timestamp},
};
use farebox_ports::{Due, DueIndex, Fault, KeyValue};

use crate::Platform;

/// Where it stands.
const DUE: &str = "due/";

/// The key of an account that is due at a time: in the minute that begins then, or next.
fn key(account: &AccountId, at: Timestamp) -> String {
    format!("{DUE}{:09}/{account}", at.plus(MINUTE - 1).minutes().max(0))
}

/// Reads what [`key`] wrote.
fn parse(key: &str) -> Option<Due> {
    let (minute, account) = key.strip_prefix(DUE)?.split_once('/')?;
    let at = Timestamp::from_millis(minute.parse::<i64>().ok()?.checked_mul(MINUTE)?);
    Some(Due { account: account.parse().ok()?, at })
}

impl DueIndex for Platform {
    const COST: u32 = 2;

    async fn announce(&self, account: &AccountId, at: Timestamp) -> Result<(), Fault> {
        self.put(&key(account, at), b"").await
    }

    async fn due(&self, until: Timestamp, most: u32) -> Result<Vec<Due>, Fault> {
        let page = self.list(DUE, None, most).await?;
        let found = page.items.iter().filter_map(|key| parse(key));
        Ok(found.take_while(|due| due.at <= until).collect())
    }

    async fn looked_after(&self, accounts: &[(Due, Option<Timestamp>)]) -> Result<(), Fault> {
        for (Due { account, at }, next) in accounts {
            if let Some(next) = next {
                self.announce(account, *next).await?;
            }
            if next.is_none_or(|next| key(account, next) != key(account, *at)) {
                self.delete(&key(account, *at)).await?;
            }
        }
        Ok(())
    }
}
