//! The demo: a catalog whose origin is ours, and an account with some money in the catalog's currency that can call it.
//!
//! Invariant: each start publishes the catalog, because the origin's port is another one each time. The account is made once per
//! state directory, also when a start is ended before it could remember the account. What it gets, ids too, follows from the
//! directory's secrets alone; what it can call and buy, from the catalog that was published.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use iso_currency::Currency;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{api::Admin, state::State};
use crate::process::root;

/// The upstreams in a catalog that stand for the demo origin, with and without a path: the discard port, where nothing answers.
const ORIGIN: [&str; 2] = [r#""http://127.0.0.1:9""#, r#""http://127.0.0.1:9/"#];

/// What stands for a parameter in the path of the demo's call.
const PARAMETER: &str = "hello";

/// The demo account and what it can call.
#[derive(Serialize, Deserialize)]
pub(super) struct Demo {
    pub(super) account: String,
    pub(super) key: String,
    pub(super) secret: String,
    pub(super) app_code: String,
    #[serde(flatten)]
    sold: Sold,
    /// The path of a call.
    pub(super) call: String,
}

/// What the account can buy. A catalog may have none of it.
#[derive(Serialize, Deserialize)]
struct Sold {
    product: Option<String>,
    package: Option<String>,
}

/// Publishes the catalog and sees to it that there is a demo account.
pub(super) async fn set_up(state: &State, gateway: &str, origin: &str, catalog: Option<&Path>) -> Result<Demo> {
    let admin = Admin::new(gateway, &state.admin_token);
    let catalog = catalog.map_or_else(|| root().join("xtask/demo/catalog.toml"), Path::to_path_buf);
    let source = fs::read_to_string(&catalog).with_context(|| format!("cannot read {}", catalog.display()))?;
    let refused = "the catalog was not accepted (--fresh begins again, with an empty gateway)";
    let [bare, with_path] = ORIGIN;
    let source = source.replace(bare, &format!("{origin:?}")).replace(with_path, &format!("\"{origin}/"));
    admin.publish(source).await.context(refused)?;
    let published = admin.get("catalog").await?["catalog"].take();
    let (sold, call) = offer(&published, origin);
    if let Some(demo) = state.demo::<Demo>()? {
        return Ok(Demo { sold, call, ..demo });
    }
    let currency = published["provider"]["currency"].as_str().context("the catalog has no currency")?;
    let demo = create(&admin, currency, sold, call).await.context("cannot make the demo account")?;
    state.remember_demo(&demo)?;
    Ok(demo)
}

async fn create(admin: &Admin, currency: &str, sold: Sold, call: String) -> Result<Demo> {
    let account = text(&admin.post("accounts", Some("dev-account"), &json!({ "name": "Demo" })).await?, "id")?;
    let credential = admin.post(&format!("accounts/{account}/credentials"), Some("dev-credential"), &json!({})).await?;
    let recharge = json!({ "amount": money(currency), "currency": currency });
    admin.post(&format!("accounts/{account}/recharges"), Some("dev-recharge"), &recharge).await?;
    Ok(Demo {
        account,
        key: text(&credential, "key")?,
        secret: text(&credential, "secret")?,
        app_code: text(&credential, "app_code")?,
        sold,
        call,
    })
}

/// What the demo account begins with: 1,000 of a currency without digits, which are worth less, and 10 of any other.
fn money(currency: &str) -> &'static str {
    let whole = Currency::from_code(currency).is_some_and(|currency| currency.exponent() == Some(0));
    if whole { "1000" } else { "10.00" }
}

/// What of the catalog the demo sells, and the path of a call. It is the first product that everybody can call by GET and pay
/// from the balance, or as much of that as there is.
fn offer(catalog: &Value, origin: &str) -> (Sold, String) {
    let products = catalog["products"].as_array().map(Vec::as_slice).unwrap_or_default();
    let suits =
        |product: &&Value| (by_get(product).is_some(), product["accounts"].is_null(), !product["rate"].is_null());
    // Of several the last is the greatest, so that they are looked at backwards.
    let Some(product) = products.iter().rev().max_by_key(suits) else {
        return (Sold { product: None, package: None }, "/".to_owned());
    };
    let id = |item: &Value| item["id"].as_str().map(str::to_owned);
    let pattern = by_get(product).or_else(|| product["routes"][0]["path"].as_str()).unwrap_or("/");
    // The demo origin says what came.
    let query = if product["upstream"] == origin { "?name=you" } else { "" };
    let call = format!("{}{query}", path(pattern));
    (Sold { product: id(product), package: id(&product["packages"][0]) }, call)
}

/// The pattern of a route that takes GET.
fn by_get(product: &Value) -> Option<&str> {
    let takes_get = |route: &&Value| {
        let methods = route["methods"].as_array()?;
        (methods.is_empty() || methods.iter().any(|method| method == "GET")).then_some(())
    };
    let route = product["routes"].as_array()?.iter().find(|route| takes_get(route).is_some())?;
    route["path"].as_str()
}

/// A path that `pattern` takes.
fn path(pattern: &str) -> String {
    let (mut path, mut rest) = (String::new(), pattern);
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        match next {
            // Two braces are one that stands for itself.
            '{' | '}' if rest.starts_with(next) => {
                path.push_str(if next == '{' { "%7B" } else { "%7D" });
                rest = &rest[1..];
            }
            '{' => {
                path.push_str(PARAMETER);
                rest = rest.split_once('}').map_or("", |(_, after)| after);
            }
            plain if plain.is_ascii() => path.push(plain),
            other => other.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| path.push_str(&format!("%{byte:02X}"))),
        }
    }
    path
}

fn text(answer: &Value, member: &str) -> Result<String> {
    let value = answer.get(member).and_then(Value::as_str);
    Ok(value.with_context(|| format!("the answer has no `{member}`"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_is_of_a_route_that_can_be_called() {
        let route = |path: &str, methods: &[&str]| json!({ "path": path, "methods": methods });
        let product = |id: &str, routes: Value, rate: Value| json!({ "id": id, "upstream": "http://o", "accounts": null, "routes": routes, "rate": rate, "packages": [] });
        let catalog = json!({ "products": [
            product("posts", json!([route("/post", &["POST"])]), json!({})),
            product("packages", json!([route("/packages", &[])]), json!(null)),
            product("paid", json!([route("/paid", &["PUT"]), route("/caf\u{e9}/{{{id}}}.json/{*rest}", &["GET"])]), json!({})),
            product("other", json!([route("/other", &[])]), json!({})),
        ]});
        let (sold, call) = offer(&catalog, "http://demo");
        assert_eq!((sold.product.as_deref(), sold.package), (Some("paid"), None));
        assert_eq!(call, "/caf%C3%A9/%7Bhello%7D.json/hello");
        assert_eq!(offer(&catalog, "http://o").1, format!("{call}?name=you"));
        assert_eq!(offer(&json!({ "products": [] }), "http://o").1, "/");
    }

    #[test]
    fn the_money_is_of_the_currency() {
        assert_eq!(["USD", "JPY", "KRW", "KWD"].map(money), ["10.00", "1000", "1000", "10.00"]);
    }
}
