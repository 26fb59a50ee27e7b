//! What can happen to an account. An event holds everything that `evolve` needs, so that a replay asks nobody.
//!
//! Invariant: the order of variants and fields is the stored form (see [`super::entry`]); new variants go last.

use serde::{Deserialize, Serialize};

use super::{
    command::{AccountTerms, PackageTerms},
    subscription::{Period, PlanTerms},
};
use crate::{
    id::{CredentialKey, GrantId, LeaseId, LineId, ProductId, SubscriptionId, WriterId},
    journal::Window,
    meter::{Meter, PerMeter, Usage},
    money::{Currency, Micros},
    rate::Rate,
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
    /// A lease was given: its id is the entry's sequence number.
    Leased(Leased),
    /// Usage was booked.
    Settled(Settlement),
    /// Leases ended without their instance having accounted for all of them.
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
    /// Batches that were begun before a minute, and whose leases are all over, are not known any more.
    BatchesForgotten {
        /// The minute.
        before: Window,
    },
}

impl Event {
    /// Whether it would be the same in another currency: it moves no money, sells nothing and names no amount.
    pub fn is_of_no_currency(&self) -> bool {
        match self {
            Self::Opened { .. } | Self::StatusSet { .. } | Self::StatementClosed { .. } => true,
            Self::TermsSet(terms) => !terms.has_amounts(),
            _ => false,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// What pays for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A grant.
    Grant(GrantId),
    /// The balance, rated on this line.
    Balance(LineId),
}

/// A lease as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leased {
    /// For which product.
    pub product: ProductId,
    /// To which instance.
    pub writer: WriterId,
    /// What pays.
    pub source: Source,
    /// How much may be used on it.
    pub allowance: PerMeter<u64>,
    /// From then on nothing may be admitted on it.
    pub until: Timestamp,
    /// Set when it begins a rating line, whose id is the entry's sequence number.
    pub begins: Option<LineTerms>,
}

/// What is the same for everything that is rated together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTerms {
    /// The billing period.
    pub month: Month,
    /// The rate, as it was in the catalog.
    pub rate: Rate,
}

/// What is left of a lease when it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Which lease.
    pub lease: LeaseId,
    /// What goes back, per meter that it limited. Of a lease that lapsed nobody knows whether it was used: it is given
    /// back in the customer's favour, and shown as unaccounted.
    pub left: PerMeter<u64>,
}

/// Usage, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settlement {
    /// The batches that were booked.
    pub batches: Vec<WriterBatches>,
    /// What they hold, added up.
    pub usage: Vec<UsageLine>,
    /// What it moved out of the balance.
    pub charges: Vec<Charge>,
    /// What it burned of grants.
    pub burns: Vec<Burn>,
    /// Leases that their instance is done with, and all that was ever used on each.
    pub announced: Vec<(LeaseId, Usage)>,
    /// Leases that are accounted for to the last unit, and end with this entry.
    pub returned: Vec<Rest>,
}

/// Batches of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterBatches {
    /// The instance.
    pub writer: WriterId,
    /// Its batches' sequence numbers and windows.
    pub batches: Vec<(u64, Window)>,
}

/// Usage on one lease by one credential in one minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageLine {
    /// The lease that paid.
    pub lease: LeaseId,
    /// The product of the lease.
    pub product: ProductId,
    /// Who called.
    pub credential: CredentialKey,
    /// When the batch was begun.
    pub window: Window,
    /// How much.
    pub usage: Usage,
}

/// What usage moved on one rating line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The line.
    pub line: LineId,
    /// Out of the balance. Negative when a total reached a cheaper volume tier.
    pub charged: Micros,
    /// Rated but not charged, because its lease had lapsed and the balance did not cover it. Negative when less is owed.
    pub forgiven: Micros,
    /// Usage on leases that had lapsed, which is not rated at all because it would have made what is leased out cost
    /// more than there is.
    pub unrated: Usage,
}

impl Charge {
    /// Whether it changes nothing.
    pub(super) fn is_nothing(&self) -> bool {
        self.charged == Micros::ZERO && self.forgiven == Micros::ZERO && self.unrated.is_zero()
    }
}

/// What usage burned of one grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burn {
    /// The grant.
    pub grant: GrantId,
    /// How much.
    pub usage: Usage,
    /// The part of the grant's price that is earned by that.
    pub earned: Micros,
}
