//! Sessions: beginning, prolonging and ending them, and the cookies that they are in.
//!
//! Invariants: nothing of a session is in an address, and a page's scripts cannot read it. A session is over a day after it was last
//! seen, and a month after it began. Who ends all sessions of theirs ends each at once, wherever it is.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use farebox_core::time::SECOND;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    directory::{self, After},
    records::{Person, SESSION_LASTS, SESSION_PROLONGED, SESSION_RESTS, Session, person_key, session_key},
    sender::{SESSION_COOKIE, SignedIn},
};
use crate::http::{Answered, Call, Ports, Response, failure::Failure};

/// Which sessions are ended.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignOut {
    /// All of the person's, wherever they are; else this one.
    #[serde(default)]
    everywhere: bool,
}

/// The value of a cookie of ours.
///
/// `__Host-` keeps other hosts of the domain from setting it (RFC 6265bis, section 4.1.3.2). Not every browser takes a secure
/// cookie from a machine that it reaches without TLS, so in development it has a plain name.
pub(super) fn cookie<'a, P>(call: &Call<'a, P>, name: &str) -> Option<&'a str> {
    let name = named(call, name);
    let pairs = call.request.cookie.unwrap_or_default().split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(have, _)| *have == name).map(|(_, value)| value).find(|value| !value.is_empty())
}

/// What sets a cookie of ours for `seconds`; 0 removes it.
pub(super) fn set_cookie<P>(call: &Call<'_, P>, name: &str, value: &str, seconds: i64) -> (&'static str, String) {
    let secure = if call.settings.clock_moves { "" } else { "; Secure" };
    let name = named(call, name);
    ("set-cookie", format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"))
}

fn named<P>(call: &Call<'_, P>, name: &str) -> String {
    if call.settings.clock_moves { name.to_owned() } else { format!("__Host-{name}") }
}

/// 32 bytes as a token's text. They must be random.
pub(super) fn token(random: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(random)
}

impl<P: Ports> Call<'_, P> {
    /// Begins a session of the person; gives the field that sets its cookie.
    pub(super) async fn begin_session(&self, id: &str, person: &Person) -> Result<(&'static str, String), Failure> {
        let token = token(&self.random[20..52]);
        let until = self.now.plus(SESSION_RESTS);
        let session = Session { person: id.to_owned(), sessions: person.sessions, begun: self.now, until };
        if !directory::make(self.ports, &session_key(self.settings, &token), &session, Some(until)).await? {
            return Err(Failure::Unwritable("a new session is there already".to_owned()));
        }
        Ok(set_cookie(self, SESSION_COOKIE, &token, SESSION_RESTS / SECOND))
    }

    /// Prolongs the session, where that was not done within the hour; gives the field that sets its cookie anew.
    pub(super) async fn prolong(&self, signed_in: &SignedIn) -> Result<Option<(&'static str, String)>, Failure> {
        let SignedIn { token, session, .. } = signed_in;
        let until = self.now.plus(SESSION_RESTS).min(session.begun.plus(SESSION_LASTS));
        if until.since(session.until) < SESSION_PROLONGED {
            return Ok(None);
        }
        let prolonged = |session: Option<Session>| {
            Ok(match session {
                Some(session) => (After::Kept(Session { until, ..session }, Some(until)), true),
                None => (After::Same, false),
            })
        };
        let is_there = directory::change(self.ports, &session_key(self.settings, token), prolonged).await?;
        let seconds = until.since(self.now) / SECOND;
        Ok(is_there.then(|| set_cookie(self, SESSION_COOKIE, token, seconds)))
    }

    pub(super) async fn sign_out(&self, signed_in: &SignedIn) -> Answered {
        let SignOut { everywhere } = self.body()?;
        if everywhere {
            let ended = |person: Option<Person>| {
                let ended = |person: Person| Person { sessions: person.sessions.wrapping_add(1), ..person };
                Ok((person.map_or(After::Same, |person| After::Kept(ended(person), None)), ()))
            };
            directory::change(self.ports, &person_key(&signed_in.id), ended).await?;
        }
        let removed = |_: Option<Session>| Ok((After::Removed, ()));
        directory::change(self.ports, &session_key(self.settings, &signed_in.token), removed).await?;
        let mut response = Response::empty();
        response.headers.push(set_cookie(self, SESSION_COOKIE, "", 0));
        Ok(response)
    }
}
