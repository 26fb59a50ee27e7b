//! Members of an account, and invitations to become one.
//!
//! Invariants: an account that has members has an owner among them. Only an owner makes, changes and removes owners. Who holds
//! an invitation's token joins only with the address that was invited, proved; an invitation that was taken back lets nobody in.

use farebox_core::{
    id::AccountId,
    signature::hmac_sha256,
    time::{DAY, Millis, Timestamp},
};
use farebox_ports::schema::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    directory::{self, After},
    records::{INVITATION_LASTS, Invitation, Invited, Member, Members, address, hash, invitation_key, members_key},
    sender::SignedIn,
    sessions::token,
};
use crate::{
    http::{Answered, Call, Ports, Response, failure::Failure, permission::Membership},
    mail::letters,
};

/// The most members and invitations of an account: they are one record.
const MOST: usize = 200;

/// How many invitations an account sends.
const INVITATIONS: (u32, Millis) = (50, DAY);

/// A member, as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Member")]
pub(super) struct MemberRow {
    person: String,
    email: String,
    role: Membership,
    #[schemars(with = "Time")]
    since: Timestamp,
}

impl From<Member> for MemberRow {
    fn from(Member { person, email, role, since }: Member) -> Self {
        Self { person, email, role, since }
    }
}

/// An invitation, as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub(super) struct InvitationRow {
    id: String,
    email: String,
    role: Membership,
    /// Until when it is good.
    #[schemars(with = "Time")]
    expires: Timestamp,
}

impl From<Invitation> for InvitationRow {
    fn from(Invitation { id, email, role, until }: Invitation) -> Self {
        Self { id, email, role, expires: until }
    }
}

/// What a member is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MemberChange")]
pub(super) struct Change {
    role: Membership,
}

/// Who is invited.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "InvitationWanted")]
pub(super) struct Wanted {
    #[schemars(length(min = 3, max = 254))]
    email: String,
    role: Membership,
}

/// Refuses to let who is no owner touch what is an owner's.
fn check_owner(actor: Membership, touched: &[Membership]) -> Result<(), Failure> {
    if actor < Membership::Owner && touched.contains(&Membership::Owner) {
        return Err(Failure::MembershipTooLow { needs: Membership::Owner.as_str(), has: actor.as_str() });
    }
    Ok(())
}

/// Refuses members among whom is no owner.
fn check_has_owner(members: &Members) -> Result<(), Failure> {
    let has_owner = members.members.iter().any(|member| member.role == Membership::Owner);
    if has_owner { Ok(()) } else { Err(Failure::LastOwner) }
}

