//! The ports that the way of a call needs, under one name.

use farebox_ports::{Host, KeyValue, Ledger, PublicKeys, RateLimits, SingleFlight, UsageJournal};

/// All that the way of a call needs.
pub trait EdgePorts:
    KeyValue + UsageJournal + Ledger + RateLimits + SingleFlight + PublicKeys + Host + 'static
{
}

impl<P: KeyValue + UsageJournal + Ledger + RateLimits + SingleFlight + PublicKeys + Host + 'static> EdgePorts for P {}
