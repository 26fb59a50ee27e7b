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

/// Settles everything that can be seen, and sends what the provider's endpoints do not have yet: first of the accounts that
/// had usage, or of which something was due. `asked`: somebody waits for the report, so the run is never skipped and its report is kept.
///
/// # Errors
/// As [`settlement::run`].
pub async fn run<P: BillingPorts>(
    ports: &P,
    master_key: &MasterKey,
    now: Timestamp,
    asked: bool,
) -> Result<Report, Fault> {
    let ports = &Counted::new(ports);
    if !asked && quiet::is_quiet(ports, now).await {
        return Ok(Report { at: now, operations: ports.spent(), ..Report::default() });
    }
    let settled = settlement::settle(ports, now, asked).await;
    let used = settled.as_ref().map_or(&[][..], |(_, used)| used);
    if let Err(fault) = webhooks::deliver(ports, master_key, now, used).await {
        tell(ports, "webhooks.stopped", &[], &fault);
    }
    settled.map(|(report, _)| report)
}
