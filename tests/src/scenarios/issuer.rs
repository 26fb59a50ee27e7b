//! A person signs in by the provider's issuer, which is a real one: npm's `oidc-provider`.
//!
//! It signs with RSA first, then starts anew with another key, on P-256: a gateway that remembered the first would refuse it.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    process::{Child, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use hyper::{Method, Request};
use serde_json::{Value, json};

use super::market::Browser;
use crate::{
    Farebox,
    farebox::node,
    http::{Http, bytes},
};

/// There, back, and once; whoever the issuer proves is the same person as by mail.
pub async fn a_person_signs_in_by_the_providers_issuer(farebox: &Farebox) -> Result<()> {
    // The gateway is told before it starts, and the issuer must know the gateway's address.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let issuer = format!("http://127.0.0.1:{port}");
    let farebox = &farebox.another_with("issuer", &["--issuer", &issuer])?;
    let email = format!("ann-{}@example.com", std::process::id());
    let mut accounts = Vec::new();
    for alg in ["RS256", "ES256"] {
        let running = Issuer::start(farebox, port, alg)?;
        let mut browser = Browser::new(farebox);
        let back = running.sign_in(&mut browser, Some(&email)).await?;
        let mut other = Browser::new(farebox);
        begun(&mut other).await?;
        ensure!(led_on(&mut other, &back).await? == "refused=sign_in.refused", "{alg}: another browser came back");
        ensure!(led_on(&mut browser, &back).await? == "entered", "{alg}: not signed in");
        let me = browser.done(Method::GET, "me", Value::Null).await?;
        ensure!(me["person"]["email"] == *email, "{alg}: {me}");
        accounts.push(me["accounts"][0]["id"].as_str().context("no account")?.to_owned());
        ensure!(led_on(&mut browser, &back).await? == "refused=sign_in.refused", "{alg}: a second time");

        let mut browser = Browser::new(farebox);
        let unproven = running.sign_in(&mut browser, Some(&format!("unproven-{email}"))).await?;
        ensure!(
            led_on(&mut browser, &unproven).await? == "refused=oidc.unproven",
            "{alg}: an address that is not proved"
        );
        let declined = running.sign_in(&mut browser, None).await?;
        ensure!(led_on(&mut browser, &declined).await? == "refused=oidc.declined", "{alg}: who declined came in");
        let nobody = browser.send(Method::GET, "me", &Value::Null).await?;
        ensure!(nobody.status == 401, "{alg}: {}", nobody.status);
    }
    accounts.push(Browser::new(farebox).sign_up(&email).await?);
    ensure!(accounts.iter().all(|account| *account == accounts[0]), "one person, and one account: {accounts:?}");
    let gone = Browser::new(farebox).send(Method::POST, "oidc/sign-ins", &json!({})).await?;
    ensure!(gone.status == 503 && gone.code() == "service.unavailable", "without an issuer: {gone:?}");
    Ok(())
}

/// Where the issuer is, for a browser that asked.
async fn begun(browser: &mut Browser<'_>) -> Result<String> {
    let asked = browser.done(Method::POST, "oidc/sign-ins", json!({})).await?;
    Ok(asked["url"].as_str().context("no way to the issuer")?.to_owned())
}

/// What the portal is told when the browser comes back.
async fn led_on(browser: &mut Browser<'_>, back: &str) -> Result<String> {
    let answer = browser.send(Method::GET, back, &Value::Null).await?;
    let portal = answer.header("location").strip_prefix("/_farebox/portal/?");
    Ok(portal.with_context(|| format!("led elsewhere: {answer:?}"))?.to_owned())
}

/// A running issuer.
struct Issuer {
    child: Child,
    origin: String,
    gateway: String,
}

impl Issuer {
    fn start(farebox: &Farebox, port: u16, alg: &str) -> Result<Self> {
        let gateway = farebox.gateway().to_owned();
        let redirect = format!("{gateway}/_farebox/v1/oidc/callback");
        let mut child = node("tests/js/issuer.mjs").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let order = json!({ "port": port, "redirect": redirect, "alg": alg });
        writeln!(child.stdin.as_mut().context("no input")?, "{order}")?;
        let mut said = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut said)?;
        let running = Self { child, origin: format!("http://127.0.0.1:{port}"), gateway };
        ensure!(said == "listening\n", "the issuer did not start: {said}");
        Ok(running)
    }

    /// Goes there as a browser does, and says who it is and that it agrees, or declines. Gives what of the customer API it leads back to.
    async fn sign_in(&self, browser: &mut Browser<'_>, who: Option<&str>) -> Result<String> {
        let (mut at, mut cookies) = (begun(browser).await?, BTreeMap::new());
        let mut form = None;
        for _ in 0..12 {
            let back = format!("{}/_farebox/v1/", self.gateway);
            if let Some(back) = at.strip_prefix(&back) {
                return Ok(back.to_owned());
            }
            let sent: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = if form.is_some() { Request::post(&at) } else { Request::get(&at) };
            let request = request.header("cookie", sent.join("; "));
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let answer = Http::new().send(request.body(bytes(form.take().unwrap_or_default()))?).await?;
            for set in answer.headers.get_all("set-cookie") {
                let pair = set.to_str()?.split(';').next().and_then(|pair| pair.split_once('='));
                let (name, value) = pair.context("a cookie without a value")?;
                cookies.insert(name.to_owned(), value.to_owned());
            }
            cookies.retain(|_, value| !value.is_empty());
            let (page, location) = (String::from_utf8_lossy(&answer.body), answer.header("location"));
            match (answer.status.as_u16(), who) {
                (302 | 303, _) if location.starts_with('/') => at = format!("{}{location}", self.origin),
                (302 | 303, _) => location.clone_into(&mut at),
                (200, None) => at = format!("{at}/abort"),
                (200, Some(who)) if page.contains(r#"value="login""#) => {
                    form = Some(format!("prompt=login&login={who}&password=any"));
                }
                (200, Some(_)) if page.contains(r#"value="consent""#) => form = Some("prompt=consent".to_owned()),
                other => bail!("{other:?} at {at}: {page}"),
            }
        }
        bail!("the issuer leads around: {at}")
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        // It ends when its input does.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
