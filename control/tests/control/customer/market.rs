//! The harness: a provider who lets everybody in, and browsers that keep cookies.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use farebox_control::{MailService, MailSettings, Request, Response};
use serde_json::{Value, json};

use crate::admin::shop::{CATALOG, Got, Shop};

/// Where the API is.
pub(crate) const HOST: &str = "api.acme.example";
pub(crate) const ORIGIN: &str = "https://api.acme.example";

/// A provider whose storefront is open, and who sends mail by a webhook.
pub(crate) struct Market {
    pub(crate) shop: Shop,
    pub(crate) description: Value,
    read: Cell<usize>,
}

/// A browser: what it was told to keep, and where it says that its page is of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Browser {
    cookies: RefCell<BTreeMap<String, String>>,
}

/// What a request to the customer API says beside its path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent<'a> {
    pub(crate) key: Option<&'a str>,
    pub(crate) bearer: Option<&'a str>,
    pub(crate) origin: Option<&'a str>,
    pub(crate) address: Option<&'a str>,
    /// Another host than the gateway's own.
    pub(crate) host: Option<&'a str>,
    pub(crate) body: Value,
}

pub(crate) fn sent(body: Value) -> Sent<'static> {
    Sent { origin: Some(ORIGIN), body, ..Sent::default() }
}

/// The catalog with an open door and a grant.
pub(crate) fn catalog(mode: &str) -> String {
    let gift = "  [[products.packages]]\n  id = \"welcome\"\n  price = \"0.00\"\n  once = true\n  calls = 50\n\n";
    let invoices = "[invoices]\nseller = [\"Acme <GmbH>\", \"VAT DE1\"]\nprefix = \"A-\"\ntax = { name = \"VAT\", percent = \"19\" }\n\n";
    let door = format!("{invoices}[sign_up]\nmode = \"{mode}\"\ngrant = \"welcome\"\n\n[[products]]\nid = \"secret\"");
    CATALOG.replacen("[[products]]\nid = \"secret\"", &format!("{gift}{door}"), 1)
}

impl Browser {
    fn header(&self) -> String {
        let cookies = self.cookies.borrow();
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&self, response: &Response) {
        for (_, value) in response.headers.iter().filter(|(name, _)| *name == "set-cookie") {
            let mut parts = value.split("; ");
            let (name, kept) = parts.next().unwrap().split_once('=').unwrap();
            let rest: Vec<&str> = parts.collect();
            assert!(name.starts_with("__Host-") && rest.contains(&"Path=/"), "{value}");
            for demanded in ["HttpOnly", "Secure", "SameSite=Lax"] {
                assert!(rest.contains(&demanded), "{value} lacks {demanded}");
            }
            if rest.contains(&"Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.cookies.borrow_mut().insert(name.to_owned(), kept.to_owned());
            }
        }
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }
}

/// A letter that came.
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) text: String,
    pub(crate) code: String,
}

impl Letter {
    /// What follows `name` in the link's fragment.
    pub(crate) fn token(&self, name: &str) -> String {
        let rest = self.text.split_once(&format!("?{name}=")).expect("a link").1;
        rest.split_whitespace().next().unwrap().to_owned()
    }
}

impl Market {
    pub(crate) fn open() -> Self {
        Self::of_mode("open")
    }

    pub(crate) fn of_mode(mode: &str) -> Self {
        let mut shop = Shop::empty();
        let text = str::to_owned;
        let mail = MailSettings {
            service: text("webhook"),
            from: text("Acme <hello@acme.example>"),
            token: text("a mail secret"),
            url: text("https://mail.acme.example/"),
            origin: text(ORIGIN),
        };
        shop.settings.mail = MailService::of(mail).unwrap();
        assert_eq!(shop.put_catalog("", &catalog(mode)).status, 200);
        let market = Self { shop, description: json!({}), read: Cell::new(0) };
        let description = market.get(&Browser::default(), "openapi.json").body;
        Self { description, ..market }
    }

    /// Sends a request below the API's root, with what the browser keeps, and holds the status against the description.
    pub(crate) fn send(&self, browser: &Browser, method: &str, path: &str, sent: &Sent<'_>) -> Got {
        let body = if sent.body.is_null() { Vec::new() } else { sent.body.to_string().into_bytes() };
        let (path, cookie) = (format!("/_farebox/v1/{path}"), browser.header());
        let bearer = sent.bearer.map(|key| format!("Bearer {key}"));
        let request = self.request(method, &path, sent, (&cookie, bearer.as_deref(), &body));
        let answer = self.shop.answer(request);
        browser.keep(&answer);
        self.got(method, &path, &answer)
    }

