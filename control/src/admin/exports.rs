//! What other systems read: metrics for Prometheus, and usage as CloudEvents.
//!
//! Invariant: an event of usage is a function of the entry that booked it, so that whoever takes it twice can tell.

use farebox_core::{
    id::{AccountId, CredentialKey, ProductId},
    ledger::{Entry, Used},
    meter::Usage,
    time::Timestamp,
};
use farebox_ports::{
    reports::{Query, Report},
    schema::{Id, Time, UsageCounts},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{accounts::account_id, reports::mismatch};
use crate::{
    http::{Answered, Call, Ports, Response},
    prometheus,
};

/// Usage of one credential of one product within an hour, as a CloudEvent (<https://github.com/cloudevents/spec>, version
/// 1.0), in the form that OpenMeter takes.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UsageEvent {
    specversion: &'static str,
    /// The same whenever it is read; once for each `source`.
    id: String,
    source: &'static str,
    r#type: &'static str,
    /// The account.
    #[schemars(with = "Id")]
    subject: AccountId,
    /// The minute in which it was counted.
    #[schemars(with = "Time")]
    time: Timestamp,
    datacontenttype: &'static str,
    data: UsageData,
}

/// What was used.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UsageData {
    #[schemars(with = "Id")]
    product: ProductId,
    #[schemars(with = "Id")]
    credential: CredentialKey,
    #[serde(flatten)]
    #[schemars(with = "UsageCounts")]
    usage: Usage,
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn metrics(&self) -> Answered {
        let page = prometheus::scrape(self.ports, self.now).await?;
        Ok(Response::text("text/plain; version=0.0.4; charset=utf-8", &page))
    }

    /// The events of a page of the book. `farebox-cursor` says where the next page begins, also when there is none yet.
    pub(crate) async fn usage_events(&self, account: &str) -> Answered {
        let account = account_id(account)?;
        let (after, limit) = (self.entry_cursor()?, self.limit()?);
        match self.ports.report(&account, &Query::Entries { after, from: None, limit, sealed: false }).await?? {
            Report::Entries(entries) => {
                let cursor = entries.last().map_or(after, |last| last.seq);
                let events: Vec<UsageEvent> = entries.iter().flat_map(|entry| events(&account, entry)).collect();
                let mut response = Response::json(200, &events)?;
                response.headers = vec![
                    ("content-type", "application/cloudevents-batch+json".to_owned()),
                    ("farebox-cursor", cursor.to_string()),
                ];
                Ok(response)
            }
            other => Err(mismatch(&other)),
        }
    }
}

fn events(account: &AccountId, entry: &Entry) -> Vec<UsageEvent> {
    let event = |(at, used): (usize, Used<'_>)| UsageEvent {
        specversion: "1.0",
        id: format!("{account}-{}-{at}", entry.seq),
        source: "farebox",
        r#type: "farebox.usage",
        subject: account.clone(),
        time: used.window.start(),
        datacontenttype: "application/json",
        data: UsageData { product: used.product.clone(), credential: used.credential.clone(), usage: used.usage },
    };
    entry.event.usage().enumerate().map(event).collect()
}
