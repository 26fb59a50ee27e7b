//! The counters of instances that have ended, where a platform ends them by the dozen. Each leaves what it counted, and a
//! settlement run adds that to one sum. So a scrape reads a few entries, however many instances there were.
//!
//! Invariant: what an instance leaves is counted once. The sum names what it has taken in, and is changed by comparison; what it
//! has taken in is removed after that. So runs at once, and one that is interrupted, lose nothing and count nothing twice.

use farebox_core::id::WriterId;
use serde::{Deserialize, Serialize};

use super::Written;
use crate::{Fault, KeyValue, keys::METRICS_LEFT, stored::read};

/// The most that are added, or shown one by one, at once.
pub const AT_ONCE: u32 = 1_000;

/// What all ended instances counted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sum {
    #[serde(flatten)]
    /// All of it together.
    pub written: Written,
    /// Where the last of it was left, which may still be there.
    #[serde(default)]
    pub taken_in: Vec<String>,
}

impl Sum {
    /// Adds what was left under `key`, unless it was added before.
    pub fn take_in(&mut self, key: &str, left: &Written) {
        if !self.taken_in.iter().any(|taken| taken == key) {
            self.written.counters.add(&left.counters);
            self.taken_in.push(key.to_owned());
        }
    }
}

/// Where an instance leaves what it has counted since the last time it did so.
pub fn entry(writer: &WriterId, time: u64) -> String {
    format!("{METRICS_LEFT}{writer}-{time}")
}

/// What instances have left, with where, of so many at most.
///
/// # Errors
/// [`Fault`] when the store does not answer.
pub async fn left(ports: &impl KeyValue, most: u32) -> Result<Vec<(String, Written)>, Fault> {
    let mut all = Vec::new();
    for key in ports.list(METRICS_LEFT, None, most).await?.items {
        if let Some(left) = read(ports, &key).await? {
            all.push((key, left));
        }
    }
    Ok(all)
}
