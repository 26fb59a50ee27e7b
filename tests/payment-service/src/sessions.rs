//! Checkout Sessions (<https://docs.stripe.com/api/checkout/sessions>): what a customer pays on the hosted page.

use serde_json::{Value, json};

use crate::{
    Service, Wrong,
    form::{amount, expands},
    metadata,
};

/// How long a session is open where the request does not say: a day, as at Stripe. Half an hour is the least.
const DAY: i64 = 86_400;
const LEAST: i64 = 1_800;

/// How a customer pays on the hosted page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paying {
    /// The card is charged.
    Card,
    /// The bank says no; the customer may try again.
    Declined,
    /// A method that says later whether money came, such as a bank debit.
    Later,
}

impl Service {
    pub(crate) fn make_session(&mut self, given: &Value) -> Result<Value, Wrong> {
        if given["mode"] != "payment" {
            return Err(Wrong::request("only mode=payment is played here"));
        }
        let item = &given["line_items"]["0"];
        let price = &item["price_data"];
        let (Some(total), Some(currency)) = (amount(&price["unit_amount"]), price["currency"].as_str()) else {
            return Err(Wrong::request("line_items[0][price_data] needs unit_amount and currency"));
        };
        let name = price["product_data"]["name"].as_str().ok_or_else(|| Wrong::request("the item needs a name"))?;
        let success =
            given["success_url"].as_str().ok_or_else(|| Wrong::request("Missing required param: success_url"))?;
        let expires = match given["expires_at"].as_str().map(str::parse::<i64>) {
            None => self.now + DAY,
            Some(Ok(at)) if (self.now + LEAST..=self.now + DAY).contains(&at) => at,
            Some(_) => return Err(Wrong::request("expires_at must be between 30 minutes and 24 hours from now")),
        };
        let mode = if self.is_live() { "live" } else { "test" };
        let session = json!({
            "mode": "payment", "status": "open", "payment_status": "unpaid", "payment_intent": null,
            "amount_subtotal": total, "amount_total": total, "currency": currency.to_lowercase(), "expires_at": expires,
            "client_reference_id": given["client_reference_id"], "metadata": metadata(given), "customer": given["customer"],
            "customer_email": given["customer_email"], "success_url": success, "cancel_url": given["cancel_url"],
        });
        let id = self.make(&format!("cs_{mode}"), "checkout.session", session);
        let url = format!("{}/pay/{id}", self.origin);
        self.set(&id, json!({ "url": url }));
        // What the service keeps for itself, and shows on the page.
        let kept = json!({ "name": name, "intent": given["payment_intent_data"] });
        self.objects.insert(format!("kept {id}"), kept);
        self.object(&id).cloned()
    }

    pub(crate) fn session(&mut self, id: &str, given: &Value) -> Result<Value, Wrong> {
        self.expire_late(id);
        let mut session = self.object(id)?.clone();
        if let Some(intent) = session["payment_intent"].as_str().filter(|_| expands(given, "payment_intent")) {
            session["payment_intent"] = self.object(intent)?.clone();
        }
        Ok(session)
    }

    pub(crate) fn expire_session(&mut self, id: &str) -> Result<Value, Wrong> {
        if self.object(id)?["status"] != "open" {
            return Err(Wrong::request("only an open session expires"));
        }
        self.set(id, json!({ "status": "expired" }));
        self.tell("checkout.session.expired", id);
        self.object(id).cloned()
    }

    /// Ends a session whose time is over.
    fn expire_late(&mut self, id: &str) {
        let open = self.objects.get(id).filter(|session| session["status"] == "open");
        if open.and_then(|session| session["expires_at"].as_i64()).is_some_and(|until| until <= self.now) {
            self.set(id, json!({ "status": "expired" }));
            self.tell("checkout.session.expired", id);
        }
    }

    /// What the customer does on the hosted page at `now`. Says where the browser goes, or why it stays.
    ///
    /// # Errors
    /// The session is not open, or the card was declined.
    pub fn pay(&mut self, session: &str, paying: Paying, now: i64) -> Result<String, String> {
        self.now = now;
        self.expire_late(session);
        let Some(object) = self.objects.get(session).cloned() else { return Err("no such session".to_owned()) };
        if object["status"] != "open" {
            return Err("this session is over".to_owned());
        }
        if paying == Paying::Declined {
            return Err("Your card was declined.".to_owned());
        }
        let given = &self.objects[&format!("kept {session}")]["intent"];
        let intent = json!({
            "amount": object["amount_total"], "amount_received": 0, "currency": object["currency"], "status": "processing",
            "customer": object["customer"], "metadata": metadata(given), "latest_charge": null,
            "setup_future_usage": given["setup_future_usage"], "payment_method": "pm_card_visa", "last_payment_error": null,
        });
        let intent = self.make("pi", "payment_intent", intent);
        self.set(session, json!({ "status": "complete", "payment_intent": intent }));
        if paying == Paying::Card {
            self.charge(&intent);
            self.set(session, json!({ "payment_status": "paid" }));
            self.tell("payment_intent.succeeded", &intent);
        }
        self.tell("checkout.session.completed", session);
        let success = object["success_url"].as_str().unwrap_or_default();
        Ok(success.replace("{CHECKOUT_SESSION_ID}", session))
    }

    /// Says at `now` whether the money of a session that was paid by [`Paying::Later`] came.
    pub fn arrive(&mut self, session: &str, arrives: bool, now: i64) {
        self.now = now;
        let Some(intent) = self.objects.get(session).and_then(|it| it["payment_intent"].as_str()).map(str::to_owned)
        else {
            return;
        };
        if arrives {
            self.charge(&intent);
            self.set(session, json!({ "payment_status": "paid" }));
            self.tell("payment_intent.succeeded", &intent);
            self.tell("checkout.session.async_payment_succeeded", session);
        } else {
            self.set(&intent, json!({ "status": "requires_payment_method" }));
            self.tell("payment_intent.payment_failed", &intent);
            self.tell("checkout.session.async_payment_failed", session);
        }
    }
}
