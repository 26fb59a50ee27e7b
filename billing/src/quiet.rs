//! Whether a run has anything to do. A gateway that nobody uses asks three questions a minute, and lists nothing.
//!
//! What is journaled and not booked was used on a lease. A lease that is out is due within minutes, and its account's object
//! announces that to the index before anybody hears of the lease. So an index in which nothing is due soon says that nothing
//! waits. Invariant: what the index does not know waits for the next run in full, two hours at most. That happens when an
//! announcement was lost, or when a batch was shown only after its lease had lapsed.

use farebox_core::{
    ledger::{HEARD_WITHIN_OF_LONG, LONGEST_LEASE},
    time::{HOUR, MINUTE, Millis, Timestamp},
};
use farebox_ports::{Documents, DueIndex, Fault, Host, UsageJournal, log::tell};

use crate::{settlement, webhooks};

/// How far ahead something is due where a lease may be out: 5 min of the longest lease + 45 s until its holder is heard of + 10
/// min until a wait for a last batch is looked at again.
const LOOKS_AHEAD: Millis = 16 * MINUTE;
const _: () = assert!(LOOKS_AHEAD > LONGEST_LEASE + HEARD_WITHIN_OF_LONG + 10 * MINUTE);

/// For how long runs may find nothing to do before one looks at everything.
const QUIET_FOR: Millis = 2 * HOUR;

/// Whether nothing can wait for a run at `now`. Where that cannot be told, something may.
pub(crate) async fn is_quiet(ports: &(impl Documents + DueIndex + UsageJournal + Host), now: Timestamp) -> bool {
    all_rest(ports, now).await.unwrap_or_else(|fault| {
        tell(ports, "run.unsure", &[], &fault);
        false
    })
}

async fn all_rest(ports: &(impl Documents + DueIndex + UsageJournal + Host), now: Timestamp) -> Result<bool, Fault> {
    Ok(ports.due(now.plus(LOOKS_AHEAD), 1).await?.is_empty()
        && settlement::is_whole(ports, now, QUIET_FOR).await?
        && webhooks::are_at_rest(ports).await?)
}
