//! What `dev` remembers between two starts, beside what the Workers store themselves.
//!
//! Invariants: secrets are in files that only their owner can read; `--fresh` removes what `dev` made and nothing else, so
//! that a mistyped directory loses nothing; the lock is held as long as the value lives.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// An open state directory.
#[derive(Serialize)]
pub(super) struct State {
    /// What the admin API asks for.
    pub(super) admin_token: String,
    /// The deployment's master key, 32 bytes in base64.
    #[serde(skip)]
    pub(super) master_key: String,
    #[serde(skip)]
    directory: PathBuf,
    #[serde(skip)]
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct Secrets {
    admin_token: String,
    master_key: String,
}

impl State {
    /// Opens `directory`, makes it where it is missing, and empties it first when `fresh`. An error when another `dev` has
    /// it open.
    pub(super) fn open(directory: &Path, fresh: bool) -> Result<Self> {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let directory = directory.canonicalize()?;
        let lock = File::create(directory.join("lock"))?;
        if lock.try_lock().is_err() {
            bail!("another `cargo xtask dev` uses {}; end it, or give this one `--state`", directory.display());
        }
        if fresh {
            clear(&directory)?;
        }
        let secrets = match read(&directory.join("secrets.json"))? {
            Some(secrets) => secrets,
            None => {
                let secrets = Secrets { admin_token: random_hex()?, master_key: STANDARD.encode(random()?) };
                write(&directory.join("secrets.json"), &secrets)?;
                secrets
            }
        };
        let Secrets { admin_token, master_key } = secrets;
        Ok(Self { admin_token, master_key, directory, _lock: lock })
    }

    /// Where the Workers' runtime keeps its data.
    pub(super) fn workers(&self) -> PathBuf {
        self.directory.join("workers")
    }

    /// The demo account, when there is one.
    pub(super) fn demo<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        read(&self.directory.join("demo.json"))
    }

    /// Remembers the demo account.
    pub(super) fn remember_demo(&self, demo: &impl Serialize) -> Result<()> {
        write(&self.directory.join("demo.json"), demo)
    }
}

fn clear(directory: &Path) -> Result<()> {
    let gone = |result: std::io::Result<()>| match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    gone(fs::remove_file(directory.join("demo.json")))?;
    gone(fs::remove_file(directory.join("secrets.json")))?;
    gone(fs::remove_dir_all(directory.join("workers")))?;
    Ok(())
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(content) => {
            let advice = || format!("{} cannot be read; start with --fresh", path.display());
            Ok(Some(serde_json::from_slice(&content).with_context(advice)?))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn write(path: &Path, content: &impl Serialize) -> Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    serde_json::to_writer_pretty(&file, content)?;
    writeln!(file)?;
    Ok(())
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes from the system: {error}"))?;
    Ok(bytes)
}

fn random_hex() -> Result<String> {
    Ok(random()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
