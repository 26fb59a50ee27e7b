//! `farebox secret`: what upstreams demand of whoever calls them.
//!
//! Invariant: a secret is no word of a command line, where other users of the machine and the shell's history would have it.

use std::{io::IsTerminal, path::PathBuf};

use anyhow::Context;
use clap::Subcommand;
use farebox_core::id::UpstreamCredentialName;
use serde_json::json;

use super::Format;
use crate::admin::Connection;

const COLUMNS: [&str; 2] = ["name", "set"];

/// Secrets that upstreams demand: what the gateway adds to each forwarded call of a product with `upstream_auth`
#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Set a secret, or put another in its place
    ///
    /// For owners. It is asked for, or read from a file; nobody is shown it again. Calls carry it within a minute.
    #[command(
        after_help = "Example:\n  farebox secret put weather\n  vault read weather | farebox secret put weather --file -"
    )]
    Put {
        /// Its name: the product's id, or what `secret` of `upstream_auth` says
        name: UpstreamCredentialName,
        /// File that holds it; `-` for standard input
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        format: Format,
    },
    /// List the secrets that are set, by their names
    #[command(after_help = "Example:\n  farebox secret list")]
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Remove a secret: calls that need it are turned away within a minute
    #[command(after_help = "Example:\n  farebox secret remove weather")]
    Remove {
        /// Its name
        name: UpstreamCredentialName,
        #[command(flatten)]
        format: Format,
    },
}

impl Secret {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        match self {
            Self::Put { name, file, format } => {
                let body = json!({ "secret": secret(&name, file)? });
                let answer = admin.replace(&format!("upstream-credentials/{name}"), None, &body)?;
                format.done(&answer, &format!("{name} is set"));
            }
            Self::List { format } => format.list(admin.list("upstream-credentials", &[])?, &COLUMNS),
            Self::Remove { name, format } => {
                let answer = admin.delete(&format!("upstream-credentials/{name}"))?;
                format.done(&answer, &format!("{name} is removed"));
            }
        }
        Ok(())
    }
}

/// The secret: of a file, or asked for.
fn secret(name: &UpstreamCredentialName, file: Option<PathBuf>) -> anyhow::Result<String> {
    let from = match file {
        None if std::io::stdin().is_terminal() => {
            return rpassword::prompt_password(format!("Secret of {name}: ")).context("cannot ask for the secret");
        }
        file => file.unwrap_or_else(|| "-".into()),
    };
    // An editor or `echo` ends a file with a line feed, which is no part of a secret.
    Ok(super::read(&from)?.trim_end_matches(['\r', '\n']).to_owned())
}
