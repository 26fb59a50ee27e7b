//! Stripe (<https://docs.stripe.com/api>): what we ask of it, and what we read of its answers.
//!
//! Invariants: the key and the webhook's secrets are in no log, no error and no page. Every request that makes something carries
//! an `Idempotency-Key`. An id that goes into a URL was checked before.

mod reversals;
mod signature;

use farebox_core::{
    id::OrderId,
    money::Currency,
    payments::{
        Mode, Order, Payment, PaymentId, coins,
        transactions::{ACCOUNT, ORDER},
    },
    time::Timestamp,
};
use farebox_ports::{Fault, Web, WebAnswer, WebMethod, WebRequest};
use form_urlencoded::Serializer;
use serde_json::Value;

pub(super) use self::reversals::{Reversal, State};
use crate::http::failure::Failure;

/// What references and keys in the book name it by.
pub(super) const SERVICE: &str = "stripe";

/// The version of the API whose objects are read here.
const VERSION: &str = "2024-06-20";

/// Where the API is, unless a deployment for development says otherwise.
const API: &str = "https://api.stripe.com";

/// What a deployment sets for Stripe. Empty texts stand for what is not set.
#[derive(Debug, Clone, Default)]
pub struct StripeSettings {
    /// The secret key, or a restricted one.
    pub key: String,
    /// The secrets of the webhook's endpoint, with blanks between them: while one is replaced there are two.
    pub webhook_secrets: String,
    /// Where the API is; for development only.
    pub api: String,
}

/// How payments come in by Stripe.
#[derive(Clone)]
pub struct Stripe {
    key: String,
    secrets: Vec<String>,
    api: String,
    mode: Mode,
}

impl std::fmt::Debug for Stripe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(SERVICE)
    }
}

/// What an event is about, once its signature is good. Of its content no more is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// A Checkout Session, by its id.
    Session(String),
    /// A payment intent, by its id.
    Payment(String),
    /// A refund, by its id.
    Refund(String),
    /// A dispute, by its id.
    Dispute(String),
    /// Something in the mode that this deployment is not in.
    OtherMode,
    /// Nothing that is booked.
    Nothing,
}

/// What the service shows under an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found<T> {
    /// This.
    There(T),
    /// Nothing.
    Missing,
    /// Something that can be no payment of ours.
    Wrong(String),
}

/// A Checkout Session, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// The order that it names; `None` for one that was not made here.
    pub(super) order: Option<OrderId>,
    pub(super) is_paid: bool,
    pub(super) is_expired: bool,
    /// Whether it is over for the customer and no money came.
    pub(super) has_failed: bool,
    /// Its payment intent.
    pub(super) payment: Option<String>,
}

impl Stripe {
    /// What the deployment sets; `None` where it sets nothing. Only where it `is_development` the API may be elsewhere.
    ///
    /// # Errors
    /// What of the settings is missing or wrong, in words. Never says what a setting holds.
    pub fn of(settings: StripeSettings, is_development: bool) -> Result<Option<Self>, String> {
        let StripeSettings { key, webhook_secrets, api } = settings;
        let secrets: Vec<String> = webhook_secrets.split_whitespace().map(str::to_owned).collect();
        if key.is_empty() && secrets.is_empty() {
            return Ok(None);
        }
        if key.is_empty() || secrets.is_empty() {
            return Err("Stripe needs a key and the secret of its webhook's endpoint".to_owned());
        }
        let begins = |marks: [&str; 2]| marks.iter().any(|mark| key.starts_with(mark));
        let mode = match (begins(["sk_live_", "rk_live_"]), begins(["sk_test_", "rk_test_"])) {
            (true, _) => Mode::Live,
            (_, true) => Mode::Test,
            _ => return Err("Stripe's key begins with sk_ or rk_, and live_ or test_".to_owned()),
        };
        if !api.is_empty() && !is_development {
            return Err("Stripe's API is elsewhere in development only".to_owned());
        }
        let api = if api.is_empty() { API.to_owned() } else { api };
        Ok(Some(Self { key, secrets, api, mode }))
    }

