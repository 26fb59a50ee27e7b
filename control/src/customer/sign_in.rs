//! Signing in by mail: a link and a six-digit code, of which either proves the address.
//!
//! Invariants: who asks is answered the same whether or not anybody has the address, because nobody looks before it is proved.
//! What proves it is good for 15 minutes, once, for five guesses, and in the browser that asked. Only that browser's cookie finds
//! the record of it. A letter's link leads to the origin that the deployment names, whatever host was asked. A guess is counted
//! before it is said whether it was right.

use farebox_core::{
    catalog::Language,
    signature::hmac_sha256,
    time::{DAY, HOUR, Millis, SECOND, Timestamp},
};
use farebox_ports::schema::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    directory::{self, After},
    me::{AccountRow, PersonRow},
    records::{Attempts, PROOF_LASTS, SignIn, address, attempts_key, hash, person_id, sign_in_key},
    sessions::{cookie, set_cookie, token},
};
use crate::{
    http::{Answered, Call, Ports, Response, failure::Failure},
    mail::letters,
};

/// The cookie that says which browser asked.
const ASKED_COOKIE: &str = "farebox-asked";

/// How many codes may be tried.
const TRIES: u32 = 5;

/// How many letters an address is sent, and how many a source asks for, each within a time. A day's letters to one address are
/// 20 x 5 guesses of a million.
const LETTERS: [(u32, Millis); 2] = [(5, PROOF_LASTS), (20, DAY)];
const ASKED_BY_SOURCE: (u32, Millis) = (60, HOUR);

/// Who wants to sign in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignInWanted")]
pub(super) struct Wanted {
    #[schemars(length(min = 3, max = 254))]
    email: String,
    /// The token of an invitation.
    invitation: Option<String>,
    /// Of the letter; the storefront's when left out.
    #[schemars(with = "Option<LanguageText>")]
    language: Option<Language>,
}

farebox_ports::stand_ins! {
    /// A language.
    LanguageText => schemars::json_schema!({ "enum": ["en", "zh"] });
}

/// A letter is on its way.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignInAsked")]
pub(super) struct Asked {
    /// Until when its link and code are good.
    #[schemars(with = "Time")]
    expires: Timestamp,
}

/// What proves the address: the code or the link's token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignInProof")]
pub(super) struct Proof {
    code: Option<String>,
    token: Option<String>,
}

/// A person has signed in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignedIn")]
pub(super) struct Finished {
    person: PersonRow,
    accounts: Vec<AccountRow>,
    /// Whether the person signed up with it.
    created: bool,
}

