//! Rate limits on Workers: instances last, so each counts by itself, and none asks for a share.

use farebox_core::limit::Limit;
use farebox_ports::{Fault, RateLimits, Taken};

use crate::Platform;

impl RateLimits for Platform {
    const SHARED: bool = false;

    async fn take_calls(&self, _name: &str, _limit: Limit, want: u32) -> Result<Taken, Fault> {
        Ok(Taken::Calls(want))
    }
}
