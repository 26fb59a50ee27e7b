//! What events say of leases and of usage.
//!
//! Invariant: the order of fields is the stored form (see [`super::entry`]). Entries hold [`Leased`], [`Settlement`] and what is in
//! them only where they were written before there were tills; since then commands are decided with them.

use serde::{Deserialize, Serialize};

use crate::{
    id::{CredentialKey, GrantId, LeaseId, LineId, ProductId, WriterId},
    journal::Window,
    meter::{PerMeter, Usage},
    money::Micros,
    rate::Rate,
    time::{Month, Timestamp},
};

/// Usage as an event books it, of whatever version.
#[derive(Debug, Clone, Copy)]
pub struct Used<'a> {
    /// What was called.
    pub product: &'a ProductId,
    /// Who called.
    pub credential: &'a CredentialKey,
    /// The minute in which the batch was begun, or the first one of that hour.
    pub window: Window,
    /// How much.
    pub usage: Usage,
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
    /// Usage on leases that had lapsed. It is not rated at all, because it would have made what is leased out cost more than
    /// there is.
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
