//! `farebox profile`: gateways under names, so that their addresses and tokens need not be given each time.

use std::{io::IsTerminal, path::PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::json;
use url::Url;

use super::Format;
use crate::config::{self, Config, Profile as Kept};

/// Profiles: gateways under names, kept in ~/.config/farebox
#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// Keep a gateway and its admin token under a name; the first one is used when none is named
    #[command(after_help = "Example:\n  farebox profile set production https://api.acme.example")]
    Set {
        /// The name: letters, digits, - and _
        #[arg(value_parser = name)]
        name: String,
        /// Address of the gateway
        #[arg(value_name = "URL")]
        address: Url,
        /// File that holds the admin token; without, it is asked for, or read from standard input
        #[arg(long = "from-file", value_name = "FILE")]
        from_file: Option<PathBuf>,
    },
    /// Use a profile from now on when none is named
    #[command(after_help = "Example:\n  farebox profile use production")]
    Use {
        /// The name
        name: String,
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
    },
}

impl Profile {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut config = Config::load()?;
        match self {
            Self::Set { name, address, from_file } => {
                let token = match from_file {
                    Some(file) => config::secret(&file)?,
                    None => token(&address)?,
                };
                if token.is_empty() {
                    bail!("the admin token is empty");
                }
                let token_file = Some(config.keep_token(&name, &token)?);
                config.profiles.insert(name.clone(), Kept { gateway: address, token_file });
                config.profile.get_or_insert_with(|| name.clone());
                config.save()?;
                let is_default = config.profile.as_deref() == Some(&name);
                println!("{name} is kept{}", if is_default { ", and used when none is named" } else { "" });
            }
            Self::Use { name } => {
                config.profile(&name)?;
                println!("{name} is used when none is named");
                config.profile = Some(name);
                config.save()?;
            }
            Self::List { format } => {
                let row = |(name, profile): (&String, &Kept)| {
                    let used = if config.profile.as_ref() == Some(name) { "yes" } else { "" };
                    json!({ "profile": name, "gateway": profile.gateway, "default": used })
                };
                format.list(config.profiles.iter().map(row).collect(), &["profile", "gateway", "default"]);
            }
            Self::Remove { name } => {
                config.profile(&name)?;
                config.profiles.remove(&name);
                config.drop_token(&name);
                if config.profile.as_ref() == Some(&name) {
                    config.profile = None;
                }
                config.save()?;
                println!("{name} is forgotten");
            }
        }
        Ok(())
    }
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
