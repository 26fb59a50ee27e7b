//! An account as the command line names it: by its id, or by its name.
//!
//! Invariant: a name that several accounts have stands for none of them. Nothing is done, and all of them are listed.

use anyhow::{Context, bail};
use farebox_core::id::AccountId;
use serde_json::Value;

use crate::admin::Admin;

/// What begins every id that the gateway makes. So an id costs no look-up.
const MARK: &str = "acc_";

/// An account, by its id or by its name.
#[derive(Debug, Clone)]
pub(crate) struct Named(String);

impl From<String> for Named {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Named {
    /// The id of the account that is meant.
    ///
    /// # Errors
    ///
    /// When no account has this id or name, or several have the name.
    pub(crate) fn id(&self, admin: &Admin) -> anyhow::Result<AccountId> {
        if self.0.starts_with(MARK) {
            return self.0.parse().with_context(|| format!("There is no account {}", self.0));
        }
        let accounts = admin.list("accounts", &[])?;
        self.among(&accounts)
    }

    /// The id of the one of `accounts` that is meant. An id goes before a name, and case does not matter in names.
    fn among(&self, accounts: &[Value]) -> anyhow::Result<AccountId> {
        let text = |account: &Value, member: &str| account[member].as_str().unwrap_or_default().to_owned();
        let is_called = |account: &&Value| text(account, "name").to_lowercase() == self.0.to_lowercase();
        let by_id = accounts.iter().find(|account| text(account, "id") == self.0);
        let found: Vec<&Value> =
            by_id.map_or_else(|| accounts.iter().filter(is_called).collect(), |account| vec![account]);
        match found.as_slice() {
            [] => bail!("There is no account {}", self.0),
            [account] => Ok(text(account, "id").parse()?),
            several => {
                let row = |account: &&Value| {
                    format!("{} ({}, {})", text(account, "id"), text(account, "created"), text(account, "status"))
                };
                let rows = several.iter().map(row).collect::<Vec<_>>().join(", ");
                bail!("{} accounts are called {}; give the id of one: {rows}", several.len(), self.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_goes_before_a_name_and_a_name_of_two_stands_for_none() {
        let account =
            |id: &str, name: &str| json!({ "id": id, "name": name, "created": "2026-11-29", "status": "active" });
        let accounts = [account("a-1", "Bob"), account("a-2", "BOB"), account("Eve", "Ann"), account("a-4", "Eve")];
        let found = |text: &str| Named(text.to_owned()).among(&accounts).map(|id| id.to_string());
        assert_eq!(found("Eve").unwrap(), "Eve");
        assert_eq!(found("ann").unwrap(), "Eve");
        assert_eq!(found("nobody").unwrap_err().to_string(), "There is no account nobody");
        let both = "2 accounts are called bob; give the id of one: a-1 (2026-11-29, active), a-2 (2026-11-29, active)";
        assert_eq!(found("bob").unwrap_err().to_string(), both);
    }
}
