//! What Farebox asks of a platform: a trait for each thing, and the forms of what is stored through it.
//!
//! Ports are traits with native `async fn`, used by static dispatch and without `Send`: both platforms run one thread
//! per instance. One type per platform implements all of them, in one file per port, under the names of the files here.
//! Beside them is what every plane must agree on: the keys of what is stored, counters, the clock, and how a log line looks.
//! Boundary: nothing is decided here, and nothing here knows who calls it.
#![allow(async_fn_in_trait)]

mod assets;
mod body;
pub mod clock;
pub mod counters;
mod directory;
mod documents;
mod due_index;
mod fault;
mod host;
mod key_value;
pub mod keys;
mod ledger;
pub mod log;
mod mailer;
mod public_keys;
mod rate_limits;
pub mod recent_changes;
pub mod reports;
pub mod schema;
mod single_flight;
pub mod stored;
mod usage_journal;
mod web;

pub use assets::Assets;
pub use body::Unread;
pub use directory::Directory;
pub use documents::Documents;
pub use due_index::{Due, DueIndex};
pub use fault::Fault;
pub use host::Host;
pub use key_value::{KeyValue, LOCATION_HOLDS, Page};
pub use ledger::Ledger;
pub use mailer::{Mail, Mailer};
pub use public_keys::PublicKeys;
pub use rate_limits::{RateLimits, Taken};
pub use single_flight::SingleFlight;
pub use usage_journal::{Listed, UsageJournal};
pub use web::{ANSWER_LIMIT, Web, WebAnswer, WebMethod, WebRequest};
