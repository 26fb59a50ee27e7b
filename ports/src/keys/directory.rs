//! The keys of the directory, where each record is exact that several change at once.
//!
//! Invariant: as of all keys, none is the beginning of another kind's.

use super::{Stored, stored};

/// Everything that is in the directory, by its key. `docs/stores.md` shows it too.
pub static DIRECTORY: [Stored; 12] = [
    stored(
        "attempts/",
        "{purpose}/{hash}",
        "`control`: `Attempts`",
        "how often something was tried",
        "as long as it is counted",
    ),
    stored(
        "dispute/",
        "{dispute}",
        "`control`: `payments::Suspended`",
        "that an account was suspended for a dispute",
        "for good",
    ),
    stored(
        "entry/",
        "{hash of its token}",
        "`control`: `Entry`",
        "a way into the portal, which opens once",
        "15 minutes",
    ),
    stored("invitation/", "{hash of its token}", "`control`: `Invited`", "which account an invitation is to", "7 days"),
    stored("mailbox", "", "`control`: letters, a list", "the last letters; in development only", "50 letters"),
    stored(
        "members/",
        "{account}",
        "`control`: `Members`",
        "who belongs to an account, and who is invited",
        "for good",
    ),
    stored(
        "oidc-sign-in/",
        "{hash of its token}",
        "`control`: `Begun`",
        "who is on the way to the issuer and back",
        "15 minutes",
    ),
    stored("order/", "{order}", "`control`: `payments::Kept`", "what an account wants to pay for", "for good"),
    stored(
        "payer/",
        "{account}",
        "`control`: `payments::Payer`",
        "whether an account pays in live or in test mode",
        "for good",
    ),
    stored("person/", "{hash of the address}", "`control`: `Person`", "a person: address, name, accounts", "for good"),
    stored(
        "session/",
        "{hash of its token}",
        "`control`: `Session`",
        "who is signed in",
        "a day after it was last seen, 30 days in all",
    ),
    stored(
        "sign-in/",
        "{hash of its token}",
        "`control`: `SignIn`",
        "who is to prove an address, by hashes of code and link",
        "15 minutes",
    ),
];
