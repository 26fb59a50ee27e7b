//! What can happen to an account. An event holds everything that `evolve` needs, so that a replay asks nobody.
//!
//! Invariant: the order of variants and fields is the stored form (see [`super::entry`]); new variants go last.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    command::{AccountTerms, PackageTerms},
    seal::{SealedUsage, UsageSealed},
    subscription::{Period, PlanTerms},
    usage::{Burn, Charge, Leased, Rest, Settlement, UsageLine, Used},
};
use crate::{
    credential_limit::{CredentialLimit, Spent},
    id::{CredentialKey, GrantId, SubscriptionId},
    journal::Window,
    meter::{Meter, PerMeter},
    money::{Currency, Micros},
    time::{Month, Timestamp},
};

/// What happened to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It was opened.
    Opened {
        /// The currency of its balance.
        currency: Currency,
    },
    /// Money came in.
    Recharged {
        /// How much.
        amount: Micros,
        /// The provider's own reference.
        reference: Option<String>,
    },
    /// A package was bought: the grant that this makes has the entry's sequence number as its id.
    Purchased {
        /// The package as it was sold.
        terms: PackageTerms,
        /// When it expires.
        until: Option<Timestamp>,
    },
    /// A lease was given: its id is the entry's sequence number. Written until there were tills.
    Leased(Leased),
    /// Usage was booked. Written until there were tills.
    Settled(Settlement),
    /// Leases ended without their instance having accounted for all of them. Written until there were tills.
    Lapsed {
        /// Which.
        leases: Vec<Rest>,
    },
    /// A grant ended.
    GrantExpired {
        /// Which.
        grant: GrantId,
        /// The part of its price that was not used up.
        forfeited: Micros,
    },
    /// Money was paid back.
    Refunded {
        /// How much.
        amount: Micros,
        /// The provider's own reference.
        reference: Option<String>,
    },
    /// The balance was corrected.
    Adjusted {
        /// Into the balance, or out of it when it is negative.
        amount: Micros,
        /// Why.
        reason: String,
    },
    /// Something else was agreed with the account.
    TermsSet(AccountTerms),
    /// A subscription began and its first period was paid: the entry's sequence number is its id and the grant's.
    Subscribed(Subscribed),
    /// The next period was paid: the entry's sequence number is the grant's id.
    Renewed {
        /// Which subscription.
        subscription: SubscriptionId,
        /// What was paid.
        price: Micros,
        /// The period.
        period: Period,
    },
    /// The balance did not cover the next period.
    RenewalFailed {
        /// Which subscription.
        subscription: SubscriptionId,
        /// What it takes.
        needed: Micros,
        /// Until when it is tried again.
        until: Timestamp,
    },
    /// A subscription will end with its period.
    CancellationSet {
        /// Which.
        subscription: SubscriptionId,
    },
    /// A subscription ended.
    SubscriptionEnded {
        /// Which.
        subscription: SubscriptionId,
        /// How.
        ending: Ending,
        /// What became of a period that was cut short.
        closed: Option<ClosedGrant>,
    },
    /// A subscription has another plan: the entry's sequence number is the new grant's id.
    PlanChanged(PlanChanged),
    /// Something got low.
    Noticed(Notice),
    /// The account was suspended, or let in again.
    StatusSet {
        /// Whether it is suspended from now on.
        suspended: bool,
    },
    /// A month is over: its statement does not change any more.
    StatementClosed {
        /// Which month.
        month: Month,
    },
    /// Batches that were begun before a minute, and whose leases are all over, are not known any more. Written until there were
    /// tills.
    BatchesForgotten {
        /// The minute.
        before: Window,
    },
    /// From here on leases and batches stand in the account's till, and usage is sealed when an hour is over. A version that
    /// knows no tills cannot read on, so that it gives no lease beside one.
    TillBegun {
        /// The last number that a lease or a rating line may have been given before.
        issued: u64,
    },
    /// Usage was added up and is sealed: when the hour was over, or before something else was booked.
    UsageSealed(UsageSealed),
    /// What was left of a subscription's period went over into the next.
    RolledOver(RolledOver),
}

impl Event {
    /// Whether it would be the same in another currency: it moves no money, sells nothing and names no amount.
    pub fn is_of_no_currency(&self) -> bool {
        match self {
            Self::Opened { .. } | Self::StatusSet { .. } | Self::StatementClosed { .. } | Self::TillBegun { .. } => {
                true
            }
            Self::TermsSet(terms) => !terms.has_amounts(),
            _ => false,
        }
    }

