//! The gateway's admin API, as the commands use it.

use std::{io::IsTerminal, path::PathBuf, thread};

use anyhow::{Context, bail};
use clap::Args;
use farebox_cli::{
    http::{Answer, Client, Problem},
    request::Request,
};
use serde_json::{Value, json};
use url::Url;

use crate::{
    config::{self, Config},
    given,
};

/// Where a gateway listens that runs on this machine.
const LOCAL: &str = "http://127.0.0.1:8787";

/// Where the gateway is, and how to prove that one runs it.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// Address of the gateway [env: FAREBOX_GATEWAY] [default: the profile's, or http://127.0.0.1:8787]
    #[arg(long, global = true, value_name = "URL", value_parser = given::address, help_heading = "Gateway")]
    gateway: Option<Url>,

    /// Gateway and token that are kept under this name [env: FAREBOX_PROFILE]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Gateway")]
    profile: Option<String>,

    /// File that holds the admin token, in place of the environment's FAREBOX_ADMIN_TOKEN
    #[arg(long, global = true, value_name = "FILE", help_heading = "Gateway")]
    token_file: Option<PathBuf>,
}

/// What a [`Connection`] comes to, with the environment and the configuration.
pub(crate) struct Settings {
    /// Address of the gateway.
    pub(crate) gateway: Url,
    /// The token that is kept for it.
    kept: Option<String>,
}

/// A client of the admin API, or of the customer API.
pub(crate) struct Admin {
    http: Client,
    base: Url,
    token: String,
}

/// The name of a command that moves money: sent twice under one name, it is carried out once.
#[derive(Debug, Default, Args)]
pub(crate) struct Idempotency {
    /// Name of this payment: sent again under the same name it is not made again [default: a random one]
    #[arg(long = "idempotency-key", value_name = "NAME")]
    key: Option<String>,
}

impl Connection {
    /// The gateway that is meant. What is given on the command line goes first, then the environment, then the
    /// configuration. The token of a profile is for its gateway only, so it never goes to another one.
    ///
    /// # Errors
    ///
    /// When the configuration cannot be read, or has no such profile.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let elsewhere = |gateway| Ok(Settings { gateway, kept: None });
        if let Some(gateway) = &self.gateway {
            return elsewhere(gateway.clone());
        }
        let in_environment = std::env::var("FAREBOX_GATEWAY").ok().filter(|_| self.profile.is_none());
        if let Some(gateway) = in_environment {
            return elsewhere(given::address(&gateway).context("FAREBOX_GATEWAY")?);
        }
        let config = Config::load()?;
        let named = self.profile.clone().or_else(|| std::env::var("FAREBOX_PROFILE").ok());
        let Some(name) = named.or_else(|| config.profile.clone()) else { return elsewhere(LOCAL.parse()?) };
        let profile = config.profile(&name)?;
        Ok(Settings { gateway: profile.gateway.clone(), kept: config.token(profile)? })
    }

    /// A client of the admin API.
    ///
    /// # Errors
    ///
    /// When there is no token, or the address cannot have a path.
    pub(crate) fn admin(&self) -> anyhow::Result<Admin> {
        let Settings { gateway, kept } = self.settings()?;
        let in_environment = || std::env::var("FAREBOX_ADMIN_TOKEN").ok().filter(|_| self.profile.is_none());
        let token = match &self.token_file {
            Some(file) => config::secret(file)?,
            None => match in_environment().or(kept) {
                Some(token) => token,
                None if std::io::stdin().is_terminal() => {
                    rpassword::prompt_password(format!("Admin token of {gateway}: "))?
                }
                None => bail!(
                    "no admin token: set FAREBOX_ADMIN_TOKEN, give --token-file, or keep one with `farebox profile set`"
                ),
            },
        };
        Admin::new(&gateway, &token)
    }
}

impl Admin {
    /// The admin API of a gateway.
    ///
    /// # Errors
    ///
    /// When the address cannot have a path.
    pub(crate) fn new(gateway: &Url, token: &str) -> anyhow::Result<Self> {
        let base = gateway.join("/_farebox/admin/v1/").context("the gateway's address cannot have a path")?;
        Ok(Self { http: Client::default(), base, token: token.trim().to_owned() })
    }

    /// The customer API of a gateway, by a call credential's plain key. It answers as the admin API does.
    ///
    /// # Errors
    ///
    /// When the address cannot have a path.
    pub(crate) fn of_customer(gateway: &Url, key: &str) -> anyhow::Result<Self> {
        let base = gateway.join("/_farebox/v1/").context("the gateway's address cannot have a path")?;
        Ok(Self { http: Client::default(), base, token: key.trim().to_owned() })
    }

