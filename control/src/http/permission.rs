//! Who may ask for an operation.
//!
//! Invariant: each role includes what the ones before it may do, so that a row names the least that its sender must be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a row of a table asks of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Permission {
    /// Nothing: it is answered without a token.
    Anyone,
    /// An admin token of this role or more.
    Token(Role),
    /// A person who is signed in.
    Person,
    /// A person who is signed in, or a call credential.
    PersonOrCredential,
    /// A member, of this role or more, of the account that the path names.
    Member(Membership),
    /// Any member of that account, or one of its call credentials.
    MemberOrCredential,
    /// A payment service, by its signature over the body. Where the deployment has no secret of one, there is no such path.
    PaymentService,
}

/// What a member may do with an account. Each includes what the ones before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "MemberRole", inline)]
pub(crate) enum Membership {
    /// See everything but secrets.
    Viewer,
    /// Make and revoke credentials.
    Developer,
    /// Buy, subscribe, and look after members who are no owners.
    Manager,
    /// Look after owners too.
    Owner,
}

impl Membership {
    /// As it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Developer => "developer",
            Self::Manager => "manager",
            Self::Owner => "owner",
        }
    }
}

/// What an admin token lets its bearer do. Each includes what the ones before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// See everything, change nothing.
    ReadOnly,
    /// Publish, sell, correct and settle.
    Operator,
    /// Issue and revoke admin tokens too.
    Owner,
}

impl Role {
    /// As it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Operator => "operator",
            Self::Owner => "owner",
        }
    }
}

/// Whose admin token a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actor {
    /// The id of the token, or `deployment`.
    pub(crate) token: String,
    /// The name it was issued to.
    pub(crate) name: String,
    pub(crate) role: Role,
}
