//! What happens by the clock. One run: settle, then tell the provider.
//!
//! A scheduled run ends before it begins where nothing can wait for it (`quiet`). Invariant: settling and telling together ask the
//! platform for no more than one invocation may. What is settled stays settled whatever becomes of the telling, which goes on with
//! the next run.

mod counted;
mod counters_sweep;
mod quiet;
pub mod settlement;
pub mod webhooks;

use farebox_core::{credential::MasterKey, time::Timestamp};
use farebox_ports::{
    Documents, DueIndex, Fault, Host, KeyValue, Ledger, UsageJournal, Web, log::tell, reports::Reports,
};

use crate::{counted::Counted, settlement::Report};

/// All that a run needs.
pub trait BillingPorts: KeyValue + Documents + UsageJournal + Ledger + DueIndex + Reports + Web + Host {}

impl<P: KeyValue + Documents + UsageJournal + Ledger + DueIndex + Reports + Web + Host> BillingPorts for P {}

/// What starts a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The clock: a run that finds nothing to do is skipped, or leaves no report.
    Clock,
    /// Somebody who waits for the report: the run is never skipped, and its report is kept.
    Request,
}

/// Settles everything that the journal shows, and sends what the provider's endpoints do not have yet. Accounts that had usage,
/// or of which something was due, come first.
///
/// # Errors
/// As [`settlement::run`].
pub async fn run<P: BillingPorts>(
    ports: &P,
    master_key: &MasterKey,
    now: Timestamp,
    trigger: Trigger,
) -> Result<Report, Fault> {
    let ports = &Counted::new(ports);
    if trigger == Trigger::Clock && quiet::is_quiet(ports, now).await {
        return Ok(Report { at: now, operations: ports.spent(), ..Report::default() });
    }
    let settled = settlement::settle(ports, now, trigger).await;
    let used = settled.as_ref().map_or(&[][..], |(_, used)| used);
    if let Err(fault) = webhooks::deliver(ports, master_key, now, used).await {
        tell(ports, "webhooks.stopped", &[], &fault);
    }
    settled.map(|(report, _)| report)
}
