//! The ledger on Spin: every instance loads, decides and appends for itself, and whoever loses the race for an entry's
//! number decides anew.

use farebox_core::{
    id::AccountId,
    ledger::{Answer, Command, IdempotencyKey, Refusal},
};
use farebox_gateway::{
    ledger::{admit, execute, report},
    ports::{Fault, Host, Ledger},
    reports::{Query, Report, Reports},
};

use crate::Platform;

impl Ledger for Platform {
    async fn execute(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        execute(&self.books, &self.accounts, account, key, command, self.now()).await
    }

    async fn admit(
        &self,
        account: &AccountId,
        nonce: Option<&str>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        admit(&self.books, &self.accounts, account, nonce, command, self.now()).await
    }
}

impl Reports for Platform {
    async fn report(&self, account: &AccountId, query: &Query) -> Result<Result<Report, Refusal>, Fault> {
        report(&self.books, &self.accounts, account, query).await
    }
}
