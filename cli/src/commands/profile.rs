//! `farebox profile`: gateways under names, so that their addresses and tokens need not be given each time.
//!
//! Invariant: what is kept has worked once, unless the user asked for no check.

use std::{io::IsTerminal, path::PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use farebox_cli::http::Problem;
use serde_json::json;
use url::Url;

use super::Format;
use crate::{
    admin::Admin,
    config::{self, Config, Profile as Kept},
    given,
};

/// Profiles: gateways under names, kept in ~/.config/farebox
#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// Keep a gateway and its admin token under a name; the first one is used when none is named
    #[command(after_help = "\
Example:
  farebox profile set production https://api.acme.example
  farebox profile set production https://api.acme.example --from-file admin.token")]
    Set {
        /// The name: letters, digits, - and _
        #[arg(value_parser = name)]
        name: String,
        /// Address of the gateway
        #[arg(value_name = "URL", value_parser = given::address)]
        address: Url,
        /// File that holds the admin token; without, it is asked for, or read from standard input
        #[arg(long = "from-file", value_name = "FILE")]
        from_file: Option<PathBuf>,
        /// Keep it without trying whether the gateway answers and takes the token
        #[arg(long)]
        no_check: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Use a profile from now on when none is named
    #[command(after_help = "Example:\n  farebox profile use production")]
    Use {
        /// The name
        name: String,
        #[command(flatten)]
        format: Format,
    },
    /// List the profiles
    #[command(after_help = "Example:\n  farebox profile list")]
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Forget a profile and its token
    #[command(after_help = "Example:\n  farebox profile remove staging")]
    Remove {
        /// The name
        name: String,
        #[command(flatten)]
        format: Format,
    },
}

impl Profile {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut config = Config::load()?;
        match self {
            Self::Set { name, address, from_file, no_check, format } => {
                let token = match from_file {
                    Some(file) => config::secret(&file)?,
                    None => token(&address)?,
                };
                if token.is_empty() {
                    bail!("the admin token is empty: give --from-file FILE, or pipe the token to standard input");
                }
                if !no_check {
                    check(&address, &token)
                        .with_context(|| format!("{name} is not kept (--no-check keeps it untried)"))?;
                }
                let token_file = Some(config.keep_token(&name, &token)?);
                config.profiles.insert(name.clone(), Kept { gateway: address.clone(), token_file });
                config.profile.get_or_insert_with(|| name.clone());
                config.save()?;
                let is_default = config.profile.as_deref() == Some(&name);
                let answer =
                    json!({ "profile": name, "gateway": address, "default": is_default, "checked": !no_check });
                let used = if is_default { ", and used when none is named" } else { "" };
                format.done(&answer, &format!("{name} is kept{used}"));
            }
            Self::Use { name, format } => {
                let gateway = config.profile(&name)?.gateway.clone();
                config.profile = Some(name.clone());
                config.save()?;
                let answer = json!({ "profile": name, "gateway": gateway, "default": true });
                format.done(&answer, &format!("{name} is used when none is named"));
            }
            Self::List { format } => {
                let row = |(name, profile): (&String, &Kept)| {
                    let used = if config.profile.as_ref() == Some(name) { "yes" } else { "" };
                    json!({ "profile": name, "gateway": profile.gateway, "default": used })
                };
                format.list(config.profiles.iter().map(row).collect(), &["profile", "gateway", "default"]);
            }
            Self::Remove { name, format } => {
                config.profile(&name)?;
                config.profiles.remove(&name);
                config.drop_token(&name);
                if config.profile.as_ref() == Some(&name) {
                    config.profile = None;
                }
                config.save()?;
                format.done(&json!({ "profile": name, "removed": true }), &format!("{name} is forgotten"));
            }
        }
        Ok(())
    }
}

/// Tries whether a gateway answers there and takes the token. Any role may list accounts.
fn check(gateway: &Url, token: &str) -> anyhow::Result<()> {
    Admin::new(gateway, token)?.first("accounts", 1).map(drop).map_err(|error| {
        match error.downcast_ref::<Problem>().map(|problem| problem.status) {
            Some(401) => error.context(format!("{gateway} does not take this token")),
            Some(404) => error.context(format!("{gateway} is no gateway of Farebox")),
            _ => error,
        }
    })
}

fn token(gateway: &Url) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password(format!("Admin token of {gateway}: "))?);
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("cannot read the admin token from standard input")?;
    Ok(line.trim().to_owned())
}

/// A name that can be a file's.
fn name(text: &str) -> anyhow::Result<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.is_empty() || text.len() > 64 || !text.chars().all(is_plain) {
        bail!("a name has letters, digits, - and _");
    }
    Ok(text.to_owned())
}
