//! Statements: which months an account has one for, and the one of a month.
//!
//! Invariant: a statement is answered exactly as the ledger wrote it, because its seal covers that form.

use farebox_core::{
    id::AccountId,
    time::{Month, Timestamp},
};
use farebox_ports::{
    reports::{Query, Report},
    schema::Time,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{accounts::account_id, reports::mismatch};
use crate::http::{Answered, Call, Ports, Response, failure::Failure, paging::latest_first};

/// A month that has a statement. The last one is still being written.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StatementPeriod")]
pub(crate) struct StatedMonth {
    /// Such as `2026-11`, in UTC.
    period: String,
    /// Its first moment.
    #[schemars(with = "Time")]
    from: Timestamp,
    /// The first moment after it.
    #[schemars(with = "Time")]
    until: Timestamp,
}

impl<P: Ports> Call<'_, P> {
    /// The months since the account was made, the latest first.
    pub(crate) async fn statements(&self, account: &str) -> Answered {
        let (first, last) = (Month::of(self.account(account).await?.created), Month::of(self.now));
        let stated = |month: i32| {
            let (from, until) = Month(month).bounds();
            StatedMonth { period: Month(month).to_string(), from, until }
        };
        let keyed = |month: StatedMonth| (latest_first(month.from.millis().max(0).unsigned_abs()), month);
        self.page((first.0..=last.0).map(stated).map(keyed))
    }

    pub(crate) async fn statement(&self, account: &str, period: &str) -> Answered {
        let account = account_id(account)?;
        let month: Month = period.parse().map_err(|_| Failure::StatementUnknown)?;
        let as_csv = match self.parameter("format").as_deref() {
            None | Some("json") => false,
            Some("csv") => true,
            Some(_) => return Err(Failure::Malformed("`format` must be json or csv".to_owned())),
        };
        let opened = self.opened(&account).await?;
        if month > Month::of(self.now) {
            return Err(Failure::StatementLate(month));
        }
        if month < Month::of(opened) {
            return Err(Failure::StatementEarly { account, opened });
        }
        let (from, until) = month.bounds();
        match self.ports.report(&account, &Query::Statement { from, until }).await?? {
            Report::Statement(statement) if as_csv => Ok(Response::text("text/csv", &statement.to_csv())),
            Report::Statement(statement) => Response::json(200, &*statement),
            other => Err(mismatch(&other)),
        }
    }

    /// When an account's book was opened: that is its first entry.
    async fn opened(&self, account: &AccountId) -> Result<Timestamp, Failure> {
        match self.ports.report(account, &Query::Entries { after: 0, from: None, limit: 1, sealed: false }).await?? {
            Report::Entries(entries) => entries.first().map(|entry| entry.at).ok_or(Failure::AccountUnknown),
            other => Err(mismatch(&other)),
        }
    }
}
