//! What an account's book says: balance, grants, leases, entries, usage.

use super::accounts::account_id;
use crate::http::{
    Answered, Call, Ports, Response,
    failure::Failure,
    paging::{Items, numbered},
    precondition::{entity_tag, version_of},
};
use farebox_core::time::Timestamp;
use farebox_ports::reports::{BalanceReport, Query, Report};
use serde_json::json;

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn balance(&self, account: &str) -> Answered {
        match self.report(account, Query::Balance).await? {
            Report::Balance(BalanceReport { balance, available, leased, currency }) => {
                let [balance, available, leased] = [balance, available, leased].map(|amount| currency.show(amount));
                let shown =
                    json!({ "balance": balance, "available": available, "leased": leased, "currency": currency });
                Response::json(200, &shown)
            }
            other => Err(mismatch(&other)),
        }
    }

    pub(crate) async fn grants(&self, account: &str) -> Answered {
        match self.report(account, Query::Grants).await? {
            Report::Grants(rows) => {
                self.page(rows.into_iter().map(|row| (format!("{}/{}", numbered(&row.id), row.meter.as_str()), row)))
            }
            other => Err(mismatch(&other)),
        }
    }

    pub(crate) async fn leases(&self, account: &str) -> Answered {
        match self.report(account, Query::Leases).await? {
            Report::Leases(rows) => self.page(rows.into_iter().map(|row| (numbered(&row.id), row))),
            other => Err(mismatch(&other)),
        }
    }

    pub(crate) async fn subscriptions(&self, account: &str) -> Answered {
        match self.report(account, Query::Subscriptions).await? {
            Report::Subscriptions(rows) => self.page(rows.into_iter().map(|row| (numbered(&row.id), row))),
            other => Err(mismatch(&other)),
        }
    }

    pub(crate) async fn terms(&self, account: &str) -> Answered {
        match self.report(account, Query::Terms).await? {
            Report::Terms(terms) => {
                let mut response = Response::json(200, &terms)?;
                response.headers.push(("etag", entity_tag(&version_of(&terms)?)));
                Ok(response)
            }
            other => Err(mismatch(&other)),
        }
    }

    /// Usage in `[from, to)`; all of it when they are not said.
    pub(crate) async fn usage(&self, account: &str) -> Answered {
        let (from, until) = self.stretch()?;
        match self.report(account, Query::Usage { from, until }).await? {
            Report::Usage(rows) => self.page(rows.into_iter().map(|row| (row.product.to_string(), row))),
            other => Err(mismatch(&other)),
        }
    }

    pub(crate) async fn entries(&self, account: &str) -> Answered {
        let (after, from, limit) = (self.entry_cursor()?, self.moment("from")?, self.limit()?);
        match self.report(account, Query::Entries { after, from, limit, sealed: true }).await? {
            Report::Entries(items) => {
                let is_full = items.len() >= usize::from(limit);
                let cursor = items.last().filter(|_| is_full).map(|entry| entry.seq.to_string());
                Response::json(200, &Items { items, cursor })
            }
            other => Err(mismatch(&other)),
        }
    }

    /// After which entry a page of the book begins.
    pub(crate) fn entry_cursor(&self) -> Result<u64, Failure> {
        self.cursor().map_or(Ok(0), |cursor| {
            cursor.parse().map_err(|_| Failure::Malformed("`cursor` must be one that a page gave".to_owned()))
        })
    }

    pub(crate) async fn report(&self, account: &str, query: Query) -> Result<Report, Failure> {
        Ok(self.ports.report(&account_id(account)?, &query).await??)
    }

    /// The stretch of time from `from` to `to`; all of it when they are not said.
    pub(crate) fn stretch(&self) -> Result<(Timestamp, Timestamp), Failure> {
        let from = self.moment("from")?.unwrap_or_default();
        let until = self.moment("to")?.unwrap_or(Timestamp::MAX);
        if until < from {
            Err(Failure::Malformed("`to` must not be before `from`".to_owned()))
        } else {
            Ok((from, until))
        }
    }

    pub(crate) fn moment(&self, name: &str) -> Result<Option<Timestamp>, Failure> {
        // An offset such as +01:00 comes with a space where its plus sign was not encoded.
        let parse = |text: String| text.replace(' ', "+").parse().map_err(|_| name);
        let moment = self.parameter(name).map(parse).transpose();
        moment.map_err(|name| Failure::Malformed(format!("`{name}` must be a time such as 2026-01-31T00:00:00Z")))
    }
}

pub(crate) fn mismatch(report: &Report) -> Failure {
    Failure::Unwritable(format!("the ledger reported {report:?}"))
}
