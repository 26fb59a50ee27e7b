//! Rate limits in memory, which all clones share.

use farebox_core::{
    limit::{Bucket, Limit},
    time::SECOND,
};
use farebox_ports::{Fault, RateLimits, Taken};

use crate::Memory;

impl RateLimits for Memory {
    const SHARED: bool = true;

    async fn take_calls(&self, name: &str, limit: Limit, want: u32) -> Result<Taken, Fault> {
        self.up("limits")?;
        let (now, mut limits) = (self.now.get(), self.limits.borrow_mut());
        let bucket: &mut Bucket = limits.entry(name.to_owned()).or_default();
        let mut taken = 0;
        while taken < want {
            match bucket.check(limit, now) {
                Ok(()) => bucket.take(limit, now),
                Err(seconds) if taken == 0 => return Ok(Taken::Later(i64::from(seconds) * SECOND)),
                Err(_) => break,
            }
            taken += 1;
        }
        Ok(Taken::Calls(taken))
    }
}
