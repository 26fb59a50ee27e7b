//! What is asked of an issuer: what it says of itself, who a code stands for, and what address they have.
//!
//! Invariant: an address that is asked is one of the issuer's own document, whose `issuer` is the one that the deployment names.

use farebox_core::{
    signature::jwt::{Keys, Token},
    time::Timestamp,
};
use farebox_ports::{Fault, PublicKeys, Web, WebAnswer, WebMethod, WebRequest};
use form_urlencoded::Serializer;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::{
    Oidc, Refusal, Secrets,
    id_token::{Expected, claims, subject},
};
use crate::http::failure::Failure;

/// Where the document of an issuer is, after its own path (OpenID Connect Discovery, section 4.1).
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// What is asked for: who it is, and the address.
const SCOPE: &str = "openid email";

/// What an issuer says of itself, as far as it matters (OpenID Connect Discovery, section 3).
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// How a client says at the token endpoint who it is (OpenID Connect Core, section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum ClientSays {
    /// By its secret, in `Authorization`.
    Basic,
    /// By its secret, in the body.
    Post,
    /// By its id alone.
    Id,
}

/// Where a sign-in goes on, kept from when it was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Endpoints {
    authorization: String,
    token: String,
    keys: String,
    userinfo: Option<String>,
    client_says: ClientSays,
    /// Whether each answer names its issuer (RFC 9207, section 3).
    names_issuer: bool,
}

/// What came back with the person.
pub(crate) struct Returned<'a> {
    pub(crate) code: &'a str,
    /// The address that it came back to.
    pub(crate) redirect: &'a str,
    pub(crate) secrets: &'a Secrets,
    pub(crate) now: Timestamp,
}

/// What the token endpoint answers. Its text may hold what nobody should read, so no error says it.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

impl Oidc {
    /// What the issuer says of itself now.
    pub(crate) async fn discover(&self, web: &impl Web) -> Result<Endpoints, Failure> {
        let url = format!("{}{DISCOVERY}", self.issuer.trim_end_matches('/'));
        let document: Document = read("its own document", &asked(web, &url, &[]).await?)?;
        if document.issuer != self.issuer {
            return Err(fault(format!("the document at {url} is of another issuer")));
        }
        let methods = document.token_endpoint_auth_methods_supported;
        let takes = |method: &str| methods.as_ref().is_some_and(|all| all.iter().any(|one| one == method));
        // Basic is what an issuer takes that says nothing.
        let client_says = match (self.client_secret.is_empty(), methods.is_none() || takes("client_secret_basic")) {
            (true, _) => ClientSays::Id,
            (false, true) => ClientSays::Basic,
            (false, false) if takes("client_secret_post") => ClientSays::Post,
            (false, false) => return Err(fault("the issuer takes no secret of a client".to_owned())),
        };
        let endpoints = Endpoints {
            authorization: document.authorization_endpoint,
            token: document.token_endpoint,
            keys: document.jwks_uri,
            userinfo: document.userinfo_endpoint,
            client_says,
            names_issuer: document.authorization_response_iss_parameter_supported,
        };
        let asked = [&endpoints.authorization, &endpoints.token, &endpoints.keys];
        if let Some(address) = asked.into_iter().chain(&endpoints.userinfo).find(|address| !self.may_ask(address)) {
            return Err(fault(format!("the issuer names {address}, which is not asked")));
        }
        Ok(endpoints)
    }

    /// Where a browser goes to sign in; `challenge` is the hash of the verifier.
    pub(crate) fn authorization(
        &self,
        endpoints: &Endpoints,
        redirect: &str,
        secrets: &Secrets,
        challenge: &str,
    ) -> Result<String, Failure> {
        let mut url = Url::parse(&endpoints.authorization).map_err(|error| fault(error.to_string()))?;
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", redirect),
            ("scope", SCOPE),
            ("state", &secrets.state),
            ("nonce", &secrets.nonce),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(url.into())
    }

    /// Whether an answer that names `issuer`, or none, can be of this one: else somebody mixes two issuers up (RFC 9207, section 2.4).
    pub(crate) fn is_of(&self, endpoints: &Endpoints, issuer: Option<&str>) -> bool {
        issuer.map_or(!endpoints.names_issuer, |issuer| issuer == self.issuer)
    }

