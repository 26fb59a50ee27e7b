//! The book of one account, as a decider: `decide(account, command, now)` says which entries a command makes, and
//! `Account::evolve(entry)` what an entry does. Both are pure; a platform's ledger port loads, decides and appends.

mod account;
mod applied;
mod books;
mod chain;
pub mod command;
mod csv;
mod decide;
mod entry;
mod event;
mod evolve;
mod grant;
mod keys;
mod leasing;
mod line;
mod renewing;
mod report;
mod repricing;
mod settling;
mod snapshot;
mod statement;
mod subscription;
mod ticking;

pub use account::{Account, BookedLease, GrantRow};
pub use applied::REMEMBERED;
pub use books::{Book, Books, Posting, postings};
pub use chain::{BrokenChain, verify};
pub use command::{Answer, Command, IdempotencyKey, Refusal, Settled};
pub use decide::{Decision, decide};
pub use entry::{Cause, Entry, Hash, Unreadable};
pub use event::{
    Burn, Charge, ClosedGrant, Ending, Event, Leased, LineTerms, Notice, PlanChanged, Rest, Settlement, Source,
    Subscribed, UsageLine, WriterBatches,
};
pub use grant::{Grant, Quota};
pub use keys::KEY_MEMORY;
pub use leasing::LONGEST_LEASE;
pub use line::RatingLine;
pub use report::UsageReport;
pub use repricing::{Repriced, Repricing};
pub use statement::{
    BadStatement, Overrun, StatedCharge, StatedEntry, StatedTier, Statement, StatementWriter, Unaccounted,
};
pub use subscription::{Beyond, Every, Period, PlanTerms, Subscription};
pub use ticking::{HEARD_WITHIN, LAPSE_AFTER};
