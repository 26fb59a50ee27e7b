//! What may be asked of an account, and what it answers.

use serde::{Deserialize, Serialize};

use super::{chain::BrokenChain, payment::Paid, subscription::PlanTerms};
use crate::{
    credential_limit::LimitedBy,
    id::{BatchId, GrantId, OfferId, ProductId, SubscriptionId, WriterId},
    journal::{Closing, Line, Window},
    lease::Lease,
    meter::{PerMeter, Usage},
    money::{Currency, Micros},
    rate::Rate,
    time::{Millis, Timestamp},
};

/// A name the caller gives to a command that moves money, so that sending it again does not move it again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(pub String);

/// A package as it was when it was bought: a later change of the catalog does not touch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageTerms {
    /// The product it pays for.
    pub product: ProductId,
    /// Its id in the catalog.
    pub offer: OfferId,
    /// What it costs.
    pub price: Micros,
    /// How much of which meter. One meter for a package.
    pub quantities: PerMeter<u64>,
    /// How long it is valid from the purchase; `None` for ever.
    pub valid: Option<Millis>,
    /// Lower burns down first.
    pub priority: i32,
    /// Other products that it pays for too.
    pub also_for: Vec<ProductId>,
    /// Whether an account can buy it once only.
    pub once: bool,
}

/// What was agreed with an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AccountTerms {
    /// How far below nothing the balance may go: for customers who pay afterwards.
    pub credit_limit: Micros,
    /// A balance below this raises a notice.
    pub low_balance: Option<Micros>,
    /// A grant with less than this part of its quantity left raises a notice. In percent.
    pub low_quota: Option<u8>,
    /// The IANA name of the time zone in which subscriptions that begin from now on are renewed; `None` for UTC.
    pub time_zone: Option<String>,
}

impl AccountTerms {
    /// Whether an amount of money is agreed.
    pub fn has_amounts(&self) -> bool {
        self.credit_limit != Micros::ZERO || self.low_balance.is_some()
    }
}

/// What may be asked of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Opens the account. Must be the first command.
    Open {
        /// The currency of its balance.
        currency: Currency,
    },
    /// Adds money that the provider has received.
    Recharge {
        /// More than nothing.
        amount: Micros,
        /// Must be the account's.
        currency: Currency,
        /// The provider's own reference: an invoice, a payment.
        reference: Option<String>,
    },
    /// Buys a package from the balance.
    Purchase(PackageTerms),
    /// Pays money back that was recharged and not spent.
    Refund {
        /// More than nothing.
        amount: Micros,
        /// The provider's own reference.
        reference: Option<String>,
    },
    /// Corrects the balance.
    Adjust {
        /// Into the balance, or out of it when it is negative. It may take the balance below nothing.
        amount: Micros,
        /// Why, for the statement.
        reason: String,
    },
    /// Changes what was agreed with the account.
    SetTerms(AccountTerms),
    /// Changes what was agreed with the account, if that is what somebody has seen.
    ExchangeTerms {
        /// What must be agreed as yet.
        before: AccountTerms,
        /// What is agreed from now on.
        after: AccountTerms,
    },
    /// Begins a subscription and pays its first period from the balance.
    Subscribe(PlanTerms),
    /// Ends a subscription.
    Cancel {
        /// Which.
        subscription: SubscriptionId,
        /// Now, with what is left of the period paid back, or with the period that is paid for.
        at_once: bool,
    },
    /// Changes the plan of a subscription now.
    ChangePlan {
        /// Which.
        subscription: SubscriptionId,
        /// The new plan.
        terms: PlanTerms,
    },
    /// Asks for a lease to admit calls of one product on.
    Lease {
        /// The product to be called.
        product: ProductId,
        /// The instance that asks.
        writer: WriterId,
        /// What pays when no grant does; `None` when the product is not sold by use.
        rate: Option<Rate>,
        /// What the instance expects to spend while the lease lasts; it may get less, and down to one call.
        want: Usage,
        /// The most units that one call may come to: a lease of fewer pays for none.
        #[serde(default)]
        units_of_call: u64,
        /// How long it wants it for.
        lasting: Millis,
        /// How long it lasts instead, where that is longer and it is a small part of what is left.
        #[serde(default)]
        while_plenty: Millis,
        /// The credential that the lease is for alone, where it has limits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limited: Option<LimitedBy>,
    },
    /// Books usage: each batch with the lines of this account. A batch that is known already is not booked again.
    Settle {
        /// In any order.
        batches: Vec<AccountBatch>,
    },
    /// Does what the time demands: lapses leases whose last possible batch was settled, expires grants.
    Tick {
        /// How far the journal was settled.
        seen: Seen,
        /// The products that were sold once and are not in the catalog any more: subscriptions of them end with their period.
        #[serde(default)]
        gone: Vec<ProductId>,
    },
    /// Suspends the account, or lets it call again. A suspended account gets no lease; all else goes on.
    SetStatus {
        /// Whether it is suspended from now on.
        suspended: bool,
    },
    /// Puts entries of a copy of this book back behind those that are there. What is there already is passed over.
    Restore {
        /// In order, as [`super::Entry::to_bytes`] writes them: who only asks for leases need not know how entries look.
        entries: Vec<Vec<u8>>,
    },
    /// Seals the usage that is not sealed yet, so that whoever reads the entries sees it.
    Seal,
    /// Adds money that a payment service has received for an order, and sells what the order is for in the same step. Where the
    /// account cannot be sold that, the money stays in the balance.
    Pay(Paid),
    /// Books money that has left already: a payment service has paid it back, or a bank has taken it. What was spent of it is
    /// owed from then on.
    Reverse {
        /// More than nothing, and no more than was received.
        amount: Micros,
        /// The service's own name for it.
        reference: String,
    },
}

