//! The limits of credentials, as the API takes and shows them, and what was spent of them.
//!
//! Invariant: a limit that limits nothing is refused, and so are two of the same period.

use farebox_core::{
    credential_limit::{self, CredentialLimit, LimitPeriod},
    money::Micros,
};
use farebox_ports::{
    reports::{Query, Report},
    schema::{Amount, LimitPeriodName},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reports::mismatch;
use crate::http::{Answered, Call, Ports, failure::Failure};

/// What a credential's calls may come to in a period of UTC. At least one of `calls`, `units` and `money`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CredentialLimit")]
pub(crate) struct Limit {
    /// From midnight to midnight, from Monday to Sunday, or a calendar month.
    #[schemars(with = "LimitPeriodName")]
    per: LimitPeriod,
    /// Calls that are charged; null for as many as there are.
    #[schemars(range(min = 1))]
    calls: Option<u64>,
    /// Units; null for as many as there are.
    #[schemars(range(min = 1))]
    units: Option<u64>,
    /// What is taken from the balance for use; null for as much as there is. What a package or a plan pays for takes nothing from it.
    #[schemars(with = "Option<Amount>")]
    money: Option<Micros>,
}

impl From<Limit> for CredentialLimit {
    fn from(Limit { per, calls, units, money }: Limit) -> Self {
        Self { per, calls, units, money }
    }
}

impl From<CredentialLimit> for Limit {
    fn from(CredentialLimit { per, calls, units, money }: CredentialLimit) -> Self {
        Self { per, calls, units, money }
    }
}

/// The limits that were asked for, checked; none where none were.
pub(super) fn checked(limits: Option<Vec<Limit>>) -> Result<Vec<CredentialLimit>, Failure> {
    let limits: Vec<CredentialLimit> = limits.into_iter().flatten().map(CredentialLimit::from).collect();
    credential_limit::check(&limits).map_err(|why| Failure::Malformed(format!("`limits`: {why}")))?;
    Ok(limits)
}

impl<P: Ports> Call<'_, P> {
    /// What credentials with limits have spent of them in the periods that run.
    pub(crate) async fn limits(&self, account: &str) -> Answered {
        match self.report(account, Query::Limits).await? {
            Report::Limits(rows) => {
                let rows = rows.into_iter().filter(|row| self.now < row.renews);
                self.page(rows.map(|row| (format!("{}/{}", row.credential, row.per.as_str()), row)))
            }
            other => Err(mismatch(&other)),
        }
    }
}
