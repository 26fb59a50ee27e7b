//! The file that `--runtime-config-file` names: what stores are made of. Only what Farebox uses is known.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;
use serde::Deserialize;

/// The runtime configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuntimeConfig {
    /// Key-value stores by label.
    #[serde(default, rename = "key_value_store")]
    pub(crate) key_value_stores: BTreeMap<String, KeyValueStore>,
    /// SQLite databases by label.
    #[serde(default, rename = "sqlite_database")]
    pub(crate) sqlite_databases: BTreeMap<String, SqliteDatabase>,
}

/// What a key-value store is made of.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum KeyValueStore {
    /// A SQLite file in the state directory.
    Spin { path: Option<String> },
    /// A Redis server.
    Redis { url: String },
}

/// What a SQLite database is made of.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum SqliteDatabase {
    /// A file in the state directory.
    Spin { path: Option<String> },
}

impl RuntimeConfig {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or says something that is not known here.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("cannot use {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyValueStore, RuntimeConfig};

    #[test]
    fn stores_are_read_and_what_is_not_known_is_refused() {
        let config: RuntimeConfig =
            toml::from_str("[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://127.0.0.1:1\"").expect("read");
        assert!(
            matches!(&config.key_value_stores["default"], KeyValueStore::Redis { url } if url == "redis://127.0.0.1:1")
        );
        for text in [
            "[key_value_store.default]\ntype = \"azure_cosmos\"",
            "[llm_compute]\ntype = \"spin\"",
            "state_dir = \"x\"",
        ] {
            assert!(toml::from_str::<RuntimeConfig>(text).is_err(), "{text}");
        }
    }
}
