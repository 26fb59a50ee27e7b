//! The book of one account and its till, as a decider: `decide(account, command, now)` says which entries a command makes and
//! what becomes of the till, `Account::advance` what they do. Both are pure; a platform's ledger port loads, decides and writes.

mod account;
mod applied;
mod books;
mod chain;
pub mod command;
mod cover;
mod credential_limits;
mod csv;
mod decide;
mod draft;
mod entry;
mod event;
mod evolve;
mod grant;
mod keys;
mod lease_offer;
mod line;
mod payment;
mod renewal;
mod report;
mod repricing;
mod rollover;
mod sale;
mod seal;
mod seal_text;
mod series;
mod settlement;
mod snapshot;
mod statement;
mod subscription;
mod terms_stored;
mod tick;
mod till;
mod usage;

pub use account::{Account, BookedLease, GrantRow};
pub use applied::REMEMBERED;
pub use books::{Book, Books, Posting, postings};
pub use chain::{BrokenChain, verify};
pub use command::{Answer, Command, IdempotencyKey, Refusal, Settled};
pub use credential_limits::LimitCounter;
pub use decide::{Decision, decide};
pub use entry::{Cause, Entry, Hash, Unreadable};
pub use event::{ClosedGrant, Ending, Event, Notice, PlanChanged, Subscribed};
pub use grant::{Grant, Quota};
pub use keys::KEY_MEMORY;
pub use lease_offer::LONGEST_LEASE;
pub use line::RatingLine;
pub use payment::{Bought, Paid};
pub use report::UsageReport;
pub use repricing::{Repriced, Repricing};
pub use sale::Sale;
pub use seal::{BegunLine, LateUsage, SealedUsage, UsageSealed, WriterRanges};
pub use series::{Hours, MOST_TALLIES, Series, Step, Tally, UnreadableSeries};
pub use statement::{
    BadStatement, Overrun, StatedCharge, StatedEntry, StatedTier, Statement, StatementWriter, Unaccounted,
};
pub use subscription::{Beyond, Every, Period, PlanTerms, Subscription};
pub use tick::{HEARD_WITHIN, HEARD_WITHIN_OF_LONG, LAPSE_AFTER};
pub use till::{Register, Till, UnreadableTill};
pub use usage::{Burn, Charge, Leased, LineTerms, Rest, Settlement, Source, UsageLine, Used, WriterBatches};