impl<P: Ports> Call<'_, P> {
    pub(super) async fn list_members(&self, account: &AccountId) -> Answered {
        let members: Option<Members> = directory::read(self.ports, &members_key(account)).await?;
        let rows = members.unwrap_or_default().members.into_iter();
        self.page(rows.map(|member| (member.person.clone(), MemberRow::from(member))))
    }

    pub(super) async fn change_member(&self, account: &AccountId, actor: Membership, person: &str) -> Answered {
        let Change { role } = self.body()?;
        let changed = |members: Option<Members>| {
            let mut members = members.unwrap_or_default();
            let member = members.members.iter_mut().find(|member| member.person == person);
            let member = member.ok_or(Failure::MemberUnknown)?;
            check_owner(actor, &[member.role, role])?;
            member.role = role;
            let row = MemberRow::from(member.clone());
            check_has_owner(&members)?;
            Ok((After::Kept(members, None), row))
        };
        Response::json(200, &directory::change(self.ports, &members_key(account), changed).await?)
    }

    /// Everybody may leave; to remove others takes a manager.
    pub(super) async fn remove_member(
        &self,
        account: &AccountId,
        actor: Membership,
        signed_in: &SignedIn,
        person: &str,
    ) -> Answered {
        if actor < Membership::Manager && signed_in.id != person {
            return Err(Failure::MembershipTooLow { needs: Membership::Manager.as_str(), has: actor.as_str() });
        }
        let removed = |members: Option<Members>| {
            let mut members = members.unwrap_or_default();
            let at = members.members.iter().position(|member| member.person == person);
            let member = members.members.remove(at.ok_or(Failure::MemberUnknown)?);
            check_owner(actor, &[member.role])?;
            check_has_owner(&members)?;
            Ok((After::Kept(members, None), ()))
        };
        directory::change(self.ports, &members_key(account), removed).await?;
        Ok(Response::empty())
    }

    pub(super) async fn list_invitations(&self, account: &AccountId) -> Answered {
        let members: Option<Members> = directory::read(self.ports, &members_key(account)).await?;
        let open = members.unwrap_or_default().invitations.into_iter().filter(|it| it.until > self.now);
        self.page(open.map(|invitation| (invitation.id.clone(), InvitationRow::from(invitation))))
    }

    /// Invites an address; an invitation of it that is open is replaced.
    pub(super) async fn invite(&self, account: &AccountId, actor: Membership, signed_in: &SignedIn) -> Answered {
        let Wanted { email, role } = self.body()?;
        let email = address(&email).ok_or_else(|| Failure::Malformed("`email` must be an address".to_owned()))?;
        check_owner(actor, &[role])?;
        self.count("invitations", account.as_str(), INVITATIONS).await?;
        let link = token(&hmac_sha256(&self.random[20..52], &self.random[52..]));
        let id = hash(self.settings, "invitation", &link);
        let invitation = Invitation { id, email, role, until: self.now.plus(INVITATION_LASTS) };
        let invited = |members: Option<Members>| {
            let mut members = members.unwrap_or_default();
            members.invitations.retain(|known| known.until > self.now && known.email != invitation.email);
            if members.members.len() + members.invitations.len() >= MOST {
                return Err(Failure::MembersFull(MOST));
            }
            members.invitations.push(invitation.clone());
            Ok((After::Kept(members, None), ()))
        };
        directory::change(self.ports, &members_key(account), invited).await?;
        let leads = Invited { account: account.clone() };
        directory::make(self.ports, &invitation_key(&invitation.id), &leads, Some(invitation.until)).await?;
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let address = format!("{}/_farebox/portal/#/sign-in?invitation={link}", self.own_origin());
        let (provider, by) = (&published.catalog.provider.name, &signed_in.person);
        self.post_letter(letters::invitation(by.language, provider, &invitation.email, &by.email, &address)).await?;
        Response::json(201, &InvitationRow::from(invitation))
    }

    pub(super) async fn take_invitation_back(&self, account: &AccountId, actor: Membership, id: &str) -> Answered {
        let removed = |members: Option<Members>| {
            let mut members = members.unwrap_or_default();
            let at = members.invitations.iter().position(|invitation| invitation.id == id);
            let invitation = members.invitations.remove(at.ok_or(Failure::InvitationUnknown)?);
            check_owner(actor, &[invitation.role])?;
            Ok((After::Kept(members, None), ()))
        };
        directory::change(self.ports, &members_key(account), removed).await?;
        Ok(Response::empty())
    }

    /// Lets the person with the proved address into the account that invited it; `None` where no invitation of it is open.
    pub(super) async fn accept(&self, person: &str, email: &str, id: &str) -> Result<Option<AccountId>, Failure> {
        let invited: Option<Invited> = directory::read(self.ports, &invitation_key(id)).await?;
        let Some(Invited { account }) = invited else { return Ok(None) };
        let accepted = |members: Option<Members>| {
            let mut members = members.unwrap_or_default();
            let is_it = |it: &Invitation| it.id == id && it.email == email && it.until > self.now;
            let is_member = members.members.iter().any(|member| member.person == person);
            // It may have been accepted by a request that was ended before the person was told.
            let Some(at) = members.invitations.iter().position(is_it) else { return Ok((After::Same, is_member)) };
            let role = members.invitations.remove(at).role;
            if !is_member {
                let (person, email) = (person.to_owned(), email.to_owned());
                members.members.push(Member { person, email, role, since: self.now });
            }
            Ok((After::Kept(members, None), true))
        };
        let is_in = directory::change(self.ports, &members_key(&account), accepted).await?;
        Ok(is_in.then_some(account))
    }
}
