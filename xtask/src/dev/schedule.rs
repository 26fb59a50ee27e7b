//! What asks for the settlement where the runtime has no scheduler: at the turn of each minute, as cron does.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::JoinHandle;

use super::api::Admin;

const MINUTE: u64 = 60_000;

/// A running scheduler. It ends with the value.
pub(super) struct Schedule(JoinHandle<()>);

impl Schedule {
    /// Starts one for `gateway`.
    pub(super) fn start(gateway: &str, admin_token: &str) -> Self {
        let admin = Admin::new(gateway, admin_token);
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(until_the_minute_turns()).await;
                if let Err(error) = admin.post("settlements", None, &serde_json::json!({})).await {
                    eprintln!("the scheduled run failed: {error:#}");
                }
            }
        }))
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn until_the_minute_turns() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Duration::from_millis(MINUTE - u64::try_from(since).unwrap_or_default() % MINUTE)
}
