//! Recharges that a customer asks for and an operator confirms, once the money is there.
//!
//! Invariant: a request is booked under its reference, so however often it is confirmed, its money is booked once.

use farebox_core::{
    id::{AccountId, is_id},
    ledger::{Command, IdempotencyKey},
    money::{Currency, Micros},
    time::{DAY, Millis, Timestamp},
};
use farebox_ports::{
    keys::{ACCOUNT_RECHARGE_REQUESTS, RECHARGE_REQUESTS},
    schema::{Amount, CurrencyCode, Id, Time},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    http::{Answered, Call, Ports, Response, base32::base32, failure::Failure, paging::Items},
    store::{self, Made},
};

/// How many requests an account makes.
const REQUESTS: (u32, Millis) = (50, DAY);

/// A request, as it is kept and shown.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RechargeRequest")]
pub(crate) struct RechargeRequest {
    /// To be named with the payment.
    #[schemars(with = "Id")]
    reference: String,
    #[schemars(with = "Id")]
    account: AccountId,
    #[schemars(with = "Amount")]
    amount: Micros,
    #[schemars(with = "CurrencyCode")]
    currency: Currency,
    status: Status,
    #[schemars(with = "Time")]
    created: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RechargeRequestStatus", inline)]
enum Status {
    /// Nobody has said that the money is there.
    Open,
    /// The money was booked.
    Confirmed,
}

/// How much is to be recharged.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RechargeWanted")]
pub(super) struct Wanted {
    /// More than nothing.
    #[schemars(with = "Amount")]
    amount: Micros,
}

fn entry(reference: &str) -> String {
    format!("{RECHARGE_REQUESTS}{reference}")
}

fn of_account(account: &AccountId) -> String {
    format!("{ACCOUNT_RECHARGE_REQUESTS}{account}/")
}

impl<P: Ports> Call<'_, P> {
    pub(super) async fn request_recharge(&self, account: &AccountId) -> Answered {
        let Wanted { amount } = self.body()?;
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let currency = published.catalog.provider.currency;
        if !amount.is_positive() || !currency.can_be_paid(amount) {
            return Err(Failure::Refused(farebox_core::ledger::Refusal::Amount));
        }
        self.count("recharge-requests", account.as_str(), REQUESTS).await?;
        let seed = self.seed(&format!("recharge-request/{account}"))?;
        let (reference, status) = (format!("rr_{}", base32(seed.id())), Status::Open);
        let request =
            RechargeRequest { reference, account: account.clone(), amount, currency, status, created: self.now };
        self.ports.put(&format!("{}{}", of_account(account), request.reference), b"").await?;
        match store::make(self.ports, &entry(&request.reference), &request).await? {
            Made::Now => Response::json(201, &request),
            Made::Before(before) if before.amount == amount => Response::json(201, &before),
            Made::Before(_) => Err(Failure::Refused(farebox_core::ledger::Refusal::KeyReused)),
            Made::Removed => Err(Failure::MadeAndRemoved),
        }
    }

    pub(super) async fn recharge_requests_of(&self, account: &AccountId) -> Answered {
        let prefix = of_account(account);
        let (keys, cursor) = self.keys(&prefix).await?;
        let mut items: Vec<RechargeRequest> = Vec::with_capacity(keys.len());
        for key in &keys {
            let reference = key.strip_prefix(&prefix).unwrap_or_default();
            items.extend(store::current(self.ports, &entry(reference)).await?);
        }
        Response::json(200, &Items { items, cursor })
    }

    /// The requests of all accounts, for the provider.
    pub(crate) async fn list_recharge_requests(&self) -> Answered {
        self.documents::<RechargeRequest, _>(RECHARGE_REQUESTS, std::convert::identity).await
    }

    /// Books the money of a request, for the provider who has received it.
    pub(crate) async fn confirm_recharge(&self, reference: &str) -> Answered {
        let found: Option<RechargeRequest> =
            if is_id(reference) { store::current(self.ports, &entry(reference)).await? } else { None };
        let RechargeRequest { account, amount, currency, .. } = found.ok_or(Failure::RechargeRequestUnknown)?;
        let key = IdempotencyKey(format!("recharge-request/{reference}"));
        let command = Command::Recharge { amount, currency, reference: Some(reference.to_owned()) };
        self.booked(&account, &key, &command).await?;
        let confirmed = |request| Ok(RechargeRequest { status: Status::Confirmed, ..request });
        let request = store::change(self.ports, &entry(reference), confirmed).await?;
        Response::json(200, &request.ok_or(Failure::RechargeRequestUnknown)?)
    }
}
