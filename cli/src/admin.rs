//! The gateway's admin API, as the commands use it.

use anyhow::{Context, bail};
use clap::Args;
use farebox_cli::{
    http::{Client, Problem},
    request::Request,
};
use serde_json::{Value, json};
use url::Url;

/// Where the gateway is, and how to prove that one runs it.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// Address of the gateway
    #[arg(long, global = true, env = "FAREBOX_GATEWAY", default_value = "http://127.0.0.1:8787", value_name = "URL")]
    pub(crate) gateway: Url,

    /// File that holds the admin token, in place of the environment's FAREBOX_ADMIN_TOKEN
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<std::path::PathBuf>,
}

/// A client of the admin API.
pub(crate) struct Admin {
    http: Client,
    base: Url,
    token: String,
}

/// The name of a command that moves money: sent twice under one name, it is carried out once.
#[derive(Debug, Args)]
pub(crate) struct Idempotency {
    /// Name of this payment: sent again under the same name it is not made again [default: a random one]
    #[arg(long = "idempotency-key", value_name = "NAME")]
    key: Option<String>,
}

impl Connection {
    /// A client of the admin API.
    ///
    /// # Errors
    ///
    /// When there is no token, or the address cannot have a path.
    pub(crate) fn admin(&self) -> anyhow::Result<Admin> {
        let token = match &self.token_file {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?,
            None => std::env::var("FAREBOX_ADMIN_TOKEN")
                .context("no admin token: set FAREBOX_ADMIN_TOKEN or give --token-file")?,
        };
        let base = self.gateway.join("/_farebox/admin/v1/").context("the gateway's address cannot have a path")?;
        Ok(Admin { http: Client::default(), base, token: token.trim().to_owned() })
    }
}

impl Admin {
    /// What is at `path`, which is relative to the API's root.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request("GET", path)?)
    }

    /// All items of the list at `path`, page by page; `query` says which.
    pub(crate) fn list(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Vec<Value>> {
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
            if next.is_none() || next == cursor {
                return Ok(items);
            }
            cursor = next;
        }
    }

    /// Posts `body` to `path`.
    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.with_json("POST", path, body)?)
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

    /// Puts `text` to `path`.
    pub(crate) fn put(&self, path: &str, content_type: &str, text: String) -> anyhow::Result<Value> {
        let mut request = self.request("PUT", path)?;
        request.set("content-type", content_type);
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
        let answer = self.http.send(&request)?;
        if !(200..300).contains(&answer.status()) {
            bail!(answer.into_problem()?);
        }
        let text = answer.into_text()?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).context("the answer is not JSON: is this the gateway's address?")
    }
}
