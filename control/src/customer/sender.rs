//! Who sends a request to the customer API: a person who is signed in, or a call credential.
//!
//! Invariants: a cookie alone changes nothing unless the page that sends it is of this origin. A browser says so in `Origin`,
//! which no page can change. Whoever is no member of an account is told the same as if there were no such account.

use farebox_core::{
    credential::{Credential, credential_entry, plain_key_entry},
    id::AccountId,
    plain_key,
};

use super::{
    directory,
    records::{Members, Person, Session, members_key, person_key, session_key},
    sessions::cookie,
};
use crate::{
    http::{
        Call, Ports,
        failure::Failure,
        operation::{Method, Operation},
        permission::{Membership, Permission},
    },
    store,
};

/// The cookie that a session is in.
pub(super) const SESSION_COOKIE: &str = "farebox-session";

/// What stands for a call credential's own account in a path.
const OWN: &str = "mine";

/// Who sends a request.
#[derive(Debug)]
pub(super) enum Sender {
    Person(SignedIn),
    Credential(Box<Credential>),
}

/// A person who is signed in.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) id: String,
    pub(super) person: Person,
    /// What the cookie holds.
    pub(super) token: String,
    pub(super) session: Session,
}

impl Sender {
    /// Names who it is: whose idempotency keys are whose.
    fn id(&self) -> &str {
        match self {
            Self::Person(signed_in) => &signed_in.id,
            Self::Credential(credential) => credential.key.as_str(),
        }
    }
}

impl<P: Ports> Call<'_, P> {
    /// Who sends this request, if `operation` is for them; `account` is what its path names. What stands for an account of the
    /// sender's own is replaced by its id.
    pub(super) async fn authenticate<N>(
        &self,
        operation: &Operation<N>,
        account: &mut String,
    ) -> Result<(Sender, Membership), Failure> {
        let permission = operation.permission;
        let takes_credentials = matches!(permission, Permission::PersonOrCredential | Permission::MemberOrCredential);
        let sender = match self.presented_key() {
            Some(_) if !takes_credentials => return Err(Failure::PersonNeeded),
            Some(key) => Sender::Credential(Box::new(self.credential_of(key).await?)),
            None => {
                if operation.method != Method::Get {
                    self.check_origin()?;
                }
                Sender::Person(self.signed_in().await?.ok_or(Failure::SessionMissing)?)
            }
        };
        self.sender.get_or_init(|| sender.id().to_owned());
        let needs = match permission {
            Permission::Member(needs) => needs,
            Permission::MemberOrCredential => Membership::Viewer,
            _ => return Ok((sender, Membership::Viewer)),
        };
        let has = match &sender {
            Sender::Credential(credential) => {
                if account == OWN {
                    credential.account.as_str().clone_into(account);
                }
                (credential.account.as_str() == account).then_some(Membership::Viewer)
            }
            Sender::Person(SignedIn { id, .. }) => self.membership(id, account).await?,
        };
        let has = has.ok_or(Failure::AccountUnknown)?;
        if has < needs {
            return Err(Failure::MembershipTooLow { needs: needs.as_str(), has: has.as_str() });
        }
        Ok((sender, has))
    }

    /// What a person may do with an account; `None` for who is no member of it.
    pub(super) async fn membership(&self, person: &str, account: &str) -> Result<Option<Membership>, Failure> {
        let Ok(account) = account.parse::<AccountId>() else { return Ok(None) };
        let members: Option<Members> = directory::read(self.ports, &members_key(&account)).await?;
        let members = members.unwrap_or_default().members;
        Ok(members.iter().find(|member| member.person == person).map(|member| member.role))
    }

    /// Refuses what a page of another site sends.
    pub(super) fn check_origin(&self) -> Result<(), Failure> {
        let (scheme, host) = self.request.origin.and_then(|origin| origin.split_once("://")).unwrap_or_default();
        let is_own = scheme == "https" || (scheme == "http" && self.settings.clock_moves);
        if is_own && !host.is_empty() && host.eq_ignore_ascii_case(self.request.host) {
            Ok(())
        } else {
            Err(Failure::OriginForeign)
        }
    }

    /// The call credential's plain key, where one is sent.
    fn presented_key(&self) -> Option<&str> {
        let of_scheme = |value: &'_ str| {
            let (scheme, key) = value.split_once(' ')?;
            ["bearer", "appcode"].iter().any(|known| scheme.eq_ignore_ascii_case(known)).then_some(key.len())
        };
        match self.request.authorization {
            Some(value) => Some(of_scheme(value).map_or("", |length| value[value.len() - length..].trim())),
            None => self.request.api_key.map(str::trim),
        }
    }

    /// The credential whose plain key this is. Whether it was revoked is asked of where it was done, so that it holds at once.
    async fn credential_of(&self, plain_key: &str) -> Result<Credential, Failure> {
        let hash = plain_key::hash(plain_key);
        let key = self.ports.get(&plain_key_entry(&hash)).await?.and_then(|key| String::from_utf8(key).ok());
        let key = key.and_then(|key| key.parse().ok()).ok_or(Failure::SessionMissing)?;
        let found: Option<Credential> = store::current(self.ports, &credential_entry(&key)).await?;
        let is_good = |found: &Credential| {
            found.app_code_hash == hash && found.is_active(self.now) && found.may_call_from(|| self.request.address)
        };
        found.filter(is_good).ok_or(Failure::SessionMissing)
    }

    /// Who is signed in, by the cookie.
    pub(super) async fn signed_in(&self) -> Result<Option<SignedIn>, Failure> {
        let Some(token) = cookie(self, SESSION_COOKIE) else { return Ok(None) };
        let session: Option<Session> = directory::read(self.ports, &session_key(self.settings, token)).await?;
        let Some(session) = session.filter(|session| session.until > self.now) else { return Ok(None) };
        let person: Option<Person> = directory::read(self.ports, &person_key(&session.person)).await?;
        let person = person.filter(|person| person.sessions == session.sessions);
        let (id, token) = (session.person.clone(), token.to_owned());
        Ok(person.map(|person| SignedIn { id, person, token, session }))
    }
}
