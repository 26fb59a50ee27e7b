//! What both gateways know before the first request: a catalog, and customers in every situation that matters.

use anyhow::{Context, Result, bail, ensure};
use farebox_core::time::HOUR;
use hyper::Method;
use serde_json::{Value, json};

use crate::{admin::Admin, farebox::Farebox};

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) account: String,
    pub(super) key: String,
    pub(super) secret: String,
    pub(super) app_code: String,
}

/// All of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct World {
    pub(super) admin_token: String,
    /// With 1,000.00 USD.
    pub(super) rich: Person,
    /// With nothing.
    pub(super) poor: Person,
    /// With a package of one call, which is used up by the first.
    pub(super) frugal: Person,
    /// With a package that ends after an hour.
    pub(super) late: Person,
    /// Suspended by the provider.
    pub(super) suspended: Person,
    /// Credentials of the rich one: revoked, held to an address elsewhere, held to another product.
    pub(super) revoked: Person,
    pub(super) elsewhere: Person,
    pub(super) narrow: Person,
}

const CATALOG: &str = r#"
[provider]
name = "Parity"
currency = "USD"

[[products]]
id = "open"
title = "All methods, both schemes"
upstream = "ORIGIN"
timeout = "1s"
auth = ["x-ca", "appcode"]
rate = { per_1000_calls = "1.00" }
routes = [{ path = "/open/{*rest}" }]

[[products]]
id = "narrow"
title = "Two methods, one scheme"
upstream = "ORIGIN"
auth = ["x-ca"]
rate = { per_1000_calls = "1.00" }
routes = [{ path = "/narrow/{*rest}", methods = ["GET", "POST"] }]

[[products]]
id = "strict"
title = "Strictly signed, strictly admitted"
upstream = "ORIGIN"
auth = ["x-ca"]
admission = "strict"
strict_signature = true
rate = { per_1000_calls = "1.00" }
routes = [{ path = "/strict/{*rest}" }]

[[products]]
id = "closed"
title = "Sold to somebody else"
upstream = "ORIGIN"
auth = ["x-ca", "appcode"]
accounts = ["acc_somebodyelse"]
rate = { per_1000_calls = "1.00" }
routes = [{ path = "/closed/{*rest}" }]

[[products]]
id = "packed"
title = "By packages only"
upstream = "ORIGIN"
auth = ["x-ca", "appcode"]
routes = [{ path = "/packed/{*rest}" }]

  [[products.packages]]
  id = "one"
  title = "One call"
  price = "0.10"
  calls = 1

  [[products.packages]]
  id = "hour"
  title = "For an hour"
  price = "0.10"
  calls = 100
  valid = "1h"

[[products]]
id = "gone"
title = "Whose upstream is not there"
upstream = "http://127.0.0.1:9"
auth = ["x-ca", "appcode"]
rate = { per_1000_calls = "1.00" }
routes = [{ path = "/gone/{*rest}" }]

[[products]]
id = "plain"
upstream = "ORIGIN"
auth = ["appcode"]
answer = "untouched"
upstream_signature = false
rate = { per_1000_calls = "2.00" }
routes = [{ path = "/plain/{*rest}" }]

[[products]]
id = "keyed"
title = "By plain keys, for pages of one origin, charged for 2xx alone"
upstream = "ORIGIN"
auth = ["key", "x-ca"]
key_parameter = "api_key"
charge_on = "2xx"
cors = { origins = ["https://app.example"], max_age = "60s" }
rate = { per_1000_calls = "1.00" }
routes = [{ path = "/keyed/{*rest}", methods = ["GET", "POST"] }]

[[products]]
id = "below"
title = "Whose upstream has a path"
upstream = "ORIGIN/v1"
auth = ["appcode"]
rate = { per_1000_calls = "1.00" }
routes = [{ path = "/below/{*rest}" }, { path = "/exactly" }]
"#;

