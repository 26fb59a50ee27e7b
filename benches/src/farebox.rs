//! Farebox as a peer: both Workers in one workerd, its key-value namespaces served by the rig, one account that can pay
//! for everything, and requests that are signed one by one.

use std::{cell::Cell, net::SocketAddr, path::Path, rc::Rc};

use anyhow::{Context, Result, ensure};
use farebox_core::{
    credential::Secret,
    request::Facts,
    signature::xca::{Signer, sign},
    time::Timestamp,
};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{Request, body::Bytes, client::conn::http1::handshake, header::HeaderName};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::{
    kv::{Namespace, Operations},
    load::MakeRequest,
    workerd::{Parts, Workerd},
};

/// The deployment's secrets, good for this run only.
const MASTER_KEY: &str = "YmVuY2ggYmVuY2ggYmVuY2ggYmVuY2ggYmVuY2ggISE=";
const ADMIN_TOKEN: &str = "bench-admin-token-of-this-run-only";

/// A running Farebox and what the rig knows of it.
pub(crate) struct Farebox {
    config: Namespace,
    usage: Namespace,
    address: SocketAddr,
    account: String,
    /// How many idempotency keys were used.
    asked: Cell<u64>,
    /// Where the account objects are stored, for as long as this lives.
    _accounts: TempDir,
}

/// What a call asks for: the same of every peer.
pub(crate) struct Call {
    /// Path and query.
    pub(crate) target: &'static str,
    /// Headers: names in lower case, and values.
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

impl Call {
    /// The call, unsigned.
    pub(crate) fn plain(&'static self) -> MakeRequest {
        Rc::new(|| self.request(&[]))
    }

    fn request(&self, more: &[(String, String)]) -> Request<Empty<Bytes>> {
        let mut request = Request::builder().uri(self.target);
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        for (name, value) in more {
            request = request.header(HeaderName::from_bytes(name.as_bytes()).expect("a header's name"), value);
        }
        request.body(Empty::new()).expect("a request of constant parts")
    }
}

impl Farebox {
    /// Starts Farebox in front of `origin`, and gives requests to it that are `call`, signed afresh each time.
    pub(crate) async fn start(
        workerd: &Path,
        peers: &Path,
        origin: SocketAddr,
        call: &'static Call,
    ) -> Result<(Self, Workerd, MakeRequest)> {
        let (config, usage) = (Namespace::start()?, Namespace::start()?);
        let secrets = [("MASTER_KEY", MASTER_KEY.to_owned()), ("ADMIN_TOKEN", ADMIN_TOKEN.to_owned())];
        let stores = [("config", config.address), ("usage", usage.address)];
        let accounts = TempDir::new()?;
        let directories = [("accounts", accounts.path())];
        let parts = Parts { environment: &secrets, externals: &stores, directories: &directories };
        let process = Workerd::start(workerd, &peers.join("farebox.capnp"), &parts)?;
        let catalog = std::fs::read_to_string(peers.join("catalog.toml"))?;
        let catalog = catalog.replace("http://127.0.0.1:9", &format!("http://{origin}"));
        let mut farebox = Self {
            config,
            usage,
            address: process.address,
            account: String::new(),
            asked: Cell::new(0),
            _accounts: accounts,
        };
        farebox.admin("PUT", "catalog", catalog).await?;
        let account = farebox.admin("POST", "accounts", json!({"name": "Bench"}).to_string()).await?;
        farebox.account = member(&account, "id")?;
        let recharge = json!({"amount": "100000.00", "currency": "USD"}).to_string();
        farebox.admin("POST", &format!("accounts/{}/recharges", farebox.account), recharge).await?;
        let credential =
            farebox.admin("POST", &format!("accounts/{}/credentials", farebox.account), "{}".into()).await?;
        let request = signed(call, member(&credential, "key")?, Secret::new(member(&credential, "secret")?));
        Ok((farebox, process, request))
    }

    /// What was asked of its configuration and of its usage journal so far.
    pub(crate) fn operations(&self) -> (Operations, Operations) {
        (self.config.operations(), self.usage.operations())
    }

    /// How many entries the account's book has. Each is one row of its object's storage.
    pub(crate) async fn entries(&self) -> Result<u64> {
        let (mut count, mut cursor) = (0, String::new());
        loop {
            let path = format!("accounts/{}/entries?limit=100{cursor}", self.account);
            let page = self.admin("GET", &path, String::new()).await?;
            count += page["items"].as_array().with_context(|| format!("no entries in {page}"))?.len() as u64;
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(count),
            }
        }
    }

    /// Runs a settlement.
    pub(crate) async fn settle(&self) -> Result<()> {
        self.admin("POST", "settlements", "{}".to_owned()).await.map(drop)
    }

    async fn admin(&self, method: &str, path: &str, body: String) -> Result<Value> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(connection);
        let kind = if body.starts_with('{') { "application/json" } else { "application/toml" };
        let request = Request::builder()
            .method(method)
            .uri(format!("/_farebox/admin/v1/{path}"))
            .header("host", "localhost")
            .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
            .header("content-type", kind)
            .header("idempotency-key", format!("bench-{}", self.asked.replace(self.asked.get() + 1)))
            .body(Full::<Bytes>::from(body))?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{method} {path}: {status}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).with_context(|| format!("{method} {path} answered something else"))
    }
}

fn signed(call: &'static Call, key: String, secret: Secret) -> MakeRequest {
    let mut packed = format!("GET\nhttp://localhost{}", call.target);
    for (name, value) in call.headers {
        packed.push_str(&format!("\n{name}: {value}"));
    }
    let nonces = Cell::new(0u64);
    Rc::new(move || {
        nonces.set(nonces.get() + 1);
        let facts = Facts::unpack(&packed).expect("packed above");
        let nonce = format!("{:032}", nonces.get());
        let signer = Signer { key: &key, secret: &secret, now: now(), nonce: &nonce };
        call.request(&sign(&facts, &[], &signer).headers)
    })
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp::from_millis(since.as_millis().try_into().unwrap_or(i64::MAX))
}

fn member(answer: &Value, name: &str) -> Result<String> {
    Ok(answer[name].as_str().with_context(|| format!("no `{name}` in {answer}"))?.to_owned())
}