    /// The address of the person that a code stands for, which the issuer says to be proved.
    pub(crate) async fn address<P: Web + PublicKeys>(
        &self,
        ports: &P,
        endpoints: &Endpoints,
        returned: &Returned<'_>,
    ) -> Result<String, Failure> {
        let tokens = self.redeem(ports, endpoints, returned).await?;
        let token = Token::read(&tokens.id_token).map_err(|_| Refusal::Answer("its ID token cannot be read"))?;
        let keys = asked(ports, &endpoints.keys, &[]).await?;
        let keys = Keys::read(&keys.body).map_err(|error| fault(format!("the issuer's keys: {error}")))?;
        let key = keys.of(&token).map_err(|_| Refusal::Answer("it has no key with which its ID token is signed"))?;
        if !ports.verifies(key, token.signed, &token.signature).await? {
            return Err(Refusal::Answer("the signature of its ID token").into());
        }
        let expected = Expected {
            issuer: &self.issuer,
            client: &self.client_id,
            nonce: &returned.secrets.nonce,
            now: returned.now,
        };
        let claims = claims(&token).ok_or(Refusal::Answer("its ID token cannot be read"))?;
        let subject = subject(&claims, &expected)?;
        if let Some(address) = proved(&claims)? {
            return Ok(address);
        }
        // Many issuers put what the scope `email` asks for there alone (OpenID Connect Core, section 5.4).
        let (Some(userinfo), Some(access)) = (&endpoints.userinfo, tokens.access_token) else {
            return Err(Refusal::Unproven.into());
        };
        let authorization = ("authorization", format!("Bearer {access}"));
        let about: Value = read("what it says of a person", &asked(ports, userinfo, &[authorization]).await?)?;
        // Section 5.3.2: else it is of somebody else.
        if about["sub"] != subject {
            return Err(Refusal::Answer("it speaks of another person than its ID token").into());
        }
        Ok(proved(&about)?.ok_or(Refusal::Unproven)?)
    }

    /// The tokens that a code stands for.
    async fn redeem(&self, web: &impl Web, endpoints: &Endpoints, returned: &Returned<'_>) -> Result<Tokens, Failure> {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code").append_pair("code", returned.code);
        form.append_pair("redirect_uri", returned.redirect).append_pair("code_verifier", &returned.secrets.verifier);
        let mut headers = vec![
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("accept", "application/json".to_owned()),
        ];
        match endpoints.client_says {
            ClientSays::Basic => headers.push(("authorization", self.basic())),
            ClientSays::Id => drop(form.append_pair("client_id", &self.client_id)),
            ClientSays::Post => {
                form.append_pair("client_id", &self.client_id).append_pair("client_secret", &self.client_secret);
            }
        }
        let (url, body) = (&endpoints.token, form.finish());
        let answer = web.ask(&WebRequest { method: WebMethod::Post, url, headers: &headers, body: &body }).await?;
        match answer.status {
            200 => read("its tokens", &answer),
            // RFC 6749, section 5.2: the code is not good, or the client is not known.
            400 if error_of(&answer) == "invalid_grant" => Err(Refusal::Answer("its code is not good").into()),
            status => Err(fault(format!("the issuer's token endpoint answered {status} {}", error_of(&answer)))),
        }
    }
}

/// The address that claims prove; `None` where they name none.
fn proved(claims: &Value) -> Result<Option<String>, Refusal> {
    let Some(address) = claims["email"].as_str() else { return Ok(None) };
    // Some issuers write the word.
    let is_proved = claims["email_verified"] == true || claims["email_verified"] == "true";
    if is_proved { Ok(Some(address.to_owned())) } else { Err(Refusal::Unproven) }
}

/// The code of an error (RFC 6749, section 5.2), where it is of its characters.
fn error_of(answer: &WebAnswer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let code = body["error"].as_str().unwrap_or_default();
    code.chars().filter(|it| it.is_ascii_lowercase() || *it == '_').take(40).collect()
}

/// What is there, which must be.
async fn asked(web: &impl Web, url: &str, headers: &[(&str, String)]) -> Result<WebAnswer, Failure> {
    let answer = web.ask(&WebRequest { method: WebMethod::Get, url, headers, body: "" }).await?;
    match answer.status {
        200 => Ok(answer),
        status => Err(fault(format!("{url} answered {status}"))),
    }
}

fn read<T: DeserializeOwned>(what: &str, answer: &WebAnswer) -> Result<T, Failure> {
    // Where it cannot be read is said, and nothing of what is there.
    serde_json::from_str(&answer.body).map_err(|error| {
        fault(format!(
            "the issuer's answer ({what}) cannot be read at line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}

fn fault(detail: String) -> Failure {
    Failure::Port(Fault::Unavailable { port: "oidc", detail })
}