    /// What is at `path`, which is relative to the API's root.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request("GET", path)?)
    }

    /// All items of the list at `path`, page by page; `query` says which.
    pub(crate) fn list(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Vec<Value>> {
        self.pages(path, query, usize::MAX)
    }

    /// The first `most` items of the list at `path`.
    pub(crate) fn first(&self, path: &str, most: usize) -> anyhow::Result<Vec<Value>> {
        let limit = most.clamp(1, 100).to_string();
        let mut items = self.pages(path, &[("limit", &limit)], most)?;
        items.truncate(most);
        Ok(items)
    }

    /// Pages of the list at `path`, until there are `enough` items.
    fn pages(&self, path: &str, query: &[(&str, &str)], enough: usize) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut request = self.request("GET", path)?;
            let pairs = query.iter().copied().chain(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            for (name, value) in pairs {
                request.url.query_pairs_mut().append_pair(name, value);
            }
            let mut page = self.send(request)?;
            let Value::Array(of_page) = page["items"].take() else { bail!("the gateway answered without `items`") };
            items.extend(of_page);
            let next = page["cursor"].as_str().map(str::to_owned);
            if next.is_none() || next == cursor || items.len() >= enough {
                return Ok(items);
            }
            cursor = next;
        }
    }

    /// Posts `body` to `path`.
    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.with_json("POST", path, body)?)
    }

    /// Changes what is at `path`.
    pub(crate) fn change(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.with_json("PATCH", path, body)?)
    }

    /// What is at `path`, and the tag that names this version of it.
    pub(crate) fn get_tagged(&self, path: &str) -> anyhow::Result<(Value, Option<String>)> {
        let answer = self.answered(self.request("GET", path)?)?;
        let tag = answer.header("etag").map(str::to_owned);
        Ok((json_of(answer)?, tag))
    }

    /// Puts `body` in place of what is at `path`, if that is still the version with this tag.
    pub(crate) fn replace(&self, path: &str, tag: Option<&str>, body: &Value) -> anyhow::Result<Value> {
        let mut request = self.with_json("PUT", path, body)?;
        if let Some(tag) = tag {
            request.set("if-match", tag);
        }
        self.send(request)
    }

    /// What is at `path`, as text.
    pub(crate) fn text(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.http.send(&self.request("GET", path)?)?;
        if answer.status() == 200 { answer.into_text() } else { bail!(answer.into_problem()?) }
    }

    /// Posts a command that moves money; gives the answer and the name it was sent under. A failure that leaves open
    /// whether the money was moved says the name too.
    pub(crate) fn pay(&self, path: &str, body: &Value, idempotency: Idempotency) -> anyhow::Result<Value> {
        self.send_once(self.with_json("POST", path, body)?, idempotency)
    }

    /// Changes what is at `path` by a command that moves money, as [`Self::pay`] does.
    pub(crate) fn patch(&self, path: &str, body: &Value, idempotency: Idempotency) -> anyhow::Result<Value> {
        self.send_once(self.with_json("PATCH", path, body)?, idempotency)
    }

    /// Ends what is at `path` by a command that moves money, as [`Self::pay`] does.
    pub(crate) fn end(&self, path: &str, idempotency: Idempotency) -> anyhow::Result<Value> {
        self.send_once(self.request("DELETE", path)?, idempotency)
    }

    fn send_once(&self, mut request: Request, idempotency: Idempotency) -> anyhow::Result<Value> {
        let key = idempotency.key.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        request.set("idempotency-key", &key);
        let mut answer = self.send(request).map_err(|error| match error.downcast_ref::<Problem>() {
            Some(problem) if problem.status < 500 => error,
            _ => error.context(format!("it may have been booked; repeat it with --idempotency-key {key}")),
        })?;
        if let Value::Object(members) = &mut answer {
            members.insert("idempotency_key".to_owned(), json!(key));
        }
        Ok(answer)
    }

    /// Sends a catalog to `path`, to be published in place of the version with this tag only, where there is one.
    pub(crate) fn send_toml(&self, method: &str, path: &str, tag: Option<&str>, text: String) -> anyhow::Result<Value> {
        let mut request = self.request(method, path)?;
        request.set("content-type", "application/toml");
        if let Some(tag) = tag {
            request.set("if-match", tag);
        }
        request.body = text.into_bytes();
        self.send(request)
    }

    /// Deletes what is at `path`.
    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request("DELETE", path)?)
    }

    fn with_json(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Request> {
        let mut request = self.request(method, path)?;
        request.set("content-type", "application/json");
        request.body = body.to_string().into_bytes();
        Ok(request)
    }

    fn request(&self, method: &str, path: &str) -> anyhow::Result<Request> {
        let mut request = Request::new(method, self.base.join(path)?);
        request.set("accept", "application/json");
        request.set("authorization", format!("Bearer {}", self.token));
        Ok(request)
    }

    fn send(&self, request: Request) -> anyhow::Result<Value> {
        json_of(self.answered(request)?)
    }

    /// A good answer.
    fn answered(&self, request: Request) -> anyhow::Result<Answer> {
        let answer = self.http.send(&request)?;
        if (200..300).contains(&answer.status()) { Ok(answer) } else { bail!(answer.into_problem()?) }
    }
}

/// How many requests are under way at once.
const AT_ONCE: usize = 8;

/// Asks something for each of `items`, several at once; gives the answers in the order of the items.
pub(crate) fn at_once<T: Sync, R: Send>(
    items: &[T],
    ask: impl Fn(&T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    let share = items.len().div_ceil(AT_ONCE).max(1);
    let ask = &ask;
    thread::scope(|scope| {
        let shares: Vec<_> = items
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(ask).collect::<anyhow::Result<Vec<R>>>()))
            .collect();
        let mut answers = Vec::with_capacity(items.len());
        for share in shares {
            answers.extend(share.join().map_err(|_| anyhow::anyhow!("a part of the program broke"))??);
        }
        Ok(answers)
    })
}

fn json_of(answer: Answer) -> anyhow::Result<Value> {
    let text = answer.into_text()?;
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).context("the answer is not JSON: is this the gateway's address?")
}