impl Command {
    /// Whether an idempotency key means something: the others change nothing when they are repeated, or cannot be.
    pub const fn moves_money(&self) -> bool {
        !matches!(
            self,
            Self::Open { .. }
                | Self::Lease { .. }
                | Self::Settle { .. }
                | Self::Tick { .. }
                | Self::SetStatus { .. }
                | Self::Restore { .. }
                | Self::Seal
        )
    }
}

/// How far the journal was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The moment up to which it was settled completely: every batch begun before has been handed in.
    pub settled_until: Timestamp,
    /// The moment up to which that is so, unless the store shows a batch later than it does as a rule. A writer that was due
    /// before and was not heard is gone.
    pub heard_until: Timestamp,
    /// The moment from which on settlements begin to read: what was begun before is not read again.
    pub read_from: Timestamp,
}

/// What one batch says of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountBatch {
    /// Which batch.
    pub id: BatchId,
    /// The minute it was begun in.
    pub window: Window,
    /// This account's lines of it.
    pub lines: Vec<Line>,
    /// This account's closings in it.
    pub closings: Vec<Closing>,
}

/// What an account answers to a command it carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The account is open.
    Opened,
    /// Money moved.
    Booked {
        /// The entry's sequence number.
        entry: u64,
        /// The balance after it.
        balance: Micros,
        /// The grant that was bought.
        grant: Option<GrantId>,
    },
    /// A lease.
    Leased(Lease),
    /// Usage was booked.
    Settled(Settled),
    /// The time's work was done.
    Ticked {
        /// When there is more of it, as in [`Settled`].
        #[serde(default)]
        due: Option<Timestamp>,
    },
}

impl Answer {
    /// The same, and when the time has work to do for the account as it is now.
    #[must_use]
    pub fn with_due(mut self, next: Option<Timestamp>) -> Self {
        if let Self::Settled(Settled { due, .. }) | Self::Ticked { due } = &mut self {
            *due = next;
        }
        self
    }
}

/// What became of the batches of one `Settle`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settled {
    /// Batches booked now.
    pub applied: u64,
    /// Batches that had been booked before.
    pub known: u64,
    /// Batches not booked, and why.
    pub refused: Vec<(BatchId, String)>,
    /// When a `Tick` may have something to do for the account, as [`super::Account::next_due`] says.
    #[serde(default)]
    pub due: Option<Timestamp>,
}

/// Why an account did not carry out a command. Nothing was booked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// No such account.
    #[error("there is no such account")]
    NotOpen,
    /// It was opened before, with another currency, and money was moved in it.
    #[error("the account is open already, and its book is kept in another currency")]
    AlreadyOpen,
    /// An amount that is not more than nothing, or too large to be held.
    #[error("the amount must be more than nothing and small enough to be booked")]
    Amount,
    /// Money of another currency.
    #[error("the account is kept in {0}")]
    Currency(Currency),
    /// No subscription of this id is running.
    #[error("there is no such subscription, or its period is not paid for")]
    NoSubscription,
    /// A time zone that nobody knows, or a period that ends after the year 9999.
    #[error("the calendar does not know this time zone, or does not reach as far")]
    Calendar,
    /// The balance does not pay for it.
    #[error("the balance does not cover it: {available} available, {needed} needed")]
    Balance {
        /// What is there and not leased.
        available: Micros,
        /// What it takes.
        needed: Micros,
    },
    /// The same idempotency key came with another command.
    #[error("this idempotency key was used for something else")]
    KeyReused,
    /// The nonce of a strictly admitted call was taken before.
    #[error("this nonce was used before")]
    NonceUsed,
    /// Every grant for the product is used up or leased out, and nothing else pays. `leased`: whether open leases hold
    /// something that may come back.
    #[error("everything bought of this product is used up")]
    QuotaExhausted {
        /// Whether something is leased out that may come back.
        leased: bool,
    },
    /// The last grant for the product has expired, and nothing else pays.
    #[error("what was bought of this product has expired")]
    QuotaExpired,
    /// The balance pays for no call.
    #[error("the balance does not pay for a call")]
    BalanceExhausted {
        /// Whether something is leased out that may come back.
        leased: bool,
    },
    /// What a credential may spend in a period is spent or leased out.
    #[error("the credential's limit is used up until {renews}")]
    LimitExhausted {
        /// When the period ends.
        renews: Timestamp,
        /// Whether it is leased out, and may come back.
        leased: bool,
    },
    /// The account has had this package, of which each account gets one.
    #[error("each account can have this package once, and this one has had it")]
    SoldOnce,
    /// The provider has suspended the account.
    #[error("the account is suspended")]
    Suspended,
    /// Something else is agreed than was to be replaced.
    #[error("something else was agreed meanwhile")]
    TermsChanged,
    /// Entries that do not go on where the book ends.
    #[error("the copy does not go on where the book ends: {0}")]
    OtherBook(BrokenChain),
    /// Money that changes hands, or a limit on it, in parts that the currency does not have.
    #[error("the smallest amount of {currency} is {coin}", currency = .0, coin = .0.coin())]
    TooFine(Currency),
}
