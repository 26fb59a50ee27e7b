//! What is configured in the user's home: gateways under names, and which one is meant when none is named.
//!
//! `$XDG_CONFIG_HOME/farebox/config.toml`, or `~/.config/farebox/config.toml`. Invariant: tokens are in files of their own
//! that only their owner can read, beside it; the configuration itself can be shown to anybody.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use url::Url;

/// The configuration.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The profile that is meant when none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<String>,
    /// Gateways by name.
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
    #[serde(skip)]
    directory: PathBuf,
}

/// A gateway.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// Its address.
    pub(crate) gateway: Url,
    /// The file with the admin token; relative to the configuration's directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
}

impl Config {
    /// Reads it; empty where there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not a configuration.
    pub(crate) fn load() -> anyhow::Result<Self> {
        let directory = directory().unwrap_or_default();
        let file = directory.join("config.toml");
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let config: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            anyhow::anyhow!("{}, line {line}: {}", file.display(), error.message())
        })?;
        Ok(Self { directory, ..config })
    }

    /// Writes it.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        self.write("config.toml", &toml::to_string_pretty(self)?)
    }

    /// Keeps the token of a profile; gives the name of its file.
    pub(crate) fn keep_token(&self, profile: &str, token: &str) -> anyhow::Result<PathBuf> {
        let file = format!("{profile}.token");
        self.write(&file, &format!("{token}\n"))?;
        Ok(file.into())
    }

    /// Removes the token of a profile, if it is kept here.
    pub(crate) fn drop_token(&self, profile: &str) {
        // It may never have been there.
        let _ = fs::remove_file(self.directory.join(format!("{profile}.token")));
    }

    /// The profile of this name.
    pub(crate) fn profile(&self, name: &str) -> anyhow::Result<&Profile> {
        self.profiles
            .get(name)
            .with_context(|| format!("there is no profile `{name}`: make it with `farebox profile set`"))
    }

    /// The token of a profile, where one is kept.
    pub(crate) fn token(&self, profile: &Profile) -> anyhow::Result<Option<String>> {
        profile.token_file.as_ref().map(|file| secret(&self.directory.join(file))).transpose()
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        if self.directory.as_os_str().is_empty() {
            bail!("no directory for the configuration: HOME is not set");
        }
        let path = self.directory.join(name);
        fs::create_dir_all(&self.directory)
            .and_then(|()| private(&path, true))
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Opens a file for writing that only its owner can read; an existing one only to write `over` it.
pub(crate) fn private(path: &Path, over: bool) -> std::io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(over).create_new(!over).mode(0o600).open(path)
}

/// A secret that is in a file, on its first line.
pub(crate) fn secret(file: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text.trim().to_owned())
}

fn directory() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    Some(set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?.join("farebox"))
}
