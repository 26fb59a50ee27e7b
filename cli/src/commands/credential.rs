//! `farebox credential`: the keys of an account.
//!
//! Invariant: a secret is printed only where it is not written to a file; that file can be read by its owner alone.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use farebox_core::{
    credential_limit::CredentialLimit,
    id::{CredentialKey, ProductId},
    time::Timestamp,
};
use serde_json::{Value, json};

use super::Format;
use crate::{
    admin::{Admin, Connection},
    config, given,
    named::Named,
};

/// Credentials: the keys that an account's programs call with
#[derive(Debug, Subcommand)]
pub(crate) enum Credential {
    /// Make a key with a secret, and a plain key for those who do not sign; both secrets are shown this once
    #[command(after_help = "\
Example:
  farebox credential create acc_1
  farebox credential create acc_1 --file bob.json --product maps --address 192.0.2.0/24")]
    Create {
        /// The account: its id, or its name
        account: Named,
        /// Write it to this file, which only you can read, and show no secret
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// For tests: its calls go to products' test stages and are not charged
        #[arg(long)]
        test: bool,
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        format: Format,
    },
    /// Import the keys of another gateway by their hashes, so that its customers go on with what they have
    #[command(after_help = "\
The file has a SHA-256 on each line, in hexadecimal digits or base64. What is there already stays as it is.

Example:
  farebox credential import acc_1 hashes.txt --product maps")]
    Import {
        /// The account: its id, or its name
        account: Named,
        /// The file
        file: PathBuf,
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        format: Format,
    },
    /// List the keys of an account
    #[command(after_help = "Example:\n  farebox credential list acc_1")]
    List {
        /// The account: its id, or its name
        account: Named,
        #[command(flatten)]
        format: Format,
    },
    /// Change a key's name or what it is held to; what is not named stays
    #[command(after_help = "\
Example:
  farebox credential change acc_1 ak_1 --product maps --product text
  farebox credential change acc_1 ak_1 --any-product --no-expiry
  farebox credential change acc_1 ak_1 --limit calls=1000/day --limit money=20.00/month")]
    Change {
        /// The account: its id, or its name
        account: Named,
        /// The key
        key: CredentialKey,
        #[command(flatten)]
        limits: Limits,
        /// Let it use all that the account may
        #[arg(long, conflicts_with = "products")]
        any_product: bool,
        /// Let it be used from everywhere
        #[arg(long, conflicts_with = "addresses")]
        any_address: bool,
        /// Let it never expire
        #[arg(long, conflicts_with = "expires")]
        no_expiry: bool,
        /// Let it spend all that the account has
        #[arg(long, conflicts_with = "limits")]
        no_limit: bool,
        #[command(flatten)]
        format: Format,
    },
    /// List what keys with limits have spent in this day, week and month of UTC
    #[command(after_help = "Example:\n  farebox credential limits acc_1")]
    Limits {
        /// The account: its id, or its name
        account: Named,
        #[command(flatten)]
        format: Format,
    },
    /// Make a key in place of another, which goes on for a while beside it
    #[command(after_help = "Example:\n  farebox credential rotate acc_1 ak_1 --overlap 2d")]
    Rotate {
        /// The account: its id, or its name
        account: Named,
        /// The key that is replaced
        key: CredentialKey,
        /// How long that one goes on: a number and s, m, h or d [default: 7d]
        #[arg(long, value_name = "TIME", value_parser = given::millis, allow_hyphen_values = true)]
        overlap: Option<i64>,
        /// Write the new one to this file, which only you can read, and show no secret
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        format: Format,
    },
    /// Refuse a key from now on
    #[command(after_help = "Example:\n  farebox credential revoke acc_1 ak_1")]
    Revoke {
        /// The account: its id, or its name
        account: Named,
        /// The key
        key: CredentialKey,
        #[command(flatten)]
        format: Format,
    },
}

/// What a key is called and held to.
#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// A name, for people
    #[arg(long)]
    name: Option<String>,
    /// A product it may use; may be given several times
    #[arg(long = "product", value_name = "PRODUCT")]
    products: Vec<ProductId>,
    /// An address or a range it may be used from, such as 192.0.2.0/24; may be given several times
    #[arg(long = "address", value_name = "RANGE")]
    addresses: Vec<String>,
    /// From when on it is refused: a day, a moment, or a distance such as +30d
    #[arg(long, value_name = "TIME", value_parser = given::moment, allow_hyphen_values = true)]
    expires: Option<Timestamp>,
    /// What its calls may come to in a day, week or month of UTC, such as calls=1000/day; may be given several times
    #[arg(long = "limit", value_name = "LIMIT", value_parser = given::limit)]
    limits: Vec<CredentialLimit>,
}

