//! The port of the books: one strongly consistent ledger for each account.

use farebox_core::{
    id::AccountId,
    ledger::{Answer, Command, Refusal, command::IdempotencyKey},
};

use crate::Fault;

/// The strongly consistent book of each account.
pub trait Ledger {
    /// Carries out `command`: `Ok(Err(_))` when the account refuses it, `Err(_)` when it is not known whether it was
    /// carried out. Every command may be sent again: those that move money by their key, the others by their nature.
    async fn execute(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault>;

    /// Carries out a `Command::Lease` for one call, or a settlement of nothing where a lease pays for it already. It takes the
    /// call's nonce over all instances, once the account agrees. A nonce that was taken before is refused with
    /// [`Refusal::NonceUsed`].
    async fn admit(
        &self,
        account: &AccountId,
        nonce: Option<&str>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault>;
}
