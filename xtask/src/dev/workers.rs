//! The Node process that runs both Workers (`js/dev.mjs`).

use std::process::{ExitStatus, Stdio};

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::{Options, group::Group, payments, state::State};
use crate::{
    build::Worker,
    process::{npm_tool, root},
};

/// The running Workers.
pub(super) struct Workers {
    /// Where the gateway serves: scheme and authority.
    pub(super) gateway: String,
    node: Group,
}

#[derive(Deserialize)]
struct Serving {
    gateway: String,
}

impl Workers {
    /// Starts the Workers that were built, and waits until they serve. Port 0 picks a free one.
    pub(super) async fn start(state: &State, options: &Options, payments: &str) -> Result<Self> {
        let (port, profile) = (options.port, options.profile());
        let [issuer, client, secret] = options.oidc();
        let mut command = npm_tool("node")?;
        command.arg(root().join("xtask/js/dev.mjs"));
        let mut node = Group::start(command, Stdio::piped())?;
        let order = json!({
            "root": root(),
            "port": port,
            "state": state.data(),
            "builds": {
                "edge": Worker::Edge.build_directory(profile),
                "billing": Worker::BillingWorker.build_directory(profile),
            },
            "operations": options.operations,
            "bindings": {
                // A run keeps a tenth for what is asked beside it, as it does of the 1,000 that Cloudflare allows.
                "RUN_OPERATIONS": (options.operations - options.operations / 10).to_string(),
                "MASTER_KEY": state.master_key,
                "ADMIN_TOKEN": state.admin_token,
                "FLUSH_SECONDS": "1",
                "METRICS_SECONDS": "1",
                "DEV_CLOCK": "1",
                "OIDC_ISSUER": issuer,
                "OIDC_CLIENT_ID": client,
                "OIDC_CLIENT_SECRET": secret,
                "STRIPE_KEY": payments::KEY,
                "STRIPE_WEBHOOK_SECRETS": payments::SECRET,
                "STRIPE_API": payments,
            },
        });
        if let Some(input) = node.input() {
            input.write_all(format!("{order}\n").as_bytes()).await?;
        }
        let mut answer = String::new();
        if let Some(output) = node.output() {
            BufReader::new(output).read_line(&mut answer).await?;
        }
        match serde_json::from_str(&answer) {
            Ok(Serving { gateway }) => Ok(Self { gateway, node }),
            Err(_) => bail!("the Workers' runtime did not start; what it said is above (is port {port} taken?)"),
        }
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus> {
        self.node.ended().await
    }

    /// Ends it, and does not come back before it has ended.
    pub(super) async fn stop(self) {
        self.node.stop().await;
    }
}
