//! Sending requests, and reading what the gateway says when it refuses.

use std::{fmt, io::Read};

use anyhow::Context;
use farebox_core::{catalog, time::Timestamp};
use serde::Deserialize;
use ureq::{Agent, Body, config::AutoHeaderValue, http};
use url::Url;

use crate::request::Request;

/// Sends requests, over kept connections.
#[derive(Debug, Clone)]
pub struct Client(Agent);

/// An answer whose body has not been read.
pub struct Answer(http::Response<Body>);

/// What the gateway says when it refuses (RFC 9457). What another server says may lack any of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What kind of problem.
    pub title: String,
    /// What happened, and what to do next.
    pub detail: String,
    /// The stable code.
    pub code: String,
    /// Which request, for asking the provider about it.
    pub request_id: Option<String>,
    /// What the server signed, when signatures do not match.
    pub string_to_sign: Option<String>,
    /// The server's time, when the request's is too far from it.
    pub now: Option<Timestamp>,
    /// What is wrong with a catalog.
    pub problems: Vec<catalog::Problem>,
}

/// That no answer came, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    origin: String,
    reason: String,
}

impl Default for Client {
    fn default() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .accept(AutoHeaderValue::None)
            .user_agent(concat!("farebox/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(config.into())
    }
}

impl Client {
    /// Sends a request.
    ///
    /// # Errors
    ///
    /// When no answer came. An answer of any status is one.
    pub fn send(&self, request: &Request) -> anyhow::Result<Answer> {
        let mut built = http::Request::builder().method(request.method.as_str()).uri(request.url.as_str());
        for (name, value) in &request.headers {
            built = built.header(name, value.as_bytes());
        }
        let answer = if request.body.is_empty() {
            self.0.run(built.body(())?)
        } else {
            self.0.run(built.body(request.body.as_slice())?)
        };
        answer.map(Answer).map_err(|error| Unanswered::new(&request.url, &error).into())
    }
}

impl Unanswered {
    fn new(url: &Url, error: &ureq::Error) -> Self {
        let (told, is_tls) = (error.to_string(), url.scheme() == "https");
        let reason = match error {
            ureq::Error::HostNotFound => "there is no such host".to_owned(),
            // What a server that speaks in plain sends back to the first words of TLS is no message of TLS.
            _ if is_tls && told.contains("InvalidContentType") => {
                "it speaks http there, not https: begin the address with http://".to_owned()
            }
            ureq::Error::Protocol(_) if !is_tls => {
                format!(
                    "what answers does not speak http; where it speaks https, begin the address with https:// ({told})"
                )
            }
            _ if told.contains("UnknownIssuer") => {
                "its certificate is of an authority that is not known here".to_owned()
            }
            _ => told,
        };
        Self { origin: url.origin().ascii_serialization(), reason }
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer from {}: {}", self.origin, self.reason.replace('\n', " "))
    }
}

impl std::error::Error for Unanswered {}

impl Answer {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The status line and the headers, as text.
    pub fn head(&self) -> String {
        let mut head = format!("{:?} {}\n", self.0.version(), self.0.status());
        for (name, value) in self.0.headers() {
            head += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
        }
        head
    }

    /// The value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// Whether the body is a problem document.
    pub fn is_problem(&self) -> bool {
        self.header("content-type").is_some_and(|value| value.starts_with("application/problem+json"))
    }

    /// The body, to be read as it comes.
    pub fn into_reader(self) -> impl Read {
        self.0.into_body().into_reader()
    }

    /// The whole body as text.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub fn into_text(self) -> anyhow::Result<String> {
        let mut bytes = Vec::new();
        self.into_reader().read_to_end(&mut bytes).context("the answer broke off")?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What went wrong, from an answer that is not a success: its problem document, or else what can be made of it.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub fn into_problem(self) -> anyhow::Result<Problem> {
        let (status, shown) = (self.0.status(), self.header("x-ca-error-message").unwrap_or_default().to_owned());
        let text = self.into_text()?;
        let mut problem: Problem = serde_json::from_str(&text).unwrap_or_default();
        problem.status = status.as_u16();
        if problem.title.is_empty() {
            problem.title = format!("the server answered {status}");
            problem.detail = if shown.is_empty() { text.lines().next().unwrap_or_default().to_owned() } else { shown };
        }
        Ok(problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        if !self.problems.is_empty() {
            // The detail lists them, a line each; a failure is one line.
            let plural = if self.problems.len() == 1 { "problem" } else { "problems" };
            write!(f, ": {} {plural}", self.problems.len())?;
        } else if !self.detail.is_empty() {
            // The detail may show a string to sign, line by line.
            write!(f, ": {}", self.detail.replace('\n', "#"))?;
        }
        let code = Some(self.code.as_str()).filter(|code| !code.is_empty());
        match (code, &self.request_id) {
            (Some(code), Some(id)) => write!(f, " ({code}, request {id})"),
            (Some(part), None) => write!(f, " ({part})"),
            (None, Some(id)) => write!(f, " (request {id})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}