impl Limits {
    fn body(self) -> Value {
        let Self { name, products, addresses, expires, limits } = self;
        let mut body = json!({});
        let limits = json!(given::limits(&limits));
        let lists = [("products", json!(products)), ("addresses", json!(addresses)), ("limits", limits)];
        let given = lists.into_iter().filter(|(_, list)| list.as_array().is_some_and(|list| !list.is_empty()));
        let single = [("name", name.map(Value::from)), ("expires", expires.map(|expires| json!(expires)))];
        for (member, value) in given.chain(single.into_iter().filter_map(|(member, value)| Some((member, value?)))) {
            body[member] = value;
        }
        body
    }
}

const SHOWN: [&str; 6] = ["key", "secret", "api_key", "expires", "replaces", "replaced_until"];
const LISTED: [&str; 10] =
    ["key", "test", "last_four", "name", "created", "expires", "revoked", "products", "addresses", "limits"];
const SPENT: [&str; 6] = ["credential", "per", "from", "renews", "limit", "spent"];

const IMPORTED: [&str; 3] = ["hash", "key", "outcome"];

/// How many hashes the admin API takes in a request.
const IMPORTED_AT_ONCE: usize = 200;

impl Credential {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        match self {
            Self::Create { account, file, test, limits, format } => {
                let (account, mut body) = (account.id(&admin)?, limits.body());
                if test {
                    body["test"] = true.into();
                }
                let made = in_file(file.as_deref(), || admin.post(&format!("accounts/{account}/credentials"), &body))?;
                format.record(&made, &SHOWN);
            }
            Self::Import { account, file, limits, format } => {
                let hashes = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
                let hashes: Vec<&str> = hashes.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
                let path = format!("accounts/{}/credentials/imports", account.id(&admin)?);
                let mut body = limits.body();
                let mut items = Vec::with_capacity(hashes.len());
                for part in hashes.chunks(IMPORTED_AT_ONCE) {
                    body["hashes"] = json!(part);
                    let answer = admin.post(&path, &body)?;
                    items.extend(answer["items"].as_array().cloned().unwrap_or_default());
                }
                format.list(items, &IMPORTED);
            }
            Self::List { account, format } => {
                format.list(admin.list(&format!("accounts/{}/credentials", account.id(&admin)?), &[])?, &LISTED);
            }
            Self::Limits { account, format } => {
                format.list(admin.list(&format!("accounts/{}/limits", account.id(&admin)?), &[])?, &SPENT);
            }
            Self::Change { account, key, limits, any_product, any_address, no_expiry, no_limit, format } => {
                let mut body = limits.body();
                let mut lifted = vec![("products", any_product), ("addresses", any_address)];
                lifted.extend([("expires", no_expiry), ("limits", no_limit)]);
                for (member, _) in lifted.into_iter().filter(|(_, lifted)| *lifted) {
                    body[member] = Value::Null;
                }
                if body.as_object().is_some_and(serde_json::Map::is_empty) {
                    bail!("nothing to change: see --help");
                }
                let path = format!("accounts/{}/credentials/{key}", account.id(&admin)?);
                format.record(&admin.change(&path, &body)?, &LISTED);
            }
            Self::Rotate { account, key, overlap, file, format } => {
                let body = overlap.map_or(json!({}), |overlap| json!({ "overlap_seconds": overlap / 1_000 }));
                let path = format!("accounts/{}/credentials/{key}/rotations", account.id(&admin)?);
                format.record(&in_file(file.as_deref(), || admin.post(&path, &body))?, &SHOWN);
            }
            Self::Revoke { account, key, format } => {
                let answer = admin.delete(&format!("accounts/{}/credentials/{key}", account.id(&admin)?))?;
                format.done(&answer, &format!("{key} is revoked"));
            }
        }
        Ok(())
    }
}

/// Makes a credential of account `id` and keeps it in `file`; gives its key.
pub(super) fn make(admin: &Admin, id: &str, limits: &Value, file: &Path) -> anyhow::Result<Value> {
    Ok(in_file(Some(file), || admin.post(&format!("accounts/{id}/credentials"), limits))?["key"].take())
}

/// Makes a credential. Where there is a `file`, its secrets go there and are not in what comes back. The file is made
/// first, so that no secret is lost because it could not be.
fn in_file(file: Option<&Path>, make: impl FnOnce() -> anyhow::Result<Value>) -> anyhow::Result<Value> {
    let Some(path) = file else { return make() };
    let mut opened = config::private(path, false).with_context(|| format!("cannot make {}", path.display()))?;
    let made = make().inspect_err(|_| {
        // It is empty, and was not there before.
        let _ = fs::remove_file(path);
    })?;
    let kept = json!({
        "key": made["key"], "secret": made["secret"], "api_key": made["api_key"], "app_code": made["app_code"],
    });
    writeln!(opened, "{kept}").with_context(|| format!("cannot write {}", path.display()))?;
    let mut shown = made;
    for secret in ["secret", "api_key", "app_code"] {
        shown[secret] = Value::Null;
    }
    Ok(shown)
}
