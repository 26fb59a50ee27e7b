//! The clock that development and tests can move, so that a month can be tried in a minute.
//!
//! Invariant: it only moves forward, and only where the deployment's settings allow it. Who is told that it was moved may go
//! by it: every part of the gateway that has seen the store has noticed by then.

use farebox_core::time::{DAY, Millis, Timestamp};
use farebox_ports::{clock::HOLDS, keys::CLOCK_ENTRY, schema::Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    http::{Answered, Call, Ports, Response, failure::Failure},
    store,
};

/// As far as the clock can be moved in all.
const FURTHEST: Millis = 36_500 * DAY;

/// How far to move it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClockMove")]
pub(crate) struct Move {
    /// Milliseconds.
    #[schemars(range(min = 0, max = FURTHEST))]
    advance_ms: Millis,
}

/// The clock.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Clock {
    #[schemars(with = "Time")]
    now: Timestamp,
    /// How far it was moved in all.
    advanced_ms: Millis,
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn move_clock(&self) -> Answered {
        if !self.settings.clock_moves {
            return Err(Failure::ClockFixed);
        }
        let Move { advance_ms } = self.body()?;
        let further = |advanced: Millis| {
            let moved = advanced.checked_add(advance_ms).filter(|moved| advance_ms >= 0 && *moved <= FURTHEST);
            let wrong =
                || Failure::Malformed("`advance_ms` must be 0 or more, and the clock within 100 years".to_owned());
            moved.ok_or_else(wrong)
        };
        further(0)?;
        // There is nothing to move from as long as nobody moved it; of two who are the first, one comes second.
        if store::current::<Millis>(self.ports, CLOCK_ENTRY).await?.is_none() {
            store::make::<Millis>(self.ports, CLOCK_ENTRY, &0).await?;
        }
        let moved = store::change(self.ports, CLOCK_ENTRY, further).await?.unwrap_or(advance_ms);
        self.ports.sleep(HOLDS).await;
        Response::json(200, &Clock { now: self.now.plus(advance_ms), advanced_ms: moved })
    }

    pub(crate) async fn show_clock(&self) -> Answered {
        Response::json(200, &Clock { now: self.now, advanced_ms: self.advanced().await? })
    }

    async fn advanced(&self) -> Result<Millis, Failure> {
        Ok(store::current(self.ports, CLOCK_ENTRY).await?.unwrap_or(0))
    }
}