    /// Whether money moves.
    pub(crate) const fn mode(&self) -> Mode {
        self.mode
    }

    /// What `body` tells, if `signature` is one of Stripe's over it and not older than five minutes at `now`.
    pub(super) fn verified(&self, signature: &str, body: &[u8], now: Timestamp) -> Option<Told> {
        if !self.secrets.iter().any(|secret| signature::is_good(secret, signature, body, now)) {
            return None;
        }
        let event: Value = serde_json::from_slice(body).ok()?;
        if event["livemode"].as_bool() != Some(self.mode == Mode::Live) {
            return Some(Told::OtherMode);
        }
        let object = event["data"]["object"]["id"].as_str().filter(|id| is_object(id)).map(str::to_owned);
        Some(match (event["type"].as_str()?, object) {
            (
                "checkout.session.completed"
                | "checkout.session.async_payment_succeeded"
                | "checkout.session.async_payment_failed"
                | "checkout.session.expired",
                Some(id),
            ) => Told::Session(id),
            ("payment_intent.succeeded", Some(id)) => Told::Payment(id),
            ("refund.created" | "refund.updated", Some(id)) => Told::Refund(id),
            (
                "charge.dispute.created"
                | "charge.dispute.funds_withdrawn"
                | "charge.dispute.funds_reinstated"
                | "charge.dispute.closed",
                Some(id),
            ) => Told::Dispute(id),
            _ => Told::Nothing,
        })
    }

    /// Makes the page where `order` is paid, or finds the one that was made for it. Gives its URL.
    pub(super) async fn checkout(
        &self,
        web: &impl Web,
        order: &Order,
        title: &str,
        origin: &str,
    ) -> Result<String, Failure> {
        let unit_amount = coins::coins(order.currency, order.amount).ok_or(Failure::PaymentCurrency(order.currency))?;
        let (id, account) = (order.id.as_str(), order.account.as_str());
        let offers = format!("{origin}/_farebox/portal/offers");
        let mut form = Serializer::new(String::new());
        form.append_pair("mode", "payment")
            .append_pair("client_reference_id", id)
            .append_pair("success_url", &format!("{offers}?order={id}"))
            .append_pair("cancel_url", &offers)
            .append_pair("expires_at", &order.until.seconds().to_string())
            .append_pair("line_items[0][quantity]", "1")
            .append_pair("line_items[0][price_data][currency]", &order.currency.as_str().to_lowercase())
            .append_pair("line_items[0][price_data][unit_amount]", &unit_amount.to_string())
            .append_pair("line_items[0][price_data][product_data][name]", title);
        for of in ["", "payment_intent_data"] {
            let name = |member: &str| {
                if of.is_empty() { format!("metadata[{member}]") } else { format!("{of}[metadata][{member}]") }
            };
            form.append_pair(&name(ORDER), id).append_pair(&name(ACCOUNT), account);
        }
        let answer = self.send(web, WebMethod::Post, "checkout/sessions", Some(id), &form.finish()).await?;
        let session = read(&answer)?;
        let url = session["url"].as_str().filter(|_| answer.status == 200).map(str::to_owned);
        url.ok_or_else(|| match (answer.status, session["error"]["message"].as_str()) {
            (400 | 402, Some(message)) => Failure::PaymentRefused(message.to_owned()),
            _ => fault(answer.status),
        })
    }

    /// A Checkout Session as it is now.
    pub(super) async fn session(&self, web: &impl Web, id: &str) -> Result<Found<Session>, Failure> {
        let Some(session) = self.object(web, &format!("checkout/sessions/{id}")).await? else {
            return Ok(Found::Missing);
        };
        let is = |name: &str, value: &str| session[name] == value;
        let order = session["client_reference_id"].as_str().filter(|_| session["metadata"][ORDER].is_string());
        let payment = session["payment_intent"].as_str().filter(|id| is_object(id)).map(str::to_owned);
        Ok(Found::There(Session {
            order: order.and_then(|order| order.parse().ok()),
            is_paid: is("payment_status", "paid"),
            is_expired: is("status", "expired"),
            has_failed: is("status", "complete")
                && is("payment_status", "unpaid")
                && self.has_failed(web, &payment).await?,
            payment,
        }))
    }

