//! Subscriptions and what else was agreed with an account: beginning, changing and ending them.
//!
//! Invariant: a subscription keeps the terms it was begun with until it is changed; a later catalog does not touch it.

use farebox_core::{
    id::{AccountId, OfferId, ProductId, SubscriptionId},
    ledger::{Answer, Command, PlanTerms, Sale, command::AccountTerms},
    money::Micros,
};
use farebox_ports::{
    reports::{Query, Report, TermsReport},
    schema::{Amount, Id},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{accounts::account_id, money::Booked, reports::mismatch};
use crate::http::{Answered, Call, Ports, Response, failure::Failure, precondition::version_of};

/// What is subscribed to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscribe {
    #[schemars(with = "Id")]
    product: ProductId,
    #[schemars(with = "Id")]
    plan: OfferId,
}

/// A subscription that was begun.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Subscribed {
    /// Names it from now on.
    subscription: String,
    #[serde(flatten)]
    booked: Booked,
}

/// What is agreed with an account. What is left out is not agreed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Terms {
    /// How far below nothing the balance may go.
    #[serde(default)]
    #[schemars(with = "Option<Amount>")]
    credit_limit: Option<Micros>,
    /// A balance below this raises a notice.
    #[schemars(with = "Option<Amount>")]
    low_balance: Option<Micros>,
    /// A grant with less than this part of its quantity left raises a notice. In percent.
    #[schemars(range(min = 0, max = 100))]
    low_quota: Option<u8>,
    /// The IANA name of the time zone in which subscriptions that begin from now on are renewed. UTC when left out.
    time_zone: Option<String>,
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn subscribe(&self, account: &str) -> Answered {
        let account = account_id(account)?;
        let key = self.idempotency_key()?;
        let wanted: Subscribe = self.body()?;
        let terms = self.plan(&account, &wanted).await;
        let sale = Sale::Subscribe { product: wanted.product, offer: wanted.plan };
        let booked = self.sell(&account, &key, terms.map(Command::Subscribe), sale).await?;
        let subscription = SubscriptionId(booked.entry).to_string();
        Response::json(201, &Subscribed { subscription, booked })
    }

    pub(crate) async fn change_plan(&self, account: &str, subscription: &str) -> Answered {
        let account = account_id(account)?;
        let key = self.idempotency_key()?;
        let subscription = subscription_id(subscription)?;
        let wanted: Subscribe = self.body()?;
        let terms = self.plan(&account, &wanted).await;
        let command = terms.map(|terms| Command::ChangePlan { subscription, terms });
        let sale = Sale::ChangePlan { subscription, product: wanted.product, offer: wanted.plan };
        Response::json(200, &self.sell(&account, &key, command, sale).await?)
    }

    pub(crate) async fn cancel(&self, account: &str, subscription: &str) -> Answered {
        let account = account_id(account)?;
        let key = self.idempotency_key()?;
        let command = Command::Cancel { subscription: subscription_id(subscription)?, at_once: self.flag("at_once")? };
        Response::json(200, &self.booked(&account, &key, &command).await?)
    }

    pub(crate) async fn set_terms(&self, account: &str) -> Answered {
        let account = account_id(account)?;
        let Terms { credit_limit, low_balance, low_quota, time_zone } = self.body()?;
        if low_quota.is_some_and(|percent| percent > 100) {
            return Err(Failure::Malformed("`low_quota` must be a percentage".to_owned()));
        }
        let credit_limit = credit_limit.unwrap_or(Micros::ZERO);
        let terms = AccountTerms { credit_limit, low_balance, low_quota, time_zone };
        let command = match self.request.if_match {
            None => Command::SetTerms(terms),
            Some(_) => Command::ExchangeTerms { before: self.terms_seen(account.as_str()).await?, after: terms },
        };
        match self.ports.execute(&account, None, &command).await?? {
            Answer::Booked { .. } => Ok(Response::empty()),
            other => Err(Failure::Unwritable(format!("the ledger answered {other:?}"))),
        }
    }

    /// What was agreed as yet, if it is what the sender has seen.
    async fn terms_seen(&self, account: &str) -> Result<AccountTerms, Failure> {
        match self.report(account, Query::Terms).await? {
            Report::Terms(terms) => {
                self.check_version(&version_of(&terms)?)?;
                let TermsReport { credit_limit, low_balance, low_quota, time_zone } = terms;
                Ok(AccountTerms { credit_limit, low_balance, low_quota, time_zone })
            }
            other => Err(mismatch(&other)),
        }
    }

    async fn plan(&self, account: &AccountId, Subscribe { product, plan }: &Subscribe) -> Result<PlanTerms, Failure> {
        self.plan_terms(account, product, plan).await
    }

    /// The terms on which a plan is sold to this account now.
    pub(crate) async fn plan_terms(
        &self,
        account: &AccountId,
        product: &ProductId,
        plan: &OfferId,
    ) -> Result<PlanTerms, Failure> {
        let sold = self.sold_to(account, product).await?;
        sold.plan_terms(plan).ok_or_else(|| {
            Failure::PlanUnknown(plan.to_string(), sold.subscriptions.iter().map(|plan| &plan.id).collect())
        })
    }
}

fn subscription_id(text: &str) -> Result<SubscriptionId, Failure> {
    let number = text.strip_prefix("subscription-").and_then(|number| number.parse().ok());
    number.map(SubscriptionId).ok_or(Failure::SubscriptionUnknown)
}