impl World {
    /// Makes it, with `origin` as the upstream.
    pub(super) async fn make(farebox: &Farebox, origin: &str) -> Result<Self> {
        let maker = Maker(farebox.admin());
        maker.send(Method::PUT, "catalog", "", &CATALOG.replace("ORIGIN", origin)).await?;
        let [rich, poor, frugal, late, suspended] = [
            maker.person("rich").await?,
            maker.person("poor").await?,
            maker.person("frugal").await?,
            maker.person("late").await?,
            maker.person("suspended").await?,
        ];
        maker.recharge(&rich, "1000.00").await?;
        maker.recharge(&frugal, "0.10").await?;
        maker.buy(&frugal, "one").await?;
        maker.recharge(&late, "0.10").await?;
        maker.buy(&late, "hour").await?;
        maker.recharge(&suspended, "1.00").await?;
        let of_suspended = format!("accounts/{}", suspended.account);
        maker.send(Method::PATCH, &of_suspended, "suspend", r#"{"status":"suspended"}"#).await?;
        let revoked = maker.credential(&rich.account, "revoked", &json!({})).await?;
        let of_revoked = format!("accounts/{}/credentials/{}", rich.account, revoked.key);
        maker.send(Method::DELETE, &of_revoked, "revoke", "").await?;
        let elsewhere = json!({ "addresses": ["192.0.2.0/24"] });
        Ok(Self {
            admin_token: farebox.admin_token().to_owned(),
            elsewhere: maker.credential(&rich.account, "elsewhere", &elsewhere).await?,
            narrow: maker.credential(&rich.account, "narrow", &json!({ "products": ["narrow"] })).await?,
            rich,
            poor,
            frugal,
            late,
            suspended,
            revoked,
        })
    }
}

/// Moves the clock until every package that ends has ended.
pub(super) async fn let_packages_expire(farebox: &Farebox) -> Result<()> {
    let admin = farebox.admin();
    admin.post("clock", &json!({ "advance_ms": 2 * HOUR })).await?;
    let settled = admin.settle().await?;
    ensure!(settled.refused == 0, "{settled:?}");
    Ok(())
}

struct Maker(Admin);

impl Maker {
    async fn send(&self, method: Method, path: &str, key: &str, body: &str) -> Result<Value> {
        let answer = self.0.send_as(key, method, path, body).await?;
        if !answer.status.is_success() {
            bail!("{path}: {answer:?}");
        }
        if answer.body.is_empty() { Ok(Value::Null) } else { answer.json() }
    }

    async fn person(&self, name: &str) -> Result<Person> {
        let account = json!({ "name": name }).to_string();
        let made = self.send(Method::POST, "accounts", &format!("account-{name}"), &account).await?;
        self.credential(made["id"].as_str().context("no id")?, name, &json!({})).await
    }

    async fn credential(&self, account: &str, name: &str, limits: &Value) -> Result<Person> {
        let (path, key) = (format!("accounts/{account}/credentials"), format!("credential-{name}"));
        let made = self.send(Method::POST, &path, &key, &limits.to_string()).await?;
        let text = |member: &str| anyhow::Ok(made[member].as_str().with_context(|| format!("no {member}"))?.to_owned());
        Ok(Person {
            account: account.to_owned(),
            key: text("key")?,
            secret: text("secret")?,
            app_code: text("app_code")?,
        })
    }

    async fn recharge(&self, person: &Person, amount: &str) -> Result<()> {
        let (path, body) =
            (format!("accounts/{}/recharges", person.account), json!({ "amount": amount, "currency": "USD" }));
        self.send(Method::POST, &path, "recharge", &body.to_string()).await.map(drop)
    }

    async fn buy(&self, person: &Person, package: &str) -> Result<()> {
        let (path, body) =
            (format!("accounts/{}/purchases", person.account), json!({ "product": "packed", "package": package }));
        self.send(Method::POST, &path, "purchase", &body.to_string()).await.map(drop)
    }
}