    /// The usage that it books.
    pub fn usage(&self) -> impl Iterator<Item = Used<'_>> {
        let (minutes, hours): (&[UsageLine], &[SealedUsage]) = match self {
            Self::Settled(settlement) => (&settlement.usage, &[]),
            Self::UsageSealed(sealed) => (&[], &sealed.usage),
            _ => (&[], &[]),
        };
        let by_minute = minutes.iter().map(|line| Used {
            product: &line.product,
            credential: &line.credential,
            window: line.window,
            usage: line.usage,
        });
        let by_hour = hours.iter().map(|used| Used {
            product: &used.product,
            credential: &used.credential,
            window: used.hour,
            usage: used.usage,
        });
        by_minute.chain(by_hour)
    }

    /// What it charges, by rating line, and what it burns, by grant.
    pub fn charges(&self) -> (&[Charge], &[Burn]) {
        match self {
            Self::Settled(settlement) => (&settlement.charges, &settlement.burns),
            Self::UsageSealed(sealed) => (&sealed.charges, &sealed.burns),
            _ => (&[], &[]),
        }
    }

    /// What happened, in the word of the API.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Recharged { .. } => "recharged",
            Self::Purchased { .. } => "purchased",
            Self::Leased(_) => "leased",
            Self::Settled(_) => "settled",
            Self::Lapsed { .. } => "lapsed",
            Self::GrantExpired { .. } => "grant_expired",
            Self::Refunded { .. } => "refunded",
            Self::Adjusted { .. } => "adjusted",
            Self::TermsSet(_) => "terms_set",
            Self::Subscribed(_) => "subscribed",
            Self::Renewed { .. } => "renewed",
            Self::RenewalFailed { .. } => "renewal_failed",
            Self::CancellationSet { .. } => "cancellation_set",
            Self::SubscriptionEnded { .. } => "subscription_ended",
            Self::PlanChanged(_) => "plan_changed",
            Self::Noticed(_) => "noticed",
            Self::StatusSet { .. } => "status_set",
            Self::StatementClosed { .. } => "statement_closed",
            Self::BatchesForgotten { .. } => "batches_forgotten",
            Self::TillBegun { .. } => "till_begun",
            Self::UsageSealed(_) => "usage_sealed",
            Self::RolledOver(_) => "rolled_over",
        }
    }
}

/// How a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It was cancelled in the middle of a period.
    AtOnce,
    /// It was cancelled before, and its last period is over.
    AtPeriodEnd,
    /// The balance did not cover a renewal within the grace.
    Unpaid,
    /// The account was suspended when a renewal was due, until the grace was over.
    Suspended,
}

/// A subscription as it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// The plan as it was sold.
    pub terms: PlanTerms,
    /// The time zone of its periods; `None` for UTC.
    pub zone: Option<String>,
    /// Its first period.
    pub period: Period,
}

/// What went over from one period into the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledOver {
    /// Of which subscription.
    pub subscription: SubscriptionId,
    /// The grant of the period that is over.
    pub from: GrantId,
    /// The grant of the period after it.
    pub into: GrantId,
    /// How much of which meter.
    pub quantities: PerMeter<u64>,
}

impl fmt::Display for RolledOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.quantities.iter().map(|(meter, quantity)| format!("{quantity} {}", meter.as_str()));
        write!(f, "{} from {} into {}", each.collect::<Vec<_>>().join(", "), self.from, self.into)
    }
}

/// A change of plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanChanged {
    /// Which subscription.
    pub subscription: SubscriptionId,
    /// The new plan.
    pub terms: PlanTerms,
    /// What was paid for the new grant.
    pub price: Micros,
    /// What it holds.
    pub quantities: PerMeter<u64>,
    /// When it pays.
    pub period: Period,
    /// Whether periods are counted anew from here.
    pub begins_anew: bool,
    /// What became of the grant before it.
    pub closed: Option<ClosedGrant>,
}

/// A grant that was taken off the books before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedGrant {
    /// Which.
    pub grant: GrantId,
    /// The part of its price that went back to the balance.
    pub credit: Micros,
    /// The part of its price that was neither used up nor given back.
    pub forfeited: Micros,
}

/// What the account and the provider should know. Raised once each time a limit is passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The balance is below the agreed limit.
    LowBalance {
        /// What is there.
        balance: Micros,
        /// The limit.
        limit: Micros,
    },
    /// A grant is nearly used up.
    LowQuota {
        /// Which.
        grant: GrantId,
        /// The meter that is.
        meter: Meter,
        /// What is left of it.
        remaining: u64,
    },
    /// A grant is used up.
    QuotaExhausted {
        /// Which.
        grant: GrantId,
        /// The meter that is.
        meter: Meter,
    },
    /// The balance pays for no call of what was called this month.
    BalanceExhausted {
        /// What is there.
        balance: Micros,
    },
    /// A credential has spent half of a limit, four fifths of it, or all.
    LimitReached {
        /// Which credential.
        credential: CredentialKey,
        /// Which limit.
        limit: CredentialLimit,
        /// When its period began.
        from: Timestamp,
        /// What was spent of it.
        spent: Spent,
        /// Which of the steps was reached, in percent.
        percent: u8,
    },
}
