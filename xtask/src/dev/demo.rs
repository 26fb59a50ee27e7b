//! The demo: a catalog whose origin is ours, and an account with 10.00 USD that can call it.
//!
//! Invariant: the catalog is published at every start, since the origin's port is another one each time; the account is
//! made once per state directory, also when the start that made it was ended before it could remember it. What it gets,
//! ids too, follows from the directory's secrets alone.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{api::Admin, state::State};
use crate::process::root;

/// The upstream in a catalog that stands for the demo origin: the discard port, where nothing answers.
const ORIGIN: &str = r#""http://127.0.0.1:9""#;

/// The demo account and what it can call.
#[derive(Serialize, Deserialize)]
pub(super) struct Demo {
    pub(super) account: String,
    pub(super) key: String,
    pub(super) secret: String,
    pub(super) app_code: String,
    product: String,
    package: String,
    /// The path of a call.
    pub(super) call: String,
}

/// Publishes the catalog and sees to it that there is a demo account.
pub(super) async fn set_up(state: &State, gateway: &str, origin: &str, catalog: Option<&Path>) -> Result<Demo> {
    let admin = Admin::new(gateway, &state.admin_token);
    let catalog = catalog.map_or_else(|| root().join("xtask/demo/catalog.toml"), Path::to_path_buf);
    let source = fs::read_to_string(&catalog).with_context(|| format!("cannot read {}", catalog.display()))?;
    admin.publish(source.replace(ORIGIN, &format!("{origin:?}"))).await.context("the catalog was not accepted")?;
    if let Some(demo) = state.demo()? {
        return Ok(demo);
    }
    let demo = create(&admin).await.context("cannot make the demo account")?;
    state.remember_demo(&demo)?;
    Ok(demo)
}

async fn create(admin: &Admin) -> Result<Demo> {
    let account = text(&admin.post("accounts", Some("dev-account"), &json!({ "name": "Demo" })).await?, "id")?;
    let credential = admin.post(&format!("accounts/{account}/credentials"), Some("dev-credential"), &json!({})).await?;
    let recharge = json!({ "amount": "10.00", "currency": "USD" });
    admin.post(&format!("accounts/{account}/recharges"), Some("dev-recharge"), &recharge).await?;
    Ok(Demo {
        account,
        key: text(&credential, "key")?,
        secret: text(&credential, "secret")?,
        app_code: text(&credential, "app_code")?,
        product: "demo".to_owned(),
        package: "demo-100".to_owned(),
        call: "/demo/hello?name=you".to_owned(),
    })
}

fn text(answer: &Value, member: &str) -> Result<String> {
    let value = answer.get(member).and_then(Value::as_str);
    Ok(value.with_context(|| format!("the answer has no `{member}`"))?.to_owned())
}