    pub(crate) fn request<'a>(
        &self,
        method: &'a str,
        path: &'a str,
        sent: &Sent<'a>,
        (cookie, authorization, body): (&'a str, Option<&'a str>, &'a [u8]),
    ) -> Request<'a> {
        let cookie = Some(cookie).filter(|cookie| !cookie.is_empty());
        let (idempotency_key, origin, address) = (sent.key, sent.origin, sent.address);
        let request = self.shop.request(method, path, body);
        let host = sent.host.unwrap_or(HOST);
        Request { authorization, cookie, idempotency_key, origin, address, host, ..request }
    }

    fn got(&self, method: &str, path: &str, answer: &Response) -> Got {
        let body = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        if let Some(paths) = self.description["paths"].as_object() {
            let below = path.trim_start_matches("/_farebox/v1").split('?').next().unwrap();
            let fits = |pattern: &&String| {
                let (have, want): (Vec<_>, Vec<_>) = (below.split('/').collect(), pattern.split('/').collect());
                have.len() == want.len()
                    && have.iter().zip(&want).all(|(have, want)| want.starts_with('{') || have == want)
            };
            let found = paths.keys().filter(fits).min_by_key(|pattern| pattern.matches('{').count());
            let described = found.map(|found| &paths[found][method.to_lowercase()]["responses"]);
            let is_described = described.is_some_and(|described| described.get(answer.status.to_string()).is_some());
            assert!(is_described, "{method} {path}: {} is not described: {body}", answer.status);
        }
        Got { status: answer.status, body }
    }

    pub(crate) fn get(&self, browser: &Browser, path: &str) -> Got {
        self.send(browser, "GET", path, &Sent::default())
    }

    pub(crate) fn post(&self, browser: &Browser, path: &str, body: Value) -> Got {
        self.send(browser, "POST", path, &sent(body))
    }

    /// Opens a way in as a browser does that another site leads there; gives where it leads on.
    pub(crate) fn led_on(&self, browser: &Browser, path: &str) -> String {
        let (path, cookie) = (format!("/_farebox/v1/{path}"), browser.header());
        let answer = self.shop.answer(self.request("GET", &path, &Sent::default(), (&cookie, None, b"")));
        browser.keep(&answer);
        self.got("GET", &path, &answer);
        assert_eq!(answer.status, 303, "{path}: {}", answer.body);
        let location = answer.headers.iter().find(|(name, _)| *name == "location");
        location.expect("it leads on").1.clone()
    }

    /// The letters that came since the last were read.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        let posted = self.shop.memory.posted();
        let new = posted[self.read.replace(posted.len())..].iter();
        new.map(|posted| {
            let body: Value = serde_json::from_str(&posted.body).unwrap();
            let text = body["data"]["text"].as_str().unwrap().to_owned();
            let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
            let code = text.lines().find(is_code).unwrap_or_default().to_owned();
            Letter { to: body["data"]["to"].as_str().unwrap().to_owned(), text, code }
        })
        .collect()
    }

    /// Asks for a letter, and gives it.
    pub(crate) fn ask(&self, browser: &Browser, email: &str) -> Letter {
        assert_eq!(self.post(browser, "sign-ins", json!({ "email": email })).status, 202);
        self.letters().pop().expect("a letter came")
    }

    /// A browser in which the person is signed in, and the person's account.
    pub(crate) fn sign_in(&self, email: &str) -> (Browser, String) {
        let browser = Browser::default();
        let letter = self.ask(&browser, email);
        let got = self.post(&browser, "sign-ins/finish", json!({ "code": letter.code }));
        assert_eq!(got.status, 200, "{}", got.body);
        let account = got.body["accounts"][0]["id"].as_str().unwrap_or_default().to_owned();
        (browser, account)
    }

    /// A member of `account` with this role, whom `owner` has invited.
    pub(crate) fn member(&self, owner: &Browser, account: &str, email: &str, role: &str) -> Browser {
        let path = format!("accounts/{account}/invitations");
        assert_eq!(self.post(owner, &path, json!({ "email": email, "role": role })).status, 201);
        let token = self.letters().pop().unwrap().token("invitation");
        let browser = Browser::default();
        assert_eq!(self.post(&browser, "sign-ins", json!({ "email": email, "invitation": token })).status, 202);
        let code = self.letters().pop().unwrap().code;
        assert_eq!(self.post(&browser, "sign-ins/finish", json!({ "code": code })).status, 200);
        browser
    }
}
