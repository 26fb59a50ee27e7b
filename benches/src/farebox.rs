//! Farebox as a peer: both Workers in one workerd, with key-value namespaces that the rig serves. One account can pay for
//! everything, and requests are signed one by one.

use std::{cell::Cell, net::SocketAddr, path::Path, rc::Rc};

use anyhow::{Context, Result, ensure};
use farebox_core::{
    credential::Secret,
    request::Facts,
    signature::{Signer, xca::sign},
    time::Timestamp,
};
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::{
    kv::Namespace,
    runtime::{Parts, Runtime, Spin},
};

/// The deployment's secrets, good for this run only.
const MASTER_KEY: &str = "YmVuY2ggYmVuY2ggYmVuY2ggYmVuY2ggYmVuY2ggISE=";
const ADMIN_TOKEN: &str = "bench-admin-token-of-this-run-only";

/// A running Farebox and what the rig knows of it.
pub(crate) struct Farebox {
    /// Who calls it.
    pub(crate) caller: Rc<Caller>,
    api: Admin,
    account: String,
}

/// What calls cost, and what the account has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purse {
    /// The price of 1,000 calls.
    pub(crate) per_1000_calls: &'static str,
    /// What is recharged.
    pub(crate) amount: &'static str,
}

/// The key-value namespaces of a Farebox on workerd.
pub(crate) struct Stores {
    /// Catalog and credentials.
    pub(crate) config: Namespace,
    /// The usage journal.
    pub(crate) usage: Namespace,
}

/// The admin API.
struct Admin {
    address: SocketAddr,
    /// How many idempotency keys were used.
    asked: Cell<u64>,
}

/// What a call asks for.
pub(crate) struct Call {
    /// The method.
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) target: &'static str,
    /// Headers: names in lower case, and values.
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

impl Call {
    /// The call with `body` and the headers that a signature adds.
    pub(crate) fn request<B>(&self, signature: &[(String, String)], body: B) -> Request<B> {
        let mut request = Request::builder().method(self.method).uri(self.target);
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        for (name, value) in signature {
            request = request.header(name, value);
        }
        request.body(body).expect("a request of constant parts")
    }
}

/// Who calls Farebox: a credential of the account that pays.
pub(crate) struct Caller {
    key: String,
    secret: Secret,
    nonces: Cell<u64>,
}

impl Caller {
    /// The caller with this credential.
    pub(crate) fn new(key: String, secret: String) -> Self {
        Self { key, secret: Secret::new(secret), nonces: Cell::new(0) }
    }

    /// The name of its credential.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// What it signs with: for peers by hand, who know one caller.
    pub(crate) fn secret(&self) -> &str {
        self.secret.reveal()
    }

    /// The headers that sign `call` this once. Its body is not among what is signed.
    pub(crate) fn sign(&self, call: &Call) -> Vec<(String, String)> {
        let mut packed = format!("{}\nhttp://localhost{}", call.method, call.target);
        for (name, value) in call.headers {
            packed.extend(["\n", name, ": ", value]);
        }
        let facts = Facts::unpack(&packed).expect("packed above");
        let nonce = format!("{:032}", self.nonces.replace(self.nonces.get() + 1));
        sign(&facts, &[], &Signer { key: &self.key, secret: &self.secret, now: now(), nonce: &nonce }).headers
    }
}

impl Farebox {
    /// Starts Farebox in front of `origin` on workerd itself, with its namespaces served by the rig.
    pub(crate) async fn on_workerd(
        workerd: &Path,
        peers: &Path,
        origin: SocketAddr,
    ) -> Result<(Self, Stores, Runtime)> {
        let stores = Stores::start()?;
        let runtime = stores.serve(workerd, peers, Rc::new(TempDir::new()?))?;
        Ok((Self::provision(&runtime, peers, origin).await?, stores, runtime))
    }

    /// Who calls with a credential of one more account that can pay for everything.
    pub(crate) async fn another_caller(&self) -> Result<Rc<Caller>> {
        Ok(self.api.account("100000.00").await?.1)
    }

    /// Starts Farebox in front of `origin` on Miniflare, as `cargo xtask dev` does.
    pub(crate) async fn on_miniflare(node: &Path, root: &Path, origin: SocketAddr) -> Result<(Self, Runtime)> {
        let local_hosts = origin.ip().to_string();
        let bindings = json!({"MASTER_KEY": MASTER_KEY, "ADMIN_TOKEN": ADMIN_TOKEN, "LOCAL_HOSTS": local_hosts});
        let builds = json!({"edge": root.join("edge/build"), "billing": root.join("billing-worker/build")});
        let order = json!({"root": root, "port": 0, "builds": builds, "bindings": bindings, "operations": 1_000});
        let runtime = Runtime::node(node, &root.join("xtask/js/dev.mjs"), order)?;
        Ok((Self::provision(&runtime, &root.join("benches/peers"), origin).await?, runtime))
    }

