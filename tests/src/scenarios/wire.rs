//! Whatever bytes come, the gateway stays whole, forwards what was signed and nothing else, and spends no more time on one
//! request than on twenty.

use anyhow::Result;

use crate::{Farebox, fuzz};

/// Raw requests by chance, two thousand of them; `cargo xtask fuzz` sends as many as one has time for.
pub async fn raw_requests_break_nothing_and_pass_only_as_they_were_signed(farebox: &Farebox) -> Result<()> {
    fuzz::run(farebox).await
}
