//! Reading and changing records of the directory.
//!
//! Invariant: a record is changed by what it is at that moment, so of two changes at once none is lost.

use farebox_core::time::Timestamp;
use farebox_ports::{Directory, Fault};
use serde::{Serialize, de::DeserializeOwned};

use crate::{http::failure::Failure, store::written};

/// How often a change is made anew because another came first.
const ATTEMPTS: u32 = 256;

/// The record under `key`.
pub(crate) async fn read<T: DeserializeOwned>(directory: &impl Directory, key: &str) -> Result<Option<T>, Failure> {
    directory.lookup(key).await?.map(|text| parsed(key, &text)).transpose()
}

/// Makes the record under `key`, unless there is one. Says whether it did.
pub(crate) async fn make(
    directory: &impl Directory,
    key: &str,
    record: &impl Serialize,
    until: Option<Timestamp>,
) -> Result<bool, Failure> {
    Ok(directory.swap(key, None, Some(&written(record)?), until).await?)
}

/// What becomes of a record.
pub(crate) enum After<T> {
    /// It stays as it is.
    Same,
    /// It is this, until then or for good.
    Kept(T, Option<Timestamp>),
    /// It goes.
    Removed,
}

/// Changes the record under `key`: `decide` makes of what it is, or of nothing, what becomes of it and what is answered.
pub(crate) async fn change<T: Serialize + DeserializeOwned, R>(
    directory: &impl Directory,
    key: &str,
    decide: impl Fn(Option<T>) -> Result<(After<T>, R), Failure>,
) -> Result<R, Failure> {
    for _ in 0..ATTEMPTS {
        let before = directory.lookup(key).await?;
        let known = before.as_deref().map(|text| parsed(key, text)).transpose()?;
        let (after, answer) = decide(known)?;
        let (after, until) = match after {
            After::Same => return Ok(answer),
            After::Kept(record, until) => (Some(written(&record)?), until),
            After::Removed => (None, None),
        };
        if directory.swap(key, before.as_deref(), after.as_deref(), until).await? {
            return Ok(answer);
        }
    }
    let detail = format!("{ATTEMPTS} other changes of {key} came first");
    Err(Failure::Port(Fault::Unavailable { port: "directory", detail }))
}

fn parsed<T: DeserializeOwned>(key: &str, text: &str) -> Result<T, Failure> {
    let unreadable = |error: serde_json::Error| Fault::Unreadable {
        port: "directory",
        what: key.to_owned(),
        detail: error.to_string(),
    };
    Ok(serde_json::from_str(text).map_err(unreadable)?)
}
