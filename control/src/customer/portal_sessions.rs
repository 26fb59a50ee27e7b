//! Ways into the portal for a provider whose own site has the users: a link that opens once.
//!
//! Invariant: a link is good for 15 minutes and once, and only a hash of its token is kept. What it opens is a session as any other.

use farebox_core::{catalog::Language, time::Timestamp};
use farebox_ports::schema::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    directory::{self, After},
    records::{Entry, PROOF_LASTS, Person, SignIn, address, entry_key, person_id, person_key},
    sessions::token,
};
use crate::http::{Answered, Call, Ports, Response, failure::Failure, permission::Membership};

/// Where an opened link leads. No script sees the session, so the address says that there is one.
const PORTAL: &str = "/_farebox/portal/?entered";

/// Who is to come in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PortalSessionWanted")]
pub(crate) struct Wanted {
    /// The address of the user, which the provider has proved.
    #[schemars(length(min = 3, max = 254))]
    email: String,
    /// What the user may do with the account, where it is none of its members yet; `owner` when left out.
    role: Option<Membership>,
}

/// A way in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PortalSession")]
pub(crate) struct Opened {
    /// To be opened once, by the user's browser.
    url: String,
    /// Until when it is good.
    #[schemars(with = "Time")]
    expires: Timestamp,
}

impl<P: Ports> Call<'_, P> {
    /// Makes a way in, for the provider.
    pub(crate) async fn make_portal_session(&self, account: &str) -> Answered {
        let account = self.account(account).await?.id;
        let Wanted { email, role } = self.body()?;
        let email = address(&email).ok_or_else(|| Failure::Malformed("`email` must be an address".to_owned()))?;
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let id = person_id(self.settings, &email);
        self.join(&account, &id, &email, role.unwrap_or(Membership::Owner)).await?;
        let proved = self.proved_by_provider(email, published.storefront.language);
        self.remember(&id, &proved, Some(account)).await?;
        let (token, until) = (token(&self.random[20..52]), self.now.plus(PROOF_LASTS));
        let entry = Entry { person: id };
        directory::make(self.ports, &entry_key(self.settings, &token), &entry, Some(until)).await?;
        let url = format!("{}/_farebox/v1/portal-sessions/{token}", self.own_origin());
        Response::json(201, &Opened { url, expires: until })
    }

    /// What a sign-in by mail would have proved.
    fn proved_by_provider(&self, email: String, language: Language) -> SignIn {
        let (code, token) = (String::new(), String::new());
        SignIn { email, language, code, token, invitation: None, tries: 0, until: self.now }
    }

    /// Opens a way in: once.
    pub(super) async fn enter(&self, token: &str) -> Answered {
        let taken = |entry: Option<Entry>| Ok((After::Removed, entry));
        let entry = directory::change(self.ports, &entry_key(self.settings, token), taken).await?;
        let Entry { person: id } = entry.ok_or(Failure::EntryOver)?;
        let person: Option<Person> = directory::read(self.ports, &person_key(&id)).await?;
        let person = person.ok_or(Failure::EntryOver)?;
        let session = self.begin_session(&id, &person).await?;
        let headers = vec![("location", PORTAL.to_owned()), session, ("referrer-policy", "no-referrer".to_owned())];
        Ok(Response { status: 303, headers, body: String::new() })
    }
}
