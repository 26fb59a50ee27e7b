//! Whose leases pay for a call: those of its account, or those of its credential alone where that has limits.
//!
//! Invariant: a lease that was cut by a credential's limits is used by no other credential, and by none whose limits are others by now.

use std::rc::Rc;

use farebox_core::{
    credential::Credential,
    credential_limit::LimitedBy,
    id::{AccountId, ProductId},
};

/// Names the wallets from which a call may be paid.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Purse {
    pub(crate) account: AccountId,
    /// The credential, where it has limits.
    pub(crate) limited: Option<Rc<LimitedBy>>,
}

impl Purse {
    /// That of an account, for its credentials without limits.
    pub const fn of_account(account: AccountId) -> Self {
        Self { account, limited: None }
    }

    /// That of a credential.
    pub(crate) fn of(credential: &Credential) -> Self {
        let Credential { key, account, limits, .. } = credential;
        let limited =
            (!limits.is_empty()).then(|| Rc::new(LimitedBy { credential: key.clone(), limits: limits.clone() }));
        Self { account: account.clone(), limited }
    }

    /// Names the question for its next lease: it is asked once at a time.
    pub(crate) fn question(&self, product: &ProductId) -> String {
        match &self.limited {
            None => format!("lease/{}/{product}", self.account),
            Some(limited) => format!("lease/{}/{product}/{}", self.account, limited.credential),
        }
    }
}
