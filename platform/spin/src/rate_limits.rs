//! Rate limits on Spin: a row for each bucket in the database, which all instances take calls off.
//!
//! Invariant: a call is taken by one statement that changes nothing where the bucket does not have it, so that of two instances
//! at once both see what the other took.

use farebox_core::{
    limit::{Limit, Terms},
    time::{HOUR, Millis},
};
use farebox_gateway::ports::{Fault, Host, RateLimits, Taken};

use crate::{Platform, database::Value, host::NANOS_PER_MILLI};

/// Takes calls where the bucket has them. See [`Terms`].
const TAKE: &str = "INSERT INTO farebox_limits (bucket, used) VALUES ($1, $2) ON CONFLICT (bucket) DO UPDATE SET used = \
    CASE WHEN farebox_limits.used BETWEEN $3 AND $4 THEN farebox_limits.used ELSE $3 END + $5 \
    WHERE CASE WHEN farebox_limits.used BETWEEN $3 AND $4 THEN farebox_limits.used ELSE $3 END + $5 <= $6 RETURNING used";

/// Buckets that have long been full are removed about once in so many times that a bucket is asked. So there are never many more
/// than were asked in an hour, and looking through them costs each of those who ask about as much as one row.
const SWEPT_EVERY: Millis = 1_024;

impl RateLimits for Platform {
    const SHARED: bool = true;

    async fn take_calls(&self, name: &str, limit: Limit, want: u32) -> Result<Taken, Fault> {
        let now = self.now();
        if now.millis() % SWEPT_EVERY == 0 {
            let long_full = limit.terms(0, now.plus(-HOUR)).now;
            self.limits.query("DELETE FROM farebox_limits WHERE used < $1", &[long_full.into()]).await?;
        }
        if want > 1 && self.take(name, limit.terms(want, now)).await? {
            return Ok(Taken::Calls(want));
        }
        let one = limit.terms(1, now);
        if self.take(name, one).await? {
            return Ok(Taken::Calls(1));
        }
        let statement = "SELECT used FROM farebox_limits WHERE bucket = $1";
        let used = match self.limits.query(statement, &[name.into()]).await?.pop() {
            Some(Value::Integer(used)) => used,
            _ => one.furthest,
        };
        let wait = used.saturating_add(one.cost).saturating_sub(one.furthest).max(0).unsigned_abs();
        Ok(Taken::Later(Millis::try_from(wait.div_ceil(NANOS_PER_MILLI)).unwrap_or(HOUR).max(1)))
    }
}

impl Platform {
    async fn take(&self, name: &str, Terms { now, furthest, latest, cost }: Terms) -> Result<bool, Fault> {
        let first = now.saturating_add(cost);
        let values = [name.into(), first.into(), now.into(), latest.into(), cost.into(), furthest.into()];
        Ok(!self.limits.query(TAKE, &values).await?.is_empty())
    }
}
