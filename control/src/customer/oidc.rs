//! Signing in by the provider's issuer: there and back, and whose session begins.
//!
//! Invariants: who comes back is signed in only in the browser that asked, within 15 minutes, and once; a page of another site that
//! sends a browser here ends no sign-in of its person. The person is whoever has the address that the issuer has proved, so that a
//! sign-in by mail comes to the same one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use farebox_core::{
    catalog::Language,
    time::{HOUR, Millis, SECOND, Timestamp},
};
use farebox_ports::log::tell;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    directory::{self, After},
    records::{PROOF_LASTS, SignIn, address, hash, oidc_key, person_id},
    sessions::{cookie, set_cookie, token},
    sign_in::LanguageText,
};
use crate::{
    http::{Answered, Call, Ports, Response, Settings, failure::Failure, request_id},
    oidc::{Endpoints, Oidc, Refusal, Returned, Secrets},
};

/// The cookie that says which browser asked.
const OIDC_COOKIE: &str = "farebox-oidc";

/// How many sign-ins a source begins.
const BEGUN_BY_SOURCE: (u32, Millis) = (60, HOUR);

/// Where the way back is.
const BACK: &str = "/_farebox/v1/oidc/callback";

/// The portal. No script sees the session, so the address says that there is one, or why there is none.
const ENTERED: &str = "/_farebox/portal/?entered";
const REFUSED: &str = "/_farebox/portal/?refused=";

/// Who wants to sign in by the issuer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "IssuerSignInWanted")]
pub(super) struct Wanted {
    /// The token of an invitation.
    invitation: Option<String>,
    /// Of the person, where it is a new one; the storefront's when left out.
    #[schemars(with = "Option<LanguageText>")]
    language: Option<Language>,
}

/// The way to the issuer.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "IssuerSignIn")]
pub(super) struct Asked {
    /// To be opened in the browser that asked.
    url: String,
    /// Until when one can come back from it.
    #[schemars(with = "farebox_ports::schema::Time")]
    expires: Timestamp,
}

/// A sign-in that was begun, by the hash of what the browser keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    language: Language,
    /// The hash of the invitation that it came by.
    #[serde(default)]
    invitation: Option<String>,
    endpoints: Endpoints,
}

impl Secrets {
    /// What follows from what a browser keeps. Nobody computes it without the master key.
    fn of(settings: &Settings, asked: &str) -> Self {
        let secret = |purpose: &str| token(&settings.master_key.derive(&format!("oidc {purpose}/{asked}")));
        Self { state: secret("state"), nonce: secret("nonce"), verifier: secret("verifier") }
    }
}

impl<P: Ports> Call<'_, P> {
    pub(super) async fn ask_issuer(&self) -> Answered {
        let Wanted { invitation, language } = self.body()?;
        let oidc = self.issuer()?;
        if let Some(source) = self.source().filter(|_| !self.settings.clock_moves) {
            self.count("oidc-source", &source, BEGUN_BY_SOURCE).await?;
        }
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let endpoints = oidc.discover(self.ports).await?;
        let (asked, expires) = (token(&self.random[20..52]), self.now.plus(PROOF_LASTS));
        let secrets = Secrets::of(self.settings, &asked);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&secrets.verifier));
        let url = oidc.authorization(&endpoints, &self.way_back(), &secrets, &challenge)?;
        let begun = Begun {
            language: language.unwrap_or(published.storefront.language),
            invitation: invitation.map(|token| hash(self.settings, "invitation", &token)),
            endpoints,
        };
        directory::make(self.ports, &oidc_key(self.settings, &asked), &begun, Some(expires)).await?;
        let mut response = Response::json(200, &Asked { url, expires })?;
        response.headers.push(set_cookie(self, OIDC_COOKIE, &asked, PROOF_LASTS / SECOND));
        Ok(response)
    }

    /// The way back. A browser follows it, so a failure too leads to the portal, which says in words what its code means.
    pub(super) async fn come_back(&self) -> Answered {
        let mut headers = vec![("referrer-policy", "no-referrer".to_owned())];
        let location = match self.signed_in_by_issuer().await {
            Ok(session) => {
                headers.extend([session, set_cookie(self, OIDC_COOKIE, "", 0)]);
                ENTERED.to_owned()
            }
            Err(failure) => {
                if let Some(fault) = failure.for_the_operator() {
                    tell(self.ports, "sign_in.failed", &[("request_id", &request_id(&self.random))], &fault);
                }
                format!("{REFUSED}{}", failure.code())
            }
        };
        headers.push(("location", location));
        Ok(Response { status: 303, headers, body: String::new() })
    }

    /// Begins the session of whoever came back; gives the field that sets its cookie.
    async fn signed_in_by_issuer(&self) -> Result<(&'static str, String), Failure> {
        let oidc = self.issuer()?;
        let asked = cookie(self, OIDC_COOKIE).ok_or(Failure::SignInRefused)?;
        let secrets = Secrets::of(self.settings, asked);
        // Looked at first: an answer to another request uses nothing up.
        if self.parameter("state").as_deref() != Some(&secrets.state) {
            return Err(Failure::SignInRefused);
        }
        let taken = |begun: Option<Begun>| Ok((After::Removed, begun));
        let begun = directory::change(self.ports, &oidc_key(self.settings, asked), taken).await?;
        let Begun { language, invitation, endpoints } = begun.ok_or(Failure::SignInRefused)?;
        if !oidc.is_of(&endpoints, self.parameter("iss").as_deref()) {
            return Err(Refusal::Answer("it is of another issuer").into());
        }
        let code = self.parameter("code").filter(|_| self.parameter("error").is_none()).ok_or(Refusal::Declined)?;
        let returned = Returned { code: &code, redirect: &self.way_back(), secrets: &secrets, now: self.now };
        let email = oidc.address(self.ports, &endpoints, &returned).await?;
        let email = address(&email).ok_or(Refusal::Unproven)?;
        let id = person_id(self.settings, &email);
        let (code, token) = (String::new(), String::new());
        let proved = SignIn { email, language, code, token, invitation, tries: 0, until: self.now };
        let (person, _) = self.person_of(&id, &proved).await?;
        self.begin_session(&id, &person).await
    }

    fn issuer(&self) -> Result<&Oidc, Failure> {
        self.settings.oidc.as_ref().ok_or(Failure::OidcUnset)
    }

    /// The address that the issuer knows as the client's.
    fn way_back(&self) -> String {
        format!("{}{BACK}", self.own_origin())
    }
}