impl<P: Ports> Call<'_, P> {
    pub(super) async fn ask_sign_in(&self) -> Answered {
        let Wanted { email, invitation, language } = self.body()?;
        let email = address(&email).ok_or_else(|| Failure::Malformed("`email` must be an address".to_owned()))?;
        // Whoever develops comes from one address, again and again.
        if let Some(source) = self.source().filter(|_| !self.settings.clock_moves) {
            self.count("source", &source, ASKED_BY_SOURCE).await?;
        }
        for (number, letters) in LETTERS.into_iter().enumerate() {
            self.count(&format!("letters-{number}"), &email, letters).await?;
        }
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let language = language.unwrap_or(published.storefront.language);
        let [asked, link] = [&self.random[20..52], &hmac_sha256(&self.random[20..52], &self.random[52..])].map(token);
        let code = six_digits(&self.random[52..60]);
        let until = self.now.plus(PROOF_LASTS);
        let record = SignIn {
            email: email.clone(),
            language,
            code: self.proof_hash(&asked, &code),
            token: self.proof_hash(&asked, &link),
            invitation: invitation.map(|token| hash(self.settings, "invitation", &token)),
            tries: 0,
            until,
        };
        directory::make(self.ports, &sign_in_key(self.settings, &asked), &record, Some(until)).await?;
        let address = format!("{}/_farebox/portal/#/sign-in?token={link}", self.own_origin());
        let provider = &published.catalog.provider.name;
        self.post_letter(letters::sign_in(language, provider, &email, &address, &code)).await?;
        let mut response = Response::json(202, &Asked { expires: until })?;
        response.headers.push(set_cookie(self, ASKED_COOKIE, &asked, PROOF_LASTS / SECOND));
        Ok(response)
    }

    pub(super) async fn finish_sign_in(&self) -> Answered {
        let proof: Proof = self.body()?;
        let asked = cookie(self, ASKED_COOKIE).ok_or(Failure::SignInRefused)?;
        let record = self.proved(asked, &proof).await?;
        let id = person_id(self.settings, &record.email);
        let (person, created) = self.person_of(&id, &record).await?;
        let accounts = self.accounts_of(&id, &person).await?;
        let finished = Finished { person: PersonRow::from(&person), accounts, created };
        let mut response = Response::json(200, &finished)?;
        response.headers.push(self.begin_session(&id, &person).await?);
        response.headers.push(set_cookie(self, ASKED_COOKIE, "", 0));
        Ok(response)
    }

    /// Whose address `proof` proves. It is used up then, and after five guesses.
    async fn proved(&self, asked: &str, proof: &Proof) -> Result<SignIn, Failure> {
        let given = |text: &Option<String>| text.as_deref().map(|text| self.proof_hash(asked, text.trim()));
        let (code, link) = (given(&proof.code), given(&proof.token));
        let decide = |record: Option<SignIn>| {
            let Some(record) = record else { return Ok((After::Same, None)) };
            // Hashes under a key that nobody knows: how long they take to compare says nothing of what was guessed.
            if code.as_ref() == Some(&record.code) || link.as_ref() == Some(&record.token) {
                return Ok((After::Removed, Some(record)));
            }
            let (tries, until) = (record.tries + 1, Some(record.until));
            let after = if tries < TRIES { After::Kept(SignIn { tries, ..record }, until) } else { After::Removed };
            Ok((after, None))
        };
        let proved = directory::change(self.ports, &sign_in_key(self.settings, asked), decide).await?;
        proved.ok_or(Failure::SignInRefused)
    }

    fn proof_hash(&self, asked: &str, proof: &str) -> String {
        hash(self.settings, "proof", &format!("{asked}/{proof}"))
    }

    /// Counts one more of what may be done `most` times within a time.
    pub(crate) async fn count(&self, purpose: &str, of: &str, (most, within): (u32, Millis)) -> Result<(), Failure> {
        let counted = |attempts: Option<Attempts>| {
            let Attempts { count, until } = attempts.unwrap_or(Attempts { count: 0, until: self.now.plus(within) });
            if count >= most {
                return Ok((After::Same, Some(until)));
            }
            Ok((After::Kept(Attempts { count: count + 1, until }, Some(until)), None))
        };
        let full = directory::change(self.ports, &attempts_key(self.settings, purpose, of), counted).await?;
        full.map_or(Ok(()), |until| Err(Failure::TooMany((until.since(self.now) / SECOND).max(1))))
    }

    /// Where the request comes from, as sources are counted: of IPv6 the network, as one household has many addresses there.
    pub(super) fn source(&self) -> Option<String> {
        let address = farebox_core::address::address(self.request.address?)?;
        Some(match address {
            std::net::IpAddr::V4(address) => address.to_string(),
            std::net::IpAddr::V6(address) => format!("{:x?}", &address.segments()[..4]),
        })
    }

    /// The gateway's origin, as links name it. Without mail, that which the request was sent to: in development, and where a link goes to
    /// nobody but the provider who asks.
    pub(crate) fn own_origin(&self) -> String {
        if let Some(mail) = &self.settings.mail {
            return mail.origin().to_owned();
        }
        let scheme = if self.settings.clock_moves { "http" } else { "https" };
        format!("{scheme}://{}", self.request.host)
    }
}

/// Six digits out of eight random bytes. A million goes into 2^64 so often that no code is likelier than another by more than one
/// in 10^13.
fn six_digits(random: &[u8]) -> String {
    let number = random.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{:06}", number % 1_000_000)
}
