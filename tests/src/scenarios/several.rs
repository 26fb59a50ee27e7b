//! Several processes that serve the same accounts sell no more than one does, on either kind of store that Spin has for it.

use std::fs;

use anyhow::Result;

use super::{credential_limits::on_each_day, limits::use_up};
use crate::{
    Farebox,
    servers::{Postgres, Redis},
};

/// Both on the same SQLite files.
pub async fn a_crowd_at_two_processes_on_one_sqlite_file(others: &Farebox) -> Result<()> {
    let farebox = others.another_with("sqlite", &["--processes", "2"])?;
    use_up(&farebox, "crowd", "/crowd/call").await
}

/// Three processes on the same SQLite files keep a credential to its limit.
pub async fn a_limited_credential_at_three_processes(others: &Farebox) -> Result<()> {
    on_each_day(&others.another_with("limited-3", &["--processes", "3"])?).await
}

/// As on two machines: the ledger in PostgreSQL, the usage journal in Redis.
pub async fn a_crowd_at_two_processes_on_postgresql_and_redis(others: &Farebox) -> Result<()> {
    let (postgres, redis) = (Postgres::start().await?, Redis::start().await?);
    let config = others.directory().join("stores.toml");
    fs::write(&config, format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", redis.url()))?;
    let farebox = others.another_with(
        "servers",
        &[
            "--processes",
            "2",
            "--runtime-config-file",
            &config.to_string_lossy(),
            "--variable",
            "ledger=postgres",
            "--variable",
            &format!("postgres={}", postgres.url()),
        ],
    )?;
    use_up(&farebox, "crowd", "/crowd/call").await
}
