//! The request that `farebox call` sends and `farebox explain` explains, as it is given on the command line.

use std::{
    collections::BTreeSet,
    fs,
    io::{IsTerminal, Read},
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use clap::Args;
use farebox_cli::{
    http::{Answer, Client, Problem},
    request::{Request, Scheme},
};
use farebox_core::{credential::Secret, time::Timestamp};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::given;

/// A request and who signs it; the options are curl's where curl has them.
#[derive(Debug, Args)]
pub(super) struct RequestArguments {
    /// Address, or a path on the gateway
    url: String,

    /// Method [default: GET, or POST when there is a body]
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    method: Option<String>,

    /// Header; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,

    /// Body; `@FILE` takes it from a file, `@-` from standard input
    #[arg(short, long, value_name = "BODY", conflicts_with_all = ["form", "json"])]
    data: Option<String>,

    /// Form field; may be given several times
    #[arg(short = 'F', long, value_name = "NAME=VALUE", conflicts_with = "json")]
    form: Vec<String>,

    /// JSON body; `@FILE` takes it from a file, `@-` from standard input
    #[arg(long, value_name = "BODY")]
    json: Option<String>,

    /// How to sign
    #[arg(long, value_enum, default_value_t, value_name = "SCHEME")]
    scheme: Scheme,

    /// Key to sign with; its secret comes from FAREBOX_SECRET, a file or a prompt
    #[arg(long, env = "FAREBOX_KEY", value_name = "KEY")]
    key: Option<String>,

    /// File that holds the secret, in place of the environment's FAREBOX_SECRET
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// File that holds key and secret, as `credential create --file` writes it
    #[arg(long, value_name = "FILE", conflicts_with = "secret_file")]
    credential_file: Option<PathBuf>,
}

/// What a credential's file holds, as far as it is needed here.
#[derive(Deserialize)]
struct Kept {
    key: String,
    secret: String,
}

/// What came back.
pub(super) enum Answered {
    /// An answer of the API behind the gateway, whatever its status.
    Passed(Answer),
    /// A gateway's refusal: a problem document, or an answer with `X-Ca-Error-Message`.
    Refused {
        /// What it says.
        problem: Problem,
        /// The status and the headers, as text.
        head: String,
        /// `X-Ca-Error-Message`; empty for none.
        message: String,
    },
}

impl Answered {
    fn of(answer: Answer) -> anyhow::Result<Self> {
        let message = answer.header("x-ca-error-message").unwrap_or_default().to_owned();
        if !answer.is_problem() && message.is_empty() {
            return Ok(Self::Passed(answer));
        }
        Ok(Self::Refused { head: answer.head(), message, problem: answer.into_problem()? })
    }
}

impl RequestArguments {
    /// The request, unsigned.
    pub(super) fn request(&self, gateway: &Url) -> anyhow::Result<Request> {
        let url = target(gateway, &self.url)?;
        let mut request = Request::new("GET", url);
        if let Some(json) = &self.json {
            request.body = content(json)?;
            request.set("content-type", "application/json");
            request.set("accept", "application/json");
        } else if let Some(data) = &self.data {
            request.body = content(data)?;
            request.set("content-type", "application/x-www-form-urlencoded");
        } else if !self.form.is_empty() {
            let fields = self.form.iter().map(|field| field.split_once('=').unwrap_or((field, "")));
            request.body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes();
            request.set("content-type", "application/x-www-form-urlencoded");
        }
        let has_body = self.json.is_some() || self.data.is_some() || !self.form.is_empty();
        let method = self.method.as_deref().unwrap_or(if has_body { "POST" } else { "GET" });
        request.method = method.to_ascii_uppercase();
        let mut given = BTreeSet::new();
        for header in &self.headers {
            let Some((name, value)) = header.split_once(':') else {
                bail!("`{header}` is not a header: write it `NAME: VALUE`")
            };
            // In place of what is sent unless it is given, and beside others that are given under the same name.
            let name = name.trim().to_ascii_lowercase();
            if given.insert(name.clone()) {
                request.set(&name, value.trim());
            } else {
                request.add(&name, value.trim());
            }
        }
        Ok(request)
    }

    /// Whom the request is signed for.
    pub(super) fn signer(&self) -> anyhow::Result<(String, Secret)> {
        if let Some(file) = &self.credential_file {
            let read = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let Kept { key, secret } = serde_json::from_str(&read)
                .with_context(|| format!("{} is not a credential's file", file.display()))?;
            return Ok((key, Secret::new(secret)));
        }
        let key = self.key.clone().context("no key: give --key or --credential-file")?;
        let secret = self.secret(&key)?;
        Ok((key, secret))
    }

    /// The key to sign with, where its secret is not needed.
    pub(super) fn key(&self) -> anyhow::Result<String> {
        if self.credential_file.is_some() {
            Ok(self.signer()?.0)
        } else {
            self.key.clone().context("no key: give --key")
        }
    }

    /// How it is signed.
    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether there is a credential to sign with.
    pub(super) fn has_credential(&self) -> bool {
        self.key.is_some() || self.credential_file.is_some()
    }

    /// Sends the request as it is, unsigned.
    pub(super) fn send_unsigned(&self, request: &Request) -> anyhow::Result<Answered> {
        Answered::of(Client::default().send(request)?)
    }

    /// Signs the request and sends it; gives the string that was signed and the answer.
    ///
    /// When the gateway's clock is another than ours, the request is signed and sent once more by the gateway's.
    pub(super) fn send(&self, mut request: Request) -> anyhow::Result<(String, Answered)> {
        let (client, (key, secret)) = (Client::default(), self.signer()?);
        let mut sign_and_send = |now| {
            let nonce = uuid::Uuid::new_v4().to_string();
            let string_to_sign = request.sign(self.scheme, &key, &secret, now, &nonce);
            Ok((string_to_sign, Answered::of(client.send(&request)?)?))
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
        let first: (_, Answered) = sign_and_send(Timestamp::from_millis(since.as_millis().try_into()?))?;
        match &first.1 {
            Answered::Refused { problem: Problem { now: Some(now), .. }, .. } => sign_and_send(*now),
            _ => Ok(first),
        }
    }

    fn secret(&self, key: &str) -> anyhow::Result<Secret> {
        if let Some(file) = &self.secret_file {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            return Ok(Secret::new(text.trim_end_matches(['\r', '\n'])));
        }
        if let Ok(secret) = std::env::var("FAREBOX_SECRET") {
            return Ok(Secret::new(secret));
        }
        if !std::io::stdin().is_terminal() {
            bail!("no secret: set FAREBOX_SECRET or give --secret-file");
        }
        let secret = rpassword::prompt_password(format!("Secret of {key}: "))?;
        Ok(Secret::new(secret))
    }
}

/// Where a request goes: to an address, or to a path on the gateway.
fn target(gateway: &Url, given: &str) -> anyhow::Result<Url> {
    // What has a colon before its first slash, such as `localhost:8787/x`, is meant as an address.
    let first = given.split(['/', '?', '#']).next().unwrap_or_default();
    if first.contains(':') {
        return given::address(given);
    }
    gateway.join(given).with_context(|| format!("`{given}` is not a path"))
}

/// A body as it is given: itself, or the file that `@` names.
fn content(text: &str) -> anyhow::Result<Vec<u8>> {
    match text.strip_prefix('@') {
        None => Ok(text.as_bytes().to_vec()),
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes)?;
            Ok(bytes)
        }
        Some(file) => fs::read(file).with_context(|| format!("cannot read {file}")),
    }
}
