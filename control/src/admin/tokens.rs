//! Who may do what: the tokens of the admin API, their roles, and checking them.
//!
//! Invariants: of a token only a hash is stored, and it is shown once. The deployment's own token is an owner's and cannot be
//! revoked here, so nobody can lock everybody out. An eventually consistent store may take a revoked token until it shows the
//! change. No request that comes meanwhile brings one back.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use farebox_core::{id::is_id, signature::hmac_sha256, time::Timestamp};
use farebox_ports::{
    keys::ADMIN_TOKENS,
    schema::{Id, Time},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    http::{
        Answered, Call, Ports, Response,
        base32::base32,
        failure::Failure,
        names,
        permission::{Actor, Role},
        retry::Before,
    },
    store::{self, Made},
};

/// What every token that was issued begins with.
const MARK: &str = "fat_";

/// A token as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    id: String,
    name: String,
    role: Role,
    created: Timestamp,
    expires: Option<Timestamp>,
    revoked: Option<Timestamp>,
    /// Base64 of an HMAC-SHA256 of the token, which is 32 random bytes.
    hash: String,
    /// What it was asked for with, where the request had an idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<String>,
}

/// What a token is made from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AdminTokenWanted")]
pub(crate) struct Wanted {
    /// Whom or what it is for.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")
    )]
    name: String,
    role: Role,
    /// From when on it is refused; missing for never.
    #[schemars(with = "Option<Time>")]
    expires: Option<Timestamp>,
}

/// A token that was issued.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NewAdminToken")]
pub(crate) struct Issued {
    /// To send as `Authorization: Bearer`. Shown this once.
    token: String,
    #[serde(flatten)]
    row: Row,
}

/// A token, as it is listed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AdminToken")]
pub(crate) struct Row {
    #[schemars(with = "Id")]
    id: String,
    name: String,
    role: Role,
    #[schemars(with = "Time")]
    created: Timestamp,
    /// From when on it is refused because its time is over.
    #[schemars(with = "Option<Time>")]
    expires: Option<Timestamp>,
    /// From when on it is refused because it was revoked.
    #[schemars(with = "Option<Time>")]
    revoked: Option<Timestamp>,
}

impl From<Record> for Row {
    fn from(Record { id, name, role, created, expires, revoked, .. }: Record) -> Self {
        Self { id, name, role, created, expires, revoked }
    }
}

fn entry(id: &str) -> String {
    format!("{ADMIN_TOKENS}{id}")
}

impl<P: Ports> Call<'_, P> {
    /// Who sends this request.
    pub(crate) async fn actor(&self) -> Result<Actor, Failure> {
        let presented = self.request.authorization.and_then(|value| value.split_once(' '));
        let token =
            presented.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let token = token.ok_or(Failure::Unauthorized)?;
        // A deployment that forgot to set its token is closed, not open to the empty one.
        if !self.settings.token.is_empty() && is_same(token, &self.settings.token) {
            let deployment = || "deployment".to_owned();
            return Ok(Actor { token: deployment(), name: deployment(), role: Role::Owner });
        }
        let id = token.strip_prefix(MARK).and_then(|rest| Some(rest.split_once('_')?.0)).filter(|id| is_id(id));
        let record: Option<Record> = match id {
            Some(id) => store::read(self.ports, &entry(id)).await?,
            None => None,
        };
        let record = record.filter(|record| is_same(&hash(token), &record.hash)).ok_or(Failure::Unauthorized)?;
        if [record.revoked, record.expires].into_iter().flatten().any(|end| end <= self.now) {
            return Err(Failure::Unauthorized);
        }
        Ok(Actor { token: record.id, name: record.name, role: record.role })
    }

    pub(crate) async fn issue_token(&self) -> Answered {
        let Wanted { name, role, expires } = self.body()?;
        names::check("name", &name)?;
        let seed = self.seed("admin-token")?;
        let id = base32(seed.id());
        let token = format!("{MARK}{id}_{}", URL_SAFE_NO_PAD.encode(seed.secret()));
        let (created, hash, asked) = (self.now, hash(&token), seed.asked.clone());
        let record = Record { id, name, role, created, expires, revoked: None, hash, asked };
        let entry = entry(&record.id);
        let made = match self.check_expiry(expires) {
            Ok(()) => store::make(self.ports, &entry, &record).await?,
            // What was in the future when it was asked for may be over by now.
            Err(failure) => Made::Before(store::current(self.ports, &entry).await?.ok_or(failure)?),
        };
        match made {
            Made::Now => Response::json(201, &Issued { token, row: record.into() }),
            Made::Before(found) => {
                self.check_repetition(&seed, &Before { asked: &found.asked, made: found.created })?;
                Response::json(201, &Issued { token, row: found.into() })
            }
            Made::Removed => Err(Failure::MadeAndRemoved),
        }
    }

    pub(crate) async fn list_tokens(&self) -> Answered {
        self.documents::<Record, _>(ADMIN_TOKENS, Row::from).await
    }

    pub(crate) async fn revoke_token(&self, id: &str) -> Answered {
        if !is_id(id) {
            return Err(Failure::TokenUnknown);
        }
        let revoked = |record: Record| Ok(Record { revoked: record.revoked.or(Some(self.now)), ..record });
        store::change(self.ports, &entry(id), revoked).await?.ok_or(Failure::TokenUnknown)?;
        Ok(Response::empty())
    }

    /// What expires, expires later than now.
    pub(crate) fn check_expiry(&self, expires: Option<Timestamp>) -> Result<(), Failure> {
        let is_over = expires.is_some_and(|expires| expires <= self.now);
        if is_over { Err(Failure::Malformed("`expires` must be in the future".to_owned())) } else { Ok(()) }
    }
}

fn hash(token: &str) -> String {
    STANDARD.encode(hmac_sha256(MARK.as_bytes(), token.as_bytes()))
}

/// Both are authenticated with the right one as the key before they are compared. So the time that it takes says nothing about
/// how much of a guess is right.
pub(crate) fn is_same(presented: &str, right: &str) -> bool {
    let right = right.as_bytes();
    hmac_sha256(right, presented.as_bytes()) == hmac_sha256(right, right)
}