    /// Starts Farebox in front of `origin` on the host for Spin components.
    pub(crate) async fn on_spin(
        spin: Spin<'_>,
        root: &Path,
        origin: SocketAddr,
        instance_calls: Option<u32>,
    ) -> Result<(Self, Runtime)> {
        let runtime = Self::process_on_spin(spin, root, origin, instance_calls, Rc::new(TempDir::new()?))?;
        Ok((Self::provision(&runtime, &root.join("benches/peers"), origin).await?, runtime))
    }

    /// Starts a process of Farebox in front of `origin` on the host for Spin components, with nothing sold yet. Several may serve one
    /// `state`.
    pub(crate) fn process_on_spin(
        spin: Spin<'_>,
        root: &Path,
        origin: SocketAddr,
        instance_calls: Option<u32>,
        state: Rc<TempDir>,
    ) -> Result<Runtime> {
        let mut variables = vec![
            ("master_key", MASTER_KEY.to_owned()),
            ("admin_token", ADMIN_TOKEN.to_owned()),
            ("upstreams", format!("http://{origin}")),
            ("local_hosts", origin.ip().to_string()),
        ];
        variables.extend(instance_calls.map(|calls| ("instance_calls", calls.to_string())));
        let flags: Vec<_> = instance_calls.iter().map(|calls| format!("--max-instance-reuse-count={calls}")).collect();
        Runtime::spin(spin, &root.join("spin.toml"), &flags, &variables, state)
    }

    /// Sells for next to nothing, to an account that can pay for everything.
    pub(crate) async fn provision(runtime: &Runtime, peers: &Path, origin: SocketAddr) -> Result<Self> {
        Self::that_can_pay(runtime, peers, origin, Purse { per_1000_calls: "0.01", amount: "100000.00" }).await
    }

    /// Publishes the catalog and makes an account with money and a credential.
    pub(crate) async fn that_can_pay(
        runtime: &Runtime,
        peers: &Path,
        origin: SocketAddr,
        purse: Purse,
    ) -> Result<Self> {
        let api = Admin { address: runtime.address, asked: Cell::new(0) };
        let catalog = std::fs::read_to_string(peers.join("catalog.toml"))?;
        let catalog = catalog.replace("http://127.0.0.1:9", &format!("http://{origin}"));
        let rate = |price: &str| format!("per_1000_calls = \"{price}\"");
        api.ask("PUT", "catalog", catalog.replace(&rate("0.01"), &rate(purse.per_1000_calls))).await?;
        let (account, caller) = api.account(purse.amount).await?;
        Ok(Self { caller, api, account })
    }

    /// How many entries the account's book has. Each is one row of its object's storage.
    pub(crate) async fn entries(&self) -> Result<u64> {
        let (mut count, mut cursor) = (0, String::new());
        loop {
            let path = format!("accounts/{}/entries?limit=100{cursor}", self.account);
            let page = self.api.ask("GET", &path, String::new()).await?;
            count += page["items"].as_array().with_context(|| format!("no entries in {page}"))?.len() as u64;
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(count),
            }
        }
    }

    /// Runs a settlement.
    pub(crate) async fn settle(&self) -> Result<()> {
        self.api.ask("POST", "settlements", "{}".to_owned()).await.map(drop)
    }
}

impl Stores {
    /// Serves empty namespaces.
    pub(crate) fn start() -> Result<Self> {
        Ok(Self { config: Namespace::start()?, usage: Namespace::start()? })
    }

    /// Starts a Farebox on workerd that has these namespaces, and its accounts' objects in `state`.
    pub(crate) fn serve(&self, workerd: &Path, peers: &Path, state: Rc<TempDir>) -> Result<Runtime> {
        let parts = Parts {
            environment: &[("MASTER_KEY", MASTER_KEY.to_owned()), ("ADMIN_TOKEN", ADMIN_TOKEN.to_owned())],
            externals: &[("config", self.config.address), ("usage", self.usage.address)],
            disk: Some(("accounts", state)),
        };
        Runtime::workerd(workerd, &peers.join("farebox.capnp"), &parts)
    }
}

impl Admin {
    /// Makes an account with `amount` and a credential: its id, and who calls with it.
    async fn account(&self, amount: &str) -> Result<(String, Rc<Caller>)> {
        let account = self.ask("POST", "accounts", json!({"name": "Bench"}).to_string()).await?;
        let account = member(&account, "id")?;
        let recharge = json!({"amount": amount, "currency": "USD"}).to_string();
        self.ask("POST", &format!("accounts/{account}/recharges"), recharge).await?;
        let credential = self.ask("POST", &format!("accounts/{account}/credentials"), "{}".to_owned()).await?;
        Ok((account, Rc::new(Caller::new(member(&credential, "key")?, member(&credential, "secret")?))))
    }

    async fn ask(&self, method: &str, path: &str, body: String) -> Result<Value> {
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

fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp::from_millis(since.as_millis().try_into().unwrap_or(i64::MAX))
}

fn member(answer: &Value, name: &str) -> Result<String> {
    Ok(answer[name].as_str().with_context(|| format!("no `{name}` in {answer}"))?.to_owned())
}
