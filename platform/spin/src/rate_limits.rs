//! Rate limits on Spin: a row for each bucket in the database, which all instances take calls off.
//!
//! A look comes first, because a statement that may write waits for the database's one lock also where it then changes nothing.
//! Invariant: one statement takes a call, and changes nothing where the bucket does not have it. So of two instances at once both
//! see what the other took.

use farebox_core::{
    limit::{Limit, Terms},
    time::{HOUR, Millis},
};
use farebox_ports::{Fault, Host, RateLimits, Taken};

use crate::{Platform, database::Value, host::NANOS_PER_MILLI};

/// Takes calls where the bucket has them. See [`Terms`].
const TAKE: &str = "INSERT INTO farebox_limits (bucket, used) VALUES ($1, $2) ON CONFLICT (bucket) DO UPDATE SET used = \
    CASE WHEN farebox_limits.used BETWEEN $3 AND $4 THEN farebox_limits.used ELSE $3 END + $5 \
    WHERE CASE WHEN farebox_limits.used BETWEEN $3 AND $4 THEN farebox_limits.used ELSE $3 END + $5 <= $6 RETURNING used";

/// Buckets that have long been full are removed about once in so many times that a bucket is asked. So there are never many more
/// buckets than were asked in an hour. Looking through them costs each of those who ask about as much as one row.
const SWEPT_EVERY: Millis = 1_024;

impl RateLimits for Platform {
    const SHARED: bool = true;

    async fn take_calls(&self, name: &str, limit: Limit, want: u32) -> Result<Taken, Fault> {
        let now = self.now();
        if now.millis() % SWEPT_EVERY == 0 {
            let long_full = limit.terms(0, now.plus(-HOUR)).now;
            self.limits.query("DELETE FROM farebox_limits WHERE used < $1", &[long_full.into()]).await?;
        }
        let mut used = self.used(name).await?;
        for calls in [want.max(1), 1] {
            let terms = limit.terms(calls, now);
            // Where they are not there, no lock is asked for.
            while terms.take(used).is_some() {
                if self.take(name, terms).await? {
                    return Ok(Taken::Calls(calls));
                }
                used = self.used(name).await?;
            }
        }
        let one = limit.terms(1, now);
        let wait = used.saturating_add(one.cost).saturating_sub(one.furthest).max(0).unsigned_abs();
        Ok(Taken::Later(Millis::try_from(wait.div_ceil(NANOS_PER_MILLI)).unwrap_or(HOUR).max(1)))
    }
}

impl Platform {
    /// What a bucket holds; nothing that is of now where there is none.
    async fn used(&self, name: &str) -> Result<i64, Fault> {
        match self.limits.query("SELECT used FROM farebox_limits WHERE bucket = $1", &[name.into()]).await?.pop() {
            Some(Value::Integer(used)) => Ok(used),
            _ => Ok(0),
        }
    }

    async fn take(&self, name: &str, Terms { now, furthest, latest, cost }: Terms) -> Result<bool, Fault> {
        let first = now.saturating_add(cost);
        let values = [name.into(), first.into(), now.into(), latest.into(), cost.into(), furthest.into()];
        Ok(!self.limits.query(TAKE, &values).await?.is_empty())
    }
}
