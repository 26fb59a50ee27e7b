//! What `dev` remembers between two starts, beside what the gateway stores itself.
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

use super::Platform;

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
    runtime: &'static str,
    #[serde(skip)]
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct Secrets {
    admin_token: String,
    master_key: String,
}

impl State {
    /// Opens `directory` for a runtime, makes it where it is missing, and empties it first when `fresh`. An error when
    /// another `dev` has it open.
    pub(super) fn open(directory: &Path, runtime: Platform, fresh: bool) -> Result<Self> {
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
        Ok(Self { admin_token, master_key, directory, runtime: runtime.name(), _lock: lock })
    }

    /// Where the runtime keeps its data. Each has its own, so that one directory serves either.
    pub(super) fn data(&self) -> PathBuf {
        self.directory.join(self.runtime)
    }

    /// The demo account, when there is one.
    pub(super) fn demo<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        read(&demo(&self.directory, self.runtime))
    }

    /// Remembers the demo account.
    pub(super) fn remember_demo(&self, account: &impl Serialize) -> Result<()> {
        write(&demo(&self.directory, self.runtime), account)
    }
}

fn clear(directory: &Path) -> Result<()> {
    let gone = |result: std::io::Result<()>| match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    gone(fs::remove_file(directory.join("secrets.json")))?;
    Platform::ALL.into_iter().map(Platform::name).try_for_each(|runtime| {
        gone(fs::remove_file(demo(directory, runtime)))?;
        gone(fs::remove_dir_all(directory.join(runtime)))
    })?;
    Ok(())
}

fn demo(directory: &Path, runtime: &str) -> PathBuf {
    directory.join(format!("demo-{runtime}.json"))
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
