//! The index of what is due in memory.

use farebox_core::{id::AccountId, time::Timestamp};
use farebox_ports::{Due, DueIndex, Fault};

use crate::Memory;

impl Memory {
    /// When something of an account is due, as far as was announced.
    pub fn due_of(&self, account: &AccountId) -> Option<Timestamp> {
        self.due.borrow().get(account).copied()
    }
}

impl DueIndex for Memory {
    const COST: u32 = 0;

    async fn announce(&self, account: &AccountId, at: Timestamp) -> Result<(), Fault> {
        self.up("due")?;
        self.due.borrow_mut().insert(account.clone(), at);
        Ok(())
    }

    async fn due(&self, until: Timestamp, most: u32) -> Result<Vec<Due>, Fault> {
        self.turn().await;
        self.up("due")?;
        let due = self.due.borrow();
        let by_then = due.iter().filter(|(_, at)| **at <= until);
        let mut found: Vec<Due> = by_then.map(|(account, at)| Due { account: account.clone(), at: *at }).collect();
        found.sort_by_key(|due| due.at);
        found.truncate(most as usize);
        Ok(found)
    }

    async fn looked_after(&self, accounts: &[(Due, Option<Timestamp>)]) -> Result<(), Fault> {
        self.turn().await;
        self.up("due")?;
        let mut index = self.due.borrow_mut();
        for (Due { account, at }, next) in accounts {
            if index.get(account) != Some(at) {
                continue;
            }
            match next {
                Some(next) => drop(index.insert(account.clone(), *next)),
                None => drop(index.remove(account)),
            }
        }
        Ok(())
    }
}
