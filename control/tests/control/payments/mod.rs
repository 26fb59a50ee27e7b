//! Payments: the real intake over the platform in memory, with a payment service that is a value.

mod checkouts;
mod histories;
mod invoices;
mod kills;
mod reconciliation;
mod reversals;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use farebox_control::{Request, Stripe, StripeSettings};
use farebox_ports::{Host, WebAnswer, WebMethod};
use payment_service::{Asked, Paying, Sent as Event, Service, signature};
use serde_json::{Value, json};

use crate::{
    admin::shop::Got,
    customer::market::{Browser, Market, Sent, sent},
};

/// Where the service tells what happened.
const INTAKE: &str = "/_farebox/payments/stripe";

/// The secret of the webhook's endpoint.
const SECRET: &str = "whsec_none";

/// A provider whose customers pay by a payment service, and one of them.
pub(crate) struct Till {
    pub(crate) market: Market,
    pub(crate) owner: Browser,
    pub(crate) account: String,
    service: Rc<RefCell<Service>>,
    /// Whether the service answers.
    is_up: Rc<Cell<bool>>,
}

/// How payments are set up.
fn stripe(key: &str, webhook_secrets: &str) -> Option<Stripe> {
    let settings =
        StripeSettings { key: key.to_owned(), webhook_secrets: webhook_secrets.to_owned(), api: String::new() };
    Stripe::of(settings, false).unwrap()
}

impl Till {
    pub(crate) fn open() -> Self {
        let mut market = Market::open();
        market.shop.settings.payments = stripe("sk_live_none", SECRET);
        let service = Rc::new(RefCell::new(Service::new("sk_live_none", "https://pay.example")));
        let is_up = Rc::new(Cell::new(true));
        let (owner, account) = market.sign_in("owner@example.com");
        let (asked_of, up, memory) = (Rc::clone(&service), Rc::clone(&is_up), market.shop.memory.clone());
        market.shop.memory.answer_asked(move |request| {
            let header =
                |name: &str| request.headers.iter().find(|(have, _)| *have == name).map(|(_, value)| value.as_str());
            let asked = Asked {
                method: match request.method {
                    WebMethod::Get => "GET",
                    WebMethod::Post => "POST",
                },
                target: request.url.strip_prefix("https://api.stripe.com")?,
                authorization: header("authorization"),
                idempotency_key: header("idempotency-key"),
                body: request.body,
            };
            let answer = asked_of.borrow_mut().answer(&asked, memory.now().seconds());
            up.get().then_some(WebAnswer { status: answer.status, body: answer.body })
        });
        Self { market, owner, account, service, is_up }
    }

    fn now(&self) -> i64 {
        self.market.shop.memory.now().seconds()
    }

    fn of(&self, path: &str) -> String {
        format!("accounts/{}/{path}", self.account)
    }

    fn check_out(&self, key: &str, wanted: Value) -> Got {
        self.market.send(&self.owner, "POST", &self.of("checkouts"), &Sent { key: Some(key), ..sent(wanted) })
    }

    /// Begins a checkout: the order, and the service's session.
    fn order(&self, key: &str, wanted: Value) -> (String, String) {
        let got = self.check_out(key, wanted);
        assert_eq!(got.status, 201, "{}", got.body);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&got.body["order"]["id"]), text(&got.body["url"]).rsplit('/').next().unwrap().to_owned())
    }

    fn pay(&self, session: &str, paying: Paying) -> Result<String, String> {
        self.service.borrow_mut().pay(session, paying, self.now())
    }

    fn events(&self) -> Vec<Event> {
        self.service.borrow_mut().take_events()
    }

    /// Tells of an event, with this signature.
    fn tell_signed(&self, body: &str, signature: &str) -> Got {
        let request = self.market.shop.request("POST", INTAKE, body.as_bytes());
        self.market.shop.send(Request { authorization: None, stripe_signature: Some(signature), ..request })
    }

    /// Tells of an event as the service does.
    fn tell(&self, event: &Event) -> Got {
        self.tell_signed(&event.body, &signature(SECRET, self.now(), &event.body))
    }

    /// Pays for a recharge as `owner`, and gives the id of its invoice.
    pub(crate) fn pay_for_invoice(&self, owner: &Browser) -> String {
        let said = Sent { key: Some("for an invoice"), ..sent(recharge("1.00")) };
        let url = self.market.send(owner, "POST", &self.of("checkouts"), &said).body["url"].clone();
        self.pay(url.as_str().unwrap().rsplit('/').next().unwrap(), Paying::Card).unwrap();
        self.events().iter().for_each(|event| assert_eq!(self.tell(event).status, 200));
        let made = self.market.get(owner, &self.of("invoices")).body;
        made["items"][0]["id"].as_str().unwrap().to_owned()
    }

    fn balance(&self) -> String {
        self.market.get(&self.owner, &self.of("balance")).body["balance"].as_str().unwrap().to_owned()
    }

    fn status(&self, order: &str) -> Value {
        self.market.get(&self.owner, &self.of(&format!("orders/{order}"))).body["status"].clone()
    }

    /// What was booked of payments: the reference and amount of each.
    fn booked(&self) -> Vec<(String, String)> {
        let entries = self.market.get(&self.owner, &self.of("entries?limit=100")).body;
        let entries = entries["items"].as_array().unwrap().iter();
        let recharged = entries.filter_map(|entry| entry["event"].get("recharged"));
        recharged
            .map(|it| {
                (it["reference"].as_str().unwrap_or_default().to_owned(), it["amount"].as_str().unwrap().to_owned())
            })
            .collect()
    }
}

fn recharge(amount: &str) -> Value {
    json!({ "amount": amount })
}

fn package() -> Value {
    json!({ "product": "echo", "package": "echo-100" })
}