    /// Whether a payment intent waits for another method: the one that it had came to nothing.
    async fn has_failed(&self, web: &impl Web, payment: &Option<String>) -> Result<bool, Failure> {
        let Some(payment) = payment else { return Ok(false) };
        let intent = self.object(web, &format!("payment_intents/{payment}")).await?;
        Ok(intent.is_some_and(|intent| intent["status"] == "requires_payment_method" || intent["status"] == "canceled"))
    }

    /// A payment as it is now; `None` for one that was not made here, or that has not succeeded.
    pub(super) async fn payment(&self, web: &impl Web, id: &str) -> Result<Found<Option<Payment>>, Failure> {
        let path = format!("payment_intents/{id}?expand[0]=latest_charge");
        let Some(intent) = self.object(web, &path).await? else { return Ok(Found::Missing) };
        let Some(order) = intent["metadata"][ORDER].as_str().filter(|_| intent["status"] == "succeeded") else {
            return Ok(Found::There(None));
        };
        let wrong = |what: &str| Found::Wrong(format!("{id}: its {what} cannot be read"));
        let currency =
            intent["currency"].as_str().map(str::to_uppercase).and_then(|code| code.parse::<Currency>().ok());
        let Some(currency) = currency else { return Ok(wrong("currency")) };
        let amount = intent["amount_received"].as_i64().and_then(|coins| coins::micros(currency, coins));
        let Some(amount) = amount else { return Ok(wrong("amount")) };
        let account = intent["metadata"][ACCOUNT].as_str().and_then(|account| account.parse().ok());
        let (Ok(order), Some(account)) = (order.parse(), account) else { return Ok(wrong("order")) };
        let (Some(made), Some(is_live)) = (intent["latest_charge"]["created"].as_i64(), intent["livemode"].as_bool())
        else {
            return Ok(wrong("charge"));
        };
        let (made, id) = (Timestamp::from_millis(made.saturating_mul(1_000)), PaymentId(id.to_owned()));
        let mode = if is_live { Mode::Live } else { Mode::Test };
        Ok(Found::There(Some(Payment { id, order, account, mode, amount, currency, made })))
    }

    /// An object of the service's; `None` where it knows none by this id.
    async fn object(&self, web: &impl Web, path: &str) -> Result<Option<Value>, Failure> {
        let answer = self.send(web, WebMethod::Get, path, None, "").await?;
        match answer.status {
            200 => read(&answer).map(Some),
            404 => Ok(None),
            status => Err(fault(status)),
        }
    }

    async fn send(
        &self,
        web: &impl Web,
        method: WebMethod,
        path: &str,
        key: Option<&str>,
        body: &str,
    ) -> Result<WebAnswer, Failure> {
        let mut headers = vec![
            ("authorization", format!("Bearer {}", self.key)),
            ("stripe-version", VERSION.to_owned()),
            ("accept", "application/json".to_owned()),
        ];
        if let Some(key) = key {
            headers.push(("idempotency-key", key.to_owned()));
            headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
        }
        let url = format!("{}/v1/{path}", self.api);
        Ok(web.ask(&WebRequest { method, url: &url, headers: &headers, body }).await?)
    }
}

/// Whether a text may name an object of Stripe's, and stand in a path.
fn is_object(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn read(answer: &WebAnswer) -> Result<Value, Failure> {
    serde_json::from_str(&answer.body).map_err(|_| fault(answer.status))
}

/// What Stripe says of an error may name a part of the key, so that it goes nowhere.
fn fault(status: u16) -> Failure {
    Failure::Port(Fault::Unavailable { port: SERVICE, detail: format!("Stripe answered {status}") })
}
