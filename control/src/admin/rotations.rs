//! Rotating credentials: making one in place of another, which goes on for a while.
//!
//! Invariant: the new one is held to what the old one is held to. Of its limits it has spent nothing yet.

use farebox_core::{
    credential::Credential,
    id::CredentialKey,
    time::{DAY, Millis, SECOND, Timestamp},
};
use farebox_ports::schema::{Id, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    credential_limits::Limit,
    credentials::{Made, Wanted},
};
use crate::http::{Answered, Call, Ports, Response, failure::Failure};

/// How long a credential goes on after it was rotated, where nothing else is said.
const OVERLAP: Millis = 7 * DAY;

/// The longest overlap.
const LONGEST_OVERLAP: Millis = 366 * DAY;

/// How a credential is rotated.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CredentialRotation")]
pub(crate) struct Rotation {
    /// How long the old one goes on beside the new one, in seconds. A week when left out; 0 ends it now.
    #[schemars(range(min = 0, max = LONGEST_OVERLAP / SECOND))]
    overlap_seconds: Option<u32>,
}

/// A new credential in place of another.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RotatedCredential")]
pub(crate) struct Rotated {
    #[serde(flatten)]
    made: Made,
    /// The one it is to replace.
    #[schemars(with = "Id")]
    replaces: CredentialKey,
    /// From when on that one is refused.
    #[schemars(with = "Time")]
    replaced_until: Timestamp,
}

impl<P: Ports> Call<'_, P> {
    /// Makes another credential with the same restrictions, and lets the old one end. A repetition ends it at the same
    /// time, because that is counted from when the new one was made.
    pub(crate) async fn rotate_credential(&self, account: &str, key: &str) -> Answered {
        let old = self.credential(account, key).await?;
        let Rotation { overlap_seconds } = self.body()?;
        let overlap = overlap_seconds.map_or(OVERLAP, |seconds| Millis::from(seconds) * SECOND);
        if overlap > LONGEST_OVERLAP {
            return Err(Failure::Malformed("`overlap_seconds` must be within a year".to_owned()));
        }
        let seed = self.seed(&format!("rotation/{}", old.key))?;
        let made = if old.is_active(self.now) {
            let Credential { name, products, addresses, is_test: test, limits, .. } = old.clone();
            let limits = Some(limits.into_iter().map(Limit::from).collect());
            let wanted = Wanted { name, products, addresses, expires: None, limits, test };
            self.make_credential(old.account, wanted, &seed).await?
        } else {
            self.made_before(&seed).await?.ok_or(Failure::CredentialEnded)?
        };
        let ends = made.created.plus(overlap);
        let ended = |mut old: Credential| {
            old.expires = Some(old.expires.map_or(ends, |expires| expires.min(ends)));
            Ok(old)
        };
        let old = self.changed_credential(&old.key, ended).await?;
        let old = old.ok_or(Failure::CredentialUnknown)?;
        Response::json(201, &Rotated { made, replaces: old.key, replaced_until: old.expires.unwrap_or(ends) })
    }
}
