//! What the directory holds of persons, and where.
//!
//! Invariant: who reads the whole directory can sign in as nobody. Of a code or a token it keeps a hash under the master key. The
//! key of a record that a token names is made of such a hash.

use farebox_core::{
    catalog::Language,
    id::AccountId,
    time::{DAY, HOUR, MINUTE, Millis, Timestamp},
};
use serde::{Deserialize, Serialize};

use crate::http::{Settings, base32::base32, permission::Membership};

/// How long a code, a link and an entry to the portal are good.
pub(super) const PROOF_LASTS: Millis = 15 * MINUTE;

/// How long a session goes on after it was last seen, and in all.
pub(super) const SESSION_RESTS: Millis = DAY;
pub(super) const SESSION_LASTS: Millis = 30 * DAY;

/// A session that was prolonged within this time is not prolonged again: that would write with each request.
pub(super) const SESSION_PROLONGED: Millis = HOUR;

/// How long an invitation is good.
pub(super) const INVITATION_LASTS: Millis = 7 * DAY;

/// A person: whoever has proved an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Person {
    pub(super) email: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    pub(super) language: Language,
    pub(super) created: Timestamp,
    /// The accounts that the person is a member of. Whether that is so still is what the account's members say.
    pub(super) accounts: Vec<AccountId>,
    /// Counts how often all sessions were ended: one of another count is over.
    #[serde(default)]
    pub(super) sessions: u32,
}

/// A person who is signed in, somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) person: String,
    /// The person's count of ended sessions when it began.
    pub(super) sessions: u32,
    pub(super) begun: Timestamp,
    /// When it is over, unless it is seen before.
    pub(super) until: Timestamp,
}

/// Somebody who says to have an address, and has not proved it yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SignIn {
    pub(super) email: String,
    pub(super) language: Language,
    /// The hash of the six-digit code.
    pub(super) code: String,
    /// The hash of the link's token.
    pub(super) token: String,
    /// The hash of the invitation that it came by.
    #[serde(default)]
    pub(super) invitation: Option<String>,
    /// How often a code was tried.
    pub(super) tries: u32,
    pub(super) until: Timestamp,
}

/// Who belongs to an account, and who may come to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Members {
    pub(super) members: Vec<Member>,
    #[serde(default)]
    pub(super) invitations: Vec<Invitation>,
}

/// A member of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) person: String,
    pub(super) email: String,
    pub(super) role: Membership,
    pub(super) since: Timestamp,
}

/// An address that may become a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Invitation {
    /// The hash of its token, which also names it.
    pub(super) id: String,
    pub(super) email: String,
    pub(super) role: Membership,
    pub(super) until: Timestamp,
}

/// What an invitation's token leads to. That it holds still is what the account's members say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Invited {
    pub(super) account: AccountId,
}

/// A way into the portal that the provider made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) person: String,
}

/// A count of what was tried, up to a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempts {
    pub(super) count: u32,
    pub(super) until: Timestamp,
}

/// An address as it names a person. Providers that tell capitals apart in an address are not known, and people write them at random.
pub(super) fn address(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, domain) = text.rsplit_once('@')?;
    let is_plain =
        |text: &str| !text.chars().any(|it| it.is_whitespace() || it.is_control() || "\"<>(),;:\\@".contains(it));
    let has_labels = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    let fits = !local.is_empty() && local.len() <= 64 && text.len() <= 254;
    (fits && has_labels && is_plain(local) && is_plain(domain)).then_some(text)
}

/// The id of the person with this address: however many come at once with it, they come as one.
pub(super) fn person_id(settings: &Settings, email: &str) -> String {
    format!("per_{}", base32(&settings.master_key.derive(&format!("person/{email}"))[..10]))
}

/// The account that a person has by signing up.
pub(super) fn own_account(settings: &Settings, person: &str) -> Option<AccountId> {
    format!("acc_{}", base32(&settings.master_key.derive(&format!("own account/{person}"))[..10])).parse().ok()
}

/// What is kept of a secret `text`, and used where `purpose` says only.
pub(super) fn hash(settings: &Settings, purpose: &str, text: &str) -> String {
    base32(&settings.master_key.derive(&format!("{purpose}/{text}"))[..20])
}

pub(super) fn person_key(id: &str) -> String {
    format!("person/{id}")
}

pub(super) fn members_key(account: &AccountId) -> String {
    format!("members/{account}")
}

pub(super) fn session_key(settings: &Settings, token: &str) -> String {
    format!("session/{}", hash(settings, "session", token))
}

pub(super) fn sign_in_key(settings: &Settings, asked: &str) -> String {
    format!("sign-in/{}", hash(settings, "asked", asked))
}

pub(super) fn oidc_key(settings: &Settings, asked: &str) -> String {
    format!("oidc-sign-in/{}", hash(settings, "oidc asked", asked))
}

pub(super) fn invitation_key(id: &str) -> String {
    format!("invitation/{id}")
}

pub(super) fn entry_key(settings: &Settings, token: &str) -> String {
    format!("entry/{}", hash(settings, "entry", token))
}

pub(super) fn attempts_key(settings: &Settings, purpose: &str, of: &str) -> String {
    format!("attempts/{purpose}/{}", hash(settings, "attempts", of))
}
